#include "set.hpp"

#include "values_text.hpp"

namespace shared {

namespace {

using Operation = Set::Operation;

Table table_of(Value::Array elements) {
    Table table;
    for (Value& element : elements) table.set(std::move(element), Value());
    return table;
}

std::int64_t element_footprint(const Value& element) { return entry_overhead + sizeof(Value) + footprint(element); }

std::int64_t table_footprint(const Table& table) {
    std::int64_t bytes = 0;
    for (const Table::Entry& entry : table) bytes += element_footprint(entry.key);
    return bytes;
}

// The elements of `from` that are, or are not, in `other`.
void select(Table& into, const Table& from, const Table& other, bool there) {
    for (const Table::Entry& entry : from) {
        if (other.contains(entry.key) == there) into.set(entry.key, Value());
    }
}

Table apply(const Table& a, const Table& b, Operation operation) {
    Table result;
    switch (operation) {
        case Operation::unite: {
            result = a;
            select(result, b, a, false);
            break;
        }
        case Operation::intersect: select(result, a, b, true); break;
        case Operation::subtract: select(result, a, b, false); break;
        case Operation::differ:
            select(result, a, b, false);
            select(result, b, a, false);
            break;
    }
    return result;
}

std::string operator_of(Operation operation) {
    constexpr const char* symbols[] = {"|", "&", "-", "^"};
    return symbols[static_cast<std::size_t>(operation)];
}

bool all_in(const Table& part, const Table& whole) {
    return std::all_of(part.begin(), part.end(), [&](const auto& entry) { return whole.contains(entry.key); });
}

}  // namespace

Set::Set(Value::Array elements) : table_(table_of(std::move(elements))) { begin(table_footprint(table_)); }

void Set::add(soho::Call& call, Value element) {
    if (table_.contains(element)) return;
    change(call, element_footprint(element), [&] { table_.set(std::move(element), Value()); });
}

void Set::discard(soho::Call& call, const Value& element) {
    if (!contains(element)) return;
    const Table::Entry& entry = *table_.find(element);
    const Table::Entry gone = change(call, -element_footprint(entry.key), [&] { return table_.erase(entry); });
}

void Set::remove(soho::Call& call, const Value& element) {
    if (!contains(element)) throw key_error(element);
    discard(call, element);
}

Value Set::pop(soho::Call& call) {
    if (table_.empty()) throw key_error("pop from an empty set");
    const Table::Entry& first = table_.front();
    return change(call, -element_footprint(first.key), [&] { return table_.erase(first); }).key;
}

void Set::clear(soho::Call& call) { become(call, Table()); }
Value Set::copy() const { return make_set(table_.keys()); }

// A set is never an element of a set; Python, too, lets one ask.
bool Set::contains(const Value& element) const { return !is_set(element) && table_.contains(element); }

// What goes is destroyed outside the mutex.
void Set::become(soho::Call& call, Table table) {
    change(call, table_footprint(table) - bytes(), [&] { table_.swap(table); });
}

Value Set::combined(soho::Call& call, const Value::Array& others, Operation operation) const {
    Table result = table_;
    for (const Value& other : others) result = apply(result, table_of(elements_of(call, other)), operation);
    return make_set(result.keys());
}

void Set::combine(soho::Call& call, const Value::Array& others, Operation operation) {
    if (operation == Operation::unite) return unite(call, others);
    if (others.empty()) return;
    Table result = table_;
    for (const Value& other : others) result = apply(result, table_of(elements_of(call, other)), operation);
    become(call, std::move(result));
}

// Without a copy of what is there: a small update of a large set is small work.
void Set::unite(soho::Call& call, const Value::Array& others) {
    Table more;
    for (const Value& other : others) {
        for (Value& element : elements_of(call, other)) {
            if (!table_.contains(element)) more.set(std::move(element), Value());
        }
    }
    change(call, table_footprint(more), [&] {
        for (const Table::Entry& entry : more) table_.set(entry.key, Value());
    });
}

Value Set::operated(soho::Call& call, Value other, Operation operation) const {
    other = resolved(call, std::move(other));
    if (!is_set(other)) throw unsupported_operands(operator_of(operation), "set", type_name(other));
    return make_set(apply(table_, table_of(parts_of(other)), operation).keys());
}

Value Set::operated_right(soho::Call& call, Value other, Operation operation) const {
    other = resolved(call, std::move(other));
    if (!is_set(other)) throw unsupported_operands(operator_of(operation), type_name(other), "set");
    return make_set(apply(table_of(parts_of(other)), table_, operation).keys());
}

soho::ObjectRef Set::operate(soho::Call& call, Value other, Operation operation) {
    const Value set = resolved(call, other);
    if (!is_set(set)) throw unsupported_operands(operator_of(operation) + "=", "set", type_name(set));
    combine(call, {set}, operation);
    return call.self();
}

bool Set::is_disjoint(soho::Call& call, Value other) const {
    const Value::Array others = elements_of(call, std::move(other));
    return std::none_of(others.begin(), others.end(), [&](const Value& element) { return table_.contains(element); });
}

bool Set::is_subset(soho::Call& call, Value other) const {
    return all_in(table_, table_of(elements_of(call, std::move(other))));
}

bool Set::is_superset(soho::Call& call, Value other) const {
    return all_in(table_of(elements_of(call, std::move(other))), table_);
}

bool Set::equals(soho::Call& call, Value other) const {
    other = resolved(call, std::move(other));
    if (!is_set(other)) return false;
    const Table others = table_of(parts_of(other));
    return others.size() == table_.size() && all_in(table_, others);
}

bool Set::compare(soho::Call& call, Value other, Order order) const {
    other = resolved(call, std::move(other));
    if (!is_set(other)) throw no_order(symbol(order), "set", type_name(other));
    return ordered(copy(), other, order);
}

std::string Set::text() const { return repr(copy()); }

Value::Array Set::elements() {
    const std::lock_guard lock(mutex());
    return table_.keys();
}

}  // namespace shared
