#pragma once
// Array: numbers of one C type, as Python's array.array.

#include "array_items.hpp"
#include "iterator.hpp"

namespace shared {

class Array : public Container, public std::enable_shared_from_this<Array> {
public:
    // From a size (zeros), bytes (as the machine has them in memory), or the numbers of an iterable.
    Array(const soho::Call& call, const Value& typecode, Value initial);

    void append(soho::Call& call, const Value& value);
    void extend(soho::Call& call, Value iterable);
    void insert(soho::Call& call, const Value& index, const Value& value);
    Value pop(soho::Call& call, const Value& index);
    void remove(soho::Call& call, const Value& value);
    std::uint64_t index(const Value& value, const Value& start, const Value& stop) const;
    std::uint64_t count(const Value& value) const;
    void reverse(soho::Call& call);
    Value::Array to_list() const;

    std::uint64_t size() const;
    bool contains(const Value& value) const;
    Value get_item(const Value& index) const;
    void set_item(soho::Call& call, const Value& index, Value value);
    void delete_item(soho::Call& call, const Value& index);
    bool equals(soho::Call& call, const Value& other) const;
    std::string text() const;

    std::span<const std::byte> get_bytes() const;
    void set_bytes(soho::Call& call, std::span<const std::byte> bytes);
    std::string typecode() const { return std::string(1, typecode_); }
    std::uint64_t item_size() const { return shared::item_size(typecode_); }

    IteratorPtr iterate();
    IteratorPtr iterate_back();
    Value at(std::size_t index) const;

    Value::Array elements() override;

private:
    void hold_all(const soho::Call&) override {}
    Items converted(const Value::Array& values) const;
    Items from_bytes(std::span<const std::byte> bytes) const;
    std::size_t find(const Value& value, std::size_t from, std::size_t to) const;
    void replace(soho::Call& call, std::size_t from, std::size_t count, const Items& with);
    void set_slice(soho::Call& call, const Value& index, Value value);

    char typecode_;
    Items items_;
};

}  // namespace shared
