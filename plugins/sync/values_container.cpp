#include "values_container.hpp"

#include "array.hpp"
#include "deque.hpp"
#include "dict.hpp"
#include "iterator.hpp"
#include "list.hpp"
#include "set.hpp"
#include "values_numbers.hpp"

namespace shared {

namespace {

template <class... C>
std::shared_ptr<Container> first_of(const soho::Call& call, const Value& value) {
    std::shared_ptr<Container> found;
    static_cast<void>(((found = call.find_object<C>(value)) || ...));
    return found;
}

Value::Array characters(std::string_view text) {
    Value::Array result;
    while (!text.empty()) {
        std::size_t size = 1;
        while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0u) == 0x80) ++size;
        result.emplace_back(text.substr(0, size));
        text.remove_prefix(size);
    }
    return result;
}

// [start, stop, step]; nothing is made before its size is known to be bearable.
Value::Array range(const Value& value) {
    const Value::Array bounds = parts_of(value);
    if (bounds.size() != 3) throw type_error("a range is [start, stop, step]");
    const auto bound = [&](std::size_t i, std::int64_t if_nil) {
        return bounds[i].is_nil() ? if_nil : integer_argument(bounds[i], Beyond::overflow_error);
    };
    const Wide start = bound(0, 0), stop = bound(1, 0), step = bound(2, 1);
    if (step == 0) throw value_error("range() arg 3 must not be zero");
    const Wide distance = step > 0 ? stop - start : start - stop, stride = step > 0 ? step : -step;
    const Wide count = distance > 0 ? (distance - 1) / stride + 1 : 0;
    check_result(repeated(sizeof(Value), static_cast<std::size_t>(count)));
    Value::Array result;
    result.reserve(static_cast<std::size_t>(count));
    for (Wide i = 0; i != count; ++i) result.emplace_back(static_cast<std::int64_t>(start + i * step));
    return result;
}

}  // namespace

std::shared_ptr<Container> container_in(const soho::Call& call, const Value& value) {
    if (handle_id(value) == 0) return nullptr;
    return first_of<List, Dict, Set, Deque, Array, Iterator>(call, value);
}

Value resolved(const soho::Call& call, Value value) {
    if (const auto container = container_in(call, value)) {
        if (Value plain = container->plain(); !plain.is_nil()) return plain;
    }
    return value;
}

Value::Array elements_of(const soho::Call& call, Value value, std::string_view refusal) {
    if (auto* array = value.get_if<Value::Array>()) return std::move(*array);
    if (const auto* text = value.get_if<std::string>()) return characters(*text);
    if (extension_of(value, range_extension) != nullptr) return range(value);
    Value::Array result;
    if (const auto* map = value.get_if<Value::Map>()) {
        for (const auto& pair : *map) result.push_back(pair.first);
    } else if (const auto* bytes = value.get_if<Value::Bytes>()) {
        for (const std::byte byte : *bytes) result.emplace_back(static_cast<std::uint8_t>(byte));
    } else if (is_tuple(value) || is_set(value)) {
        for (Value& part : parts_of(value)) result.push_back(call.hold(std::move(part)));
    } else if (const auto container = container_in(call, value)) {
        for (Value& element : container->elements()) result.push_back(call.hold(std::move(element)));
    } else {
        throw type_error(refusal.empty() ? "'" + type_name(value) + "' object is not iterable" : std::string(refusal));
    }
    return result;
}

}  // namespace shared
