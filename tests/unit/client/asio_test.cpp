// The asio adaptor: coroutines, futures and callbacks over one connection.
#include "tests/unit/client/fake_host.hpp"

#include <gtest/gtest.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <soho/client/asio.hpp>

namespace soho {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::Asked;
using test::FakeHost;

Answer script(const Asked& asked) {
    if (asked.method == "soho.create") return Answer::handle(7, "Pair");
    if (asked.method != "soho.call") return Answer::nil();
    if (asked.call_method() == "fail") return Answer::error(Error(Code::failed, "no key", "KeyError"));
    return asked.call_method() == "wait" ? Answer::later() : Answer::value(asked.call_args());
}

using Numbers = std::vector<std::int64_t>;

class Asio : public testing::Test {
protected:
    FakeHost host{script};
    asio::io_context io;
    AsioClient client{io.get_executor(), connected(host)};
    Proxy pair = client->create("Pair");

    // Runs a coroutine to its end; what it throws comes out of here.
    void run(asio::awaitable<void> coroutine) {
        std::exception_ptr failure;
        asio::co_spawn(io, std::move(coroutine), [&failure](std::exception_ptr thrown) { failure = thrown; });
        io.run();
        if (failure) std::rethrow_exception(failure);
    }
};

asio::awaitable<void> use_coroutines(AsioClient client, Proxy pair, int& steps) {
    const auto first = co_await async_call<Numbers>(client, pair, "echo", 1, 2, asio::use_awaitable);
    if (first == Numbers{1, 2}) steps += 2;
    co_await async_call<void>(client, pair, "echo", asio::use_awaitable);
    const auto made = co_await async_request<Proxy>(client, "soho.create", "Pair", asio::use_awaitable);
    steps += made.type() == "Pair";
    try {
        co_await async_call<int>(client, pair, "fail", asio::use_awaitable);
    } catch (const CallError& error) {
        steps += error.type() == "KeyError" ? 10 : 0;
    }
}

TEST_F(Asio, AwaitsResultsAndErrorsInCoroutines) {
    int steps = 0;
    run(use_coroutines(client, pair, steps));
    EXPECT_EQ(steps, 13);
    EXPECT_TRUE(io.stopped()) << "nothing keeps the context busy when no call is in flight";
}

TEST_F(Asio, RunsManyCallsOfManyCoroutinesOnOneConnection) {
    int done = 0;
    const auto caller = [](AsioClient mine, Proxy target, int number, int& finished) -> asio::awaitable<void> {
        for (int i = 0; i < 20; ++i) {
            const auto echoed = co_await async_call<Numbers>(mine, target, "echo", number, i, asio::use_awaitable);
            finished += echoed[0] == number && echoed[1] == i;
        }
    };
    for (int number = 0; number < 50; ++number) asio::co_spawn(io, caller(client, pair, number, done), asio::detached);
    io.run();
    EXPECT_EQ(done, 1000);
    EXPECT_EQ(host.connections_made(), 1);
}

TEST_F(Asio, GivesFutures) {
    auto good = async_call<Numbers>(client, pair, "echo", 3, asio::use_future);
    auto bad = async_call<Numbers>(client, pair, "fail", asio::use_future);
    std::thread runner([&] { io.run(); });
    EXPECT_EQ(good.get(), Numbers{3});
    EXPECT_THROW(bad.get(), CallError);
    runner.join();
}

TEST_F(Asio, RunsCallbacksOnTheContext) {
    const auto here = std::this_thread::get_id();
    bool ran = false;
    async_call<Numbers>(client, pair, "echo", 4, [&](std::exception_ptr failure, Numbers numbers) {
        ran = !failure && numbers == Numbers{4} && std::this_thread::get_id() == here;
    });
    EXPECT_FALSE(ran);
    io.run();
    EXPECT_TRUE(ran);
}

TEST_F(Asio, WorksBesideBlockingCallsOfOtherThreads) {
    std::atomic<bool> stop = false;
    std::thread blocking([&] {
        while (!stop) pair.call("echo");
    });
    int done = 0;
    for (int i = 0; i < 500; ++i) {
        async_call<Numbers>(client, pair, "echo", i, [&done](std::exception_ptr, Numbers) { ++done; });
        if (i % 50 == 0) {
            io.restart();
            io.run();
        }
    }
    io.restart();
    io.run();
    stop = true;
    blocking.join();
    EXPECT_EQ(done, 500);
}

TEST_F(Asio, RestsThoughAnotherThreadIsStillBusyWithWhatItReadForIt) {
    std::promise<void> busy, rested;
    std::thread other([&] {
        const Asked waited = host.wait_for_call("wait"), also_waited = host.wait_for_call("wait", 2);
        data::Buffer both;
        for (const Asked& asked : {waited, also_waited}) {
            wire::Out out(both);
            out.array(4);
            out.integer(1);
            out.integer(asked.msgid);
            out.nil();
            out.integer(8);
        }
        host.send(both.bytes());
        client->run_for(60s);
    });
    std::exception_ptr outcome;
    async_call<int>(client, pair, "wait", [&](std::exception_ptr failure, int) { outcome = failure; });
    pair.async_call<int>("wait", [&](const Outcome<int>&) {
        busy.set_value();
        EXPECT_EQ(rested.get_future().wait_for(60s), std::future_status::ready);
    });
    busy.get_future().wait();
    io.run_for(30s);
    EXPECT_TRUE(io.stopped());
    EXPECT_FALSE(outcome);
    rested.set_value();
    other.join();
}

TEST_F(Asio, CancelsTheCallWithTheOperation) {
    asio::cancellation_signal signal;
    std::exception_ptr outcome;
    async_call<int>(
        client, pair, "wait",
        asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr failure, int) { outcome = failure; }));
    io.poll();
    const Asked asked = host.wait_for_call("wait");
    signal.emit(asio::cancellation_type::terminal);
    EXPECT_EQ(host.wait_for("soho.cancel").params[0], Value(asked.msgid));
    host.reply(asked, Answer::error(Error(Code::cancelled, "cancelled")));
    io.run();
    EXPECT_THROW(std::rethrow_exception(outcome), CallError);
}

TEST_F(Asio, GivesUpACallWhoseDeadlineTheHostForgot) {
    std::exception_ptr outcome;
    async_call<int>(client, pair.with(timeout{1ms}), "wait",
                    [&](std::exception_ptr failure, int) { outcome = failure; });
    io.run();
    EXPECT_THROW(std::rethrow_exception(outcome), CallError);
}

TEST_F(Asio, TellsOfALostHostAtOnce) {
    int lost = 0;
    const auto count = [&lost](std::exception_ptr failure, int) {
        try {
            std::rethrow_exception(failure);
        } catch (const ConnectionLost&) {
            ++lost;
        }
    };
    async_call<int>(client, pair, "wait", count);
    host.wait_for_call("wait");
    host.hang_up();
    io.run();
    async_call<int>(client, pair, "wait", count);
    io.restart();
    io.run();
    EXPECT_EQ(lost, 2);

    client->reconnect();
    pair = client->create("Pair");
    auto numbers = async_call<Numbers>(client, pair, "echo", 1, asio::use_future);
    io.restart();
    io.run();
    EXPECT_EQ(numbers.get(), Numbers{1});
}

TEST_F(Asio, ReportsARequestThatCannotBeSentThroughItsHandler) {
    std::exception_ptr outcome;
    async_call<int>(client, Proxy(), "get_x", [&](std::exception_ptr failure, int) { outcome = failure; });
    EXPECT_FALSE(outcome);
    io.run();
    EXPECT_THROW(std::rethrow_exception(outcome), CallError);
}

}  // namespace
}  // namespace soho
