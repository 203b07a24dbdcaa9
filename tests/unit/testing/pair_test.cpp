// The tutorial's plugin, tested as its author would.
// [test]
#include <soho/testing.hpp>

#include <gtest/gtest.h>

TEST(Pair, KeepsWhatItIsGiven) {
    soho::testing::Host host;  // loads the plugin that is linked into this program
    auto pair = host.create("Pair", 1, 2);
    pair.call("set_x", 7);
    EXPECT_EQ(pair.call<std::int64_t>("get_x"), 7);
    EXPECT_EQ(pair.call<std::int64_t>("get_y"), 2);
}

TEST(Pair, IsSharedByAllWhoOpenIt) {
    soho::testing::Host host;
    auto client = host.begin_session();
    host.open("pair").call("set_y", 9);
    EXPECT_EQ(client.open("pair").call<std::int64_t>("get_y"), 9);
    EXPECT_THROW(client.create("get_pair_ro").call("set_y", 1), soho::testing::CallError);
}
// [/test]

namespace {

using soho::testing::Host;
using soho::testing::Keywords;

TEST(PairInTheKit, TakesKeywords) {
    Host host;
    auto pair = host.create("Pair", Keywords{{"y", 2}, {"x", 1}});
    pair.call("set_x", Keywords{{"x", -4}});
    EXPECT_EQ(pair.call<int>("get_x"), -4);
    EXPECT_EQ(pair.call<int>("get_y"), 2);
}

TEST(PairInTheKit, IsOneObjectUnderTheTypeidThatSharesIt) {
    Host host;
    EXPECT_EQ(host.create("get_pair"), host.open("pair"));
    EXPECT_NE(host.create("get_pair_ro"), host.open("pair"));
    EXPECT_NE(host.create("Pair", 1, 2), host.create("Pair", 1, 2));
    EXPECT_EQ(host.living("Pair"), 0u);
    EXPECT_EQ(host.living("get_pair"), 1u) << "it is published";
}

TEST(PairInTheKit, IsMadeAgainFromItsState) {
    Host host;
    const auto pair = host.create("Pair", 1, 2);
    pair.move();
    EXPECT_EQ(pair.call<int>("get_x"), 1);
    EXPECT_EQ(host.load("Pair", 1, std::pair(3, 4)).call<int>("get_y"), 4);
    const auto shared = host.open("pair"), read_only = host.create("get_pair_ro");
    shared.call("set_x", 7);
    shared.move();
    EXPECT_EQ(host.load(shared.save()), shared) << "everybody shares what was loaded";
    EXPECT_EQ(read_only.call<int>("get_x"), 7);
}

}  // namespace
