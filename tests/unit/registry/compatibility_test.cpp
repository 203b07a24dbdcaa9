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
    EXPECT_EQ(between(counter(), any), "");
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
