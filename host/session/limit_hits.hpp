#pragma once
// How often each limit was hit, and the log of that.

#include "host/session/limits.hpp"

#include <spdlog/logger.h>
#include <array>
#include <atomic>
#include <memory>

namespace soho::host {

// Thread-safe.
class LimitHits {
public:
    // Which limits a session was told of in the log already.
    using Told = std::atomic<std::uint64_t>;

    explicit LimitHits(spdlog::logger& log);

    // Counts it, and logs it once for the session that `told` belongs to.
    void hit(std::uint64_t Limits::*limit, std::string_view principal, std::uint64_t session, Told& told);
    // The same where there is no session: logged at most once a second for each limit.
    void hit(std::uint64_t Limits::*limit, std::string_view principal);

    std::uint64_t count(std::size_t index) const { return counters_[index].count.load(std::memory_order_relaxed); }

private:
    struct Counter {
        std::atomic<std::uint64_t> count{0};
        std::atomic<std::int64_t> logged_ns{0};
    };

    spdlog::logger& log_;
    std::unique_ptr<Counter[]> counters_;  // in the order of all_limits()
};

}  // namespace soho::host
