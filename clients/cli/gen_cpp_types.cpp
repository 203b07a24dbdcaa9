#include "gen_cpp_types.hpp"

#include "gen_cpp.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

namespace soho::cli {

namespace {

struct Scalar {
    std::string_view word, type;
};
constexpr std::array<Scalar, 12> scalars = {{{"bool", "bool"},
                                             {"int8", "std::int8_t"},
                                             {"int16", "std::int16_t"},
                                             {"int32", "std::int32_t"},
                                             {"int64", "std::int64_t"},
                                             {"uint8", "std::uint8_t"},
                                             {"uint16", "std::uint16_t"},
                                             {"uint32", "std::uint32_t"},
                                             {"uint64", "std::uint64_t"},
                                             {"float32", "float"},
                                             {"float64", "double"},
                                             {"seconds", "std::chrono::duration<double>"}}};

std::string_view scalar_of(std::string_view word) {
    for (const Scalar& scalar : scalars) {
        if (scalar.word == word) return scalar.type;
    }
    return {};
}

bool is_key(const TypeWord& word) {
    return word.parts.empty() &&
           (word.name == "str" || word.name.starts_with("int") || word.name.starts_with("uint")) &&
           (word.name == "str" || !scalar_of(word.name).empty());
}

constexpr std::string_view any = "soho::Value";

std::string joined_types(const std::vector<TypeWord>& words, const std::vector<GeneratedType>& types) {
    std::string text;
    for (const TypeWord& word : words) text += (text.empty() ? "" : ", ") + cpp_type(word, types);
    return text;
}

// Whether an integer literal of that value fits the type that the word says.
bool fits(const Value& value, std::string_view word) {
    const auto* number = value.get_if<std::int64_t>();
    if (number == nullptr) return word == "uint64";
    if (word == "uint64") return *number >= 0;
    const auto within = [&](auto limit) {
        using Type = decltype(limit);
        return std::in_range<Type>(*number);
    };
    return word == "int8"     ? within(std::int8_t{})
           : word == "int16"  ? within(std::int16_t{})
           : word == "int32"  ? within(std::int32_t{})
           : word == "uint8"  ? within(std::uint8_t{})
           : word == "uint16" ? within(std::uint16_t{})
           : word == "uint32"
               ? within(std::uint32_t{})
               : *number != std::numeric_limits<std::int64_t>::min();  // -9223372036854775808 is no literal
}

std::string integer_text(const Value& value) {
    if (const auto* number = value.get_if<std::int64_t>()) return fmt::format("{}", *number);
    return fmt::format("{}u", *value.get_if<std::uint64_t>());
}

std::optional<std::string> float_text(double value) {
    if (!std::isfinite(value)) return std::nullopt;
    std::string text = fmt::format("{}", value);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
}

std::optional<std::string> any_default(const Value& value) {
    if (value.is_nil()) return "{}";
    if (const auto* truth = value.get_if<bool>()) return *truth ? "true" : "false";
    if (value.is_integer() && fits(value, value.get_if<std::uint64_t>() != nullptr ? "uint64" : "int64"))
        return integer_text(value);
    if (const auto* number = value.get_if<double>()) return float_text(*number);
    if (const auto* text = value.get_if<std::string>(); text != nullptr && text->find('\0') == std::string::npos)
        return cpp_literal(*text);
    return std::nullopt;
}

}  // namespace

std::string cpp_type(const TypeWord& word, const std::vector<GeneratedType>& types) {
    const auto& parts = word.parts;
    if (const auto scalar = scalar_of(word.name); !scalar.empty() && parts.empty()) return std::string(scalar);
    if (word.name == "str") return "std::string";
    if (word.name == "bytes") return "std::vector<std::byte>";
    if (word.name == "object") return "soho::Proxy";
    if (word.name == "list" && parts.size() == 1) return fmt::format("std::vector<{}>", cpp_type(parts[0], types));
    if (word.name == "tuple" && !parts.empty()) return fmt::format("std::tuple<{}>", joined_types(parts, types));
    if (word.name == "map" && parts.size() == 2 && is_key(parts[0]))
        return fmt::format("std::map<{}>", joined_types(parts, types));
    if (word.name == "?" && parts.size() == 1) {
        const std::string inner = cpp_type(parts[0], types);
        return inner == any || inner.starts_with("std::optional<") ? std::string(any)
                                                                   : fmt::format("std::optional<{}>", inner);
    }
    const std::string known = parts.empty() ? class_of(types, word.name) : "";
    return known.empty() ? std::string(any) : known;
}

std::string cpp_parameter_type(const TypeWord& word, const std::vector<GeneratedType>& types) {
    if (!scalar_of(word.name).empty() && word.parts.empty()) return std::string(scalar_of(word.name));
    if (word.name == "str") return "std::string_view";
    return fmt::format("const {}&", cpp_type(word, types));
}

void note_classes(const TypeWord& word, const std::vector<GeneratedType>& types, std::set<std::string>& classes) {
    if (const std::string known = class_of(types, word.name); !known.empty()) classes.insert(known);
    for (const TypeWord& part : word.parts) note_classes(part, types, classes);
}

std::optional<std::string> cpp_default(const Value& value, const TypeWord& word) {
    if (word.name == "?" && word.parts.size() == 1) {
        if (value.is_nil()) return "{}";
        return cpp_default(value, word.parts[0]);
    }
    if (word.name == "bool")
        return value.is_bool() ? std::optional<std::string>(*value.get_if<bool>() ? "true" : "false") : std::nullopt;
    if (word.name == "str") return value.is_string() ? any_default(value) : std::nullopt;
    if (word.name.starts_with("float") || word.name == "seconds") {
        const auto* number = value.get_if<double>();
        const auto* whole = value.get_if<std::int64_t>();
        if (number == nullptr && whole == nullptr) return std::nullopt;
        auto text = float_text(number != nullptr ? *number : static_cast<double>(*whole));
        return text && word.name == "seconds" ? fmt::format("std::chrono::duration<double>({})", *text) : text;
    }
    if (!scalar_of(word.name).empty())
        return value.is_integer() && fits(value, word.name) ? std::optional(integer_text(value)) : std::nullopt;
    const bool is_sequence = word.name == "list" || word.name == "map" || word.name == "bytes";
    if (is_sequence)
        return value.size() == 0 && !value.is_nil() && (value.is_array() || value.is_map() || value.is_bytes())
                   ? std::optional<std::string>("{}")
                   : std::nullopt;
    return cpp_type(word, {}) == any ? any_default(value) : std::nullopt;
}

}  // namespace soho::cli
