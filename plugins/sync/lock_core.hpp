#pragma once
// A lock, its owner, and everybody who waits for it: what stands behind Lock, RLock and Condition.
//
// When the session of the owner ends, the lock is released and the next one has it; that one can ask whether it was
// recovered so. A lock that was granted to a caller who never heard of it goes on to the next.

#include "waiting.hpp"

#include <mutex>

namespace shared {

class ConditionQueue;

// What a caller wants of a lock.
struct Claim {
    Owner owner;
    std::uint64_t depth = 1;                    // how often it will have been acquired
    bool value = true;                          // the answer once it has the lock
    std::weak_ptr<ConditionQueue> notified_by;  // it spends a notification of this one
};

// Those who wait to be notified; guarded by the mutex of the lock.
class ConditionQueue {
public:
    Waiters<bool, Claim> waiters;
};

// Thread-safe.
class LockCore : public std::enable_shared_from_this<LockCore> {
public:
    enum class Kind { plain, reentrant };
    explicit LockCore(Kind kind) : kind_(kind) {}

    void acquire(soho::Call& call, soho::Reply<bool> reply, bool blocking, Seconds timeout);
    void release(const soho::Call& call);
    bool locked() const;
    bool recovered() const;
    std::string text(const soho::Call& call) const;

    // A Condition's side of it.
    void wait(const std::shared_ptr<ConditionQueue>& queue, soho::Call& call, soho::Reply<bool> reply, Seconds timeout);
    void notify(const std::shared_ptr<ConditionQueue>& queue, const soho::Call& call, std::uint64_t count);
    std::size_t waiting(const ConditionQueue& queue) const;

private:
    // What is decided under the mutex and done after it.
    struct Decided;

    void hold(Claim claim, soho::Reply<bool> reply, soho::Timer timer, Decided& decided);
    void let_go();
    void grant_next(Decided& decided);
    void pass_on(const std::weak_ptr<ConditionQueue>& queue, Decided& decided);
    bool owned_by(const Owner& owner) const;
    void enqueue(Waiters<bool, Claim>& waiters, const std::weak_ptr<ConditionQueue>& queue, soho::Call& call,
                 soho::Reply<bool> reply, Claim claim, std::optional<std::chrono::nanoseconds> timeout);

    void watch(std::uint64_t session);
    void session_ended(std::uint64_t session);
    void not_delivered(std::uint64_t hold, std::uint64_t depth);
    void leave(std::uint64_t number, const std::weak_ptr<ConditionQueue>& queue);
    void acquire_timed_out(std::uint64_t number);
    void wait_timed_out(std::uint64_t number, const std::weak_ptr<ConditionQueue>& queue);

    const Kind kind_;
    mutable std::mutex mutex_;
    bool held_ = false;
    Owner holder_;
    std::uint64_t depth_ = 0;
    std::uint64_t hold_ = 0;                     // tells this time of holding it from all others
    std::weak_ptr<ConditionQueue> notified_by_;  // its notification was spent on this hold
    bool recovered_ = false, recover_next_ = false;
    Waiters<bool, Claim> waiters_;
    // Sessions that have held it and live.
    std::map<std::uint64_t, soho::SessionEnd> watched_;
    std::optional<soho::Host> host_;
    std::uint64_t object_ = 0;
};

}  // namespace shared
