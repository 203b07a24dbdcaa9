#pragma once
// Whether a thread that waits for bytes looks for them before it sleeps, and for how long. To be woken costs it more than most calls
// take (30 µs on a virtual machine, twice in a round trip); to look costs a processor. So it looks only as long as that pays off.

#include <sched.h>
#include <algorithm>
#include <cstdint>
#include <thread>

namespace soho::wire {

// Of one waiting thread. All times are in nanoseconds.
class SpinBudget {
public:
    static constexpr std::int64_t default_us = 50;

    // Never looks for longer than `max_ns`; 0: never looks.
    explicit SpinBudget(std::int64_t max_ns) : max_ns_(max_ns) {}

    bool is_on() const { return max_ns_ != 0; }
    // How long to look this time; 0: sleep at once.
    std::int64_t now() const { return now_ns_; }

    // What it looked for has come.
    void hit() {
        now_ns_ = std::min(2 * now_ns_, max_ns_);
        short_sleeps_wanted_ = short_sleeps_min;
    }
    // It has not, and the thread sleeps.
    void miss() {
        now_ns_ /= 2;
        if (now_ns_ >= least_ns) return;
        now_ns_ = 0;
        short_sleeps_ = 0;
        short_sleeps_wanted_ = std::min(2 * short_sleeps_wanted_, short_sleeps_max);
    }
    // It slept, without having looked. Part of a short sleep is the waking, so some in a row are worth a try; after one that was in
    // vain, more of them.
    void slept(std::int64_t ns) {
        if (ns > 2 * max_ns_) {
            short_sleeps_ = 0;
        } else if (++short_sleeps_ >= short_sleeps_wanted_) {
            short_sleeps_ = 0;
            now_ns_ = max_ns_;
        }
    }

private:
    static constexpr std::int64_t least_ns = 2'000;
    static constexpr int short_sleeps_min = 4, short_sleeps_max = 4096;

    std::int64_t max_ns_;
    std::int64_t now_ns_ = 0;
    int short_sleeps_ = 0;
    int short_sleeps_wanted_ = short_sleeps_min;
};

// Processors that the calling thread may run on. On a single one, whoever looks keeps away those that it waits for.
inline int usable_processors() {
    cpu_set_t usable;
    if (::sched_getaffinity(0, sizeof usable, &usable) == 0) return CPU_COUNT(&usable);
    return static_cast<int>(
        std::max(1u, std::thread::hardware_concurrency()));  // more of them than the set has room for
}

// Between two looks.
inline void pause_processor() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

}  // namespace soho::wire
