#include "host/session/call_stats.hpp"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace soho::host {
namespace {

TEST(LatencyBuckets, CoverAllTimesInOrder) {
    std::size_t before = 0;
    for (std::uint64_t ns = 1; ns < (std::uint64_t{1} << 40); ns += ns / 16 + 1) {
        const std::size_t index = LatencyBuckets::index_of(ns);
        ASSERT_GE(index, before) << ns;
        ASSERT_LT(index, LatencyBuckets::count);
        if (index != LatencyBuckets::count - 1) {
            ASSERT_LT(ns, LatencyBuckets::bound_of(index)) << ns;
        }
        if (index != 0) {
            ASSERT_GE(ns, LatencyBuckets::bound_of(index - 1)) << ns;
        }
        before = index;
    }
    EXPECT_EQ(before, LatencyBuckets::count - 1);
}

TEST(CallStats, CountByCallee) {
    CallStats stats;
    for (int i = 0; i < 99; ++i) stats.record(3, 1, 0, 1'000);
    stats.record(3, 1, 1, 1'000'000);
    CallCounts counts;
    stats.add_to(counts, 3);
    EXPECT_EQ(counts.calls, 100u);
    EXPECT_EQ(counts.errors, 1u);
    EXPECT_EQ(counts.ns, 1'099'000u);
    EXPECT_GE(counts.quantile(0.5), 1'000u);
    EXPECT_LE(counts.quantile(0.5), 1'250u);
    EXPECT_LE(counts.quantile(0.99), 1'250u);
    EXPECT_GE(counts.quantile(1), 1'000'000u);
    CallCounts none;
    stats.add_to(none, 4);
    EXPECT_EQ(none.calls, 0u);
    EXPECT_EQ(none.quantile(0.99), 0u);
}

TEST(CallStats, HaveOneEntryForAllThatIsBeyondTheTable) {
    CallStats stats;
    stats.record(CallStats::callees_max + 5, 1, 0, 1);
    stats.record(UINT32_MAX, 1, 0, -7);
    CallCounts counts;
    stats.add_to(counts, CallStats::callees_max - 1);
    EXPECT_EQ(counts.calls, 2u);
}

TEST(CallStats, AreCountedByManyThreadsAtOnce) {
    CallStats stats;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 1000; ++n) stats.record_shared(static_cast<std::uint32_t>(n % 7), n, false);
        });
    }
    for (auto& thread : threads) thread.join();
    CallCounts counts;
    for (std::uint32_t number = 0; number < 7; ++number) stats.add_to(counts, number);
    EXPECT_EQ(counts.calls, 4000u);
}

}  // namespace
}  // namespace soho::host
