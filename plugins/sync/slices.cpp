#include "slices.hpp"

#include "values_numbers.hpp"

#include <array>

namespace shared {

namespace {

using Bounds = std::array<Value, 3>;  // start, stop, step

std::optional<Bounds> bounds_of(const Value& value) {
    Bounds bounds;
    if (extension_of(value, slice_extension) != nullptr) {
        const Value::Array parts = parts_of(value);
        if (parts.size() != bounds.size()) throw type_error("a slice is [start, stop, step]");
        std::copy(parts.begin(), parts.end(), bounds.begin());
        return bounds;
    }
    const auto* map = value.get_if<Value::Map>();
    if (map == nullptr || map->empty()) return std::nullopt;
    for (const auto& [key, bound] : *map) {
        const auto* name = key.get_if<std::string>();
        const std::size_t which = name == nullptr    ? 3
                                  : *name == "start" ? 0
                                  : *name == "stop"  ? 1
                                  : *name == "step"  ? 2
                                                     : 3;
        if (which == 3) return std::nullopt;
        bounds[which] = bound;
    }
    return bounds;
}

std::int64_t bound(const Value& value, std::int64_t if_nil) {
    if (value.is_nil()) return if_nil;
    return integer_argument(value, Beyond::clamp, "slice indices must be integers or None or have an __index__ method");
}

// A bound within [lowest, highest], counted from the end if negative.
std::int64_t within(std::int64_t at, std::int64_t size, std::int64_t lowest, std::int64_t highest) {
    if (at < 0) at = at < -size ? lowest : at + size;
    return std::clamp(at, lowest, highest);
}

}  // namespace

Slice Slice::ascending() const {
    if (step > 0) return *this;
    if (count == 0) return {start, start, -step, 0};
    const std::int64_t first = start + (count - 1) * step;
    return {first, start + 1, -step, count};
}

std::optional<Slice> slice_of(const Value& value, std::size_t size) {
    const auto bounds = bounds_of(value);
    if (!bounds) return std::nullopt;
    const auto length = static_cast<std::int64_t>(size);
    Slice slice;
    slice.step = std::max<std::int64_t>(bound((*bounds)[2], 1), -INT64_MAX);
    if (slice.step == 0) throw value_error("slice step cannot be zero");
    const bool forward = slice.step > 0;
    const std::int64_t lowest = forward ? 0 : -1, highest = forward ? length : length - 1;
    slice.start = within(bound((*bounds)[0], forward ? 0 : INT64_MAX), length, lowest, highest);
    const Value& stop = (*bounds)[1];
    slice.stop = stop.is_nil() ? (forward ? length : -1) : within(bound(stop, 0), length, lowest, highest);
    const std::int64_t distance = forward ? slice.stop - slice.start : slice.start - slice.stop;
    const std::int64_t stride = forward ? slice.step : -slice.step;
    slice.count = distance > 0 ? (distance - 1) / stride + 1 : 0;
    return slice;
}

std::size_t checked_index(std::int64_t index, std::size_t size, const char* sentence) {
    const auto length = static_cast<std::int64_t>(size);
    if (index < 0) index += length;
    if (index < 0 || index >= length) throw index_error(sentence);
    return static_cast<std::size_t>(index);
}

std::size_t clamped_index(std::int64_t index, std::size_t size) {
    const auto length = static_cast<std::int64_t>(size);
    return static_cast<std::size_t>(within(index, length, 0, length));
}

std::pair<std::size_t, std::size_t> search_bounds(const Value& start, const Value& stop, std::size_t size) {
    constexpr std::string_view sentence = "slice indices must be integers or have an __index__ method";
    const std::size_t from = clamped_index(integer_argument(start, Beyond::clamp, sentence), size);
    const std::size_t to = clamped_index(integer_argument(stop, Beyond::clamp, sentence), size);
    return {from, std::max(from, to)};
}

std::size_t repetitions(const Value& count) {
    if (!is_integer(count)) throw type_error("can't multiply sequence by non-int of type '" + type_name(count) + "'");
    const auto number = number_of(count);
    if (number->kind == Number::Kind::big || number->integer > INT64_MAX || number->integer < INT64_MIN) {
        throw soho::Error("OverflowError", "cannot fit 'int' into an index-sized integer");
    }
    return number->integer < 0 ? 0 : static_cast<std::size_t>(number->integer);
}

}  // namespace shared
