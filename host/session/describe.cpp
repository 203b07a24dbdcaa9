#include "host/session/describe.hpp"

#include "host/registry/plugin.hpp"

#include <algorithm>

namespace soho::host {

namespace {

void text_entry(wire::Out& out, std::string_view key, std::string_view text) {
    out.string(key);
    out.string(text);
}

void describe_signature(const Signature& signature, wire::Out& out) {
    out.array(signature.parameters.size() + !signature.args_name.empty() + !signature.kwargs_name.empty());
    for (const Parameter& parameter : signature.parameters) {
        out.map(3 + parameter.optional());
        text_entry(out, "name", parameter.name);
        text_entry(out, "type", parameter.type);
        text_entry(out, "doc", parameter.doc);
        if (!parameter.optional()) continue;
        out.string("default");
        out.raw(data::as_bytes(parameter.default_value));
    }
    const auto variadic = [&](std::string_view name, std::string_view kind) {
        if (name.empty()) return;
        out.map(4);
        text_entry(out, "name", name);
        text_entry(out, "type", "any");
        text_entry(out, "doc", "");
        text_entry(out, "kind", kind);
    };
    variadic(signature.args_name, "args");
    variadic(signature.kwargs_name, "kwargs");
}

void describe_method(const Method& method, wire::Out& out, bool is_offer) {
    out.map(4 + (method.returns_type != nullptr));
    out.string("args");
    describe_signature(method.signature, out);
    text_entry(out, "returns",
               method.returns_type != nullptr ? std::string_view(method.returns_type->class_name)
                                              : std::string_view(method.returns));
    text_entry(out, "doc", method.doc);
    constexpr std::pair<std::uint32_t, std::string_view> flags[] = {{SOHO_METHOD_BLOCKING, "blocking"},
                                                                    {SOHO_METHOD_READONLY, "readonly"},
                                                                    {SOHO_METHOD_IDEMPOTENT, "idempotent"},
                                                                    {SOHO_METHOD_ONEWAY, "oneway"}};
    const bool says_prompt = is_offer && !method.defers();
    out.string("flags");
    out.array(
        static_cast<std::size_t>(std::count_if(std::begin(flags), std::end(flags),
                                               [&](const auto& flag) { return (method.flags & flag.first) != 0; })) +
        says_prompt);
    if (says_prompt) out.string("prompt");
    for (const auto& [bit, name] : flags) {
        if ((method.flags & bit) != 0) out.string(name);
    }
    if (method.returns_type != nullptr) text_entry(out, "returns_typeid", method.returns_type->type_id);
}

}  // namespace

void describe_type(const Type& type, wire::Out& out, Described as) {
    const bool is_open = type.find_open != nullptr;
    const bool is_offer = as == Described::for_offer;
    const bool says_callable = is_offer && type.create == nullptr;
    out.map(8 + is_open + says_callable + is_offer);
    text_entry(out, "type", type.type_id);
    out.string("version");
    out.array(2);
    out.unsigned_integer(type.version_major);
    out.unsigned_integer(type.version_minor);
    text_entry(out, "doc", type.doc);
    text_entry(out, "proxytype", type.proxytype);
    out.string("create_method");
    out.boolean(type.creatable());
    text_entry(out, "plugin", type.plugin->name());
    if (is_open) {
        out.string("open");
        out.boolean(true);
    }
    if (says_callable) {
        out.string("callable");
        out.boolean(false);
    }
    if (is_offer) {
        out.string("exposed");
        out.array(type.exposed.size());
        for (const Method& method : type.methods) {
            if (type.find(method.name) == &method) out.string(method.name);
        }
    }
    out.string("args");
    describe_signature(type.signature, out);
    out.string("methods");
    out.map(type.exposed.size());
    for (const Method& method : type.methods) {  // in the order of registration
        if (type.find(method.name) != &method) continue;
        out.string(method.name);
        describe_method(method, out, is_offer);
    }
}

}  // namespace soho::host
