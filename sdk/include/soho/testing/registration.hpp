#pragma once
// `load`, as the host sees it: the types are copied and checked one by one, then linked. All or nothing. Everything here
// refuses by throwing LoadError with the host's sentence.

#include <soho/testing/type.hpp>

#include <cstddef>
#include <cstring>

namespace soho::testing::detail {

// What ABI 1 began with: up to these fields every plugin's structs go.
template <class T>
constexpr std::size_t first_size = 0;
template <>
inline constexpr std::size_t first_size<soho_text> = offsetof(soho_text, size) + sizeof(soho_text::size);
template <>
inline constexpr std::size_t first_size<soho_parameter> = offsetof(soho_parameter, class_key) +
                                                          sizeof(soho_parameter::class_key);
template <>
inline constexpr std::size_t first_size<soho_method> = offsetof(soho_method, invoke) + sizeof(soho_method::invoke);
template <>
inline constexpr std::size_t first_size<soho_mapping> = offsetof(soho_mapping, type_id) + sizeof(soho_mapping::type_id);
template <>
inline constexpr std::size_t first_size<soho_type> = offsetof(soho_type, create) + sizeof(soho_type::create);
template <>
inline constexpr std::size_t first_size<soho_state> = offsetof(soho_state, types) + sizeof(soho_state::types);
template <>
inline constexpr std::size_t first_size<soho_state_type> = offsetof(soho_state_type, load) +
                                                           sizeof(soho_state_type::load);

// An element of a table: what the plugin's element lacks is zero, what it has in addition is left out.
template <class T>
T element(const soho_array& array, std::uint32_t index) {
    T copy{};
    std::memcpy(&copy, static_cast<const char*>(array.items) + std::size_t{index} * array.stride,
                std::min<std::size_t>(sizeof(T), array.stride));
    return copy;
}

template <class T>
std::vector<T> elements(const soho_array& array, const std::string& what) {
    std::vector<T> copies;
    if (array.count == 0) return copies;
    if (array.items == nullptr) throw LoadError(std::to_string(array.count) + " " + what + " at a null address");
    if (array.stride < first_size<T>)
        throw LoadError(what + " of " + std::to_string(array.stride) + " bytes each, ABI " + std::to_string(SOHO_ABI) +
                        " has " + std::to_string(first_size<T>));
    for (std::uint32_t i = 0; i != array.count; ++i) {
        copies.push_back(element<T>(array, i));
        if constexpr (!std::is_same_v<T, soho_text>) {
            if (const auto size = copies.back().size; size < first_size<T>)
                throw LoadError(what + " number " + std::to_string(i + 1) + " says its size is " +
                                std::to_string(size) + " bytes, ABI " + std::to_string(SOHO_ABI) + " has " +
                                std::to_string(first_size<T>));
        }
    }
    return copies;
}

inline void check_flags(std::uint32_t flags, std::uint32_t known, const std::string& what) {
    const std::uint32_t unknown = flags & 0xffff0000u & ~known;
    if (unknown == 0) return;
    std::string hex;
    for (std::uint32_t rest = unknown; rest != 0; rest /= 16) hex.insert(hex.begin(), "0123456789abcdef"[rest % 16]);
    throw LoadError(what + " has the critical flags 0x" + hex +
                    ", which this host does not know: use a newer host, or build without them");
}

// One whole value, well formed all the way down. The sentence that says why not, or nothing.
inline std::string value_mismatch(data::Bytes bytes) {
    try {
        static_cast<void>(data::decode<Value>(bytes));
        return {};
    } catch (const data::DecodeError& error) {
        return error.what();
    }
}

inline Parameter copy_parameter(const soho_parameter& from) {
    Parameter parameter{text_of(from.name), text_of(from.type), text_of(from.doc), {}, from.flags, from.class_key};
    const std::string what = "parameter " + in_quotes(parameter.name);
    if (const char* why = parameter.name.empty() ? nullptr : identifier_mismatch(parameter.name))
        throw LoadError(what + ": " + why);
    check_flags(from.flags, SOHO_PARAMETER_OBJECT | SOHO_PARAMETER_EXCLUSIVE, what);
    if (!parameter.optional()) return parameter;
    const data::Bytes bytes = sdk::detail::from_abi(from.default_value);
    if (const std::string why = value_mismatch(bytes); !why.empty())
        throw LoadError("the default of " + what + " is not MessagePack: " + why);
    parameter.default_value = data::as_text(bytes);
    return parameter;
}

inline void add_parameter(Signature& signature, Parameter parameter) {
    if (!signature.args_name.empty()) throw LoadError("a parameter behind the one that takes further arguments");
    const bool optional_seen = signature.required != signature.parameters.size();
    if (optional_seen && !parameter.optional())
        throw LoadError("parameter " + in_quotes(parameter.name) + " without a default behind one that has one");
    for (const Parameter& other : signature.parameters) {
        if (!other.name.empty() && other.name == parameter.name)
            throw LoadError("two parameters named " + in_quotes(parameter.name));
    }
    signature.required += parameter.optional() ? 0 : 1;
    signature.parameters.push_back(std::move(parameter));
}

inline Signature copy_signature(const soho_array& array) {
    Signature signature;
    const auto parameters = elements<soho_parameter>(array, "parameters");
    for (std::size_t i = 0; i != parameters.size(); ++i) {
        Parameter parameter = copy_parameter(parameters[i]);
        if ((parameter.flags & SOHO_PARAMETER_KWARGS) != 0) {
            signature.kwargs_name = parameter.name.empty() ? "kwargs" : parameter.name;
            if (i + 1 != parameters.size()) throw LoadError("a parameter behind the one that takes further keywords");
        } else if ((parameter.flags & SOHO_PARAMETER_ARGS) != 0) {
            if (!signature.args_name.empty()) throw LoadError("two parameters that take further arguments");
            signature.args_name = parameter.name.empty() ? "args" : parameter.name;
        } else {
            add_parameter(signature, std::move(parameter));
        }
    }
    return signature;
}

inline void copy_method(const soho_method& from, Type& type) try {
    const std::string name = text_of(from.name);
    if (const char* why = identifier_mismatch(name)) throw LoadError(why);
    if (from.invoke == nullptr) throw LoadError("its invoke is null");
    if (type.registered(name) != nullptr) throw LoadError("registered twice");
    check_flags(from.flags, SOHO_METHOD_BLOCKING, "it");
    Signature signature = copy_signature(from.parameters);
    Method& method = type.methods.emplace_back();
    method.name = name;
    method.doc = text_of(from.doc);
    method.returns = text_of(from.returns);
    method.flags = from.flags;
    method.signature = std::move(signature);
    method.context = from.context;
    method.invoke = from.invoke;
} catch (const LoadError& error) {
    throw LoadError("method " + in_quotes(text_of(from.name)) + " of type " + type.type_id + ": " + error.what());
}

inline void copy_callable(const soho_type& from, Type& type) try {
    type.context = from.context;
    type.create = from.create;
    type.signature = copy_signature(from.parameters);
} catch (const LoadError& error) {
    throw LoadError(std::string("its callable: ") + error.what());
}

inline void copy_header(const soho_type& from, Type& type) {
    if (const char* why = name_mismatch(type.type_id)) throw LoadError(why);
    check_flags(from.flags, SOHO_TYPE_BLOCKING | SOHO_TYPE_PER_PLUGIN, "it");
    if (from.class_key == nullptr) throw LoadError("its class_key is null");
    type.proxytype = from.proxytype.size == 0 ? "AutoProxy" : text_of(from.proxytype);
    if (const char* why = identifier_mismatch(type.proxytype))
        throw LoadError("proxytype " + in_quotes(type.proxytype) + ": " + why);
    type.doc = text_of(from.doc);
    type.class_name = from.class_name.size == 0 ? type.type_id : text_of(from.class_name);
    type.flags = from.flags;
    type.version_major = from.version_major;
    type.version_minor = from.version_minor;
    type.class_key = from.class_key;
}

inline void copy_lists(const soho_type& from, Type& type) {
    if ((from.flags & SOHO_TYPE_EXPOSED) != 0) {
        for (const soho_text& name : elements<soho_text>(from.exposed, "exposed names"))
            type.exposed.push_back(text_of(name));
    } else {
        for (const Method& method : type.methods) {
            if (method.name.front() != '_') type.exposed.push_back(method.name);
        }
    }
    for (const soho_mapping& mapping : elements<soho_mapping>(from.method_to_typeid, "mappings")) {
        check_flags(mapping.flags, SOHO_MAPPING_SOURCE, "a mapping");
        type.mappings.push_back(
            {text_of(mapping.method), text_of(mapping.type_id), (mapping.flags & SOHO_MAPPING_SOURCE) != 0});
    }
}

inline TypePtr copy_type(const soho_type& given) {
    if (given.size < first_size<soho_type>)
        throw LoadError("a type says its size is " + std::to_string(given.size) + " bytes, ABI " +
                        std::to_string(SOHO_ABI) + " has " + std::to_string(first_size<soho_type>));
    soho_type from{};
    std::memcpy(&from, &given, std::min<std::size_t>(sizeof from, given.size));
    auto type = std::make_unique<Type>();
    type->type_id = text_of(from.type_id);
    const auto in_type = [&](const auto& copy) {
        try {
            copy(from, *type);
        } catch (const LoadError& error) {
            throw LoadError("type " + in_quotes(type->type_id) + ": " + error.what());
        }
    };
    in_type(copy_header);
    in_type(copy_callable);
    std::vector<soho_method> methods;
    in_type([&](const soho_type& t, Type&) { methods = elements<soho_method>(t.methods, "methods"); });
    for (const soho_method& method : methods) copy_method(method, *type);
    in_type(copy_lists);
    return type;
}

// ---- when all are known

inline void link_exposed(Type& type) {
    for (const std::string& name : type.exposed) {
        if (type.registered(name) == nullptr)
            throw LoadError("type " + type.type_id + " exposes " + in_quotes(name) + ", which is no method of " +
                            type.class_name + suggestion(name, type.method_names()));
    }
    std::sort(type.exposed.begin(), type.exposed.end());
    type.exposed.erase(std::unique(type.exposed.begin(), type.exposed.end()), type.exposed.end());
}

inline void link_mapping(Type& type, const Mapping& mapping, const std::vector<TypePtr>& all) {
    const auto refuse = [&](const std::string& why) {
        throw LoadError("type " + type.type_id + " maps method " + in_quotes(mapping.method) + " to typeid " +
                        in_quotes(mapping.type_id) + ", but " + why);
    };
    Method* const method = type.registered(mapping.method);
    if (method == nullptr)
        refuse(type.class_name + " has no such method" + suggestion(mapping.method, type.method_names()));
    if (type.find(mapping.method) == nullptr)
        refuse("it does not expose that method (exposed: " + type.exposed_text() + ")");
    if (method->returns_type != nullptr)
        refuse("it is mapped to " + in_quotes(method->returns_type->type_id) + " already");
    std::vector<std::string> known;
    for (const TypePtr& target : all) {
        known.push_back(target->type_id);
        if (target->type_id == mapping.type_id) method->returns_type = target.get();
    }
    if (method->returns_type == nullptr)
        refuse("this plugin registers no such type" + suggestion(mapping.type_id, known));
    if (mapping.through_callable && method->returns_type->create == nullptr)
        refuse("that type has no callable to take the result");
    method->through_callable = mapping.through_callable;
}

inline void link_types(const std::vector<TypePtr>& types) {
    for (const TypePtr& type : types) link_exposed(*type);
    for (const TypePtr& type : types) {
        for (const Mapping& mapping : type->mappings) link_mapping(*type, mapping, types);
    }
}

// ---- what the plugin's table soho.state/1 says of them

inline void add_state(const soho_state_type& from, const std::vector<TypePtr>& types) {
    Type* type = nullptr;
    std::vector<std::string> known;
    for (const TypePtr& other : types) {
        known.push_back(other->type_id);
        if (other->type_id == text_of(from.type_id)) type = other.get();
    }
    if (type == nullptr)
        throw LoadError("this plugin registers no such type" + suggestion(text_of(from.type_id), known));
    if (type->state) throw LoadError("it is there twice");
    check_flags(from.flags, 0, "it");
    if (from.save == nullptr) throw LoadError("its save is null");
    if (from.load == nullptr) throw LoadError("its load is null");
    type->state = {from.version, from.context, from.save, from.load};
}

inline void add_state(const soho_state& table, const std::vector<TypePtr>& types) try {
    if (table.size < first_size<soho_state>)
        throw LoadError("it says its size is " + std::to_string(table.size) + " bytes, ABI " +
                        std::to_string(SOHO_ABI) + " has " + std::to_string(first_size<soho_state>));
    for (const soho_state_type& from : elements<soho_state_type>(table.types, "types")) {
        try {
            add_state(from, types);
        } catch (const LoadError& error) {
            throw LoadError("type " + in_quotes(text_of(from.type_id)) + ": " + error.what());
        }
    }
} catch (const LoadError& error) {
    throw LoadError(std::string("its table " SOHO_STATE ": ") + error.what());
}

struct Publication {
    std::string name, type_id;
    data::Buffer args;
};

// What arrives while `load` runs.
class Registration {
public:
    Registration() {
        table_.size = sizeof table_;
        table_.self = this;
        table_.add_type = [](const soho_registrar* registrar, const soho_type* type) {
            return of(registrar).fenced([&](Registration& self) { self.add_type(*type); });
        };
        table_.publish = [](const soho_registrar* registrar, soho_text name, soho_text type_id, soho_bytes args) {
            return of(registrar).fenced([&](Registration& self) { self.publish(name, type_id, args); });
        };
        table_.refuse = [](const soho_registrar* registrar, soho_text reason) {
            of(registrar).fenced([&](Registration&) { throw LoadError(text_of(reason)); });
        };
    }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

    const soho_registrar* table() const { return &table_; }
    const std::string& reason() const { return reason_; }

    // Both only after `load` has returned 0 without a reason.
    std::vector<TypePtr> take_types() {
        link_types(types_);
        for (const Publication& publication : publications_) check(publication);
        return std::move(types_);
    }
    std::vector<Publication> take_publications() { return std::move(publications_); }

private:
    static Registration& of(const soho_registrar* registrar) { return *static_cast<Registration*>(registrar->self); }

    // The first reason counts.
    template <class F>
    int fenced(F step) noexcept {
        try {
            step(*this);
            return 0;
        } catch (const std::exception& error) {
            if (reason_.empty()) reason_ = error.what();
            return 1;
        }
    }

    void add_type(const soho_type& given) {
        TypePtr type = copy_type(given);
        for (const TypePtr& other : types_) {
            if (other->type_id == type->type_id)
                throw LoadError("typeid " + in_quotes(type->type_id) + " is registered twice");
        }
        types_.push_back(std::move(type));
    }

    void publish(soho_text name, soho_text type_id, soho_bytes args) {
        if (const char* why = name_mismatch(text_of(name)))
            throw LoadError("published name " + in_quotes(text_of(name)) + ": " + why);
        Publication& publication = publications_.emplace_back();
        publication.name = text_of(name);
        publication.type_id = text_of(type_id);
        constexpr std::uint8_t none[] = {0x90};
        publication.args.append(args.size == 0 ? data::Bytes(none) : sdk::detail::from_abi(args));
        data::Token array;
        if (!value_mismatch(publication.args.bytes()).empty() || !data::Reader(publication.args.bytes()).next(array) ||
            array.kind != data::Kind::array)
            throw LoadError("the arguments for published name " + in_quotes(publication.name) +
                            " are no MessagePack array");
    }

    void check(const Publication& publication) const {
        std::vector<std::string> known;
        const std::string what =
            "it publishes " + in_quotes(publication.name) + " as a " + in_quotes(publication.type_id) + ", ";
        for (const TypePtr& type : types_) {
            known.push_back(type->type_id);
            if (type->type_id != publication.type_id) continue;
            if (type->create == nullptr) throw LoadError(what + "which has no callable");
            return;
        }
        throw LoadError(what + "which it does not register" + suggestion(publication.type_id, known));
    }

    soho_registrar table_{};
    std::vector<TypePtr> types_;
    std::vector<Publication> publications_;
    std::string reason_;
};

}  // namespace soho::testing::detail
