#include "host/object/timers.hpp"

#include <gtest/gtest.h>
#include <string>

namespace soho::host {
namespace {

struct TimersTest : testing::Test {
    Work note(char name) {
        return [this, name] { ran += name; };
    }
    Timers timers;
    std::string ran;
};

TEST_F(TimersTest, RunWhatIsDueInOrderOfTime) {
    timers.start(30, note('c'));
    timers.start(10, note('a'));
    timers.start(20, note('b'));
    timers.start(20, note('B'));
    EXPECT_EQ(timers.run_due(9), 10);
    EXPECT_EQ(ran, "");
    EXPECT_EQ(timers.run_due(20), 30);
    EXPECT_EQ(ran, "abB");
    EXPECT_EQ(timers.run_due(1000), std::nullopt);
    EXPECT_EQ(ran, "abBc");
    EXPECT_EQ(timers.run_due(2000), std::nullopt);
    EXPECT_EQ(ran, "abBc");
}

TEST_F(TimersTest, DoNotRunWhatIsCancelled) {
    const auto a = timers.start(10, note('a'));
    const auto b = timers.start(10, note('b'));
    EXPECT_NE(a, 0u);
    EXPECT_NE(a, b);
    EXPECT_TRUE(timers.cancel(a));
    EXPECT_FALSE(timers.cancel(a));
    EXPECT_FALSE(timers.cancel(4711));
    timers.run_due(10);
    EXPECT_EQ(ran, "b");
    EXPECT_FALSE(timers.cancel(b));
}

TEST_F(TimersTest, SayThatATimerRunsRightNow) {
    Timers::Id id = 0;
    bool cancelled = true;
    id = timers.start(1, [&] { cancelled = timers.cancel(id); });
    timers.run_due(1);
    EXPECT_FALSE(cancelled);
}

TEST_F(TimersTest, RunWhatWorkStartsIfItIsDue) {
    timers.start(1, [this] {
        timers.start(2, note('x'));
        timers.start(50, note('y'));
    });
    EXPECT_EQ(timers.run_due(10), 50);
    EXPECT_EQ(ran, "x");
}

TEST_F(TimersTest, WakeTheirDriverForAnEarlierTime) {
    int woken = 0;
    timers.set_wake([&] { ++woken; });
    timers.start(20, note('a'));
    EXPECT_EQ(woken, 1);
    timers.start(30, note('b'));
    EXPECT_EQ(woken, 1);
    timers.start(10, note('c'));
    EXPECT_EQ(woken, 2);
}

TEST_F(TimersTest, LetGoOfWhatWorkHolds) {
    auto owned = std::make_shared<int>(1);
    const std::weak_ptr<int> watch = owned;
    const auto id = timers.start(10, [owned] {});
    owned.reset();
    EXPECT_FALSE(watch.expired());
    timers.cancel(id);
    EXPECT_TRUE(watch.expired());
}

// What a cancelled timer held may itself cancel a timer.
TEST_F(TimersTest, DropWorkOutsideTheirLock) {
    struct Canceller {
        Timers& timers;
        explicit Canceller(Timers& timers_) : timers(timers_) {}
        ~Canceller() { timers.cancel(1); }
    };
    auto held = std::make_shared<Canceller>(timers);
    const auto id = timers.start(10, [held = std::move(held)] {});
    EXPECT_TRUE(timers.cancel(id));
}

}  // namespace
}  // namespace soho::host
