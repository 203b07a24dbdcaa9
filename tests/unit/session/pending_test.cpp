// Clients that go away, and replies that are not delivered.
#include "tests/support/test_host.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

using test::TestClient;

struct PendingTest : testing::Test {
    PendingTest() { host.load(counters.plugin); }
    test::Counters counters;
    test::TestHost host;
    TestClient client{host};
};

TEST_F(PendingTest, AClientThatGoesTellsThePlugin) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.send(fmt::format(R"([0, 7, "soho.call", [{}, "later"]])", id)), "");
    client.close();
    EXPECT_EQ(counters.cancelled, 1);
    EXPECT_EQ(host.objects.size(), 1u) << "the call pins it";
    EXPECT_EQ(host.sessions.size(), 0u);
    EXPECT_EQ(counters.complete("1"), unsigned{SOHO_DISCARDED});
    counters.release();
    host.run();
    EXPECT_EQ(counters.discarded, 1);
    EXPECT_EQ(counters.destroyed, 1);
    EXPECT_EQ(host.objects.size(), 0u);
    EXPECT_EQ(host.services.calls_in_flight, 0u);
}

TEST_F(PendingTest, AClientThatGoesLosesItsQueuedCalls) {
    const auto id = client.create("Counter", "[5]", R"({"name": "c"})");
    const auto object = host.objects.find(id);
    ASSERT_TRUE(object->turn()->try_enter(false));
    EXPECT_EQ(client.send(fmt::format(R"([0, 7, "soho.call", [{}, "add", [1]]])", id)), "");
    EXPECT_EQ(client.send(R"([2, "c.add", [1]])"), "");
    client.close();
    object->turn()->leave(false, nullptr);
    host.run();
    EXPECT_EQ(test::thing_of(object->self()).value, 5);
    EXPECT_EQ(host.services.calls_in_flight, 0u);
}

TEST_F(PendingTest, AReplyToAClientThatHasGoneGoesBack) {
    client.hold_undelivered = true;
    const auto id = client.create("Counter");
    EXPECT_EQ(client.send(fmt::format(R"([0, 7, "soho.call", [{}, "later"]])", id)), "");
    counters.complete("1");
    counters.release();
    EXPECT_EQ(client.wait_delivered(1).size(), 1u);
    EXPECT_EQ(counters.discarded, 0);
    client.close();  // with the reply unsent
    EXPECT_EQ(counters.discarded, 1);
}

TEST_F(PendingTest, ADeliveredReplyDoesNotGoBack) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.send(fmt::format(R"([0, 7, "soho.call", [{}, "later"]])", id)), "");
    counters.complete("1");
    counters.release();
    EXPECT_EQ(client.wait_delivered(1).size(), 1u);
    client.close();
    EXPECT_EQ(counters.discarded, 0);
}

TEST_F(PendingTest, OnDiscardedOfAnInlineCallRunsInItsTurn) {
    counters.on_hook = [&](test::Thing&, const soho_call* call) {
        const soho_task task = counters.count(counters.discarded);
        counters.plugin.host->on_discarded(call, &task);
        return test::give(call, "1");
    };
    const auto id = client.create("Counter", "[5]", R"({"name": "c"})");
    client.hold_undelivered = true;
    EXPECT_EQ(client.call(id, "hook", "[]"), "1");
    client.lose();
    EXPECT_EQ(counters.discarded, 0);
    host.run();
    EXPECT_EQ(counters.discarded, 1);
    client.hold_undelivered = false;
    EXPECT_EQ(client.call(id, "hook", "[]"), "1");
    host.run();
    EXPECT_EQ(counters.discarded, 1);
    EXPECT_EQ(client.send(R"([2, "c.hook", []])"), "");
    host.run();
    EXPECT_EQ(counters.discarded, 2) << "nobody gets the result of a notification";
}

TEST_F(PendingTest, AResultThatCannotBeSentGoesBack) {
    const auto id = client.create("Counter");
    counters.on_hook = [&](test::Thing&, const soho_call* call) {
        const soho_task task = counters.count(counters.discarded);
        counters.plugin.host->on_discarded(call, &task);
        return test::give(call, "[ext(0x53, [5, \"Counter\"])]");
    };
    EXPECT_TRUE(client.call(id, "hook", "[]").starts_with("\"internal: "));
    host.run();
    EXPECT_EQ(counters.discarded, 1);
}

TEST_F(PendingTest, ALateResultWithHandlesIsCounted) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.send(fmt::format(R"([0, 7, "soho.call", [{}, "later"]])", id)), "");
    counters.complete(fmt::format(R"([ext(0x53, [{}, "Counter"]), ext(0x54, [1])])", id));
    counters.release();
    EXPECT_EQ(client.wait_delivered(1).front(),
              fmt::format(R"([1, 7, nil, [{{"$soho": {}, "type": "Counter"}}, [1]]])", id));
    EXPECT_EQ(client.caller().session()->references(), 2u);
}

TEST_F(PendingTest, ALateResultWithAHandleOfNoObjectIsADefect) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.send(fmt::format(R"([0, 7, "soho.call", [{}, "later"]])", id)), "");
    counters.complete(fmt::format(R"([ext(0x53, [{}, "Counter"]), ext(0x53, [5, "Counter"])])", id));
    counters.release();
    EXPECT_TRUE(client.wait_delivered(1).front().starts_with(R"([1, 7, "internal: )"));
    EXPECT_EQ(client.caller().session()->references(), 1u);
}

TEST_F(PendingTest, ASessionOfManyObjectsEndsInSlices) {
    for (int i = 0; i < 200; ++i) client.create("Counter", fmt::format("[{}]", i));
    EXPECT_EQ(host.objects.size(), 200u);
    client.close();
    EXPECT_EQ(host.objects.size(), 0u);
    EXPECT_EQ(counters.destroyed, 200);
}

// What a connection on a reactor of its own does, as far as sockets do not matter.
class LoadingClient final : public Outlet {
public:
    explicit LoadingClient(test::TestHost& host)
        : caller_(std::make_shared<Caller>(host.services, host.dispatcher,
                                           Peer{{"uid:1000", rights_all}, "", true, true}, wire::ErrorForm::string)) {
        caller_->attach(*this);
    }
    void send(std::string_view notation) {
        const std::string bytes = test::pack(notation);
        seat_.out.clear();
        seat_.arrive();
        EXPECT_TRUE(caller_->take(*wire::check_value(data::as_bytes(bytes), {}), seat_));
        seat_.finish();
        caller_->replies().take_notices();
        replies += !seat_.out.empty();
    }
    void go() {
        caller_->gone(seat_, "the test wants it");
        home_.run_all();
    }
    void run() { home_.run_all(); }
    void deliver(data::Buffer, Undelivered) override { ++replies; }

    std::atomic<int> replies{0};

private:
    test::QueueExecutor home_;
    Seat seat_{home_};
    std::shared_ptr<Caller> caller_;
};

TEST_F(PendingTest, ConnectionsOnManyThreadsComeAndGoSoundly) {
    counters.unblocked = true;
    client.create("shared", "[]", R"({"name": "s"})");
    std::atomic<int> ended = 0;
    std::vector<std::thread> threads;
    // Executors and seats stay until all work is done, as reactors do.
    std::vector<std::unique_ptr<LoadingClient>> clients(4 * 20);
    for (std::size_t i = 0; i < clients.size(); ++i) clients[i] = std::make_unique<LoadingClient>(host);
    for (std::size_t thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (std::size_t i = 0; i < 20; ++i) {
                LoadingClient& it = *clients[thread * 20 + i];
                for (int j = 0; j < 20; ++j) {
                    it.send(fmt::format(R"([0, {}, "s.add", [1]])", 3 * j));
                    it.send(fmt::format(R"([0, {}, "s.block", []])", 3 * j + 1));
                    it.send(fmt::format(R"([0, {}, "soho.create", ["Counter"]])", 3 * j + 2));
                    it.run();
                }
                it.go();
            }
            ++ended;
        });
    }
    while (ended != 4 || host.services.calls_in_flight != 0) {
        host.run();
        for (const auto& it : clients) it->run();
    }
    for (auto& thread : threads) thread.join();
    const auto run_all = [&] {
        host.run();
        for (const auto& it : clients) it->run();
    };
    while (host.objects.size() != 1 || host.objects.created() != host.objects.destroyed() + 1) run_all();
    while (!host.pool.stop(1'000'000)) run_all();
    run_all();
    EXPECT_EQ(host.sessions.size(), 1u);
}

}  // namespace
}  // namespace soho::host
