#pragma once
// Python's slices and indices, resolved against a length.
//
// A slice travels as the extension 0x58, [start, stop, step]. A client without extensions says it as the map that such a
// client is sent: {"start": 1, "stop": nil, "step": 2}; parts that are nil may be left out.

#include "values.hpp"

#include <optional>

namespace shared {

// The elements start, start + step, … (count of them). All are within the sequence.
struct Slice {
    std::int64_t start = 0, stop = 0, step = 1;
    std::int64_t count = 0;

    std::size_t at(std::int64_t i) const { return static_cast<std::size_t>(start + i * step); }
    // The same elements from front to back.
    Slice ascending() const;
};

// The slice of a sequence of `size` elements; nothing if the value is none. Throws ValueError for a step of zero and
// TypeError for bounds that are no integers.
std::optional<Slice> slice_of(const Value& value, std::size_t size);

// An index, counted from the end if negative; throws IndexError with `sentence` where there is no such element.
std::size_t checked_index(std::int64_t index, std::size_t size, const char* sentence);
// Where insert() puts it: beyond the ends it goes to the ends.
std::size_t clamped_index(std::int64_t index, std::size_t size);
// The bounds of index(value, start, stop).
std::pair<std::size_t, std::size_t> search_bounds(const Value& start, const Value& stop, std::size_t size);

// How often `sequence * count` repeats it; throws as Python does.
std::size_t repetitions(const Value& count);

}  // namespace shared
