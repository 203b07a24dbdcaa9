// create-or-open by name, and its races.
#include "tests/support/test_host.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

using test::TestClient;
using Replies = std::vector<std::string>;

struct NamedCreateTest : testing::Test {
    NamedCreateTest() { host.load(counters.plugin); }
    static std::string slow(int msgid, bool open) {
        return fmt::format(R"([0, {}, "soho.create", ["Slow", [], {{"name": "s", "if_exists": "{}"}}]])", msgid,
                           open ? "open" : "fail");
    }
    test::Counters counters;
    test::TestHost host;
    TestClient client{host};
    TestClient other{host};
};

TEST_F(NamedCreateTest, PublishesInOneStep) {
    const auto id = client.create("Counter", "[5]", R"({"name": "c"})");
    EXPECT_EQ(host.names.find("c")->id(), id);
    EXPECT_EQ(client.ask("soho.create", R"(["Counter", [6], {"name": "c"}])"),
              fmt::format(R"~("exists: the name \"c\" is taken by #{} (Counter)")~", id));
    EXPECT_EQ(client.create("Counter", "[6]", R"({"name": "c", "if_exists": "open"})"), id);
    EXPECT_EQ(host.objects.size(), 1u);
}

TEST_F(NamedCreateTest, OpensOnlyWhatHasTheType) {
    const auto id = client.create("Counter", "[5]", R"({"name": "c"})");
    EXPECT_EQ(client.ask("soho.create", R"(["shared", [], {"name": "c", "if_exists": "open"}])"),
              fmt::format(R"~("exists: the name \"c\" is taken by #{} (Counter)")~", id));
}

TEST_F(NamedCreateTest, RefusesWhatIsNoName) {
    EXPECT_EQ(client.ask("soho.create", R"(["Counter", [], {"name": "a b"}])"),
              R"("bad_arguments: \"a b\" cannot be published: only letters, digits, _ and . are allowed")");
    EXPECT_EQ(host.objects.size(), 0u);
}

TEST_F(NamedCreateTest, FreesTheNameWhenItFails) {
    EXPECT_EQ(client.ask("soho.create", R"(["Failing", [], {"name": "c"}])"),
              R"("failed: ValueError: it never works")");
    EXPECT_EQ(client.ask("soho.create", R"(["Counter", [1, 2, 3], {"name": "c"}])").substr(0, 15), "\"bad_arguments:");
    EXPECT_NE(client.create("Counter", "[5]", R"({"name": "c"})"), 0u);
}

TEST_F(NamedCreateTest, LateComersGetWhatTheFirstMakes) {
    EXPECT_EQ(client.send(slow(1, true)), "");
    EXPECT_EQ(other.send(slow(2, true)), "");
    EXPECT_EQ(other.send(slow(3, true)), "");
    EXPECT_EQ(other.send(slow(4, false)), R"([1, 4, "exists: the name \"s\" is being taken", nil])");
    EXPECT_EQ(other.ask("soho.create", R"(["Counter", [], {"name": "s"}])"),
              R"("exists: the name \"s\" is being taken")");
    ASSERT_EQ(counters.pending_creates.size(), 1u);
    counters.complete_create(5);
    const auto id = host.names.find("s")->id();
    const std::string handle = fmt::format(R"({{"$soho": {}, "type": "Slow"}})", id);
    EXPECT_EQ(client.wait_delivered(1), Replies{"[1, 1, nil, " + handle + "]"});
    EXPECT_EQ(other.wait_delivered(2), (Replies{"[1, 2, nil, " + handle + "]", "[1, 3, nil, " + handle + "]"}));
    EXPECT_EQ(other.caller().session()->references(), 2u);
    EXPECT_EQ(host.services.calls_in_flight, 0u);
}

TEST_F(NamedCreateTest, LateComersHearWhenTheFirstFails) {
    EXPECT_EQ(client.send(slow(1, true)), "");
    EXPECT_EQ(other.send(slow(2, true)), "");
    counters.pendings.swap(counters.pending_creates);
    counters.fail(0, "ValueError", "no");
    counters.release();
    EXPECT_EQ(client.wait_delivered(1), Replies{R"([1, 1, "failed: ValueError: no", nil])"});
    const Replies late = other.wait_delivered(1);
    EXPECT_TRUE(late.front().starts_with(R"([1, 2, "not_started: making \"s\")")) << late.front();
    EXPECT_EQ(host.services.calls_in_flight, 0u);
    EXPECT_EQ(client.send(slow(3, true)), "");
    counters.complete_create(5);
    EXPECT_EQ(client.wait_delivered(1).size(), 1u);
}

TEST_F(NamedCreateTest, ACancelledLateComerIsAnsweredAtOnceAndForgotten) {
    EXPECT_EQ(client.send(slow(1, true)), "");
    EXPECT_EQ(other.send(slow(2, true)), "");
    other.ask("soho.cancel", "[2]");
    EXPECT_EQ(other.wait_delivered(1).front().substr(0, 19), R"([1, 2, "cancelled: )");
    counters.complete_create(5);
    host.run();
    EXPECT_TRUE(other.take_delivered().empty());
    EXPECT_EQ(host.services.calls_in_flight, 0u);
}

TEST_F(NamedCreateTest, ALateComersDeadlineCounts) {
    EXPECT_EQ(client.send(slow(1, true)), "");
    EXPECT_EQ(
        other.send(R"([0, 2, "soho.create", ["Slow", [], {"name": "s", "if_exists": "open", "timeout_ms": 1000}]])"),
        "");
    host.timers.run_due(monotonic_now() + 2'000'000'000);
    EXPECT_EQ(other.wait_delivered(1).front().substr(0, 18), R"([1, 2, "deadline: )");
    counters.complete_create(5);
}

TEST_F(NamedCreateTest, AFirstThatIsCancelledFreesTheName) {
    EXPECT_EQ(client.send(slow(1, true)), "");
    EXPECT_EQ(other.send(slow(2, true)), "");
    client.ask("soho.cancel", "[1]");
    host.run();
    counters.complete_create(5);  // too late: the object goes
    host.run();
    EXPECT_EQ(other.wait_delivered(1).size(), 1u);
    EXPECT_EQ(host.objects.size(), host.names.size());
    EXPECT_EQ(other.send(slow(3, false)), "");
    counters.complete_create(6);
    EXPECT_EQ(other.wait_delivered(1).size(), 1u);
}

TEST_F(NamedCreateTest, AFirstWhoseClientGoesFreesTheName) {
    EXPECT_EQ(client.send(slow(1, true)), "");
    client.close();
    counters.complete_create(5);
    host.run();
    EXPECT_EQ(other.send(slow(2, false)), "");
    counters.complete_create(6);
    EXPECT_EQ(other.wait_delivered(1).size(), 1u);
}

TEST_F(NamedCreateTest, ALateComerThatGoesIsForgotten) {
    EXPECT_EQ(client.send(slow(1, true)), "");
    EXPECT_EQ(other.send(slow(2, true)), "");
    other.close();
    counters.complete_create(5);
    EXPECT_EQ(client.wait_delivered(1).size(), 1u);
    EXPECT_EQ(host.services.calls_in_flight, 0u);
    EXPECT_EQ(host.sessions.size(), 1u);
}

TEST_F(NamedCreateTest, AsANotificationPublishes) {
    EXPECT_EQ(client.send(R"([2, "soho.create", ["Counter", [5], {"name": "c"}]])"), "");
    EXPECT_NE(host.names.find("c"), nullptr);
    EXPECT_EQ(client.ask("c.get", "[]"), "5");
}

TEST_F(NamedCreateTest, IsRefusedWhileTheHostDrainsAndFreesTheName) {
    host.objects.draining = true;
    EXPECT_EQ(client.ask("soho.create", R"(["Counter", [5], {"name": "c"}])").substr(0, 13), "\"not_started:");
    host.objects.draining = false;
    EXPECT_NE(client.create("Counter", "[5]", R"({"name": "c"})"), 0u);
}

}  // namespace
}  // namespace soho::host
