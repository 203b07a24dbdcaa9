#include "tests/support/fake_host.hpp"

#include <gtest/gtest.h>

namespace soho {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> stopped;

void with_hooks(Plugin& plugin) {
    plugin.on_stop([] { stopped.push_back("first"); });
    plugin.on_stop([] { throw std::runtime_error("stuck"); });
    plugin.on_stop([] { stopped.push_back("last"); });
    static const int table = 5;
    plugin.extension("soho.test/1", &table);
    plugin.host().log(LogLevel::info, "hello " + plugin.settings()["name"].as<std::string>());
}

class Hosts : public testing::Test {
protected:
    void SetUp() override {
        stopped.clear();
        fake.settings = Value::Map{{"name", "Ada"}};
        ASSERT_TRUE(fake.load<&with_hooks>()) << fake.refusal;
    }
    Host host() { return Host(fake.state()); }
    test::FakeHost fake;
};

TEST_F(Hosts, GiveSettingsAndTakeLogLines) {
    EXPECT_EQ(fake.log.front(), "hello Ada");
    EXPECT_EQ(host().version(), "0.0.0-fake");
}

TEST_F(Hosts, StopRunsItsFunctionsLastFirstWhateverTheyThrow) {
    fake.stop();
    EXPECT_EQ(stopped, (std::vector<std::string>{"last", "first"}));
    EXPECT_EQ(fake.log.back(), "an on_stop function threw RuntimeError: stuck");
}

TEST_F(Hosts, ExtensionsAreFoundById) {
    EXPECT_NE(sdk::detail::get_extension(&fake.state(), sdk::detail::to_abi("soho.test/1")), nullptr);
    EXPECT_EQ(sdk::detail::get_extension(&fake.state(), sdk::detail::to_abi("soho.test/2")), nullptr);
    EXPECT_EQ(host().get_extension("soho.test/1"), nullptr);
}

TEST_F(Hosts, RunPostedFunctions) {
    int ran = 0;
    EXPECT_TRUE(host().post_to_turn(0, [&, owned = std::make_unique<int>(5)] { ran += *owned; }));
    fake.run_task(1);
    EXPECT_EQ(ran, 5);
    EXPECT_FALSE(host().post_to_turn(12345, [&] { ++ran; }));
}

TEST_F(Hosts, LogWhatACallbackThrows) {
    host().post_to_turn(0, [] { throw Error("KeyError", "x"); });
    fake.run_task(1);
    EXPECT_EQ(fake.log.back(), "a posted function threw KeyError: x");
}

TEST_F(Hosts, ATimerIsCancelledWithItsHandle) {
    auto owned = std::make_shared<int>(0);
    const std::weak_ptr<int> watch = owned;
    {
        const Timer timer = host().after(0, 5s, [held = std::move(owned)] {});
        EXPECT_TRUE(timer);
        EXPECT_TRUE(fake.cancelled.empty());
    }
    EXPECT_EQ(fake.cancelled.size(), 1u);
    EXPECT_TRUE(watch.expired());
}

TEST_F(Hosts, AMovedTimerIsCancelledOnce) {
    Timer first = host().every(0, 5s, [] {});
    Timer second = std::move(first);
    first = std::move(second);
    first.reset();
    first.reset();
    EXPECT_EQ(fake.cancelled.size(), 1u);
}

TEST_F(Hosts, ASessionsEndIsHeardOf) {
    int ended = 0;
    const SessionEnd waiting = host().on_session_end(7, 0, [&] { ++ended; });
    fake.run_task(1);
    EXPECT_EQ(ended, 1);
}

TEST_F(Hosts, ChargesUpToAQuota) {
    EXPECT_TRUE(host().charge(5, 1000));
    EXPECT_FALSE(host().charge(5, 1));
    EXPECT_TRUE(host().charge(5, -1));
}

TEST_F(Hosts, PublishOrSayWhyNot) {
    host().publish("name", ObjectRef());
    try {
        host().publish("name", ObjectRef());
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), std::uint32_t{SOHO_EXISTS});
        EXPECT_EQ(error.text(), "cannot publish 'name': it is taken");
    }
    host().unpublish("name");
    EXPECT_THROW(host().unpublish("name"), Error);
}

}  // namespace
}  // namespace soho
