#include "tests/support/fake_host.hpp"

#include <gtest/gtest.h>
#include <thread>

namespace soho {
namespace {

struct Item {
    int number = 4;
};

// What a method left behind, for the test to use.
struct Box {
    Reply<int> reply;
    Reply<void> done;
    Reply<std::shared_ptr<Item>> object;
    Reply<std::string> text;
    int cancelled = 0, discarded = 0;
    bool gone = false;
    std::shared_ptr<int> token = std::make_shared<int>();
};
std::shared_ptr<Box> box;  // the one object of the type, so that tests can look inside
Reply<std::shared_ptr<Item>> late_item;

void boxes(Plugin& plugin) {
    plugin.methods<Item>().method("number", [](const Item& item) { return item.number; });
    plugin.methods<Box>()
        .method("now", [](Box&, Reply<int> reply, int n) { EXPECT_TRUE(reply(n)); })
        .method("now_text", [](Box&, Reply<std::string> reply) { reply(std::string(5000, 'y')); })
        .method("now_void", [](Box&, Reply<void> reply) { reply(); })
        .method("now_error", [](Box&, Reply<int> reply) { reply.fail(Error("Empty", "nothing there")); })
        .method("now_object", [](Box&, Reply<std::shared_ptr<Item>> reply) { reply(std::make_shared<Item>()); })
        .method("now_with_discard",
                [](Box& self, Reply<int> reply) {
                    reply.on_discarded([&self] { ++self.discarded; });
                    reply(1);
                })
        .method("later", [](Box& self, Reply<int> reply) { self.reply = std::move(reply); })
        .method("later_text", [](Box& self, Reply<std::string> reply) { self.text = std::move(reply); })
        .method("later_object", [](Box& self, Reply<std::shared_ptr<Item>> reply) { self.object = std::move(reply); })
        .method("watched",
                [](Box& self, Call& call, Reply<int> reply) {
                    reply.on_cancel([&self] {
                        ++self.cancelled;
                        self.gone = self.reply.caller_gone();
                        self.reply = {};
                    });
                    reply.on_discarded([&self] { ++self.discarded; });
                    EXPECT_EQ(call.caller_gone(), reply.caller_gone());
                    self.reply = std::move(reply);
                })
        .method("dropped", [](Box&, Reply<int>) {})
        .method("throws", [](Box&, Reply<int>) { throw Error("ValueError", "no"); })
        .method("watches_and_throws",
                [](Box& self, Reply<int> reply) {
                    reply.on_cancel([token = self.token] {});
                    reply.on_discarded([token = self.token] {});
                    throw Error("ValueError", "no");
                })
        .method("keeps_and_throws",
                [](Box& self, Reply<int> reply) {
                    self.reply = std::move(reply);
                    throw Error("ValueError", "no");
                })
        .method("answers_and_throws",
                [](Box&, Reply<int> reply) {
                    reply(1);
                    throw Error("ValueError", "no");
                })
        .method("twice",
                [](Box&, Reply<int> reply) {
                    EXPECT_TRUE(reply(1));
                    EXPECT_FALSE(reply(2));
                })
        .method("other_thread", [](Box&, Reply<int> reply, bool join) {
            std::thread thread([moved = std::move(reply)]() mutable { moved(77); });
            if (join) {
                thread.join();
            } else {
                thread.detach();
            }
        });
    plugin.type<Box>("Box")
        .callable([] { return box = std::make_shared<Box>(); })
        .method_to_typeid({{"now_object", "Item"}, {"later_object", "Item"}});
    plugin.type<Item>("Item").callable([](Reply<Item> reply, bool now) {
        if (now) reply(Item{8});
        if (!now) throw Error("ValueError", "not now");
    });
    plugin.type<Item>("Late").callable([](Reply<std::shared_ptr<Item>> reply) { late_item = std::move(reply); });
}

class Replies : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(host.load<&boxes>()) << host.refusal;
        id = host.create("Box");
        ASSERT_NE(id, 0u);
    }
    void TearDown() override {
        box.reset();
        late_item = {};
        host.unload();
    }
    test::FakeHost host;
    std::uint64_t id = 0;
};

TEST_F(Replies, CompletedInsideTheMethodEndTheCallAtOnce) {
    EXPECT_EQ(host.call(id, "now", 5).value, Value(5));
    EXPECT_EQ(host.call(id, "now_text").value, Value(std::string(5000, 'y')));
    EXPECT_EQ(host.call(id, "now_void").value, Value());
    EXPECT_EQ(host.call(id, "now_error").type, "Empty");
    EXPECT_EQ(host.call(id, "now_error").status, std::uint32_t{SOHO_FAILED});
    EXPECT_TRUE(host.pendings.empty());
}

TEST_F(Replies, SetOnDiscardedAlsoForACallThatEndsAtOnce) {
    EXPECT_EQ(host.call(id, "now_with_discard").value, Value(1));
    test::FakeHost::run_all(host.on_discarded);
    EXPECT_EQ(box->discarded, 1);
}

TEST_F(Replies, AreDeclaredToTheHost) {
    EXPECT_EQ(host.types.at("Box").methods.at("later").flags, std::uint32_t{SOHO_METHOD_DEFERS});
    EXPECT_EQ(host.types.at("Box").methods.at("later").returns, "int32");
    EXPECT_EQ(host.types.at("Box").methods.at("now").parameters.size(), 1u);
}

TEST_F(Replies, CompleteLater) {
    EXPECT_EQ(host.call(id, "later").status, std::uint32_t{SOHO_PENDING});
    EXPECT_FALSE(host.pending(0).completed);
    EXPECT_TRUE(box->reply(6));
    EXPECT_EQ(host.pending(0).ended.value, Value(6));
    EXPECT_FALSE(host.pending(0).released);
    box->reply = {};
    EXPECT_TRUE(host.pending(0).released);
}

TEST_F(Replies, FailLater) {
    host.call(id, "later_text");
    EXPECT_TRUE(box->text.fail(Error("Full", "no room")));
    EXPECT_EQ(host.pending(0).ended.type, "Full");
}

TEST_F(Replies, CompleteWithAnObjectLater) {
    host.call(id, "later_object");
    EXPECT_TRUE(box->object(std::make_shared<Item>()));
    ASSERT_TRUE(host.pending(0).ended.has_object);
    EXPECT_EQ(host.call(host.keep("Item", host.pending(0).ended.object), "number").value, Value(4));
}

TEST_F(Replies, CompletedTwiceAreCountedByTheHost) {
    host.call(id, "later");
    EXPECT_TRUE(box->reply(1));
    EXPECT_FALSE(box->reply(2));
    EXPECT_EQ(host.pending(0).ended.value, Value(1));
    EXPECT_EQ(host.pending(0).late, 1u);
}

TEST_F(Replies, CompletedTwiceInsideTheMethodAreCountedAsWell) {
    EXPECT_EQ(host.call(id, "twice").status, std::uint32_t{SOHO_PENDING});
    EXPECT_EQ(host.pending(0).ended.value, Value(1));
    EXPECT_EQ(host.pending(0).late, 1u);
    EXPECT_TRUE(host.pending(0).released);
}

TEST_F(Replies, DroppedFailByThemselves) {
    EXPECT_EQ(host.call(id, "dropped").status, std::uint32_t{SOHO_PENDING});
    EXPECT_TRUE(host.pending(0).released);
    EXPECT_EQ(host.pending(0).ended.text, "dropped");
    host.call(id, "later");
    box->reply = {};
    EXPECT_EQ(host.pending(1).ended.text, "dropped");
}

TEST_F(Replies, OfAMethodThatThrowsFailWithTheException) {
    EXPECT_EQ(host.call(id, "throws").type, "ValueError");
    EXPECT_EQ(host.call(id, "watches_and_throws").type, "ValueError");
    EXPECT_EQ(box->token.use_count(), 1) << "what the callbacks captured has gone with them";
    EXPECT_EQ(host.call(id, "keeps_and_throws").type, "ValueError");
    EXPECT_FALSE(box->reply(5));
    EXPECT_TRUE(box->reply.caller_gone());
    EXPECT_EQ(host.call(id, "answers_and_throws").value, Value(1));
    EXPECT_EQ(host.log.back(), "a method that had completed its reply threw ValueError: no");
}

TEST_F(Replies, HearOfACancelInTheTurn) {
    EXPECT_EQ(host.call(id, "watched").status, std::uint32_t{SOHO_PENDING});
    host.cancel(host.pending(0));
    EXPECT_EQ(box->cancelled, 1);
    EXPECT_TRUE(box->gone);
    EXPECT_TRUE(host.pending(0).released);
}

TEST_F(Replies, HearOfNoCancelThatComesTooLate) {
    host.call(id, "watched");
    box->reply(1);
    host.cancel(host.pending(0));
    EXPECT_EQ(box->cancelled, 0);
}

TEST_F(Replies, HearOfAResultThatWasDiscarded) {
    host.call(id, "watched");
    box->reply(1);
    host.discard(host.pending(0));
    EXPECT_EQ(box->discarded, 1);
    EXPECT_EQ(box->cancelled, 0);
}

TEST_F(Replies, AreTrueForACallerThatHasGoneAsOnDiscardedHearsOfIt) {
    host.call(id, "later");
    host.pending(0).gone = true;
    EXPECT_TRUE(box->reply(1));
}

TEST_F(Replies, CompleteFromAnotherThreadBeforeOrAfterTheMethodReturns) {
    EXPECT_EQ(host.call(id, "other_thread", true).value, Value(77));
    for (int i = 0; i != 200; ++i) {
        const std::size_t before = host.pendings.size();
        const auto ended = host.call(id, "other_thread", false);
        if (ended.status == SOHO_DONE) {
            EXPECT_EQ(ended.value, Value(77));
            continue;
        }
        ASSERT_EQ(host.pendings.size(), before + 1);
        soho_pending& pending = *host.pendings.back();
        std::unique_lock lock(pending.mutex);
        pending.changed.wait(lock, [&] { return pending.released; });
        EXPECT_EQ(pending.ended.value, Value(77));
        EXPECT_EQ(pending.late, 0u);
    }
}

TEST_F(Replies, OfACallableMakeTheObjectNowOrLater) {
    EXPECT_EQ(host.call(host.create("Item", true), "number").value, Value(8));
    EXPECT_EQ(host.create("Item", false), 0u);
    EXPECT_EQ(host.last.type, "ValueError");
    host.create("Late");
    EXPECT_EQ(host.last.status, std::uint32_t{SOHO_PENDING});
    EXPECT_TRUE(late_item(std::make_shared<Item>()));
    const auto& ended = host.pendings.back()->ended;
    ASSERT_TRUE(ended.has_object);
    ended.object.release(ended.object.owner);
}

TEST(Reply, ThatStandsForNoCallDoesNothing) {
    Reply<int> reply;
    EXPECT_FALSE(reply);
    EXPECT_FALSE(reply(1));
    EXPECT_TRUE(reply.caller_gone());
    reply.on_cancel([] {});
}

}  // namespace
}  // namespace soho
