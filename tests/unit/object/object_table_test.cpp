#include "tests/support/test_host.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

struct ObjectTableTest : testing::Test {
    ObjectTableTest() { host.load(counters.plugin); }
    TypePtr type(std::string_view id) { return *host.registry.snapshot()->find(id); }
    ObjectPtr adopt(std::string_view type_id, const std::shared_ptr<test::Thing>& thing) {
        return *host.objects.adopt(type(type_id), test::instance_of(thing), "me", host.home);
    }
    test::Counters counters;
    test::TestHost host;
};

TEST_F(ObjectTableTest, GivesOneIdToOneIdentityUnderOneType) {
    const auto thing = counters.make(1);
    const ObjectPtr first = adopt("Counter", thing);
    EXPECT_EQ(adopt("Counter", thing), first);
    EXPECT_EQ(host.objects.size(), 1u);
    EXPECT_EQ(host.objects.created(), 1u);
    EXPECT_NE(adopt("Counter", counters.make(1))->id(), first->id());
}

TEST_F(ObjectTableTest, TakesTheSecondOwnerBackInTurn) {
    const auto thing = counters.make(1);
    const ObjectPtr first = adopt("Counter", thing);
    adopt("Counter", thing);
    EXPECT_EQ(thing.use_count(), 3);
    host.run();
    EXPECT_EQ(thing.use_count(), 2);
}

TEST_F(ObjectTableTest, GivesOneIdForEachTypeButOneTurn) {
    const auto thing = counters.make(1);
    const ObjectPtr wide = adopt("shared", thing);
    const ObjectPtr narrow = adopt("shared_ro", thing);
    EXPECT_NE(wide->id(), narrow->id());
    EXPECT_EQ(wide->turn(), narrow->turn());
    EXPECT_NE(wide->turn(), nullptr);
}

TEST_F(ObjectTableTest, FindsObjectsWhileTheyLive) {
    ObjectPtr object = adopt("Counter", counters.make(1));
    const std::uint64_t id = object->id();
    EXPECT_LT(id, std::uint64_t{1} << 53);
    EXPECT_EQ(host.objects.find(id), object);
    EXPECT_EQ(host.objects.all().size(), 1u);
    object.reset();
    EXPECT_EQ(host.objects.find(id), nullptr);
    EXPECT_TRUE(host.objects.all().empty());
    EXPECT_EQ(host.objects.size(), 0u);
}

TEST_F(ObjectTableTest, DestroysInTurnExactlyOnce) {
    ObjectPtr object = adopt("Counter", counters.make(1));
    const auto turn = object->turn_ptr();
    ASSERT_TRUE(turn->try_enter(false));
    object.reset();
    host.run();
    EXPECT_EQ(counters.destroyed, 0);
    EXPECT_EQ(host.objects.destroyed(), 0u);
    turn->leave(false, nullptr);
    host.run();
    EXPECT_EQ(counters.destroyed, 1);
    EXPECT_EQ(host.objects.destroyed(), 1u);
}

TEST_F(ObjectTableTest, RunsNoDestructorWhereTheLastReferenceGoes) {
    ObjectPtr object = adopt("Counter", counters.make(1));
    object.reset();
    EXPECT_EQ(counters.destroyed, 0);
    host.run();
    EXPECT_EQ(counters.destroyed, 1);
}

TEST_F(ObjectTableTest, GivesANewIdOnceTheHostLetGo) {
    const auto thing = counters.make(1);
    ObjectPtr object = adopt("Counter", thing);
    const std::uint64_t id = object->id();
    object.reset();
    object = adopt("Counter", thing);  // before the owner of the first went back
    EXPECT_NE(object->id(), id);
    host.run();
    EXPECT_EQ(thing.use_count(), 2);
    EXPECT_EQ(counters.destroyed, 0);
}

TEST_F(ObjectTableTest, KeepsOneTurnForAnIdentityWhoseOldOwnerWaits) {
    const auto thing = counters.make(1);
    ObjectPtr object = adopt("Counter", thing);
    const auto turn = object->turn_ptr();
    ASSERT_TRUE(turn->try_enter(false));
    object.reset();
    object = adopt("Counter", thing);
    EXPECT_EQ(object->turn_ptr(), turn);
    turn->leave(false, nullptr);
    host.run();
}

TEST_F(ObjectTableTest, MovesObjectsToAnotherInstanceOrLeavesThemAsTheyWere) {
    const auto before = counters.make(1), after = counters.make(2), other = counters.make(3);
    const ObjectPtr wide = adopt("shared", before), narrow = adopt("shared_ro", before),
                    there = adopt("Counter", other);
    const auto moved_to = [&](const std::shared_ptr<test::Thing>& thing) {
        const soho_instance made = test::instance_of(thing);
        return Object::Instance{made.self, made.identity, made.owner, made.release};
    };
    const auto give_back = [](const Object::Instance& instance) { instance.release(instance.owner); };
    ASSERT_TRUE(wide->turn()->try_enter(false));
    {
        const Object::Instance instance = moved_to(after);
        ObjectTable::Move move(host.objects, {wide, narrow}, {wide->type_ptr(), narrow->type_ptr()}, instance);
        ASSERT_TRUE(move.prepare());
        EXPECT_EQ(host.objects.all_of(after.get()).size(), 2u);
        give_back(instance);
    }
    EXPECT_TRUE(host.objects.all_of(after.get()).empty());
    EXPECT_EQ(wide->self(), before.get());
    EXPECT_EQ(after.use_count(), 1);
    {
        const Object::Instance instance = moved_to(other);
        ObjectTable::Move move(host.objects, {wide, narrow}, {wide->type_ptr(), narrow->type_ptr()}, instance);
        EXPECT_EQ(move.prepare().error().text, "what was loaded is an object that is there already");
        give_back(instance);
    }
    EXPECT_EQ(host.objects.all_of(other.get()), std::vector{there});

    const auto owners = std::pair(wide->owners(), narrow->owners());
    ObjectTable::Move move(host.objects, {wide, narrow}, {wide->type_ptr(), narrow->type_ptr()}, moved_to(after));
    ASSERT_TRUE(move.prepare());
    move.make();
    give_back(owners.first.first);
    give_back(owners.second.first);
    EXPECT_EQ(before.use_count(), 1);
    EXPECT_TRUE(host.objects.all_of(before.get()).empty());
    EXPECT_EQ(std::pair(wide->self(), narrow->self()),
              std::pair(static_cast<void*>(after.get()), static_cast<void*>(after.get())));
    EXPECT_EQ(adopt("shared", after), wide);
    wide->turn()->leave(false, nullptr);
}

TEST_F(ObjectTableTest, SaysWhetherAnIdWasEverItsOwn) {
    ObjectPtr object = adopt("Counter", counters.make(1));
    const std::uint64_t id = object->id();
    object.reset();
    EXPECT_EQ(host.objects.no_object(id).text, fmt::format("no object #{}, or none that this session may use", id));
    EXPECT_EQ(host.objects.no_object(id + 1).text,
              fmt::format("no object #{}: from an earlier host, or made up", id + 1));
    EXPECT_EQ(host.objects.no_object(0).code, Code::no_object);
}

TEST_F(ObjectTableTest, BlockingTypesAreDestroyedOnThePool) {
    ObjectPtr object = adopt("Blocking", counters.make(1));
    object.reset();
    while (counters.destroyed != 1) std::this_thread::yield();
    EXPECT_EQ(host.home.size(), 0u);
}

TEST_F(ObjectTableTest, ObjectsOfConcurrentTypesHaveNoTurn) {
    test::MemoryPlugin plugin("free");
    plugin.add({"Free", {{"f", nullptr}}, {}, SOHO_TYPE_CONCURRENT});
    host.load(plugin);
    auto thing = counters.make(1);
    ObjectPtr object = adopt("Free", thing);
    EXPECT_EQ(object->turn(), nullptr);
    EXPECT_EQ(adopt("Free", thing), object);
    thing.reset();
    object.reset();
    host.run();
    EXPECT_EQ(counters.destroyed, 1);
}

TEST_F(ObjectTableTest, ObjectsOfAPluginMayShareOneTurn) {
    test::MemoryPlugin plugin("together");
    plugin.add({"A", {{"f", nullptr}}, {}, SOHO_TYPE_PER_PLUGIN});
    plugin.add({"B", {{"f", nullptr}}, {}, SOHO_TYPE_PER_PLUGIN});
    host.load(plugin);
    const ObjectPtr a = adopt("A", counters.make(1));
    const ObjectPtr b = adopt("B", counters.make(2));
    EXPECT_EQ(a->turn(), b->turn());
    EXPECT_NE(a->turn(), adopt("Counter", counters.make(3))->turn());
}

TEST_F(ObjectTableTest, StaysSoundWhileManyThreadsAdoptAndDrop) {
    const auto one = counters.make(1);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int j = 0; j < 500; ++j) {
                ObjectPtr object = adopt("Counter", one);
                const ObjectPtr other = adopt("shared", one);
                EXPECT_EQ(object->turn(), other->turn());
                if (ObjectPtr found = host.objects.find(object->id())) {
                    EXPECT_EQ(found->identity(), one.get());
                }
            }
        });
    }
    for (auto& thread : threads) thread.join();
    host.run();
    EXPECT_EQ(host.objects.size(), 0u);
    EXPECT_EQ(host.objects.created(), host.objects.destroyed());
    EXPECT_EQ(one.use_count(), 1);
}

}  // namespace
}  // namespace soho::host
