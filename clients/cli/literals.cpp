#include "literals.hpp"

#include "json.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace soho::cli {

namespace {

// `list[T]` is `list` here.
std::string_view family(std::string_view type) { return type.substr(0, type.find('[')); }

bool is_any(std::string_view type) { return type.empty() || type == "any" || type == "ext"; }
bool is_container(std::string_view type) {
    return family(type) == "list" || family(type) == "map" || family(type) == "tuple";
}
bool is_integer(std::string_view type) {
    return type == "int8" || type == "int16" || type == "int32" || type == "int64" || type == "uint8" ||
           type == "uint16" || type == "uint32" || type == "uint64" || type == "int" || type == "uint";
}
bool is_float(std::string_view type) {
    return type == "float32" || type == "float64" || type == "float" || type == "seconds";
}

template <class Number>
std::optional<Number> whole_number(std::string_view text) {
    Number number{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

[[noreturn]] void mismatch(const std::string& text, std::string_view type) {
    throw UsageError(fmt::format("expected {}, got '{}'", type, text));
}

Value read_integer(const std::string& text, std::string_view type) {
    if (type.starts_with('u')) {
        const auto number = whole_number<std::uint64_t>(text);
        const auto bits = whole_number<unsigned>(type.substr(4)).value_or(64);
        if (number && (bits == 64 || *number >> bits == 0)) return *number;
    } else {
        const auto number = whole_number<std::int64_t>(text);
        const auto bits = whole_number<unsigned>(type.substr(3)).value_or(64);
        if (number &&
            (bits == 64 || (*number >= -(std::int64_t{1} << (bits - 1)) && *number < std::int64_t{1} << (bits - 1))))
            return *number;
    }
    mismatch(text, type);
}

Value read_json(const std::string& text, std::string_view type, Surroundings& surroundings) {
    const auto json = nlohmann::ordered_json::parse(text, nullptr, false);
    if (json.is_discarded()) throw UsageError(fmt::format("expected {} as JSON, got '{}'", type, text));
    return from_json(json, [&](std::uint64_t id) { return surroundings.numbered(id); });
}

bool is_reference(const std::string& text) { return text.size() > 1 && (text[0] == '@' || text[0] == '#'); }

Value read_reference(const std::string& text, Surroundings& surroundings) {
    if (text[0] == '@') return surroundings.named(text.substr(1));
    const auto id = whole_number<std::uint64_t>(std::string_view(text).substr(1));
    if (!id) throw UsageError(fmt::format("'{}' is no object: an id is #NUMBER", text));
    return surroundings.numbered(*id);
}

Value read_any(const std::string& text, Surroundings& surroundings) {
    if (is_reference(text)) return read_reference(text, surroundings);
    const bool may_be_json =
        text.empty() || std::string_view("{[\"-0123456789").find(text[0]) != std::string_view::npos;
    const auto json = nlohmann::ordered_json::parse(text, nullptr, false);
    if (json.is_discarded() && !may_be_json) return text;
    return read_json(text, "any value", surroundings);
}

// "A | B" at the outermost level.
std::vector<std::string_view> alternatives(std::string_view type) {
    std::vector<std::string_view> found;
    std::size_t begin = 0;
    int nested = 0;
    for (std::size_t at = 0; at < type.size(); ++at) {
        if (type[at] == '[') ++nested;
        if (type[at] == ']') --nested;
        if (nested != 0 || type.substr(at, 3) != " | ") continue;
        found.push_back(type.substr(begin, at - begin));
        begin = at + 3;
    }
    found.push_back(type.substr(begin));
    return found;
}

Value read_one(const std::string& text, std::string_view type, Surroundings& surroundings);

Value read_alternative(const std::string& text, std::string_view type, const std::vector<std::string_view>& choices,
                       Surroundings& surroundings) {
    // str takes everything: so it comes last, wherever it stands.
    for (const bool last : {false, true}) {
        for (const auto choice : choices) {
            if ((choice == "str" || choice == "bytes") != last) continue;
            try {
                return read_one(text, choice, surroundings);
            } catch (const UsageError&) {
            }
        }
    }
    mismatch(text, type);
}

Value read_one(const std::string& text, std::string_view type, Surroundings& surroundings) {
    if (const auto choices = alternatives(type); choices.size() > 1)
        return read_alternative(text, type, choices, surroundings);
    if (type.ends_with('?')) {
        const auto inner = type.substr(0, type.size() - 1);
        return text == "null" ? Value() : read_one(text, inner, surroundings);
    }
    if (is_any(type)) return read_any(text, surroundings);
    if (type == "str") return text;
    if (type == "bytes") {
        const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
        return Value::Bytes(bytes, bytes + text.size());
    }
    if (type == "bool")
        return text == "true" ? true : text == "false" ? false : (mismatch(text, "true or false"), false);
    if (type == "nil") return text == "null" ? Value() : (mismatch(text, "null"), Value());
    if (is_integer(type)) return read_integer(text, type);
    if (is_float(type))
        return whole_number<double>(text) ? Value(*whole_number<double>(text)) : (mismatch(text, type), Value());
    if (is_container(type))
        return is_reference(text) ? read_reference(text, surroundings) : read_json(text, type, surroundings);
    if (is_reference(text)) return read_reference(text, surroundings);
    // A class of objects, or a struct that travels as a map or an array.
    if (text.starts_with('{') || text.starts_with('[')) return read_json(text, type, surroundings);
    throw UsageError(fmt::format("expected {}: an object, as @NAME or #ID; got '{}'", type, text));
}

}  // namespace

Value read_literal(const std::string& text, std::string_view type, Surroundings& surroundings) {
    if (text.starts_with('@')) {
        if (const Value* variable = surroundings.variable(text.substr(1))) return *variable;
    }
    if (text == "\\-") return read_one("-", type, surroundings);
    if (text != "-") return read_one(text, type, surroundings);
    std::string input = surroundings.standard_input();
    const auto inner = type.ends_with('?') ? type.substr(0, type.size() - 1) : type;
    const bool is_verbatim = inner == "str" || inner == "bytes";
    while (!is_verbatim && input.ends_with('\n')) input.pop_back();
    return read_one(input, type, surroundings);
}

}  // namespace soho::cli
