#pragma once
// Iterator: what __iter__ of a container gives. Reached through method_to_typeid only.

#include "values_container.hpp"

namespace shared {

// A place in a container. Called under the container's mutex.
class Cursor {
public:
    Cursor() = default;
    Cursor(const Cursor&) = delete;
    Cursor& operator=(const Cursor&) = delete;
    virtual ~Cursor() = default;

    virtual std::mutex& mutex() = 0;
    // The next element; false at the end.
    virtual bool next(Value& out) = 0;
    // About how many are left.
    virtual std::size_t left() const = 0;
};

// Keeps its container's contents alive. Itself a container, for whoever takes what is left of it.
class Iterator : public Container {
public:
    explicit Iterator(std::unique_ptr<Cursor> cursor) : cursor_(std::move(cursor)) {}

    Value next();
    // Up to `count` elements, fewer where they are large; none: the end.
    Value::Array next_many(std::int64_t count);
    void close();
    std::uint64_t left();

    Value::Array elements() override;

private:
    void hold_all(const soho::Call&) override {}
    Value::Array take(std::size_t count, std::int64_t bytes_max);

    std::unique_ptr<Cursor> cursor_;  // null: at the end, for good
};

using IteratorPtr = std::shared_ptr<Iterator>;

template <class C, class... A>
IteratorPtr make_iterator(A&&... arguments) {
    return std::make_shared<Iterator>(std::make_unique<C>(std::forward<A>(arguments)...));
}

}  // namespace shared
