#include "host/session/access.hpp"

#include "tests/support/test_host.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace soho::host {
namespace {

using test::TestClient;

class AccessTest : public testing::Test {
protected:
    AccessTest() { host.load(counters.plugin); }

    AccessRule rule(std::uint32_t rights, std::vector<std::string> types, std::vector<std::string> methods = {"*"}) {
        return {{"uid:9"}, std::move(types), {}, std::move(methods), rights, "sohod.toml:7"};
    }
    test::Counters counters;
    test::TestHost host;
    TestClient owner{host};
    Principal nine{"uid:9"};
};

TEST_F(AccessTest, ARuleGivesARightOnATypeAndItsMethods) {
    host.access.set_rules({rule(right_create | right_call, {"Coun*"}, {"get", "ad?"})});
    TestClient client(host, nine);
    const auto id = client.create("Counter", "[5]");
    EXPECT_EQ(client.call(id, "get", "[]"), "5");
    EXPECT_EQ(client.call(id, "add", "[1]"), "6");
    EXPECT_EQ(client.call(id, "echo", "[1]"), R"("denied: uid:9 may not call Counter.echo")");
    EXPECT_EQ(client.call(id, "echo", "[1]"), R"("denied: uid:9 may not call Counter.echo")") << "the second time, too";
    EXPECT_TRUE(client.call(id, "nope", "[]").starts_with("\"no_method: "));
}

TEST_F(AccessTest, WhatNobodyGaveARightOnLooksAsIfItDidNotExist) {
    const auto id = owner.create("Counter", "[5]", R"({"name": "c"})");
    host.access.set_rules({rule(right_create | right_call, {"Child"})});
    TestClient client(host, nine);
    EXPECT_EQ(client.ask("soho.create", R"(["Counter"])"),
              client.ask("soho.create", R"(["Counteq"])").replace(26, 1, "r"));
    EXPECT_EQ(client.ask("soho.open", R"(["c"])"), R"("no_object: nothing is published as \"c\"")");
    EXPECT_EQ(client.ask("c.get", "[]"), R"("no_object: nothing is published as \"c\"")");
    EXPECT_EQ(client.ask("soho.open", R"(["d"])"), R"("no_object: nothing is published as \"d\"")");
    EXPECT_EQ(client.ask("soho.names", "[]"), "[]");
    EXPECT_EQ(client.ask("soho.types", "[]").find("Counter"), std::string::npos);
    EXPECT_TRUE(client.ask("soho.types", R"(["Counter"])").starts_with(R"("no_type: )"));
    EXPECT_TRUE(client.call(id, "get", "[]").starts_with(fmt::format("\"no_object: no object #{}", id)));
    const std::string ticket = owner.ask("soho.share", fmt::format("[{}, 1000]", id));
    EXPECT_TRUE(client.ask("soho.claim", "[" + ticket + "]").starts_with("\"no_object: no such ticket"));
    EXPECT_EQ(host.tickets.size(), 1u) << "it is there for those who may";
}

TEST_F(AccessTest, APublishedNameCanBeWhatARuleSpeaksOf) {
    owner.create("Counter", "[5]", R"({"name": "c"})");
    const auto hidden = owner.create("Counter", "[6]", R"({"name": "d"})");
    AccessRule named = rule(right_call, {}, {"get"});
    named.names = {"c"};
    host.access.set_rules({named});
    TestClient client(host, nine);
    EXPECT_EQ(client.ask("c.get", "[]"), "5");
    const auto id = client.ask_handle("soho.open", R"(["c"])");
    EXPECT_EQ(client.call(id, "get", "[]"), "5");
    EXPECT_EQ(client.ask("c.add", "[1]"), R"("denied: uid:9 may not call Counter.add")");
    EXPECT_EQ(client.ask("d.get", "[]"), R"("no_object: nothing is published as \"d\"; did you mean \"c\"?")");
    EXPECT_EQ(client.ask("soho.create", R"(["Counter"])"), R"("no_type: no type \"Counter\"")");
    EXPECT_TRUE(client.call(hidden, "get", "[]").starts_with("\"no_object: "));
}

TEST_F(AccessTest, CreatePublishAndShareAreRightsOfTheirOwn) {
    host.access.set_rules({rule(right_create | right_call, {"*"})});
    TestClient client(host, nine);
    const auto id = client.create("Counter");
    EXPECT_EQ(client.ask("soho.publish", fmt::format(R"([{}, "x"])", id)),
              R"("denied: uid:9 may not publish a Counter as \"x\"")");
    EXPECT_EQ(client.ask("soho.create", R"(["Counter", [], {"name": "x"}])"),
              R"("denied: uid:9 may not publish a Counter")");
    EXPECT_EQ(client.ask("soho.share", fmt::format("[{}, 1000]", id)), R"("denied: uid:9 may not share a Counter")");
    EXPECT_EQ(client.ask("soho.sessions", "[]"), R"("denied: uid:9 may not use soho.sessions")");
    host.access.set_rules({rule(right_call, {"*"})});
    EXPECT_EQ(client.ask("soho.create", R"(["Counter"])"), R"("denied: uid:9 may not create a Counter")");
}

TEST_F(AccessTest, NewRulesHoldAtOnce) {
    host.access.set_rules({rule(right_create | right_call, {"*"})});
    TestClient client(host, nine);
    const auto id = client.create("Counter", "[5]");
    EXPECT_EQ(client.call(id, "get", "[]"), "5");
    host.access.set_rules({});
    EXPECT_TRUE(client.call(id, "get", "[]").starts_with("\"denied: uid:9 has no rights here"));
}

TEST_F(AccessTest, GroupsOfLocalUsersAreSpokenOfByNumber) {
    AccessRule group = rule(right_create, {"Counter"});
    group.who = {"gid:77"};
    host.access.set_rules({group});
    TestClient member(host, {"uid:9", 0, {5, 77}});
    EXPECT_NE(member.create("Counter"), 0u);
    TestClient other(host, {"uid:9", 0, {5}});
    EXPECT_TRUE(other.ask("soho.create", R"(["Counter"])").starts_with("\"denied: "));
}

TEST_F(AccessTest, AdminIsARightOfItsOwn) {
    host.access.set_rules({rule(right_admin, {"*"})});
    TestClient client(host, nine);
    EXPECT_TRUE(client.ask("soho.sessions", "[]").starts_with("["));
    EXPECT_EQ(client.ask("soho.create", R"(["Counter"])"), R"("denied: uid:9 may not create a Counter")");
}

TEST_F(AccessTest, AVerdictSaysWhereItComesFrom) {
    host.access.set_rules({rule(right_call, {"Counter"}, {"get"})});
    const auto ask = [&](std::string_view who, std::string_view method) {
        return owner.ask("soho.access", fmt::format(R"(["{}", "Counter", "{}"])", who, method));
    };
    EXPECT_EQ(ask("uid:9", "get"), R"({"allowed": true, "why": "the rule at sohod.toml:7 allows it"})");
    EXPECT_EQ(
        ask("uid:9", "add"),
        R"~({"allowed": false, "why": "no rule that speaks of uid:9 gives the right to call Counter.add (sohod.toml:7)"})~");
    EXPECT_EQ(ask("key:x", "get"), R"({"allowed": false, "why": "no [[access]] rule speaks of key:x"})");
    EXPECT_TRUE(ask(fmt::format("uid:{}", ::geteuid()), "add").starts_with(R"({"allowed": true)"));
    EXPECT_TRUE(ask("uid:9", "nope").starts_with(R"({"allowed": false, "why": ")"));
}

}  // namespace
}  // namespace soho::host
