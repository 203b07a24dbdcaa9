#pragma once
// Executors for tests: one that runs work when it is told to, one with a thread of its own.

#include "host/object/executor.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace soho::test {

// Work waits until the test runs it, on a thread of the test: on one at a time, as there is one activity.
class QueueExecutor final : public host::Executor {
public:
    void post(host::Work work) override {
        const std::scoped_lock lock(mutex_);
        queue_.push_back(std::move(work));
        posted_.notify_all();
    }
    host::Activity* activity() override { return &activity_; }

    bool run_one() {
        const std::scoped_lock one(running_);
        host::Work work;
        {
            const std::scoped_lock lock(mutex_);
            if (queue_.empty()) return false;
            work = std::move(queue_.front());
            queue_.pop_front();
        }
        work();
        return true;
    }
    std::size_t run_all() {
        std::size_t ran = 0;
        while (run_one()) ++ran;
        return ran;
    }
    std::size_t size() const {
        const std::scoped_lock lock(mutex_);
        return queue_.size();
    }
    // Runs what is there and what comes, also from other threads, until `met`; throws if that takes a minute.
    template <class Condition>
    void run_until(Condition met) {
        const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
        while (!met()) {
            if (run_one()) continue;
            if (std::chrono::steady_clock::now() > until) throw std::runtime_error("waited a minute in vain");
            std::unique_lock lock(mutex_);
            // What `met` looks at may change without a post: look again now and then.
            posted_.wait_for(lock, std::chrono::milliseconds(1), [&] { return !queue_.empty(); });
        }
    }

private:
    std::mutex running_;
    mutable std::mutex mutex_;
    std::condition_variable posted_;
    std::deque<host::Work> queue_;
    host::Activity activity_;
};

// One thread, as a reactor is.
class ThreadExecutor final : public host::Executor {
public:
    ThreadExecutor() : thread_([this] { run(); }) {}
    // Runs what is queued, and ends.
    ~ThreadExecutor() override {
        {
            const std::scoped_lock lock(mutex_);
            ending_ = true;
            posted_.notify_all();
        }
        thread_.join();
    }
    void post(host::Work work) override {
        const std::scoped_lock lock(mutex_);
        queue_.push_back(std::move(work));
        posted_.notify_all();
    }
    host::Activity* activity() override { return &activity_; }

private:
    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            posted_.wait(lock, [this] { return ending_ || !queue_.empty(); });
            if (queue_.empty()) return;
            host::Work work = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            work();
            work = nullptr;
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable posted_;
    std::deque<host::Work> queue_;
    bool ending_ = false;
    host::Activity activity_;
    std::thread thread_;
};

}  // namespace soho::test
