#include "gen_python.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

namespace soho::cli {

namespace {

const std::set<std::string_view> keywords = {"False",  "None",   "True",    "and",      "as",       "assert", "async",
                                             "await",  "break",  "class",   "continue", "def",      "del",    "elif",
                                             "else",   "except", "finally", "for",      "from",     "global", "if",
                                             "import", "in",     "is",      "lambda",   "nonlocal", "not",    "or",
                                             "pass",   "raise",  "return",  "try",      "while",    "with",   "yield"};
// What the module and its annotations say: a method of that name would hide it from those behind.
const std::set<std::string_view> taken = {"create", "soho", "Any",   "list",  "dict", "tuple",      "int",
                                          "str",    "bool", "bytes", "float", "self", "classmethod"};
// What Python calls methods by; the same that clients/python lets a host offer it (soho._proxy.OPERATORS).
const std::set<std::string_view> operators = {
    "len",  "contains", "getitem", "setitem", "delitem", "iter",  "next", "reversed", "length_hint", "add",
    "radd", "iadd",     "sub",     "rsub",    "isub",    "mul",   "rmul", "imul",     "or",          "ror",
    "ior",  "and",      "rand",    "iand",    "xor",     "rxor",  "ixor", "lt",       "le",          "gt",
    "ge",   "bool",     "int",     "float",   "index",   "enter", "exit", "call"};

// What the code in a method says: a parameter of that name would hide it there.
const std::set<std::string_view> said = {"_result", "made", "soho", "Any",   "list", "dict",
                                         "int",     "str",  "bool", "bytes", "float"};

bool is_keyword(std::string_view name) { return keywords.contains(name) || said.contains(name); }
bool is_taken(std::string_view name) { return keywords.contains(name) || taken.contains(name); }

std::string method_name(const std::string& wire_name) {
    if (!wire_name.starts_with('_')) return wire_name;
    std::string_view inner = wire_name;
    if (inner.size() < 5 || !inner.starts_with("__") || !inner.ends_with("__")) return "";
    inner = inner.substr(2, inner.size() - 4);
    return operators.contains(inner) ? wire_name : "";
}

constexpr std::string_view any = "Any";

std::string type_text(const TypeWord& word, const std::vector<GeneratedType>& types);

std::string joined_types(const std::vector<TypeWord>& words, const std::vector<GeneratedType>& types,
                         std::string_view between) {
    std::string text;
    for (const TypeWord& word : words) text += (text.empty() ? "" : std::string(between)) + type_text(word, types);
    return text;
}

std::string type_text(const TypeWord& word, const std::vector<GeneratedType>& types) {
    const auto& parts = word.parts;
    const std::string& name = word.name;
    if (name == "nil") return "None";
    if (name == "bool" || name == "str" || name == "bytes") return name;
    if (name == "float32" || name == "float64" || name == "seconds") return "float";
    if (name == "object") return "soho.Proxy";
    const std::string_view number = std::string_view(name).substr(name.starts_with('u') ? 1 : 0);
    if (number == "int8" || number == "int16" || number == "int32" || number == "int64") return "int";
    if (name == "list" && parts.size() == 1) return fmt::format("list[{}]", type_text(parts[0], types));
    if (name == "tuple" && !parts.empty()) return fmt::format("list[{}]", any);  // MessagePack has one kind of sequence
    if (name == "map" && parts.size() == 2) return fmt::format("dict[{}]", joined_types(parts, types, ", "));
    if (name == "?" && parts.size() == 1) {
        const std::string inner = type_text(parts[0], types);
        return inner == any || inner == "None" ? inner : inner + " | None";
    }
    if (name == "|") {
        const std::string all = joined_types(parts, types, " | ");
        return all.find(any) == std::string::npos ? all : std::string(any);
    }
    const std::string known = parts.empty() ? class_of(types, name) : "";
    return known.empty() ? std::string(any) : known;
}

// What a parameter takes is wider than what a result is: any sequence of the elements' kind.
std::string parameter_type(const TypeWord& word, const std::vector<GeneratedType>& types) {
    if (word.name == "?" && word.parts.size() == 1) {
        const std::string inner = parameter_type(word.parts[0], types);
        return inner == any ? inner : inner + " | None";
    }
    if (word.name == "list" && word.parts.size() == 1)
        return fmt::format("list[{0}] | tuple[{0}, ...]", type_text(word.parts[0], types));
    if (word.name == "tuple") return "list[Any] | tuple[Any, ...]";
    return type_text(word, types);
}

std::optional<std::string> default_text(const Value& value) {
    if (value.is_nil()) return "None";
    if (const auto* truth = value.get_if<bool>()) return *truth ? "True" : "False";
    if (const auto* number = value.get_if<std::int64_t>()) return fmt::format("{}", *number);
    if (const auto* number = value.get_if<std::uint64_t>()) return fmt::format("{}", *number);
    if (const auto* text = value.get_if<std::string>()) return python_literal(*text);
    if (const auto* number = value.get_if<double>()) {
        if (!std::isfinite(*number)) return std::nullopt;
        const std::string text = fmt::format("{}", *number);
        return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
    }
    return std::nullopt;
}

// From the first optional parameter on whose default cannot be written, and that another follows or not, arguments are passed on
// only where they are given.
std::size_t sayable_count(const std::vector<GeneratedParameter>& parameters) {
    std::size_t count = 0;
    for (; count != parameters.size() && parameters[count].kind.empty(); ++count) {
        const auto& parameter = parameters[count];
        if (parameter.optional && (!parameter.default_value || !default_text(*parameter.default_value))) break;
    }
    return count;
}

struct Signature {
    std::string parameters;  // each with a leading ", "
    std::string arguments;   // the expression for all positional ones
    std::string keywords;    // empty if it takes none
};

Signature signature_of(const std::vector<GeneratedParameter>& parameters, const std::vector<GeneratedType>& types) {
    Signature signature;
    const std::size_t sayable = sayable_count(parameters);
    std::string further;
    for (std::size_t i = 0; i != parameters.size(); ++i) {
        const auto& parameter = parameters[i];
        if (parameter.kind == "kwargs") {
            signature.keywords = parameter.name;
        } else if (parameter.kind == "args") {
            further = parameter.name;
        } else if (i >= sayable) {
            if (further.empty()) further = parameter.name;
        } else {
            signature.parameters += fmt::format(", {}: {}", parameter.name, parameter_type(parameter.type, types));
            if (parameter.optional) signature.parameters += " = " + *default_text(*parameter.default_value);
            signature.arguments += parameter.name + ", ";
        }
    }
    if (!further.empty()) {
        signature.parameters += fmt::format(", *{}: Any", further);
        signature.arguments += fmt::format("*{}, ", further);
    }
    if (!signature.keywords.empty()) signature.parameters += fmt::format(", **{}: Any", signature.keywords);
    if (!signature.arguments.empty()) signature.arguments.erase(signature.arguments.size() - 2);
    return signature;
}

class ClassWriter {
public:
    ClassWriter(const GeneratedType& type, const std::vector<GeneratedType>& types) : type_(type), types_(types) {}

    std::string text() {
        std::string text = fmt::format("class {}(soho.Proxy):\n", type_.class_name);
        const std::string doc = type_.doc.empty() ? fmt::format("A {} of a host.", type_.type_id) : type_.doc;
        text += "    " + python_docstring(doc, "    ") + "\n\n";
        text += fmt::format("    _typeid = {}\n    _version = ({}, {})\n", python_literal(type_.type_id),
                            type_.version.major, type_.version.minor);
        if (type_.create_method) text += create();
        for (const GeneratedMethod& method : type_.methods) text += "\n" + method_text(method);
        for (const std::string& left_out : type_.left_out) text += fmt::format("\n    # Left out: {}.\n", left_out);
        return text;
    }

private:
    std::string create() {
        const Signature signature = signature_of(type_.parameters, types_);
        std::string text = fmt::format("\n    @classmethod\n    def create(cls, client: soho.Client, /{}) -> {}:\n",
                                       signature.parameters, type_.class_name);
        text += "        " +
                python_docstring(documented("A new one, in the host of the client.", type_.parameters), "        ") +
                "\n";
        text += fmt::format("        made: {} = client.create(cls{}{}{})\n        return made\n", type_.class_name,
                            signature.arguments.empty() ? "" : ", ", signature.arguments,
                            signature.keywords.empty() ? "" : fmt::format(", **{}", signature.keywords));
        return text;
    }

    std::string method_text(const GeneratedMethod& method) {
        const Signature signature = signature_of(method.parameters, types_);
        const std::string result = result_type(method);
        std::string text = fmt::format("    def {}(self{}) -> {}:\n", method.name, signature.parameters, result);
        std::string doc = documented(method.doc, method.parameters);
        const auto remark = [&](bool applies, const char* words) {
            if (applies) doc += (doc.empty() ? "" : "\n") + std::string(words);
        };
        remark(method.blocking, "May block in the host: give it a timeout with soho.options() where that matters.");
        remark(method.idempotent, "Idempotent: it may be called again where nobody knows whether it ran.");
        if (!doc.empty()) text += "        " + python_docstring(doc, "        ") + "\n";
        const std::string comma =
            signature.arguments.empty() || signature.arguments.find(", ") != std::string::npos ? "" : ",";
        std::string call = fmt::format("self._callmethod({}", python_literal(method.wire_name));
        if (!signature.arguments.empty() || !signature.keywords.empty())
            call += fmt::format(", ({}{})", signature.arguments, comma);
        if (!signature.keywords.empty()) call += ", " + signature.keywords;
        call += ")";
        if (result == "None") return text + "        " + call + "\n";
        if (result == any) return text + "        return " + call + "\n";
        return text + fmt::format("        _result: {} = {}\n        return _result\n", result, call);
    }

    std::string result_type(const GeneratedMethod& method) const {
        if (method.returns_class == "object") return "soho.Proxy";
        if (!method.returns_class.empty()) return method.returns_class;
        return type_text(method.returns, types_);
    }

    static std::string documented(std::string doc, const std::vector<GeneratedParameter>& parameters) {
        for (const auto& parameter : parameters) {
            if (!parameter.doc.empty()) doc += (doc.empty() ? "" : "\n") + parameter.name + ": " + parameter.doc;
        }
        return doc;
    }

    const GeneratedType& type_;
    const std::vector<GeneratedType>& types_;
};

}  // namespace

const Naming& python_naming() {
    static const Naming naming{"", method_name, is_taken, is_keyword, {"client", "cls"}, ""};
    return naming;
}

std::string python_literal(std::string_view text) {
    std::string literal = "\"";
    const std::string sound = harmless_text(text) == text ? std::string(text) : "";
    if (sound.empty() && !text.empty()) {  // code points, one by one, would be lost: the bytes say it
        for (const char c : text) literal += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        return "b" + literal + "\".decode(\"utf-8\", \"surrogateescape\")";
    }
    for (const char c : sound) {
        if (c == '"' || c == '\\') literal += '\\';
        literal += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return literal + "\"";
}

std::string python_docstring(const std::string& text, const std::string& indent) {
    std::string inside;
    for (const std::string& line : lines_of(text))
        inside += (inside.empty() ? "" : line.empty() ? "\n" : "\n" + indent) + line;
    std::string escaped;
    for (std::size_t i = 0; i != inside.size(); ++i) {
        const char c = inside[i];
        // A quote is escaped wherever it could end the docstring: in front, beside another one, or as the last character.
        const bool ends = escaped.empty() || escaped.back() == '"' || i + 1 == inside.size();
        if (c == '\\' || (c == '"' && ends)) escaped += '\\';
        escaped += c;
    }
    const bool many = escaped.find('\n') != std::string::npos;
    return "\"\"\"" + escaped + (many ? "\n" + indent : "") + "\"\"\"";
}

std::string python_module(const std::vector<GeneratedType>& types, const std::string& command) {
    std::string text = fmt::format(
        "# Made by `{}`: not to be edited. It belongs in version control, and\n"
        "# the same command with --check says whether it is still what the host says.\n"
        "from __future__ import annotations\n\nfrom typing import Any\n\nimport soho\n",
        command);
    text += "\n__all__ = [";
    for (const GeneratedType& type : types)
        text += (&type == &types.front() ? "" : ", ") + python_literal(type.class_name);
    text += "]\n";
    for (const GeneratedType& type : types) text += "\n\n" + ClassWriter(type, types).text();
    return text;
}

}  // namespace soho::cli
