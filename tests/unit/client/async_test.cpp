// Asynchronous calls: callbacks, and who runs them.
#include "tests/unit/client/fake_host.hpp"

#include <gtest/gtest.h>
#include <soho/client.hpp>

#include <poll.h>

namespace soho {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::Asked;
using test::FakeHost;

Answer script(const Asked& asked) {
    if (asked.method == "soho.create") return Answer::handle(7, "Pair");
    if (asked.method != "soho.call") return Answer::nil();
    return asked.call_method() == "wait" ? Answer::later() : Answer::value(asked.call_args());
}

class Async : public testing::Test {
protected:
    FakeHost host{script};
    Client client = connected(host);
    Proxy pair = client.create("Pair");
};

TEST_F(Async, RunsCallbacksWhileDriven) {
    std::vector<int> sums;
    for (int i = 0; i < 1000; ++i) {
        pair.async_call<std::vector<int>>("echo", i, i + 1, [&](Outcome<std::vector<int>> outcome) {
            sums.push_back(outcome.value()[0] + outcome.value()[1]);
        });
    }
    EXPECT_EQ(client.in_flight(), 1000u);
    EXPECT_TRUE(sums.empty()) << "no callback runs inside of async_call";
    EXPECT_EQ(client.run_for(60s), 1000u);
    ASSERT_EQ(sums.size(), 1000u);
    EXPECT_EQ(sums.back(), 1999);
    EXPECT_EQ(client.in_flight(), 0u);
}

TEST_F(Async, RunsCallbacksWhileABlockingCallWaits) {
    bool ran = false;
    pair.async_call<void>("echo", [&](Outcome<void> outcome) { ran = outcome.ok(); });
    pair.call("echo");
    EXPECT_TRUE(ran);
}

TEST_F(Async, AllowsCallsFromCallbacks) {
    std::vector<int> seen;
    pair.async_call<std::vector<int>>("echo", 1, [&](Outcome<std::vector<int>> outcome) {
        seen.push_back(outcome.value()[0]);
        seen.push_back(pair.call<std::vector<int>>("echo", 2)[0]);
        pair.async_call<std::vector<int>>("echo", 3,
                                          [&](Outcome<std::vector<int>> last) { seen.push_back(last.value()[0]); });
    });
    client.run_for(60s);
    EXPECT_EQ(seen, (std::vector{1, 2, 3}));
}

TEST_F(Async, KeepsManyCallsInFlightFromCallbacks) {
    int started = 0;
    int answered = 0;
    std::function<void(Outcome<std::vector<std::string>>)> next = [&](Outcome<std::vector<std::string>> outcome) {
        answered += outcome.ok();
        // Some are larger than what is kept together.
        if (started++ < 5000)
            pair.async_call<std::vector<std::string>>("echo", std::string(started % 100 == 0 ? 20000 : 10, 'x'), next);
    };
    for (int i = 0; i < 128; ++i) pair.async_call<std::vector<std::string>>("echo", "first", next);
    client.run_for(60s);
    EXPECT_EQ(answered, 5128);
    EXPECT_FALSE(client.wants_to_write());
}

TEST_F(Async, SendsWhatACallbackStartedBeforeItsBlockingCall) {
    bool ran = false;
    pair.async_call<void>("echo", [&](Outcome<void>) {
        pair.async_call<void>("started", [&](Outcome<void>) { ran = true; });
        pair.call("blocking");
        EXPECT_EQ(host.asked().back().call_method(), "blocking");
        EXPECT_EQ((host.asked().end() - 2)->call_method(), "started");
    });
    client.run_for(60s);
    EXPECT_TRUE(ran);
}

TEST_F(Async, RunForEndsWhenItsTimeIsUp) {
    pair.async_call<void>("wait", [](Outcome<void>) {});
    EXPECT_EQ(client.run_for(1ms), 0u);
    EXPECT_EQ(client.in_flight(), 1u);
}

TEST_F(Async, CancelsACall) {
    Failure failure;
    const Cancel cancel = pair.async_call<int>("wait", [&](Outcome<int> outcome) { failure = outcome.failure(); });
    const Asked asked = host.wait_for_call("wait");
    cancel();
    EXPECT_EQ(host.wait_for("soho.cancel").params[0], Value(asked.msgid));
    host.reply(asked, Answer::error(Error(Code::cancelled, "cancelled by the client")));
    client.run_for(60s);
    EXPECT_EQ(failure.code, CallCode::cancelled);
    cancel();
    client.ping();
    EXPECT_EQ(host.asked("soho.cancel").size(), 1u) << "a call that is over is not cancelled";
}

TEST_F(Async, FailsACallWhoseDeadlineTheHostForgot) {
    std::optional<Failure> failure;
    pair.with(timeout{1ms}).async_call<int>("wait", [&](Outcome<int> outcome) { failure = outcome.failure(); });
    client.run_for(60s);
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->code, CallCode::deadline);
    host.wait_for("soho.cancel");
}

TEST_F(Async, WorksWithAnEventLoop) {
    bool ran = false;
    pair.async_call<void>("echo", [&](Outcome<void>) { ran = true; });
    while (!ran) {
        pollfd waited{client.native_handle(), static_cast<short>(POLLIN | (client.wants_to_write() ? POLLOUT : 0)), 0};
        ASSERT_EQ(::poll(&waited, 1, 60'000), 1);
        client.poll();
    }
}

TEST_F(Async, TellsAboutALostConnectionInCallbacksOnly) {
    host.hang_up();
    int lost = 0;
    for (int i = 0; i < 3; ++i) {
        pair.async_call<int>("echo", [&](Outcome<int> outcome) { lost += outcome.failure().is_lost(); });
        client.poll();
    }
    client.run_for(60s);
    EXPECT_EQ(lost, 3);
}

TEST_F(Async, DropsTheCallbacksOfAClientThatIsGone) {
    auto witness = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = witness;
    {
        auto other = connected(host);
        other.create("Pair").async_call<int>("wait", [witness = std::move(witness)](Outcome<int>) { FAIL(); });
    }
    EXPECT_TRUE(watched.expired());
}

TEST_F(Async, LetsSeveralThreadsDrive) {
    constexpr int calls = 2000;
    std::atomic<int> done = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < calls; ++i) {
                pair.async_call<std::vector<int>>("echo", t, i, [&, t, i](Outcome<std::vector<int>> outcome) {
                    done += outcome.value() == std::vector{t, i};
                });
                if (i % 100 == 0) pair.call("echo");
            }
            while (done != 3 * calls) client.run_for(10ms);
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(done, 3 * calls);
}

TEST(Draining, IsToldWhereCallbacksRun) {
    FakeHost host{script};
    std::vector<std::chrono::milliseconds> told;
    ConnectOptions options;
    options.on_draining = [&](std::chrono::milliseconds left) { told.push_back(left); };
    Client client = connected(host, options);
    data::Buffer frame;
    wire::Out out(frame);
    wire::begin_notification(out, "soho.draining");
    out.array(2);
    out.unsigned_integer(1500);
    out.string("of a later version");
    host.send(frame.bytes());
    client.ping();
    if (told.empty()) client.ping();  // the first reply may have come together with the notice's beginning
    EXPECT_EQ(told, std::vector{1500ms});
    client.ping();
    EXPECT_EQ(told.size(), 1u);
}

TEST(Draining, IsNoReplyForWhoDidNotAsk) {
    FakeHost host{script};
    ConnectOptions options;
    options.reconnect = false;
    Client client = connected(host, options);
    data::Buffer frame;
    wire::Out out(frame);
    wire::begin_notification(out, "soho.draining");
    out.array(1);
    out.unsigned_integer(1500);
    host.send(frame.bytes());
    EXPECT_THROW(
        {
            for (;;) client.ping();  // the notice may come after the first reply
        },
        ConnectionLost);
}

}  // namespace
}  // namespace soho
