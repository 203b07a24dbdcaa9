// What clients of one version of a plugin can rely on in the next.
#include "host/registry/compatibility.hpp"

#include "tests/support/memory_plugin.hpp"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace soho::host {
namespace {

using test::MemoryTable;
using test::MemoryType;

// A plugin of one type, as a host has it.
std::unique_ptr<Plugin> plugin_of(MemoryType type, std::uint32_t major = 1) {
    MemoryTable table(type);
    table.type.version_major = major;
    std::vector<std::unique_ptr<PendingType>> types;
    types.push_back(copy_type(table.type).value());
    Note note;
    note.name = "test";
    return Plugin::provide(std::move(note), "memory", std::move(types), HostTable(), 1).value();
}

MemoryType counter() {
    MemoryType type{
        "Counter",
        {{"add", nullptr, 0, {{"by"}}}, {"get", nullptr}, {"log", nullptr, 0, {{"all", SOHO_PARAMETER_ARGS}}}}};
    type.create = [](const soho_call*, soho_instance*) { return 0u; };
    return type;
}

std::string between(MemoryType before, MemoryType after, std::uint32_t major = 1) {
    return fmt::format(
        "{}", fmt::join(incompatibilities(*plugin_of(std::move(before)), *plugin_of(std::move(after), major)), "; "));
}

TEST(Compatibility, IsGivenWhereNothingHasChangedOrMoreIsThere) {
    EXPECT_EQ(between(counter(), counter()), "");
    MemoryType more = counter();
    more.methods.push_back({"reset", nullptr});
    more.methods.front().parameters.push_back({"times", SOHO_PARAMETER_OPTIONAL, "\x01"});
    more.parameters.push_back({"start", SOHO_PARAMETER_OPTIONAL, std::string(1, '\0')});
    EXPECT_EQ(between(counter(), more), "");
    EXPECT_EQ(
        between(more, counter()),
        "Counter takes (), and took (start=…); Counter.add takes (by), and took (by, times=…); Counter.reset has gone");
}

TEST(Compatibility, EndsWithAMethodThatHasGoneOrIsNotExposedAnyMore) {
    MemoryType less = counter();
    less.exposed = {"add", "log"};
    EXPECT_EQ(between(counter(), less), "Counter.get has gone");
}

TEST(Compatibility, EndsWithArgumentsThatWereEnough) {
    MemoryType other = counter();
    other.methods.front().parameters.push_back({"times"});
    other.methods.back().parameters.clear();
    EXPECT_EQ(between(counter(), other),
              "Counter.add takes (by, times), and took (by); Counter.log takes (), and took (*all)");
    MemoryType any = counter();
    any.methods.front().parameters = {{"all", SOHO_PARAMETER_ARGS}};
    EXPECT_EQ(between(counter(), any), "Counter.add takes (*all), and took (by)");
    any.methods.front().parameters.push_back({"named", SOHO_PARAMETER_KWARGS});
    EXPECT_EQ(between(counter(), any), "");
}

TEST(Compatibility, EndsWithArgumentsThatHaveOtherNamesOrPlaces) {
    MemoryType one = counter(), other = counter();
    one.methods.front().parameters = {{"x"}, {"y"}};
    other.methods.front().parameters = {{"y"}, {"x"}};
    EXPECT_EQ(between(one, other), "Counter.add takes (y, x), and took (x, y)");
    other.methods.front().parameters = {{"x"}, {"z"}};
    EXPECT_EQ(between(one, other), "Counter.add takes (x, z), and took (x, y)");
    one.methods.front().parameters = {{"x"}, {""}};
    EXPECT_EQ(between(one, other), "");
}

TEST(Compatibility, EndsWithValuesThatDoNotFitAnyMore) {
    const auto taking = [](std::string type) {
        MemoryType counter_of = counter();
        counter_of.methods.front().parameters = {{"by", 0, {}, nullptr, std::move(type)}};
        return counter_of;
    };
    EXPECT_EQ(between(taking("int32"), taking("str")), "argument by of Counter.add is str, and was int32");
    EXPECT_EQ(between(taking("any"), taking("int64")), "argument by of Counter.add is int64, and was any");
    for (const auto& [before, after] : std::vector<std::pair<std::string, std::string>>{{"int64", "int32"},
                                                                                        {"int32", "uint64"},
                                                                                        {"uint32", "int32"},
                                                                                        {"str?", "str"},
                                                                                        {"float64", "float32"},
                                                                                        {"float64", "int64"},
                                                                                        {"bool", "int8"}})
        EXPECT_NE(between(taking(before), taking(after)), "") << before << " and " << after;
    for (const auto& [before, after] :
         std::vector<std::pair<std::string, std::string>>{{"int32", "int64"},
                                                          {"uint32", "int64"},
                                                          {"str", "str?"},
                                                          {"str", "any"},
                                                          {"int64", "float64"},
                                                          {"Point", "Place"},
                                                          {"", "str"},
                                                          {"list[int32]", "list[str]"}})  // other words say nothing
        EXPECT_EQ(between(taking(before), taking(after)), "") << before << " and " << after;
}

TEST(Compatibility, EndsWithResultsThatAreNotWhatTheyWere) {
    const auto giving = [](std::string type, bool object = false) {
        MemoryType counter_of = counter();
        counter_of.methods.front().returns = std::move(type);
        if (object) counter_of.mappings = {{"add", "Counter"}};
        return counter_of;
    };
    EXPECT_EQ(between(giving("int32"), giving("int64")), "Counter.add gives int64, and gave int32");
    EXPECT_EQ(between(giving("int64"), giving("int32")), "");
    EXPECT_EQ(between(giving("any"), giving("int32")), "");
    EXPECT_EQ(between(giving(""), giving("int32")), "");
    EXPECT_EQ(between(giving("nil"), giving("int32")), "");
    EXPECT_EQ(between(giving("int32?"), giving("nil")), "");
    EXPECT_EQ(between(giving("int32"), giving("nil")), "Counter.add gives nil, and gave int32");
    EXPECT_EQ(between(giving("int32"), giving("")), "Counter.add gives any, and gave int32");
    EXPECT_EQ(between(giving("str"), giving("seconds")), "Counter.add gives seconds, and gave str");
    EXPECT_EQ(between(giving("", true), giving("any")), "Counter.add gives any, and gave a Counter");
    EXPECT_EQ(between(giving("any"), giving("", true)), "Counter.add gives a Counter, and gave any");
}

const char counters = 0, others = 0;  // stand for classes

TEST(Compatibility, EndsWithArgumentsThatAreObjectsOfOtherClasses) {
    const auto taking = [](std::uint32_t flags, const void* class_key, const void* own = &counters) {
        MemoryType counter_of = counter();
        counter_of.class_key = own;
        counter_of.methods.front().parameters = {{"by", flags, {}, class_key, "Counter"}};
        return counter_of;
    };
    const MemoryType before = taking(SOHO_PARAMETER_OBJECT, &counters);
    EXPECT_EQ(between(before, taking(SOHO_PARAMETER_OBJECT, &others, &others)), "");  // each load has its own addresses
    EXPECT_EQ(between(before, taking(0, nullptr)), "");
    EXPECT_EQ(between(before, taking(SOHO_PARAMETER_OBJECT, &others)),
              "argument by of Counter.add is an object of class Counter, but another one");
    EXPECT_EQ(between(taking(0, nullptr), before),
              "argument by of Counter.add is an object of class Counter, and was Counter");
    MemoryType number = counter();
    number.methods.front().parameters = {{"by", 0, {}, nullptr, "int64?"}};
    EXPECT_EQ(between(before, number), "argument by of Counter.add is int64?, and was an object of class Counter");
}

TEST(Compatibility, EndsWithATypeThatHasGoneOrCannotBeCreated) {
    MemoryType other = counter();
    other.type_id = "Total";
    EXPECT_EQ(between(counter(), other), "type Counter has gone");
    MemoryType closed = counter();
    closed.flags = SOHO_TYPE_NO_CREATE;
    EXPECT_EQ(between(counter(), closed), "type Counter cannot be created any more");
    EXPECT_EQ(between(closed, counter()), "");
}

TEST(Compatibility, EndsWithAnotherMajorVersionWhateverElseHasChanged) {
    MemoryType other = counter();
    other.methods.clear();
    EXPECT_EQ(between(counter(), other, 2), "type Counter has the version 2.0, and had 1.0");
}

}  // namespace
}  // namespace soho::host
