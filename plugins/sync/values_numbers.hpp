#pragma once
// Numbers of every kind, compared by their value as Python does; and integers that are asked for as arguments.

#include "values.hpp"

#include <optional>

namespace shared {

__extension__ using Wide = __int128;

// A bool, an integer of any size, or a float.
struct Number {
    enum class Kind { integer, big, floating };
    Kind kind = Kind::integer;
    Wide integer = 0;
    double floating = 0;
    bool negative = false;  // of a big one
    std::string digits;     // of a big one: without leading zeros, always more than 38
};

std::optional<Number> number_of(const Value& value);
std::partial_ordering compare(const Number& a, const Number& b);
std::size_t hash_of(const Number& number);
// An integer's decimal text.
std::string decimal(const Number& number);

// A bool or an integer of any size.
bool is_integer(const Value& value);

// What does not fit into 64 bits, where an argument wants an index.
enum class Beyond { index_error, overflow_error, clamp };
// An integer argument; throws TypeError with CPython's sentence, or with `instead` if that is given.
std::int64_t integer_argument(const Value& value, Beyond beyond, std::string_view instead = {});

}  // namespace shared
