#pragma once
// list, as Python's.

#include "iterator.hpp"

namespace shared {

class List : public Container, public std::enable_shared_from_this<List> {
public:
    explicit List(Value::Array items) : items_(std::move(items)) { begin(footprints(items_)); }

    void append(soho::Call& call, Value value);
    void extend(soho::Call& call, Value iterable);
    void insert(soho::Call& call, const Value& index, Value value);
    Value pop(soho::Call& call, const Value& index);
    void remove(soho::Call& call, const Value& value);
    std::uint64_t index(const Value& value, const Value& start, const Value& stop) const;
    std::uint64_t count(const Value& value) const;
    void sort(soho::Call& call, const Value& key, const Value& reverse);
    void reverse(soho::Call& call);
    void clear(soho::Call& call);
    const Value::Array& copy() const { return items_; }

    std::uint64_t size() const { return items_.size(); }
    bool contains(const Value& value) const;
    Value get_item(const Value& index) const;
    void set_item(soho::Call& call, const Value& index, Value value);
    void delete_item(soho::Call& call, const Value& index);

    Value::Array add(soho::Call& call, Value other) const;
    Value::Array multiply(const Value& count) const;
    soho::ObjectRef add_in_place(soho::Call& call, Value other);
    soho::ObjectRef multiply_in_place(soho::Call& call, const Value& count);
    bool equals(soho::Call& call, Value other) const;
    bool compare(soho::Call& call, Value other, Order order) const;
    std::string text() const;

    IteratorPtr iterate();
    IteratorPtr iterate_back();
    const Value& at(std::size_t index) const { return items_[index]; }

    Value::Array elements() override;
    Value plain() override { return elements(); }

private:
    void hold_all(const soho::Call& call) override;
    void set_slice(soho::Call& call, const Value& index, Value value);
    void delete_slice(soho::Call& call, const Value& index);

    Value::Array items_;
};

}  // namespace shared
