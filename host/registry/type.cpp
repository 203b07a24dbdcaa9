#include "host/registry/type.hpp"

#include "host/registry/suggest.hpp"

#include <soho/wire/frame.hpp>
#include <soho/wire/message.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>
#include <bit>
#include <cstring>

namespace soho::host {

namespace {

constexpr std::uint32_t critical_bits = 0xffff0000u;

tl::unexpected<Error> bad(std::string why) { return refuse(Code::bad_arguments, std::move(why)); }

// What ABI 1 began with: up to these fields every plugin's structs go. Later ones are appended, and zero where they lack.
template <class T>
constexpr std::size_t first_size = 0;
template <>
constexpr std::size_t first_size<soho_text> = offsetof(soho_text, size) + sizeof(soho_text::size);
template <>
constexpr std::size_t first_size<soho_parameter> = offsetof(soho_parameter, class_key) +
                                                   sizeof(soho_parameter::class_key);
template <>
constexpr std::size_t first_size<soho_method> = offsetof(soho_method, invoke) + sizeof(soho_method::invoke);
template <>
constexpr std::size_t first_size<soho_mapping> = offsetof(soho_mapping, type_id) + sizeof(soho_mapping::type_id);
template <>
constexpr std::size_t first_size<soho_type> = offsetof(soho_type, create) + sizeof(soho_type::create);
template <>
constexpr std::size_t first_size<soho_state> = offsetof(soho_state, types) + sizeof(soho_state::types);
template <>
constexpr std::size_t first_size<soho_state_type> = offsetof(soho_state_type, load) + sizeof(soho_state_type::load);

// An element of a table as this host knows it: what the plugin's element lacks is zero, what it has in addition is left out.
template <class T>
T element(const soho_array& array, std::uint32_t index) {
    const auto* at = static_cast<const char*>(array.items) + std::size_t{index} * array.stride;
    T copy{};
    std::memcpy(&copy, at, std::min<std::size_t>(sizeof(T), array.stride));
    return copy;
}

template <class T>
Result<void> check_array(const soho_array& array, const char* what) {
    if (array.count == 0) return {};
    if (array.items == nullptr) return bad(fmt::format("{} {} at a null address", array.count, what));
    if (array.stride < first_size<T>)
        return bad(fmt::format("{} of {} bytes each, ABI {} has {}", what, array.stride, SOHO_ABI, first_size<T>));
    if constexpr (!std::is_same_v<T, soho_text>) {
        for (std::uint32_t i = 0; i < array.count; ++i) {
            if (const auto size = element<T>(array, i).size; size < first_size<T>) {
                return bad(fmt::format("{} number {} says its size is {} bytes, ABI {} has {}", what, i + 1, size,
                                       SOHO_ABI, first_size<T>));
            }
        }
    }
    return {};
}

Result<void> check_flags(std::uint32_t flags, std::uint32_t known, std::string_view what) {
    const std::uint32_t unknown = flags & critical_bits & ~known;
    if (unknown == 0) return {};
    return bad(fmt::format(
        "{} has the critical flags {:#x}, which this host does not know: use a newer host, or build without them", what,
        unknown));
}

Result<Parameter> copy_parameter(const soho_parameter& from) {
    Parameter parameter;
    parameter.name = text_of(from.name);
    parameter.type = text_of(from.type);
    parameter.doc = text_of(from.doc);
    parameter.flags = from.flags;
    parameter.class_key = from.class_key;
    if (const char* why = parameter.name.empty() ? nullptr : wire::identifier_mismatch(parameter.name)) {
        return bad(fmt::format("parameter \"{}\": {}", parameter.name, why));
    }
    if (auto known = check_flags(from.flags, SOHO_PARAMETER_OBJECT | SOHO_PARAMETER_EXCLUSIVE,
                                 fmt::format("parameter \"{}\"", parameter.name));
        !known) {
        return tl::unexpected<Error>(known.error());
    }
    if (parameter.optional()) {
        const data::Bytes bytes(from.default_value.data, static_cast<std::size_t>(from.default_value.size));
        if (auto value = wire::check_value(bytes, {}); !value) {
            return bad(fmt::format("the default of parameter \"{}\" is not MessagePack: {}", parameter.name,
                                   value.error().text));
        }
        parameter.default_value = data::as_text(bytes);
    }
    return parameter;
}

Result<Signature> copy_signature(const soho_array& parameters) {
    if (auto sound = check_array<soho_parameter>(parameters, "parameters"); !sound)
        return tl::unexpected<Error>(sound.error());
    Signature signature;
    bool optional_seen = false;
    for (std::uint32_t i = 0; i < parameters.count; ++i) {
        const auto from = element<soho_parameter>(parameters, i);
        auto parameter = copy_parameter(from);
        if (!parameter) return tl::unexpected<Error>(parameter.error());
        if ((from.flags & SOHO_PARAMETER_KWARGS) != 0) {
            signature.kwargs_name = parameter->name.empty() ? "kwargs" : parameter->name;
            if (i + 1 != parameters.count) return bad("a parameter behind the one that takes further keywords");
        } else if ((from.flags & SOHO_PARAMETER_ARGS) != 0) {
            if (!signature.args_name.empty()) return bad("two parameters that take further arguments");
            signature.args_name = parameter->name.empty() ? "args" : parameter->name;
        } else {
            if (!signature.args_name.empty()) return bad("a parameter behind the one that takes further arguments");
            if (optional_seen && !parameter->optional())
                return bad(fmt::format("parameter \"{}\" without a default behind one that has one", parameter->name));
            const auto same_name = [&](const Parameter& p) { return !p.name.empty() && p.name == parameter->name; };
            if (std::any_of(signature.parameters.begin(), signature.parameters.end(), same_name)) {
                return bad(fmt::format("two parameters named \"{}\"", parameter->name));
            }
            optional_seen |= parameter->optional();
            signature.required += !parameter->optional();
            signature.takes_objects |= parameter->object();
            signature.parameters.push_back(*std::move(parameter));
        }
    }
    return signature;
}

Result<void> copy_method(const soho_method& from, Type& type) {
    const auto name = text_of(from.name);
    const auto bad_method = [&](std::string_view why) {
        return bad(fmt::format("method \"{}\" of type {}: {}", name, type.local_id, why));
    };
    if (const char* why = wire::identifier_mismatch(name)) return bad_method(why);
    if (from.invoke == nullptr) return bad_method("its invoke is null");
    if (std::any_of(type.methods.begin(), type.methods.end(), [&](const Method& m) { return m.name == name; }))
        return bad_method("registered twice");
    if (auto known = check_flags(from.flags, SOHO_METHOD_BLOCKING, "it"); !known) return bad_method(known.error().text);
    auto signature = copy_signature(from.parameters);
    if (!signature) return bad_method(signature.error().text);

    Method& method = type.methods.emplace_back();
    method.name = name;
    method.doc = text_of(from.doc);
    method.returns = text_of(from.returns);
    method.flags = from.flags;
    method.signature = *std::move(signature);
    method.context = from.context;
    method.invoke = from.invoke;
    method.on_pool = (from.flags & SOHO_METHOD_BLOCKING) != 0;
    return {};
}

std::vector<std::string_view> names_of(const std::deque<Method>& methods) {
    std::vector<std::string_view> names;
    for (const Method& method : methods) names.push_back(method.name);
    return names;
}

Result<void> link_exposed(PendingType& pending) {
    Type& type = pending.type;
    if (!pending.exposed_given) {
        for (const Method& method : type.methods) {
            if (method.name.front() != '_') pending.exposed.push_back(method.name);
        }
    }
    for (const auto& name : pending.exposed) {
        const auto method =
            std::find_if(type.methods.begin(), type.methods.end(), [&](const Method& m) { return m.name == name; });
        if (method == type.methods.end()) {
            return bad(fmt::format("type {} exposes \"{}\", which is no method of {}{}", type.local_id, name,
                                   type.class_name, suggestion(name, names_of(type.methods))));
        }
        type.exposed.add(*method);
    }
    std::sort(pending.exposed.begin(), pending.exposed.end());
    pending.exposed.erase(std::unique(pending.exposed.begin(), pending.exposed.end()), pending.exposed.end());
    type.exposed_text = pending.exposed.empty() ? "nothing" : fmt::format("{}", fmt::join(pending.exposed, ", "));
    return {};
}

Result<void> link_mappings(PendingType& pending, const std::vector<std::unique_ptr<PendingType>>& all) {
    Type& type = pending.type;
    for (const auto& mapping : pending.mappings) {
        const auto bad_mapping = [&](std::string_view why) {
            return bad(fmt::format("type {} maps method \"{}\" to typeid \"{}\", but {}", type.local_id, mapping.method,
                                   mapping.type_id, why));
        };
        const auto method = std::find_if(type.methods.begin(), type.methods.end(),
                                         [&](const Method& m) { return m.name == mapping.method; });
        if (method == type.methods.end())
            return bad_mapping(fmt::format("{} has no such method{}", type.class_name,
                                           suggestion(mapping.method, names_of(type.methods))));
        if (type.find(mapping.method) == nullptr)
            return bad_mapping(fmt::format("it does not expose that method (exposed: {})", type.exposed_text));
        if (method->returns_type != nullptr)
            return bad_mapping(fmt::format("it is mapped to \"{}\" already", method->returns_type->local_id));
        const auto target =
            std::find_if(all.begin(), all.end(), [&](const auto& p) { return p->type.local_id == mapping.type_id; });
        if (target == all.end()) {
            std::vector<std::string_view> known;
            for (const auto& p : all) known.push_back(p->type.local_id);
            return bad_mapping(fmt::format("this plugin registers no such type{}", suggestion(mapping.type_id, known)));
        }
        if (mapping.through_callable && (*target)->type.create == nullptr)
            return bad_mapping("that type has no callable to take the result");
        method->returns_type = &(*target)->type;
        method->through_callable = mapping.through_callable;
    }
    return {};
}

}  // namespace

std::string Signature::text() const {
    std::string text = "(";
    const auto add = [&](std::string_view prefix, std::string_view name) {
        fmt::format_to(std::back_inserter(text), "{}{}{}", text.size() == 1 ? "" : ", ", prefix, name);
    };
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        add("", parameters[i].name.empty() ? fmt::format("arg{}", i + 1) : parameters[i].name);
        if (parameters[i].optional()) text += "=…";
    }
    if (!args_name.empty()) add("*", args_name);
    if (!kwargs_name.empty()) add("**", kwargs_name);
    return text + ")";
}

void ExposedMethods::add(const Method& method) {
    if (find(method.name) != nullptr) return;
    all_.insert(std::upper_bound(all_.begin(), all_.end(), &method,
                                 [](const Method* a, const Method* b) { return a->name < b->name; }),
                &method);
    const auto place = [this](const Method* each) {
        std::size_t at = hash(each->name) & (slots_.size() - 1);
        while (slots_[at] != nullptr) at = (at + 1) & (slots_.size() - 1);
        slots_[at] = each;
    };
    if (all_.size() * 2 <= slots_.size()) return place(&method);
    slots_.assign(std::bit_ceil(all_.size() * 2), nullptr);
    for (const Method* each : all_) place(each);
}

Error Type::no_method(std::string_view method) const {
    std::vector<std::string_view> known;
    // A method that is only not exposed was no slip: another would be no better.
    if (std::none_of(methods.begin(), methods.end(), [&](const Method& each) { return each.name == method; })) {
        for (const Method* each : exposed.all()) known.push_back(each->name);
    }
    return Error(Code::no_method, fmt::format("type {} exposes no method \"{}\" (exposed: {}){}", type_id, method,
                                              exposed_text, suggestion(method, known)));
}

Result<std::unique_ptr<PendingType>> copy_type(const soho_type& from) {
    if (from.size < first_size<soho_type>) {
        return bad(
            fmt::format("a type says its size is {} bytes, ABI {} has {}", from.size, SOHO_ABI, first_size<soho_type>));
    }
    soho_type given{};
    std::memcpy(&given, &from, std::min<std::size_t>(sizeof given, from.size));
    auto pending = std::make_unique<PendingType>();
    Type& type = pending->type;
    type.local_id = type.type_id = text_of(given.type_id);
    const auto bad_type = [&](std::string_view why) { return bad(fmt::format("type \"{}\": {}", type.local_id, why)); };
    if (const char* why = wire::name_mismatch(type.local_id)) return bad_type(why);
    constexpr std::uint32_t known_flags = SOHO_TYPE_BLOCKING | SOHO_TYPE_PER_PLUGIN;
    if (auto known = check_flags(given.flags, known_flags, "it"); !known) return bad_type(known.error().text);
    if (given.class_key == nullptr) return bad_type("its class_key is null");

    type.proxytype = given.proxytype.size == 0 ? "AutoProxy" : text_of(given.proxytype);
    if (const char* why = wire::identifier_mismatch(type.proxytype))
        return bad_type(fmt::format("proxytype \"{}\": {}", type.proxytype, why));
    type.doc = text_of(given.doc);
    type.class_name = given.class_name.size == 0 ? type.local_id : std::string(text_of(given.class_name));
    type.flags = given.flags;
    type.version_major = given.version_major;
    type.version_minor = given.version_minor;
    type.class_key = given.class_key;
    type.context = given.context;
    type.create = given.create;

    auto signature = copy_signature(given.parameters);
    if (!signature) return bad_type(fmt::format("its callable: {}", signature.error().text));
    type.signature = *std::move(signature);

    if (auto sound = check_array<soho_method>(given.methods, "methods"); !sound) return bad_type(sound.error().text);
    for (std::uint32_t i = 0; i < given.methods.count; ++i) {
        if (auto copied = copy_method(element<soho_method>(given.methods, i), type); !copied)
            return tl::unexpected<Error>(copied.error());
    }
    if (auto sound = check_array<soho_text>(given.exposed, "exposed names"); !sound)
        return bad_type(sound.error().text);
    pending->exposed_given = (given.flags & SOHO_TYPE_EXPOSED) != 0;
    for (std::uint32_t i = 0; pending->exposed_given && i < given.exposed.count; ++i) {
        pending->exposed.emplace_back(text_of(element<soho_text>(given.exposed, i)));
    }
    if (auto sound = check_array<soho_mapping>(given.method_to_typeid, "mappings"); !sound)
        return bad_type(sound.error().text);
    for (std::uint32_t i = 0; i < given.method_to_typeid.count; ++i) {
        const auto mapping = element<soho_mapping>(given.method_to_typeid, i);
        if (auto known = check_flags(mapping.flags, SOHO_MAPPING_SOURCE, "a mapping"); !known)
            return bad_type(known.error().text);
        pending->mappings.push_back({std::string(text_of(mapping.method)), std::string(text_of(mapping.type_id)),
                                     (mapping.flags & SOHO_MAPPING_SOURCE) != 0});
    }
    return pending;
}

Result<void> add_state(const soho_state& given, const std::vector<std::unique_ptr<PendingType>>& types) {
    const auto bad_state = [](std::string_view why) { return bad(fmt::format("its table {}: {}", SOHO_STATE, why)); };
    if (given.size < first_size<soho_state>)
        return bad_state(
            fmt::format("it says its size is {} bytes, ABI {} has {}", given.size, SOHO_ABI, first_size<soho_state>));
    if (auto sound = check_array<soho_state_type>(given.types, "types"); !sound) return bad_state(sound.error().text);
    for (std::uint32_t i = 0; i < given.types.count; ++i) {
        const auto from = element<soho_state_type>(given.types, i);
        const std::string_view id = text_of(from.type_id);
        const auto bad_type = [&](std::string_view why) { return bad_state(fmt::format("type \"{}\": {}", id, why)); };
        const auto found =
            std::find_if(types.begin(), types.end(), [&](const auto& type) { return type->type.local_id == id; });
        if (found == types.end()) {
            std::vector<std::string_view> known;
            for (const auto& type : types) known.push_back(type->type.local_id);
            return bad_type(fmt::format("this plugin registers no such type{}", suggestion(id, known)));
        }
        if ((*found)->type.state) return bad_type("it is there twice");
        if (auto known = check_flags(from.flags, 0, "it"); !known) return bad_type(known.error().text);
        if (from.save == nullptr) return bad_type("its save is null");
        if (from.load == nullptr) return bad_type("its load is null");
        (*found)->type.state = {from.version, from.context, from.save, from.load};
    }
    return {};
}

Result<std::vector<TypePtr>> link_types(std::vector<std::unique_ptr<PendingType>> pending) {
    for (const auto& type : pending) {
        if (auto linked = link_exposed(*type); !linked) return tl::unexpected<Error>(linked.error());
    }
    for (const auto& type : pending) {
        if (auto linked = link_mappings(*type, pending); !linked) return tl::unexpected<Error>(linked.error());
    }
    auto block = std::make_shared<std::vector<std::unique_ptr<PendingType>>>(std::move(pending));
    std::vector<TypePtr> types;
    for (const auto& type : *block) {
        types.emplace_back(block, &type->type);
        type->type.self = types.back();
        for (Method& method : type->type.methods) method.type = &type->type;
    }
    return types;
}

}  // namespace soho::host
