#include "host/object/pool.hpp"

#include <gtest/gtest.h>
#include <cerrno>
#include <latch>
#include <system_error>
#include <thread>

namespace soho::host {
namespace {

constexpr std::int64_t long_enough = 60'000'000'000;

template <class Condition>
void wait_until(Condition met) {
    while (!met()) std::this_thread::yield();
}

TEST(Pool, RunsWorkOnThreadsOfItsOwn) {
    Pool pool(2);
    std::latch done(10);
    const auto caller = std::this_thread::get_id();
    for (int i = 0; i < 10; ++i) {
        EXPECT_TRUE(pool.post([&] {
            EXPECT_NE(std::this_thread::get_id(), caller);
            done.count_down();
        }));
    }
    done.wait();
    EXPECT_LE(pool.threads(), 2u);
    EXPECT_TRUE(pool.stop(long_enough));
    EXPECT_EQ(pool.threads(), 0u);
}

TEST(Pool, GrowsWhileAllAreBusyAndNoFurtherThanItMay) {
    Pool pool(2);
    std::latch go(1);
    std::atomic<int> started = 0;
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(pool.post([&] {
            ++started;
            go.wait();
        }));
    }
    wait_until([&] { return started == 2; });
    EXPECT_EQ(pool.threads(), 2u);
    EXPECT_EQ(pool.queued(), 3u);
    go.count_down();
    wait_until([&] { return started == 5; });
    EXPECT_TRUE(pool.stop(long_enough));
}

TEST(Pool, UrgentWorkNeverWaitsForAThread) {
    Pool pool(1);
    std::latch go(1);
    std::atomic<int> started = 0;
    EXPECT_TRUE(pool.post([&] {
        ++started;
        go.wait();
    }));
    wait_until([&] { return started == 1; });
    std::atomic<bool> later = false;
    EXPECT_TRUE(pool.post([&] { later = true; }));
    EXPECT_TRUE(pool.post_urgent([&] { go.count_down(); }));  // which the first waits for
    wait_until([&] { return later.load(); });
    EXPECT_TRUE(pool.stop(long_enough));
}

TEST(Pool, UrgentWorkGoesFirst) {
    Pool pool(1);
    std::latch go(1);
    std::latch done(2);
    std::atomic<bool> started = false;
    std::mutex mutex;
    std::vector<std::string> order;
    const auto note = [&](const char* name) {
        const std::scoped_lock lock(mutex);
        order.emplace_back(name);
        done.count_down();
    };
    EXPECT_TRUE(pool.post([&] {
        started = true;
        go.wait();
    }));
    wait_until([&] { return started.load(); });
    EXPECT_TRUE(pool.post([&] { note("plain"); }));
    EXPECT_TRUE(pool.post_urgent([&] { note("urgent"); }));
    wait_until([&] {  // a thread has taken it, and not only begun to
        const std::scoped_lock lock(mutex);
        return !order.empty();
    });
    go.count_down();
    done.wait();
    EXPECT_EQ(order, (std::vector<std::string>{"urgent", "plain"}));
    EXPECT_TRUE(pool.stop(long_enough));
}

TEST(Pool, SaysWhenAThreadDoesNotEnd) {
    Pool pool(1);
    std::latch go(1);
    std::atomic<bool> started = false;
    EXPECT_TRUE(pool.post([&] {
        started = true;
        go.wait();
    }));
    wait_until([&] { return started.load(); });
    EXPECT_FALSE(pool.stop(0));
    go.count_down();
    EXPECT_TRUE(pool.stop(long_enough));
}

TEST(Pool, DropsWhatHasNotStartedWhenItStops) {
    Pool pool(1);
    std::latch go(1);
    std::atomic<bool> started = false;
    std::atomic<bool> ran = false;
    auto owned = std::make_shared<int>(1);
    const std::weak_ptr<int> watch = owned;
    EXPECT_TRUE(pool.post([&] {
        started = true;
        go.wait();
    }));
    wait_until([&] { return started.load(); });
    EXPECT_TRUE(pool.post([&ran, owned = std::move(owned)] { ran = true; }));
    EXPECT_FALSE(pool.stop(0));
    EXPECT_TRUE(watch.expired());
    go.count_down();
    EXPECT_TRUE(pool.stop(long_enough));
    EXPECT_TRUE(pool.post([&] { ran = true; }));
    EXPECT_EQ(pool.threads(), 0u);
    EXPECT_FALSE(ran);
}

// A system that gives a few threads and no more.
Pool::StartThread scarce(int& threads_left) {
    return [&threads_left](Work body) {
        if (threads_left == 0) throw std::system_error(EAGAIN, std::generic_category());
        --threads_left;
        std::thread(std::move(body)).detach();
    };
}

TEST(Pool, LeavesWorkToTheThreadsItHasIfTheSystemGivesNoMore) {
    int threads_left = 1;
    Pool pool(8, scarce(threads_left));
    std::latch go(1);
    std::latch done(3);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(pool.post([&] {
            go.wait();
            done.count_down();
        }));
    }
    EXPECT_EQ(pool.threads(), 1u);
    go.count_down();
    done.wait();
    EXPECT_TRUE(pool.stop(long_enough));
}

TEST(Pool, RefusesWorkThatNoThreadWillTake) {
    int threads_left = 0;
    Pool pool(8, scarce(threads_left));
    bool ran = false;
    EXPECT_FALSE(pool.post([&] { ran = true; }));
    EXPECT_FALSE(pool.post_urgent([&] { ran = true; }));
    EXPECT_EQ(pool.queued(), 0u);
    EXPECT_EQ(pool.threads(), 0u);
    threads_left = 1;
    std::latch done(1);
    EXPECT_TRUE(pool.post([&] { done.count_down(); }));
    done.wait();
    EXPECT_FALSE(ran);
    EXPECT_TRUE(pool.stop(long_enough));
}

TEST(Pool, RefusesUrgentWorkRatherThanLetItWaitForThoseThatWaitForIt) {
    int threads_left = 1;
    Pool pool(8, scarce(threads_left));
    std::latch go(1);
    std::atomic<bool> started = false;
    EXPECT_TRUE(pool.post([&] {
        started = true;
        go.wait();
    }));
    wait_until([&] { return started.load(); });
    EXPECT_FALSE(pool.post_urgent([] {}));
    EXPECT_TRUE(pool.post([] {}));
    EXPECT_EQ(pool.queued(), 1u);
    go.count_down();
    wait_until([&] { return pool.queued() == 0; });
    EXPECT_TRUE(pool.stop(long_enough));
}

TEST(Pool, TakesWorkThatWorkPosts) {
    Pool pool(1);
    std::latch done(1);
    EXPECT_TRUE(pool.post([&] { EXPECT_TRUE(pool.post([&] { done.count_down(); })); }));
    done.wait();
    EXPECT_TRUE(pool.stop(long_enough));
}

}  // namespace
}  // namespace soho::host
