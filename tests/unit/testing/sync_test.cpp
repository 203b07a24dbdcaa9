// The bundled sync plugin in the kit: what waits, what is given back, what a dead client leaves behind.
#include "kit.hpp"

#include <soho/testing.hpp>

#include <gtest/gtest.h>

namespace {

using soho::Value;
using soho::testing::CallError;
using soho::testing::Host;
using soho::testing::Keywords;
using soho::testing::Object;
using namespace std::chrono_literals;
using soho_kit_test::failure_of;

TEST(SyncInTheKit, KeepsADict) {
    Host host;
    auto dict = host.create("dict");
    dict.call("__setitem__", "a", 1);
    EXPECT_EQ(dict.call<int>("__getitem__", "a"), 1);
    EXPECT_EQ(dict.call<int>("get", "b", 5), 5);
    try {
        dict.call("__getitem__", "b");
        FAIL() << "there is no b";
    } catch (const CallError& error) {
        EXPECT_EQ(error.type(), "KeyError");
    }
}

// The text of what a container holds, once it was moved.
std::string moved(const Object& container) {
    const auto before = container.call<std::string>("__repr__");
    container.move();
    const auto after = container.call<std::string>("__repr__");
    EXPECT_EQ(after, before);
    return after;
}

TEST(SyncInTheKit, ContainersAreMadeAgainFromTheirState) {
    Host host;
    const Value::Array mixed = {1, 2.5, "three", nullptr, Value::Array{true}, Value::Map{{"k", 4}}};
    EXPECT_EQ(moved(host.create("list", mixed)), "[1, 2.5, 'three', None, [True], {'k': 4}]");
    EXPECT_EQ(moved(host.create("deque", Value::Array{1, 2, 3}, 2)), "deque([2, 3], maxlen=2)");
    EXPECT_EQ(moved(host.create("deque", Value::Array{1})), "deque([1])");
    EXPECT_EQ(moved(host.create("set", Value::Array{3, 1, 2})), "{3, 1, 2}");
    EXPECT_EQ(moved(host.create("dict", Value::Map{{2, "b"}, {"a", 1}})), "{2: 'b', 'a': 1}");
    EXPECT_EQ(moved(host.create("Namespace", Keywords{{"x", 1}, {"name", "n"}})), "Namespace(name='n', x=1)");
    EXPECT_EQ(moved(host.create("Value", "i", -7)), "Value('i', -7)");
    EXPECT_EQ(moved(host.create("Value", "d", 0.5)), "Value('d', 0.5)");
    EXPECT_EQ(moved(host.create("Value", "O", "any")), "Value('O', 'any')");
    EXPECT_EQ(moved(host.create("Array", "h", Value::Array{-1, 2})), "array('h', [-1, 2])");
    EXPECT_EQ(moved(host.create("Array", "d", Value::Array{})), "array('d')");
    EXPECT_EQ(failure_of([&] { host.create("Lock").move(); }),
              "no_method: type Lock offers no state: its registration has no .state()");
}

TEST(SyncInTheKit, AContainerThatMovedStillKeepsWhatIsInIt) {
    Host host;
    const Object list = host.create("list");
    list.call("append", host.create("dict", Value::Map{{"a", 1}}));
    list.move();
    EXPECT_EQ(host.living("dict"), 1u);
    EXPECT_EQ(list.call<Object>("pop").call<int>("__getitem__", "a"), 1);
    EXPECT_EQ(host.living("dict"), 0u);
    const std::string large(100'000, 'x');
    list.call("append", large);
    const std::int64_t before = host.charged();
    list.move();
    EXPECT_EQ(host.charged(), 0) << "the host hears of it at the next change";
    list.call("append", 1);
    EXPECT_GE(host.charged(), before);
}

TEST(SyncInTheKit, IteratesByAnObject) {
    Host host;
    auto list = host.create("list", Value::Array{1, 2});
    auto iterator = list.call<Object>("__iter__");
    EXPECT_EQ(iterator.call<int>("__next__"), 1);
    EXPECT_EQ(iterator.call<int>("__next__"), 2);
    EXPECT_THROW(iterator.call("__next__"), CallError);
}

TEST(SyncInTheKit, AQueueGivesBackWhatNobodyGot) {
    Host host;
    auto queue = host.create("Queue");
    {
        auto lost = queue.start<Value>("get");
        queue.call("put", "item");
        EXPECT_TRUE(lost.done());
    }
    EXPECT_EQ(queue.call<std::string>("get"), "item");
}

TEST(SyncInTheKit, AQueueStopsWaitingAtItsTimeout) {
    Host host;
    auto queue = host.create("Queue");
    auto item = queue.start<Value>("get", Keywords{{"timeout", 0.5}});
    host.advance(499ms);
    EXPECT_FALSE(item.done());
    host.advance(1ms);
    try {
        item.wait();
        FAIL() << "the queue is empty";
    } catch (const CallError& error) {
        EXPECT_EQ(error.type(), "Empty");
    }
}

TEST(SyncInTheKit, ALockOfAClientThatDiedGoesToTheNext) {
    Host host;
    auto lock = host.create("Lock");
    host.publish("lock", lock);
    auto client = host.begin_session();
    EXPECT_TRUE(client.open("lock").call<bool>("acquire"));
    auto next = lock.start<bool>("acquire");
    EXPECT_FALSE(next.done());
    client.end();
    EXPECT_TRUE(next.wait());
    EXPECT_TRUE(lock.call<bool>("recovered"));
}

}  // namespace
