#include "array.hpp"

#include "slices.hpp"
#include "values_numbers.hpp"
#include "values_text.hpp"

#include <cstring>

namespace shared {

namespace {

std::size_t count_of(const Items& items) {
    return std::visit([](const auto& vector) { return vector.size(); }, items);
}

std::int64_t subscript(const Value& index) {
    if (!is_integer(index)) throw type_error("array indices must be integers");
    return integer_argument(index, Beyond::index_error);
}

constexpr const char* no_assignment = "array assignment index out of range";

}  // namespace

Array::Array(const soho::Call& call, const Value& typecode, Value initial)
    : typecode_(typecode_of(typecode)),
      items_(empty_items(typecode_)) {
    if (is_integer(initial)) {
        const std::int64_t size = integer_argument(initial, Beyond::overflow_error);
        if (size < 0) throw value_error("Array length must be >= 0, not " + std::to_string(size));
        check_result(repeated(static_cast<std::int64_t>(item_size()), static_cast<std::size_t>(size)));
        std::visit([&](auto& items) { items.resize(static_cast<std::size_t>(size)); }, items_);
    } else if (const auto* bytes = initial.get_if<Value::Bytes>()) {
        items_ = from_bytes(*bytes);
    } else if (initial.is_string()) {
        throw type_error("cannot use a str to initialize an array with typecode " + repr(this->typecode()));
    } else {
        items_ = converted(elements_of(call, std::move(initial)));
    }
    begin(static_cast<std::int64_t>(get_bytes().size()));
}

Items Array::converted(const Value::Array& values) const {
    Items items = empty_items(typecode_);
    std::visit(
        [&](auto& vector) {
            using T = typename std::decay_t<decltype(vector)>::value_type;
            for (const Value& value : values) vector.push_back(item_of<T>(typecode_, value));
        },
        items);
    return items;
}

Items Array::from_bytes(std::span<const std::byte> bytes) const {
    if (bytes.size() % item_size() != 0) throw value_error("bytes length not a multiple of item size");
    Items items = empty_items(typecode_);
    std::visit(
        [&](auto& vector) {
            vector.resize(bytes.size() / sizeof vector[0]);
            if (!bytes.empty()) std::memcpy(vector.data(), bytes.data(), bytes.size());
        },
        items);
    return items;
}

// All changes of the size come here: `with` instead of `count` items from `from` on.
void Array::replace(soho::Call& call, std::size_t from, std::size_t count, const Items& with) {
    const auto fewer = static_cast<std::int64_t>(count), more = static_cast<std::int64_t>(count_of(with));
    change(call, (more - fewer) * static_cast<std::int64_t>(item_size()), [&] {
        std::visit(
            [&](auto& items) {
                const auto& given = std::get<std::decay_t<decltype(items)>>(with);
                const auto both = std::min(given.size(), count);
                const auto place = items.begin() + static_cast<std::ptrdiff_t>(from);
                std::copy_n(given.begin(), both, place);
                const auto rest = place + static_cast<std::ptrdiff_t>(both);
                if (both != count) {
                    items.erase(rest, place + static_cast<std::ptrdiff_t>(count));
                } else {
                    items.insert(rest, given.begin() + static_cast<std::ptrdiff_t>(both), given.end());
                }
            },
            items_);
    });
}

void Array::append(soho::Call& call, const Value& value) { replace(call, size(), 0, converted({value})); }

void Array::extend(soho::Call& call, Value iterable) {
    replace(call, size(), 0, converted(elements_of(call, std::move(iterable))));
}

void Array::insert(soho::Call& call, const Value& index, const Value& value) {
    const std::size_t where = clamped_index(integer_argument(index, Beyond::overflow_error), size());
    replace(call, where, 0, converted({value}));
}

Value Array::pop(soho::Call& call, const Value& index) {
    const std::int64_t asked = integer_argument(index, Beyond::overflow_error);
    if (size() == 0) throw index_error("pop from empty array");
    const std::size_t where = checked_index(asked, size(), "pop index out of range");
    Value popped = at(where);
    replace(call, where, 1, empty_items(typecode_));
    return popped;
}

void Array::remove(soho::Call& call, const Value& value) {
    const std::size_t found = find(value, 0, size());
    if (found == size()) throw value_error("array.remove(x): x not in array");
    replace(call, found, 1, empty_items(typecode_));
}

std::size_t Array::find(const Value& value, std::size_t from, std::size_t to) const {
    while (from != to && !equal(at(from), value)) ++from;
    return from;
}

std::uint64_t Array::index(const Value& value, const Value& start, const Value& stop) const {
    const auto [from, to] = search_bounds(start, stop, size());
    const std::size_t found = find(value, from, to);
    if (found == to) throw value_error("array.index(x): x not in array");
    return found;
}

std::uint64_t Array::count(const Value& value) const {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i != size(); ++i) count += equal(at(i), value) ? 1 : 0;
    return count;
}

void Array::reverse(soho::Call& call) {
    change(call, 0, [&] { std::visit([](auto& items) { std::reverse(items.begin(), items.end()); }, items_); });
}

Value::Array Array::to_list() const {
    return std::visit([](const auto& items) { return Value::Array(items.begin(), items.end()); }, items_);
}

std::uint64_t Array::size() const { return count_of(items_); }
bool Array::contains(const Value& value) const { return find(value, 0, size()) != size(); }

Value Array::at(std::size_t index) const {
    return std::visit([&](const auto& items) { return Value(items[index]); }, items_);
}

Value Array::get_item(const Value& index) const {
    const auto slice = slice_of(index, size());
    if (!slice) return at(checked_index(subscript(index), size(), "array index out of range"));
    Value::Array part;
    for (std::int64_t i = 0; i != slice->count; ++i) part.push_back(at(slice->at(i)));
    return part;
}

void Array::set_item(soho::Call& call, const Value& index, Value value) {
    if (slice_of(index, size())) return set_slice(call, index, std::move(value));
    const std::size_t where = checked_index(subscript(index), size(), no_assignment);
    replace(call, where, 1, converted({value}));
}

void Array::set_slice(soho::Call& call, const Value& index, Value value) {
    const Slice slice = *slice_of(index, size());
    const Items given = converted(elements_of(call, std::move(value)));
    const auto count = static_cast<std::size_t>(slice.count);
    if (slice.step == 1) return replace(call, static_cast<std::size_t>(slice.start), count, given);
    if (count_of(given) == 0) return delete_item(call, index);  // as array.array does, and list does not
    if (count_of(given) != count) {
        throw value_error("attempt to assign array of size " + std::to_string(count_of(given)) +
                          " to extended slice of size " + std::to_string(count));
    }
    change(call, 0, [&] {
        std::visit(
            [&](auto& items) {
                const auto& from = std::get<std::decay_t<decltype(items)>>(given);
                for (std::int64_t i = 0; i != slice.count; ++i) items[slice.at(i)] = from[static_cast<std::size_t>(i)];
            },
            items_);
    });
}

void Array::delete_item(soho::Call& call, const Value& index) {
    const auto slice = slice_of(index, size());
    if (!slice) {
        return replace(call, checked_index(subscript(index), size(), no_assignment), 1, empty_items(typecode_));
    }
    const Slice gone = slice->ascending();
    if (gone.step == 1) {
        return replace(call, static_cast<std::size_t>(gone.start), static_cast<std::size_t>(gone.count),
                       empty_items(typecode_));
    }
    Value::Array rest;
    std::int64_t next = 0;
    for (std::size_t i = 0; i != size(); ++i) {
        if (next != gone.count && i == gone.at(next)) {
            ++next;
        } else {
            rest.push_back(at(i));
        }
    }
    replace(call, 0, size(), converted(rest));
}

bool Array::equals(soho::Call& call, const Value& other) const {
    const auto array = call.find_object<Array>(other);
    if (array == nullptr) return false;
    const Value::Array mine = to_list(), others = array->elements();
    return std::equal(mine.begin(), mine.end(), others.begin(), others.end(), equal);
}

std::string Array::text() const {
    std::string text = "array(" + repr(typecode());
    if (size() != 0) text += ", " + repr(to_list());
    return text + ")";
}

std::span<const std::byte> Array::get_bytes() const {
    return std::visit([](const auto& items) { return std::as_bytes(std::span(items)); }, items_);
}

void Array::set_bytes(soho::Call& call, std::span<const std::byte> bytes) {
    if (bytes.size() != get_bytes().size()) return replace(call, 0, size(), from_bytes(bytes));
    change(call, 0, [&] {
        std::visit(
            [&](auto& items) {
                if (!bytes.empty()) std::memcpy(items.data(), bytes.data(), bytes.size());
            },
            items_);
    });
}

IteratorPtr Array::iterate() { return iterate_from_first(shared_from_this()); }
IteratorPtr Array::iterate_back() { return iterate_from_last(shared_from_this()); }

Value::Array Array::elements() {
    const std::lock_guard lock(mutex());
    return to_list();
}

}  // namespace shared
