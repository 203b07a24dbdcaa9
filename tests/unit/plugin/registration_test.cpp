#include "tests/support/fake_host.hpp"

#include <gtest/gtest.h>

namespace soho {
namespace {

struct Thing {
    explicit Thing(int n = 0) : number(n) {}
    int number;
    int get() const { return number; }
    int _private() const { return -1; }
};
struct Other {
    std::shared_ptr<Thing> make() { return std::make_shared<Thing>(5); }
};
struct NoDefault {
    explicit NoDefault(int) {}
};
struct Abstract {
    virtual ~Abstract() = default;
    virtual int number() const = 0;
};
struct Concrete : Abstract {
    int number() const override { return 3; }
};

void everything(Plugin& plugin) {
    using namespace literals;
    plugin.methods<Thing>().method("get", &Thing::get).method("_private", &Thing::_private);
    plugin.type<Thing>("Thing")
        .constructor<int>()
        .args("number"_a = 7)
        .doc("A thing.")
        .version(2, 1)
        .proxytype("ThingProxy", {"get"});
    plugin.type<Thing>("Narrow").exposed({}).proxytype("ThingProxy", {"get"}).create_method(false);
    plugin.type<Thing>("Flags").concurrent().shared_reads().per_plugin().blocking();
    plugin.type<NoDefault>("NoDefault");
    plugin.methods<Abstract>().method("number", &Abstract::number);
    plugin.type<Abstract>("Abstract").callable([] { return std::make_unique<Concrete>(); });
    plugin.publish("thing", "Thing", 9);
}

TEST(Registration, DescribesATypeInFull) {
    test::FakeHost host;
    ASSERT_TRUE(host.load<&everything>()) << host.refusal;
    const auto& thing = host.types.at("Thing");
    EXPECT_EQ(thing.doc, "A thing.");
    EXPECT_EQ(thing.version_major, 2u);
    EXPECT_EQ(thing.version_minor, 1u);
    EXPECT_EQ(thing.proxytype, "ThingProxy");
    EXPECT_EQ(thing.class_name, "Thing");
    EXPECT_EQ(thing.exposed, (std::vector<std::string>{"get"}));
    EXPECT_EQ(thing.flags, std::uint32_t{SOHO_TYPE_EXPOSED});
    ASSERT_EQ(thing.parameters.size(), 1u);
    EXPECT_EQ(thing.parameters[0].name, "number");
    EXPECT_EQ(thing.parameters[0].default_value, "\x07");
    EXPECT_EQ(host.published.at("thing"), (std::pair<std::string, Value>("Thing", Value(Value::Array{9}))));
}

TEST(Registration, AnEmptyExposedListMeansNoneWhateverTheProxytypeSays) {
    test::FakeHost host;
    ASSERT_TRUE(host.load<&everything>());
    EXPECT_TRUE(host.types.at("Narrow").exposed.empty());
    EXPECT_EQ(host.types.at("Narrow").flags, SOHO_TYPE_EXPOSED | SOHO_TYPE_NO_CREATE);
}

TEST(Registration, FlagsReachTheHost) {
    test::FakeHost host;
    ASSERT_TRUE(host.load<&everything>());
    EXPECT_EQ(host.types.at("Flags").flags,
              std::uint32_t{SOHO_TYPE_CONCURRENT} | SOHO_TYPE_SHARED_READS | SOHO_TYPE_PER_PLUGIN | SOHO_TYPE_BLOCKING);
}

TEST(Registration, TheDefaultConstructorIsTheCallableWhereThereIsOne) {
    test::FakeHost host;
    ASSERT_TRUE(host.load<&everything>());
    EXPECT_NE(host.create("Flags"), 0u);
    EXPECT_EQ(host.types.at("NoDefault").create, nullptr);
}

TEST(Registration, ACallableMayMakeADerivedClass) {
    test::FakeHost host;
    ASSERT_TRUE(host.load<&everything>());
    EXPECT_EQ(host.call(host.create("Abstract"), "number").value, Value(3));
}

TEST(Registration, TypesOfOneClassShareItsKey) {
    test::FakeHost host;
    ASSERT_TRUE(host.load<&everything>());
    EXPECT_EQ(host.types.at("Thing").class_key, host.types.at("Narrow").class_key);
    EXPECT_NE(host.types.at("Thing").class_key, host.types.at("NoDefault").class_key);
}

// ---- what is refused ----

template <void (*body)(Plugin&)>
std::string refusal() {
    test::FakeHost host;
    return host.load<body>() ? "" : host.refusal;
}

void throws(Plugin&) { throw std::runtime_error("no such device"); }
void throws_int(Plugin&) { throw 5; }
void too_many_names(Plugin& plugin) { plugin.methods<Thing>().method("get", &Thing::get).args("x"); }
void names_before_method(Plugin& plugin) { plugin.methods<Thing>().args("x"); }
void wrong_default(Plugin& plugin) {
    using namespace literals;
    plugin.methods<Thing>().method("set", [](Thing&, std::uint8_t) {}).args("n"_a = 300);
}
void several_typeids(Plugin& plugin) {
    plugin.methods<Other>().method("make", &Other::make);
    plugin.type<Thing>("A");
    plugin.type<Thing>("B");
    plugin.type<Other>("Other");
}
void no_typeid(Plugin& plugin) {
    plugin.methods<Other>().method("make", &Other::make);
    plugin.type<Other>("Other");
}
void cannot_become(Plugin& plugin) {
    plugin.methods<Thing>().method("get", &Thing::get);
    plugin.type<Thing>("Thing").method_to_typeid({{"get", "Other"}});
    plugin.type<Other>("Other");
}
void unknown_argument_class(Plugin& plugin) {
    plugin.methods<Thing>().method("use", [](Thing&, Other&) {});
    plugin.type<Thing>("Thing");
}
void args_before_callable(Plugin& plugin) { plugin.type<Thing>("Thing").args("n"); }
void duplicate(Plugin& plugin) {
    plugin.type<Thing>("Thing");
    plugin.type<Thing>("Thing");
}

TEST(Registration, ABodyThatThrowsIsRefusedWithItsReason) {
    EXPECT_EQ(refusal<&throws>(), "its load threw RuntimeError: no such device");
    EXPECT_EQ(refusal<&throws_int>(), "its load threw unknown: an exception of type int");
}

TEST(Registration, NamesMustFitTheParameters) {
    EXPECT_EQ(refusal<&too_many_names>(), ".args() of method 'get' of Thing names 1 parameters, it takes 0");
    EXPECT_EQ(refusal<&names_before_method>(), ".args() of Thing stands before the first .method()");
    EXPECT_EQ(refusal<&args_before_callable>(), ".args() of type 'Thing' stands before its callable or constructor");
}

TEST(Registration, ADefaultMustFitItsParameter) {
    EXPECT_EQ(refusal<&wrong_default>(),
              "the default of argument 'n' of method 'set' of Thing: 300 is out of range for uint8");
}

TEST(Registration, AnObjectResultOfSeveralTypeidsNeedsAMapping) {
    EXPECT_EQ(
        refusal<&several_typeids>(),
        "method 'make' of type 'Other' returns a Thing, and several typeids are of that class (A, B): say which with "
        ".method_to_typeid({{\"make\", \"…\"}})");
}

TEST(Registration, AnObjectResultOfNoTypeidIsRefused) {
    EXPECT_EQ(refusal<&no_typeid>(),
              "method 'make' of type 'Other' returns a Thing, but no type of this plugin is of that class");
}

TEST(Registration, AMappingMustBePossible) {
    EXPECT_EQ(
        refusal<&cannot_become>(),
        "type 'Thing' maps method 'get' to 'Other', but its result (int32) cannot become one: 'Other' is of class "
        "Other, and has no callable that takes just such a result");
}

TEST(Registration, AnObjectParameterNeedsATypeOfItsClass) {
    EXPECT_EQ(refusal<&unknown_argument_class>(),
              "method 'use' of Thing takes an Other, but no type of this plugin is of that class");
}

TEST(Registration, WhatTheHostRefusesEndsTheLoad) { EXPECT_EQ(refusal<&duplicate>(), "duplicate Thing"); }

void one_typeid(Plugin& plugin) {
    plugin.methods<Other>().method("make", &Other::make).method("hidden", &Other::make);
    plugin.type<Thing>("Thing");
    plugin.type<Other>("Other").exposed({"make"});
}

TEST(Registration, AnObjectResultOfOneTypeidIsMappedByItself) {
    test::FakeHost host;
    ASSERT_TRUE(host.load<&one_typeid>()) << host.refusal;
    const auto& other = host.types.at("Other");
    EXPECT_EQ(other.mappings.size(), 1u);
    EXPECT_EQ(other.mappings.at("make").first, "Thing");
    EXPECT_EQ(other.mappings.at("make").second, 0u);
    EXPECT_EQ(other.methods.at("make").returns, "Thing");
}

}  // namespace
}  // namespace soho

// The macro, as plugins use it: this program exports an entry like a plugin does.
SOHO_PLUGIN(in_a_test, "2.1", plugin) {
    plugin.type<soho::Thing>("Thing").callable([](int n) { return soho::Thing(n); }).args("n"_a = 1);
}

namespace soho {
namespace {

TEST(Registration, TheEntryGivesATableThatSaysWhatTheNoteSays) {
    const soho_plugin* table = soho_plugin_entry(SOHO_ABI);
    ASSERT_NE(table, nullptr);
    EXPECT_EQ(table->size, sizeof(soho_plugin));
    EXPECT_EQ(table->abi, SOHO_ABI);
    EXPECT_EQ(sdk::detail::from_abi(table->name), "in_a_test");
    EXPECT_EQ(sdk::detail::from_abi(table->version), "2.1");
    EXPECT_STREQ(soho_note.text, "in_a_test");
}

}  // namespace
}  // namespace soho
