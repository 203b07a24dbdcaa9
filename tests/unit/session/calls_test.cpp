// soho.call, soho.create and NAME.METHOD, from bytes to bytes.
#include "tests/support/test_host.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

using test::TestClient;

struct CallsTest : testing::Test {
    CallsTest() { host.load(counters.plugin); }
    test::Counters counters;
    test::TestHost host;
    TestClient client{host};
};

TEST_F(CallsTest, CreateGivesAHandleAndCallsReachTheObject) {
    const std::string reply = client.send(R"([0, 1, "soho.create", ["Counter", [5]]])");
    ASSERT_TRUE(reply.starts_with(R"([1, 1, nil, {"$soho": )")) << reply;
    EXPECT_TRUE(reply.ends_with(R"(, "type": "Counter"}])")) << reply;
    const auto id = host.objects.all().front()->id();
    EXPECT_EQ(client.call(id, "add", "[2, 3]"), "11");
    EXPECT_EQ(client.call(id, "get", "[]"), "11");
}

TEST_F(CallsTest, TakeATargetByIdHandleOrName) {
    const auto id = client.create("Counter", "[5]", R"({"name": "c"})");
    EXPECT_EQ(client.ask("soho.call", fmt::format(R"([{}, "get"])", id)), "5");
    EXPECT_EQ(client.ask("soho.call", fmt::format(R"([{{"$soho": {}, "type": "Counter"}}, "get", nil, nil])", id)),
              "5");
    EXPECT_EQ(client.ask("soho.call", R"(["c", "get"])"), "5");
    EXPECT_EQ(client.ask("c.get", "[]"), "5");
    EXPECT_EQ(client.ask("c.get", "nil"), "5");
    EXPECT_EQ(client.ask("soho.call", fmt::format(R"([{{"$soho": {}, "type": "Pair"}}, "get"])", id)),
              fmt::format(R"("no_object: #{} is a Counter, not a Pair as the handle says")", id));
    EXPECT_EQ(client.ask("soho.call", R"([[1], "get"])"),
              R"("bad_arguments: a target is an id, a handle or a published name, not array")");
    EXPECT_EQ(client.ask("soho.call", R"(["d", "get"])"),
              R"("no_object: nothing is published as \"d\"; did you mean \"c\"?")");
    EXPECT_EQ(client.ask("soho.call", R"([1, "get"])"),
              R"("no_object: no object #1: from an earlier host, or made up")");
}

TEST_F(CallsTest, SplitAPathAtTheLastDot) {
    client.create("Counter", "[5]", R"({"name": "a.b"})");
    EXPECT_EQ(client.ask("a.b.get", "[]"), "5");
    EXPECT_EQ(
        client.ask("a.b.", "[]"),
        R"~("no_method: type Counter exposes no method \"\" (exposed: add, block, broken, child, echo, fail, get, hook, later, sum, swap, wrap)")~");
    EXPECT_EQ(
        client.ask("get", "[]"),
        R"("no_method: no method \"get\": the host's own begin with soho., an object's with its published name and a dot")");
}

TEST_F(CallsTest, RefuseAMethodThatTheTypeDoesNotExpose) {
    const auto shared = client.create("shared");
    const auto narrow = client.create("shared_ro");
    EXPECT_EQ(client.call(shared, "add", "[1]"), "1");
    EXPECT_EQ(client.call(narrow, "add", "[1]"),
              R"~("no_method: type shared_ro exposes no method \"add\" (exposed: get)")~");
    EXPECT_EQ(client.call(narrow, "get", "[]"), "1");
    EXPECT_EQ(client.call(shared, "_secret", "[]"),
              R"~("no_method: type shared exposes no method \"_secret\" (exposed: add, block, get, later)")~");
}

TEST_F(CallsTest, TellACallerWithoutRightsNothingOfWhatThereIs) {
    client.create("shared", "[]", R"({"name": "c"})");
    TestClient stranger(host, {"uid:2000", 0});
    for (const char* target : {"c", "nosuch"}) {
        for (const char* method : {"get", "_secret", "nosuch"}) {
            const auto refusal =
                R"("denied: uid:2000 has no rights here: an [[access]] rule in the host's config gives them")";
            EXPECT_EQ(stranger.ask("soho.call", fmt::format(R"(["{}", "{}"])", target, method)), refusal);
            EXPECT_EQ(stranger.ask(fmt::format("{}.{}", target, method), "[]"), refusal);
        }
    }
}

TEST_F(CallsTest, ShareWhatACallableGivesTwice) {
    const auto first = client.create("shared");
    EXPECT_EQ(client.create("shared"), first);
    TestClient other(host);
    EXPECT_EQ(other.create("shared"), first);
    EXPECT_NE(client.create("shared_ro"), first);
    EXPECT_EQ(host.objects.size(), 2u);
}

TEST_F(CallsTest, RefuseTypesThatAreNotCreatedByName) {
    EXPECT_EQ(
        client.ask("soho.create", R"(["Hidden", [1]])"),
        R"("denied: type Hidden is not created by name (create_method is false): its objects come from other objects' methods")");
    EXPECT_EQ(
        client.ask("soho.create", R"(["Child"])"),
        R"("denied: type Child is not created by name (it has no callable): its objects come from other objects' methods")");
    EXPECT_EQ(client.ask("soho.create", R"(["Countr"])"),
              R"("no_type: no type \"Countr\"; did you mean \"Counter\"?")");
    EXPECT_EQ(client.ask("soho.create", "[5]"), R"("bad_arguments: the typeid must be a string, not int")");
}

TEST_F(CallsTest, PassTheMethodsErrorsOn) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.call(id, "fail", R"(["KeyError", "'x'"])"), R"("failed: KeyError: 'x'")");
    EXPECT_EQ(client.ask("soho.create", R"(["Failing"])"), R"("failed: ValueError: it never works")");
    EXPECT_EQ(host.objects.size(), 1u);
}

TEST_F(CallsTest, TellEverythingToThoseWhoAskedForFullErrors) {
    TestClient full(host, {"uid:1000", rights_all}, wire::ErrorForm::full);
    const auto id = full.create("Counter");
    EXPECT_EQ(full.call(id, "fail", R"(["KeyError", "'x'"])", R"({"trace": "t1"})"),
              R"([16, "'x'", {"kind": "failed", "type": "KeyError", "data": 7, "trace": "t1"}])");
    EXPECT_EQ(full.call(id, "nope", "[]", R"({"trace": "t2"})").substr(0, 30), R"([3, "type Counter exposes no m)");
}

TEST_F(CallsTest, SendNothingThatIsNoMessagePack) {
    const auto id = client.create("Counter");
    EXPECT_EQ(
        client.call(id, "broken", "[]"),
        R"("internal: the result of Counter.broken() is not MessagePack: a value that is cut short; a defect of plugin counters")");
    EXPECT_EQ(client.call(id, "get", "[]"), "0");
}

TEST_F(CallsTest, BindKeywordsAndDefaults) {
    const auto id = client.create("Counter", "nil", R"({"kw": {"value": 3}})");
    EXPECT_EQ(client.call(id, "add", "[2]"), "5");
    EXPECT_EQ(client.call(id, "add", "[]", R"({"kw": {"by": 2, "n": 1}})"), "7");
    EXPECT_EQ(client.call(id, "add", "[]", R"({"kw": {}})"),
              R"("bad_arguments: Counter.add(n, by=…) takes 1 to 2 arguments, 0 were given")");
    EXPECT_EQ(client.call(id, "echo", R"([1, "a"])", R"({"kw": {"k": [2]}})"), R"([[1, "a"], {"k": [2]}])");
}

TEST_F(CallsTest, RefuseOptionsThatAreNone) {
    const auto id = client.create("Counter");
    const auto refused = [&](std::string_view options) { return client.call(id, "get", "[]", options); };
    EXPECT_EQ(refused("5"), R"("bad_arguments: soho.call: options must be a map, not int")");
    EXPECT_EQ(refused("{5: 1}"), R"("bad_arguments: soho.call: the keys of options must be strings")");
    EXPECT_EQ(refused(R"({"timeoutms": 5})"),
              R"("bad_arguments: soho.call has no option \"timeoutms\"; did you mean \"timeout_ms\"?")");
    EXPECT_EQ(refused(R"({"name": "x"})"), R"("bad_arguments: soho.call has no option \"name\"")");
    EXPECT_EQ(refused(R"({"kw": 5})"), R"("bad_arguments: soho.call: option \"kw\" must be a map")");
    for (const char* timeout : {"0", "-5", R"("5")", "0.0", "nan", "1e300", "nil"})
        EXPECT_EQ(
            refused(fmt::format(R"({{"timeout_ms": {}}})", timeout)),
            R"("bad_arguments: soho.call: option \"timeout_ms\" must be a positive number of milliseconds, at most 1e12")")
            << timeout;
    EXPECT_EQ(refused(R"({"owner": 5})"), R"("bad_arguments: soho.call: option \"owner\" must be a string")");
    EXPECT_EQ(refused(R"({"trace": 5})"), R"("bad_arguments: soho.call: option \"trace\" must be a string")");
    EXPECT_EQ(refused(R"({"owner": "thread 1", "trace": "t", "timeout_ms": 100000.5})"), "0");
    EXPECT_EQ(client.ask("soho.create", R"(["Counter", [], {"if_exists": "maybe"}])"),
              R"("bad_arguments: soho.create: option \"if_exists\" must be \"open\" or \"fail\"")");
    EXPECT_EQ(client.ask("soho.create", R"(["Counter", [], {"name": 5}])"),
              R"("bad_arguments: soho.create: option \"name\" must be a string")");
}

TEST_F(CallsTest, RefuseParamsOfTheWrongShape) {
    EXPECT_EQ(client.ask("soho.call", "[1]"),
              R"("bad_arguments: soho.call takes [target, method, args?, options?], 1 given")");
    EXPECT_EQ(client.ask("soho.call", "[1, 2, [], {}, 5]"),
              R"("bad_arguments: soho.call takes [target, method, args?, options?], 5 given")");
    EXPECT_EQ(client.ask("soho.call", "[1, 2]"), R"("bad_arguments: the method's name must be a string, not int")");
    EXPECT_EQ(client.ask("soho.call", R"([1, "m", 5])"), R"("bad_arguments: args must be an array, not int")");
    EXPECT_EQ(client.ask("soho.create", "[]"),
              R"("bad_arguments: soho.create takes [typeid, args?, options?], 0 given")");
}

TEST_F(CallsTest, GiveTheContextToThePlugin) {
    std::string seen;
    counters.on_hook = [&](test::Thing&, const soho_call* call) {
        seen = fmt::format("{} {} {} {} {} {}", call->session, call->origin_session, text_of(call->owner),
                           text_of(call->principal), text_of(call->trace), call->deadline_ns != 0);
        return test::give(call, std::to_string(call->object));
    };
    const auto id = client.create("Counter");
    EXPECT_EQ(client.call(id, "hook", "[]", R"({"owner": "o", "trace": "t", "timeout_ms": 60000})"),
              std::to_string(id));
    const auto session = client.caller().session()->id();
    EXPECT_EQ(seen, fmt::format("{0} {0} o uid:1000 t true", session));
}

TEST_F(CallsTest, TurnHandlesInArgumentsIntoObjects) {
    const auto a = client.create("Counter", "[5]");
    const auto b = client.create("Counter", "[7]");
    EXPECT_EQ(client.call(a, "sum", fmt::format(R"([{{"$soho": {}, "type": "Counter"}}])", b)), "12");
    EXPECT_EQ(client.call(a, "sum", fmt::format(R"([{{"$soho": {}, "type": "Counter"}}])", a)), "10");
    EXPECT_EQ(client.call(a, "swap", fmt::format(R"([{{"$soho": {}, "type": "Counter"}}])", b)), "nil");
    EXPECT_EQ(client.call(a, "get", "[]"), "7");
    EXPECT_EQ(client.call(a, "swap", fmt::format(R"([{{"$soho": {}, "type": "Counter"}}])", a)), "nil");
    EXPECT_EQ(client.call(a, "sum", "[5]"), R"("bad_arguments: Counter.sum(other): no object")");
    EXPECT_EQ(client.call(a, "sum", R"([{"$soho": 5, "type": "Counter"}])"),
              R"("no_object: no object #5: from an earlier host, or made up")");
    // In the other form as well: a plugin would take it for a handle.
    EXPECT_EQ(client.call(a, "echo", R"([ext(0x53, [5, "Counter"])])"),
              R"("no_object: no object #5: from an earlier host, or made up")");
}

TEST_F(CallsTest, WaitUntilTheTurnsOfAllTheirObjectsAreFree) {
    const auto a = client.create("Counter", "[5]");
    const auto b = client.create("Counter", "[7]");
    const auto turn = host.objects.find(b)->turn_ptr();
    ASSERT_TRUE(turn->try_enter(false));
    EXPECT_EQ(
        client.send(fmt::format(R"([0, 1, "soho.call", [{}, "swap", [{{"$soho": {}, "type": "Counter"}}]]])", a, b)),
        "");
    EXPECT_EQ(client.send(fmt::format(R"([0, 2, "soho.call", [{}, "get"]])", a)), "") << "behind the swap";
    turn->leave(false, nullptr);
    EXPECT_EQ(client.wait_delivered(2), (std::vector<std::string>{"[1, 1, nil, nil]", "[1, 2, nil, 7]"}));
}

TEST_F(CallsTest, DoNotReachTheObjectsOfAnotherPrincipal) {
    const auto id = client.create("Counter");
    TestClient same(host);
    EXPECT_EQ(same.call(id, "get", "[]"), "0");
    TestClient other(host, {"uid:2000", rights_all});
    const std::string refused = fmt::format(R"("no_object: no object #{}, or none that this session may use")", id);
    EXPECT_EQ(other.call(id, "get", "[]"), refused);
    const auto own = other.create("Counter");
    EXPECT_EQ(other.call(own, "sum", fmt::format(R"([{{"$soho": {}, "type": "Counter"}}])", id)), refused);
    EXPECT_EQ(other.ask("soho.retain", fmt::format("[{}]", id)), refused);
    EXPECT_EQ(other.ask("soho.share", fmt::format("[{}, 1000]", id)), refused);
    EXPECT_EQ(other.ask("soho.publish", fmt::format(R"([{}, "x"])", id)), refused);
}

TEST_F(CallsTest, TravelAsExtensionsWhereAskedFor) {
    TestClient ext(host);
    ext.ask("soho.hello", R"([{"proto": 1, "handles": "ext"}])");
    const auto id = ext.create("Counter", "[5]");
    EXPECT_EQ(ext.call(id, "sum", fmt::format(R"([ext(0x53, [{}, "Counter"])])", id)), "10");
    EXPECT_EQ(ext.call(id, "echo", R"([{"$soho": 5, "type": "x"}, {"$$soho": 1}])"),
              R"([[{"$soho": 5, "type": "x"}, {"$$soho": 1}], {}])");
    EXPECT_EQ(ext.call(id, "echo", fmt::format(R"([ext(0x54, [ext(0x53, [{}, "Counter"])])])", id)),
              fmt::format(R"([[ext(0x54, [ext(0x53, [{}, "Counter"])])], {{}}])", id));
    EXPECT_EQ(ext.caller().session()->references(), 2u) << "the handle in the result counts";
    EXPECT_EQ(client.call(id, "echo", R"([{"$$soho": 5, "type": "x"}])"), R"([[{"$$soho": 5, "type": "x"}], {}])");
    EXPECT_EQ(ext.call(id, "echo", R"([ext(0x53, h'00')])"),
              R"("bad_arguments: the body of extension 0x53 is not what PROTOCOL.md says")");
}

TEST_F(CallsTest, CountAHandleInAResultForTheSession) {
    const auto id = client.create("Counter", "[5]");
    EXPECT_EQ(client.call(id, "echo", fmt::format(R"([{{"$soho": {}, "type": "Counter"}}])", id)),
              fmt::format(R"([[{{"$soho": {}, "type": "Counter"}}], {{}}])", id));
    EXPECT_EQ(client.caller().session()->references(), 2u);
}

TEST_F(CallsTest, RefuseAResultWithAHandleOfNoObject) {
    const auto id = client.create("Counter");
    counters.on_hook = [](test::Thing&, const soho_call* call) {
        return test::give(call, R"([ext(0x53, [5, "Counter"])])");
    };
    EXPECT_TRUE(client.call(id, "hook", "[]").starts_with(R"("internal: )"));
    counters.on_hook = [](test::Thing&, const soho_call* call) { return test::give(call, "[ext(0x54, h'00')]"); };
    EXPECT_TRUE(client.call(id, "hook", "[]").starts_with(R"("internal: )"));
    EXPECT_EQ(client.caller().session()->references(), 1u);
}

TEST_F(CallsTest, GiveMappedResultsAsHandlesOfTheirType) {
    const auto id = client.create("Counter", "[5]");
    const auto child = client.ask_handle("soho.call", fmt::format(R"([{}, "child"])", id));
    EXPECT_EQ(client.call(child, "get", "[]"), "5");
    EXPECT_EQ(client.call(child, "child", "[]").substr(0, 59),
              R"("no_method: type Child exposes no method \"child\" (exposed)");
    const auto wrapped = client.ask_handle("soho.call", fmt::format(R"([{}, "wrap"])", id));
    EXPECT_EQ(client.call(wrapped, "get", "[]"), "500");
}

TEST_F(CallsTest, AsNotificationsAreNeverAnswered) {
    const auto id = client.create("Counter", "[5]", R"({"name": "c"})");
    EXPECT_EQ(client.send(R"([2, "c.add", [1]])"), "");
    EXPECT_EQ(client.call(id, "get", "[]"), "6");
    EXPECT_EQ(client.send(R"([2, "c.fail", ["E", "secret"]])"), "");
    EXPECT_EQ(client.send(R"([2, "c.nope", []])"), "");
    EXPECT_EQ(client.send(R"([2, "soho.create", ["Counter"]])"), "");
    EXPECT_EQ(client.send(R"([2, "nobody.knows", []])"), "");
    EXPECT_EQ(client.send(R"([2, "nvim_set_client_info", []])"), "");
    EXPECT_EQ(client.send(R"([2, "c.later", []])"), "");
    counters.complete("1");
    counters.release();
    host.run();
    EXPECT_TRUE(client.take_delivered().empty());
    EXPECT_EQ(host.objects.size(), 1u) << "an object that nobody has a handle of";
    EXPECT_EQ(host.services.oneway_failures, 3u) << "what is addressed to nobody is no failure";
    EXPECT_EQ(counters.discarded, 1);
    EXPECT_EQ(host.services.calls_in_flight, 0u);
}

TEST_F(CallsTest, NeedTheRightTo) {
    const auto id = client.create("Counter", "[5]", R"({"name": "c"})");
    TestClient none(host, {"uid:1000", 0});
    for (const std::string& refusal :
         {none.call(id, "get", "[]"), none.ask("c.get", "[]"), none.ask("soho.create", R"(["Counter"])")})
        EXPECT_TRUE(refusal.starts_with("\"denied: uid:1000 has no rights here")) << refusal;
    TestClient creates(host, {"uid:1000", right_create});
    EXPECT_EQ(creates.ask("soho.create", R"(["Counter", [], {"name": "d"}])"),
              R"("denied: uid:1000 may not publish a Counter")");
    EXPECT_NE(creates.create("Counter"), 0u);
}

TEST_F(CallsTest, AreRefusedWhileTheHostDrains) {
    const auto id = client.create("Counter");
    host.objects.draining = true;
    EXPECT_EQ(client.call(id, "get", "[]"), R"("not_started: the host is shutting down; this call was not started")");
    EXPECT_EQ(client.ask("soho.ping", "[]"), "nil");
    host.objects.draining = false;
}

TEST_F(CallsTest, QueueBehindACallThatRuns) {
    const auto id = client.create("Counter");
    const auto turn = host.objects.find(id)->turn_ptr();
    ASSERT_TRUE(turn->try_enter(false));
    for (int i = 1; i <= 3; ++i)
        EXPECT_EQ(client.send(fmt::format(R"([0, {}, "soho.call", [{}, "add", [1]]])", i, id)), "");
    EXPECT_EQ(host.services.calls_in_flight, 3u);
    turn->leave(false, nullptr);
    EXPECT_EQ(client.wait_delivered(3),
              (std::vector<std::string>{"[1, 1, nil, 1]", "[1, 2, nil, 2]", "[1, 3, nil, 3]"}));
    EXPECT_EQ(host.services.calls_in_flight, 0u);
}

TEST_F(CallsTest, OfBlockingMethodsRunOnThePool) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.send(fmt::format(R"([0, 1, "soho.call", [{}, "block"]])", id)), "");
    while (counters.running != 1) std::this_thread::yield();
    counters.unblocked = true;
    EXPECT_EQ(client.wait_delivered(1), std::vector<std::string>{R"([1, 1, nil, "unblocked"])"});
    EXPECT_NE(client.ask("soho.create", R"(["Blocking", [1]])").find("Blocking"), std::string::npos);
}

TEST_F(CallsTest, AreCappedWhileTheyRunAndWait) {
    Limits limits;
    limits.calls_running_max = 1;
    limits.calls_waiting_max = 2;
    test::Counters own;
    test::TestHost small(limits);
    small.load(own.plugin);
    TestClient asker(small);
    const auto id = asker.create("Counter");
    const auto other = asker.create("Counter");
    EXPECT_EQ(asker.send(fmt::format(R"([0, 1, "soho.call", [{}, "later"]])", id)), "");
    EXPECT_EQ(asker.send(fmt::format(R"([0, 2, "soho.call", [{}, "later"]])", id)), "");
    EXPECT_EQ(
        asker.send(fmt::format(R"([0, 3, "soho.call", [{}, "later"]])", id)),
        R"([1, 3, "overloaded: 2 calls of this connection wait already (calls_waiting); this one was not started", nil])");
    EXPECT_EQ(asker.call(id, "get", "[]"), "0") << "what cannot wait may free those that do";
    EXPECT_EQ(asker.ask("soho.ping", "[]"), "nil");
    own.complete("1");
    own.release();
    EXPECT_EQ(asker.send(fmt::format(R"([0, 4, "soho.call", [{}, "block"]])", id)), "");
    EXPECT_EQ(
        asker.send(fmt::format(R"([0, 5, "soho.call", [{}, "block"]])", other)),
        R"([1, 5, "overloaded: 1 blocking calls of this connection run already (calls_running); this one was not started", nil])");
    own.unblocked = true;
    own.complete("2");
    own.release();
    asker.wait_delivered(3);
    small.home.run_until(
        [&] { return small.services.calls_in_flight == 0; });  // soon after the reply, on a thread of the pool
}

TEST_F(CallsTest, WithTheMsgidOfAnUnansweredOneCloseTheConnection) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.send(fmt::format(R"([0, 7, "soho.call", [{}, "later"]])", id)), "");
    EXPECT_EQ(client.send(R"([0, 7, "soho.ping", []])"),
              "closed: msgid 7 was used for \"soho.ping\" while the request of that msgid is unanswered");
    counters.release();
}

TEST_F(CallsTest, MayUseAMsgidAgainOnceItIsAnswered) {
    const auto id = client.create("Counter");
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(client.send(fmt::format(R"([0, 7, "soho.call", [{}, "later"]])", id)), "");
        counters.complete("1");
        counters.release();
        EXPECT_EQ(client.wait_delivered(1), std::vector<std::string>{"[1, 7, nil, 1]"});
    }
}

TEST_F(CallsTest, OfAWrongShapeAreAnsweredOrCloseTheConnection) {
    EXPECT_EQ(client.send(R"([0, 5, "m"])"),
              R"([1, 5, "protocol: a request has 4 elements [0, msgid, method, params], this one has 3", nil])");
    EXPECT_EQ(client.send("[0, 6, 7, []]"), R"([1, 6, "protocol: the method must be a string, not int", nil])");
    EXPECT_EQ(client.ask("soho.ping", "[]"), "nil");
    EXPECT_EQ(client.send("[1, 6, nil, 5]"),
              "closed: a frame of type 1: a host takes requests (0) and notifications (2)");
}

TEST_F(CallsTest, PastTheirDeadlineAreAnsweredAtOnce) {
    const auto id = client.create("Counter");
    const auto msg = fmt::format(R"([0, 7, "soho.call", [{}, "later", [], {{"timeout_ms": 60000}}]])", id);
    EXPECT_EQ(client.send(msg), "");
    host.timers.run_due(monotonic_now() + 61'000'000'000);
    EXPECT_EQ(
        client.wait_delivered(1),
        std::vector<std::string>{R"~([1, 7, "deadline: Counter.later() has not replied in time (timeout_ms)", nil])~"});
    host.run();
    EXPECT_EQ(counters.cancelled, 1);
    EXPECT_EQ(host.services.calls_in_flight, 1u) << "the slot is kept until the plugin is through with it";
    EXPECT_EQ(counters.complete("1"), unsigned{SOHO_DISCARDED});
    counters.release();
    host.run();
    EXPECT_EQ(host.services.calls_in_flight, 0u);
    EXPECT_EQ(counters.discarded, 1);
}

TEST_F(CallsTest, ThatEndInTimeLeaveNoTimer) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.send(fmt::format(R"([0, 7, "soho.call", [{}, "later", [], {{"timeout_ms": 60000}}]])", id)), "");
    counters.complete("1");
    counters.release();
    client.wait_delivered(1);
    EXPECT_EQ(host.timers.run_due(0), std::nullopt);
}

}  // namespace
}  // namespace soho::host
