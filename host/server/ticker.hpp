#pragma once
// The thread that drives timers, and watches over the reactors: a method that keeps one of them longer than it may is named in
// the log, runs on the pool from then on, and the reactor gets another thread.

#include "host/object/timers.hpp"
#include "host/server/reactor.hpp"

#include <spdlog/logger.h>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace soho::host {

// Judges samples of one reactor's activity. Holds no clock.
class StuckWatch {
public:
    explicit StuckWatch(std::int64_t stuck_ns) : stuck_ns_(stuck_ns) {}

    // True once for each call that has been running for `stuck_ns` of samples, and either had that much CPU time (`cpu_ns`,
    // of its thread) or sleeps. One that does neither waits for a CPU of a busy machine: that is no fault of the method.
    bool sample(const Activity& activity, std::int64_t now_ns, std::int64_t cpu_ns,
                const std::function<bool()>& sleeps);
    // Whether the call that the last sample saw was reported so.
    bool stuck() const { return told_; }
    // That call.
    std::uint64_t run() const { return run_; }

private:
    std::int64_t stuck_ns_;
    std::uint64_t run_ = 0;
    std::int64_t since_ns_ = 0;
    std::int64_t since_cpu_ns_ = 0;
    bool told_ = false;
};

class Ticker {
public:
    // Counts in `stalls` what it finds.
    Ticker(Timers& timers, spdlog::logger& log, std::int64_t stuck_ms, std::atomic<std::uint64_t>& stalls);
    ~Ticker();

    // The reactors must stay until stop().
    void start(const std::vector<std::unique_ptr<Reactor>>& reactors);
    void stop();

private:
    struct Watched {
        Reactor& reactor;
        const Seat* seat;
        StuckWatch watch;
        bool impossible = false;  // no thread was to be had for what is stuck
    };

    void run();
    void watch(std::int64_t now_ns);
    void watch_memory();
    void look_at(Watched& watched, std::int64_t now_ns);
    void tell(const Running::What& what, Reactor::TakeOver taken);

    Timers& timers_;
    spdlog::logger& log_;
    std::uint64_t memory_shortages_ = 0;
    const std::int64_t stuck_ns_;
    std::atomic<std::uint64_t>& stalls_;
    std::vector<Watched> watched_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool woken_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace soho::host
