#pragma once
// Typed numbers: the typecodes of Python's array module, what they hold, and in which words they refuse the rest.

#include "values.hpp"

#include <variant>
#include <vector>

namespace shared {

// b B h H i I l L q Q f d: what array.array takes, but for characters.
bool is_typecode(char code);
// A typecode as it comes in an argument; throws as array.array does. `further` are codes taken besides.
char typecode_of(const Value& value, std::string_view further = {});

using Items =
    std::variant<std::vector<std::int8_t>, std::vector<std::uint8_t>, std::vector<std::int16_t>,
                 std::vector<std::uint16_t>, std::vector<std::int32_t>, std::vector<std::uint32_t>,
                 std::vector<std::int64_t>, std::vector<std::uint64_t>, std::vector<float>, std::vector<double>>;

// No items, of the type that the code stands for.
Items empty_items(char code);
std::size_t item_size(char code);

// The value as an item of that type holds it; throws OverflowError or TypeError.
std::int64_t signed_item(char code, const Value& value);
std::uint64_t unsigned_item(char code, const Value& value);
double floating_item(const Value& value);

template <class T>
T item_of(char code, const Value& value) {
    if constexpr (std::is_floating_point_v<T>) {
        return static_cast<T>(floating_item(value));
    } else if constexpr (std::is_signed_v<T>) {
        return static_cast<T>(signed_item(code, value));
    } else {
        return static_cast<T>(unsigned_item(code, value));
    }
}

// The value as it comes back from an item of that type.
Value through_item(char code, const Value& value);

}  // namespace shared
