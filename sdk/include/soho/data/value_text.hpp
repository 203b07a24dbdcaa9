#pragma once
// How a Value reads in logs and messages. Part of value.hpp.

#include <soho/data/value.hpp>

#include <charconv>

namespace soho::data::detail {

// Text between quotes. What is no printable ASCII is escaped in bytes; text keeps its UTF-8.
inline void append_quoted(std::string& text, std::string_view characters, bool is_bytes) {
    constexpr char digits[] = "0123456789abcdef";
    text += '"';
    for (const char c : characters) {
        const auto code = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            text += '\\';
            text += c;
        } else if (c == '\n') {
            text += "\\n";
        } else if (code < 0x20 || code == 0x7f || (is_bytes && code > 0x7f)) {
            text += is_bytes ? "\\x" : "\\u00";
            text += digits[code >> 4];
            text += digits[code & 15];
        } else {
            text += c;
        }
    }
    text += '"';
}

// The shortest digits that read back as the same number, always with a point or an exponent.
inline void append_number(std::string& text, double number) {
    char digits[32];
    const char* end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    const std::string_view written(digits, static_cast<std::size_t>(end - digits));
    text += written;
    if (written.find_first_not_of("-0123456789") == std::string_view::npos) text += ".0";
}

inline void append_text(std::string& text, const Value& value) {
    if (value.is_nil()) text += "null";
    if (const auto* truth = value.get_if<bool>()) text += *truth ? "true" : "false";
    if (const auto* number = value.get_if<std::int64_t>()) text += std::to_string(*number);
    if (const auto* number = value.get_if<std::uint64_t>()) text += std::to_string(*number);
    if (const auto* number = value.get_if<double>()) append_number(text, *number);
    if (const auto* characters = value.get_if<std::string>()) append_quoted(text, *characters, false);
    if (const auto* bytes = value.get_if<Value::Bytes>()) {
        text += 'b';
        append_quoted(text, {reinterpret_cast<const char*>(bytes->data()), bytes->size()}, true);
    }
    if (const auto* extension = value.get_if<Value::Extension>()) {
        text += "ext(" + std::to_string(extension->type()) + ", " + std::to_string(extension->body().size()) + ")";
    }
    const char* between = "";
    if (const auto* elements = value.get_if<Value::Array>()) {
        text += '[';
        for (const Value& element : *elements) {
            text += std::exchange(between, ", ");
            append_text(text, element);
        }
        text += ']';
    }
    if (const auto* pairs = value.get_if<Value::Map>()) {
        text += '{';
        for (const auto& [key, mapped] : *pairs) {
            text += std::exchange(between, ", ");
            append_text(text, key);
            text += ": ";
            append_text(text, mapped);
        }
        text += '}';
    }
}

}  // namespace soho::data::detail
