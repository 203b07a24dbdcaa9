#pragma once
// Threads for methods that block. Grows while work waits and all threads are busy, shrinks when they are idle.

#include "host/object/executor.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>

namespace soho::host {

class Pool {
public:
    // Runs `body` on a new thread, or throws; tests give their own.
    using StartThread = std::function<void(Work body)>;

    explicit Pool(std::size_t threads_max, StartThread start_thread = start_detached);
    // On a thread of its own, for which nobody waits.
    static void start_detached(Work body);
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;
    // All threads must have ended: see stop().
    ~Pool();

    // Beyond threads_max, work waits for a thread. False, and nothing done, if the system gives no thread and there is none
    // that the work could wait for. [any thread]
    [[nodiscard]] bool post(Work work) { return add(std::move(work), false); }
    // For work that a waiting call depends on: never waits behind threads_max, which could be full of such waiters; false if
    // it would have to. [any thread]
    [[nodiscard]] bool post_urgent(Work work) { return add(std::move(work), true); }

    // Takes no idle thread longer than it must; true once no thread is left, false if some are still in their work after
    // `timeout_ns`. Work that has not started is dropped.
    bool stop(std::int64_t timeout_ns);

    std::size_t threads() const;
    std::size_t queued() const;

private:
    bool add(Work work, bool urgent);
    void run_thread();

    const std::size_t threads_max_;
    const StartThread start_thread_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable ended_;
    std::deque<Work> queue_;
    std::size_t threads_ = 0;
    std::size_t idle_ = 0;
    bool stopping_ = false;
};

}  // namespace soho::host
