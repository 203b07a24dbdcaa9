#pragma once
// A queue and everybody who waits at either end of it, or for all items to be done.

#include "queue_items.hpp"
#include "values_account.hpp"
#include "waiting.hpp"

namespace shared {

// Thread-safe.
class QueueCore : public std::enable_shared_from_this<QueueCore> {
public:
    // `maxsize` 0: no bound.
    QueueCore(std::unique_ptr<QueueItems> items, std::uint64_t maxsize) : items_(std::move(items)), maxsize_(maxsize) {}

    void put(soho::Call& call, soho::Reply<void> reply, Value item, bool block, Seconds timeout);
    void get(soho::Call& call, soho::Reply<Value> reply, bool block, Seconds timeout);
    void task_done();
    void join(soho::Call& call, soho::Reply<void> reply);

    std::uint64_t size() const;
    bool full() const;

    // A caller gives up, or its time is over.
    void leave(std::uint64_t number);
    void time_out(std::uint64_t number);

private:
    // What is decided under the mutex and done after it.
    struct Decided {
        std::vector<Value> gone;
        Answers<void> done;
        Answers<Value> got;
    };
    using Putters = Waiters<void, Value>;

    bool has_room() const { return maxsize_ == 0 || items_->size() < maxsize_; }
    void meet(const soho::Call& call);
    void forget(std::int64_t bytes);
    void give(soho::Reply<Value> reply, soho::Timer timer, Value item, Decided& decided);
    void serve(Decided& decided);
    void take_back(Value item);

    mutable std::mutex mutex_;
    const std::unique_ptr<QueueItems> items_;
    const std::uint64_t maxsize_;
    std::uint64_t unfinished_ = 0;
    Waiters<Value> getters_;
    Putters putters_;
    Waiters<void> joiners_;
    Account account_;  // of the items, and of those that wait for room
    std::uint64_t object_ = 0;
    std::optional<soho::Host> host_;
};

}  // namespace shared
