#pragma once
// When something last happened on a connection, and which limit of time it has passed. Holds no clock.

#include "host/session/limits.hpp"

#include <algorithm>
#include <atomic>

namespace soho::host {

// Its connection's reactor tells it; any thread may ask.
class Pace {
public:
    explicit Pace(std::int64_t now_ns) : opened_ns_(now_ns), active_ns_(now_ns) {}

    // A complete request of somebody who may do something, or a reply that came later.
    void active(std::int64_t now_ns) {
        active_ns_.store(now_ns, std::memory_order_relaxed);
        if (!settled_.load(std::memory_order_relaxed)) settled_.store(true, std::memory_order_relaxed);
    }
    std::int64_t active_ns() const { return active_ns_.load(std::memory_order_relaxed); }
    // The client has taken some of what is unsent, or the first of it has just become so.
    void unsent_since(std::int64_t now_ns) { unsent_ns_.store(now_ns, std::memory_order_relaxed); }
    void all_sent() { unsent_ns_.store(0, std::memory_order_relaxed); }

    // login_ms, slow_reader_ms or idle_ms; null if none is passed. Whether calls wait is for the caller to see: it does not idle then.
    std::uint64_t Limits::*overdue(std::int64_t now_ns, const Limits& limits) const {
        const auto since = [now_ns](const std::atomic<std::int64_t>& then_ns) {
            return static_cast<std::uint64_t>(
                       std::max<std::int64_t>(0, now_ns - then_ns.load(std::memory_order_relaxed))) /
                   1'000'000;
        };
        if (!settled_.load(std::memory_order_relaxed) && since(opened_ns_) >= limits.login_ms) return &Limits::login_ms;
        if (unsent_ns_.load(std::memory_order_relaxed) != 0)
            return since(unsent_ns_) >= limits.slow_reader_ms ? &Limits::slow_reader_ms : nullptr;
        if (limits.idle_ms != 0 && since(active_ns_) >= limits.idle_ms) return &Limits::idle_ms;
        return nullptr;
    }

private:
    const std::atomic<std::int64_t> opened_ns_;
    std::atomic<std::int64_t> active_ns_;
    std::atomic<std::int64_t> unsent_ns_{0};  // 0: nothing is unsent
    std::atomic<bool> settled_{false};
};

}  // namespace soho::host
