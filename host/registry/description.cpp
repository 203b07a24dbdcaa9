#include "host/registry/description.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <functional>

namespace soho::host {

namespace {

using data::Bytes;
using data::Kind;
using data::Reader;
using data::Token;

tl::unexpected<Error> bad(std::string why) { return refuse(Code::bad_arguments, std::move(why)); }

soho_bytes to_abi(Bytes bytes) { return {bytes.data(), bytes.size()}; }
template <class T>
soho_array to_abi(const std::vector<T>& items) {
    return {items.data(), static_cast<std::uint32_t>(items.size()), sizeof(T)};
}

// What a key's value must be.
Result<soho_text> text_of(std::string_view key, Bytes value) {
    Token token;
    Reader(value).next(token);
    if (token.kind == Kind::string) return host::to_abi(token.text());
    return bad(fmt::format("\"{}\" must be a string, not {}", key, kind_name(token.kind)));
}
Result<bool> bool_of(std::string_view key, Bytes value) {
    Token token;
    Reader(value).next(token);
    if (token.kind == Kind::boolean) return token.unsigned_value != 0;
    return bad(fmt::format("\"{}\" must be a bool, not {}", key, kind_name(token.kind)));
}

using OnEntry = std::function<Result<void>(std::string_view key, Bytes value)>;
Result<void> each_entry(std::string_view what, Bytes value, const OnEntry& on_entry) {
    Reader reader(value);
    Token map, key;
    reader.next(map);
    if (map.kind != Kind::map) return bad(fmt::format("{} must be a map, not {}", what, kind_name(map.kind)));
    for (std::uint32_t i = 0; i < map.size; ++i) {
        reader.next(key);
        if (key.kind != Kind::string) return bad(fmt::format("the keys of {} must be strings", what));
        if (auto done = on_entry(key.text(), reader.take_value()); !done) return done;
    }
    return {};
}
using OnElement = std::function<Result<void>(Bytes value)>;
Result<void> each_element(std::string_view what, Bytes value, const OnElement& on_element) {
    Reader reader(value);
    Token array;
    reader.next(array);
    if (array.kind != Kind::array) return bad(fmt::format("{} must be an array, not {}", what, kind_name(array.kind)));
    for (std::uint32_t i = 0; i < array.size; ++i) {
        if (auto done = on_element(reader.take_value()); !done) return done;
    }
    return {};
}

template <class T>
Result<void> keep(T& to, Result<T> value) {
    if (!value) return tl::unexpected<Error>(value.error());
    to = *std::move(value);
    return {};
}

Result<soho_parameter> read_parameter(Bytes value) {
    soho_parameter parameter{};
    parameter.size = sizeof parameter;
    auto read = each_entry("a parameter", value, [&](std::string_view key, Bytes of) -> Result<void> {
        if (key == "name") return keep(parameter.name, text_of(key, of));
        if (key == "type") return keep(parameter.type, text_of(key, of));
        if (key == "doc") return keep(parameter.doc, text_of(key, of));
        if (key == "default") {
            parameter.flags |= SOHO_PARAMETER_OPTIONAL;
            parameter.default_value = to_abi(of);
        }
        if (key != "kind") return {};
        auto kind = text_of(key, of);
        if (!kind) return tl::unexpected<Error>(kind.error());
        if (host::text_of(*kind) == "args") {
            parameter.flags |= SOHO_PARAMETER_ARGS;
        } else if (host::text_of(*kind) == "kwargs") {
            parameter.flags |= SOHO_PARAMETER_KWARGS;
        } else {
            return bad(fmt::format("no kind of parameter is called \"{}\": args or kwargs", host::text_of(*kind)));
        }
        return {};
    });
    if (!read) return tl::unexpected<Error>(read.error());
    return parameter;
}

// Of a method, or of the callable.
Result<void> read_parameters(Bytes value, std::vector<soho_parameter>& parameters) {
    return each_element("\"args\"", value, [&](Bytes of) -> Result<void> {
        auto parameter = read_parameter(of);
        if (!parameter) return tl::unexpected<Error>(parameter.error());
        parameters.push_back(*parameter);
        return {};
    });
}

constexpr std::pair<std::string_view, std::uint32_t> method_flags[] = {{"blocking", SOHO_METHOD_BLOCKING},
                                                                       {"readonly", SOHO_METHOD_READONLY},
                                                                       {"idempotent", SOHO_METHOD_IDEMPOTENT},
                                                                       {"oneway", SOHO_METHOD_ONEWAY}};

// The tables of a plugin, made of a description, which they borrow.
class Tables {
public:
    Tables(const ProvidedFunctions& functions, const void* class_key) : functions_(functions) {
        type_.size = sizeof type_;
        type_.class_key = class_key;
    }

    Result<void> read(Bytes description) {
        return each_entry(
            "a type's description", description, [this](std::string_view key, Bytes value) -> Result<void> {
                if (key == "type") return keep(type_.type_id, text_of(key, value));
                if (key == "doc") return keep(type_.doc, text_of(key, value));
                if (key == "proxytype") return keep(type_.proxytype, text_of(key, value));
                if (key == "create_method") return keep(may_create_, bool_of(key, value));
                if (key == "callable") return keep(has_callable_, bool_of(key, value));
                if (key == "open") return keep(is_open_, bool_of(key, value));
                if (key == "version") return read_version(value);
                if (key == "args") return read_parameters(value, parameters_);
                if (key == "exposed") return read_exposed(value);
                if (key == "methods")
                    return each_entry("\"methods\"", value,
                                      [this](std::string_view name, Bytes of) { return read_method(name, of); });
                return {};  // for later versions
            });
    }

    bool is_open() const { return is_open_; }
    bool is_prompt(std::string_view method) const {
        return std::find(prompt_.begin(), prompt_.end(), method) != prompt_.end();
    }
    const soho_type& type() {
        for (std::size_t i = 0; i < methods_.size(); ++i) methods_[i].parameters = to_abi(method_parameters_[i]);
        type_.methods = to_abi(methods_);
        type_.exposed = to_abi(exposed_);
        type_.method_to_typeid = to_abi(mappings_);
        type_.parameters = to_abi(parameters_);
        if (!may_create_) type_.flags |= SOHO_TYPE_NO_CREATE;
        type_.create = has_callable_ ? functions_.create : nullptr;
        return type_;
    }

private:
    Result<void> read_version(Bytes value) {
        Reader reader(value);
        Token array, major, minor;
        reader.next(array);
        if (array.kind == Kind::array && array.size == 2 && reader.next(major) && reader.next(minor) &&
            major.kind == Kind::unsigned_integer && minor.kind == Kind::unsigned_integer &&
            major.unsigned_value <= UINT32_MAX && minor.unsigned_value <= UINT32_MAX) {
            type_.version_major = static_cast<std::uint32_t>(major.unsigned_value);
            type_.version_minor = static_cast<std::uint32_t>(minor.unsigned_value);
            return {};
        }
        return bad("\"version\" must be [major, minor]");
    }

    Result<void> read_exposed(Bytes value) {
        type_.flags |= SOHO_TYPE_EXPOSED;
        return each_element("\"exposed\"", value, [this](Bytes of) -> Result<void> {
            auto name = text_of("exposed", of);
            if (!name) return tl::unexpected<Error>(name.error());
            exposed_.push_back(*name);
            return {};
        });
    }

    Result<void> read_method(std::string_view name, Bytes description) {
        soho_method method{};
        method.size = sizeof method;
        method.name = host::to_abi(name);
        method.flags = SOHO_METHOD_DEFERS;
        method.invoke = functions_.invoke;
        auto& parameters = method_parameters_.emplace_back();
        auto read = each_entry(fmt::format("method \"{}\"", name), description,
                               [&](std::string_view key, Bytes value) -> Result<void> {
                                   if (key == "doc") return keep(method.doc, text_of(key, value));
                                   if (key == "returns") return keep(method.returns, text_of(key, value));
                                   if (key == "args") return read_parameters(value, parameters);
                                   if (key == "flags") return read_flags(value, method);
                                   if (key == "returns_typeid") return read_mapping(method.name, value);
                                   return {};
                               });
        methods_.push_back(method);
        return read;
    }

    Result<void> read_flags(Bytes value, soho_method& method) {
        return each_element("\"flags\"", value, [&](Bytes of) -> Result<void> {
            auto name = text_of("flags", of);
            if (!name) return tl::unexpected<Error>(name.error());
            if (host::text_of(*name) == "prompt") prompt_.push_back(host::text_of(method.name));
            for (const auto& [known, bit] : method_flags) {
                if (host::text_of(*name) == known) method.flags |= bit;
            }
            return {};
        });
    }

    Result<void> read_mapping(soho_text method, Bytes value) {
        auto type_id = text_of("returns_typeid", value);
        if (!type_id) return tl::unexpected<Error>(type_id.error());
        soho_mapping mapping{};
        mapping.size = sizeof mapping;
        mapping.method = method;
        mapping.type_id = *type_id;
        mappings_.push_back(mapping);
        return {};
    }

    const ProvidedFunctions functions_;
    soho_type type_{};
    bool may_create_ = true, has_callable_ = true, is_open_ = false;
    std::vector<soho_parameter> parameters_;
    std::vector<soho_method> methods_;
    std::deque<std::vector<soho_parameter>> method_parameters_;
    std::vector<soho_text> exposed_;
    std::vector<std::string_view> prompt_;
    std::vector<soho_mapping> mappings_;
};

}  // namespace

Result<std::unique_ptr<PendingType>> read_description(Bytes description, const ProvidedFunctions& functions,
                                                      const void* class_key) {
    Tables tables(functions, class_key);
    if (auto read = tables.read(description); !read) return tl::unexpected<Error>(read.error());
    auto type = copy_type(tables.type());
    if (type) {
        for (Method& method : (*type)->type.methods) {
            method.on_pool = false;
            method.prompt = tables.is_prompt(method.name);
        }
        if (tables.is_open()) (*type)->type.find_open = functions.find_open;
    }
    return type;
}

}  // namespace soho::host
