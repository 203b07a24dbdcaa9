#pragma once
// set, as Python's; in the order of insertion.

#include "values_table.hpp"

namespace shared {

class Set : public Container, public std::enable_shared_from_this<Set> {
public:
    static constexpr const char* resized = "Set changed size during iteration";
    static constexpr const char* replaced = resized;

    enum class Operation { unite, intersect, subtract, differ };

    explicit Set(Value::Array elements);

    void add(soho::Call& call, Value element);
    void remove(soho::Call& call, const Value& element);
    void discard(soho::Call& call, const Value& element);
    Value pop(soho::Call& call);
    void clear(soho::Call& call);
    Value copy() const;

    std::uint64_t size() const { return table_.size(); }
    bool contains(const Value& element) const;

    // With any iterables, as the methods with names take them.
    Value combined(soho::Call& call, const Value::Array& others, Operation operation) const;
    void combine(soho::Call& call, const Value::Array& others, Operation operation);
    // With a set, as the operators want it.
    Value operated(soho::Call& call, Value other, Operation operation) const;
    Value operated_right(soho::Call& call, Value other, Operation operation) const;
    soho::ObjectRef operate(soho::Call& call, Value other, Operation operation);

    bool is_disjoint(soho::Call& call, Value other) const;
    bool is_subset(soho::Call& call, Value other) const;
    bool is_superset(soho::Call& call, Value other) const;
    bool equals(soho::Call& call, Value other) const;
    bool compare(soho::Call& call, Value other, Order order) const;
    std::string text() const;

    IteratorPtr iterate() { return make_iterator<TableCursor<Set>>(shared_from_this(), false); }

    const Table& table() const { return table_; }
    Value::Array elements() override;
    Value plain() override { return make_set(elements()); }

private:
    void hold_all(const soho::Call& call) override { table_.hold_all(call); }
    void unite(soho::Call& call, const Value::Array& others);
    void become(soho::Call& call, Table table);

    Table table_;
};

}  // namespace shared
