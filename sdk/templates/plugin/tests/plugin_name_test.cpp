// The class by itself, and the plugin in a host in memory: no sockets, no other process.
#include "plugin_name.hpp"

#include <soho/testing.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

TEST(PluginClass, BeginsWhereItIsTold) { EXPECT_EQ(PluginClass(5).value(), 5); }

TEST(PluginClass, IsCreatedAndCalledByName) {
    soho::testing::Host host;
    auto counter = host.create("PluginClass", 40);
    EXPECT_EQ(counter.call<std::int64_t>("add", 2), 42);
    EXPECT_EQ(counter.call<std::int64_t>("value"), 42);
}

TEST(PluginClass, HasDefaults) {
    soho::testing::Host host;
    EXPECT_EQ(host.create("PluginClass").call<std::int64_t>("add"), 1);
}

TEST(PluginClass, RefusesWhatItCannotCount) {
    soho::testing::Host host;
    auto counter = host.create("PluginClass", 1);
    try {
        counter.call<std::int64_t>("add", std::numeric_limits<std::int64_t>::max());
        FAIL() << "an overflow was not refused";
    } catch (const soho::testing::CallError& error) {
        EXPECT_EQ(error.type(), "OverflowError");
    }
    EXPECT_EQ(counter.call<std::int64_t>("value"), 1);
}
