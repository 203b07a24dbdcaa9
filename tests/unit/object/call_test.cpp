#include "host/object/call.hpp"

#include "tests/support/test_host.hpp"

#include <gtest/gtest.h>

// A sanitizer ends the process where malloc would say that there is no such memory.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SOHO_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SOHO_TEST_SANITIZED 1
#endif
#endif

namespace soho::host {
namespace {

struct Recorded : Completion {
    void replied(Call&, Outcome outcome_) noexcept override {
        ++replies;
        outcome = std::move(outcome_);
    }
    void finished(Call&) noexcept override { ++finishes; }
    std::string text() const {
        if (replies != 1) return std::to_string(replies) + " replies";
        if (!outcome.ok())
            return std::string(code_name(outcome.error.code)) + ": " +
                   (outcome.error.type.empty() ? "" : outcome.error.type + ": ") + outcome.error.text;
        return outcome.object != nullptr ? "a " + outcome.object->type().type_id : test::show(outcome.value.bytes());
    }
    int replies = 0;
    int finishes = 0;
    Outcome outcome;
};

constexpr std::uint64_t too_much = std::uint64_t{1} << 60;

struct CallTest : testing::Test {
    CallTest() {
        host.load(counters.plugin);
        object = *host.objects.adopt(type("Counter"), test::instance_of(counters.make(5)), "me", host.home);
    }
    ~CallTest() override {
        while (!counters.pendings.empty()) counters.release();
        object.reset();
        host.run();
    }
    TypePtr type(std::string_view id) { return *host.registry.snapshot()->find(id); }
    std::shared_ptr<Call> call(std::string_view method, std::string_view args = "[]") {
        auto made =
            std::make_shared<Call>(host.objects, host.pool, host.home, recorded, CallContext{}, Call::Limits{1000, 64});
        const std::string packed = test::pack(args);
        made->set_method(object, *object->type().find(method), {data::as_bytes(packed), {}}, {}, {});
        return made;
    }
    std::shared_ptr<Call> create(std::string_view type_id, std::string_view args = "[]") {
        auto made = std::make_shared<Call>(host.objects, host.pool, host.home, recorded, CallContext{}, Call::Limits{});
        const std::string packed = test::pack(args);
        made->set_create(type(type_id), {data::as_bytes(packed), {}}, {});
        return made;
    }
    const soho_host& table() const { return *counters.plugin.host; }

    test::Counters counters;
    test::TestHost host;
    ObjectPtr object;
    std::shared_ptr<Recorded> recorded = std::make_shared<Recorded>();
};

TEST_F(CallTest, RunsInItsTurnAndEnds) {
    call("add", "[1, 1]")->submit();
    EXPECT_EQ(recorded->replies, 0);
    host.run();
    EXPECT_EQ(recorded->text(), "6");
    EXPECT_EQ(recorded->finishes, 1);
    EXPECT_EQ(object->calls, 0u);
}

TEST_F(CallTest, PinsItsObject) {
    call("get")->submit();
    const std::uint64_t id = object->id();
    EXPECT_EQ(object->calls, 1u);
    object.reset();
    EXPECT_NE(host.objects.find(id), nullptr);
    host.run();
    EXPECT_EQ(recorded->text(), "5");
    EXPECT_EQ(host.objects.find(id), nullptr);
    EXPECT_EQ(counters.destroyed, 1);
}

TEST_F(CallTest, TellsTheMethodsErrors) {
    call("fail", R"(["KeyError", "'x'"])")->submit();
    host.run();
    EXPECT_EQ(recorded->text(), "failed: KeyError: 'x'");
    EXPECT_EQ(test::show(recorded->outcome.error.data), "7");
}

TEST_F(CallTest, DoesNotTrustTheResultsBytes) {
    call("broken")->submit();
    host.run();
    EXPECT_EQ(recorded->text(),
              "internal: the result of Counter.broken() is not MessagePack: a value that is cut short; a defect of "
              "plugin counters");
}

TEST_F(CallTest, BoundsTheResult) {
    counters.on_hook = [](test::Thing&, const soho_call* call) {
        return test::give_bytes(call, data::as_bytes(std::string(2000, '\x01')));
    };
    call("hook")->submit();
    host.run();
    EXPECT_EQ(recorded->outcome.error.code, Code::internal);
    EXPECT_EQ(recorded->finishes, 1);
}

TEST_F(CallTest, TellsThePluginThatThereIsNoMemoryForTheResult) {
#ifdef SOHO_TEST_SANITIZED
    GTEST_SKIP();
#endif
    counters.on_hook = [](test::Thing&, const soho_call* call) {
        EXPECT_NE(call->result->grow(call->result, too_much), 0);
        return test::give_bytes(call, data::as_bytes("\x07"));
    };
    const auto made = std::make_shared<Call>(host.objects, host.pool, host.home, recorded, CallContext{},
                                             Call::Limits{SIZE_MAX / 2, 64});
    made->set_method(object, *object->type().find("hook"), {data::as_bytes("\x90"), {}}, {}, {});
    made->submit();
    host.run();
    EXPECT_EQ(recorded->text(), "7");
}

TEST_F(CallTest, APendingReplyWithoutMemoryForItIsAnError) {
#ifdef SOHO_TEST_SANITIZED
    GTEST_SKIP();
#endif
    call("later")->submit();
    host.run();
    const std::uint8_t byte = 7;
    EXPECT_EQ(table().pending_complete(counters.pendings.front(), {&byte, too_much}), SOHO_ACCEPTED);
    EXPECT_EQ(recorded->text(), "internal: out of memory");
    EXPECT_EQ(recorded->finishes, 1);
}

TEST_F(CallTest, GivesBackItsObjectIfItIsCancelledBeforeItBegins) {
    const auto waiting = call("get");
    waiting->submit();
    const std::uint64_t id = object->id();
    object.reset();
    waiting->cancel(Code::cancelled, "enough");
    EXPECT_EQ(host.objects.find(id), nullptr);
    EXPECT_EQ(counters.destroyed, 0);  // in its turn
    host.run();
    EXPECT_EQ(counters.destroyed, 1);
    EXPECT_EQ(recorded->text(), "cancelled: enough");
    EXPECT_EQ(recorded->finishes, 1);
}

TEST_F(CallTest, IsNotQueuedIfItsDeadlineWasSooner) {
    const auto late = call("get");
    late->cancel(Code::deadline, "late");
    late->submit();
    EXPECT_EQ(recorded->finishes, 1);
    host.run();
    EXPECT_EQ(recorded->text(), "deadline: late");
    EXPECT_EQ(recorded->finishes, 1);
}

TEST_F(CallTest, EndsWhenItsPendingReplyIsCompleted) {
    call("later")->submit();
    host.run();
    EXPECT_EQ(recorded->replies, 0);
    EXPECT_EQ(recorded->finishes, 0);
    EXPECT_TRUE(object->turn()->try_enter(false)) << "a pending reply holds no turn";
    object->turn()->leave(false, nullptr);
    EXPECT_EQ(counters.complete("[1]"), unsigned{SOHO_ACCEPTED});
    EXPECT_EQ(recorded->text(), "[1]");
    EXPECT_EQ(recorded->finishes, 1);
    counters.release();
    EXPECT_EQ(object->calls, 0u);
    EXPECT_EQ(counters.cancelled, 0);
    EXPECT_EQ(counters.discarded, 0);
}

TEST_F(CallTest, EndsWhenItsPendingReplyFails) {
    call("later")->submit();
    host.run();
    EXPECT_EQ(counters.fail(0, "Empty", "nothing there"), unsigned{SOHO_ACCEPTED});
    EXPECT_EQ(recorded->text(), "failed: Empty: nothing there");
    EXPECT_EQ(recorded->finishes, 1);
}

TEST_F(CallTest, FailsWhenItsPendingReplyIsDropped) {
    call("later")->submit();
    host.run();
    counters.release();
    EXPECT_EQ(recorded->text(), "failed: Dropped: Counter.later() dropped the call without a reply");
    EXPECT_EQ(recorded->finishes, 1);
}

TEST_F(CallTest, IsCompletedOnce) {
    call("later")->submit();
    host.run();
    EXPECT_EQ(counters.complete("1"), unsigned{SOHO_ACCEPTED});
    EXPECT_EQ(counters.complete("2"), unsigned{SOHO_COMPLETED});
    EXPECT_EQ(counters.fail(0, "E", "x"), unsigned{SOHO_COMPLETED});
    EXPECT_EQ(recorded->text(), "1");
    EXPECT_EQ(recorded->finishes, 1);
    EXPECT_EQ(host.objects.completed_twice, 2u);
}

TEST_F(CallTest, CompletedTwiceWithAnObjectGivesTheOwnerBack) {
    call("later")->submit();
    host.run();
    counters.complete("1");
    const soho_instance instance = test::instance_of(counters.make(1));
    EXPECT_EQ(table().pending_complete_object(counters.pendings.front(), &instance), unsigned{SOHO_COMPLETED});
    EXPECT_EQ(counters.destroyed, 1);
}

TEST_F(CallTest, CompletedWithAnObjectThatNobodyMappedIsADefect) {
    call("later")->submit();
    host.run();
    const soho_instance instance = test::instance_of(counters.make(1));
    table().pending_complete_object(counters.pendings.front(), &instance);
    EXPECT_EQ(recorded->outcome.error.code, Code::internal);
    EXPECT_NE(recorded->text().find("is mapped to no typeid"), std::string::npos);
    EXPECT_EQ(counters.destroyed, 1);
}

TEST_F(CallTest, CompletedWithBytesThatAreNoMessagePackIsADefect) {
    call("later")->submit();
    host.run();
    const std::uint8_t bytes[] = {0x92, 0x01};
    table().pending_complete(counters.pendings.front(), {bytes, sizeof bytes});
    EXPECT_EQ(recorded->outcome.error.code, Code::internal);
}

TEST_F(CallTest, CancelledWhileItWaitsForItsTurnNeverRuns) {
    ASSERT_TRUE(object->turn()->try_enter(false));
    const auto waiting = call("add", "[1, 1]");
    waiting->submit();
    waiting->cancel(Code::cancelled, "no more");
    EXPECT_EQ(recorded->text(), "cancelled: no more");
    EXPECT_EQ(recorded->finishes, 0) << "its slot is kept until it has left the queue";
    object->turn()->leave(false, nullptr);
    host.run();
    EXPECT_EQ(recorded->finishes, 1);
    EXPECT_EQ(test::thing_of(object->self()).value, 5);
}

TEST_F(CallTest, CancelledWhilePendingTellsThePluginInTurn) {
    const auto pending = call("later");
    pending->submit();
    host.run();
    ASSERT_TRUE(object->turn()->try_enter(false));
    pending->cancel(Code::deadline, "too late");
    EXPECT_EQ(recorded->text(), "deadline: too late");
    EXPECT_EQ(recorded->finishes, 0);
    host.run();
    EXPECT_EQ(counters.cancelled, 0);
    object->turn()->leave(false, nullptr);
    host.run();
    EXPECT_EQ(counters.cancelled, 1);
    EXPECT_NE(table().pending_caller_gone(counters.pendings.front()), 0);
    EXPECT_EQ(pending->callee_text(), "Counter.later()");
    EXPECT_EQ(object->type().find("later")->stuck, 1u);
    EXPECT_EQ(counters.complete("1"), unsigned{SOHO_DISCARDED});
    EXPECT_EQ(recorded->finishes, 1);
    EXPECT_EQ(object->type().find("later")->stuck, 0u);
    host.run();
    EXPECT_EQ(counters.discarded, 1);
    EXPECT_EQ(recorded->replies, 1);
}

TEST_F(CallTest, CancelledAfterItsEndIsNothing) {
    const auto done = call("get");
    done->submit();
    host.run();
    done->cancel(Code::cancelled, "no more");
    done->abandon();
    EXPECT_EQ(recorded->text(), "5");
    EXPECT_EQ(recorded->finishes, 1);
    EXPECT_EQ(object->type().find("get")->stuck, 0u);
}

TEST_F(CallTest, CancelledTwiceIsAnsweredOnce) {
    const auto pending = call("later");
    pending->submit();
    host.run();
    pending->cancel(Code::cancelled, "no more");
    pending->cancel(Code::deadline, "too late");
    host.run();
    EXPECT_EQ(recorded->text(), "cancelled: no more");
    EXPECT_EQ(counters.cancelled, 1);
}

TEST_F(CallTest, AbandonedIsNotAnswered) {
    const auto pending = call("later");
    pending->submit();
    host.run();
    pending->abandon();
    host.run();
    EXPECT_EQ(counters.cancelled, 1);
    EXPECT_EQ(counters.complete("1"), unsigned{SOHO_DISCARDED});
    host.run();
    EXPECT_EQ(counters.discarded, 1);
    EXPECT_EQ(recorded->replies, 0);
    EXPECT_EQ(recorded->finishes, 1);
}

TEST_F(CallTest, OnCancelRunsAtOnceWhereTheCallerHasGoneAlready) {
    const auto pending = call("later");
    pending->submit();
    host.run();
    pending->abandon();
    host.run();
    std::atomic<int> late = 0;
    const soho_task task = counters.count(late);
    table().pending_on_cancel(counters.pendings.front(), &task);
    host.run();
    EXPECT_EQ(late, 1);
    counters.complete("1");
    table().pending_on_cancel(counters.pendings.front(), &task);
    host.run();
    EXPECT_EQ(late, 1) << "never after completion";
}

TEST_F(CallTest, ASecondOnCancelReplacesTheFirst) {
    const auto pending = call("later");
    pending->submit();
    host.run();
    std::atomic<int> second = 0;
    const soho_task task = counters.count(second);
    table().pending_on_cancel(counters.pendings.front(), &task);
    pending->cancel(Code::cancelled, "no more");
    host.run();
    EXPECT_EQ(counters.cancelled, 0);
    EXPECT_EQ(second, 1);
}

TEST_F(CallTest, AnUndeliveredReplyGoesBackToThePluginInTurn) {
    call("later")->submit();
    host.run();
    counters.complete("1");
    ASSERT_NE(recorded->outcome.discardable, nullptr);
    recorded->outcome.discardable->discard();
    EXPECT_EQ(counters.discarded, 0);
    host.run();
    EXPECT_EQ(counters.discarded, 1);
}

TEST_F(CallTest, OnDiscardedOfARunningCallTravelsWithItsResult) {
    counters.on_hook = [&](test::Thing&, const soho_call* call) {
        const soho_task task = counters.count(counters.discarded);
        table().on_discarded(call, &task);
        return test::give(call, "1");
    };
    call("hook")->submit();
    host.run();
    ASSERT_NE(recorded->outcome.discardable, nullptr);
    recorded->outcome.discardable->discard();
    host.run();
    EXPECT_EQ(counters.discarded, 1);
}

TEST_F(CallTest, AMappedResultIsAnObject) {
    call("child")->submit();
    host.run();
    EXPECT_EQ(recorded->text(), "a Child");
    EXPECT_EQ(test::thing_of(recorded->outcome.object->self()).value, 5);
}

TEST_F(CallTest, AMappedResultGoesThroughTheCallable) {
    call("wrap")->submit();
    host.run();
    EXPECT_EQ(recorded->text(), "a Wrapped");
    EXPECT_EQ(test::thing_of(recorded->outcome.object->self()).value, 500);
    EXPECT_EQ(recorded->finishes, 1);
}

TEST_F(CallTest, AbandonedWithItsCallableAheadMakesNoObject) {
    const auto wrap = call("wrap");
    wrap->submit();
    host.home.run_one();  // the method; its callable is queued
    wrap->abandon();
    host.run();
    EXPECT_EQ(recorded->replies, 0);
    EXPECT_EQ(recorded->finishes, 1);
    EXPECT_EQ(host.objects.size(), 1u);
}

TEST_F(CallTest, CreatesAnObject) {
    create("Counter", "[7]")->submit();
    host.run();
    EXPECT_EQ(recorded->text(), "a Counter");
    EXPECT_EQ(test::thing_of(recorded->outcome.object->self()).value, 7);
}

TEST_F(CallTest, ACallableMayFail) {
    create("Failing")->submit();
    host.run();
    EXPECT_EQ(recorded->text(), "failed: ValueError: it never works");
}

TEST_F(CallTest, ACallableMayReplyLater) {
    create("Slow")->submit();
    host.run();
    EXPECT_EQ(recorded->replies, 0);
    counters.complete_create(8);
    EXPECT_EQ(recorded->text(), "a Slow");
    EXPECT_EQ(test::thing_of(recorded->outcome.object->self()).value, 8);
}

TEST_F(CallTest, ALateObjectThatNobodyWaitsForIsDestroyed) {
    const auto slow = create("Slow");
    slow->submit();
    host.run();
    slow->abandon();
    counters.complete_create(8);
    host.run();
    EXPECT_EQ(counters.destroyed, 1);
    EXPECT_EQ(host.objects.size(), 1u);
    EXPECT_EQ(recorded->finishes, 1);
}

TEST_F(CallTest, ACallableThatCompletesWithAValueIsADefect) {
    create("Slow")->submit();
    host.run();
    counters.pendings.swap(counters.pending_creates);
    counters.complete("5");
    EXPECT_EQ(recorded->outcome.error.code, Code::internal);
    EXPECT_NE(recorded->text().find("where an object is due"), std::string::npos);
}

TEST_F(CallTest, CallablesOfOneTypeRunOneAtATime) {
    const auto turn = host.objects.factory_turn(*type("Counter"), host.home);
    ASSERT_TRUE(turn->try_enter(false));
    create("Counter", "[7]")->submit();
    host.run();
    EXPECT_EQ(recorded->replies, 0);
    turn->leave(false, nullptr);
    host.run();
    EXPECT_EQ(recorded->replies, 1);
}

TEST_F(CallTest, BlockingMethodsRunOnThePool) {
    call("block")->submit();
    while (counters.running != 1) std::this_thread::yield();
    EXPECT_EQ(host.home.size(), 0u);
    EXPECT_FALSE(object->turn()->try_enter(false));
    counters.unblocked = true;
    while (!object->turn()->try_enter(false)) std::this_thread::yield();
    object->turn()->leave(false, nullptr);
    EXPECT_EQ(recorded->text(), R"("unblocked")");
}

struct Defect {
    const char* name;
    std::function<std::uint32_t(const soho_host&, const soho_call*)> body;
    const char* says;
};

TEST_F(CallTest, DefectsOfAMethodAreInternalErrorsThatNameIt) {
    const Defect defects[] = {
        {"fails", [](const soho_host&, const soho_call*) { return unsigned{SOHO_FAILED}; },
         "failed without saying why"},
        {"pends", [](const soho_host&, const soho_call*) { return unsigned{SOHO_PENDING}; },
         "says that its reply comes later, but deferred none"},
        {"unknown", [](const soho_host&, const soho_call*) { return 77u; }, "returned the unknown status 77"},
        {"both",
         [](const soho_host& table, const soho_call* call) {
             table.pending_release(table.defer(call));
             return test::give(call, "1");
         },
         "dropped the call without a reply"},
        {"object",
         [this](const soho_host& table, const soho_call* call) {
             const soho_instance instance = test::instance_of(counters.make(1));
             table.result_object(call, &instance);
             return unsigned{SOHO_DONE};
         },
         "gave an object, but is mapped to no typeid"},
        {"twice",
         [this](const soho_host& table, const soho_call* call) {
             counters.pendings.push_back(table.defer(call));
             EXPECT_EQ(table.defer(call), nullptr);
             return test::give(call, "1");
         },
         "deferred its reply, and then gave one"},
    };
    for (const Defect& defect : defects) {
        recorded = std::make_shared<Recorded>();
        counters.on_hook = [&](test::Thing&, const soho_call* call) { return defect.body(table(), call); };
        call("hook")->submit();
        host.run();
        EXPECT_NE(recorded->text().find(defect.says), std::string::npos) << defect.name << ": " << recorded->text();
        EXPECT_EQ(recorded->finishes, 1) << defect.name;
    }
    EXPECT_EQ(counters.destroyed, 1) << "the object that nobody asked for";
}

TEST_F(CallTest, ErrorsOfAPluginAreMadeSafe) {
    const auto error = [](std::uint32_t code, std::string_view type, std::string_view data) {
        return error_from_plugin(code, test::to_text(type), test::to_text("x"),
                                 {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()});
    };
    EXPECT_EQ(error(0, "KeyError", "").code, Code::failed);
    EXPECT_EQ(error(0, "", "").type, "Error");
    EXPECT_EQ(error(4711, "E", "").code, Code::failed);
    EXPECT_EQ(error(SOHO_UNAVAILABLE, "E", "").type, "");
    EXPECT_EQ(error(0, "E", "\x92\x01").data, "") << "not well formed";
    EXPECT_EQ(error(0, "E", "\x01").data, "\x01");
}

TEST_F(CallTest, CompletionsAndCancelsFromManyThreadsAnswerOnce) {
    for (int round = 0; round < 200; ++round) {
        recorded = std::make_shared<Recorded>();
        const auto pending = call("later");
        pending->submit();
        host.run();
        std::vector<std::thread> threads;
        threads.emplace_back([&] { pending->cancel(Code::cancelled, "no more"); });
        threads.emplace_back([&] { counters.complete("1"); });
        for (auto& thread : threads) thread.join();
        counters.release();
        host.run();
        ASSERT_EQ(recorded->replies, 1);
        ASSERT_EQ(recorded->finishes, 1);
    }
    EXPECT_EQ(object->calls, 0u);
    EXPECT_EQ(object->type().find("later")->stuck, 0u);
}

}  // namespace
}  // namespace soho::host
