// A host that goes away, and one that comes back.
#include "tests/unit/client/fake_host.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <soho/client.hpp>

namespace soho {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::Asked;
using test::FakeHost;
using testing::HasSubstr;

Answer script(const Asked& asked) {
    if (asked.method == "soho.create" || asked.method == "soho.open") {
        return Answer::handle(asked.connection == 0 ? 7 : 70, "Pair");
    }
    if (asked.method == "soho.types") {
        const Value idempotent = Value::Map{{"flags", Value::Array{"idempotent"}}};
        return Answer::value(Value(
            Value::Map{{"type", "Pair"}, {"methods", Value::Map{{"safe", idempotent}, {"hang_up", Value::Map{}}}}}));
    }
    if (asked.method == "soho.call" && asked.call_method() == "wait") return Answer::later();
    if (asked.method == "soho.call" && asked.call_method() == "hang_up") return Answer::hang_up();
    if (asked.method == "soho.call" && asked.call_method() == "safe" && asked.connection == 0) return Answer::hang_up();
    return asked.method == "soho.call" ? Answer::value(asked.params[0]) : Answer::nil();
}

ConnectionLost lost(const std::function<void()>& call) {
    try {
        call();
    } catch (const ConnectionLost& error) {
        return error;
    }
    ADD_FAILURE() << "no ConnectionLost";
    return ConnectionLost(Failure());
}

TEST(Lost, EndsEveryCallInFlightAtOnce) {
    FakeHost host(script);
    const auto client = connected(host);
    const auto pair = client.create("Pair");
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            const auto error = lost([&] { pair.call("wait"); });
            EXPECT_THAT(error.what(), HasSubstr(host.address()));
            EXPECT_THAT(error.what(), HasSubstr("may have run"));
            EXPECT_EQ(error.code(), CallCode::connection_lost);
        });
    }
    int failed = 0;
    for (int i = 0; i < 3; ++i)
        pair.async_call<int>("wait", [&](Outcome<int> outcome) { failed += outcome.failure().is_lost(); });
    host.wait_for_call("wait", 6);
    host.hang_up();
    for (auto& thread : threads) thread.join();
    client.poll();
    EXPECT_EQ(failed, 3);
    EXPECT_FALSE(client.is_connected());
}

TEST(Lost, LosesProxiesFromCreateForGood) {
    FakeHost host(script);
    const auto client = connected(host);
    const auto pair = client.create("Pair");
    lost([&] { pair.call("hang_up"); });
    const auto error = lost([&] { pair.call("get_x"); });
    EXPECT_EQ(error.code(), CallCode::session_lost);
    EXPECT_THAT(error.what(), HasSubstr("Pair"));
    client.ping();
    EXPECT_EQ(host.connections_made(), 2) << "the client itself goes on";
    EXPECT_EQ(lost([&] { pair.call("get_x"); }).code(), CallCode::session_lost);
}

TEST(Lost, FindsAProxyFromOpenAgain) {
    FakeHost host(script);
    const auto client = connected(host);
    const auto pair = client.open("pair");
    const auto copy = pair;
    EXPECT_EQ(pair.call<int>("id"), 7);
    lost([&] { pair.call("hang_up"); });
    EXPECT_EQ(pair.call<int>("id"), 70);
    EXPECT_EQ(copy.call<int>("id"), 70);
    EXPECT_EQ(host.asked("soho.open").size(), 2u) << "copies find it once";
}

TEST(Lost, TriesACallAgainThatNeverLeft) {
    FakeHost host(script);
    const auto client = connected(host);
    const auto pair = client.open("pair");
    host.hang_up();
    EXPECT_EQ(pair.call<int>("id"), 70);
    client.ping();
}

TEST(Lost, TriesAnIdempotentCallAgainThatWasCutOff) {
    FakeHost host(script);
    const auto client = connected(host);
    EXPECT_EQ(client.open("pair").call<int>("safe"), 70);
    const auto pair = client.open("pair");
    EXPECT_THAT(lost([&] { pair.call("hang_up"); }).what(), HasSubstr("may have run"));
}

TEST(Lost, StaysLostWhereTheOptionsSaySo) {
    FakeHost host(script);
    const auto client = connected(host, {.reconnect = false});
    const auto pair = client.open("pair");
    host.hang_up();
    lost([&] { client.ping(); });
    EXPECT_THAT(lost([&] { client.ping(); }).what(), HasSubstr("not sent"));
    lost([&] { pair.call("id"); });
    EXPECT_EQ(host.connections_made(), 1);
}

TEST(Lost, FailsEveryCallAfterClose) {
    FakeHost host(script);
    const auto client = connected(host);
    const auto pair = client.create("Pair");
    std::thread waits(
        [&] { EXPECT_THAT(lost([&] { pair.call("wait"); }).what(), HasSubstr("this client was closed")); });
    host.wait_for_call("wait");
    client.close();
    waits.join();
    EXPECT_THAT(lost([&] { client.ping(); }).what(), HasSubstr("this client was closed"));
}

TEST(Lost, GivesUpOnAHostThatSendsNonsense) {
    for (const std::string_view nonsense : {"\xc1", "\x93\x01\x02\x03", "\x01", "\x94\x01\xff\xc0\xc0"}) {
        FakeHost host(script);
        const auto client = connected(host, {.reconnect = false});
        const auto pair = client.create("Pair");
        std::thread waits([&] { EXPECT_THAT(lost([&] { pair.call("wait"); }).what(), HasSubstr("the host sent")); });
        host.wait_for_call("wait");
        host.send(data::as_bytes(nonsense));
        waits.join();
    }
}

TEST(Lost, PassesOverAReplyThatNobodyAskedFor) {
    FakeHost host(script);
    const auto client = connected(host);
    host.send(data::as_bytes("\x94\x01\x63\xc0\xc0"));
    host.send(data::as_bytes(std::string_view("\x94\x01\xce\x00\x00\x00\x00\xc0\xc0", 9)));
    client.ping();
}

}  // namespace
}  // namespace soho
