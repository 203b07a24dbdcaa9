// What a plugin has the host do later: timers, posted functions, ends of sessions, lines of the log.
#include "kit.hpp"

namespace soho_kit_test {
namespace {

struct Clock {
    std::vector<std::string> seen;
    std::vector<soho::Timer> timers;
    std::vector<soho::SessionEnd> ends;
};
std::vector<std::string> outside;

void clocks(soho::Plugin& plugin) {
    plugin.methods<Clock>()
        .method("after",
                [](Clock& self, soho::Call& call, int ms, std::string word) {
                    self.timers.push_back(call.host().after(call.object(), std::chrono::milliseconds(ms),
                                                            [&self, word] { self.seen.push_back(word); }));
                })
        .method("every",
                [](Clock& self, soho::Call& call, int ms, std::string word, int times) {
                    auto& timer = self.timers.emplace_back();
                    const auto at = self.timers.size() - 1;
                    timer = call.host().every(call.object(), std::chrono::milliseconds(ms),
                                              [&self, word, at, left = times]() mutable {
                                                  self.seen.push_back(word);
                                                  if (--left == 0) self.timers[at].reset();
                                              });
                })
        .method("stop", [](Clock& self) { self.timers.clear(); })
        .method("post",
                [](Clock& self, soho::Call& call, std::string word) {
                    call.host().post_to_turn(call.object(), [&self, word] { self.seen.push_back(word); });
                    call.host().post_to_turn(0, [word] { outside.push_back(word); });
                    return call.host().post_to_turn(999, [] {});
                })
        .method("watch",
                [](Clock& self, soho::Call& call, std::uint64_t session) {
                    self.ends.push_back(call.host().on_session_end(session, call.object(), [&self, session] {
                        self.seen.push_back("end " + std::to_string(session));
                    }));
                })
        .method("unwatch", [](Clock& self) { self.ends.clear(); })
        .method("seen", [](Clock& self) { return std::exchange(self.seen, {}); })
        .method("left",
                [](Clock&, soho::Call& call) {
                    return std::chrono::duration_cast<std::chrono::milliseconds>(call.deadline().time_since_epoch())
                        .count();
                })
        .method("shout", [](Clock&, soho::Call& call) {
            call.host().log(soho::LogLevel::warning, "low battery");
            call.host().post_to_turn(0, [] { throw soho::Error("ValueError", "no"); });
        });
    plugin.type<Clock>("Clock");
}

class Later : public ::testing::Test {
protected:
    using Words = std::vector<std::string>;
    Words seen() { return clock.call<Words>("seen"); }
    Host host{Options{}, &entry<&clocks>};
    Object clock = host.create("Clock");
};

TEST_F(Later, TimersRunInTheirOrderWhenTimePasses) {
    clock.call("after", 20, "b");
    clock.call("after", 10, "a");
    clock.call("after", 0, "now");
    EXPECT_EQ(seen(), Words{}) << "time stands still";
    host.advance(0ms);
    EXPECT_EQ(seen(), Words{"now"});
    host.advance(19ms);
    EXPECT_EQ(seen(), Words{"a"});
    host.advance(1ms);
    EXPECT_EQ(seen(), Words{"b"});
}

TEST_F(Later, TimersRunAgainUntilTheyEnd) {
    clock.call("every", 10, "tick", 3);
    host.advance(25ms);
    EXPECT_EQ(seen(), (Words{"tick", "tick"}));
    host.advance(1s);
    EXPECT_EQ(seen(), Words{"tick"}) << "it ended inside itself";
    clock.call("every", 10, "tick", 99);
    clock.call("stop");
    host.advance(1s);
    EXPECT_EQ(seen(), Words{});
}

TEST_F(Later, TimersDoNotKeepTheirObject) {
    clock.call("after", 10, "a");
    clock = {};
    EXPECT_EQ(host.living(), 0u);
    host.advance(1s);
}

TEST_F(Later, PostedFunctionsRunAfterTheCall) {
    outside.clear();
    EXPECT_FALSE(clock.call<bool>("post", "x")) << "no such object";
    EXPECT_EQ(seen(), Words{"x"});
    EXPECT_EQ(outside, Words{"x"});
}

TEST_F(Later, SessionsEndsAreHeardOf) {
    auto client = host.begin_session();
    clock.call("watch", client.id());
    EXPECT_EQ(seen(), Words{});
    client.end();
    EXPECT_EQ(seen(), Words{"end " + std::to_string(client.id())});
    clock.call("watch", client.id());
    EXPECT_EQ(seen(), Words{"end " + std::to_string(client.id())}) << "at once, as it has ended";
    auto other = host.begin_session();
    clock.call("watch", other.id());
    clock.call("unwatch");
    other.end();
    EXPECT_EQ(seen(), Words{});
}

TEST_F(Later, DeadlinesAreOfTheHostsClock) {
    const auto due = std::chrono::duration_cast<std::chrono::milliseconds>((host.now() + 50ms).time_since_epoch());
    EXPECT_EQ(clock.with({.timeout = 50ms}).call<std::int64_t>("left"), due.count());
}

TEST_F(Later, LinesOfTheLogAreKept) {
    clock.call("shout");
    const auto log = host.log();
    ASSERT_EQ(log.size(), 2u);
    EXPECT_EQ(log[0].text, "low battery");
    EXPECT_EQ(log[0].level, soho::LogLevel::warning);
    EXPECT_EQ(log[1].text, "a posted function threw ValueError: no");
}

}  // namespace
}  // namespace soho_kit_test
