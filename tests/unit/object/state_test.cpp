// Objects saved and loaded by the hooks of a plugin's table soho.state/1, and the tables that refuse the plugin.
#include "host/object/state.hpp"

#include "tests/support/test_host.hpp"

#include <gtest/gtest.h>
#include <thread>

namespace soho::host {
namespace {

using test::give;
using test::give_bytes;
using test::instance_of;
using test::Thing;
using test::thing_of;
using test::to_text;

struct Hooks {
    test::Body save = [](void* self, const soho_call* call) {
        return give(call, std::to_string(thing_of(self).value));
    };
    std::function<std::uint32_t(const soho_call* call, std::uint32_t version, soho_instance* out)> load =
        [this](const soho_call* call, std::uint32_t version, soho_instance* out) {
            if (version > 2) return fail(call, SOHO_BAD_ARGUMENTS, "", "versions up to 2 are loaded");
            const auto thing = std::make_shared<Thing>();
            data::Token token;
            data::Reader({call->args.data, static_cast<std::size_t>(call->args.size)}).next(token);
            thing->value = static_cast<std::int64_t>(token.unsigned_value);
            *out = instance_of(thing);
            return std::uint32_t{SOHO_DONE};
        };
    std::uint32_t fail(const soho_call* call, std::uint32_t code, std::string_view type, std::string_view text) const {
        host->fail(call, code, to_text(type), to_text(text), {});
        return SOHO_FAILED;
    }
    const soho_host* host = nullptr;
};

// What the plugin of a test offers; there is one at a time.
const soho_state* offered = nullptr;

struct StateTest : testing::Test {
    StateTest() {
        entry.size = sizeof entry;
        entry.type_id = to_text("Cell");
        entry.version = 2;
        entry.context = &hooks;
        entry.save = [](void* context, void* self, const soho_call* call) {
            return static_cast<Hooks*>(context)->save(self, call);
        };
        entry.load = [](void* context, const soho_call* call, std::uint32_t version, soho_instance* out) {
            return static_cast<Hooks*>(context)->load(call, version, out);
        };
        offered = &table;
        test::MemoryType& cell = plugin.add({"Cell", {{"get", nullptr}}});
        cell.create = [](const soho_call*, soho_instance* out) {
            *out = instance_of(std::make_shared<Thing>());
            return std::uint32_t{SOHO_DONE};
        };
        plugin.change_table = [](soho_plugin& changed) {
            changed.get_extension = [](void*, soho_text id) -> const void* {
                return text_of(id) == SOHO_STATE ? offered : nullptr;
            };
        };
    }
    ~StateTest() override { offered = nullptr; }

    void load_plugin() {
        host.load(plugin);
        hooks.host = plugin.host;
    }
    ObjectPtr cell(std::int64_t value, std::string_view name) {
        ObjectPtr object = host.publish(name, "Cell");
        thing_of(object->self()).value = value;
        return object;
    }
    Result<SavedState> save(const ObjectPtr& object) { return save_state(host.objects, *object, limits, nullptr); }
    std::string why(const ObjectPtr& object) {
        const auto saved = save(object);
        return saved ? "saved" : saved.error().text;
    }

    Hooks hooks;
    soho_state_type entry{};
    soho_state table{sizeof(soho_state), 0, {&entry, 1, sizeof entry}};
    StateLimits limits;
    test::MemoryPlugin plugin{"cells"};
    test::TestHost host;
};

TEST_F(StateTest, IsSavedWithItsVersionAndLoaded) {
    load_plugin();
    const ObjectPtr object = cell(7, "a");
    const auto saved = save(object);
    ASSERT_TRUE(saved) << saved.error().text;
    EXPECT_EQ(saved->version, 2u);
    EXPECT_EQ(test::show(saved->bytes.bytes()), "7");
    std::uint64_t told = 0;
    hooks.load = [load = hooks.load, &told](const soho_call* call, std::uint32_t version, soho_instance* out) {
        told = call->object;
        EXPECT_EQ(call->session, 0u);
        EXPECT_EQ(text_of(call->principal), "plugin:cells");
        return load(call, version, out);
    };
    auto instance = load_state(object->type(), *saved, object->id(), nullptr);
    ASSERT_TRUE(instance) << instance.error().text;
    EXPECT_EQ(told, object->id());
    EXPECT_EQ(thing_of(instance->self).value, 7);
    EXPECT_NE(instance->identity, object->identity());
    instance->release(instance->owner);
}

TEST_F(StateTest, FailsWithTheHooksOwnSentence) {
    load_plugin();
    const ObjectPtr object = cell(1, "a");
    const std::string id = std::to_string(object->id());
    SavedState state;
    state.version = 3;
    state.bytes.append(data::as_bytes(test::pack("1")));
    EXPECT_EQ(load_state(object->type(), state, 0, nullptr).error().text,
              "cells 1.0 Cell does not load state of version 3: versions up to 2 are loaded");
    hooks.save = [this](void*, const soho_call* call) { return hooks.fail(call, 0, "KeyError", "no such"); };
    EXPECT_EQ(why(object), "Cell #" + id + " cannot be saved: KeyError: no such");
    hooks.save = [](void*, const soho_call*) { return std::uint32_t{SOHO_FAILED}; };
    EXPECT_EQ(why(object),
              "Cell #" + id + " cannot be saved: the save of Cell failed without saying why: a defect of plugin cells");
    hooks.load = [](const soho_call*, std::uint32_t, soho_instance*) { return std::uint32_t{SOHO_DONE}; };
    EXPECT_EQ(
        load_state(object->type(), state, 0, nullptr).error().text,
        "cells 1.0 Cell does not load state of version 3: the load of Cell gave no object: a defect of plugin cells");
}

TEST_F(StateTest, NeitherTakesLongerNorGivesWhatItMayNot) {
    load_plugin();
    const ObjectPtr object = cell(1, "a");
    hooks.save = [this](void*, const soho_call* call) {
        EXPECT_EQ(plugin.host->defer(call), nullptr);
        return std::uint32_t{SOHO_PENDING};
    };
    EXPECT_NE(why(object).find("says that its reply comes later, but deferred none"), std::string::npos);
    bool released = false;
    const auto thing = std::make_shared<Thing>();
    thing->on_destroy = [&] { released = true; };
    hooks.save = [&, weak = std::weak_ptr(thing)](void*, const soho_call* call) {
        const soho_instance instance = instance_of(weak.lock());
        plugin.host->result_object(call, &instance);
        return std::uint32_t{SOHO_DONE};
    };
    EXPECT_NE(why(object).find("the save of Cell gave an object"), std::string::npos);
    EXPECT_EQ(thing.use_count(), 1);
    EXPECT_FALSE(released);
}

TEST_F(StateTest, IsLoadedByOneThreadAtATime) {
    load_plugin();
    const ObjectPtr object = cell(7, "a");
    const auto saved = save(object);
    ASSERT_TRUE(saved);
    std::atomic<int> running = 0, most = 0, loads = 0;
    hooks.load = [&](const soho_call* call, std::uint32_t, soho_instance*) {
        const int now = ++running;
        if (now > most) most = now;
        for (int i = 0; i < 20; ++i) std::this_thread::yield();
        --running;
        ++loads;
        return hooks.fail(call, 0, "", "enough");
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int k = 0; k < 100; ++k) static_cast<void>(load_state(object->type(), *saved, 0, nullptr));
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(loads, 400);
    EXPECT_EQ(most, 1);
}

TEST_F(StateTest, MustBeOneMessagePackValueWithinTheLimits) {
    load_plugin();
    const ObjectPtr object = cell(1, "a");
    for (const char* hex : {"", "c1", "0102", "92", "d9"}) {
        hooks.save = [hex](void*, const soho_call* call) {
            return give_bytes(call, data::as_bytes(test::from_hex(hex)));
        };
        EXPECT_NE(why(object).find("its state is not MessagePack"), std::string::npos) << hex << ": " << why(object);
    }
    limits.depth_max = 2;
    hooks.save = [](void*, const soho_call* call) { return give(call, "[[[1]]]"); };
    EXPECT_NE(why(object), "saved");
    limits.bytes_max = 100;
    hooks.save = [](void*, const soho_call* call) { return give(call, '"' + std::string(200, 'x') + '"'); };
    EXPECT_NE(why(object), "saved");
}

TEST_F(StateTest, KeepsTheObjectsOfItsHandlesAndFillsInTheirTypes) {
    load_plugin();
    const ObjectPtr object = cell(1, "a");
    ObjectPtr other = cell(2, "b");
    const std::string id = std::to_string(other->id());
    hooks.save = [&](void*, const soho_call* call) {
        return give(call, "[ext(0x53, [" + id + ", \"\"]), ext(0x54, [ext(0x53, [" + id + ", \"\"])])]");
    };
    auto saved = save(object);
    ASSERT_TRUE(saved) << saved.error().text;
    EXPECT_EQ(test::show(saved->bytes.bytes()),
              "[ext(0x53, [" + id + ", \"Cell\"]), ext(0x54, [ext(0x53, [" + id + ", \"Cell\"])])]");
    const std::weak_ptr<Object> weak = other;
    host.names.clear();
    other = nullptr;
    EXPECT_FALSE(weak.expired());
    hooks.load = [&](const soho_call* call, std::uint32_t, soho_instance*) {
        soho_object found{};
        found.size = sizeof found;
        EXPECT_NE(plugin.host->object_argument(call, weak.lock()->id(), &test::thing_key, &found), 0);
        return hooks.fail(call, 0, "", "enough");
    };
    EXPECT_FALSE(load_state(object->type(), *saved, 0, nullptr));
    saved->objects.clear();
    EXPECT_TRUE(weak.expired());
    EXPECT_EQ(why(object).find("Cell #" + std::to_string(object->id()) + " cannot be saved: in its state there is "),
              0u)
        << why(object);
}

TEST_F(StateTest, OfATypeWithoutHooksThereIsNone) {
    offered = nullptr;
    load_plugin();
    EXPECT_FALSE(cell(1, "a")->type().state);
}

struct StateTables : StateTest {
    std::string refusal() {
        const auto loaded = plugin.load(host.registry);
        return loaded ? "loaded" : loaded.error().text;
    }
};

TEST_F(StateTables, RefuseThePluginWhereTheyDoNotFit) {
    entry.type_id = to_text("Cel");
    EXPECT_EQ(refusal(),
              "memory:cells.so: its table soho.state/1: type \"Cel\": this plugin registers no such type; did you mean "
              "\"Cell\"?");
    EXPECT_EQ(plugin.unloaded, 1) << "its load() was content";
}
TEST_F(StateTables, RefuseThePluginWhereAFunctionLacks) {
    entry.load = nullptr;
    EXPECT_EQ(refusal(), "memory:cells.so: its table soho.state/1: type \"Cell\": its load is null");
}

}  // namespace
}  // namespace soho::host
