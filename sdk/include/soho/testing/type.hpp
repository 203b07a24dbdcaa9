#pragma once
// A plugin's types as the host keeps them: copied from the ABI's tables and checked by the host's rules.

#include <soho/testing/names.hpp>

#include <deque>
#include <map>
#include <memory>
#include <optional>

namespace soho::testing::detail {

inline std::string text_of(soho_text text) { return std::string(sdk::detail::from_abi(text)); }

struct Parameter {
    std::string name, type, doc, default_value;  // the default as MessagePack
    std::uint32_t flags = 0;
    const void* class_key = nullptr;

    bool optional() const { return (flags & SOHO_PARAMETER_OPTIONAL) != 0; }
    bool object() const { return (flags & SOHO_PARAMETER_OBJECT) != 0; }
};

// What a method or a callable takes.
struct Signature {
    std::vector<Parameter> parameters;   // those that take one argument each
    std::size_t required = 0;            // leading parameters without a default
    std::string args_name, kwargs_name;  // not empty: takes further arguments, further keywords

    std::string name(std::size_t index) const {
        return parameters[index].name.empty() ? "arg" + std::to_string(index + 1) : parameters[index].name;
    }
    // For sentences: "(x, y=…, *rest)".
    std::string text() const {
        std::string text;
        const auto add = [&](const std::string& word) { text += (text.empty() ? "" : ", ") + word; };
        for (std::size_t i = 0; i < parameters.size(); ++i) add(name(i) + (parameters[i].optional() ? "=…" : ""));
        if (!args_name.empty()) add("*" + args_name);
        if (!kwargs_name.empty()) add("**" + kwargs_name);
        return "(" + text + ")";
    }
};

struct Type;

struct Method {
    std::string name, doc, returns;
    std::uint32_t flags = 0;
    Signature signature;
    void* context = nullptr;
    std::uint32_t (*invoke)(void*, void*, const soho_call*) = nullptr;
    const Type* returns_type = nullptr;  // method_to_typeid
    bool through_callable = false;       // … whose callable takes the result

    bool blocking() const { return (flags & SOHO_METHOD_BLOCKING) != 0; }
    bool defers() const { return (flags & SOHO_METHOD_DEFERS) != 0; }
};

struct Mapping {
    std::string method, type_id;
    bool through_callable = false;
};

// The plugin's table soho.state/1, of one type.
struct StateHooks {
    std::uint32_t version = 0;
    void* context = nullptr;
    std::uint32_t (*save)(void*, void*, const soho_call*) = nullptr;
    std::uint32_t (*load)(void*, const soho_call*, std::uint32_t, soho_instance*) = nullptr;
};

struct Type {
    std::string type_id, proxytype, doc, class_name;
    std::uint32_t flags = 0, version_major = 0, version_minor = 0;
    const void* class_key = nullptr;
    std::deque<Method> methods;
    std::vector<std::string> exposed;
    std::vector<Mapping> mappings;
    Signature signature;  // of the callable
    void* context = nullptr;
    std::uint32_t (*create)(void*, const soho_call*, soho_instance*) = nullptr;
    std::optional<StateHooks> state;

    bool concurrent() const { return (flags & SOHO_TYPE_CONCURRENT) != 0; }
    bool per_plugin() const { return (flags & SOHO_TYPE_PER_PLUGIN) != 0; }

    Method* registered(std::string_view name) {
        const auto found =
            std::find_if(methods.begin(), methods.end(), [&](const Method& method) { return method.name == name; });
        return found != methods.end() ? &*found : nullptr;
    }
    const Method* registered(std::string_view name) const { return const_cast<Type*>(this)->registered(name); }
    // The method, if clients may call it.
    const Method* find(std::string_view name) const {
        return std::binary_search(exposed.begin(), exposed.end(), name) ? registered(name) : nullptr;
    }
    std::string exposed_text() const {
        std::string text;
        for (const std::string& name : exposed) text += (text.empty() ? "" : ", ") + name;
        return text.empty() ? "nothing" : text;
    }
    std::vector<std::string> method_names() const {
        std::vector<std::string> names;
        for (const Method& method : methods) names.push_back(method.name);
        return names;
    }
    CallError no_method(std::string_view name) const {
        const bool exists = registered(name) != nullptr;
        return CallError(SOHO_NO_METHOD, "type " + type_id + " exposes no method " + in_quotes(name) +
                                             " (exposed: " + exposed_text() + ")" +
                                             (exists ? std::string() : suggestion(name, exposed)));
    }
};

using TypePtr = std::unique_ptr<Type>;

// What is called: a method, or a type's callable.
struct Callee {
    const Type& type;
    const Method* method = nullptr;

    const Signature& signature() const { return method != nullptr ? method->signature : type.signature; }
    std::string text() const {
        return type.type_id + (method != nullptr ? "." + method->name : std::string()) + signature().text();
    }
};

}  // namespace soho::testing::detail
