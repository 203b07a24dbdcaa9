#include "dict.hpp"

#include "values_text.hpp"

namespace shared {

namespace {

// What an update takes from one argument: a mapping, or anything of pairs.
Value::Map pairs_of(const soho::Call& call, Value value) {
    if (auto* map = value.get_if<Value::Map>()) return std::move(*map);
    if (Value plain = resolved(call, value); plain.is_map()) {
        Value held = call.hold(std::move(plain));
        return std::move(*held.get_if<Value::Map>());
    }
    Value::Map pairs;
    for (Value& element : elements_of(call, std::move(value))) {
        const std::string place = "dictionary update sequence element #" + std::to_string(pairs.size());
        Value::Array pair = elements_of(call, std::move(element), "cannot convert " + place + " to a sequence");
        if (pair.size() != 2) {
            throw value_error(place + " has length " + std::to_string(pair.size()) + "; 2 is required");
        }
        pairs.emplace_back(std::move(pair[0]), std::move(pair[1]));
    }
    return pairs;
}

// The same with what Python's dict() and update() take: at most one argument, and keywords.
Value::Map pairs_of(const soho::Call& call, const soho::Args& given, std::string_view method) {
    if (given.size() > 1) {
        throw type_error(std::string(method) + " expected at most 1 argument, got " + std::to_string(given.size()));
    }
    Value::Map pairs = given.size() == 1 ? pairs_of(call, given[0]) : Value::Map();
    pairs.insert(pairs.end(), given.keywords().begin(), given.keywords().end());
    return pairs;
}

Table table_of(Value::Map pairs) {
    Table table;
    for (auto& [key, value] : pairs) table.set(std::move(key), std::move(value));
    return table;
}

std::int64_t entry_footprint(const Table::Entry& entry) {
    return entry_overhead + footprint(entry.key) + footprint(entry.mapped);
}

Value::Map map_of(const Table& table) {
    Value::Map map;
    map.reserve(table.size());
    for (const Table::Entry& entry : table) map.emplace_back(entry.key, entry.mapped);
    return map;
}

}  // namespace

Dict::Dict(const soho::Call& call, const soho::Args& given) : Dict(pairs_of(call, given, "dict")) {}

Dict::Dict(Value::Map pairs) : table_(table_of(std::move(pairs))) {
    std::int64_t bytes = 0;
    for (const Table::Entry& entry : table_) bytes += entry_footprint(entry);
    begin(bytes);
}

Value Dict::get_item(const Value& key) const {
    const Table::Entry* entry = table_.find(key);
    if (entry == nullptr) throw key_error(key);
    return entry->mapped;
}

std::int64_t Dict::cost(const Value& key, const Value& value) const {
    const Table::Entry* entry = table_.find(key);
    if (entry != nullptr) return footprint(value) - footprint(entry->mapped);
    return entry_overhead + footprint(key) + footprint(value);
}

void Dict::set_item(soho::Call& call, Value key, Value value) {
    change(call, cost(key, value), [&] { table_.set(std::move(key), std::move(value)); });
}

void Dict::delete_item(soho::Call& call, const Value& key) {
    const Table::Entry* entry = table_.find(key);
    if (entry == nullptr) throw key_error(key);
    const Table::Entry gone = change(call, -entry_footprint(*entry), [&] { return table_.erase(*entry); });
}

Value Dict::get(const Value& key, Value default_value) const {
    const Table::Entry* entry = table_.find(key);
    return entry != nullptr ? entry->mapped : default_value;
}

Value Dict::set_default(soho::Call& call, Value key, Value default_value) {
    if (const Table::Entry* entry = table_.find(key)) return entry->mapped;
    set_item(call, std::move(key), default_value);
    return default_value;
}

// Of an empty dict Python's pop() does not even look at the key.
Value Dict::pop(soho::Call& call, const Value& key, const soho::Args& default_value) {
    if (!default_value.keywords().empty()) throw type_error("dict.pop() takes no keyword arguments");
    if (default_value.size() > 1) {
        throw type_error("pop expected at most 2 arguments, got " + std::to_string(default_value.size() + 1));
    }
    const Table::Entry* entry = table_.empty() ? nullptr : table_.find(key);
    if (entry == nullptr && default_value.size() == 1) return default_value[0];
    if (entry == nullptr) throw key_error(key);
    return change(call, -entry_footprint(*entry), [&] { return table_.erase(*entry); }).mapped;
}

Value Dict::pop_item(soho::Call& call) {
    if (table_.empty()) throw key_error("popitem(): dictionary is empty");
    const Table::Entry& last = table_.back();
    const Table::Entry gone = change(call, -entry_footprint(last), [&] { return table_.erase(last); });
    return call.hold(make_tuple({gone.key, gone.mapped}));
}

// All or nothing: the pairs are complete, and paid for, before the first is put in.
void Dict::put_all(soho::Call& call, Value::Map pairs) {
    const Table more = table_of(std::move(pairs));
    std::int64_t bytes = 0;
    for (const Table::Entry& entry : more) bytes += cost(entry.key, entry.mapped);
    change(call, bytes, [&] {
        for (const Table::Entry& entry : more) table_.set(entry.key, std::move(entry.mapped));
    });
}

void Dict::update(soho::Call& call, const soho::Args& given) { put_all(call, pairs_of(call, given, "update")); }

void Dict::clear(soho::Call& call) {
    Table gone;
    change(call, -bytes(), [&] { table_.swap(gone); });
}

Value::Array Dict::values() const {
    Value::Array values;
    values.reserve(table_.size());
    for (const Table::Entry& entry : table_) values.push_back(entry.mapped);
    return values;
}

Value::Array Dict::items() const {
    Value::Array items;
    items.reserve(table_.size());
    for (const Table::Entry& entry : table_) items.push_back(make_tuple({entry.key, entry.mapped}));
    return items;
}

Value::Map Dict::copy() const { return map_of(table_); }

Value::Map Dict::from_keys(soho::Call& call, Value iterable, const Value& value) const {
    Table table;
    for (Value& key : elements_of(call, std::move(iterable))) table.set(std::move(key), Value(value));
    return map_of(table);
}

namespace {

Value merged(Value::Map first, const Value::Map& second) {
    first.insert(first.end(), second.begin(), second.end());
    return map_of(table_of(std::move(first)));
}

}  // namespace

Value Dict::merge(soho::Call& call, Value other) const {
    other = resolved(call, std::move(other));
    if (!other.is_map()) throw unsupported_operands("|", "dict", type_name(other));
    return merged(copy(), *other.get_if<Value::Map>());
}

Value Dict::merge_into(soho::Call& call, Value other) const {
    other = resolved(call, std::move(other));
    if (!other.is_map()) throw unsupported_operands("|", type_name(other), "dict");
    return merged(std::move(*other.get_if<Value::Map>()), copy());
}

soho::ObjectRef Dict::merge_in_place(soho::Call& call, Value other) {
    put_all(call, pairs_of(call, std::move(other)));
    return call.self();
}

bool Dict::equals(soho::Call& call, Value other) const {
    other = resolved(call, std::move(other));
    const auto* pairs = other.get_if<Value::Map>();
    if (pairs == nullptr || pairs->size() != table_.size()) return false;
    return std::all_of(pairs->begin(), pairs->end(), [&](const auto& pair) {
        const Table::Entry* entry = table_.find(pair.first);
        return entry != nullptr && equal(entry->mapped, pair.second);
    });
}

std::string Dict::text() const { return repr(copy()); }

Value::Array Dict::elements() {
    const std::lock_guard lock(mutex());
    return table_.keys();
}

Value Dict::plain() {
    const std::lock_guard lock(mutex());
    return map_of(table_);
}

}  // namespace shared
