#include "array_items.hpp"

#include "values_numbers.hpp"

#include <cmath>
#include <limits>

namespace shared {

namespace {

constexpr std::string_view typecodes = "bBhHiIlLqQfd";

[[noreturn]] void overflow(std::string text) { throw soho::Error("OverflowError", std::move(text)); }

// A range that CPython checks, and what it calls the type then. It checks wider ones first.
struct Range {
    std::string_view name;
    Wide least, most;
};

template <class T>
constexpr Range range(std::string_view name) {
    return {name, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
}

void check(const Number& number, const Range& range) {
    if (number.integer > range.most) overflow(std::string(range.name) + " is greater than maximum");
    if (number.integer < range.least) overflow(std::string(range.name) + " is less than minimum");
}

bool fits(const Number& number, Wide least, Wide most) {
    return number.kind == Number::Kind::integer && number.integer >= least && number.integer <= most;
}

Number integer_of(const Value& value) {
    if (!is_integer(value)) throw type_error("'" + type_name(value) + "' object cannot be interpreted as an integer");
    return *number_of(value);
}

}  // namespace

bool is_typecode(char code) { return typecodes.find(code) != std::string_view::npos; }

char typecode_of(const Value& value, std::string_view further) {
    const auto* text = value.get_if<std::string>();
    if (text == nullptr || text->size() != 1) {
        throw type_error("array() argument 1 must be a unicode character, not " + type_name(value));
    }
    const char code = text->front();
    if (!is_typecode(code) && further.find(code) == std::string_view::npos) {
        std::string known = "b, B, h, H, i, I, l, L, q, Q, f or d";
        for (const char other : further) known.insert(0, std::string(1, other) + ", ");
        throw value_error("bad typecode (must be " + known + ")");
    }
    return code;
}

Items empty_items(char code) {
    switch (code) {
        case 'b': return std::vector<std::int8_t>();
        case 'B': return std::vector<std::uint8_t>();
        case 'h': return std::vector<std::int16_t>();
        case 'H': return std::vector<std::uint16_t>();
        case 'i': return std::vector<std::int32_t>();
        case 'I': return std::vector<std::uint32_t>();
        case 'l':
        case 'q': return std::vector<std::int64_t>();
        case 'L':
        case 'Q': return std::vector<std::uint64_t>();
        case 'f': return std::vector<float>();
        default: return std::vector<double>();
    }
}

std::size_t item_size(char code) {
    return std::visit([](const auto& items) { return sizeof(items[0]); }, empty_items(code));
}

std::int64_t signed_item(char code, const Value& value) {
    const Number number = integer_of(value);
    if (!fits(number, INT64_MIN, INT64_MAX)) {
        overflow(code == 'q' ? "int too big to convert" : "Python int too large to convert to C long");
    }
    if (code == 'b' || code == 'h') check(number, range<std::int16_t>("signed short integer"));
    if (code == 'b') check(number, range<std::int8_t>("signed char"));
    if (code == 'i') check(number, range<std::int32_t>("signed integer"));
    return static_cast<std::int64_t>(number.integer);
}

std::uint64_t unsigned_item(char code, const Value& value) {
    const Number number = integer_of(value);
    if (code == 'B' || code == 'H') {
        if (!fits(number, INT64_MIN, INT64_MAX)) overflow("Python int too large to convert to C long");
        if (code == 'H') check(number, range<std::int32_t>("signed integer"));
        check(number,
              code == 'B' ? range<std::uint8_t>("unsigned byte integer") : range<std::uint16_t>("unsigned short"));
        return static_cast<std::uint64_t>(number.integer);
    }
    if (compare(number, Number()) < 0) {
        overflow(code == 'Q' ? "can't convert negative int to unsigned"
                             : "can't convert negative value to unsigned int");
    }
    if (!fits(number, 0, UINT64_MAX)) {
        overflow(code == 'Q' ? "int too big to convert" : "Python int too large to convert to C unsigned long");
    }
    if (code == 'I' && number.integer > UINT32_MAX) overflow("unsigned int is greater than maximum");
    return static_cast<std::uint64_t>(number.integer);
}

double floating_item(const Value& value) {
    const auto number = number_of(value);
    if (!number) throw type_error("must be real number, not " + type_name(value));
    if (number->kind == Number::Kind::floating) return number->floating;
    const double nearest = std::strtod(decimal(*number).c_str(), nullptr);
    if (std::isinf(nearest)) overflow("int too large to convert to float");
    return nearest;
}

Value through_item(char code, const Value& value) {
    return std::visit(
        [&](const auto& items) {
            using T = typename std::decay_t<decltype(items)>::value_type;
            return Value(item_of<T>(code, value));
        },
        empty_items(code));
}

}  // namespace shared
