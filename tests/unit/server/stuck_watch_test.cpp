#include "host/server/ticker.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

struct StuckWatchTest : testing::Test {
    void enter() { activity.running = ++activity.runs; }
    void leave() { activity.running = 0; }
    bool sample(std::int64_t now) {
        return watch.sample(activity, now, cpu, [this] { return sleeps; });
    }
    bool sleeps = true;
    std::int64_t cpu = 0;
    Activity activity;
    StuckWatch watch{50};
};

TEST_F(StuckWatchTest, TellsOnceOfACallThatLastsTooLong) {
    enter();
    EXPECT_FALSE(sample(1000));
    EXPECT_FALSE(sample(1049));
    EXPECT_TRUE(sample(1050));
    EXPECT_FALSE(sample(1051));
    EXPECT_FALSE(sample(9999));
}

TEST_F(StuckWatchTest, SaysNothingOfManyShortCalls) {
    for (std::int64_t now = 1000; now < 3000; now += 25) {
        enter();
        EXPECT_FALSE(sample(now));
    }
}

TEST_F(StuckWatchTest, SaysNothingOfAnIdleReactor) {
    enter();
    EXPECT_FALSE(sample(1000));
    leave();
    EXPECT_FALSE(sample(1040));
    EXPECT_FALSE(sample(5000));
}

TEST_F(StuckWatchTest, BeginsAnewWithEachCall) {
    enter();
    EXPECT_FALSE(sample(1000));
    leave();
    enter();
    EXPECT_FALSE(sample(1060));
    EXPECT_FALSE(sample(1100));
    EXPECT_TRUE(sample(1110));
    leave();
    EXPECT_FALSE(sample(1120));
    enter();
    EXPECT_FALSE(sample(1130));
    EXPECT_TRUE(sample(1180));
}

TEST_F(StuckWatchTest, TellsOfACallThatOnlyComputes) {
    sleeps = false;
    enter();
    EXPECT_FALSE(sample(1000));
    cpu = 49;
    EXPECT_FALSE(sample(1060));
    cpu = 50;
    EXPECT_TRUE(sample(1061));
}

TEST_F(StuckWatchTest, BlamesNoCallThatWaitsForACpu) {
    cpu = 500;
    sleeps = false;
    enter();
    EXPECT_FALSE(sample(1000));
    EXPECT_FALSE(sample(5000));
    sleeps = true;
    EXPECT_TRUE(sample(5001));
    EXPECT_FALSE(sample(5002));
}

}  // namespace
}  // namespace soho::host
