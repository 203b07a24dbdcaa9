#include "values_numbers.hpp"

#include <cmath>

namespace shared {

namespace {

constexpr std::size_t wide_digits = 38;  // so many decimal digits always fit a Wide

std::optional<Number> from_decimal(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
    Number number;
    if (text.size() > wide_digits) {
        number.kind = Number::Kind::big;
        number.negative = negative;
        number.digits = text;
        return number;
    }
    for (const char digit : text) number.integer = number.integer * 10 + (digit - '0');
    if (negative) number.integer = -number.integer;
    return number;
}

Number from_integer(Wide value) {
    Number number;
    number.integer = value;
    return number;
}

// The integer that a float without a fraction is.
Number whole(double value) {
    if (std::abs(value) < 1e37) return from_integer(static_cast<Wide>(value));
    std::string text(350, '\0');
    text.resize(static_cast<std::size_t>(std::snprintf(text.data(), text.size(), "%.0f", value)));
    return *from_decimal(text);
}

bool is_negative(const Number& number) {
    return number.kind == Number::Kind::big ? number.negative : number.integer < 0;
}

std::strong_ordering compare_integers(const Number& a, const Number& b) {
    using Kind = Number::Kind;
    if (a.kind == Kind::integer && b.kind == Kind::integer) return a.integer <=> b.integer;
    if (is_negative(a) != is_negative(b)) return is_negative(b) <=> is_negative(a);
    std::strong_ordering magnitude = (a.kind == Kind::big) <=> (b.kind == Kind::big);
    if (magnitude == 0) magnitude = a.digits.size() <=> b.digits.size();
    if (magnitude == 0) magnitude = a.digits.compare(b.digits) <=> 0;
    return is_negative(a) ? 0 <=> magnitude : magnitude;
}

// An integer and a float.
std::partial_ordering compare_mixed(const Number& a, double b) {
    if (std::isnan(b)) return std::partial_ordering::unordered;
    if (std::isinf(b)) return b > 0 ? std::partial_ordering::less : std::partial_ordering::greater;
    const double trunk = std::trunc(b);
    const auto order = compare_integers(a, whole(trunk));
    return order != 0 ? std::partial_ordering(order) : 0.0 <=> b - trunk;
}

std::size_t mix(std::uint64_t number) {
    number ^= number >> 32;
    number *= 0x9e3779b97f4a7c15;
    return number ^ (number >> 29);
}

}  // namespace

std::optional<Number> number_of(const Value& value) {
    if (const auto* number = value.get_if<std::int64_t>()) return from_integer(*number);
    if (const auto* number = value.get_if<double>()) {
        Number floating;
        floating.kind = Number::Kind::floating;
        floating.floating = *number;
        return floating;
    }
    if (const auto* number = value.get_if<bool>()) return from_integer(*number ? 1 : 0);
    if (const auto* number = value.get_if<std::uint64_t>()) return from_integer(*number);
    if (const auto* big = extension_of(value, big_integer_extension)) return from_decimal(big->body());
    return std::nullopt;
}

std::partial_ordering compare(const Number& a, const Number& b) {
    const bool floating_a = a.kind == Number::Kind::floating, floating_b = b.kind == Number::Kind::floating;
    if (floating_a && floating_b) return a.floating <=> b.floating;
    if (floating_b) return compare_mixed(a, b.floating);
    if (floating_a) return 0 <=> compare_mixed(b, a.floating);
    return compare_integers(a, b);
}

std::size_t hash_of(const Number& number) {
    if (number.kind == Number::Kind::floating) {
        const double value = number.floating;
        if (std::isfinite(value) && value == std::trunc(value)) return hash_of(whole(value));
        return mix(std::bit_cast<std::uint64_t>(value));
    }
    if (number.kind == Number::Kind::big) return std::hash<std::string_view>()(number.digits);
    return mix(static_cast<std::uint64_t>(number.integer) ^ mix(static_cast<std::uint64_t>(number.integer >> 64)));
}

std::string decimal(const Number& number) {
    if (number.kind == Number::Kind::big) return (number.negative ? "-" : "") + number.digits;
    std::string text;
    Wide rest = number.integer;
    do {
        const auto digit = static_cast<int>(rest % 10);
        text.insert(text.begin(), static_cast<char>('0' + std::abs(digit)));
        rest /= 10;
    } while (rest != 0);
    return number.integer < 0 ? "-" + text : text;
}

bool is_integer(const Value& value) {
    if (value.is_integer() || value.is_bool()) return true;
    return !value.is_float() && number_of(value).has_value();  // anybody may send a big integer whose text is none
}

std::int64_t integer_argument(const Value& value, Beyond beyond, std::string_view instead) {
    const auto number = is_integer(value) ? number_of(value) : std::nullopt;
    if (!number) {
        throw type_error(!instead.empty() ? std::string(instead)
                                          : "'" + type_name(value) + "' object cannot be interpreted as an integer");
    }
    if (number->kind == Number::Kind::integer && number->integer >= INT64_MIN && number->integer <= INT64_MAX) {
        return static_cast<std::int64_t>(number->integer);
    }
    if (beyond == Beyond::clamp) return is_negative(*number) ? INT64_MIN : INT64_MAX;
    if (beyond == Beyond::index_error) throw index_error("cannot fit 'int' into an index-sized integer");
    throw soho::Error("OverflowError", "Python int too large to convert to C ssize_t");
}

}  // namespace shared
