// Descriptions of types, for people.
#include "show.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace soho::cli {

namespace {

std::string default_text(const std::string& bytes) {
    data::Reader in(data::as_bytes(bytes));
    Value value;
    data::DecodeContext context;
    return data::decode_into(in, value, context) ? text_of(value) : "…";
}

void print_indented(const std::string& text, const char* indent) {
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        fmt::print("{}{}\n", indent, text.substr(begin, end - begin));
        begin = end + 1;
    }
}

std::string version_text(const Value& version) {
    return version.size() == 2 ? text_of(version[0]) + "." + text_of(version[1]) : "-";
}

std::string method_names(const Value& methods) {
    std::string names;
    for (const auto& [name, method] : *methods.get_if<Value::Map>())
        names += (names.empty() ? "" : " ") + name.as<std::string>();
    return names.empty() ? "-" : names;
}

std::string yes_or_no(const Value& truth) { return truth == Value(true) ? "yes" : "no"; }

}  // namespace

std::string parameters_text(const std::vector<ParameterDescription>& parameters) {
    std::string text;
    for (const auto& parameter : parameters) {
        text += text.empty() ? "" : ", ";
        text += parameter.kind == "args" ? "*" : parameter.kind == "kwargs" ? "**" : "";
        text += parameter.name.empty() ? parameter.type : parameter.name;
        if (!parameter.name.empty() && !parameter.type.empty() && parameter.kind.empty()) text += ": " + parameter.type;
        if (parameter.default_value) text += " = " + default_text(*parameter.default_value);
    }
    return text;
}

std::string signature(const std::string& name, const MethodDescription& method) {
    std::string text = name + "(" + parameters_text(method.args) + ")";
    if (!method.returns_typeid.empty()) return text + " -> object of " + method.returns_typeid;
    return method.returns.empty() || method.returns == "nil" ? text : text + " -> " + method.returns;
}

void show_types(const Value& descriptions) {
    show_table(
        descriptions,
        {{"type", "TYPE"},
         {"version", "VERSION", version_text},
         {"plugin", "PLUGIN"},
         {"create_method", "CREATE", yes_or_no},
         {"methods", "METHODS", method_names}},
        "no types that you may see: the host has none, or no access rule gives you a right on one (soho whoami)");
}

void show_type(const TypeDescription& type) {
    fmt::print("{} {}.{}, of the plugin {}\n", type.type, type.version.major, type.version.minor, type.plugin);
    print_indented(type.doc, "  ");
    if (!type.proxytype.empty() && type.proxytype != "AutoProxy") fmt::print("  proxytype {}\n", type.proxytype);
    fmt::print("\n");
    if (type.create_method) {
        fmt::print("  create {}({})\n", type.type, parameters_text(type.args));
    } else {
        fmt::print("  not to be created by name\n");
    }
    std::size_t width = 0;
    for (const auto& [name, method] : type.methods) width = std::max(width, signature(name, method).size());
    for (const auto& [name, method] : type.methods) {
        std::string flags;
        for (const auto& flag : method.flags) flags += (flags.empty() ? "" : ", ") + flag;
        std::string line = fmt::format("  {:<{}}  {}", signature(name, method), width, flags);
        while (line.ends_with(' ')) line.pop_back();
        fmt::print("{}\n", line);
        print_indented(method.doc, "      ");
        for (const auto& parameter : method.args) {
            if (!parameter.doc.empty()) fmt::print("      {}: {}\n", parameter.name, parameter.doc);
        }
    }
}

}  // namespace soho::cli
