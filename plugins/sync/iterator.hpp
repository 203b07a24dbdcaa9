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

// Goes through a T by index. Live, as CPython's: what is appended while it goes is seen.
template <class T>
class IndexCursor final : public Cursor {
public:
    IndexCursor(std::shared_ptr<T> sequence, bool back, std::size_t at)
        : sequence_(std::move(sequence)),
          back_(back),
          at_(at) {}

    std::mutex& mutex() override { return sequence_->mutex(); }
    bool next(Value& out) override {
        if (at_ >= sequence_->size()) return false;  // going back, what is before the first wraps around
        out = sequence_->at(back_ ? at_-- : at_++);
        return true;
    }
    std::size_t left() const override {
        const std::size_t size = sequence_->size();
        return at_ >= size ? 0 : back_ ? at_ + 1 : size - at_;
    }

private:
    std::shared_ptr<T> sequence_;
    bool back_;
    std::size_t at_;
};

using IteratorPtr = std::shared_ptr<Iterator>;

template <class C, class... A>
IteratorPtr make_iterator(A&&... arguments) {
    return std::make_shared<Iterator>(std::make_unique<C>(std::forward<A>(arguments)...));
}

template <class T>
IteratorPtr iterate_from_first(std::shared_ptr<T> sequence) {
    return make_iterator<IndexCursor<T>>(std::move(sequence), false, std::size_t{0});
}
template <class T>
IteratorPtr iterate_from_last(std::shared_ptr<T> sequence) {
    const std::size_t last = sequence->size() - 1;
    return make_iterator<IndexCursor<T>>(std::move(sequence), true, last);
}

}  // namespace shared
