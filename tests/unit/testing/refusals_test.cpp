// The kit refuses what a host refuses, with the same sentences: each plugin here is given to both.
//
// The host's headers come first: they speak of soho::Error, and the SDK has one as well.
#include "tests/support/memory_plugin.hpp"

#include "kit.hpp"

namespace soho_kit_test {
namespace {

using soho::test::MemoryParameter;
using soho::test::MemoryTable;
using soho::test::MemoryType;
using Change = std::function<void(MemoryTable&)>;

MemoryType pair() {
    MemoryType type{"Pair", {{"get_x", nullptr}, {"set_x", nullptr, 0, {{"x"}}}, {"_hidden", nullptr}}};
    type.create = [](const soho_call*, soho_instance*) { return 0u; };
    type.class_name = "Pair";
    return type;
}

std::string hosts_sentence(std::list<MemoryType> types, const Change& change) {
    std::vector<std::unique_ptr<soho::host::PendingType>> pending;
    for (MemoryType& type : types) {
        MemoryTable table(type);
        if (change) change(table);
        auto copy = soho::host::copy_type(table.type);
        if (!copy) return copy.error().text;
        pending.push_back(*std::move(copy));
    }
    const auto linked = soho::host::link_types(std::move(pending));
    return linked ? "" : linked.error().text;
}

std::string kits_sentence(std::list<MemoryType> types, const Change& change) try {
    std::vector<soho::testing::detail::TypePtr> copies;
    for (MemoryType& type : types) {
        MemoryTable table(type);
        if (change) change(table);
        copies.push_back(soho::testing::detail::copy_type(table.type));
    }
    soho::testing::detail::link_types(copies);
    return "";
} catch (const LoadError& error) {
    return error.what();
}

// Both refuse it, and say the same, which begins like this.
void expect_refused(const std::list<MemoryType>& types, std::string_view beginning, const Change& change = {}) {
    const std::string expected = hosts_sentence(types, change);
    EXPECT_TRUE(expected.starts_with(beginning)) << expected;
    EXPECT_EQ(kits_sentence(types, change), expected);
}
void expect_refused(MemoryType type, std::string_view beginning, const Change& change = {}) {
    expect_refused(std::list<MemoryType>{std::move(type)}, beginning, change);
}
MemoryType with(const std::function<void(MemoryType&)>& change) {
    MemoryType type = pair();
    change(type);
    return type;
}
MemoryType taking(std::vector<MemoryParameter> parameters) {
    return with([&](MemoryType& type) { type.methods.front().parameters = std::move(parameters); });
}

TEST(Refusals, OfNothingWhereNothingIsWrong) {
    EXPECT_EQ(hosts_sentence({pair()}, {}), "");
    EXPECT_EQ(kits_sentence({pair()}, {}), "");
}

TEST(Refusals, OfNames) {
    for (const char* name : {"", "1x", "a b", "soho", "soho.x", "a."})
        expect_refused(with([&](MemoryType& type) { type.type_id = name; }), "type \"");
    expect_refused(with([](MemoryType& type) { type.type_id = std::string(256, 'a'); }), "type \"aaa");
    expect_refused(with([](MemoryType& type) { type.proxytype = "a.b"; }), "type \"Pair\": proxytype \"a.b\":");
    expect_refused(with([](MemoryType& type) { type.methods.front().name = "get.x"; }),
                   "method \"get.x\" of type Pair:");
    expect_refused(with([](MemoryType& type) { type.methods.front().name = "set_x"; }),
                   "method \"set_x\" of type Pair: registered twice");
}

TEST(Refusals, OfParameters) {
    constexpr std::uint32_t optional = SOHO_PARAMETER_OPTIONAL, args = SOHO_PARAMETER_ARGS,
                            kwargs = SOHO_PARAMETER_KWARGS;
    const std::string method = "method \"get_x\" of type Pair: ";
    expect_refused(taking({{"a b"}}), method + "parameter \"a b\":");
    expect_refused(taking({{"a"}, {"a"}}), method + "two parameters named \"a\"");
    expect_refused(taking({{"a", optional, "\x01"}, {"b"}}), method + "parameter \"b\" without a default behind");
    expect_refused(taking({{"a", args}, {"b"}}), method + "a parameter behind the one that takes further arguments");
    expect_refused(taking({{"a", args}, {"b", args}}), method + "two parameters that take further arguments");
    expect_refused(taking({{"a", kwargs}, {"b"}}), method + "a parameter behind the one that takes further keywords");
    expect_refused(taking({{"a", 1u << 30}}), method + "parameter \"a\" has the critical flags 0x40000000, which");
    expect_refused(with([](MemoryType& type) {
                       type.parameters = {{"a"}, {"a"}};
                   }),
                   "type \"Pair\": its callable: two parameters named \"a\"");
}

TEST(Refusals, OfDefaultsThatAreNoMessagePack) {
    // Why they are none is said in the words of whoever reads them.
    const auto type = taking({{"a", SOHO_PARAMETER_OPTIONAL, "\xc1"}});
    const std::string beginning = "method \"get_x\" of type Pair: the default of parameter \"a\" is not MessagePack: ";
    EXPECT_TRUE(hosts_sentence({type}, {}).starts_with(beginning));
    EXPECT_TRUE(kits_sentence({type}, {}).starts_with(beginning)) << kits_sentence({type}, {});
}

TEST(Refusals, OfFlags) {
    expect_refused(with([](MemoryType& type) { type.flags = 1u << 31; }), "type \"Pair\": it has the critical flags");
    expect_refused(with([](MemoryType& type) { type.methods.front().flags = 1u << 20; }), "method \"get_x\"");
    expect_refused(with([](MemoryType& type) {
                       type.mappings = {{"get_x", "Pair", 1u << 20}};
                   }),
                   "type \"Pair\": a mapping has the critical flags");
}

TEST(Refusals, OfTables) {
    expect_refused(pair(), "type \"Pair\": its class_key is null", [](MemoryTable& t) { t.type.class_key = nullptr; });
    expect_refused(pair(), "a type says its size is 8 bytes", [](MemoryTable& t) { t.type.size = 8; });
    expect_refused(pair(), "type \"Pair\": 3 methods at a null address",
                   [](MemoryTable& t) { t.type.methods.items = nullptr; });
    expect_refused(pair(), "type \"Pair\": methods of 8 bytes each", [](MemoryTable& t) { t.type.methods.stride = 8; });
    expect_refused(pair(), "type \"Pair\": methods number 2 says its size is 4",
                   [](MemoryTable& t) { t.methods[1].size = 4; });
    expect_refused(pair(), "method \"get_x\" of type Pair: its invoke is null",
                   [](MemoryTable& t) { t.methods[0].invoke = nullptr; });
}

TEST(Refusals, OfExposedListsAndMappings) {
    const auto exposing = [](std::vector<std::string> names) {
        return with([&](MemoryType& type) {
            type.flags = SOHO_TYPE_EXPOSED;
            type.exposed = std::move(names);
        });
    };
    const auto mapping = [](std::vector<soho::test::MemoryMapping> mappings) {
        return with([&](MemoryType& type) { type.mappings = std::move(mappings); });
    };
    expect_refused(exposing({"get_y"}), "type Pair exposes \"get_y\", which is no method of Pair; did you mean");
    expect_refused(mapping({{"get", "Pair"}}),
                   "type Pair maps method \"get\" to typeid \"Pair\", but Pair has no such");
    expect_refused(mapping({{"_hidden", "Pair"}}), "type Pair maps method \"_hidden\" to typeid \"Pair\", but it does");
    expect_refused(mapping({{"get_x", "Pear"}}), "type Pair maps method \"get_x\" to typeid \"Pear\", but this plugin");
    expect_refused(mapping({{"get_x", "Pair"}, {"get_x", "Pair"}}),
                   "type Pair maps method \"get_x\" to typeid \"Pair\"");
    MemoryType bare = with([](MemoryType& type) {
        type.type_id = "Bare";
        type.create = {};
    });
    expect_refused({mapping({{"get_x", "Bare", SOHO_MAPPING_SOURCE}}), bare},
                   "type Pair maps method \"get_x\" to typeid \"Bare\", but that type has no callable");
}

// ---- whole plugins

struct Thing {};
template <void (*body)(soho::Plugin&)>
std::string refusal_of() {
    try {
        Host host({}, &entry<body>);
    } catch (const LoadError& error) {
        return error.what();
    }
    return "loaded";
}
void twice(soho::Plugin& plugin) {
    plugin.type<Thing>("Thing");
    plugin.type<Thing>("Thing");
}
void unknown_publication(soho::Plugin& plugin) {
    plugin.type<Thing>("Thing");
    plugin.publish("thing", "Think");
}
void bad_publication_name(soho::Plugin& plugin) {
    plugin.type<Thing>("Thing");
    plugin.publish("a b", "Thing");
}
void failing_publication(soho::Plugin& plugin) {
    plugin.type<Thing>("Thing").callable([](bool today) {
        if (!today) throw soho::sdk::Error("ValueError", "not today");
        return Thing();
    });
    plugin.publish("thing", "Thing", false);
}
void throwing(soho::Plugin&) { throw std::runtime_error("no disk"); }

TEST(Refusals, OfWholePlugins) {
    EXPECT_NE(refusal_of<&twice>().find("Thing"), std::string::npos);
    EXPECT_EQ(refusal_of<&unknown_publication>(),
              "it publishes \"thing\" as a \"Think\", which it does not register; did you mean \"Thing\"?");
    EXPECT_EQ(refusal_of<&bad_publication_name>(), "published name \"a b\": only letters, digits, _ and . are allowed");
    EXPECT_EQ(refusal_of<&failing_publication>(), "publishing \"thing\" as a Thing: ValueError: not today");
    EXPECT_EQ(refusal_of<&throwing>(), "its load threw RuntimeError: no disk");
}

const soho_plugin* no_table(std::uint32_t) { return nullptr; }
const soho_plugin* of_abi_2(std::uint32_t) {
    static soho_plugin table{};
    table.size = sizeof table;
    table.abi = 2;
    return &table;
}
const soho_plugin* silent(std::uint32_t) {
    static soho_plugin table{};
    table.size = sizeof table;
    table.abi = 1;
    table.name = soho::sdk::detail::to_abi(std::string_view("silent"));
    table.load = [](const soho_host*, const soho_registrar*, void**) { return 3; };
    return &table;
}

// Both read the table in the same way.
void expect_state_refused(const soho_state& table, std::string_view beginning) {
    std::vector<std::unique_ptr<soho::host::PendingType>> hosts;
    std::vector<soho::testing::detail::TypePtr> kits;
    MemoryType type = pair();
    MemoryTable given(type);
    hosts.push_back(*soho::host::copy_type(given.type));
    kits.push_back(soho::testing::detail::copy_type(given.type));
    const auto refused = soho::host::add_state(table, hosts);
    const std::string expected = refused ? "" : refused.error().text;
    EXPECT_TRUE(expected.starts_with(beginning)) << expected;
    try {
        soho::testing::detail::add_state(table, kits);
        EXPECT_EQ(expected, "");
    } catch (const LoadError& error) {
        EXPECT_EQ(error.what(), expected);
    }
}

TEST(Refusals, OfState) {
    const auto table_of = [](const std::vector<soho_state_type>& types) {
        return soho_state{
            sizeof(soho_state), 0, {types.data(), static_cast<std::uint32_t>(types.size()), sizeof(soho_state_type)}};
    };
    const soho_state_type good = {sizeof(soho_state_type),
                                  0,
                                  soho::sdk::detail::to_abi(std::string_view("Pair")),
                                  1,
                                  0,
                                  nullptr,
                                  [](void*, void*, const soho_call*) { return 0u; },
                                  [](void*, const soho_call*, std::uint32_t, soho_instance*) { return 0u; }};
    const auto refused = [&](const std::function<void(soho_state_type&)>& change, std::string_view beginning) {
        std::vector<soho_state_type> types = {good};
        change(types.front());
        expect_state_refused(table_of(types), beginning);
    };
    expect_state_refused(table_of({good}), "");
    const std::string type = "its table soho.state/1: type \"Pair\": ";
    expect_state_refused(table_of({good, good}), type + "it is there twice");
    refused([](auto& changed) { changed.save = nullptr; }, type + "its save is null");
    refused([](auto& changed) { changed.load = nullptr; }, type + "its load is null");
    refused([](auto& changed) { changed.flags = 1u << 16; }, type + "it has the critical flags 0x10000");
    refused([](auto& changed) { changed.type_id.size = 3; },
            "its table soho.state/1: type \"Pai\": this plugin registers no such type; did you mean \"Pair\"?");
    refused([](auto& changed) { changed.size = 8; }, "its table soho.state/1: types number 1 says its size is 8 bytes");
    soho_state small = table_of({});
    small.size = 4;
    expect_state_refused(small, "its table soho.state/1: it says its size is 4 bytes");
}

TEST(Refusals, OfTablesThatDoNotMeet) {
    const auto refusal = [](Host::Entry entry) -> std::string {
        try {
            Host host({}, entry);
        } catch (const LoadError& error) {
            return error.what();
        }
        return "loaded";
    };
    EXPECT_EQ(refusal(&no_table), "its soho_plugin_entry() has no table for ABI 1, which this host speaks: rebuild it");
    EXPECT_EQ(refusal(&of_abi_2), "its table is for ABI 2, this host speaks ABI 1: rebuild it with an SDK for ABI 1");
    EXPECT_EQ(refusal(&silent), "its load() returned 3 without a reason");
}

}  // namespace
}  // namespace soho_kit_test
