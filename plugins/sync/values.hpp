#pragma once
// Python's view of soho::Value: which values are equal, what hashes, what sorts, and in which words it refuses.
//
// 1 == 1.0 == true; text is not bytes; a tuple (0x54) is not a list; a big integer (0x56) is a number like any other; a
// handle equals the handles of the same object. A NaN equals nothing.

#include <soho/plugin.hpp>

#include <string>

namespace shared {

using soho::Value;

inline constexpr std::int8_t big_integer_extension = 0x56;
inline constexpr std::int8_t datetime_extension = 0x57;
inline constexpr std::int8_t slice_extension = 0x58;
inline constexpr std::int8_t range_extension = 0x59;
inline constexpr std::int8_t opaque_extension = 0x5a;

enum class Order { less, less_equal, greater, greater_equal };
// "<" and so on.
std::string_view symbol(Order order);

// As Python's type(value).__name__.
std::string type_name(const Value& value);

bool equal(const Value& a, const Value& b);
// Throws TypeError for what Python cannot hash.
std::size_t hash_of(const Value& value);
// Throws TypeError where the two have no order.
bool ordered(const Value& a, const Value& b, Order order);
// `order` of two sequences: of their first elements that differ, else of their lengths.
bool ordered(const Value::Array& a, const Value::Array& b, Order order);
bool truth(const Value& value);

// The body if the value is that extension, else NULL.
const Value::Extension* extension_of(const Value& value, std::int8_t type);
bool is_tuple(const Value& value);
bool is_set(const Value& value);
// The elements of a list, a tuple or a set; handles in the latter two are not kept alive by the result.
Value::Array parts_of(const Value& value);
// The id in a handle; 0 for all else.
std::uint64_t handle_id(const Value& value);

Value make_tuple(const Value::Array& elements);
Value make_set(const Value::Array& elements);

// About how many bytes it takes, itself included.
std::int64_t footprint(const Value& value);

soho::Error type_error(std::string text);
soho::Error index_error(std::string text);
soho::Error value_error(std::string text);
soho::Error key_error(const Value& key);
soho::Error no_order(std::string_view symbol, std::string_view a, std::string_view b);
soho::Error unsupported_operands(std::string_view symbol, std::string_view a, std::string_view b);

}  // namespace shared
