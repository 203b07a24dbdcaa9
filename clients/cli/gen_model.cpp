#include "gen_model.hpp"

#include <soho/wire/message.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace soho::cli {

namespace {

// One character of UTF-8 at the front, or 0xfffd for a byte that is none; `text` moves behind it.
char32_t take_character(std::string_view& text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    const std::size_t size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    char32_t value = first < 0x80 ? first : first & (0x7fu >> size);
    bool sound = first < 0x80 || (first >= 0xc2 && first <= 0xf4);
    if (size > text.size()) sound = false;
    for (std::size_t i = 1; sound && i < size; ++i) {
        sound = (byte(i) & 0xc0) == 0x80;
        value = value << 6 | (byte(i) & 0x3fu);
    }
    const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
    if (!sound || overlong || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        text.remove_prefix(1);
        return 0xfffd;
    }
    text.remove_prefix(size);
    return value;
}

bool is_harmful(char32_t c) {
    const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    const bool line = c == 0x2028 || c == 0x2029;
    const bool direction =
        (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x061c;
    return control || line || direction || c == 0xfffd || c == 0xfeff;
}

// "dict_items" as DictItems, "lab.Pair" as LabPair.
std::string camel_case(std::string_view type_id) {
    std::string name;
    bool begins = true;
    for (const char c : type_id) {
        if (c == '_' || c == '.') {
            begins = true;
            continue;
        }
        name += begins ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
        begins = false;
    }
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) != 0) name.insert(0, "Type");
    return name;
}

// Without the underscores by which a language may keep a name for itself: "__a__b_" as a_b.
std::string without_odd_underscores(const std::string& name) {
    std::string plain;
    for (const char c : name) {
        if (c != '_' || (!plain.empty() && plain.back() != '_')) plain += c;
    }
    while (!plain.empty() && plain.back() == '_') plain.pop_back();
    const bool is_name = !plain.empty() && std::isdigit(static_cast<unsigned char>(plain.front())) == 0;
    return is_name ? plain : "x" + plain;
}

// The first of name, name_, name_2 … that nobody has. It ends: what is behind `plain` makes a name that no language has.
std::string free_name(const std::string& wanted, const std::set<std::string>& used,
                      const std::function<bool(std::string_view)>& is_taken) {
    std::string name = wanted;
    const std::string plain = without_odd_underscores(wanted);
    for (int number = 1; used.contains(name) || is_taken(name); ++number)
        name = plain + (number == 1 ? "_" : "_" + std::to_string(number));
    return name;
}

class Writer {
public:
    Writer(const Naming& naming, const std::vector<GeneratedType>& types, const std::set<std::string>& classes)
        : naming_(naming),
          types_(types),
          classes_(classes) {}

    void fill(GeneratedType& type, const TypeDescription& given) {
        type.proxytype = wire::identifier_mismatch(given.proxytype) == nullptr ? given.proxytype : "AutoProxy";
        type.plugin = wire::name_mismatch(given.plugin) == nullptr ? given.plugin : "";
        type.doc = harmless_text(given.doc);
        type.version = given.version;
        type.create_method = given.create_method;
        type.parameters = parameters_of(given.args, naming_.of_create);
        // A method that is called as a class would hide it from those behind.
        std::set<std::string> used = classes_;
        for (const auto& [name, method] : given.methods) add_method(type, name, method, used);
        add_notify_names(type, used);
    }

private:
    void add_method(GeneratedType& type, const std::string& wire_name, const MethodDescription& given,
                    std::set<std::string>& used) {
        if (wire::identifier_mismatch(wire_name) != nullptr) {
            type.left_out.push_back("a method whose name is no identifier");
            return;
        }
        const std::string wanted = naming_.method(wire_name);
        if (wanted.empty()) {
            type.left_out.push_back(wire_name + ": no name for a method in this language");
            return;
        }
        GeneratedMethod& method = type.methods.emplace_back();
        method.name = free_name(wanted, used, naming_.is_taken);
        used.insert(method.name);
        method.wire_name = wire_name;
        method.doc = harmless_text(given.doc);
        method.parameters = parameters_of(given.args, {});
        method.returns = parse_type_word(given.returns);
        if (!given.returns_typeid.empty()) {
            method.returns_class = class_of(types_, given.returns_typeid);
            if (method.returns_class.empty()) method.returns_class = "object";
        }
        method.blocking = given.has_flag("blocking");
        method.readonly = given.has_flag("readonly");
        method.idempotent = given.has_flag("idempotent");
        method.oneway = given.has_flag("oneway");
    }

    // When every method has its name: what the type calls notify_x stays so.
    void add_notify_names(GeneratedType& type, std::set<std::string>& used) {
        if (naming_.notify_prefix.empty()) return;
        for (GeneratedMethod& method : type.methods) {
            if (!method.oneway) continue;
            method.notify_name = free_name(naming_.notify_prefix + method.name, used, naming_.is_taken);
            used.insert(method.notify_name);
        }
    }

    std::vector<GeneratedParameter> parameters_of(const std::vector<ParameterDescription>& given,
                                                  std::set<std::string> used) {
        used.insert(classes_.begin(), classes_.end());
        std::vector<GeneratedParameter> parameters;
        for (const auto& from : given) {
            GeneratedParameter& parameter = parameters.emplace_back();
            parameter.kind = from.kind == "args" || from.kind == "kwargs" ? from.kind : "";
            const bool named = wire::identifier_mismatch(from.name) == nullptr;
            parameter.name = free_name(
                named ? from.name : fmt::format("arg{}", parameters.size()), used,
                [&](auto name) { return naming_.is_keyword(name) || name.starts_with("__") || name == "self"; });
            used.insert(parameter.name);
            parameter.doc = harmless_text(from.doc);
            parameter.type = parse_type_word(from.type);
            parameter.optional = from.default_value.has_value();
            if (parameter.optional) parameter.default_value = default_of(*from.default_value);
        }
        return parameters;
    }
    static std::optional<Value> default_of(const std::string& bytes) {
        data::Reader in(data::as_bytes(bytes));
        Value value;
        data::DecodeContext context;
        if (!data::decode_into(in, value, context)) return std::nullopt;
        return value;
    }

    const Naming& naming_;
    const std::vector<GeneratedType>& types_;
    const std::set<std::string>& classes_;
};

}  // namespace

bool GeneratedMethod::takes(std::string_view kind) const {
    return std::any_of(parameters.begin(), parameters.end(), [&](const auto& each) { return each.kind == kind; });
}

std::string class_of(const std::vector<GeneratedType>& types, std::string_view type_id) {
    for (const GeneratedType& type : types) {
        if (type.type_id == type_id) return type.class_name;
    }
    return {};
}

std::vector<GeneratedType> generated_types(std::vector<TypeDescription> descriptions, const Naming& naming) {
    std::sort(descriptions.begin(), descriptions.end(), [](const auto& a, const auto& b) { return a.type < b.type; });
    std::vector<GeneratedType> types;
    std::set<std::string> used;
    for (const auto& given : descriptions) {
        if (const char* why = wire::name_mismatch(given.type))
            throw std::runtime_error(fmt::format("a type's name is none that code is made of: {}", why));
        GeneratedType& type = types.emplace_back();
        type.type_id = given.type;
        type.class_name = free_name(camel_case(given.type) + naming.class_suffix, used, naming.is_taken);
        used.insert(type.class_name);
    }
    Writer writer(naming, types, used);
    for (std::size_t i = 0; i != types.size(); ++i) writer.fill(types[i], descriptions[i]);
    return types;
}

std::string harmless_text(std::string_view text) {
    std::string sound;
    while (!text.empty()) {
        const std::string_view before = text;
        const char32_t c = take_character(text);
        const std::string_view bytes = before.substr(0, before.size() - text.size());
        if (c == '\r') {
            if (!text.starts_with('\n')) sound += '\n';
        } else if (c == '\n') {
            sound += '\n';
        } else if (c == '\t') {
            sound += "    ";
        } else if (is_harmful(c)) {
            sound += '?';
        } else {
            sound += bytes;
        }
    }
    while (!sound.empty() && (sound.back() == '\n' || sound.back() == ' ')) sound.pop_back();
    return sound;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        lines.push_back(text.substr(begin, end - begin));
        while (!lines.back().empty() && lines.back().back() == ' ') lines.back().pop_back();
        begin = end + 1;
    }
    return lines;
}

std::string version_text(const Version& version) { return fmt::format("{}.{}", version.major, version.minor); }

}  // namespace soho::cli
