#pragma once
// What list and deque do alike, over any random-access sequence of Values.

#include "slices.hpp"
#include "values_account.hpp"
#include "values_text.hpp"

namespace shared {

// The first index in [from, to) of what equals the value, or `to`.
template <class Sequence>
std::size_t find_in(const Sequence& sequence, const Value& value, std::size_t from, std::size_t to) {
    while (from != to && !equal(sequence[from], value)) ++from;
    return from;
}

template <class Sequence>
std::uint64_t count_in(const Sequence& sequence, const Value& value) {
    return static_cast<std::uint64_t>(
        std::count_if(sequence.begin(), sequence.end(), [&](const Value& element) { return equal(element, value); }));
}

template <class Sequence>
bool contains(const Sequence& sequence, const Value& value) {
    return find_in(sequence, value, 0, sequence.size()) != sequence.size();
}

// The index that index(value, start, stop) gives; throws "2 is not in list".
template <class Sequence>
std::uint64_t index_in(const Sequence& sequence, const Value& value, const Value& start, const Value& stop,
                       const char* type) {
    const auto [from, to] = search_bounds(start, stop, sequence.size());
    const std::size_t found = find_in(sequence, value, from, to);
    if (found == to) throw value_error(repr(value) + " is not in " + type);
    return found;
}

template <class Sequence, class Other>
bool equal_sequences(const Sequence& a, const Other& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal);
}

// `sequence`, `count` times, as a list.
template <class Sequence>
Value::Array repeat(const Sequence& sequence, std::size_t count) {
    Value::Array result;
    result.reserve(sequence.size() * count);
    for (std::size_t i = 0; i != count && !sequence.empty(); ++i) {
        result.insert(result.end(), sequence.begin(), sequence.end());
    }
    return result;
}

}  // namespace shared
