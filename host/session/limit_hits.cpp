#include "host/session/limit_hits.hpp"

#include "host/object/executor.hpp"

#include <algorithm>

namespace soho::host {

namespace {

constexpr std::int64_t logged_again_ns = 1'000'000'000;

std::size_t index_of(std::uint64_t Limits::*limit) {
    const auto all = all_limits();
    return static_cast<std::size_t>(
        std::find_if(all.begin(), all.end(), [&](const Limit& each) { return each.value == limit; }) - all.begin());
}

}  // namespace

LimitHits::LimitHits(spdlog::logger& log) : log_(log), counters_(new Counter[all_limits().size()]) {}

void LimitHits::hit(std::uint64_t Limits::*limit, std::string_view principal, std::uint64_t session, Told& told) {
    const std::size_t index = index_of(limit);
    counters_[index].count.fetch_add(1, std::memory_order_relaxed);
    const std::uint64_t bit = std::uint64_t{1} << index;
    if ((told.fetch_or(bit, std::memory_order_relaxed) & bit) != 0) return;
    log_.warn("session {} ({}) has hit the limit {}; further times are only counted", session, principal,
              all_limits()[index].name);
}

void LimitHits::hit(std::uint64_t Limits::*limit, std::string_view principal) {
    const std::size_t index = index_of(limit);
    Counter& counter = counters_[index];
    const std::uint64_t count = counter.count.fetch_add(1, std::memory_order_relaxed) + 1;
    const std::int64_t now = monotonic_now();
    std::int64_t logged = counter.logged_ns.load(std::memory_order_relaxed);
    if (logged != 0 && now - logged < logged_again_ns) return;
    if (!counter.logged_ns.compare_exchange_strong(logged, now, std::memory_order_relaxed)) return;
    log_.warn("{} has hit the limit {} ({} in all)", principal, all_limits()[index].name, count);
}

}  // namespace soho::host
