#pragma once
// An object's turn: the exclusion of its running code. Whoever finds it free runs at once on its own thread; others queue,
// first in, first out, and whoever leaves runs what waits, a bounded number of times, then hands the rest on (RULES 5).

#include "host/object/executor.hpp"
#include "host/object/pool.hpp"

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

namespace soho::host {

class Turn;

// Work that waits for turns. It keeps its turns alive.
class TurnTask {
public:
    virtual ~TurnTask() = default;
    // Called with all its turns held; leaves none of them. `activity` is the running thread's, null on the pool.
    virtual void run(Activity* activity) noexcept = 0;

    std::vector<Turn*> turns;  // without repetition; more than one only for calls with T& arguments
    bool shared = false;       // with one turn only: may run beside other shared work
    bool on_pool = false;
    // It was to run on the pool, which has no thread for it: run() is called on the home executor and only says so.
    bool starved = false;
    // A waiting chain of calls depends on this: it may pass by work that needs several turns, one of which the chain holds.
    bool overtakes = false;
    // Its place among what waits for the same turns; 0: at the end. What waits once more has that of the first time.
    std::uint64_t place = 0;
    // On the pool, it does not wait for one of the threads that methods have: others wait for it.
    bool is_urgent = false;
};
using TurnTaskPtr = std::shared_ptr<TurnTask>;

// What all turns of a host have in common.
struct TurnDomain {
    explicit TurnDomain(Pool& pool_) : pool(pool_) {}

    Pool& pool;
    std::atomic<std::uint64_t> places{0};  // given to what waited
    std::mutex several;                    // taken before any turn's own mutex by work that needs several turns
};

class Turn {
public:
    // `home` runs what is handed on.
    Turn(TurnDomain& domain, Executor& home) : domain_(domain), home_(home) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    // Takes the turn if it is free and nobody waits. [any thread]
    bool try_enter(bool shared) {
        std::uint32_t state = state_.load(std::memory_order_relaxed);
        while ((state & closed) == 0) {
            if (!is_free(state, shared)) return false;
            if (state_.compare_exchange_weak(state, taken(state, shared), std::memory_order_acquire)) return true;
        }
        return try_enter_closed(shared);
    }
    // Gives it up, and runs or hands on what waits. The caller keeps the turn alive until this returns.
    void leave(bool shared, Activity* activity) {
        std::uint32_t state = state_.load(std::memory_order_relaxed);
        while ((state & closed) == 0) {
            if (state_.compare_exchange_weak(state, left(state, shared), std::memory_order_release)) return;
        }
        leave_closed(shared, activity);
    }

    // Queues the task for its turns; it starts on a home executor or the pool, never inside submit(). [any thread]
    static void submit(const TurnTaskPtr& task);
    // Takes the task out of its queues again, and lets what waited behind it start. False: it has its turns already. [any thread]
    static bool withdraw(const TurnTaskPtr& task);

    // All of several turns at once, or none. [any thread]
    static bool try_enter_all(const std::vector<Turn*>& turns);
    static void leave_all(const std::vector<Turn*>& turns, Activity* activity);

    Executor& home() const { return home_; }

    // Of the object that it is the turn of; null if it is no object's.
    std::atomic<const void*> identity{nullptr};

private:
    // state_: how many hold the turn, and whether the quick ways in and out, which take no lock, are closed: as long as something
    // waits, and while somebody has the mutex. Then state_ changes only with the mutex held.
    static constexpr std::uint32_t closed = 1u << 31;
    static constexpr std::uint32_t exclusive = 1u << 30;  // held by one alone; below it: by that many shared ones
    static bool is_free(std::uint32_t state, bool shared) {
        return shared ? (state & exclusive) == 0 : (state & ~closed) == 0;
    }
    static std::uint32_t taken(std::uint32_t state, bool shared) { return state + (shared ? 1 : exclusive); }
    static std::uint32_t left(std::uint32_t state, bool shared) { return state - (shared ? 1 : exclusive); }

    // Has the mutex, and the quick ways closed; opens them again if nothing waits.
    class Section {
    public:
        explicit Section(Turn& turn) : turn_(turn), lock_(turn.mutex_) {
            turn_.state_.fetch_or(closed, std::memory_order_acq_rel);
        }
        Section(const Section&) = delete;
        Section& operator=(const Section&) = delete;
        ~Section() {
            if (turn_.queue_.empty()) turn_.state_.fetch_and(~closed, std::memory_order_release);
        }

    private:
        Turn& turn_;
        const std::scoped_lock<std::mutex> lock_;
    };
    class Sections;

    // In a section.
    bool is_free(bool shared) const { return is_free(state_.load(std::memory_order_relaxed), shared); }
    void take(bool shared) {
        state_.store(taken(state_.load(std::memory_order_relaxed), shared), std::memory_order_relaxed);
    }
    void give_up(bool shared) {
        state_.store(left(state_.load(std::memory_order_relaxed), shared), std::memory_order_relaxed);
    }

    bool try_enter_closed(bool shared);
    void leave_closed(bool shared, Activity* activity);
    TurnTaskPtr pass_on(bool shared);
    TurnTaskPtr take_next(std::vector<TurnTaskPtr>& beside);
    static bool try_start_several(const TurnTaskPtr& task);
    void enqueue(std::list<TurnTaskPtr>& one);
    static void start(const TurnTaskPtr& task);
    static void run_and_leave(const TurnTaskPtr& task, Activity* activity);
    void hand_on(bool shared);

    TurnDomain& domain_;
    Executor& home_;
    std::atomic<std::uint32_t> state_{0};
    std::mutex mutex_;
    std::list<TurnTaskPtr> queue_;  // takes no memory while it is empty, as it nearly always is
};

}  // namespace soho::host
