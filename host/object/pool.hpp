#pragma once
// Threads for methods that block. Grows while work waits and all threads are busy, shrinks when they are idle.

#include "host/object/executor.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>

namespace soho::host {

class Pool : public Executor {
public:
    explicit Pool(std::size_t threads_max) : threads_max_(threads_max) {}
    // All threads must have ended: see stop().
    ~Pool() override;

    // Beyond threads_max, work waits for a thread. [any thread]
    void post(Work work) override;
    // For work that a waiting call depends on: never waits behind threads_max, which could be full of such waiters.
    // [any thread]
    void post_urgent(Work work);

    // Takes no idle thread longer than it must; true once no thread is left, false if some are still in their work after
    // `timeout_ns`. Work that has not started is dropped.
    bool stop(std::int64_t timeout_ns);

    std::size_t threads() const;
    std::size_t queued() const;

private:
    void add(Work work, bool urgent);
    void run_thread();

    const std::size_t threads_max_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable ended_;
    std::deque<Work> queue_;
    std::size_t threads_ = 0;
    std::size_t idle_ = 0;
    bool stopping_ = false;
};

}  // namespace soho::host
