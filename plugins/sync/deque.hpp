#pragma once
// deque, as Python's collections.deque.

#include "iterator.hpp"

#include <deque>
#include <optional>

namespace shared {

class Deque : public Container, public std::enable_shared_from_this<Deque> {
public:
    enum class End { left, right };
    using Items = std::deque<Value>;

    // `maxlen` nil: no bound.
    Deque(Value::Array items, const Value& maxlen);

    void push(soho::Call& call, Value value, End end);
    void extend(soho::Call& call, Value iterable, End end);
    Value pop(soho::Call& call, End end);
    void insert(soho::Call& call, const Value& index, Value value);
    void remove(soho::Call& call, const Value& value);
    std::uint64_t index(const Value& value, const Value& start, const Value& stop) const;
    std::uint64_t count(const Value& value) const;
    void rotate(soho::Call& call, const Value& steps);
    void reverse(soho::Call& call);
    void clear(soho::Call& call);
    const Items& copy() const { return items_; }
    std::optional<std::uint64_t> maxlen() const { return maxlen_; }

    std::uint64_t size() const { return items_.size(); }
    bool contains(const Value& value) const;
    const Value& get_item(const Value& index) const;
    void set_item(soho::Call& call, const Value& index, Value value);
    void delete_item(soho::Call& call, const Value& index);

    Value::Array add(soho::Call& call, const Value& other) const;
    Value::Array multiply(const Value& count) const;
    soho::ObjectRef add_in_place(soho::Call& call, Value other);
    soho::ObjectRef multiply_in_place(soho::Call& call, const Value& count);
    bool equals(soho::Call& call, const Value& other) const;
    bool compare(soho::Call& call, const Value& other, Order order) const;
    std::string text() const;

    IteratorPtr iterate();
    IteratorPtr iterate_back();

    // Grows with whatever an iterator must notice.
    std::uint64_t changes() const { return changes_; }
    Value::Array elements() override;

private:
    void hold_all(const soho::Call& call) override;
    std::size_t checked(const Value& index) const;
    Value take(soho::Call& call, std::size_t index);
    // Only the last maxlen of them.
    Value::Array bounded(Value::Array items) const;
    template <class F>
    auto mutate(const soho::Call& call, std::int64_t bytes, F function) {
        return change(call, bytes, [&] {
            ++changes_;
            return function();
        });
    }

    Items items_;
    std::optional<std::uint64_t> maxlen_;
    std::uint64_t changes_ = 0;
};

}  // namespace shared
