#include "host/object/turn.hpp"

#include "tests/support/executors.hpp"

#include <gtest/gtest.h>
#include <functional>
#include <random>

namespace soho::host {
namespace {

using test::QueueExecutor;

class Step : public TurnTask {
public:
    Step(std::vector<Turn*> turns_, std::function<void()> work) : work_(std::move(work)) { turns = std::move(turns_); }
    void run(Activity*) noexcept override { work_(); }

private:
    std::function<void()> work_;
};

class TurnTest : public testing::Test {
protected:
    ~TurnTest() override {
        home.run_all();
        EXPECT_TRUE(pool.stop(60'000'000'000));
    }
    std::shared_ptr<Step> step(std::vector<Turn*> turns, std::string name) {
        return std::make_shared<Step>(std::move(turns), [this, name = std::move(name)] { ran.push_back(name); });
    }
    void submit(std::vector<Turn*> turns, std::string name) { Turn::submit(step(std::move(turns), std::move(name))); }
    void submit_shared(Turn& turn, std::string name) {
        auto task = step({&turn}, std::move(name));
        task->shared = true;
        Turn::submit(task);
    }
    using Ran = std::vector<std::string>;

    QueueExecutor home;
    Pool pool{4};
    TurnDomain domain{pool};
    Turn a{domain, home};
    Turn b{domain, home};
    Turn c{domain, home};
    Ran ran;
};

TEST_F(TurnTest, IsEnteredByOneAtATime) {
    EXPECT_TRUE(a.try_enter(false));
    EXPECT_FALSE(a.try_enter(false));
    EXPECT_FALSE(a.try_enter(true));
    EXPECT_TRUE(b.try_enter(false));
    a.leave(false, nullptr);
    EXPECT_TRUE(a.try_enter(false));
    a.leave(false, nullptr);
    b.leave(false, nullptr);
}

TEST_F(TurnTest, IsSharedByReaders) {
    EXPECT_TRUE(a.try_enter(true));
    EXPECT_TRUE(a.try_enter(true));
    EXPECT_FALSE(a.try_enter(false));
    a.leave(true, nullptr);
    EXPECT_FALSE(a.try_enter(false));
    a.leave(true, nullptr);
    EXPECT_TRUE(a.try_enter(false));
    a.leave(false, nullptr);
}

TEST_F(TurnTest, LetsNobodyPassAQueue) {
    ASSERT_TRUE(a.try_enter(true));
    submit({&a}, "writer");
    EXPECT_FALSE(a.try_enter(true));
    a.leave(true, nullptr);
    EXPECT_EQ(ran, Ran{"writer"});
}

TEST_F(TurnTest, StartsNothingInsideSubmit) {
    submit({&a}, "1");
    EXPECT_TRUE(ran.empty());
    EXPECT_FALSE(a.try_enter(false));  // taken on the task's behalf
    home.run_all();
    EXPECT_EQ(ran, Ran{"1"});
}

TEST_F(TurnTest, IsGivenInTheOrderOfAsking) {
    ASSERT_TRUE(a.try_enter(false));
    Ran expected;
    for (int i = 0; i < 10; ++i) {
        submit({&a}, std::to_string(i));
        expected.push_back(std::to_string(i));
    }
    a.leave(false, nullptr);
    home.run_all();
    EXPECT_EQ(ran, expected);
}

TEST_F(TurnTest, HandsOnWhatAHolderDoesNotRunItself) {
    ASSERT_TRUE(a.try_enter(false));
    Ran expected;
    for (int i = 0; i < 100; ++i) {
        submit({&a}, std::to_string(i));
        expected.push_back(std::to_string(i));
    }
    a.leave(false, nullptr);
    EXPECT_GE(ran.size(), 1u);
    EXPECT_LE(ran.size(), 16u);
    EXPECT_EQ(home.size(), 1u);
    EXPECT_FALSE(a.try_enter(false));
    std::size_t before = ran.size();
    while (home.run_one()) {
        EXPECT_LE(ran.size() - before, 17u);  // the one handed on, and what its leaver runs
        before = ran.size();
    }
    EXPECT_EQ(ran, expected);
    EXPECT_TRUE(a.try_enter(false));
    a.leave(false, nullptr);
}

TEST_F(TurnTest, StartsReadersThatWaitTogether) {
    ASSERT_TRUE(a.try_enter(false));
    for (const char* name : {"r1", "r2", "r3"}) submit_shared(a, name);
    submit({&a}, "w");
    submit_shared(a, "r4");
    a.leave(false, nullptr);
    EXPECT_EQ(ran, Ran{"r1"});
    EXPECT_EQ(home.size(), 2u);
    EXPECT_FALSE(a.try_enter(true));  // the writer waits
    home.run_all();
    ASSERT_EQ(ran.size(), 5u);
    EXPECT_EQ(ran[3], "w");
    EXPECT_EQ(ran[4], "r4");
}

TEST_F(TurnTest, AReaderJoinsReadersOnlyWhileNoWriterWaits) {
    ASSERT_TRUE(a.try_enter(true));
    submit_shared(a, "r1");
    EXPECT_EQ(home.run_all(), 1u);  // beside the first
    submit({&a}, "w");
    submit_shared(a, "r2");
    home.run_all();
    EXPECT_EQ(ran, Ran{"r1"});
    a.leave(true, nullptr);
    home.run_all();
    EXPECT_EQ(ran, (Ran{"r1", "w", "r2"}));
}

TEST_F(TurnTest, RunsBlockingWorkOnThePool) {
    std::atomic<bool> done = false;
    const auto caller = std::this_thread::get_id();
    auto task = std::make_shared<Step>(std::vector<Turn*>{&a}, [&] {
        EXPECT_NE(std::this_thread::get_id(), caller);
        done = true;
    });
    task->on_pool = true;
    Turn::submit(task);
    while (!done) std::this_thread::yield();
    EXPECT_EQ(home.size(), 0u);
}

TEST_F(TurnTest, SeveralAreTakenAllOrNone) {
    EXPECT_TRUE(Turn::try_enter_all({&a, &b}));
    EXPECT_FALSE(Turn::try_enter_all({&b, &c}));
    EXPECT_TRUE(c.try_enter(false));  // nothing of the failed attempt is left
    Turn::leave_all({&a, &b}, nullptr);
    EXPECT_FALSE(Turn::try_enter_all({&b, &c}));
    c.leave(false, nullptr);
    EXPECT_TRUE(Turn::try_enter_all({&b, &c}));
    Turn::leave_all({&b, &c}, nullptr);
}

TEST_F(TurnTest, WorkForSeveralWaitsUntilAllAreFree) {
    ASSERT_TRUE(a.try_enter(false));
    ASSERT_TRUE(b.try_enter(false));
    submit({&a, &b}, "both");
    a.leave(false, nullptr);
    EXPECT_TRUE(ran.empty());
    b.leave(false, nullptr);
    EXPECT_EQ(ran, Ran{"both"});
    EXPECT_TRUE(Turn::try_enter_all({&a, &b}));
    Turn::leave_all({&a, &b}, nullptr);
}

TEST_F(TurnTest, WorkForSeveralIsNotPassedByLaterWork) {
    ASSERT_TRUE(a.try_enter(false));
    submit({&a, &b}, "both");
    submit({&b}, "later");
    home.run_all();
    EXPECT_TRUE(ran.empty());
    EXPECT_FALSE(b.try_enter(false));
    a.leave(false, nullptr);
    home.run_all();
    EXPECT_EQ(ran, (Ran{"both", "later"}));
}

TEST_F(TurnTest, LeavingSeveralHandsOnWhatWaitsForEach) {
    ASSERT_TRUE(Turn::try_enter_all({&a, &b}));
    submit({&a}, "a");
    submit({&b}, "b");
    submit({&a, &b, &c}, "all");
    Turn::leave_all({&a, &b}, nullptr);
    home.run_all();
    ASSERT_EQ(ran.size(), 3u);
    EXPECT_EQ(ran[2], "all");
    EXPECT_TRUE(Turn::try_enter_all({&a, &b, &c}));
    Turn::leave_all({&a, &b, &c}, nullptr);
}

TEST_F(TurnTest, ACircleOfPairsEnds) {
    ASSERT_TRUE(Turn::try_enter_all({&a, &b, &c}));
    submit({&a, &b}, "ab");
    submit({&b, &c}, "bc");
    submit({&c, &a}, "ca");
    Turn::leave_all({&a, &b, &c}, nullptr);
    home.run_all();
    EXPECT_EQ(ran, (Ran{"ab", "bc", "ca"}));
}

// A waiting chain holds `a` and calls into `b`, while work for both waits in front.
TEST_F(TurnTest, WhatAHolderWaitsForPassesWorkForSeveral) {
    ASSERT_TRUE(a.try_enter(false));
    submit({&a, &b}, "both");
    auto nested = step({&b}, "nested");
    nested->overtakes = true;
    Turn::submit(nested);
    home.run_all();
    EXPECT_EQ(ran, Ran{"nested"});
    a.leave(false, nullptr);
    home.run_all();
    EXPECT_EQ(ran, (Ran{"nested", "both"}));
}

TEST_F(TurnTest, WhatAHolderWaitsForPassesWhenTheOtherTurnIsLeft) {
    ASSERT_TRUE(a.try_enter(false));
    ASSERT_TRUE(b.try_enter(false));
    submit({&a, &b}, "both");
    submit({&b}, "later");
    auto nested = step({&b}, "nested");
    nested->overtakes = true;
    Turn::submit(nested);
    home.run_all();
    EXPECT_TRUE(ran.empty());
    b.leave(false, nullptr);
    home.run_all();
    EXPECT_EQ(ran, Ran{"nested"});
    a.leave(false, nullptr);
    home.run_all();
    EXPECT_EQ(ran, (Ran{"nested", "both", "later"}));
}

TEST_F(TurnTest, OvertakingWorkDoesNotPassAPlainQueue) {
    ASSERT_TRUE(b.try_enter(false));
    submit({&b}, "first");
    auto nested = step({&b}, "nested");
    nested->overtakes = true;
    Turn::submit(nested);
    b.leave(false, nullptr);
    home.run_all();
    EXPECT_EQ(ran, (Ran{"first", "nested"}));
}

// Many threads, many turns, pairs and triples of them, readers and blocking work: all of it ends, and nothing overlaps.
TEST_F(TurnTest, WhatWaitsOnceMoreHasThePlaceThatItHad) {
    ASSERT_TRUE(a.try_enter(false));
    const auto waited = [&](std::vector<Turn*> turns, std::string name, bool shared = false) {
        auto task = step(std::move(turns), std::move(name));
        task->shared = shared;
        task->place = ++domain.places;
        return task;
    };
    const std::vector again = {waited({&a}, "first"), waited({&a, &b}, "second"), waited({&a}, "third")};
    submit({&a}, "1");
    submit({&a, &b}, "2");
    for (const std::size_t which : {1, 2, 0}) Turn::submit(again[which]);
    a.leave(false, nullptr);
    home.run_all();
    EXPECT_EQ(ran, (Ran{"first", "second", "third", "1", "2"}));

    ASSERT_TRUE(a.try_enter(true));
    ASSERT_TRUE(a.try_enter(true));
    ran.clear();
    const auto alone = waited({&a}, "alone"), shared = waited({&a}, "shared", true);
    Turn::submit(alone);
    Turn::submit(shared);  // not beside those that hold it, as it would pass the other
    a.leave(true, nullptr);
    a.leave(true, nullptr);
    home.run_all();
    EXPECT_EQ(ran, (Ran{"alone", "shared"}));
}

TEST_F(TurnTest, ExcludesUnderLoadAndEnds) {
    constexpr int turn_count = 5;
    constexpr int task_count = 1500;
    struct Guarded {
        std::unique_ptr<Turn> turn;
        std::atomic<int> writers{0};
        std::atomic<int> readers{0};
    };
    std::array<Guarded, turn_count> guarded;
    std::atomic<int> done{0};
    std::atomic<int> overlaps{0};
    {
        test::ThreadExecutor homes[2];
        for (int i = 0; i < turn_count; ++i) guarded[i].turn = std::make_unique<Turn>(domain, homes[i % 2]);
        const auto submit_from = [&](unsigned seed) {
            std::mt19937 random(seed);
            for (int i = 0; i < task_count; ++i) {
                std::vector<int> which;
                for (int j = 0; j < 1 + static_cast<int>(random() % 3); ++j) {
                    const int turn = static_cast<int>(random() % turn_count);
                    if (std::find(which.begin(), which.end(), turn) == which.end()) which.push_back(turn);
                }
                std::vector<Turn*> turns;
                for (const int turn : which) turns.push_back(guarded[turn].turn.get());
                const bool shared = which.size() == 1 && random() % 2 == 0;
                auto task = std::make_shared<Step>(turns, [&, which, shared] {
                    for (const int turn : which) {
                        Guarded& it = guarded[turn];
                        if (shared) {
                            ++it.readers;
                            if (it.writers != 0) ++overlaps;
                        } else if (++it.writers != 1 || it.readers != 0) {
                            ++overlaps;
                        }
                    }
                    for (const int turn : which) shared ? --guarded[turn].readers : --guarded[turn].writers;
                    ++done;
                });
                task->shared = shared;
                task->on_pool = random() % 8 == 0;
                if (random() % 4 == 0 && Turn::try_enter_all(turns)) {
                    task->shared = false;
                    ++done;
                    Turn::leave_all(turns, nullptr);
                    continue;
                }
                Turn::submit(task);
            }
        };
        std::vector<std::thread> threads;
        for (unsigned seed = 1; seed <= 3; ++seed) threads.emplace_back(submit_from, seed);
        for (auto& thread : threads) thread.join();
        while (done != 3 * task_count) std::this_thread::yield();
        EXPECT_TRUE(pool.stop(60'000'000'000));  // what left a turn may still be in leave()
    }
    EXPECT_EQ(overlaps, 0);
    for (auto& it : guarded) EXPECT_TRUE(it.turn->try_enter(false));
}

}  // namespace
}  // namespace soho::host
