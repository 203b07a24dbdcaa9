#include "host/server/ticker.hpp"

#include "host/object/arguments.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <algorithm>
#include <ctime>
#include <fstream>
#include <string>

namespace soho::host {

namespace {

std::int64_t cpu_time(const Activity& activity) {
    timespec time{};
    ::clock_gettime(activity.cpu_clock.load(std::memory_order_relaxed), &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// Whether its thread waits for something else than a CPU. True where that cannot be told.
bool sleeps(const Activity& activity) {
    std::ifstream in(fmt::format("/proc/self/task/{}/stat", activity.thread.load(std::memory_order_relaxed)));
    std::string text;
    std::getline(in, text);
    const auto name_end = text.rfind(')');  // "12 (sohod-0) R …"
    return name_end == std::string::npos || text.size() < name_end + 3 || text[name_end + 2] != 'R';
}

}  // namespace

bool StuckWatch::sample(const Activity& activity, std::int64_t now_ns, std::int64_t cpu_ns,
                        const std::function<bool()>& sleeps) {
    const std::uint64_t sequence = activity.sequence.load(std::memory_order_relaxed);
    if (activity.type.load(std::memory_order_relaxed) == nullptr || sequence != sequence_ || since_ns_ == 0) {
        sequence_ = sequence;
        since_ns_ = now_ns;
        since_cpu_ns_ = cpu_ns;
        told_ = false;
        return false;
    }
    if (told_ || now_ns - since_ns_ < stuck_ns_) return false;
    if (cpu_ns - since_cpu_ns_ < stuck_ns_ && !sleeps()) return false;
    return told_ = true;
}

Ticker::Ticker(Timers& timers, spdlog::logger& log, std::int64_t stuck_ms)
    : timers_(timers),
      log_(log),
      stuck_ns_(stuck_ms * 1'000'000) {
    timers_.set_wake([this] {
        const std::scoped_lock lock(mutex_);
        woken_ = true;
        wake_.notify_one();
    });
}

Ticker::~Ticker() { stop(); }

void Ticker::start(std::vector<Seat*> seats) {
    seats_ = std::move(seats);
    watches_.assign(seats_.size(), StuckWatch(stuck_ns_));
    thread_ = std::thread([this] {
        ::pthread_setname_np(::pthread_self(), "sohod-ticker");
        run();
    });
}

void Ticker::stop() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
        wake_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

void Ticker::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        woken_ = false;
        lock.unlock();
        const std::int64_t now = monotonic_now();
        watch(now);
        const auto next = timers_.run_due(now);
        lock.lock();
        // Half the time that is too long, so that it is noticed before it has lasted twice that.
        const std::int64_t until_next = std::min(next ? *next - now : INT64_MAX, stuck_ns_ / 2);
        wake_.wait_for(lock, std::chrono::nanoseconds(std::max<std::int64_t>(until_next, 0)),
                       [this] { return stopping_ || woken_; });
    }
}

void Ticker::watch(std::int64_t now_ns) {
    for (std::size_t i = 0; i < seats_.size(); ++i) {
        Activity& activity = seats_[i]->activity;
        const bool found = watches_[i].sample(activity, now_ns, cpu_time(activity), [&] { return sleeps(activity); });
        activity.stuck.store(watches_[i].stuck(), std::memory_order_relaxed);
        if (!found) continue;
        const Type* type = activity.type.load(std::memory_order_acquire);
        const Method* method = activity.method.load(std::memory_order_relaxed);
        if (type == nullptr) continue;  // it has just ended
        if (method == nullptr) {
            log_.warn("{} of type {} has kept a reactor for {} ms: declare the type blocking",
                      activity.part.load(std::memory_order_relaxed), type->type_id, stuck_ns_ / 1'000'000);
            continue;
        }
        method->on_pool.store(true, std::memory_order_relaxed);
        log_.warn("method {}.{} has kept a reactor for {} ms: from now on it runs on the pool; declare it blocking",
                  type->type_id, method->name, stuck_ns_ / 1'000'000);
    }
}

}  // namespace soho::host
