#include "host/object/pool.hpp"

#include <cassert>
#include <chrono>
#include <ctime>
#include <thread>
#include <utility>

namespace soho::host {

namespace {

constexpr std::chrono::seconds idle_thread_lives{10};

}  // namespace

std::int64_t monotonic_now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

Pool::~Pool() { assert(threads_ == 0); }

void Pool::post(Work work) { add(std::move(work), false); }
void Pool::post_urgent(Work work) { add(std::move(work), true); }

void Pool::add(Work work, bool urgent) {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return;
    if (urgent) {
        queue_.push_front(std::move(work));
    } else {
        queue_.push_back(std::move(work));
    }
    if (idle_ >= queue_.size()) {
        wake_.notify_one();
    } else if (threads_ < threads_max_ || urgent) {
        ++threads_;
        // Detached: stop() waits for the count, and a thread stuck in a plugin must not hold up the exit (RULES 11).
        std::thread([this] { run_thread(); }).detach();
    }
}

void Pool::run_thread() {
    std::unique_lock lock(mutex_);
    for (;;) {
        while (queue_.empty() && !stopping_) {
            ++idle_;
            const bool woken = wake_.wait_for(lock, idle_thread_lives) == std::cv_status::no_timeout;
            --idle_;
            if (!woken && queue_.empty()) break;
        }
        if (queue_.empty() || stopping_) break;
        Work work = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        work();
        work = nullptr;
        lock.lock();
    }
    --threads_;
    ended_.notify_all();
}

bool Pool::stop(std::int64_t timeout_ns) {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    const std::deque<Work> dropped = std::exchange(queue_, {});
    wake_.notify_all();
    const bool ended = ended_.wait_for(lock, std::chrono::nanoseconds(timeout_ns), [this] { return threads_ == 0; });
    lock.unlock();  // what is dropped may post again
    return ended;
}

std::size_t Pool::threads() const {
    const std::scoped_lock lock(mutex_);
    return threads_;
}

std::size_t Pool::queued() const {
    const std::scoped_lock lock(mutex_);
    return queue_.size();
}

}  // namespace soho::host
