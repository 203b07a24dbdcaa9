#include "values_text.hpp"

#include "values_numbers.hpp"

#include <charconv>
#include <cmath>

namespace shared {

namespace {

void append_hex(std::string& text, std::string_view prefix, std::uint32_t number, int width) {
    constexpr char digits[] = "0123456789abcdef";
    text += prefix;
    for (int shift = (width - 1) * 4; shift >= 0; shift -= 4) text += digits[(number >> shift) & 15];
}

bool append_escape(std::string& text, char character, char quote) {
    switch (character) {
        case '\n': text += "\\n"; return true;
        case '\r': text += "\\r"; return true;
        case '\t': text += "\\t"; return true;
        default: break;
    }
    if (character != quote && character != '\\') return false;
    text += '\\';
    text += character;
    return true;
}

// Python takes double quotes only where that saves escapes.
char quote_for(std::string_view characters) {
    const bool has_single = characters.find('\'') != std::string_view::npos;
    return has_single && characters.find('"') == std::string_view::npos ? '"' : '\'';
}

struct Decoded {
    char32_t character = 0;
    std::size_t size = 0;  // 0: no UTF-8 here
};

Decoded decode_utf8(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80) return {lead, 1};
    const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {};
    char32_t character = lead & (0xffu >> (size + 1));
    for (std::size_t i = 1; i != size; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xc0u) != 0x80) return {};
        character = (character << 6) | (next & 0x3fu);
    }
    constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool is_surrogate = character >= 0xd800 && character <= 0xdfff;
    if (character < least[size] || character > 0x10ffff || is_surrogate) return {};
    return {character, size};
}

void append_character(std::string& text, std::string_view bytes, const Decoded& decoded, char quote) {
    const char32_t character = decoded.character;
    if (decoded.size == 0)
        return append_hex(text, "\\udc", static_cast<unsigned char>(bytes[0]), 2);  // surrogateescape
    if (decoded.size == 1 && append_escape(text, bytes[0], quote)) return;
    if (is_printable(character)) {
        text += bytes;
    } else if (character < 0x100) {
        append_hex(text, "\\x", character, 2);
    } else if (character < 0x10000) {
        append_hex(text, "\\u", character, 4);
    } else {
        append_hex(text, "\\U", character, 8);
    }
}

void append_string(std::string& text, std::string_view characters) {
    const char quote = quote_for(characters);
    text += quote;
    while (!characters.empty()) {
        const Decoded next = decode_utf8(characters);
        const std::size_t size = std::max<std::size_t>(next.size, 1);
        append_character(text, characters.substr(0, size), next, quote);
        characters.remove_prefix(size);
    }
    text += quote;
}

void append_bytes(std::string& text, std::string_view bytes) {
    const char quote = quote_for(bytes);
    text += 'b';
    text += quote;
    for (const char byte : bytes) {
        if (append_escape(text, byte, quote)) continue;
        if (byte >= 0x20 && byte < 0x7f) {
            text += byte;
        } else {
            append_hex(text, "\\x", static_cast<unsigned char>(byte), 2);
        }
    }
    text += quote;
}

void append_set(std::string& text, const Value& value) {
    const Value::Array elements = parts_of(value);
    if (elements.empty()) {
        text += "set()";
        return;
    }
    text += '{';
    append_elements(text, elements);
    text += '}';
}

// slice(1, None, 2), range(0, 10)
void append_bounds(std::string& text, std::string_view name, const Value& value) {
    Value::Array bounds = parts_of(value);
    if (name == "range" && bounds.size() == 3 && equal(bounds[2], 1)) bounds.pop_back();
    text += name;
    text += '(';
    append_elements(text, bounds);
    text += ')';
}

void append_extension(std::string& text, const Value& value, const Value::Extension& extension) {
    switch (extension.type()) {
        case soho::handle_extension: text += handle_repr(handle_id(value), type_name(value)); return;
        case soho::set_extension: append_set(text, value); return;
        case slice_extension: append_bounds(text, "slice", value); return;
        case range_extension: append_bounds(text, "range", value); return;
        case soho::tuple_extension: {
            const Value::Array elements = parts_of(value);
            text += '(';
            append_elements(text, elements);
            text += elements.size() == 1 ? ",)" : ")";
            return;
        }
        case datetime_extension:
            text += "datetime.datetime.fromisoformat(";
            append_string(text, extension.body());
            text += ')';
            return;
        default:
            text += "ExtType(code=" + std::to_string(extension.type()) + ", data=";
            append_bytes(text, extension.body());
            text += ')';
    }
}

}  // namespace

std::string repr(double number) {
    if (std::isnan(number)) return "nan";
    if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
    char written[32];
    const char* end = std::to_chars(written, written + sizeof written, number, std::chars_format::scientific).ptr;
    const std::string_view scientific(written, static_cast<std::size_t>(end - written));
    const std::size_t e = scientific.find('e');
    const bool negative = scientific.starts_with('-');
    std::string digits;
    for (const char c : scientific.substr(0, e)) {
        if (c >= '0' && c <= '9') digits += c;
    }
    const bool is_small = scientific[e + 1] == '-';
    int exponent = 0;
    std::from_chars(scientific.data() + e + 2, end, exponent);
    if (is_small) exponent = -exponent;
    const auto size = static_cast<int>(digits.size());
    std::string text;
    if (exponent < -4 || exponent >= 16) {
        text = digits.substr(0, 1) + (size > 1 ? "." + digits.substr(1) : "") + (exponent < 0 ? "e-" : "e+");
        const int magnitude = std::abs(exponent);
        text += (magnitude < 10 ? "0" : "") + std::to_string(magnitude);
    } else if (exponent < 0) {
        text = "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
    } else {
        if (size <= exponent) digits.append(static_cast<std::size_t>(exponent + 1 - size), '0');
        const auto whole = static_cast<std::size_t>(exponent + 1);
        text = digits.substr(0, whole) + "." + (digits.size() > whole ? digits.substr(whole) : "0");
    }
    return negative ? "-" + text : text;
}

std::string handle_repr(std::uint64_t id, std::string_view type_id) {
    constexpr std::pair<std::string_view, std::string_view> proxies[] = {
        {"list", "ListProxy"},       {"dict", "DictProxy"},          {"Namespace", "NamespaceProxy"},
        {"set", "SetProxy"},         {"deque", "DequeProxy"},        {"Value", "ValueProxy"},
        {"Array", "ArrayProxy"},     {"Iterator", "IteratorProxy"},  {"Lock", "AcquirerProxy"},
        {"RLock", "AcquirerProxy"},  {"Event", "EventProxy"},        {"Condition", "ConditionProxy"},
        {"Barrier", "BarrierProxy"}, {"Semaphore", "AcquirerProxy"}, {"BoundedSemaphore", "AcquirerProxy"}};
    std::string proxy = "AutoProxy[" + std::string(type_id) + "]";
    for (const auto& [type, name] : proxies) {
        if (type == type_id) proxy = name;
    }
    char address[24];
    std::snprintf(address, sizeof address, "0x%llx", static_cast<unsigned long long>(id));
    return "<" + proxy + " object, typeid '" + std::string(type_id) + "' at " + address + ">";
}

void append_repr(std::string& text, const Value& value) {
    if (const auto* characters = value.get_if<std::string>()) return append_string(text, *characters);
    if (const auto* number = value.get_if<double>()) {
        text += repr(*number);
    } else if (const auto* flag = value.get_if<bool>()) {
        text += *flag ? "True" : "False";
    } else if (const auto integer = number_of(value)) {
        text += decimal(*integer);
    } else if (value.is_nil()) {
        text += "None";
    } else if (const auto* bytes = value.get_if<Value::Bytes>()) {
        append_bytes(text, {reinterpret_cast<const char*>(bytes->data()), bytes->size()});
    } else if (const auto* elements = value.get_if<Value::Array>()) {
        text += '[';
        append_elements(text, *elements);
        text += ']';
    } else if (const auto* pairs = value.get_if<Value::Map>()) {
        const char* between = "";
        text += '{';
        for (const auto& [key, mapped] : *pairs) {
            text += std::exchange(between, ", ");
            append_repr(text, key);
            text += ": ";
            append_repr(text, mapped);
        }
        text += '}';
    } else if (const auto* extension = value.get_if<Value::Extension>()) {
        append_extension(text, value, *extension);
    }
}

std::string repr(const Value& value) {
    std::string text;
    append_repr(text, value);
    return text;
}

std::string str(const Value& value) {
    const auto* text = value.get_if<std::string>();
    return text != nullptr ? *text : repr(value);
}

}  // namespace shared
