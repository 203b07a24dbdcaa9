#pragma once
// How long calls take, measured with few looks at the clock: a look takes as long as a tenth of a small call.

#include "host/object/executor.hpp"
#include "host/session/call_stats.hpp"

#include <algorithm>

namespace soho::host {

struct MonotonicClock {
    static std::int64_t now() { return monotonic_now(); }
    static std::int64_t tick() { return monotonic_tick(); }
};

// Of calls that end where they began, one after the other. Calls of one callee that come in a row share a look, and the time until it
// evenly: so each callee's sum is right, and each call's time on average. A row is `row_max` calls at most, so that quantiles mean
// something, and ends with any call during which the kernel's clock has ticked: that may be a long one, and is given the row's time but
// for what the calls before it usually take. Whoever waits for each reply before the next call has each measured by itself.
//
// For one thread.
template <class Clock>
class BasicCallMeter {
public:
    static constexpr std::uint32_t row_max = 16;
    // A tick takes at most so long: what a call of a row is said to have taken is no further off.
    static constexpr std::int64_t tick_ns_max = 10'000'000;

    explicit BasicCallMeter(CallStats& stats) : stats_(stats) {}

    // What is measured next begins at that time.
    void restart(std::int64_t now_ns) { look_ns_ = now_ns; }
    // A call of that callee begins. One that is measured exactly is in no row.
    void begin(std::uint32_t callee, bool exactly) {
        if (calls_ != 0 && (callee != callee_ || exactly)) end_row();
        callee_ = callee;
    }
    // It has ended here; how long it took, where that is known. 0: less than a tick.
    std::int64_t end(bool failed, bool exactly) {
        if (exactly || Clock::tick() > look_ns_) return end_row_with(failed);
        ++calls_;
        errors_ += failed;
        if (calls_ == row_max) end_row();
        return 0;
    }
    // It goes on elsewhere: its time is none of the row's.
    void end_elsewhere() {
        if (calls_ != 0) record(usual_ns_ * calls_);
        restart(Clock::now());
    }
    // Counts what has ended, as its replies are about to be seen.
    void settle() {
        if (calls_ != 0) end_row();
    }
    // The last look at the clock.
    std::int64_t look_ns() const { return look_ns_; }

private:
    std::int64_t look() {
        const std::int64_t before = look_ns_;
        restart(Clock::now());
        return look_ns_ - before;
    }
    void end_row() {
        const std::int64_t took_ns = look();
        usual_ns_ = took_ns / calls_;
        record(took_ns);
    }
    // … and with a call that is measured by itself.
    std::int64_t end_row_with(bool failed) {
        const std::int64_t took_ns = look();
        const std::int64_t before_ns = std::min(usual_ns_, took_ns / (calls_ + 1)) * calls_;
        if (calls_ != 0) record(before_ns);
        stats_.record(callee_, 1, failed, took_ns - before_ns);
        return took_ns - before_ns;
    }
    void record(std::int64_t took_ns) {
        stats_.record(callee_, calls_, errors_, took_ns);
        calls_ = errors_ = 0;
    }

    CallStats& stats_;
    std::int64_t look_ns_ = 0;
    std::int64_t usual_ns_ = 0;  // what a call of the last row took
    std::uint32_t callee_ = 0;
    std::uint32_t calls_ = 0, errors_ = 0;  // of the row
};
using CallMeter = BasicCallMeter<MonotonicClock>;

}  // namespace soho::host
