#include "tests/support/test_host.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

using test::TestClient;

struct HelloTest : testing::Test {
    HelloTest() { host.load(counters.plugin); }
    // The session's number and secret, from a reply to hello, as join wants them.
    static std::string ticket(const std::string& hello) {
        const auto after = [&](std::string_view key) {
            const auto from = hello.find(key) + key.size();
            return hello.substr(from, hello.find(',', from) - from);
        };
        return fmt::format("[{}, {}]", after("\"session\": "), after("\"secret\": "));
    }
    std::string refused(std::string_view options) {
        TestClient fresh(host);
        return fresh.ask("soho.hello", options);
    }
    test::Counters counters;
    test::TestHost host;
    TestClient client{host};
};

TEST_F(HelloTest, TellsWhatTheConnectionAgreesOn) {
    const std::string hello =
        client.ask("soho.hello", R"([{"proto": 1, "client": "test/1", "features": ["x"], "later": [1]}])");
    EXPECT_TRUE(hello.starts_with(R"({"proto": 1, "host": "sohod/)")) << hello;
    EXPECT_NE(hello.find(R"("instance": "cafe", "session": )"), std::string::npos);
    EXPECT_NE(
        hello.find(
            R"("features": [], "limits": {"frame_bytes": 16777216, "depth": 64, "items": 1048576, "calls": 128, "waiting": 10000, "handles": 10000}, "nonce": h')"),
        std::string::npos);
    EXPECT_TRUE(hello.ends_with(R"("mechs": [], "authenticated": true, "principal": "uid:1000"})")) << hello;
    EXPECT_EQ(client.caller().session()->client(), "test/1");
}

TEST_F(HelloTest, SettlesTheFormsOfErrorsAndHandles) {
    client.ask("soho.hello", R"([{"proto": 1, "errors": "full", "handles": "ext"}])");
    EXPECT_EQ(client.ask("soho.open", R"(["x"])"), R"([2, "nothing is published as \"x\"", {"kind": "no_object"}])");
    EXPECT_TRUE(client.ask("soho.create", R"(["Counter"])").starts_with("ext(0x53, ["));
}

TEST_F(HelloTest, IsTheFirstRequestOrNone) {
    client.ask("soho.ping", "[]");
    EXPECT_EQ(client.ask("soho.hello", R"([{"proto": 1}])"),
              R"("protocol: soho.hello must be the first request of a connection, and its only one")");
}

TEST_F(HelloTest, IsSaidOnce) {
    client.ask("soho.hello", R"([{"proto": 1}])");
    EXPECT_TRUE(client.ask("soho.hello", R"([{"proto": 1}])").starts_with("\"protocol: "));
    EXPECT_EQ(host.sessions.size(), 1u);
}

TEST_F(HelloTest, RefusesOtherProtocols) {
    EXPECT_EQ(refused(R"([{"proto": 2}])"),
              R"("protocol: this host speaks protocol 1, the client asks for 2: use a client for protocol 1")");
    EXPECT_EQ(refused("[{}]"), R"("protocol: soho.hello lacks \"proto\", the protocol's number: 1 for this host")");
}

TEST_F(HelloTest, RefusesValuesOfTheWrongKind) {
    EXPECT_EQ(refused("[5]"), R"("bad_arguments: soho.hello takes a map, not int")");
    EXPECT_EQ(refused("[]"), R"("bad_arguments: soho.hello takes [options], 0 given")");
    EXPECT_EQ(refused("[{5: 1}]"), R"("bad_arguments: soho.hello: the keys must be strings")");
    const auto key = [&](std::string_view entry) { return refused(fmt::format(R"([{{"proto": 1, {}}}])", entry)); };
    EXPECT_EQ(refused(R"([{"proto": "1"}])"), R"("bad_arguments: soho.hello: \"proto\" must be an unsigned integer")");
    EXPECT_EQ(key(R"("client": 5)"), R"("bad_arguments: soho.hello: \"client\" must be a string")");
    EXPECT_EQ(key(R"("errors": "loud")"), R"("bad_arguments: soho.hello: \"errors\" must be \"string\" or \"full\"")");
    EXPECT_EQ(key(R"("handles": 5)"), R"("bad_arguments: soho.hello: \"handles\" must be \"map\" or \"ext\"")");
    EXPECT_EQ(key(R"("features": "x")"), R"("bad_arguments: soho.hello: \"features\" must be an array of strings")");
    EXPECT_EQ(key(R"("nonce": "x")"), R"("bad_arguments: soho.hello: \"nonce\" must be a binary of 32 bytes")");
    for (const char* join : {"5", "[1]", "[1, 2]", R"(["1", h'00'])", "[1, h'00', 3]"})
        EXPECT_EQ(key(fmt::format(R"("join": {})", join)),
                  R"("bad_arguments: soho.hello: \"join\" must be [session, secret]")");
    EXPECT_EQ(host.sessions.size(), 0u);
}

TEST_F(HelloTest, JoinSharesTheReferencesOfASession) {
    const std::string first = client.ask("soho.hello", R"([{"proto": 1}])");
    const auto id = client.create("Counter");
    TestClient second(host);
    const std::string joined =
        second.ask("soho.hello", fmt::format(R"([{{"proto": 1, "handles": "ext", "join": {}}}])", ticket(first)));
    EXPECT_EQ(ticket(joined), ticket(first));
    EXPECT_EQ(host.sessions.size(), 1u);
    EXPECT_EQ(second.ask("soho.release", fmt::format("[[{}, 1]]", id)), "nil");
    EXPECT_EQ(host.objects.size(), 0u);
    const auto other = second.create("Counter");
    second.close();
    EXPECT_EQ(client.call(other, "get", "[]"), "0") << "references go with the last connection";
    client.close();
    EXPECT_EQ(host.objects.size(), 0u);
    EXPECT_EQ(host.sessions.size(), 0u);
}

TEST_F(HelloTest, JoinKeepsCallsApart) {
    const std::string first = client.ask("soho.hello", R"([{"proto": 1}])");
    const auto id = client.create("Counter");
    TestClient second(host);
    second.ask("soho.hello", fmt::format(R"([{{"proto": 1, "join": {}}}])", ticket(first)));
    EXPECT_EQ(client.send(fmt::format(R"([0, 7, "soho.call", [{}, "later"]])", id)), "");
    EXPECT_EQ(second.send(fmt::format(R"([0, 7, "soho.call", [{}, "get"]])", id)), "[1, 7, nil, 0]");
    EXPECT_EQ(second.ask("soho.cancel", "[7]"), "nil");
    counters.complete("1");
    counters.release();
    EXPECT_EQ(client.wait_delivered(1), std::vector<std::string>{"[1, 7, nil, 1]"});
}

TEST_F(HelloTest, JoinNeedsTheSecretOfALivingSessionOfThePrincipal) {
    const std::string first = client.ask("soho.hello", R"([{"proto": 1}])");
    const std::string refusal = R"("denied: no session to join with that number and secret: it may have ended")";
    const auto join = [&](std::string_view with, Principal principal = {"uid:1000", rights_all}) {
        TestClient fresh(host, std::move(principal));
        return fresh.ask("soho.hello", fmt::format(R"([{{"proto": 1, "join": {}}}])", with));
    };
    const auto number = client.caller().session()->id();
    EXPECT_EQ(join(fmt::format("[{}, h'']", number)), refusal);
    EXPECT_EQ(join(fmt::format("[{}, h'00000000000000000000000000000000']", number)), refusal);
    EXPECT_EQ(join("[4711, h'00000000000000000000000000000000']"), refusal);
    EXPECT_EQ(join(ticket(first), {"uid:2000", rights_all}), refusal);
    EXPECT_EQ(join(ticket(first)).find("denied"), std::string::npos);
    client.close();
    EXPECT_EQ(join(ticket(first)), refusal);
}

TEST_F(HelloTest, IsNotNeeded) {
    EXPECT_NE(client.create("Counter"), 0u);
    EXPECT_EQ(client.ask("soho.open", R"(["x"])"), R"("no_object: nothing is published as \"x\"")");
}

}  // namespace
}  // namespace soho::host
