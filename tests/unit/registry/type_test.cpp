// What a plugin registers: copied, linked, or refused with a sentence.
#include "tests/support/memory_plugin.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <set>

namespace soho::host {
namespace {

using test::MemoryMethod;
using test::MemoryTable;
using test::MemoryType;

MemoryType pair() {
    MemoryType type{"Pair", {{"get_x", nullptr}, {"set_x", nullptr, 0, {{"x"}}}, {"_hidden", nullptr}}};
    type.create = [](const soho_call*, soho_instance*) { return 0u; };
    type.class_name = "Pair";
    return type;
}

// The bytes of ABI 1's structs, as plugins that were built with it will always have them: today's may have grown.
constexpr std::uint32_t first_text = 16, first_parameter = 80, first_method = 88, first_mapping = 40, first_type = 168;

// An array whose elements are of that many bytes, and end where the memory does.
template <class T>
soho_array cut(const soho_array& array, std::uint32_t bytes, std::unique_ptr<char[]>& memory) {
    memory.reset(new char[std::size_t{array.count} * bytes]);
    for (std::uint32_t i = 0; i < array.count; ++i) {
        T element = static_cast<const T*>(array.items)[i];
        if constexpr (!std::is_same_v<T, soho_text>) element.size = bytes;
        std::memcpy(memory.get() + std::size_t{i} * bytes, &element, bytes);
    }
    return {memory.get(), array.count, bytes};
}

std::string copied(MemoryType type, const std::function<void(MemoryTable&)>& change = {}) {
    MemoryTable table(type);
    if (change) {
        change(table);
        // Tables are changed in place; a changed array header stays as it is.
    }
    const auto copy = copy_type(table.type);
    return copy ? "" : copy.error().text;
}

std::string linked(std::list<MemoryType> types, std::vector<TypePtr>* result = nullptr) {
    std::vector<std::unique_ptr<PendingType>> pending;
    for (MemoryType& type : types) {
        auto copy = copy_type(MemoryTable(type).type);
        if (!copy) return "copy: " + copy.error().text;
        pending.push_back(*std::move(copy));
    }
    auto all = link_types(std::move(pending));
    if (!all) return all.error().text;
    if (result != nullptr) *result = *std::move(all);
    return "";
}

TEST(CopyType, KeepsNothingOfThePlugins) {
    TypePtr type;
    {
        std::vector<TypePtr> types;
        MemoryType given = pair();
        given.doc = "Two numbers.";
        given.methods.front().doc = "Gives x.";
        given.methods.front().flags = SOHO_METHOD_READONLY;
        ASSERT_EQ(linked({given}, &types), "");
        type = types.front();
    }
    EXPECT_EQ(type->type_id, "Pair");
    EXPECT_EQ(type->proxytype, "AutoProxy");
    EXPECT_EQ(type->doc, "Two numbers.");
    EXPECT_EQ(type->exposed_text, "get_x, set_x");
    EXPECT_EQ(type->find("get_x")->doc, "Gives x.");
    EXPECT_TRUE(type->find("get_x")->readonly());
    EXPECT_EQ(type->find("_hidden"), nullptr);
    EXPECT_TRUE(type->creatable());
    EXPECT_EQ(type->no_method("get_y").text,
              "type Pair exposes no method \"get_y\" (exposed: get_x, set_x); did you mean \"get_x\"?");
}

TEST(NoMethod, NeverNamesWhatIsNotExposed) {
    std::vector<TypePtr> types;
    ASSERT_EQ(linked({pair()}, &types), "");
    const Type& type = *types.front();
    EXPECT_EQ(type.no_method("_hidden").text, "type Pair exposes no method \"_hidden\" (exposed: get_x, set_x)");
    for (const char* near : {"_hiden", "hidden", "_hidden_"}) {
        EXPECT_EQ(type.no_method(near).text,
                  fmt::format("type Pair exposes no method \"{}\" (exposed: get_x, set_x)", near));
    }
}

TEST(CopyType, RefusesTypesOfTheWrongShape) {
    MemoryType type = pair();
    type.type_id = "a b";
    EXPECT_EQ(copied(type), "type \"a b\": only letters, digits, _ and . are allowed");
    type.type_id = "soho.x";
    EXPECT_EQ(copied(type), "type \"soho.x\": names that begin with `soho` are the host's own");
    type = pair();
    type.class_key = nullptr;
    EXPECT_EQ(copied(type), "type \"Pair\": its class_key is null");
    type = pair();
    type.proxytype = "a.b";
    EXPECT_EQ(copied(type), "type \"Pair\": proxytype \"a.b\": only letters, digits and _ are allowed");
    EXPECT_EQ(copied(pair(), [](MemoryTable& table) { table.type.size = 8; }),
              fmt::format("a type says its size is 8 bytes, ABI 1 has {}", first_type));
}

TEST(CopyType, RefusesCriticalFlagsThatItDoesNotKnow) {
    MemoryType type = pair();
    type.flags = 1u << 31;
    EXPECT_EQ(copied(type),
              "type \"Pair\": it has the critical flags 0x80000000, which this host does not know: use a newer host, "
              "or build without them");
    type.flags = 1u << 15;
    EXPECT_EQ(copied(type), "") << "others are ignored";
    type = pair();
    type.methods.front().flags = 1u << 20;
    EXPECT_EQ(copied(type),
              "method \"get_x\" of type Pair: it has the critical flags 0x100000, which this host does not know: use a "
              "newer host, or build without them");
    type = pair();
    type.parameters = {{"p", 1u << 22}};
    EXPECT_EQ(copied(type),
              "type \"Pair\": its callable: parameter \"p\" has the critical flags 0x400000, which this host does not "
              "know: use a newer host, or build without them");
    type = pair();
    type.mappings = {{"get_x", "Pair", 1u << 30}};
    EXPECT_EQ(copied(type),
              "type \"Pair\": a mapping has the critical flags 0x40000000, which this host does not know: use a newer "
              "host, or build without them");
}

TEST(CopyType, RefusesMethodsOfTheWrongShape) {
    const auto with = [](std::list<MemoryMethod> methods) {
        MemoryType type = pair();
        type.methods = std::move(methods);
        return copied(type);
    };
    EXPECT_EQ(with({{"a.b", nullptr}}), "method \"a.b\" of type Pair: only letters, digits and _ are allowed");
    EXPECT_EQ(with({{"", nullptr}}), "method \"\" of type Pair: it is empty");
    EXPECT_EQ(with({{"f", nullptr}, {"f", nullptr}}), "method \"f\" of type Pair: registered twice");
    EXPECT_EQ(copied(pair(), [](MemoryTable& table) { table.methods[0].invoke = nullptr; }),
              "method \"get_x\" of type Pair: its invoke is null");
}

TEST(CopyType, RefusesParametersOfTheWrongShape) {
    const auto with = [](std::vector<test::MemoryParameter> parameters) {
        MemoryType type = pair();
        type.methods = {{"f", nullptr, 0, std::move(parameters)}};
        return copied(type);
    };
    constexpr std::uint32_t optional = SOHO_PARAMETER_OPTIONAL, args = SOHO_PARAMETER_ARGS,
                            kwargs = SOHO_PARAMETER_KWARGS;
    EXPECT_EQ(with({{"a b"}}), "method \"f\" of type Pair: parameter \"a b\": only letters, digits and _ are allowed");
    EXPECT_EQ(with({{"a"}, {"a"}}), "method \"f\" of type Pair: two parameters named \"a\"");
    EXPECT_EQ(with({{""}, {""}}), "");
    EXPECT_EQ(with({{"a", optional, "\x01"}, {"b"}}),
              "method \"f\" of type Pair: parameter \"b\" without a default behind one that has one");
    EXPECT_EQ(with({{"a", optional, ""}}),
              "method \"f\" of type Pair: the default of parameter \"a\" is not MessagePack: no value at all");
    EXPECT_EQ(
        with({{"a", optional, "\x92\x01"}}),
        "method \"f\" of type Pair: the default of parameter \"a\" is not MessagePack: a value that is cut short");
    EXPECT_EQ(with({{"a", args}, {"b"}}),
              "method \"f\" of type Pair: a parameter behind the one that takes further arguments");
    EXPECT_EQ(with({{"a", kwargs}, {"b"}}),
              "method \"f\" of type Pair: a parameter behind the one that takes further keywords");
    EXPECT_EQ(with({{"a"}, {"b", args}, {"c", kwargs}}), "");
    EXPECT_EQ(with({{"a", args}, {"b", args}}),
              "method \"f\" of type Pair: two parameters that take further arguments");
}

TEST(CopyType, RefusesArraysThatLie) {
    EXPECT_EQ(copied(pair(), [](MemoryTable& table) { table.type.methods.items = nullptr; }),
              "type \"Pair\": 3 methods at a null address");
    EXPECT_EQ(copied(pair(), [](MemoryTable& table) { table.type.methods.stride = 8; }),
              fmt::format("type \"Pair\": methods of 8 bytes each, ABI 1 has {}", first_method));
    EXPECT_EQ(copied(pair(), [](MemoryTable& table) { table.methods[1].size = 4; }),
              fmt::format("type \"Pair\": methods number 2 says its size is 4 bytes, ABI 1 has {}", first_method));
}

TEST(CopyType, TakesElementsThatHaveGrown) {
    struct Grown {
        soho_method method;
        std::uint64_t later[3];
    };
    MemoryType type = pair();
    MemoryTable table(type);
    std::vector<Grown> grown;
    for (auto& method : table.methods) {
        grown.push_back({method, {1, 2, 3}});
        grown.back().method.size = sizeof(Grown);
    }
    table.type.methods = {grown.data(), static_cast<std::uint32_t>(grown.size()), sizeof(Grown)};
    const auto copy = copy_type(table.type);
    ASSERT_TRUE(copy);
    EXPECT_EQ((*copy)->type.methods.size(), 3u);
    EXPECT_EQ((*copy)->type.methods[1].name, "set_x");
}

TEST(CopyType, TakesElementsAsSmallAsTheFirstAbiHadThem) {
    MemoryType given = pair();
    given.exposed = {"set_x", "get_x"};
    given.mappings = {{"get_x", "Pair"}};
    given.parameters = {{"x"}, {"y"}};
    MemoryTable table(given);
    std::unique_ptr<char[]> of_methods, of_first, of_exposed, of_mappings, of_parameters, of_type;
    table.methods[1].parameters = cut<soho_parameter>(table.methods[1].parameters, first_parameter, of_first);
    table.type.methods = cut<soho_method>(table.type.methods, first_method, of_methods);
    table.type.exposed = cut<soho_text>(table.type.exposed, first_text, of_exposed);
    table.type.method_to_typeid = cut<soho_mapping>(table.type.method_to_typeid, first_mapping, of_mappings);
    table.type.parameters = cut<soho_parameter>(table.type.parameters, first_parameter, of_parameters);
    const soho_array types = cut<soho_type>({&table.type, 1, sizeof(soho_type)}, first_type, of_type);

    auto copy = copy_type(*static_cast<const soho_type*>(types.items));
    ASSERT_TRUE(copy) << copy.error().text;
    std::vector<std::unique_ptr<PendingType>> pending;
    pending.push_back(*std::move(copy));
    const auto linked = link_types(std::move(pending));
    ASSERT_TRUE(linked) << linked.error().text;
    const Type& type = *linked->front();
    EXPECT_EQ(type.exposed_text, "get_x, set_x");
    EXPECT_EQ(type.signature.text(), "(x, y)");
    EXPECT_EQ(type.find("set_x")->signature.text(), "(x)");
    EXPECT_EQ(type.find("get_x")->returns_type, &type);
}

TEST(CopyType, RefusesElementsThatAreSmallerThanTheFirstAbiHadThem) {
    for (const std::uint32_t size : {0u, 8u, first_method - 1}) {
        EXPECT_EQ(
            copied(pair(), [&](MemoryTable& table) { table.methods[0].size = size; }),
            fmt::format("type \"Pair\": methods number 1 says its size is {} bytes, ABI 1 has {}", size, first_method));
        EXPECT_EQ(copied(pair(), [&](MemoryTable& table) { table.type.methods.stride = size; }),
                  fmt::format("type \"Pair\": methods of {} bytes each, ABI 1 has {}", size, first_method));
    }
    EXPECT_EQ(copied(pair(), [](MemoryTable& table) { table.type.size = first_type - 1; }),
              fmt::format("a type says its size is {} bytes, ABI 1 has {}", first_type - 1, first_type));
}

TEST(LinkTypes, ExposesWhatItIsTold) {
    std::vector<TypePtr> types;
    MemoryType type = pair();
    type.exposed = {"set_x", "_hidden", "set_x"};
    ASSERT_EQ(linked({type}, &types), "");
    EXPECT_EQ(types[0]->exposed_text, "_hidden, set_x");
    EXPECT_EQ(types[0]->find("get_x"), nullptr);
    EXPECT_NE(types[0]->find("_hidden"), nullptr);
    type = pair();
    type.flags = SOHO_TYPE_EXPOSED;
    ASSERT_EQ(linked({type}, &types), "");
    EXPECT_EQ(types[0]->exposed_text, "nothing");
    EXPECT_TRUE(types[0]->exposed.empty());
}

TEST(LinkTypes, RefusesAnExposedNameWithoutAMethod) {
    MemoryType type = pair();
    type.exposed = {"get_y"};
    EXPECT_EQ(linked({type}), "type Pair exposes \"get_y\", which is no method of Pair; did you mean \"get_x\"?");
}

TEST(LinkTypes, RefusesMappingsThatLeadNowhere) {
    const auto with = [](test::MemoryMapping mapping, std::vector<std::string> exposed = {}) {
        MemoryType type = pair();
        type.mappings = {std::move(mapping)};
        type.exposed = std::move(exposed);
        MemoryType bare{"Bare", {{"f", nullptr}}};
        return linked({type, bare});
    };
    EXPECT_EQ(with({"get_x", "Bare"}), "");
    EXPECT_EQ(
        with({"get_y", "Bare"}),
        "type Pair maps method \"get_y\" to typeid \"Bare\", but Pair has no such method; did you mean \"get_x\"?");
    EXPECT_EQ(
        with({"get_x", "Bare"}, {"set_x"}),
        "type Pair maps method \"get_x\" to typeid \"Bare\", but it does not expose that method (exposed: set_x)");
    EXPECT_EQ(with({"get_x", "Bar"}),
              "type Pair maps method \"get_x\" to typeid \"Bar\", but this plugin registers no such type; did you mean "
              "\"Bare\"?");
    EXPECT_EQ(with({"get_x", "Bare", SOHO_MAPPING_SOURCE}),
              "type Pair maps method \"get_x\" to typeid \"Bare\", but that type has no callable to take the result");
    MemoryType twice = pair();
    twice.mappings = {{"get_x", "Pair"}, {"get_x", "Pair"}};
    EXPECT_EQ(linked({twice}),
              "type Pair maps method \"get_x\" to typeid \"Pair\", but it is mapped to \"Pair\" already");
}

TEST(LinkTypes, KeepsAllTypesWhileOneIsKept) {
    TypePtr kept;
    {
        std::vector<TypePtr> types;
        MemoryType type = pair();
        type.mappings = {{"get_x", "Bare"}};
        ASSERT_EQ(linked({type, {"Bare", {{"f", nullptr}}}}, &types), "");
        kept = types[0];
    }
    EXPECT_EQ(kept->find("get_x")->returns_type->type_id, "Bare");
    EXPECT_FALSE(kept->find("get_x")->returns_type->creatable());
}

TEST(Signature, ReadsAsOneWouldWriteIt) {
    std::vector<TypePtr> types;
    MemoryType type = pair();
    type.parameters = {{"x"},
                       {""},
                       {"y", SOHO_PARAMETER_OPTIONAL, "\x01"},
                       {"rest", SOHO_PARAMETER_ARGS},
                       {"", SOHO_PARAMETER_KWARGS}};
    ASSERT_EQ(linked({type}, &types), "");
    EXPECT_EQ(types[0]->signature.text(), "(x, arg2, y=…, *rest, **kwargs)");
    EXPECT_EQ(types[0]->signature.required, 2u);
}

// A thousand numbered names in 2,048 places: chance alone finds 791 of them.
TEST(ExposedMethods, FindsNamesThatDifferInAFewLettersAnywhere) {
    for (const auto& [front, end] :
         std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                          {"m", ""},
                                                          {"get_", ""},
                                                          {"method_", ""},
                                                          {"method_", "_of_everything"},
                                                          {"the_number_of_", ""},
                                                          {"what_is_known_of_the_", "_that_was_added_last"},
                                                          {"number_", "_x"}}) {
        std::set<std::size_t> places;
        for (int i = 0; i < 1000; ++i) {
            places.insert(ExposedMethods::hash(fmt::format("{}{}{}", front, i, end)) % 2048);
        }
        EXPECT_GT(places.size(), 700u) << front << "…" << end;
    }
}

}  // namespace
}  // namespace soho::host
