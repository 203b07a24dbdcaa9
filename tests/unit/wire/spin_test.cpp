#include <soho/wire/spin.hpp>

#include <gtest/gtest.h>

namespace soho::wire {
namespace {

constexpr std::int64_t max_ns = 50'000;

// Until it looks, at most so often.
int short_sleeps_until_look(SpinBudget& budget, int most = 10'000) {
    int sleeps = 0;
    while (budget.now() == 0 && sleeps < most) {
        budget.slept(30'000);
        ++sleeps;
    }
    return sleeps;
}
int misses_until_sleep(SpinBudget& budget) {
    int misses = 0;
    for (; budget.now() != 0; ++misses) budget.miss();
    return misses;
}

TEST(SpinBudget, SleepsAtOnceUntilSleepsWereShort) {
    SpinBudget budget(max_ns);
    EXPECT_EQ(budget.now(), 0);
    for (int i = 0; i < 1'000; ++i) budget.slept(1'000'000);
    EXPECT_EQ(budget.now(), 0);
    EXPECT_LE(short_sleeps_until_look(budget), 8);
    EXPECT_EQ(budget.now(), max_ns);
}

TEST(SpinBudget, OneLongSleepAmongShortOnesIsEnoughToSleepOn) {
    SpinBudget budget(max_ns);
    for (int i = 0; i < 1'000; ++i) budget.slept(i % 3 == 0 ? 1'000'000 : 10'000);
    EXPECT_EQ(budget.now(), 0);
}

TEST(SpinBudget, HalvesWithEachMissAndDoublesWithEachHitUpToItsMost) {
    SpinBudget budget(max_ns);
    short_sleeps_until_look(budget);
    budget.miss();
    EXPECT_EQ(budget.now(), max_ns / 2);
    budget.miss();
    EXPECT_EQ(budget.now(), max_ns / 4);
    budget.hit();
    EXPECT_EQ(budget.now(), max_ns / 2);
    budget.hit();
    budget.hit();
    EXPECT_EQ(budget.now(), max_ns);
}

TEST(SpinBudget, EndsAfterAFewMissesAndNeedsMoreShortSleepsEachTime) {
    SpinBudget budget(max_ns);
    int before = short_sleeps_until_look(budget);
    for (int i = 0; i < 5; ++i) {
        EXPECT_LE(misses_until_sleep(budget), 6);
        const int sleeps = short_sleeps_until_look(budget);
        EXPECT_EQ(sleeps, 2 * before);
        before = sleeps;
    }
    // In vain for long: at most 100 µs of looking among thousands of sleeps.
    for (int i = 0; i < 20; ++i) {
        misses_until_sleep(budget);
        EXPECT_LE(short_sleeps_until_look(budget), 5'000);
    }
    misses_until_sleep(budget);
    EXPECT_GE(short_sleeps_until_look(budget), 4'000);
    budget.hit();
    misses_until_sleep(budget);
    EXPECT_LE(short_sleeps_until_look(budget), 8);
}

TEST(SpinBudget, OfZeroNeverLooks) {
    SpinBudget budget(0);
    EXPECT_FALSE(budget.is_on());
    for (int i = 0; i < 1'000; ++i) budget.slept(0);
    budget.hit();
    EXPECT_EQ(budget.now(), 0);
}

TEST(UsableProcessors, AreThoseThatTheThreadMayRunOn) {
    cpu_set_t before;
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    EXPECT_EQ(usable_processors(), CPU_COUNT(&before));
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
        if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
    }
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(usable_processors(), 1);
    ::sched_setaffinity(0, sizeof before, &before);
}

}  // namespace
}  // namespace soho::wire
