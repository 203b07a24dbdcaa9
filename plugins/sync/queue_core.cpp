#include "queue_core.hpp"

namespace shared {

namespace {

// None: as long as it takes. Python looks at the timeout only where it may have to wait.
std::optional<std::chrono::nanoseconds> wait_time(bool block, Seconds seconds) {
    if (!block) return std::chrono::nanoseconds(0);
    if (!seconds) return std::nullopt;
    if (*seconds < 0) throw value_error("'timeout' must be a non-negative number");
    return to_duration(*seconds);
}

}  // namespace

void QueueCore::put(soho::Call& call, soho::Reply<void> reply, Value item, bool block, Seconds seconds) {
    const auto timeout = maxsize_ == 0 ? std::nullopt : wait_time(block, seconds);
    Decided decided;
    const std::scoped_lock lock(mutex_);
    if (!has_room() && timeout && timeout->count() == 0) throw soho::Error("Full", "");
    meet(call);
    const std::int64_t bytes = footprint(item);
    account_.add(call, bytes);
    if (!has_room()) return enqueue(*this, putters_, call, std::move(reply), timeout, std::move(item));
    try {
        items_->put(std::move(item));
    } catch (...) {
        forget(bytes);
        throw;
    }
    ++unfinished_;
    decided.done.add({std::move(reply), {}});
    serve(decided);
}

void QueueCore::get(soho::Call& call, soho::Reply<Value> reply, bool block, Seconds seconds) {
    const auto timeout = wait_time(block, seconds);
    Decided decided;
    const std::scoped_lock lock(mutex_);
    meet(call);
    if (items_->size() != 0) {
        give(std::move(reply), {}, items_->get(), decided);
        return serve(decided);
    }
    if (timeout && timeout->count() == 0) throw soho::Error("Empty", "");
    enqueue(*this, getters_, call, std::move(reply), timeout);
}

// Whoever waits for an item gets one; whoever waits for room has it.
void QueueCore::serve(Decided& decided) {
    for (bool moved = true; moved;) {
        moved = false;
        while (items_->size() != 0 && !getters_.empty()) {
            auto getter = getters_.take_first();
            give(std::move(getter->reply), std::move(getter->timer), items_->get(), decided);
        }
        while (has_room() && !putters_.empty()) {
            auto putter = putters_.take_first();
            const std::int64_t bytes = footprint(putter->wish);
            Answer<void> answer{std::move(putter->reply), std::move(putter->timer)};
            try {
                items_->put(std::move(putter->wish));
                ++unfinished_;
                moved = true;
            } catch (const soho::Error& error) {  // an item that has no order among the others
                forget(bytes);
                answer.error = error;
            }
            decided.done.add(std::move(answer));
        }
    }
}

void QueueCore::give(soho::Reply<Value> reply, soho::Timer timer, Value item, Decided& decided) {
    forget(footprint(item));
    auto back = [weak = weak_from_this(), item]() mutable {
        if (const auto core = weak.lock()) core->take_back(std::move(item));
    };
    decided.got.add({std::move(reply), std::move(timer), std::move(item), {}, std::move(back)});
}

// It stands at the front again, whatever the quota: for the next who waits, or who asks.
void QueueCore::take_back(Value item) {
    Decided decided;
    const std::scoped_lock lock(mutex_);
    const std::int64_t bytes = footprint(item);
    items_->put_back(std::move(item));
    account_.restore(bytes);
    serve(decided);
}

void QueueCore::task_done() {
    Decided decided;
    const std::scoped_lock lock(mutex_);
    if (unfinished_ == 0) throw value_error("task_done() called too many times");
    if (--unfinished_ != 0) return;
    while (auto joiner = joiners_.take_first()) decided.done.add({std::move(joiner->reply), std::move(joiner->timer)});
}

void QueueCore::join(soho::Call& call, soho::Reply<void> reply) {
    Decided decided;
    const std::scoped_lock lock(mutex_);
    if (unfinished_ == 0) return decided.done.add({std::move(reply), {}});
    enqueue(*this, joiners_, call, std::move(reply), std::nullopt);
}

std::uint64_t QueueCore::size() const {
    const std::scoped_lock lock(mutex_);
    return items_->size();
}

bool QueueCore::full() const {
    const std::scoped_lock lock(mutex_);
    return !has_room();
}

void QueueCore::leave(std::uint64_t number) {
    std::optional<Waiter<Value>> getter;  // these go after the mutex
    std::optional<Putters::Entry> putter;
    std::optional<Waiter<void>> joiner;
    const std::scoped_lock lock(mutex_);
    getter = getters_.take(number);
    if (!getter) joiner = joiners_.take(number);
    if (!getter && !joiner) putter = putters_.take(number);
    if (putter) forget(footprint(putter->wish));
}

void QueueCore::time_out(std::uint64_t number) {
    std::optional<Putters::Entry> putter;  // its item goes after the mutex
    Decided decided;
    const std::scoped_lock lock(mutex_);
    if (auto getter = getters_.take(number)) {
        decided.got.add({std::move(getter->reply), std::move(getter->timer), {}, soho::Error("Empty", "")});
    } else if ((putter = putters_.take(number))) {
        forget(footprint(putter->wish));
        decided.done.add({std::move(putter->reply), std::move(putter->timer), {}, soho::Error("Full", "")});
    }
}

// The host, and the object's id, are first heard of in a call.
void QueueCore::meet(const soho::Call& call) {
    host_ = call.host();
    object_ = call.object();
}

// Of an item that was accounted for, so that there is a host.
void QueueCore::forget(std::int64_t bytes) { account_.add(*host_, object_, -bytes); }

}  // namespace shared
