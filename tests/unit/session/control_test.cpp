#include "tests/support/test_host.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

using test::TestClient;

struct ControlTest : testing::Test {
    ControlTest() { host.load(counters.plugin); }
    test::Counters counters;
    test::TestHost host;
    TestClient client{host};
    TestClient other{host, {"uid:2000", rights_all & ~std::uint32_t{right_admin}}};
};

TEST_F(ControlTest, PingIsAnswered) {
    EXPECT_EQ(client.ask("soho.ping", "[]"), "nil");
    EXPECT_EQ(client.ask("soho.ping", "[1]"), R"("bad_arguments: soho.ping takes [], 1 given")");
}

TEST_F(ControlTest, UnknownMethodsSuggestTheNearest) {
    EXPECT_EQ(client.ask("soho.pong", "[]"),
              R"("no_method: this host has no method \"soho.pong\"; did you mean \"soho.ping\"?")");
    EXPECT_EQ(client.ask("soho.creat", "[]"),
              R"("no_method: this host has no method \"soho.creat\"; did you mean \"soho.create\"?")");
    EXPECT_EQ(client.ask("soho.state", "[]"), R"("no_method: this host has no method \"soho.state\"")");
    EXPECT_EQ(client.ask("soho.", "[]"), R"("no_method: this host has no method \"soho.\"")");
    EXPECT_EQ(client.send(R"([2, "soho.pong", []])"), "");
}

TEST_F(ControlTest, WhoamiTellsThePrincipalAndItsRights) {
    EXPECT_EQ(
        other.ask("soho.whoami", "[]"),
        fmt::format(
            R"({{"session": {}, "principal": "uid:2000", "rights": ["create", "call", "share", "publish", "provide"], "rules": [], "instance": "cafe"}})",
            other.caller().session()->id()));
}

TEST_F(ControlTest, ReleaseGivesCountsBackAndClampsThem) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.ask("soho.retain", fmt::format("[{}]", id)),
              fmt::format(R"({{"$soho": {}, "type": "Counter"}})", id));
    EXPECT_EQ(client.caller().session()->references(), 2u);
    EXPECT_EQ(client.ask("soho.release", fmt::format("[[{}, 1]]", id)), "nil");
    EXPECT_EQ(host.objects.size(), 1u);
    EXPECT_EQ(client.ask("soho.release", fmt::format("[[{}, 5], [77, 1]]", id)), "nil");
    EXPECT_EQ(host.services.releases_clamped, 2u);
    EXPECT_EQ(host.objects.size(), 0u);
    host.run();
    EXPECT_EQ(counters.destroyed, 1);
    EXPECT_EQ(client.ask("soho.release", "[]"), "nil");
}

TEST_F(ControlTest, ReleaseChecksAllPairsFirst) {
    const auto id = client.create("Counter");
    for (const char* pairs : {"[5]", "[[1]]", "[[1, 2, 3]]", R"([["1", 1]])", "[[1, -1]]", "[nil]"}) {
        EXPECT_EQ(client.ask("soho.release", pairs), R"("bad_arguments: soho.release takes pairs [id, count]")")
            << pairs;
    }
    EXPECT_EQ(client.ask("soho.release", fmt::format("[[{}, 1], 5]", id)),
              R"("bad_arguments: soho.release takes pairs [id, count]")");
    EXPECT_EQ(host.objects.size(), 1u);
}

TEST_F(ControlTest, ReleaseOfACallsTargetTakesEffectAfterTheCall) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.send(fmt::format(R"([0, 1, "soho.call", [{}, "later"]])", id)), "");
    EXPECT_EQ(client.send(fmt::format(R"([2, "soho.release", [[{}, 1]]])", id)), "");
    host.run();
    EXPECT_EQ(host.objects.size(), 1u);
    counters.complete("1");
    counters.release();
    EXPECT_EQ(client.wait_delivered(1).size(), 1u);
    EXPECT_EQ(host.objects.size(), 0u);
}

TEST_F(ControlTest, PublishOpenAndUnpublish) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.ask("soho.publish", fmt::format(R"([{}, "c"])", id)), "nil");
    EXPECT_EQ(client.ask("soho.names", "[]"), fmt::format(R"([{{"name": "c", "type": "Counter", "id": {}}}])", id));
    EXPECT_EQ(client.ask("soho.publish", fmt::format(R"([{}, "c"])", id)),
              fmt::format(R"~("exists: the name \"c\" is taken by #{} (Counter)")~", id));
    EXPECT_EQ(client.ask("soho.publish", fmt::format(R"([{}, "a b"])", id)),
              R"("bad_arguments: \"a b\" cannot be published: only letters, digits, _ and . are allowed")");
    EXPECT_EQ(client.ask("soho.publish", fmt::format(R"([{}, 5])", id)),
              R"("bad_arguments: soho.publish: the name must be a string, not int")");
    EXPECT_EQ(other.ask("soho.open", R"(["c"])"), fmt::format(R"({{"$soho": {}, "type": "Counter"}})", id));
    EXPECT_EQ(other.ask("soho.open", R"(["cc"])"),
              R"("no_object: nothing is published as \"cc\"; did you mean \"c\"?")");
    EXPECT_EQ(other.ask("soho.open", "[5]"), R"("bad_arguments: soho.open: the name must be a string, not int")");
    EXPECT_EQ(other.ask("soho.unpublish", R"(["c"])"),
              R"("denied: \"c\" was published by uid:1000: only they or an admin may unpublish it")");
    client.close();
    EXPECT_EQ(host.objects.size(), 1u);
    TestClient admin(host, {"root", rights_all});
    EXPECT_EQ(admin.ask("soho.unpublish", R"(["c"])"), "nil");
    EXPECT_EQ(admin.ask("soho.unpublish", R"(["c"])"), R"("no_object: nothing is published as \"c\"")");
    EXPECT_EQ(other.call(id, "get", "[]"), "0") << "whoever opened it keeps it";
}

TEST_F(ControlTest, NamesMayGoWithTheirSession) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.ask("soho.publish", fmt::format(R"([{}, "c", {{"session": true}}])", id)), "nil");
    EXPECT_EQ(client.ask("soho.publish", fmt::format(R"([{}, "d", {{"session": false}}])", id)), "nil");
    EXPECT_EQ(client.ask("soho.publish", fmt::format(R"([{}, "e", {{"session": 1}}])", id)),
              R"("bad_arguments: soho.publish: option \"session\" must be a bool")");
    client.close();
    EXPECT_EQ(host.names.size(), 1u);
    EXPECT_EQ(host.objects.size(), 1u);
}

TEST_F(ControlTest, ATicketHandsAnObjectToAnotherPrincipal) {
    const auto id = client.create("Counter", "[5]");
    const std::string ticket = client.ask("soho.share", fmt::format("[{}, 1000]", id));
    EXPECT_TRUE(ticket.starts_with("\"cafe.")) << ticket;
    EXPECT_EQ(other.ask_handle("soho.claim", "[" + ticket + "]"), id);
    EXPECT_EQ(other.call(id, "get", "[]"), "5");
    EXPECT_EQ(other.ask("soho.claim", "[" + ticket + "]"),
              R"("no_object: no such ticket: claimed already, or its time is over")");
    EXPECT_EQ(other.ask("soho.claim", R"(["beef.00"])"),
              R"("no_object: no such ticket: from an earlier host, or made up")");
    EXPECT_EQ(other.ask("soho.claim", "[5]"), R"("bad_arguments: soho.claim: the ticket must be a string, not int")");
    EXPECT_EQ(host.tickets.size(), 0u);
    EXPECT_EQ(host.timers.run_due(0), std::nullopt);
}

TEST_F(ControlTest, ATicketOutlivesItsSessionUntilItsTimeIsOver) {
    const auto id = client.create("Counter", "[5]");
    client.ask("soho.share", fmt::format("[{}, 60000]", id));
    client.close();
    EXPECT_EQ(host.objects.size(), 1u);
    TestClient same(host);
    EXPECT_EQ(same.call(id, "get", "[]"), "5") << "a principal may use what its tickets hold";
    EXPECT_TRUE(other.call(id, "get", "[]").starts_with("\"no_object: ")) << "another may not";
    host.timers.run_due(monotonic_now() + 61'000'000'000);
    EXPECT_EQ(host.tickets.size(), 0u);
    EXPECT_EQ(host.objects.size(), 0u);
}

TEST_F(ControlTest, ATicketMayBeClaimedAsOftenAsItSays) {
    const auto id = client.create("Counter", "[5]");
    const std::string ticket = client.ask("soho.share", fmt::format(R"([{}, 1000, {{"uses": 2}}])", id));
    EXPECT_EQ(other.ask_handle("soho.claim", "[" + ticket + "]"), id);
    EXPECT_EQ(other.ask_handle("soho.claim", "[" + ticket + "]"), id);
    EXPECT_TRUE(other.ask("soho.claim", "[" + ticket + "]").starts_with("\"no_object"));
}

TEST_F(ControlTest, ShareRefusesWhatItCannotKeep) {
    const auto id = client.create("Counter");
    const auto refused = [&](std::string_view rest) {
        return client.ask("soho.share", fmt::format("[{}, {}]", id, rest));
    };
    EXPECT_EQ(refused("0"), R"("bad_arguments: a ticket lives 1 to 60000 ms (ticket_ttl_ms), not 0")");
    EXPECT_EQ(refused("60001"), R"("bad_arguments: a ticket lives 1 to 60000 ms (ticket_ttl_ms), not 60001")");
    EXPECT_EQ(refused("18446744073709551615").substr(0, 50), R"("bad_arguments: a ticket lives 1 to 60000 ms (tick)");
    EXPECT_EQ(refused("-1"), R"("bad_arguments: soho.share: ttl_ms must be an unsigned integer, not int")");
    EXPECT_EQ(refused(R"(1000, {"uses": 0})"), R"("bad_arguments: a ticket that may be claimed 0 times is of no use")");
    EXPECT_EQ(refused(R"(1000, {"use": 1})"),
              R"("bad_arguments: soho.share has no option \"use\"; did you mean \"uses\"?")");
}

TEST_F(ControlTest, TicketsOfASessionAreCapped) {
    const auto id = client.create("Counter");
    for (std::size_t i = 0; i < host.limits.tickets_max; ++i) client.ask("soho.share", fmt::format("[{}, 1000]", id));
    EXPECT_EQ(client.ask("soho.share", fmt::format("[{}, 1000]", id)),
              R"~("limit: this session has 64 unclaimed tickets already (tickets)")~");
    EXPECT_TRUE(other.ask("soho.share", fmt::format("[{}, 1000]", other.create("Counter"))).starts_with("\"cafe."));
}

TEST_F(ControlTest, HandlesOfASessionAreCapped) {
    Limits limits;
    limits.handles_max = 2;
    test::Counters own;
    test::TestHost small(limits);
    small.load(own.plugin);
    TestClient asker(small);
    const auto id = asker.create("Counter", "[1]");
    asker.create("Counter", "[2]");
    const std::string refused = R"("limit: this session refers to 2 objects already (handles): release some first")";
    EXPECT_EQ(asker.ask("soho.create", R"(["Counter", [3]])"), refused);
    small.run();
    EXPECT_EQ(small.objects.size(), 2u) << "what nobody has a handle of is destroyed";
    EXPECT_EQ(own.destroyed, 1);
    EXPECT_EQ(asker.ask_handle("soho.retain", fmt::format("[{}]", id)), id) << "known objects are counted on";
    EXPECT_EQ(asker.ask("soho.call", fmt::format(R"([{}, "wrap"])", id)), refused);
    small.run();
    EXPECT_EQ(small.objects.size(), 2u);
}

TEST_F(ControlTest, CancelAnswersTheCallAtOnce) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.send(fmt::format(R"([0, 7, "soho.call", [{}, "later"]])", id)), "");
    EXPECT_EQ(client.ask("soho.cancel", "[7]"), "nil");
    EXPECT_EQ(client.wait_delivered(1),
              std::vector<std::string>{R"([1, 7, "cancelled: Counter.later() was cancelled", nil])"});
    EXPECT_EQ(client.ask("soho.cancel", "[7]"), "nil");
    EXPECT_EQ(client.ask("soho.cancel", "[18446744073709551615]"), "nil");
    EXPECT_EQ(client.ask("soho.cancel", R"(["7"])"),
              R"("bad_arguments: soho.cancel: the msgid must be an unsigned integer, not str")");
    EXPECT_EQ(client.send("[2, \"soho.cancel\", [7]]"), "");
    counters.release();
}

TEST_F(ControlTest, CancelOfAnotherConnectionsCallIsNothing) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.send(fmt::format(R"([0, 7, "soho.call", [{}, "later"]])", id)), "");
    EXPECT_EQ(other.ask("soho.cancel", "[7]"), "nil");
    EXPECT_TRUE(client.take_delivered().empty());
    counters.complete("1");
    counters.release();
    EXPECT_EQ(client.wait_delivered(1), std::vector<std::string>{"[1, 7, nil, 1]"});
}

TEST_F(ControlTest, TypesAreDescribed) {
    const std::string counter = client.ask("soho.types", R"(["Counter"])");
    EXPECT_TRUE(counter.starts_with(
        R"({"type": "Counter", "version": [1, 0], "doc": "Counts.", "proxytype": "AutoProxy", "create_method": true, "plugin": "counters", "args": [{"name": "value", "type": "any", "doc": "", "default": 0}], "methods": {"get": {"args": [], "returns": "any", "doc": "", "flags": ["readonly"]}, "add": {"args": [{"name": "n", "type": "any", "doc": ""}, {"name": "by", "type": "any", "doc": "", "default": 1}])"))
        << counter;
    EXPECT_NE(
        counter.find(
            R"("echo": {"args": [{"name": "args", "type": "any", "doc": "", "kind": "args"}, {"name": "kwargs", "type": "any", "doc": "", "kind": "kwargs"}])"),
        std::string::npos);
    EXPECT_NE(counter.find(R"("returns_typeid": "Child")"), std::string::npos);
    EXPECT_NE(counter.find(R"("flags": ["blocking"])"), std::string::npos);
    EXPECT_EQ(counter.find("_secret"), std::string::npos);
    EXPECT_NE(client.ask("soho.types", R"(["Child"])").find(R"("create_method": false)"), std::string::npos);
    EXPECT_EQ(client.ask("soho.types", R"(["Chld"])"), R"("no_type: no type \"Chld\"; did you mean \"Child\"?")");
    EXPECT_EQ(client.ask("soho.types", "[]").find("not MessagePack"), std::string::npos);
    EXPECT_EQ(client.ask("soho.types", "[1]"), R"("bad_arguments: soho.types: the typeid must be a string, not int")");
}

TEST_F(ControlTest, ObjectsShowWhoHoldsWhat) {
    const auto id = client.create("Counter", "[5]", R"({"name": "c"})");
    client.ask("soho.share", fmt::format("[{}, 1000]", id));
    const std::string all = client.ask("soho.objects", "[]");
    EXPECT_TRUE(all.starts_with(
        fmt::format(R"([{{"id": {}, "type": "Counter", "references": 1, "bytes": 0, "calls": 0, "age_ms": )", id)))
        << all;
    EXPECT_TRUE(all.ends_with(fmt::format(R"("names": ["c"], "holders": ["session {}", "name c", "ticket"]}}])",
                                          client.caller().session()->id())))
        << all;
    EXPECT_EQ(other.ask("soho.objects", "[]"), "[]");
    EXPECT_EQ(client.ask("soho.objects", fmt::format(R"([{{"referrers": {}}}])", id)), "[]");
    EXPECT_EQ(client.ask("soho.objects", R"([{"referers": 1}])"),
              R"("bad_arguments: soho.objects has no option \"referers\"; did you mean \"referrers\"?")");
}

TEST_F(ControlTest, StatsCount) {
    const auto id = client.create("Counter");
    EXPECT_EQ(client.send(fmt::format(R"([0, 7, "soho.call", [{}, "later"]])", id)), "");
    client.ask("soho.cancel", "[7]");
    const std::string stats = client.ask("soho.stats", "[]");
    for (const char* entry : {R"("sessions": 1)", R"("objects": 1)", R"("references": 1)", R"("calls_in_flight": 1)",
                              R"("plugins": 1)", R"("stuck_calls": {"Counter.later": 1)", R"("requests": 4)"})
        EXPECT_NE(stats.find(entry), std::string::npos) << entry << " in " << stats;
    counters.release();
}

TEST_F(ControlTest, HealthTellsOfRefusedPlugins) {
    EXPECT_TRUE(client.ask("soho.health", "[]").starts_with(R"({"status": "ok", "version": "sohod/)"));
    test::MemoryPlugin bad("bad");
    bad.on_load = [](const soho_host*, const soho_registrar*) { return 1; };
    EXPECT_FALSE(bad.load(host.registry));
    const std::string health = client.ask("soho.health", "[]");
    EXPECT_TRUE(health.starts_with(R"({"status": "degraded")"));
    EXPECT_NE(health.find(R"("reason": "memory:bad.so: its load() returned 1 without a reason")"), std::string::npos)
        << health;
    EXPECT_NE(client.ask("soho.plugins", "[]").find(R"("state": "refused")"), std::string::npos);
}

TEST_F(ControlTest, AdminMethodsNeedTheRight) {
    for (const char* method : {"soho.sessions", "soho.plugins", "soho.shutdown"})
        EXPECT_EQ(other.ask(method, "[]"), fmt::format(R"("denied: uid:2000 may not use {}")", method));
    EXPECT_EQ(other.ask("soho.drop", "[1]"), R"("denied: uid:2000 may not use soho.drop")");
    EXPECT_EQ(other.ask("soho.log_level", R"(["debug"])"), R"("denied: uid:2000 may not use soho.log_level")");
    EXPECT_EQ(host.shutdowns, 0);
    EXPECT_EQ(client.ask("soho.shutdown", "[]"), "nil");
    EXPECT_EQ(host.shutdowns, 1);
    EXPECT_NE(client.ask("soho.sessions", "[]").find(R"("principal": "uid:1000", "client": "", "connections": 1)"),
              std::string::npos);
    EXPECT_NE(client.ask("soho.plugins", "[]").find(R"("state": "loaded")"), std::string::npos);
}

TEST_F(ControlTest, ThoseWithoutRightsMaySayHelloAndPing) {
    TestClient none(host, {"uid:9", 0});
    EXPECT_EQ(none.ask("soho.ping", "[]"), "nil");
    EXPECT_EQ(none.ask("soho.types", "[]"),
              R"("denied: uid:9 has no rights here: an [[access]] rule in the host's config gives them")");
    EXPECT_TRUE(none.ask("soho.names", "[]").starts_with("\"denied: "));
    EXPECT_EQ(none.ask("soho.whoami", "[]").find("denied"), std::string::npos);
}

TEST_F(ControlTest, DropTakesAnObjectAwayFromAll) {
    const auto id = client.create("Counter", "[5]", R"({"name": "c"})");
    other.ask("soho.open", R"(["c"])");
    EXPECT_EQ(client.ask("soho.drop", fmt::format("[{}]", id)), "nil");
    host.run();
    EXPECT_EQ(host.objects.size(), 0u);
    EXPECT_EQ(counters.destroyed, 1);
    EXPECT_EQ(client.ask("soho.drop", fmt::format("[{}]", id)),
              fmt::format(R"("no_object: no object #{}, or none that this session may use")", id));
    EXPECT_EQ(client.ask("soho.release", fmt::format("[[{}, 1]]", id)), "nil");
}

TEST_F(ControlTest, LogLevelIsOneOfFour) {
    EXPECT_EQ(client.ask("soho.log_level", R"(["warning"])"), "nil");
    EXPECT_EQ(host.log.level_of("session"), "warning");
    EXPECT_EQ(client.ask("soho.log_level", R"(["loud"])"),
              R"("bad_arguments: no log level \"loud\": debug, info, warning or error")");
}

TEST_F(ControlTest, LogLevelOfOneSubsystemOrPluginLeavesTheOthers) {
    EXPECT_EQ(client.ask("soho.log_level", R"(["error", "session"])"), "nil");
    EXPECT_EQ(client.ask("soho.log_level", R"(["warning", "plugin.counters"])"), "nil");
    EXPECT_EQ(host.log.level_of("session"), "error");
    EXPECT_EQ(host.log.level_of("plugin.counters"), "warning");
    EXPECT_EQ(host.log.level_of("plugin"), "debug");
    EXPECT_EQ(client.ask("soho.log_level", R"(["error", "plugin.counter"])"),
              R"("bad_arguments: no plugin \"counter\" is loaded; did you mean \"counters\"?")");
}

TEST_F(ControlTest, LogsNeverShowArguments) {
    const auto id = client.create("Counter", "[5]", R"({"name": "c"})");
    client.send(R"([2, "c.echo", ["secret-value"]])");
    client.send(R"([2, "c.add", ["secret-value", 1, 2, 3]])");
    client.call(id, "echo", R"(["secret-value"])");
    EXPECT_EQ(host.log_text().find("secret-value"), std::string::npos);
}

TEST_F(ControlTest, HandlesOfLostRepliesAreTakenBack) {
    client.hold_undelivered = true;
    const auto id = client.create("Counter", "[5]", R"({"name": "c"})");
    client.ask("soho.open", R"(["c"])");
    client.ask("soho.retain", fmt::format("[{}]", id));
    client.call(id, "echo", fmt::format(R"([{{"$soho": {}, "type": "Counter"}}])", id));
    EXPECT_EQ(client.caller().session()->references(), 4u);
    client.lose();
    EXPECT_EQ(client.caller().session()->references(), 0u);
}

TEST_F(ControlTest, HandlesInNotificationsCountForNothing) {
    client.create("Counter", "[5]", R"({"name": "c"})");
    const auto before = client.caller().session()->references();
    EXPECT_EQ(client.send(R"([2, "soho.open", ["c"]])"), "");
    EXPECT_EQ(client.send(R"([2, "c.child", []])"), "");
    host.run();
    EXPECT_EQ(client.caller().session()->references(), before);
    EXPECT_EQ(host.objects.size(), 1u);
}

}  // namespace
}  // namespace soho::host
