// The bundled sync plugin in the kit: what waits, what is given back, what a dead client leaves behind.
#include <soho/testing.hpp>

#include <gtest/gtest.h>

namespace {

using soho::Value;
using soho::testing::CallError;
using soho::testing::Host;
using soho::testing::Keywords;
using soho::testing::Object;
using namespace std::chrono_literals;

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
