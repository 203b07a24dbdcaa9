#include "host/object/names.hpp"

#include "tests/support/test_host.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

struct NamesTest : testing::Test {
    NamesTest() { host.load(counters.plugin); }
    ObjectPtr object(std::int64_t value = 0) {
        return *host.objects.adopt(*host.registry.snapshot()->find("Counter"), test::instance_of(counters.make(value)),
                                   "me", host.home);
    }
    test::Counters counters;
    test::TestHost host;
    Names names;
};

std::string text(const Result<void>& result) { return result ? "" : result.error().text; }

TEST_F(NamesTest, KeepTheirObjectUntilUnpublished) {
    ASSERT_TRUE(names.publish("pair", {object(), "me"}));
    EXPECT_NE(names.find("pair"), nullptr);
    EXPECT_EQ(host.objects.size(), 1u);
    EXPECT_TRUE(names.unpublish("pair", "me", false));
    EXPECT_EQ(names.find("pair"), nullptr);
    EXPECT_EQ(host.objects.size(), 0u);
    EXPECT_EQ(names.size(), 0u);
}

TEST_F(NamesTest, RefuseATakenName) {
    const ObjectPtr first = object();
    ASSERT_TRUE(names.publish("pair", {first, "me"}));
    const auto again = names.publish("pair", {object(), "me"});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::exists);
    EXPECT_EQ(again.error().text, fmt::format("the name \"pair\" is taken by #{} (Counter)", first->id()));
}

TEST_F(NamesTest, RefuseWhatIsNoName) {
    const auto published = names.publish("a b", {object(), "me"});
    ASSERT_FALSE(published);
    EXPECT_EQ(published.error().code, Code::bad_arguments);
    EXPECT_EQ(published.error().text, "\"a b\" cannot be published: only letters, digits, _ and . are allowed");
    EXPECT_EQ(text(names.publish("soho.x", {object(), "me"})),
              "\"soho.x\" cannot be published: names that begin with `soho` are the host's own");
}

TEST_F(NamesTest, AreUnpublishedByTheirPublisherOrAnAdmin) {
    ASSERT_TRUE(names.publish("pair", {object(), "me"}));
    const auto by_other = names.unpublish("pair", "you", false);
    ASSERT_FALSE(by_other);
    EXPECT_EQ(by_other.error().code, Code::denied);
    EXPECT_EQ(by_other.error().text, "\"pair\" was published by me: only they or an admin may unpublish it");
    EXPECT_TRUE(names.unpublish("pair", "you", true));
    const auto gone = names.unpublish("pair", "you", true);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code, Code::no_object);
}

TEST_F(NamesTest, SuggestTheNearest) {
    ASSERT_TRUE(names.publish("pair", {object(), "me"}));
    EXPECT_EQ(names.no_name("pairs").text, "nothing is published as \"pairs\"; did you mean \"pair\"?");
    EXPECT_EQ(names.no_name("zzzzzz").text, "nothing is published as \"zzzzzz\"");
    EXPECT_EQ(names.no_name("pairs").code, Code::no_object);
}

TEST_F(NamesTest, OfWhatIsLostAreFreeForWhoPublishedIt) {
    const ObjectPtr first = object(), second = object(), third = object();
    ASSERT_TRUE(names.publish("pair", {first, "me"}));
    first->lost = true;
    EXPECT_EQ(names.find("pair"), first);  // until another takes its place
    EXPECT_EQ(text(names.publish("pair", {second, "you"})),
              fmt::format("the name \"pair\" is taken by #{} (Counter)", first->id()));
    EXPECT_EQ(*names.reserve("pair", "you", nullptr), Names::Reservation::taken);
    ASSERT_TRUE(names.publish("pair", {second, "me"}));
    EXPECT_EQ(names.find("pair"), second);
    EXPECT_TRUE(names.names_of(first->id()).empty());

    second->lost = true;
    EXPECT_EQ(*names.reserve("pair", "me", nullptr), Names::Reservation::reserved);
    EXPECT_EQ(names.find("pair"), second);
    EXPECT_EQ(*names.reserve("pair", "me", [] {}), Names::Reservation::waiting);
    names.fulfil("pair", {third, "me"});
    EXPECT_EQ(names.find("pair"), third);
    EXPECT_EQ(names.size(), 1u);
}

TEST_F(NamesTest, GoWithTheirSessionOrTheirObject) {
    const ObjectPtr first = object();
    ASSERT_TRUE(names.publish("a", {first, "me", 7}));
    ASSERT_TRUE(names.publish("b", {first, "me"}));
    ASSERT_TRUE(names.publish("c", {object(), "me", 8}));
    names.drop_session(7);
    EXPECT_EQ(names.size(), 2u);
    EXPECT_EQ(names.find("a"), nullptr);
    names.drop_object(first->id());
    EXPECT_EQ(names.size(), 1u);
    EXPECT_NE(names.find("c"), nullptr);
    names.clear();
    EXPECT_EQ(names.size(), 0u);
}

TEST_F(NamesTest, AReservationKeepsOthersOut) {
    int settled = 0;
    const auto waiter = [&] { ++settled; };
    EXPECT_EQ(*names.reserve("pair", "me", waiter), Names::Reservation::reserved);
    EXPECT_EQ(*names.reserve("pair", "me", waiter), Names::Reservation::waiting);
    EXPECT_EQ(text(names.publish("pair", {object(), "me"})), "the name \"pair\" is being taken");
    EXPECT_EQ(names.find("pair"), nullptr);
    EXPECT_EQ(settled, 0);
    names.fulfil("pair", {object(), "me"});
    EXPECT_EQ(settled, 1);
    EXPECT_NE(names.find("pair"), nullptr);
    EXPECT_EQ(*names.reserve("pair", "me", waiter), Names::Reservation::taken);
}

TEST_F(NamesTest, AnAbandonedReservationIsFreeAgain) {
    int settled = 0;
    const auto waiter = [&] { ++settled; };
    ASSERT_EQ(*names.reserve("pair", "me", waiter), Names::Reservation::reserved);
    ASSERT_EQ(*names.reserve("pair", "me", waiter), Names::Reservation::waiting);
    ASSERT_EQ(*names.reserve("pair", "me", waiter), Names::Reservation::waiting);
    names.abandon("pair");
    EXPECT_EQ(settled, 2);
    names.abandon("pair");
    EXPECT_EQ(settled, 2);
    EXPECT_EQ(*names.reserve("pair", "me", waiter), Names::Reservation::reserved);
    names.abandon("pair");
}

TEST_F(NamesTest, AWaiterMayReserveAnew) {
    bool reserved = false;
    ASSERT_EQ(*names.reserve("pair", "me", nullptr), Names::Reservation::reserved);
    ASSERT_EQ(*names.reserve("pair", "me",
                             [&] { reserved = *names.reserve("pair", "me", nullptr) == Names::Reservation::reserved; }),
              Names::Reservation::waiting);
    names.abandon("pair");
    EXPECT_TRUE(reserved);
    EXPECT_FALSE(names.reserve("a b", "me", nullptr));
}

TEST_F(NamesTest, AreListedInOrder) {
    ASSERT_TRUE(names.publish("b", {object(), "me"}));
    ASSERT_TRUE(names.publish("a", {object(), "me"}));
    const auto all = names.all();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].first, "a");
    EXPECT_EQ(all[1].first, "b");
}

}  // namespace
}  // namespace soho::host
