#include "host/server/ticker.hpp"

#include "host/object/arguments.hpp"
#include "host/object/spare_memory.hpp"
#include "host/registry/plugin.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <algorithm>
#include <ctime>
#include <fstream>
#include <string>

namespace soho::host {

namespace {

constexpr std::int64_t never_ns = INT64_MAX / 4;
constexpr std::int64_t look_ns_max = 30'000'000'000;  // at memory, whatever stuck_ms says

std::int64_t cpu_time(const Activity& activity) {
    timespec time{};
    ::clock_gettime(activity.cpu_clock.load(std::memory_order_relaxed), &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// Whether its thread waits for something else than a CPU. True where that cannot be told.
bool sleeps(const Activity& activity) {
    std::ifstream in(
        fmt::format("/proc/self/task/{}/stat", activity.what.load()->thread.load(std::memory_order_relaxed)));
    std::string text;
    std::getline(in, text);
    const auto name_end = text.rfind(')');  // "12 (sohod-0) R …"
    return name_end == std::string::npos || text.size() < name_end + 3 || text[name_end + 2] != 'R';
}

}  // namespace

bool StuckWatch::sample(const Activity& activity, std::int64_t now_ns, std::int64_t cpu_ns,
                        const std::function<bool()>& sleeps) {
    const std::uint64_t run = activity.running.load(std::memory_order_acquire);
    if (run == 0 || run != run_) {
        run_ = run;
        since_ns_ = now_ns;
        since_cpu_ns_ = cpu_ns;
        told_ = false;
        return false;
    }
    if (told_ || now_ns - since_ns_ < stuck_ns_) return false;
    if (cpu_ns - since_cpu_ns_ < stuck_ns_ && !sleeps()) return false;
    return told_ = true;
}

Ticker::Ticker(Timers& timers, spdlog::logger& log, std::int64_t stuck_ms, std::atomic<std::uint64_t>& stalls)
    : timers_(timers),
      log_(log),
      stuck_ns_(stuck_ms != 0 ? stuck_ms * 1'000'000 : never_ns),
      stalls_(stalls) {
    timers_.set_wake([this] {
        const std::scoped_lock lock(mutex_);
        woken_ = true;
        wake_.notify_one();
    });
}

Ticker::~Ticker() { stop(); }

void Ticker::start(const std::vector<std::unique_ptr<Reactor>>& reactors) {
    for (const auto& reactor : reactors) watched_.push_back({*reactor, &reactor->seat(), StuckWatch(stuck_ns_)});
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
        watch_memory();
        const auto next = timers_.run_due(now);
        lock.lock();
        // Half the time that is too long, so that it is noticed before it has lasted twice that.
        const std::int64_t until_next = std::min({next ? *next - now : INT64_MAX, stuck_ns_ / 2, look_ns_max});
        wake_.wait_for(lock, std::chrono::nanoseconds(std::max<std::int64_t>(until_next, 0)),
                       [this] { return stopping_ || woken_; });
    }
}

void Ticker::watch(std::int64_t now_ns) {
    for (Watched& watched : watched_) look_at(watched, now_ns);
}

void Ticker::watch_memory() {
    if (std::exchange(memory_shortages_, spare_memory::times_given()) != spare_memory::times_given())
        log_.error("memory has run out: no calls are started until there is more");
    if (!spare_memory::is_given()) return;
    spare_memory::regain();
    if (!spare_memory::is_given()) log_.info("there is memory again");
}

void Ticker::look_at(Watched& watched, std::int64_t now_ns) {
    Seat& seat = watched.reactor.seat();
    if (watched.seat != &seat) {  // another thread's
        watched.seat = &seat;
        watched.watch = StuckWatch(stuck_ns_);
    }
    Activity& activity = seat.activity;
    const bool found = watched.watch.sample(activity, now_ns, cpu_time(activity), [&] { return sleeps(activity); });
    activity.stuck.store(watched.watch.stuck(), std::memory_order_relaxed);
    const bool retries = watched.impossible && watched.watch.stuck();
    if (!found && !retries) return;
    const Running::What what = activity.what.load()->get();
    const auto taken = watched.reactor.take_over(watched.watch.run());
    watched.impossible = taken == Reactor::TakeOver::impossible;
    if (taken == Reactor::TakeOver::was_over) return;  // and what it was may be something else by now
    if (found) stalls_.fetch_add(1, std::memory_order_relaxed);
    if (taken == Reactor::TakeOver::done) activity.stuck.store(false, std::memory_order_relaxed);
    if (found) return tell(what, taken);
    if (!watched.impossible) log_.info("a thread has taken the place of the one that is stuck: its connections go on");
}

void Ticker::tell(const Running::What& what, Reactor::TakeOver taken) {
    const std::int64_t ms = stuck_ns_ / 1'000'000;
    std::string place;
    if (what.type == nullptr) {
        place = what.plugin != nullptr ? fmt::format("{} of plugin {}", what.part, what.plugin->name()) : "a plugin";
        log_.warn("{} has kept a reactor for {} ms: let an object's blocking method do what takes long", place, ms);
    } else if (what.method == nullptr) {
        place = fmt::format("{} of type {}", what.part, what.type->type_id);
        log_.warn("{} has kept a reactor for {} ms: declare the type blocking", place, ms);
    } else {
        place = fmt::format("method {}.{}", what.type->type_id, what.method->name);
        what.method->on_pool.store(true, std::memory_order_relaxed);
        log_.warn("{} has kept a reactor for {} ms: from now on it runs on the pool; declare it blocking", place, ms);
    }
    if (taken == Reactor::TakeOver::impossible) {
        log_.error(
            "no thread can take the place of the one that is stuck in {} ({} may be stuck at a time, and the "
            "system must have room): its connections wait",
            place, Reactor::threads_max - 1);
    }
}

}  // namespace soho::host
