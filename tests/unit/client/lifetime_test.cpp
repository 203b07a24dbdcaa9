// References: each handle that came is given back once, and dropping a proxy never waits.
#include "tests/unit/client/fake_host.hpp"

#include <gtest/gtest.h>
#include <soho/client.hpp>

namespace soho {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::Asked;
using test::FakeHost;

// Objects with ids from 100 on; "list" gives three of them, "wait" is never answered.
class Objects {
public:
    Answer operator()(const Asked& asked) {
        if (asked.method == "soho.create") return Answer::handle(next_++, "Pair");
        if (asked.method == "soho.ping") return Answer::later();
        if (asked.method != "soho.call" || asked.call_method() != "list") return Answer::nil();
        data::Buffer body;
        wire::Out out(body);
        out.array(4);
        for (int i = 0; i < 3; ++i) wire::write_handle(out, {next_++, "Pair"}, wire::HandleForm::ext);
        out.string("and text");
        return Answer::bytes(std::move(body));
    }

private:
    std::uint64_t next_ = 100;
};

TEST(Lifetime, GivesAnObjectBackWhenTheLastCopyOfItsProxyGoes) {
    FakeHost host{Objects()};
    const auto client = connected(host);
    auto pair = client.create("Pair");
    auto copy = pair;
    auto view = pair.with(trace{"a"});
    pair.reset();
    copy = Proxy();
    client.request("x.nothing");
    EXPECT_EQ(host.released(100), 0u);
    view = Proxy();
    host.wait_for_release(100, 1);
}

TEST(Lifetime, ReleasesAtOnceOnAnIdleConnection) {
    FakeHost host{Objects()};
    const auto client = connected(host);
    { const auto pair = client.create("Pair"); }
    host.wait_for_release(100, 1);
}

TEST(Lifetime, SendsReleasesWithTheNextCallWhileOthersWait) {
    FakeHost host{Objects()};
    const auto client = connected(host);
    std::vector<Proxy> pairs;
    for (int i = 0; i < 10; ++i) pairs.push_back(client.create("Pair"));
    client.async_request<void>("soho.ping", [](Outcome<void>) {});
    pairs.clear();
    client.request("x.nothing");
    const auto releases = host.asked("soho.release");
    ASSERT_EQ(releases.size(), 1u);
    EXPECT_EQ(releases[0].params.size(), 10u);
    EXPECT_FALSE(releases[0].wants_reply);
}

TEST(Lifetime, SendsReleasesInBatchesOf64) {
    FakeHost host{Objects()};
    const auto client = connected(host);
    std::vector<Proxy> pairs;
    for (int i = 0; i < 100; ++i) pairs.push_back(client.create("Pair"));
    client.async_request<void>("soho.ping", [](Outcome<void>) {});
    pairs.clear();
    EXPECT_EQ(host.wait_for("soho.release").params.size(), 64u);
}

TEST(Lifetime, SendsWhatIsLeftWhenTheConnectionFallsIdle) {
    FakeHost host{Objects()};
    const auto client = connected(host);
    auto pair = client.create("Pair");
    std::thread waits([&] { client.ping(); });
    const Asked ping = host.wait_for("soho.ping");
    pair.reset();
    host.reply(ping, Answer::nil());
    waits.join();
    host.wait_for_release(100, 1);
}

TEST(Lifetime, GivesBackTheObjectsOfAResultThatNobodyTook) {
    FakeHost host{Objects()};
    const auto client = connected(host);
    const auto pair = client.create("Pair");
    pair.call<void>("list");
    EXPECT_THROW(pair.call<std::vector<Proxy>>("list"), CallError) << "the last element is text";
    pair.call("list");
    for (std::uint64_t id = 101; id <= 109; ++id) host.wait_for_release(id, 1);
    const auto kept = pair.call("list");
    client.request("x.nothing");
    EXPECT_EQ(host.released(110), 0u);
    const auto proxy = proxy_of(kept[1]);
    EXPECT_EQ(proxy.id(), 111u);
}

TEST(Lifetime, KeepsTheConnectionOpenForAProxyThatOutlivesItsClient) {
    FakeHost host{Objects()};
    const auto pair = connected(host).create("Pair");
    pair.call("get_x");
    EXPECT_EQ(host.connections_made(), 1);
}

TEST(Lifetime, DropsProxiesQuietlyAfterTheConnectionIsLost) {
    FakeHost host{Objects()};
    const auto client = connected(host);
    auto pair = client.create("Pair");
    host.hang_up();
    pair.reset();
}

}  // namespace
}  // namespace soho
