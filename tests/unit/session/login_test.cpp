#include "host/session/login.hpp"

#include "tests/support/test_host.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace soho::host {
namespace {

using test::TestClient;

const std::string key_bytes(32, 'k');
const std::string nonce_bytes(32, 'n');

std::string hex(data::Bytes bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
    return "h'" + text + "'";
}

Peer stranger(bool is_private = true) { return {{"nobody"}, "10.0.0.1:1", false, is_private, {}}; }

class LoginTest : public testing::Test {
protected:
    LoginTest() {
        host.load(counters.plugin);
        host.credentials.set({{{"ci", key_bytes}}, {{"old", "a token of enough length"}}});
        host.access.set_rules({{{"key:ci", "token:*"}, {"Counter"}, {}, {"get"}, right_create | right_call, "a test"}});
    }

    // Says hello; the host's nonce.
    std::string hello(TestClient& client, std::string_view more = "") {
        const std::string said = client.ask(
            "soho.hello",
            fmt::format(R"([{{"proto": 1, "client": "t", "nonce": {}{}}}])", hex(data::as_bytes(nonce_bytes)), more));
        const auto at = said.find(R"("nonce": h')");
        EXPECT_NE(at, std::string::npos) << said;
        EXPECT_NE(said.find(R"("authenticated": false)"), std::string::npos) << said;
        EXPECT_EQ(said.find("secret"), std::string::npos) << said;
        return said.substr(at + 11, 64);
    }
    static data::Buffer bytes_of(std::string_view hex_text) {
        data::Buffer bytes;
        for (std::size_t i = 0; i < hex_text.size(); i += 2) {
            const auto byte = static_cast<std::uint8_t>(std::stoi(std::string(hex_text.substr(i, 2)), nullptr, 16));
            bytes.append({&byte, 1});
        }
        return bytes;
    }
    std::string proof(wire::LoginSide side, std::string_view host_nonce, std::string_view key = key_bytes,
                      std::string_view name = "ci", std::string_view channel = "") {
        const data::Buffer nonce = bytes_of(host_nonce);
        return hex(wire::login_proof(side, data::as_bytes(key),
                                     {data::as_bytes(nonce_bytes), nonce.bytes(), data::as_bytes(channel), name}));
    }
    std::string auth(TestClient& client, std::string_view proof, std::string_view name = "ci") {
        return client.ask("soho.auth", fmt::format(R"(["hmac-sha256-1", "{}", {}])", name, proof));
    }

    test::Counters counters;
    test::TestHost host;
};

constexpr const char* wrong = R"("unauthenticated: no such key or token, or the proof is wrong")";

TEST_F(LoginTest, AKeyProvesWhoIsThereAndTheHostProvesItself) {
    TestClient client(stranger(), host);
    EXPECT_EQ(client.ask("soho.create", R"(["Counter"])"),
              R"("unauthenticated: log in first: soho.hello, then soho.auth with a key or a token")");
    TestClient fresh(stranger(), host);
    const std::string nonce = hello(fresh);
    const std::string reply = auth(fresh, proof(wire::LoginSide::client, nonce));
    EXPECT_TRUE(reply.starts_with(R"({"principal": "key:ci", "session": )")) << reply;
    EXPECT_TRUE(reply.ends_with(fmt::format(R"("proof": {}}})", proof(wire::LoginSide::host, nonce)))) << reply;
    const auto id = fresh.create("Counter", "[5]");
    EXPECT_EQ(fresh.call(id, "get", "[]"), "5");
    EXPECT_EQ(fresh.caller().session()->client(), "t");
    EXPECT_NE(host.log_text().find("key:ci logged in from 10.0.0.1:1"), std::string::npos);
}

TEST_F(LoginTest, AWrongProofNameOrNonceReadsTheSame) {
    const std::string other_key(32, 'x');
    for (const auto& [key, name] : {std::pair(other_key, "ci"), std::pair(key_bytes, "nobody")}) {
        TestClient client(stranger(), host);
        const std::string nonce = hello(client);
        EXPECT_EQ(auth(client, proof(wire::LoginSide::client, nonce, key, name), name), wrong);
    }
    TestClient replayed(stranger(), host);
    hello(replayed);
    EXPECT_EQ(auth(replayed, proof(wire::LoginSide::client, std::string(64, '0'))), wrong);
    TestClient reflected(stranger(), host);
    const std::string nonce = hello(reflected);
    EXPECT_EQ(auth(reflected, proof(wire::LoginSide::host, nonce)), wrong);
}

TEST_F(LoginTest, AProofIsBoundToItsChannel) {
    Peer peer = stranger();
    peer.channel = std::string(32, 'c');
    TestClient client(peer, host);
    const std::string nonce = hello(client);
    EXPECT_EQ(auth(client, proof(wire::LoginSide::client, nonce)), wrong);
    EXPECT_NE(auth(client, proof(wire::LoginSide::client, nonce, key_bytes, "ci", peer.channel)), wrong);
}

TEST_F(LoginTest, ThreeTriesAreAll) {
    TestClient client(stranger(), host);
    hello(client);
    const std::string none = hex(data::as_bytes(nonce_bytes));
    EXPECT_EQ(auth(client, none), wrong);
    EXPECT_EQ(auth(client, none), wrong);
    EXPECT_NE(client.send(fmt::format(R"([0, 9, "soho.auth", ["hmac-sha256-1", "ci", {}]])", none))
                  .find("closed: too many failed logins"),
              std::string::npos);
}

TEST_F(LoginTest, ATokenNeedsNoHelloButPrivacy) {
    const auto ask = [](TestClient& client) {
        return client.ask("soho.auth", R"(["token", "a token of enough length"])");
    };
    TestClient client(stranger(), host);
    EXPECT_TRUE(ask(client).starts_with(R"({"principal": "token:old", "session": )"));
    EXPECT_NE(client.create("Counter"), 0u);
    TestClient far(stranger(false), host);
    EXPECT_EQ(
        ask(far),
        R"~("unauthenticated: this host takes no login by \"token\" here: soho.hello lists what it takes (mechs)")~");
    TestClient guessing(stranger(), host);
    EXPECT_EQ(guessing.ask("soho.auth", R"(["token", "a token of enough lengtH"])"), wrong);
}

TEST_F(LoginTest, IsForThoseWhoHaveNoSession) {
    TestClient known(host);
    known.ask("soho.hello", R"([{"proto": 1}])");
    EXPECT_TRUE(known.ask("soho.auth", R"(["token", "a token of enough length"])").starts_with("\"protocol: "));
    TestClient other(host);
    hello(other, R"(, "login": true)");
    EXPECT_TRUE(
        other.ask("soho.auth", R"(["token", "a token of enough length"])").starts_with(R"({"principal": "token:)"));
}

TEST_F(LoginTest, JoinsTheSessionThatHelloNamed) {
    TestClient first(stranger(), host);
    const std::string logged_in = [&] {
        const std::string nonce = hello(first);
        return auth(first, proof(wire::LoginSide::client, nonce));
    }();
    const auto secret = logged_in.substr(logged_in.find("h'"), 35);
    TestClient second(stranger(), host);
    const std::string nonce =
        hello(second, fmt::format(R"(, "join": [{}, {}])", first.caller().session()->id(), secret));
    auth(second, proof(wire::LoginSide::client, nonce));
    EXPECT_EQ(second.caller().session(), first.caller().session());
}

TEST_F(LoginTest, RefusesWhatIsMalformed) {
    TestClient client(stranger(), host);
    hello(client);
    EXPECT_EQ(client.ask("soho.auth", "[5]"), R"("bad_arguments: soho.auth: the mechanism must be a string")");
    EXPECT_EQ(client.ask("soho.auth", R"(["hmac-sha256-1"])"),
              R"("bad_arguments: soho.auth: the key's name must be a string")");
    EXPECT_EQ(client.ask("soho.auth", R"(["hmac-sha256-1", "ci", "text"])"),
              R"("bad_arguments: soho.auth: the proof must be a binary")");
    TestClient silent(stranger(), host);
    EXPECT_EQ(silent.ask("soho.auth", R"(["hmac-sha256-1", "ci", h'00'])"),
              R"("protocol: soho.auth with a key comes after a soho.hello with a \"nonce\" of 32 bytes")");
}

}  // namespace
}  // namespace soho::host
