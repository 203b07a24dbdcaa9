#include "gen_cpp.hpp"

#include "gen_cpp_types.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace soho::cli {

namespace {

const std::set<std::string_view> keywords = {
    "alignas",     "alignof",   "and",        "and_eq",    "asm",      "auto",         "bitand",
    "bitor",       "bool",      "break",      "case",      "catch",    "char",         "char8_t",
    "char16_t",    "char32_t",  "class",      "compl",     "concept",  "const",        "consteval",
    "constexpr",   "constinit", "const_cast", "continue",  "co_await", "co_return",    "co_yield",
    "decltype",    "default",   "delete",     "do",        "double",   "dynamic_cast", "else",
    "enum",        "explicit",  "export",     "extern",    "false",    "float",        "for",
    "friend",      "goto",      "if",         "inline",    "int",      "long",         "mutable",
    "namespace",   "new",       "noexcept",   "not",       "not_eq",   "nullptr",      "operator",
    "or",          "or_eq",     "private",    "protected", "public",   "register",     "reinterpret_cast",
    "requires",    "return",    "short",      "signed",    "sizeof",   "static",       "static_assert",
    "static_cast", "struct",    "switch",     "template",  "this",     "thread_local", "throw",
    "true",        "try",       "typedef",    "typeid",    "typename", "union",        "unsigned",
    "using",       "virtual",   "void",       "volatile",  "wchar_t",  "while",        "xor",
    "xor_eq"};
// What a proxy class has already, and what its code says.
const std::set<std::string_view> members = {"call",      "async_call", "notify", "with",   "reset",   "target",
                                            "options",   "id",         "type",   "create", "version", "soho",
                                            "proxytype", "type_id",    "std",    "Proxy",  "ProxyOf", "Further"};
// Macros with small letters, of the headers that a generated one brings along or often meets.
const std::set<std::string_view> macros = {
    "alloca",    "assert",    "be16toh",        "be32toh",         "be64toh",      "errno",       "htobe16",
    "htobe32",   "htobe64",   "htole16",        "htole32",         "htole64",      "i386",        "L_ctermid",
    "L_tmpnam",  "le16toh",   "le32toh",        "le64toh",         "linux",        "M_PI_2",      "M_PI_4",
    "offsetof",  "P_tmpdir",  "s6_addr",        "setjmp",          "stderr",       "stdin",       "stdout",
    "strdupa",   "strndupa",  "unix",           "va_arg",          "va_copy",      "va_end",      "va_start",
    "st_atime",  "st_ctime",  "st_mtime",       "sa_handler",      "sa_sigaction", "issubnormal", "sigsetjmp",
    "L_cuserid", "M_SQRT1_2", "sched_priority", "math_errhandling"};

// Whether a header may have a macro of that name. One without small letters is how macros are called, and which of them there are
// is up to what a program includes in front of the generated header. What free_name() makes of such a name is none: EINTR_, EINTR_2.
bool is_macro(std::string_view name) {
    if (macros.contains(name)) return true;
    const std::string_view numberless = name.substr(0, name.find_last_not_of("0123456789") + 1);
    if (name.size() < 2 || numberless.ends_with('_')) return false;
    if (name.starts_with("M_") || name.starts_with("SYS_") || name.starts_with("pthread_cleanup_")) return true;
    return std::none_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

bool is_keyword(std::string_view name) {
    // Two underscores anywhere, or one before a capital, are the compiler's own.
    return keywords.contains(name) || name.find("__") != std::string_view::npos ||
           (name.size() > 1 && name[0] == '_' && name[1] >= 'A' && name[1] <= 'Z') || members.contains(name) ||
           is_macro(name);
}

// "__getitem__" as getitem: the underscores around it are Python's.
std::string method_name(const std::string& wire_name) {
    std::string name = wire_name;
    if (name.starts_with("__")) {
        name.erase(0, name.find_first_not_of('_'));
        while (!name.empty() && name.back() == '_') name.pop_back();
    }
    for (std::size_t at = name.find("__"); at != std::string::npos; at = name.find("__")) name.erase(at, 1);
    if (name.size() > 1 && name[0] == '_' && name[1] >= 'A' && name[1] <= 'Z') name.erase(0, 1);
    if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return "";
    return name;
}

// The parameters of one overload: the first `count`, of which those from `defaults_from` on have their default beside them.
struct Overload {
    std::size_t count, defaults_from;
};

class ClassWriter {
public:
    ClassWriter(const GeneratedType& type, const std::vector<GeneratedType>& types, std::size_t place)
        : type_(type),
          types_(types),
          place_(place) {}

    std::string inside() {
        std::string text = cpp_comment(type_.doc, "");
        text += fmt::format("struct {0} : soho::ProxyOf<{0}> {{\n    using ProxyOf::ProxyOf;\n", type_.class_name);
        text += fmt::format("    static constexpr std::string_view type_id = {};\n", cpp_literal(type_.type_id));
        if (type_.proxytype != "AutoProxy")
            text +=
                fmt::format("    static constexpr std::string_view proxytype = {};\n", cpp_literal(type_.proxytype));
        text += fmt::format("    static constexpr soho::Version version{{{}, {}}};\n", type_.version.major,
                            type_.version.minor);
        if (type_.create_method) text += create();
        for (const GeneratedMethod& method : type_.methods) text += "\n" + method_text(method);
        for (const std::string& left_out : type_.left_out) text += fmt::format("\n    // Left out: {}.\n", left_out);
        return text + "};\n";
    }
    // What could not be defined before other classes were.
    const std::string& behind() const { return behind_; }

private:
    std::string create() {
        std::string text = "\n    // A new one, in the host that `client` is connected to.\n";
        text += parameter_docs(type_.parameters);
        for (const Overload& overload : overloads(type_.parameters)) {
            const std::string parameters = parameter_list(type_.parameters, overload, true);
            const std::string head = template_head(type_.parameters, overload);
            const std::string body = fmt::format("{{ return client.create<{}>(type_id{}); }}", type_.class_name,
                                                 arguments(type_.parameters, overload));
            const std::string signature =
                fmt::format("create(const soho::Client& client{}{})", parameters.empty() ? "" : ", ", parameters);
            const std::string plain =
                fmt::format("create(const soho::Client& client{}{})", parameters.empty() ? "" : ", ",
                            parameter_list(type_.parameters, overload, false));
            text += define("static " + type_.class_name, type_.class_name, signature, plain, body, head,
                           is_early(type_.parameters, "", TypeWord{"nil"}));
        }
        return text;
    }

    std::string method_text(const GeneratedMethod& method) {
        std::string doc = method.doc;
        const auto remark = [&](bool applies, const char* words) {
            if (applies) doc += (doc.empty() ? "" : "\n") + std::string(words);
        };
        remark(method.blocking, "May block in the host: give it a timeout where that matters.");
        remark(method.idempotent, "Idempotent: tried again where a connection was lost, as soho::retry says.");
        remark(method.takes("kwargs"), "Further keywords go by with(soho::kw{…}).");
        std::string text = cpp_comment(doc, "    ") + parameter_docs(method.parameters);
        const std::string result = result_type(method);
        const bool early = is_early(method.parameters, method.returns_class, method.returns);
        for (const Overload& overload : overloads(method.parameters)) {
            const std::string body = fmt::format("{{ {}call<{}>(\"{}\"{}); }}", result == "void" ? "" : "return ",
                                                 result, method.wire_name, arguments(method.parameters, overload));
            text += define(result, result, signature(method.name, method, overload, true),
                           signature(method.name, method, overload, false), body,
                           template_head(method.parameters, overload), early);
        }
        if (method.oneway) text += notify(method, early);
        return text;
    }

    std::string notify(const GeneratedMethod& method, bool early) {
        std::string text = "    // The same without waiting: nobody learns how it went.\n";
        for (const Overload& overload : overloads(method.parameters)) {
            const std::string body =
                fmt::format("{{ notify(\"{}\"{}); }}", method.wire_name, arguments(method.parameters, overload));
            text += define("void", "void", signature(method.notify_name, method, overload, true),
                           signature(method.notify_name, method, overload, false), body,
                           template_head(method.parameters, overload), early);
        }
        return text;
    }

    std::string signature(const std::string& name, const GeneratedMethod& method, const Overload& overload,
                          bool defaults) {
        return fmt::format("{}({}) const", name, parameter_list(method.parameters, overload, defaults));
    }

    // In the class where all classes that it needs are known, else behind them.
    std::string define(const std::string& result, const std::string& plain_result, const std::string& signature,
                       const std::string& plain_signature, const std::string& body, const std::string& head,
                       bool early) {
        const std::string open = head.empty() ? "" : "    " + head + "\n";
        if (early) return fmt::format("{}    {} {} {}\n", open, result, signature, body);
        behind_ += fmt::format("{}inline {} {}::{} {}\n", head.empty() ? "" : head + "\n", plain_result,
                               type_.class_name, plain_signature, body);
        return fmt::format("{}    {} {};\n", open, result, signature);
    }

    // Whether everything that is named stands before this class, or is this class.
    bool is_early(const std::vector<GeneratedParameter>& parameters, const std::string& result_class,
                  const TypeWord& returns) const {
        std::set<std::string> classes;
        for (const auto& parameter : parameters) note_classes(parameter.type, types_, classes);
        if (result_class.empty()) note_classes(returns, types_, classes);
        classes.insert(result_class);
        for (std::size_t i = place_ + 1; i < types_.size(); ++i) {
            if (classes.contains(types_[i].class_name)) return false;
        }
        return true;
    }

    std::string result_type(const GeneratedMethod& method) const {
        if (method.returns_class == "object") return "soho::Proxy";
        if (!method.returns_class.empty()) return method.returns_class;
        if (method.returns.name == "nil") return "void";
        return cpp_type(method.returns, types_);
    }

    static bool is_rest(const GeneratedParameter& parameter) { return !parameter.kind.empty(); }

    // Without the last optional parameters whose defaults C++ cannot say, the host fills them in.
    static std::vector<Overload> overloads(const std::vector<GeneratedParameter>& parameters) {
        std::vector<Overload> all;
        std::size_t defaults_from = 0, i = 0;
        for (; i < parameters.size() && !is_rest(parameters[i]); ++i) {
            const auto& parameter = parameters[i];
            const bool sayable = parameter.optional && parameter.default_value &&
                                 cpp_default(*parameter.default_value, parameter.type).has_value();
            if (parameter.optional && !sayable) all.push_back({i, defaults_from});
            if (!sayable) defaults_from = i + 1;
        }
        all.push_back({parameters.size(), defaults_from});
        return all;
    }
    static std::string template_head(const std::vector<GeneratedParameter>& parameters, const Overload& overload) {
        for (std::size_t i = 0; i != overload.count; ++i) {
            if (parameters[i].kind == "args") return "template <class... Further>";
        }
        return "";
    }
    std::string parameter_list(const std::vector<GeneratedParameter>& parameters, const Overload& overload,
                               bool defaults) const {
        std::string text;
        for (std::size_t i = 0; i != overload.count; ++i) {
            const auto& parameter = parameters[i];
            if (parameter.kind == "kwargs") continue;
            if (!text.empty()) text += ", ";
            if (parameter.kind == "args") {
                text += "const Further&... " + parameter.name;
                continue;
            }
            text += cpp_parameter_type(parameter.type, types_) + " " + parameter.name;
            if (defaults && i >= overload.defaults_from)
                text += " = " + *cpp_default(*parameter.default_value, parameter.type);
        }
        return text;
    }
    static std::string arguments(const std::vector<GeneratedParameter>& parameters, const Overload& overload) {
        std::string text;
        for (std::size_t i = 0; i != overload.count; ++i) {
            if (parameters[i].kind == "kwargs") continue;
            text += ", " + parameters[i].name + (parameters[i].kind == "args" ? "..." : "");
        }
        return text;
    }
    static std::string parameter_docs(const std::vector<GeneratedParameter>& parameters) {
        std::string text;
        for (const auto& parameter : parameters) {
            if (!parameter.doc.empty()) text += cpp_comment(parameter.name + ": " + parameter.doc, "    ");
        }
        return text;
    }

    const GeneratedType& type_;
    const std::vector<GeneratedType>& types_;
    const std::size_t place_;
    std::string behind_;
};

}  // namespace

const Naming& cpp_naming() {
    static const Naming naming{"Proxy", method_name, is_keyword, is_keyword, {"client"}, "notify_"};
    return naming;
}

std::string cpp_literal(std::string_view text) {
    std::string literal = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            literal += '\\';
            literal += c;
        } else if (byte < 0x20 || byte > 0x7e || c == '?') {
            literal += fmt::format("\\{:03o}", byte);
        } else {
            literal += c;
        }
    }
    return literal + "\"";
}

std::string cpp_comment(const std::string& text, const std::string& indent) {
    std::string comment;
    for (std::string line : lines_of(text)) {
        // Trigraphs are no more, but compilers still speak of them.
        for (std::size_t at = line.find("??"); at != std::string::npos; at = line.find("??")) line.insert(at + 1, " ");
        if (line.ends_with('\\')) line += " .";  // else the next line of code would be a comment as well
        comment += line.empty() ? indent + "//\n" : indent + "// " + line + "\n";
    }
    return comment;
}

std::string cpp_header(const std::vector<GeneratedType>& types, const std::string& command) {
    std::string text = fmt::format(
        "// Made by `{}`: not to be edited. It belongs in version control, and\n"
        "// the same command with --check says whether it is still what the host says.\n",
        command);
    text +=
        "#pragma once\n\n#include <soho/client.hpp>\n\n#include <chrono>\n#include <cstdint>\n#include <map>\n"
        "#include <optional>\n#include <string>\n#include <string_view>\n#include <tuple>\n#include <vector>\n";
    if (types.size() > 1) {
        text += "\n";
        for (const GeneratedType& type : types) text += fmt::format("struct {};\n", type.class_name);
    }
    std::string behind;
    for (std::size_t i = 0; i != types.size(); ++i) {
        ClassWriter writer(types[i], types, i);
        text += "\n" + writer.inside();
        behind += writer.behind();
    }
    return behind.empty() ? text : text + "\n" + behind;
}

}  // namespace soho::cli
