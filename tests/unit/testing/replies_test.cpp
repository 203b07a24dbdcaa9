// Replies that come later: waited for, cancelled, lost, late.
//
// A Reply that is dropped once its caller has gone is a result that did not arrive, so on_discarded runs behind on_cancel, as it does in sohod.
#include "kit.hpp"

#include <thread>

namespace soho_kit_test {
namespace {

struct Mailbox {
    soho::Reply<int> waiting;
    int item = 0, cancelled = 0, back = 0;
};
struct Letter {};
std::optional<soho::Reply<std::shared_ptr<Letter>>> late_letter;

void mailboxes(soho::Plugin& plugin) {
    plugin.methods<Letter>();
    plugin.methods<Mailbox>()
        .method("get",
                [](Mailbox& self, soho::Reply<int> reply) {
                    reply.on_cancel([&self] {
                        ++self.cancelled;
                        self.waiting = {};
                    });
                    reply.on_discarded([&self] { ++self.back; });
                    if (self.item != 0) return void(reply(std::exchange(self.item, 0)));
                    self.waiting = std::move(reply);
                })
        .method("put", [](Mailbox& self, int item) { return self.waiting && self.waiting(item); })
        .method("store", [](Mailbox& self, int item) { self.item = item; })
        .method("counts", [](const Mailbox& self) { return std::pair(self.cancelled, self.back); })
        .method("gone", [](Mailbox& self) { return self.waiting.caller_gone(); })
        .method("drop", [](Mailbox& self) { self.waiting = {}; })
        .method("keep_silent", [](Mailbox& self, soho::Reply<int> reply) { self.waiting = std::move(reply); })
        .method("from_thread",
                [](Mailbox&, soho::Reply<int> reply) {
                    std::thread([moved = std::move(reply)]() mutable { moved(77); }).detach();
                })
        .method("letter", [](Mailbox&, soho::Reply<std::shared_ptr<Letter>> reply) { late_letter = std::move(reply); });
    plugin.type<Mailbox>("Mailbox");
    plugin.type<Letter>("Letter").callable(
        [](soho::Reply<std::shared_ptr<Letter>> reply) { late_letter = std::move(reply); });
    plugin.on_stop([] { late_letter.reset(); });
}

class Pendings : public ::testing::Test {
protected:
    using Counts = std::pair<int, int>;  // cancelled, and given back
    Counts counts() { return box.call<Counts>("counts"); }
    Host host{Options{.patience = 50ms}, &entry<&mailboxes>};
    Object box = host.create("Mailbox");
};

TEST_F(Pendings, AreWaitedFor) {
    auto item = box.start<int>("get");
    EXPECT_FALSE(item.done());
    EXPECT_TRUE(box.call<bool>("put", 5));
    EXPECT_TRUE(item.done());
    EXPECT_EQ(item.wait(), 5);
    EXPECT_EQ(counts(), Counts(0, 0));
}

TEST_F(Pendings, MayEndAtOnce) {
    box.call("store", 4);
    EXPECT_EQ(box.call<int>("get"), 4);
    EXPECT_EQ(counts(), Counts(0, 0));
}

TEST_F(Pendings, HearOfACancel) {
    auto item = box.start<int>("get");
    item.cancel();
    EXPECT_EQ(counts(), Counts(1, 1));
    EXPECT_EQ(failure_of([&] { item.wait(); }), "cancelled: cancelled by the caller");
}

TEST_F(Pendings, HearThatTheirCallerHasGone) {
    { auto item = box.start<int>("get"); }
    EXPECT_EQ(counts(), Counts(1, 1));
    box.start<int>("get").caller_goes();
    EXPECT_EQ(counts(), Counts(2, 2));
}

TEST_F(Pendings, GetBackWhatDidNotReachTheirCaller) {
    auto item = box.start<int>("get");
    box.call("put", 5);
    item.caller_goes();
    EXPECT_EQ(counts(), Counts(0, 1));
    box.call("store", 4);
    { auto other = box.start<int>("get"); }
    EXPECT_EQ(counts(), Counts(0, 2)) << "also of a call that ended at once";
}

TEST_F(Pendings, AreCompletedInVainOnceTheirCallerHasGone) {
    auto item = box.start<int>("keep_silent");
    EXPECT_FALSE(box.call<bool>("gone"));
    item.cancel();
    EXPECT_TRUE(box.call<bool>("gone"));
    EXPECT_TRUE(box.call<bool>("put", 1)) << "on_discarded hears of it, if set";
    EXPECT_FALSE(box.call<bool>("put", 2));
    EXPECT_EQ(host.completed_twice(), 1u);
}

TEST_F(Pendings, FailWhereThePluginDropsThem) {
    auto item = box.start<int>("get");
    box.call("drop");
    EXPECT_EQ(failure_of([&] { item.wait(); }), "failed: Dropped: Mailbox.get() dropped the call without a reply");
}

TEST_F(Pendings, EndWhenTheirTimeIsOver) {
    auto item = box.with({.timeout = 30ms}).start<int>("get");
    host.advance(29ms);
    EXPECT_FALSE(item.done());
    host.advance(1ms);
    EXPECT_EQ(failure_of([&] { item.wait(); }), "deadline: Mailbox.get() has not replied in time");
    EXPECT_EQ(counts(), Counts(1, 1));
}

TEST_F(Pendings, ComeFromThePluginsThreads) {
    Host patient({.patience = 60s}, &entry<&mailboxes>);
    EXPECT_EQ(patient.create("Mailbox").call<int>("from_thread"), 77);
}

TEST_F(Pendings, ThatNeverComeAreAFailureOfTheTest) {
    EXPECT_EQ(failure_of([&] { box.call<int>("get"); }),
              "deadline: Mailbox.get() has not replied in 50 ms, and the host has nothing left to do: complete it, or "
              "use start()");
    EXPECT_EQ(counts(), Counts(1, 1));
}

TEST_F(Pendings, GiveObjectsLater) {
    auto letter = box.start<Object>("letter");
    (*late_letter)(std::make_shared<Letter>());
    EXPECT_EQ(letter.wait().type_id(), "Letter");
    auto other = host.start_create("Letter");
    EXPECT_FALSE(other.done());
    late_letter->fail(soho::Error("Empty", "no paper"));
    EXPECT_EQ(failure_of([&] { other.wait(); }), "failed: Empty: no paper");
    auto lost = host.start_create("Letter");
    (*late_letter)(std::make_shared<Letter>());
    lost.caller_goes();
    EXPECT_EQ(host.living("Letter"), 0u);
}

TEST_F(Pendings, OutliveTheirMoves) {
    auto item = box.start<int>("get");
    auto moved = std::move(item);
    box.call("put", 3);
    item = std::move(moved);
    EXPECT_EQ(item.wait(), 3);
}

}  // namespace
}  // namespace soho_kit_test
