// What plugins ask of the host, besides calls.
#include "tests/support/test_host.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

using test::TestClient;
using test::to_text;

struct PluginTableTest : testing::Test {
    PluginTableTest() { host.load(counters.plugin); }
    const soho_host* table() const { return counters.plugin.host; }
    std::uint64_t make(std::string_view type = "Counter") {
        const soho_instance instance = test::instance_of(counters.make(5));
        return table()->object_new(table(), to_text(type), &instance, 0);
    }
    test::Counters counters;
    test::TestHost host;
    TestClient client{host};
    std::atomic<int> ran{0};
};

TEST_F(PluginTableTest, ReferencesKeepObjectsAlive) {
    const auto id = make();
    ASSERT_NE(id, 0u);
    EXPECT_EQ(text_of(table()->object_type(table(), id)), "Counter");
    EXPECT_EQ(table()->ref_retain(table(), id, 7), 0);
    table()->ref_release(table(), id, 0);
    EXPECT_EQ(host.objects.size(), 1u);
    table()->ref_release(table(), id, 0);  // once too often
    table()->ref_release(table(), id, 8);
    EXPECT_EQ(host.objects.size(), 1u);
    table()->ref_release(table(), id, 7);
    EXPECT_EQ(host.objects.size(), 0u);
    EXPECT_EQ(table()->ref_retain(table(), id, 7), 1);
    EXPECT_EQ(table()->object_type(table(), id).size, 0u);
    host.run();
    EXPECT_EQ(counters.destroyed, 1);
}

TEST_F(PluginTableTest, ObjectNewTakesTheOwnerInEveryCase) {
    EXPECT_EQ(make("Nope"), 0u);
    EXPECT_EQ(counters.destroyed, 1);
}

TEST_F(PluginTableTest, TasksRunInTheTurnOfTheirObject) {
    const auto id = make();
    const auto object = host.objects.find(id);
    const soho_task task = counters.count(ran);
    ASSERT_TRUE(object->turn()->try_enter(false));
    EXPECT_EQ(table()->post_to_turn(table(), id, &task), 0);
    EXPECT_EQ(table()->post_to_turn(table(), 0, &task), 0);
    EXPECT_EQ(table()->post_to_turn(table(), 4711, &task), 1);
    host.run();
    EXPECT_EQ(ran, 1);
    object->turn()->leave(false, nullptr);
    host.run();
    EXPECT_EQ(ran, 2);
}

TEST_F(PluginTableTest, TimersRunWhenTheyAreDueAndAgain) {
    const soho_task task = counters.count(ran);
    const auto once = table()->timer_start(table(), 0, 100'000'000'000, 0, &task);
    const auto often = table()->timer_start(table(), 0, 100'000'000'000, 100'000'000'000, &task);
    EXPECT_NE(once, often);
    const auto now = monotonic_now();
    host.timers.run_due(now + 150'000'000'000);
    host.run();
    EXPECT_EQ(ran, 2);
    host.timers.run_due(now + 260'000'000'000);
    host.run();
    EXPECT_EQ(ran, 3);
    table()->timer_cancel(table(), often);
    table()->timer_cancel(table(), once);
    table()->timer_cancel(table(), 4711);
    host.timers.run_due(now + 6'000'000'000'000);
    host.run();
    EXPECT_EQ(ran, 3);
}

TEST_F(PluginTableTest, ABusyObjectMissesTicksThatDoNotPileUp) {
    const auto id = make();
    const auto object = host.objects.find(id);
    const soho_task task = counters.count(ran);
    table()->timer_start(table(), id, 1'000'000'000, 1'000'000'000, &task);
    ASSERT_TRUE(object->turn()->try_enter(false));
    const auto now = monotonic_now();
    for (std::int64_t second = 2; second < 60; ++second) host.timers.run_due(now + second * 1'000'000'000);
    host.run();
    EXPECT_EQ(ran, 0);
    object->turn()->leave(false, nullptr);
    host.run();
    EXPECT_EQ(ran, 1);
    host.timers.run_due(now + 61'000'000'000);
    host.run();
    EXPECT_EQ(ran, 2);
}

TEST_F(PluginTableTest, ATimerDoesNotKeepItsObjectAlive) {
    const auto id = make();
    const soho_task task = counters.count(ran);
    table()->timer_start(table(), id, 1'000'000'000, 1'000'000'000, &task);
    table()->ref_release(table(), id, 0);
    EXPECT_EQ(host.objects.size(), 0u);
    EXPECT_EQ(host.timers.run_due(monotonic_now() + 5'000'000'000), std::nullopt);
    host.run();
    EXPECT_EQ(ran, 0);
}

TEST_F(PluginTableTest, SessionEndsAreTold) {
    const auto id = make();
    client.ask("soho.ping", "[]");
    const auto session = client.caller().session()->id();
    const soho_task task = counters.count(ran);
    table()->on_session_end(table(), session, id, &task);
    const auto cancelled = table()->on_session_end(table(), session, 0, &task);
    table()->session_end_cancel(table(), cancelled);
    table()->session_end_cancel(table(), 4711);
    host.run();
    EXPECT_EQ(ran, 0);
    client.close();
    EXPECT_EQ(ran, 1);
    table()->on_session_end(table(), session, 0, &task);
    host.run();
    EXPECT_EQ(ran, 2) << "one that has ended";
}

TEST_F(PluginTableTest, ChargesAreBounded) {
    const auto id = make();
    EXPECT_EQ(table()->charge(table(), id, 1000), unsigned{SOHO_OK});
    EXPECT_EQ(table()->charge(table(), id, host.limits.object_bytes_max), unsigned{SOHO_LIMIT});
    EXPECT_EQ(host.objects.find(id)->bytes.used(), 1000u);
    EXPECT_EQ(table()->charge(table(), id, -1000), unsigned{SOHO_OK});
    EXPECT_EQ(table()->charge(table(), id, -1000), unsigned{SOHO_OK}) << "what is not there is not given back";
    EXPECT_EQ(host.objects.find(id)->bytes.used(), 0u);
    EXPECT_EQ(table()->charge(table(), id, INT64_MIN), unsigned{SOHO_OK});
    EXPECT_EQ(table()->charge(table(), 4711, 1), unsigned{SOHO_NO_OBJECT});
}

TEST_F(PluginTableTest, ChargesCountForWhoMadeTheObjectAndForThePlugin) {
    const auto a = client.create("Counter"), b = client.create("Counter");
    Quota& principal = host.objects.find(a)->account().bytes;
    Quota& plugin = host.objects.find(a)->type().plugin->bytes;
    const auto both = [&] { return std::pair(principal.used(), plugin.used()); };
    const auto charge = [&](std::uint64_t id, std::int64_t bytes) { return table()->charge(table(), id, bytes); };
    LimitRules rules{host.limits, {}, {}};
    rules.base.principal_bytes_max = 1'000;
    rules.base.plugin_bytes_max = 1'500;
    host.allowances.replace(rules);
    EXPECT_EQ(charge(a, 600), unsigned{SOHO_OK});
    EXPECT_EQ(charge(b, 401), unsigned{SOHO_LIMIT}) << "principal_bytes";
    EXPECT_EQ(charge(b, 400), unsigned{SOHO_OK});
    rules.base.principal_bytes_max = 10'000;
    host.allowances.replace(rules);
    EXPECT_EQ(charge(b, 501), unsigned{SOHO_LIMIT}) << "plugin_bytes";
    EXPECT_EQ(both(), std::pair(std::uint64_t{1'000}, std::uint64_t{1'000})) << "what was refused was given back";
    EXPECT_EQ(charge(a, -700), unsigned{SOHO_OK});
    EXPECT_EQ(both(), std::pair(std::uint64_t{400}, std::uint64_t{400}));
    EXPECT_NE(client.ask("soho.stats", "[]").find(R"("limits_hit": {"principal_bytes": 1, "plugin_bytes": 1})"),
              std::string::npos);
    client.close();
    host.run();
    EXPECT_EQ(both(), std::pair(std::uint64_t{0}, std::uint64_t{0})) << "it goes with the objects";
}

TEST_F(PluginTableTest, APrincipalHasSoManyObjectsAndNoMore) {
    LimitRules rules{host.limits, {}, {}};
    rules.base.principal_objects_max = 2;
    host.allowances.replace(rules);
    const auto first = client.create("Counter");
    client.create("Counter");
    const int destroyed = counters.destroyed;
    EXPECT_EQ(client.ask("soho.create", R"(["Counter", [1]])"),
              R"("limit: uid:1000 has 2 objects already (principal_objects): release some first")");
    host.run();
    EXPECT_EQ(counters.destroyed, destroyed + 1) << "what the plugin made goes back to it";
    EXPECT_EQ(client.ask("soho.call", fmt::format(R"([{}, "child"])", first)),
              R"("limit: uid:1000 has 2 objects already (principal_objects): release some first")");
    client.ask("soho.release", fmt::format("[[{}, 1]]", first));
    host.run();
    client.create("Counter");
    EXPECT_EQ(host.services.objects.accounts().of("uid:1000").objects.used(), 2u);
}

TEST_F(PluginTableTest, NamesOfAPluginAreItsOwn) {
    const auto id = make();
    EXPECT_EQ(table()->publish(table(), to_text("c"), id), unsigned{SOHO_OK});
    EXPECT_EQ(table()->publish(table(), to_text("c"), id), unsigned{SOHO_EXISTS});
    EXPECT_EQ(table()->publish(table(), to_text("a b"), id), unsigned{SOHO_BAD_ARGUMENTS});
    EXPECT_EQ(table()->publish(table(), to_text("d"), 4711), unsigned{SOHO_NO_OBJECT});
    EXPECT_EQ(client.ask("c.get", "[]"), "5");
    EXPECT_EQ(table()->unpublish(table(), to_text("c")), unsigned{SOHO_OK});
    client.create("Counter", "[]", R"({"name": "mine"})");
    EXPECT_EQ(table()->unpublish(table(), to_text("mine")), unsigned{SOHO_DENIED});
}

TEST_F(PluginTableTest, SettingsAndLogAndExtensions) {
    const auto settings = table()->settings(table());
    EXPECT_EQ(test::show(data::Bytes(settings.data, static_cast<std::size_t>(settings.size))), "{}");
    table()->log(table(), SOHO_LOG_WARNING, to_text("hello"));
    table()->log(table(), 4711, to_text("odd level"));
    EXPECT_NE(host.log_text().find("plugin.counters: hello"), std::string::npos);
    EXPECT_EQ(table()->get_extension(table(), to_text("soho.state/1")), nullptr);
}

// ---- calls on other objects

struct RefCallTest : PluginTableTest {
    struct Told {
        int count = 0;
        std::string text;
    } told;

    void call(std::uint64_t id, std::string_view method, std::string_view args = "[]", std::int64_t timeout_ns = 0) {
        packed = test::pack(args);
        soho_ref_call request{};
        request.size = sizeof request;
        request.object = id;
        request.method = to_text(method);
        request.args = {reinterpret_cast<const std::uint8_t*>(packed.data()), packed.size()};
        request.timeout_ns = timeout_ns;
        request.context = &told;
        request.done = [](void* context, const soho_outcome* outcome) {
            auto& it = *static_cast<Told*>(context);
            ++it.count;
            it.text =
                outcome->code == SOHO_OK
                    ? test::show(data::Bytes(outcome->result.data, static_cast<std::size_t>(outcome->result.size)))
                    : fmt::format("{}: {}", code_name(static_cast<Code>(outcome->code)), text_of(outcome->text));
        };
        table()->ref_call(table(), &request);
        EXPECT_EQ(told.count, 0) << "never inside ref_call";
        host.run();
    }
    std::string packed;
};

TEST_F(RefCallTest, GiveResults) {
    call(make(), "add", "[2]");
    EXPECT_EQ(told.text, "7");
    EXPECT_EQ(told.count, 1);
}

TEST_F(RefCallTest, GiveMappedResultsAsHandles) {
    call(make(), "child");
    EXPECT_TRUE(told.text.starts_with("ext(0x53, [")) << told.text;
}

TEST_F(RefCallTest, StayWithinTheExposedMethods) {
    call(make("shared_ro"), "add", "[2]");
    EXPECT_EQ(told.text, "no_method: type shared_ro exposes no method \"add\" (exposed: get)");
}

TEST_F(RefCallTest, AreRefusedWithASentence) {
    const auto id = make();
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"5", "bad_arguments: the arguments for Counter.add(n, by=…) are no array"},
        {"[]", "bad_arguments: Counter.add(n, by=…) takes 1 to 2 arguments, 0 were given"},
        {R"([ext(0x53, [5, "Counter"])])", "no_object: no object #5: from an earlier host, or made up"},
    };
    for (const auto& [args, expected] : cases) {
        told = {};
        call(id, "add", args);
        EXPECT_EQ(told.text, expected);
        EXPECT_EQ(told.count, 1);
    }
    told = {};
    call(4711, "add");
    EXPECT_EQ(told.text, "no_object: no object #4711: from an earlier host, or made up");
}

TEST_F(RefCallTest, EndAtTheirDeadline) {
    call(make(), "later", "[]", 1'000'000'000);
    EXPECT_EQ(told.count, 0);
    host.timers.run_due(monotonic_now() + 2'000'000'000);
    host.run();
    EXPECT_EQ(told.text, "deadline: Counter.later() has not replied in time");
    counters.complete("1");
    counters.release();
    host.run();
    EXPECT_EQ(told.count, 1);
}

TEST_F(RefCallTest, FromARunningCallCarryItsContext) {
    const auto id = client.create("Counter");
    const auto inner = make();
    std::string seen;
    Told nested;
    counters.on_hook = [&](test::Thing&, const soho_call* call) {
        if (call->object == inner) {
            seen = fmt::format("{} {} {} {} {}", call->session, call->origin_session, text_of(call->owner),
                               text_of(call->principal), call->chain_size == 1 && call->chain[0] == id);
            return test::give(call, "1");
        }
        soho_ref_call request{};
        request.size = sizeof request;
        request.call = call;
        request.object = inner;
        request.method = to_text("hook");
        request.args = {reinterpret_cast<const std::uint8_t*>("\x90"), 1};
        request.context = &nested;
        request.done = [](void* context, const soho_outcome*) { ++static_cast<Told*>(context)->count; };
        table()->ref_call(table(), &request);
        return test::give(call, "0");
    };
    EXPECT_EQ(client.call(id, "hook", "[]", R"({"owner": "o"})"), "0");
    host.run();
    EXPECT_EQ(nested.count, 1);
    EXPECT_EQ(seen, fmt::format("0 {} o plugin:counters true", client.caller().session()->id()));
}

TEST_F(RefCallTest, ThatWaitWithoutBeingBlockingAreRefused) {
    const auto id = client.create("Counter");
    Told nested;
    counters.on_hook = [&](test::Thing&, const soho_call* call) {
        soho_ref_call request{};
        request.size = sizeof request;
        request.flags = SOHO_REF_CALL_WAITS;
        request.call = call;
        request.object = id;
        request.method = to_text("get");
        request.args = {reinterpret_cast<const std::uint8_t*>("\x90"), 1};
        request.context = &nested;
        request.done = [](void* context, const soho_outcome* outcome) {
            static_cast<Told*>(context)->text = text_of(outcome->text);
        };
        table()->ref_call(table(), &request);
        return test::give(call, "0");
    };
    EXPECT_EQ(client.call(id, "hook", "[]"), "0");
    host.run();
    EXPECT_EQ(nested.text, "Counter.hook(*args) waits for another object's method, but is not declared blocking");
}

TEST_F(PluginTableTest, PublicationsAtLoadAreMade) {
    const auto snapshot = host.registry.snapshot();
    const std::string args = test::pack("[9]");
    std::atomic<bool> done = false;
    Result<void> published;
    std::thread loader([&] {
        published = publish_at_load(host.services, *snapshot->find("Counter"), "c", args, "plugin:counters");
        done = true;
    });
    host.home.run_until([&] { return done.load(); });
    loader.join();
    ASSERT_TRUE(published);
    EXPECT_EQ(client.ask("c.get", "[]"), "9");
    const auto wrong =
        publish_at_load(host.services, *snapshot->find("Counter"), "d", test::pack("[1, 2, 3]"), "config");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().text,
              "publishing \"d\" as a Counter: Counter(value=…) takes 0 to 1 arguments, 3 were given");
}

}  // namespace
}  // namespace soho::host
