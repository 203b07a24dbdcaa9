#pragma once
// In which order a queue gives back its items.

#include "values.hpp"

#include <deque>
#include <set>

namespace shared {

class QueueItems {
public:
    virtual ~QueueItems() = default;
    virtual std::size_t size() const = 0;
    // May throw, with nothing changed.
    virtual void put(Value item) = 0;
    virtual Value get() = 0;
    // An item that was taken, but did not reach who took it.
    virtual void put_back(Value item) = 0;
};

class FifoItems final : public QueueItems {
public:
    std::size_t size() const override { return items_.size(); }
    void put(Value item) override { items_.push_back(std::move(item)); }
    Value get() override {
        Value item = std::move(items_.front());
        items_.pop_front();
        return item;
    }
    void put_back(Value item) override { items_.push_front(std::move(item)); }

private:
    std::deque<Value> items_;
};

class LifoItems final : public QueueItems {
public:
    std::size_t size() const override { return items_.size(); }
    void put(Value item) override { items_.push_back(std::move(item)); }
    Value get() override {
        Value item = std::move(items_.back());
        items_.pop_back();
        return item;
    }
    void put_back(Value item) override { items_.push_back(std::move(item)); }

private:
    std::vector<Value> items_;
};

// The smallest first; the oldest among equals.
class PriorityItems final : public QueueItems {
public:
    std::size_t size() const override { return items_.size() + returned_.size(); }
    void put(Value item) override { items_.insert(std::move(item)); }
    Value get() override {
        if (returned_.size() != 0) return returned_.get();
        return std::move(items_.extract(items_.begin()).value());
    }
    // It was the first, and may have no order among what came since.
    void put_back(Value item) override { returned_.put_back(std::move(item)); }

private:
    struct Less {
        bool operator()(const Value& a, const Value& b) const { return ordered(a, b, Order::less); }
    };
    std::multiset<Value, Less> items_;
    FifoItems returned_;
};

}  // namespace shared
