#include "tests/support/test_host.hpp"

#include <gtest/gtest.h>
#include <cstddef>
#include <stdexcept>

namespace soho::host {
namespace {

using test::MemoryPlugin;
using test::MemoryTable;
using test::MemoryType;
using test::to_text;

struct RegistryTest : testing::Test {
    static MemoryType type(std::string id) {
        MemoryType made{std::move(id), {{"f", nullptr}}};
        made.create = [](const soho_call*, soho_instance*) { return 0u; };
        return made;
    }
    std::string load(MemoryPlugin& plugin, const PluginOptions& options = {}) {
        const auto loaded = plugin.load(registry, options);
        return loaded ? "" : loaded.error().text;
    }
    std::vector<std::unique_ptr<MemoryPlugin>> kept;
    Registry registry{HostTable{}};
};

TEST_F(RegistryTest, OffersTheTypesOfLoadedPlugins) {
    MemoryPlugin plugin("a");
    plugin.add(type("A"));
    plugin.add(type("B"));
    ASSERT_EQ(load(plugin), "");
    const auto snapshot = registry.snapshot();
    ASSERT_NE(snapshot->find("A"), nullptr);
    EXPECT_EQ((*snapshot->find("A"))->plugin->name(), "a");
    EXPECT_EQ(snapshot->find("C"), nullptr);
    EXPECT_EQ(snapshot->no_type("C").code, Code::no_type);
    EXPECT_EQ(snapshot->plugins.size(), 1u);
}

TEST_F(RegistryTest, RegistersAllOrNothing) {
    MemoryPlugin plugin("a");
    plugin.add(type("A"));
    plugin.add(type("A"));
    EXPECT_EQ(load(plugin), "memory:a.so: typeid \"A\" is registered twice");
    const auto snapshot = registry.snapshot();
    EXPECT_TRUE(snapshot->types.empty());
    EXPECT_TRUE(snapshot->plugins.empty());
    ASSERT_EQ(snapshot->refused.size(), 1u);
    EXPECT_EQ(snapshot->refused[0].file, "memory:a.so");
    EXPECT_EQ(snapshot->refused[0].reason, "memory:a.so: typeid \"A\" is registered twice");
}

TEST_F(RegistryTest, RefusesALaterPluginWithATypeidOrNameThatIsTaken) {
    MemoryPlugin first("a"), second("b"), third("a");
    first.add(type("A"));
    second.add(type("A"));
    third.add(type("C"));
    ASSERT_EQ(load(first), "");
    EXPECT_EQ(load(second),
              "memory:b.so: typeid \"A\" is taken by plugin a (memory:a.so): rename it, or give one of them a prefix "
              "in the config");
    EXPECT_EQ(load(third), "memory:a.so: a plugin named \"a\" is loaded already, from memory:a.so: rename one");
    EXPECT_EQ(registry.snapshot()->types.size(), 1u);
    for (const MemoryPlugin* refused : {&second, &third}) {
        EXPECT_EQ(refused->stopped, 1) << "its load() was content, so it holds a state";
        EXPECT_EQ(refused->unloaded, 1);
    }
    EXPECT_EQ(first.stopped + first.unloaded, 0);
}

TEST_F(RegistryTest, PutsAPrefixBeforeTypeids) {
    MemoryPlugin first("a"), second("b");
    first.add(type("A"));
    second.add(type("A"));
    ASSERT_EQ(load(first), "");
    ASSERT_EQ(load(second, {std::string(1, '\x80'), "acme."}), "");
    const TypePtr* prefixed = registry.snapshot()->find("acme.A");
    ASSERT_NE(prefixed, nullptr);
    EXPECT_EQ((*prefixed)->local_id, "A");
    EXPECT_NE((*prefixed)->plugin->find_local("A"), nullptr);
}

TEST_F(RegistryTest, RefusesWhatLoadSaysOrThrows) {
    const auto refused = [&](int (*on_load)(const soho_host*, const soho_registrar*)) {
        MemoryPlugin& plugin = *kept.emplace_back(std::make_unique<MemoryPlugin>("a"));
        plugin.on_load = on_load;
        return load(plugin);
    };
    EXPECT_EQ(refused([](const soho_host*, const soho_registrar*) { return 3; }),
              "memory:a.so: its load() returned 3 without a reason");
    EXPECT_EQ(refused([](const soho_host*, const soho_registrar* registrar) {
                  registrar->refuse(registrar, to_text("no licence"));
                  registrar->refuse(registrar, to_text("and more"));
                  return 1;
              }),
              "memory:a.so: no licence");
    EXPECT_EQ(refused([](const soho_host*, const soho_registrar*) -> int { throw std::runtime_error("oops"); }),
              "memory:a.so: its load() threw: oops");
    EXPECT_EQ(refused([](const soho_host*, const soho_registrar*) -> int { throw 5; }),
              "memory:a.so: its load() threw something that is no std::exception");
    EXPECT_EQ(refused([](const soho_host*, const soho_registrar* registrar) {
                  MemoryType bad = type("a b");
                  EXPECT_EQ(registrar->add_type(registrar, MemoryTable(bad).abi()), 1);
                  return 0;  // it does not care
              }),
              "memory:a.so: type \"a b\": only letters, digits, _ and . are allowed");
    EXPECT_EQ(registry.snapshot()->refused.size(), 5u);
}

TEST_F(RegistryTest, ChecksPublications) {
    const auto refused = [&](std::string_view name, std::string_view type_id, std::string_view args) {
        MemoryPlugin& plugin = *kept.emplace_back(std::make_unique<MemoryPlugin>("p" + std::to_string(kept.size())));
        const std::string own = "T" + std::to_string(kept.size());
        plugin.on_load = [&, own](const soho_host*, const soho_registrar* registrar) {
            MemoryType creatable = type(own);
            MemoryType bare{"Bare", {{"f", nullptr}}};
            registrar->add_type(registrar, MemoryTable(creatable).abi());
            if (type_id == "Bare") registrar->add_type(registrar, MemoryTable(bare).abi());
            registrar->publish(registrar, to_text(name), to_text(type_id == "own" ? std::string_view(own) : type_id),
                               {reinterpret_cast<const std::uint8_t*>(args.data()), args.size()});
            return 0;
        };
        const std::string why = load(plugin);
        return why.empty() ? why : why.substr(why.find(": ") + 2);
    };
    EXPECT_EQ(refused("x", "own", ""), "");
    EXPECT_EQ(refused("y", "own", "\x91\x01"), "");
    EXPECT_EQ(refused("a b", "own", ""), "published name \"a b\": only letters, digits, _ and . are allowed");
    EXPECT_EQ(refused("x", "own", "\x01"), "the arguments for published name \"x\" are no MessagePack array");
    EXPECT_EQ(refused("x", "own", "\x92\x01"), "the arguments for published name \"x\" are no MessagePack array");
    EXPECT_EQ(refused("x", "Nope", ""), "it publishes \"x\" as a \"Nope\", which it does not register");
    EXPECT_EQ(refused("x", "Bare", ""), "it publishes \"x\" as a \"Bare\", which has no callable");
}

TEST_F(RegistryTest, ChecksThePluginsTable) {
    const auto refused = [&](void (*change)(soho_plugin&)) {
        MemoryPlugin& plugin = *kept.emplace_back(std::make_unique<MemoryPlugin>("a"));
        plugin.change_table = change;
        return load(plugin);
    };
    EXPECT_EQ(refused([](soho_plugin& table) { table.abi = 2; }),
              "memory:a.so: its table is for ABI 2, this host speaks ABI 1: rebuild it with an SDK for ABI 1");
    EXPECT_EQ(refused([](soho_plugin& table) { table.size = 16; }),
              fmt::format("memory:a.so: its table says its size is 16 bytes, ABI 1 has {}", sizeof(soho_plugin)));
    EXPECT_EQ(refused([](soho_plugin& table) { table.name = to_text("b"); }),
              "memory:a.so: its table says name \"b\", its note \"a\": give both the same");
    EXPECT_EQ(refused([](soho_plugin& table) { table.version = to_text("2.0"); }),
              "memory:a.so: its table says version \"2.0\", its note \"1.0\": give both the same");
    EXPECT_EQ(refused([](soho_plugin& table) { table.load = nullptr; }), "memory:a.so: its table has no load()");
    MemoryPlugin old("old");
    old.change_table = [](soho_plugin& table) { table.size = offsetof(soho_plugin, stop); };
    EXPECT_EQ(load(old), "") << "what follows load() is optional";
    registry.snapshot()->plugins[0]->stop();
    EXPECT_EQ(old.stopped, 0);
}

TEST_F(RegistryTest, StopsAndUnloadsPlugins) {
    MemoryPlugin plugin("a");
    plugin.add(type("A"));
    ASSERT_EQ(load(plugin), "");
    Plugin& loaded = *registry.snapshot()->plugins[0];
    loaded.stop();
    EXPECT_EQ(plugin.stopped, 1);
    loaded.unload();
    EXPECT_EQ(plugin.unloaded, 1);
}

TEST_F(RegistryTest, ASnapshotStaysAsItWas) {
    MemoryPlugin first("a"), second("b");
    first.add(type("A"));
    second.add(type("B"));
    ASSERT_EQ(load(first), "");
    const auto before = registry.snapshot();
    ASSERT_EQ(load(second), "");
    EXPECT_EQ(before->types.size(), 1u);
    EXPECT_EQ(registry.snapshot()->types.size(), 2u);
    EXPECT_GT(registry.snapshot()->generation, before->generation);
    EXPECT_NE((*registry.snapshot()->find("A"))->generation, (*registry.snapshot()->find("B"))->generation);
}

// Types come and go while others look: each snapshot is whole, and what was found in it stays while it is kept.
TEST_F(RegistryTest, IsSwappedUnderLoad) {
    MemoryPlugin plugin("a");
    for (int i = 0; i < 8; ++i) plugin.add(type("T" + std::to_string(i)));
    ASSERT_EQ(load(plugin), "");
    const auto all = registry.snapshot()->types;
    std::atomic<bool> stop = false;
    std::atomic<int> looks = 0;
    std::vector<std::thread> readers;
    for (int reader = 0; reader < 3; ++reader) {
        readers.emplace_back([&] {
            std::uint64_t last = 0;
            while (!stop) {
                const auto snapshot = registry.snapshot();
                EXPECT_GE(snapshot->generation, last);
                last = snapshot->generation;
                EXPECT_TRUE(snapshot->types.empty() || snapshot->types.size() == all.size()) << "half a change";
                for (const auto& [name, found] : snapshot->types) EXPECT_EQ(found->type_id, name);
                ++looks;
            }
        });
    }
    for (int swap = 0; swap < 2000 || looks < 1000; ++swap) {
        registry.change([&](Snapshot& next) {
            if (next.types.empty()) {
                next.types = all;
            } else {
                next.types.clear();
            }
        });
    }
    stop = true;
    for (auto& reader : readers) reader.join();
}

}  // namespace
}  // namespace soho::host
