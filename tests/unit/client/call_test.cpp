// Blocking calls: what is sent, what comes back, and how threads share a connection.
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

// A Pair whose methods echo: get_x is 5, anything else returns its arguments.
Answer pair_script(const Asked& asked) {
    if (asked.method == "soho.create" || asked.method == "soho.open") return Answer::handle(7, "Pair");
    if (asked.method != "soho.call") return Answer::nil();
    if (asked.call_method() == "get_x") return Answer::value(5);
    return Answer::value(asked.call_args());
}

TEST(Call, GivesTheResultInTheTypeThatWasAskedFor) {
    FakeHost host(pair_script);
    const auto client = connected(host);
    const auto pair = client.create("Pair", 5, 6);
    EXPECT_EQ(pair.call<std::int64_t>("get_x"), 5);
    EXPECT_EQ(pair.call<double>("get_x"), 5.0);
    EXPECT_EQ(pair.call("get_x"), Value(5));
    EXPECT_EQ((pair.call<std::tuple<int, std::string>>("echo", 1, "two")), std::make_tuple(1, std::string("two")));
    pair.call<void>("set_x", 7);
}

TEST(Call, SendsWhatTheProtocolSays) {
    FakeHost host(pair_script);
    const auto client = connected(host);
    const auto pair = client.create("Pair", 5, 6);
    pair.call("set_x", 7);
    EXPECT_EQ(host.asked("soho.create").at(0).params, Value(Value::Array{"Pair", Value::Array{5, 6}}));
    EXPECT_EQ(host.asked("soho.call").at(0).params, Value(Value::Array{7, "set_x", Value::Array{7}}));
}

TEST(Call, CarriesTheOptionsOfAView) {
    FakeHost host(pair_script);
    const auto client = connected(host);
    const auto pair = client.create("Pair", 5, 6);
    pair.with(timeout{60s}, owner{"t1"}, trace{"req-9"}, kw("x", 7)).call("set");
    const Value options =
        Value::Map{{"timeout_ms", 60'000}, {"owner", "t1"}, {"trace", "req-9"}, {"kw", Value::Map{{"x", 7}}}};
    EXPECT_EQ(host.asked("soho.call").at(0).params[3], options);

    client.with(kw("y", 2)).create("Pair", 5);
    EXPECT_EQ(host.asked("soho.create").at(1).params[2], Value(Value::Map{{"kw", Value::Map{{"y", 2}}}}));
}

TEST(Call, GivesAViewOfADerivedClassItsOwnMethods) {
    struct Derived : Proxy {
        using Proxy::Proxy;
        int get_x() const { return call<int>("get_x"); }
    };
    struct Viewed : ProxyOf<Viewed> {
        using ProxyOf::ProxyOf;
        int get_x() const { return call<int>("get_x"); }
    };
    FakeHost host(pair_script);
    const auto client = connected(host);
    EXPECT_EQ(with(client.create<Derived>("Pair"), trace{"a"}).get_x(), 5);
    EXPECT_EQ(client.create<Viewed>("Pair").with(trace{"b"}).get_x(), 5);
    EXPECT_EQ(host.asked("soho.call").at(1).params[3]["trace"], Value("b"));
}

TEST(Call, ThrowsWhatTheHostSaid) {
    FakeHost host([](const Asked& asked) {
        if (asked.method != "soho.call") return Answer::handle(7, "dict");
        return Answer::error(Error(Code::failed, "no key 'k'", "KeyError", std::string(data::encoded("k").text())));
    });
    const auto dict = connected(host).create("dict");
    try {
        dict.call("get", "k");
        FAIL() << "no error";
    } catch (const ConnectionLost&) {
        FAIL() << "the connection is not lost";
    } catch (const CallError& error) {
        EXPECT_EQ(error.code(), CallCode::failed);
        EXPECT_EQ(error.kind(), "failed");
        EXPECT_EQ(error.type(), "KeyError");
        EXPECT_EQ(error.text(), "no key 'k'");
        EXPECT_EQ(data::decode<std::string>(data::as_bytes(error.data())), "k");
        EXPECT_STREQ(error.what(), "KeyError: no key 'k'");
    }
}

CallCode code_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const CallError& error) {
        return error.code();
    }
    ADD_FAILURE() << "no error";
    return CallCode::internal;
}

TEST(Call, RefusesAResultOfAnotherType) {
    FakeHost host([](const Asked& asked) {
        return asked.method == "soho.create" ? Answer::handle(7, "Pair") : Answer::value("text");
    });
    const auto client = connected(host);
    const auto pair = client.create("Pair");
    EXPECT_EQ(code_of([&] { pair.call<int>("get_x"); }), CallCode::bad_result);
    EXPECT_EQ(code_of([&] { pair.call<Proxy>("get_x"); }), CallCode::bad_result);
    EXPECT_EQ(pair.call<std::string>("get_x"), "text") << "the connection goes on";
}

TEST(Call, RefusesAnEmptyProxy) {
    EXPECT_EQ(code_of([] { Proxy().call("get_x"); }), CallCode::bad_arguments);
    FakeHost host(pair_script);
    const auto client = connected(host);
    EXPECT_EQ(code_of([&] { client.create("Pair").call("meet", Proxy()); }), CallCode::bad_arguments);
}

TEST(Call, RefusesARequestThatTheHostWouldNotTake) {
    FakeHost host(pair_script);
    const auto client = connected(host);
    const auto pair = client.create("Pair");
    EXPECT_EQ(code_of([&] { pair.call("set", std::string((16 << 20) + 1, 'x')); }), CallCode::limit);
    EXPECT_EQ(pair.call<int>("get_x"), 5);
}

TEST(Call, SendsProxiesAsHandles) {
    FakeHost host([](const Asked& asked) {
        if (asked.method == "soho.create")
            return Answer::handle(asked.params[0] == Value("Pair") ? 7 : 8, asked.params[0].as<std::string>());
        return Answer::value(asked.call_args());
    });
    const auto client = connected(host);
    const auto pair = client.create("Pair");
    const auto other = client.create("Other");
    const Value sent = host.asked().empty() ? Value() : pair.call("meet", other, std::vector{other}, Value(other));
    const auto arguments = host.asked("soho.call").at(0).call_args();
    for (const Value& handle : {arguments[0], arguments[1][0], arguments[2]}) {
        EXPECT_EQ(handle.get_if<Value::Extension>()->type(), 0x53);
        EXPECT_EQ(data::decode<Value>(data::as_bytes(handle.get_if<Value::Extension>()->body())),
                  Value(Value::Array{8, "Other"}));
    }
}

TEST(Call, ReceivesHandlesAsProxiesWhereverTheyAre) {
    FakeHost host([](const Asked& asked) {
        if (asked.method == "soho.create") return Answer::handle(7, "Pair");
        data::Buffer body;
        wire::Out out(body);
        out.map(1);
        out.string("pairs");
        out.array(2);
        wire::write_handle(out, {8, "Pair"}, wire::HandleForm::ext);
        wire::write_handle(out, {9, "Pair"}, wire::HandleForm::ext);
        return Answer::bytes(std::move(body));
    });
    const auto client = connected(host);
    const auto pair = client.create("Pair");
    const auto typed = pair.call<std::map<std::string, std::vector<Proxy>>>("all");
    EXPECT_EQ(typed.at("pairs").at(1).id(), 9u);
    EXPECT_EQ(typed.at("pairs").at(1).type(), "Pair");

    const auto untyped = pair.call("all");
    EXPECT_EQ(proxy_of(untyped["pairs"][0]).id(), 8u);
}

TEST(Call, NotifiesWithoutWaiting) {
    FakeHost host(pair_script);
    const auto client = connected(host);
    const auto pair = client.create("Pair");
    pair.notify("set_x", 7);
    const Asked asked = host.wait_for_call("set_x");
    EXPECT_FALSE(asked.wants_reply);
    EXPECT_EQ(asked.params, Value(Value::Array{7, "set_x", Value::Array{7}}));
}

TEST(Call, ReadsRepliesSplitAtAnyByteAndManyAtOnce) {
    FakeHost host([](const Asked& asked) { return asked.method == "soho.ping" ? Answer::later() : Answer::nil(); });
    const auto client = connected(host);
    std::vector<int> results;
    for (int i = 0; i < 3; ++i)
        client.async_request<int>("soho.ping", [&](Outcome<int> outcome) { results.push_back(outcome.value()); });
    host.wait_for("soho.ping", 3);
    data::Buffer replies;
    wire::Out out(replies);
    const auto asked = host.asked("soho.ping");
    for (int i = 2; i >= 0; --i) {
        wire::begin_reply(out, asked[static_cast<std::size_t>(i)].msgid);
        out.integer(1000 + i);
    }
    for (std::size_t i = 0; i < replies.size() - 1; ++i) {
        host.send(replies.bytes().subspan(i, 1));
        client.poll();
    }
    EXPECT_EQ(results, (std::vector{1002, 1001}));
    host.send(replies.bytes().last(1));
    client.run_for(60s);
    EXPECT_EQ(results, (std::vector{1002, 1001, 1000}));
}

TEST(Call, SharesOneConnectionAmongThreads) {
    FakeHost host(pair_script);
    const auto client = connected(host);
    const auto pair = client.create("Pair");
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            const Proxy mine = pair;
            for (int i = 0; i < 300; ++i) wrong += mine.call<std::vector<int>>("echo", t, i) != std::vector{t, i};
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(host.connections_made(), 1);
}

TEST(Call, LetsAThreadFinishWhileTheOneThatLeadsStillWaits) {
    FakeHost host([](const Asked& asked) { return asked.method == "soho.ping" ? Answer::later() : Answer::value(1); });
    const auto client = connected(host);
    std::thread leads([&] { client.ping(); });
    const Asked ping = host.wait_for("soho.ping");
    EXPECT_EQ(client.request<int>("a.b"), 1);
    host.reply(ping, Answer::nil());
    leads.join();
}

TEST(Call, HandsTheLeadOn) {
    FakeHost host([](const Asked&) { return Answer::later(); });
    const auto client = connected(host);
    std::thread first([&] { EXPECT_EQ(client.request<int>("a.first"), 1); });
    const Asked asked_first = host.wait_for("a.first");
    std::thread second([&] { EXPECT_EQ(client.request<int>("a.second"), 2); });
    std::thread third([&] { EXPECT_EQ(client.request<int>("a.third"), 3); });
    const Asked asked_second = host.wait_for("a.second");
    const Asked asked_third = host.wait_for("a.third");
    host.reply(asked_first, Answer::value(1));
    first.join();
    host.reply(asked_third, Answer::value(3));
    host.reply(asked_second, Answer::value(2));
    second.join();
    third.join();
}

TEST(Call, GivesUpAfterTheDeadlineAndCancels) {
    FakeHost host(
        [](const Asked& asked) { return asked.method == "soho.create" ? Answer::handle(7, "Pair") : Answer::later(); });
    const auto client = connected(host);
    const auto pair = client.create("Pair");
    EXPECT_EQ(code_of([&] { pair.with(timeout{1ms}).call("get_x"); }), CallCode::deadline);
    const Asked call = host.wait_for_call("get_x");
    EXPECT_EQ(host.wait_for("soho.cancel").params[0], Value(call.msgid));
    // What comes after all is for nobody, but the object in it goes back.
    host.reply(call, Answer::handle(99, "Pair"));
    host.set_script([](const Asked&) { return Answer::value(3); });
    EXPECT_EQ(pair.call<int>("get_x"), 3);
    host.wait_for_release(99, 1);
}

TEST(Call, DoesNotLockUpWithAHostThatReadsOnlyWhatIsReadFromIt) {
    // Each reply is larger than any socket buffer, and the fake host writes before it reads on.
    const std::string large(4 << 20, 'x');
    FakeHost host([&](const Asked& asked) {
        return asked.method == "soho.create" ? Answer::handle(7, "Pair") : Answer::value(large);
    });
    const auto client = connected(host);
    const auto pair = client.create("Pair");
    std::size_t answered = 0;
    for (int i = 0; i < 4; ++i) {
        pair.async_call<std::string>("swap", large,
                                     [&](Outcome<std::string> outcome) { answered += outcome.value() == large; });
    }
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) threads.emplace_back([&] { EXPECT_EQ(pair.call<std::string>("swap", large), large); });
    for (auto& thread : threads) thread.join();
    client.run_for(60s);
    EXPECT_EQ(answered, 4u);
}

TEST(Call, TriesAgainWhatNeverStarted) {
    std::atomic<int> calls = 0;
    FakeHost host([&](const Asked& asked) {
        if (asked.method == "soho.create") return Answer::handle(7, "Pair");
        return ++calls < 3 ? Answer::error(Error(Code::overloaded, "128 calls are running")) : Answer::value(5);
    });
    const auto client = connected(host);
    const auto pair = client.create("Pair");
    EXPECT_EQ(pair.call<int>("get_x"), 5);
    calls = 0;
    EXPECT_EQ(code_of([&] { pair.with(retry{0}).call("get_x"); }), CallCode::overloaded);
    EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace soho
