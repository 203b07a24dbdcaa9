#include "host/session/call_meter.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

constexpr std::int64_t tick_ns = 4'000'000;

// Stands still until it is moved on, and counts the looks at it.
struct FakeClock {
    static inline std::int64_t time_ns = 0;
    static inline int looks = 0;
    static std::int64_t now() {
        ++looks;
        return time_ns;
    }
    static std::int64_t tick() { return time_ns / tick_ns * tick_ns; }
};

class CallMeterTest : public ::testing::Test {
protected:
    CallMeterTest() {
        FakeClock::time_ns = 1'000 * tick_ns + 1;
        meter_.restart(FakeClock::time_ns);
        FakeClock::looks = 0;
    }

    std::int64_t call(std::uint32_t callee, std::int64_t takes_ns, bool failed = false, bool exactly = false) {
        meter_.begin(callee, exactly);
        FakeClock::time_ns += takes_ns;
        return meter_.end(failed, exactly);
    }
    CallCounts counts(std::uint32_t callee) const {
        CallCounts counts;
        stats_.add_to(counts, callee);
        return counts;
    }

    CallStats stats_;
    BasicCallMeter<FakeClock> meter_{stats_};
};

TEST_F(CallMeterTest, LooksOnceForARowOfCalls) {
    for (int i = 0; i < 64; ++i) call(3, 100 + i);
    EXPECT_EQ(FakeClock::looks, 4);
    EXPECT_EQ(counts(3).calls, 64u);
    EXPECT_EQ(counts(3).ns, 64u * 100 + 63 * 64 / 2);
}

TEST_F(CallMeterTest, CountsWhatIsOpenWhenItIsSettled) {
    call(3, 100);
    call(3, 300, true);
    EXPECT_EQ(counts(3).calls, 0u);
    meter_.settle();
    EXPECT_EQ(counts(3).calls, 2u);
    EXPECT_EQ(counts(3).errors, 1u);
    EXPECT_EQ(counts(3).ns, 400u);
    meter_.settle();
    EXPECT_EQ(FakeClock::looks, 1);
}

TEST_F(CallMeterTest, NeverMixesCallees) {
    call(3, 100);
    call(4, 7'000);
    call(3, 200);
    meter_.settle();
    EXPECT_EQ(counts(3).ns, 300u);
    EXPECT_EQ(counts(4).ns, 7'000u);
}

TEST_F(CallMeterTest, GivesALongCallItsOwnTime) {
    for (int i = 0; i < 16 + 5; ++i) EXPECT_EQ(call(3, 1'000), 0);
    EXPECT_EQ(call(3, 50 * tick_ns), 50 * tick_ns);
    call(3, 1'000);
    meter_.settle();
    const CallCounts counted = counts(3);
    EXPECT_EQ(counted.ns, 22u * 1'000 + 50 * tick_ns);
    EXPECT_LE(counted.quantile(0.95), 1'250u);
    EXPECT_GE(counted.quantile(1), static_cast<std::uint64_t>(50 * tick_ns));
}

TEST_F(CallMeterTest, KnowsTheTimeOfACallThatIsMeasuredExactly) {
    call(3, 100);
    EXPECT_EQ(call(3, 900, false, true), 900);
    EXPECT_EQ(meter_.look_ns(), FakeClock::time_ns);
    EXPECT_EQ(call(3, 40, true, true), 40);
    EXPECT_EQ(counts(3).calls, 3u);
    EXPECT_EQ(counts(3).errors, 1u);
    EXPECT_EQ(counts(3).ns, 1'040u);
}

TEST_F(CallMeterTest, TakesNoTimeOfACallThatGoesOnElsewhere) {
    for (int i = 0; i < 16; ++i) call(3, 1'000);
    call(3, 1'000);
    meter_.begin(3, false);
    FakeClock::time_ns += 90 * tick_ns;
    meter_.end_elsewhere();
    call(3, 1'000);
    meter_.settle();
    EXPECT_EQ(counts(3).calls, 18u);
    EXPECT_EQ(counts(3).ns, 18'000u);
}

}  // namespace
}  // namespace soho::host
