#include "host/server/ticker.hpp"

#include "host/registry/type.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

struct StuckWatchTest : testing::Test {
    void enter() {
        ++activity.sequence;
        activity.type = &type;
    }
    void leave() { activity.type = nullptr; }
    Type type;
    Activity activity;
    StuckWatch watch{50};
};

TEST_F(StuckWatchTest, TellsOnceOfACallThatLastsTooLong) {
    enter();
    EXPECT_FALSE(watch.sample(activity, 1000));
    EXPECT_FALSE(watch.sample(activity, 1049));
    EXPECT_TRUE(watch.sample(activity, 1050));
    EXPECT_FALSE(watch.sample(activity, 1051));
    EXPECT_FALSE(watch.sample(activity, 9999));
}

TEST_F(StuckWatchTest, SaysNothingOfManyShortCalls) {
    for (std::int64_t now = 1000; now < 3000; now += 25) {
        enter();
        EXPECT_FALSE(watch.sample(activity, now));
    }
}

TEST_F(StuckWatchTest, SaysNothingOfAnIdleReactor) {
    enter();
    EXPECT_FALSE(watch.sample(activity, 1000));
    leave();
    EXPECT_FALSE(watch.sample(activity, 1040));
    EXPECT_FALSE(watch.sample(activity, 5000));
}

TEST_F(StuckWatchTest, BeginsAnewWithEachCall) {
    enter();
    EXPECT_FALSE(watch.sample(activity, 1000));
    leave();
    enter();
    EXPECT_FALSE(watch.sample(activity, 1060));
    EXPECT_FALSE(watch.sample(activity, 1100));
    EXPECT_TRUE(watch.sample(activity, 1110));
    leave();
    EXPECT_FALSE(watch.sample(activity, 1120));
    enter();
    EXPECT_FALSE(watch.sample(activity, 1130));
    EXPECT_TRUE(watch.sample(activity, 1180));
}

}  // namespace
}  // namespace soho::host
