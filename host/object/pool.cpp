#include "host/object/pool.hpp"

#include <pthread.h>
#include <cassert>
#include <chrono>
#include <ctime>
#include <exception>
#include <thread>
#include <utility>

namespace soho::host {

namespace {

constexpr std::chrono::seconds idle_thread_lives{10};

std::int64_t look_at(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

std::int64_t monotonic_now() { return look_at(CLOCK_MONOTONIC); }

std::int64_t monotonic_tick() { return look_at(CLOCK_MONOTONIC_COARSE); }

Pool::Pool(std::size_t threads_max, StartThread start_thread)
    : threads_max_(threads_max),
      start_thread_(std::move(start_thread)) {}

Pool::~Pool() { assert(threads_ == 0); }

// Detached: stop() waits for the count, and a thread stuck in a plugin must not hold up the exit (RULES 11).
void Pool::start_detached(Work body) { std::thread(std::move(body)).detach(); }

bool Pool::add(Work work, bool urgent) {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return true;
    if (urgent) {
        queue_.push_front(std::move(work));
    } else {
        queue_.push_back(std::move(work));
    }
    if (idle_ >= queue_.size()) {
        wake_.notify_one();
    } else if (threads_ < threads_max_ || urgent) {
        try {
            start_thread_([this] { run_thread(); });
            ++threads_;                    // the new thread waits for the mutex
        } catch (const std::exception&) {  // no memory for its stack, or too many threads for the system
            if (threads_ != 0 && !urgent) return true;
            urgent ? queue_.pop_front() : queue_.pop_back();
            return false;
        }
    }
    return true;
}

void Pool::run_thread() {
    ::pthread_setname_np(::pthread_self(), "sohod-pool");
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
