#pragma once
// dict, as Python's.

#include "values_table.hpp"

namespace shared {

class Dict : public Container, public std::enable_shared_from_this<Dict> {
public:
    static constexpr const char* resized = "dictionary changed size during iteration";
    static constexpr const char* replaced = "dictionary keys changed during iteration";

    // From nothing, a mapping or pairs; and keywords.
    Dict(const soho::Call& call, const soho::Args& given);
    explicit Dict(Value::Map pairs);

    Value get_item(const Value& key) const;
    void set_item(soho::Call& call, Value key, Value value);
    void delete_item(soho::Call& call, const Value& key);
    Value get(const Value& key, Value default_value) const;
    Value set_default(soho::Call& call, Value key, Value default_value);
    Value pop(soho::Call& call, const Value& key, const soho::Args& default_value);
    Value pop_item(soho::Call& call);
    void update(soho::Call& call, const soho::Args& given);
    void clear(soho::Call& call);

    Value::Array keys() const { return table_.keys(); }
    Value::Array values() const;
    Value::Array items() const;
    Value::Map copy() const;
    Value::Map from_keys(soho::Call& call, Value iterable, const Value& value) const;

    std::uint64_t size() const { return table_.size(); }
    bool contains(const Value& key) const { return table_.contains(key); }
    Value merge(soho::Call& call, Value other) const;
    Value merge_into(soho::Call& call, Value other) const;
    soho::ObjectRef merge_in_place(soho::Call& call, Value other);
    bool equals(soho::Call& call, Value other) const;
    std::string text() const;

    IteratorPtr iterate() { return make_iterator<TableCursor<Dict>>(shared_from_this(), false); }
    IteratorPtr iterate_back() { return make_iterator<TableCursor<Dict>>(shared_from_this(), true); }

    const Table& table() const { return table_; }
    Value::Array elements() override;
    Value plain() override;

private:
    void hold_all(const soho::Call& call) override { table_.hold_all(call); }
    std::int64_t cost(const Value& key, const Value& value) const;
    void put_all(soho::Call& call, Value::Map pairs);

    Table table_;
};

}  // namespace shared
