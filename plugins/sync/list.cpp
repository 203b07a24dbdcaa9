#include "list.hpp"

#include "values_numbers.hpp"
#include "values_sequences.hpp"

namespace shared {

namespace {

std::int64_t subscript(const Value& index) {
    if (!is_integer(index)) throw type_error("list indices must be integers or slices, not " + type_name(index));
    return integer_argument(index, Beyond::index_error);
}

auto place(Value::Array& items, std::size_t index) { return items.begin() + static_cast<std::ptrdiff_t>(index); }

Value take_at(Value::Array& items, std::size_t index) {
    Value taken = std::move(items[index]);
    items.erase(place(items, index));
    return taken;
}

}  // namespace

void List::append(soho::Call& call, Value value) {
    change(call, footprint(value), [&] { items_.push_back(std::move(value)); });
}

void List::extend(soho::Call& call, Value iterable) {
    Value::Array more = elements_of(call, std::move(iterable));
    change(call, footprints(more),
           [&] { items_.insert(items_.end(), std::move_iterator(more.begin()), std::move_iterator(more.end())); });
}

void List::insert(soho::Call& call, const Value& index, Value value) {
    const std::size_t where = clamped_index(integer_argument(index, Beyond::overflow_error), items_.size());
    change(call, footprint(value), [&] { items_.insert(place(items_, where), std::move(value)); });
}

Value List::pop(soho::Call& call, const Value& index) {
    const std::int64_t asked = integer_argument(index, Beyond::overflow_error);
    if (items_.empty()) throw index_error("pop from empty list");
    const std::size_t where = checked_index(asked, items_.size(), "pop index out of range");
    return change(call, -footprint(items_[where]), [&] { return take_at(items_, where); });
}

void List::remove(soho::Call& call, const Value& value) {
    const std::size_t found = find_in(items_, value, 0, items_.size());
    if (found == items_.size()) throw value_error("list.remove(x): x not in list");
    const Value removed = change(call, -footprint(items_[found]), [&] { return take_at(items_, found); });
}

std::uint64_t List::index(const Value& value, const Value& start, const Value& stop) const {
    return index_in(items_, value, start, stop, "list");
}

std::uint64_t List::count(const Value& value) const { return count_in(items_, value); }
bool List::contains(const Value& value) const { return shared::contains(items_, value); }

// Stable both ways: backwards, equal elements keep their order. Where two have no order, nothing changes.
void List::sort(soho::Call& call, const Value& key, const Value& reverse) {
    if (!key.is_nil()) {
        throw type_error("a key function cannot travel to the host: sort(reverse=…) compares the elements themselves");
    }
    const bool back = integer_argument(reverse, Beyond::overflow_error) != 0;
    std::vector<const Value*> sorted;
    for (const Value& item : items_) sorted.push_back(&item);
    if (back) std::reverse(sorted.begin(), sorted.end());
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Value* a, const Value* b) { return ordered(*a, *b, Order::less); });
    if (back) std::reverse(sorted.begin(), sorted.end());
    Value::Array in_order;
    in_order.reserve(sorted.size());
    change(call, 0, [&] {
        for (const Value* item : sorted)
            in_order.push_back(std::move(items_[static_cast<std::size_t>(item - items_.data())]));
        items_.swap(in_order);
    });
}

void List::reverse(soho::Call& call) {
    change(call, 0, [&] { std::reverse(items_.begin(), items_.end()); });
}

// What goes is destroyed outside the mutex, here and below: the last reference to an object may go with it.
void List::clear(soho::Call& call) {
    Value::Array gone;
    change(call, -bytes(), [&] { items_.swap(gone); });
}

Value List::get_item(const Value& index) const {
    const auto slice = slice_of(index, items_.size());
    if (!slice) return items_[checked_index(subscript(index), items_.size(), "list index out of range")];
    Value::Array part;
    part.reserve(static_cast<std::size_t>(slice->count));
    for (std::int64_t i = 0; i != slice->count; ++i) part.push_back(items_[slice->at(i)]);
    return part;
}

void List::set_item(soho::Call& call, const Value& index, Value value) {
    if (slice_of(index, items_.size())) return set_slice(call, index, std::move(value));
    const std::size_t where = checked_index(subscript(index), items_.size(), "list assignment index out of range");
    change(call, footprint(value) - footprint(items_[where]), [&] { std::swap(items_[where], value); });
}

void List::delete_item(soho::Call& call, const Value& index) {
    if (slice_of(index, items_.size())) return delete_slice(call, index);
    const std::size_t where = checked_index(subscript(index), items_.size(), "list assignment index out of range");
    const Value removed = change(call, -footprint(items_[where]), [&] { return take_at(items_, where); });
}

void List::set_slice(soho::Call& call, const Value& index, Value value) {
    const Slice slice = *slice_of(index, items_.size());
    Value::Array given =
        elements_of(call, std::move(value),
                    slice.step == 1 ? "can only assign an iterable" : "must assign iterable to extended slice");
    const auto count = static_cast<std::size_t>(slice.count);
    if (slice.step != 1 && given.size() != count) {
        throw value_error("attempt to assign sequence of size " + std::to_string(given.size()) +
                          " to extended slice of size " + std::to_string(count));
    }
    std::int64_t more = footprints(given);
    for (std::int64_t i = 0; i != slice.count; ++i) more -= footprint(items_[slice.at(i)]);
    change(call, more, [&] {
        const std::size_t both = std::min(count, given.size());
        for (std::size_t i = 0; i != both; ++i) std::swap(items_[slice.at(static_cast<std::int64_t>(i))], given[i]);
        if (given.size() == count) return;
        const auto from = place(items_, static_cast<std::size_t>(slice.start) + both);
        if (given.size() > count) {
            items_.insert(from, std::move_iterator(place(given, both)), std::move_iterator(given.end()));
        } else {
            const auto to = from + static_cast<std::ptrdiff_t>(count - both);
            given.insert(given.end(), std::move_iterator(from), std::move_iterator(to));
            items_.erase(from, to);
        }
    });
}

void List::delete_slice(soho::Call& call, const Value& index) {
    const Slice slice = slice_of(index, items_.size())->ascending();
    if (slice.count == 0) return;
    Value::Array gone;
    std::int64_t fewer = 0;
    for (std::int64_t i = 0; i != slice.count; ++i) fewer += footprint(items_[slice.at(i)]);
    change(call, -fewer, [&] {
        std::size_t to = slice.at(0);
        std::int64_t next = 0;
        for (std::size_t from = to; from != items_.size(); ++from) {
            if (next != slice.count && from == slice.at(next)) {
                gone.push_back(std::move(items_[from]));
                ++next;
            } else {
                items_[to++] = std::move(items_[from]);
            }
        }
        items_.resize(to);
    });
}

Value::Array List::add(soho::Call& call, Value other) const {
    other = resolved(call, std::move(other));
    const auto* more = other.get_if<Value::Array>();
    if (more == nullptr) throw type_error("can only concatenate list (not \"" + type_name(other) + "\") to list");
    Value::Array sum = items_;
    sum.insert(sum.end(), more->begin(), more->end());
    return sum;
}

Value::Array List::multiply(const Value& count) const {
    const std::size_t times = repetitions(count);
    check_result(repeated(bytes(), times));
    return repeat(items_, times);
}

soho::ObjectRef List::add_in_place(soho::Call& call, Value other) {
    extend(call, std::move(other));
    return call.self();
}

soho::ObjectRef List::multiply_in_place(soho::Call& call, const Value& count) {
    const std::size_t times = repetitions(count);
    if (times == 0) {
        clear(call);
    } else {
        const std::size_t size = items_.size();
        change(call, repeated(bytes(), times - 1), [&] {
            items_.reserve(size * times);
            for (std::size_t i = 0; i != size * (times - 1); ++i) items_.push_back(items_[i]);
        });
    }
    return call.self();
}

bool List::equals(soho::Call& call, Value other) const {
    other = resolved(call, std::move(other));
    const auto* others = other.get_if<Value::Array>();
    return others != nullptr && equal_sequences(items_, *others);
}

bool List::compare(soho::Call& call, Value other, Order order) const {
    other = resolved(call, std::move(other));
    const auto* others = other.get_if<Value::Array>();
    if (others == nullptr) throw no_order(symbol(order), "list", type_name(other));
    return ordered(items_, *others, order);
}

std::string List::text() const {
    std::string text = "[";
    append_elements(text, items_);
    return text + "]";
}

IteratorPtr List::iterate() { return iterate_from_first(shared_from_this()); }
IteratorPtr List::iterate_back() { return iterate_from_last(shared_from_this()); }

Value::Array List::elements() {
    const std::lock_guard lock(mutex());
    return items_;
}

void List::hold_all(const soho::Call& call) {
    for (Value& item : items_) item = call.hold(std::move(item));
}

}  // namespace shared
