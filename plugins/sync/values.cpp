#include "values.hpp"

#include "values_numbers.hpp"
#include "values_text.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace shared {

namespace {

struct Hash {
    std::size_t operator()(const Value& value) const { return hash_of(value); }
};
struct Equal {
    bool operator()(const Value& a, const Value& b) const { return equal(a, b); }
};
using Distinct = std::unordered_set<Value, Hash, Equal>;

bool equal_arrays(const Value::Array& a, const Value::Array& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal);
}

bool equal_maps(const Value::Map& a, const Value::Map& b) {
    if (a.size() != b.size()) return false;
    std::unordered_map<Value, const Value*, Hash, Equal> there;
    for (const auto& [key, value] : b) there.emplace(key, &value);
    return std::all_of(a.begin(), a.end(), [&](const auto& pair) {
        const auto found = there.find(pair.first);
        return found != there.end() && equal(pair.second, *found->second);
    });
}

Distinct distinct(const Value& set) {
    Distinct elements;
    for (Value& element : parts_of(set)) elements.insert(std::move(element));
    return elements;
}

bool includes(const Distinct& whole, const Distinct& part) {
    return std::all_of(part.begin(), part.end(), [&](const Value& element) { return whole.contains(element); });
}

bool equal_extensions(const Value& a, const Value& b) {
    const auto& left = *a.get_if<Value::Extension>();
    const auto& right = *b.get_if<Value::Extension>();
    if (left.type() != right.type()) return false;
    if (left.type() == soho::handle_extension) return handle_id(a) == handle_id(b);
    if (left.type() == soho::tuple_extension) return equal_arrays(parts_of(a), parts_of(b));
    if (left.type() == soho::set_extension) {
        const Distinct mine = distinct(a), others = distinct(b);
        return mine.size() == others.size() && includes(mine, others);
    }
    return left.body() == right.body();
}

std::size_t combine(std::size_t seed, std::size_t hash) { return (seed ^ hash) * 0x9e3779b97f4a7c15 + (seed >> 7); }

[[noreturn]] void refuse_hash(const Value& value) { throw type_error("unhashable type: '" + type_name(value) + "'"); }

std::size_t hash_extension(const Value& value, const Value::Extension& extension) {
    switch (extension.type()) {
        case soho::handle_extension: return hash_of(Value(handle_id(value)));
        case soho::set_extension:
        case slice_extension: refuse_hash(value);
        case soho::tuple_extension: {
            std::size_t hash = 0x345678;
            for (const Value& part : parts_of(value)) hash = combine(hash, hash_of(part));
            return hash;
        }
        default: return std::hash<std::string_view>()(extension.body());
    }
}

template <class T>
bool holds(const T& a, const T& b, Order order) {
    switch (order) {
        case Order::less: return a < b;
        case Order::less_equal: return a <= b;
        case Order::greater: return a > b;
        case Order::greater_equal: break;
    }
    return a >= b;
}

bool ordered_numbers(const Number& a, const Number& b, Order order) {
    const std::partial_ordering found = compare(a, b);
    switch (order) {
        case Order::less: return found < 0;
        case Order::less_equal: return found <= 0;
        case Order::greater: return found > 0;
        case Order::greater_equal: break;
    }
    return found >= 0;
}

// Of sets, "less" is "a part of, and not the same".
bool ordered_sets(const Value& a, const Value& b, Order order) {
    const Distinct mine = distinct(a), others = distinct(b);
    switch (order) {
        case Order::less: return mine.size() < others.size() && includes(others, mine);
        case Order::less_equal: return includes(others, mine);
        case Order::greater: return others.size() < mine.size() && includes(mine, others);
        case Order::greater_equal: break;
    }
    return includes(mine, others);
}

// "+01:00" of an ISO 8601 text. Within one offset, and only there, the texts sort as the times do.
std::string_view offset_of(std::string_view time) {
    const std::size_t clock = std::min(time.find('T'), time.size());
    return time.substr(std::min(time.find_first_of("+-Z", clock), time.size()));
}

}  // namespace

std::string_view symbol(Order order) {
    constexpr std::string_view symbols[] = {"<", "<=", ">", ">="};
    return symbols[static_cast<std::size_t>(order)];
}

std::string type_name(const Value& value) {
    if (const auto* extension = value.get_if<Value::Extension>()) {
        switch (extension->type()) {
            case soho::handle_extension: {
                soho::detail::Handle handle;
                soho::detail::read_handle(soho::data::as_bytes(extension->body()), handle);
                return std::string(handle.type_id);
            }
            case soho::tuple_extension: return "tuple";
            case soho::set_extension: return "set";
            case big_integer_extension: return "int";
            case datetime_extension: return "datetime.datetime";
            case slice_extension: return "slice";
            case range_extension: return "range";
            default: return "ExtType";
        }
    }
    if (value.is_nil()) return "NoneType";
    if (value.is_bytes()) return "bytes";
    if (value.is_array()) return "list";
    if (value.is_map()) return "dict";
    return std::string(value.kind_text());  // bool, int, float and str are Python's words, too
}

bool equal(const Value& a, const Value& b) {
    if (const auto* left = a.get_if<std::int64_t>(), *right = b.get_if<std::int64_t>(); left && right) {
        return *left == *right;  // what most are, without the detour through Number
    }
    if (const auto* text = a.get_if<std::string>()) {
        const auto* other = b.get_if<std::string>();
        return other != nullptr && *text == *other;
    }
    if (const auto number = number_of(a)) {
        const auto other = number_of(b);
        return other && compare(*number, *other) == 0;
    }
    if (a.kind() != b.kind()) return false;
    if (const auto* array = a.get_if<Value::Array>()) return equal_arrays(*array, *b.get_if<Value::Array>());
    if (const auto* map = a.get_if<Value::Map>()) return equal_maps(*map, *b.get_if<Value::Map>());
    if (a.is_extension()) return equal_extensions(a, b);
    return a == b;
}

std::size_t hash_of(const Value& value) {
    if (const auto* text = value.get_if<std::string>()) return std::hash<std::string_view>()(*text);
    if (const auto number = number_of(value)) return hash_of(*number);
    if (value.is_array() || value.is_map()) refuse_hash(value);
    if (const auto* extension = value.get_if<Value::Extension>()) return hash_extension(value, *extension);
    if (const auto* bytes = value.get_if<Value::Bytes>()) {
        return ~std::hash<std::string_view>()({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
    }
    return 0x6e696c;
}

bool ordered(const Value::Array& a, const Value::Array& b, Order order) {
    const auto [first, second] = std::mismatch(a.begin(), a.end(), b.begin(), b.end(), equal);
    if (first != a.end() && second != b.end()) return ordered(*first, *second, order);
    return holds(a.size(), b.size(), order);
}

bool ordered(const Value& a, const Value& b, Order order) {
    if (const auto number = number_of(a)) {
        if (const auto other = number_of(b)) return ordered_numbers(*number, *other, order);
    }
    if (a.is_string() && b.is_string()) return holds(*a.get_if<std::string>(), *b.get_if<std::string>(), order);
    if (a.is_bytes() && b.is_bytes()) return holds(*a.get_if<Value::Bytes>(), *b.get_if<Value::Bytes>(), order);
    if (a.is_array() && b.is_array()) return ordered(*a.get_if<Value::Array>(), *b.get_if<Value::Array>(), order);
    if (is_tuple(a) && is_tuple(b)) return ordered(parts_of(a), parts_of(b), order);
    if (is_set(a) && is_set(b)) return ordered_sets(a, b, order);
    const auto *time = extension_of(a, datetime_extension), *other = extension_of(b, datetime_extension);
    if (time != nullptr && other != nullptr && offset_of(time->body()) == offset_of(other->body())) {
        return holds(time->body(), other->body(), order);
    }
    throw no_order(symbol(order), type_name(a), type_name(b));
}

bool truth(const Value& value) {
    if (const auto number = number_of(value)) return compare(*number, Number()) != 0;
    if (is_tuple(value) || is_set(value)) return !parts_of(value).empty();
    if (value.is_nil()) return false;
    return value.is_extension() || value.size() != 0;
}

const Value::Extension* extension_of(const Value& value, std::int8_t type) {
    const auto* extension = value.get_if<Value::Extension>();
    return extension != nullptr && extension->type() == type ? extension : nullptr;
}

bool is_tuple(const Value& value) { return extension_of(value, soho::tuple_extension) != nullptr; }
bool is_set(const Value& value) { return extension_of(value, soho::set_extension) != nullptr; }

Value::Array parts_of(const Value& value) {
    if (const auto* array = value.get_if<Value::Array>()) return *array;
    const auto* extension = value.get_if<Value::Extension>();
    return soho::data::decode<Value::Array>(soho::data::as_bytes(extension->body()));
}

std::uint64_t handle_id(const Value& value) {
    const auto* extension = extension_of(value, soho::handle_extension);
    soho::detail::Handle handle;
    if (extension != nullptr) soho::detail::read_handle(soho::data::as_bytes(extension->body()), handle);
    return handle.id;
}

namespace {

Value make_sequence(std::int8_t type, const Value::Array& elements) {
    const soho::data::Buffer body = soho::data::encoded(elements);
    return Value::Extension(type, std::string(body.text()));
}

}  // namespace

Value make_tuple(const Value::Array& elements) { return make_sequence(soho::tuple_extension, elements); }
Value make_set(const Value::Array& elements) { return make_sequence(soho::set_extension, elements); }

std::int64_t footprint(const Value& value) {
    constexpr std::size_t allocation = 16;
    std::size_t bytes = sizeof(Value);
    if (const auto* array = value.get_if<Value::Array>()) {
        bytes += allocation;
        for (const Value& element : *array) bytes += static_cast<std::size_t>(footprint(element));
    } else if (const auto* map = value.get_if<Value::Map>()) {
        bytes += allocation;
        for (const auto& [key, mapped] : *map) bytes += static_cast<std::size_t>(footprint(key) + footprint(mapped));
    } else if (const auto* extension = value.get_if<Value::Extension>()) {
        bytes += 4 * allocation + extension->body().size();
    } else if (value.size() > 15 || value.is_bytes()) {
        bytes += allocation + value.size();
    }
    return static_cast<std::int64_t>(bytes);
}

soho::Error type_error(std::string text) { return {"TypeError", std::move(text)}; }
soho::Error index_error(std::string text) { return {"IndexError", std::move(text)}; }
soho::Error value_error(std::string text) { return {"ValueError", std::move(text)}; }

soho::Error key_error(const Value& key) {
    if (key.is_extension()) return {"KeyError", repr(key)};  // a handle in the data would not be counted
    return {"KeyError", repr(key), Value::Array{key}};
}

soho::Error no_order(std::string_view symbol, std::string_view a, std::string_view b) {
    return type_error("'" + std::string(symbol) + "' not supported between instances of '" + std::string(a) +
                      "' and '" + std::string(b) + "'");
}

soho::Error unsupported_operands(std::string_view symbol, std::string_view a, std::string_view b) {
    return type_error("unsupported operand type(s) for " + std::string(symbol) + ": '" + std::string(a) + "' and '" +
                      std::string(b) + "'");
}

}  // namespace shared
