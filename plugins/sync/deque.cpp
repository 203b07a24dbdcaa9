#include "deque.hpp"

#include "values_numbers.hpp"
#include "values_sequences.hpp"

namespace shared {

namespace {

class DequeCursor : public Cursor {
public:
    DequeCursor(std::shared_ptr<Deque> deque, bool back)
        : deque_(std::move(deque)),
          back_(back),
          changes_(deque_->changes()),
          left_(deque_->size()) {}

    std::mutex& mutex() override { return deque_->mutex(); }
    bool next(Value& out) override {
        if (deque_->changes() != changes_) throw soho::Error("RuntimeError", "deque mutated during iteration");
        if (left_ == 0) return false;
        const Deque::Items& items = deque_->copy();
        out = items[back_ ? left_ - 1 : items.size() - left_];
        --left_;
        return true;
    }
    std::size_t left() const override { return left_; }

private:
    std::shared_ptr<Deque> deque_;
    bool back_;
    std::uint64_t changes_;
    std::size_t left_;
};

std::optional<std::uint64_t> bound_of(const Value& maxlen) {
    if (maxlen.is_nil()) return std::nullopt;
    const std::int64_t bound = integer_argument(maxlen, Beyond::overflow_error, "an integer is required");
    if (bound < 0) throw value_error("maxlen must be non-negative");
    return static_cast<std::uint64_t>(bound);
}

}  // namespace

Deque::Deque(Value::Array items, const Value& maxlen) : maxlen_(bound_of(maxlen)) {
    items = bounded(std::move(items));
    begin(footprints(items));
    items_.assign(std::move_iterator(items.begin()), std::move_iterator(items.end()));
}

Value::Array Deque::bounded(Value::Array items) const {
    if (!maxlen_ || items.size() <= *maxlen_) return items;
    return {std::move_iterator(items.end() - static_cast<std::ptrdiff_t>(*maxlen_)), std::move_iterator(items.end())};
}

void Deque::push(soho::Call& call, Value value, End end) { extend(call, Value::Array{std::move(value)}, end); }

// What a bound pushes out at the other end is destroyed outside the mutex.
void Deque::extend(soho::Call& call, Value iterable, End end) {
    Value::Array more = bounded(elements_of(call, std::move(iterable)));
    const std::size_t size = items_.size() + more.size();
    const std::size_t excess = maxlen_ && size > *maxlen_ ? size - *maxlen_ : 0;
    std::int64_t bytes = footprints(more);
    for (std::size_t i = 0; i != excess; ++i) bytes -= footprint(items_[end == End::right ? i : items_.size() - 1 - i]);
    Value::Array gone;
    mutate(call, bytes, [&] {
        for (std::size_t i = 0; i != excess; ++i) {
            gone.push_back(std::move(end == End::right ? items_.front() : items_.back()));
            end == End::right ? items_.pop_front() : items_.pop_back();
        }
        for (Value& value : more) {
            end == End::right ? items_.push_back(std::move(value)) : items_.push_front(std::move(value));
        }
    });
}

Value Deque::pop(soho::Call& call, End end) {
    if (items_.empty()) throw index_error("pop from an empty deque");
    return take(call, end == End::left ? 0 : items_.size() - 1);
}

Value Deque::take(soho::Call& call, std::size_t index) {
    return mutate(call, -footprint(items_[index]), [&] {
        Value taken = std::move(items_[index]);
        items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(index));
        return taken;
    });
}

void Deque::insert(soho::Call& call, const Value& index, Value value) {
    const std::int64_t asked = integer_argument(index, Beyond::overflow_error);
    if (maxlen_ && items_.size() >= *maxlen_) throw index_error("deque already at its maximum size");
    const auto where = static_cast<std::ptrdiff_t>(clamped_index(asked, items_.size()));
    mutate(call, footprint(value), [&] { items_.insert(items_.begin() + where, std::move(value)); });
}

void Deque::remove(soho::Call& call, const Value& value) {
    const std::size_t found = find_in(items_, value, 0, items_.size());
    if (found == items_.size()) throw value_error(repr(value) + " is not in deque");
    take(call, found);
}

std::uint64_t Deque::index(const Value& value, const Value& start, const Value& stop) const {
    return index_in(items_, value, start, stop, "deque");
}

std::uint64_t Deque::count(const Value& value) const { return count_in(items_, value); }
bool Deque::contains(const Value& value) const { return shared::contains(items_, value); }

void Deque::rotate(soho::Call& call, const Value& steps) {
    const std::int64_t asked = integer_argument(steps, Beyond::overflow_error);
    if (items_.empty()) return;
    const auto size = static_cast<std::int64_t>(items_.size());
    const std::int64_t first = (size - asked % size) % size;
    mutate(call, 0, [&] { std::rotate(items_.begin(), items_.begin() + first, items_.end()); });
}

void Deque::reverse(soho::Call& call) {
    mutate(call, 0, [&] { std::reverse(items_.begin(), items_.end()); });
}

void Deque::clear(soho::Call& call) {
    Items gone;
    mutate(call, -bytes(), [&] { items_.swap(gone); });
}

std::size_t Deque::checked(const Value& index) const {
    if (!is_integer(index)) throw type_error("sequence index must be integer, not '" + type_name(index) + "'");
    return checked_index(integer_argument(index, Beyond::index_error), items_.size(), "deque index out of range");
}

const Value& Deque::get_item(const Value& index) const { return items_[checked(index)]; }

void Deque::set_item(soho::Call& call, const Value& index, Value value) {
    const std::size_t where = checked(index);
    change(call, footprint(value) - footprint(items_[where]), [&] { std::swap(items_[where], value); });
}

void Deque::delete_item(soho::Call& call, const Value& index) { take(call, checked(index)); }

Value::Array Deque::add(soho::Call& call, const Value& other) const {
    const auto deque = call.find_object<Deque>(other);
    if (deque == nullptr) throw type_error("can only concatenate deque (not \"" + type_name(other) + "\") to deque");
    Value::Array sum(items_.begin(), items_.end());
    for (Value& value : deque->elements()) sum.push_back(std::move(value));
    return bounded(std::move(sum));
}

Value::Array Deque::multiply(const Value& count) const {
    const std::size_t times = repetitions(count);
    check_result(repeated(bytes(), times));
    return bounded(repeat(items_, times));
}

soho::ObjectRef Deque::add_in_place(soho::Call& call, Value other) {
    extend(call, std::move(other), End::right);
    return call.self();
}

soho::ObjectRef Deque::multiply_in_place(soho::Call& call, const Value& count) {
    const std::size_t times = repetitions(count);
    if (times == 0) {
        clear(call);
        return call.self();
    }
    if (maxlen_) {
        extend(call, multiply(Value(times - 1)), End::right);
        return call.self();
    }
    const std::size_t size = items_.size();
    mutate(call, repeated(bytes(), times - 1), [&] {
        for (std::size_t i = 0; i != size * (times - 1); ++i) items_.push_back(items_[i]);
    });
    return call.self();
}

bool Deque::equals(soho::Call& call, const Value& other) const {
    const auto deque = call.find_object<Deque>(other);
    return deque != nullptr && equal_sequences(items_, deque->elements());
}

bool Deque::compare(soho::Call& call, const Value& other, Order order) const {
    const auto deque = call.find_object<Deque>(other);
    if (deque == nullptr) throw no_order(symbol(order), "collections.deque", type_name(other));
    return ordered(Value::Array(items_.begin(), items_.end()), deque->elements(), order);
}

std::string Deque::text() const {
    std::string text = "deque([";
    append_elements(text, items_);
    return text + (maxlen_ ? "], maxlen=" + std::to_string(*maxlen_) + ")" : "])");
}

IteratorPtr Deque::iterate() { return make_iterator<DequeCursor>(shared_from_this(), false); }
IteratorPtr Deque::iterate_back() { return make_iterator<DequeCursor>(shared_from_this(), true); }

Value::Array Deque::elements() {
    const std::lock_guard lock(mutex());
    return {items_.begin(), items_.end()};
}

void Deque::hold_all(const soho::Call& call) {
    for (Value& item : items_) item = call.hold(std::move(item));
}

}  // namespace shared
