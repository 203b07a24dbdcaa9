#include "host/reload.hpp"

#include "host/config.hpp"

#include <gmock/gmock.h>

namespace soho::host {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Options read(std::string_view text) {
    Options options;
    const auto read = read_config(text, "sohod.toml", options);
    EXPECT_TRUE(read) << read.error().text;
    return options;
}

// "+" in front of those that are live.
std::vector<std::string> found(std::string_view before, std::string_view after) {
    std::vector<std::string> names;
    for (const Difference& difference : differences(read(before), read(after)))
        names.push_back((difference.live ? "+" : "") + difference.name);
    return names;
}

TEST(Reload, FindsWhatDiffers) {
    EXPECT_THAT(found("", ""), IsEmpty());
    EXPECT_THAT(found("[limits]\nhandles = 10000\n", ""), IsEmpty()) << "the default, said or not";
    EXPECT_THAT(found("", "[host]\nlog_level = 'debug'\nstrict = true\n"),
                ElementsAre("host.strict", "+host.log_level"));
    EXPECT_THAT(found("[login]\nkeys = 'a'\n", "[login]\nkeys = 'b'\n"), ElementsAre("+login.keys"));
}

TEST(Reload, FindsListenersByAddress) {
    constexpr std::string_view one = "[[listener]]\naddress = 'unix:/a'\nlimits = { handles = 3 }\n";
    EXPECT_THAT(found(one, one), IsEmpty());
    EXPECT_THAT(found(one, "[[listener]]\naddress = 'unix:/a'\nlimits = { handles = 4 }\n"),
                ElementsAre("+listener unix:/a.limits"));
    EXPECT_THAT(found(one, "[[listener]]\naddress = 'unix:/a'\nerrors = 'full'\nlimits = { handles = 3 }\n"),
                ElementsAre("listener unix:/a.errors"));
    EXPECT_THAT(found(one, "[[listener]]\naddress = 'unix:/b'\n"), ElementsAre("listener unix:/a", "listener unix:/b"));
}

TEST(Reload, FindsTablesWithNames) {
    EXPECT_THAT(found("[plugin.a.settings]\nx = 1\n", "[plugin.a.settings]\nx = 2\n[plugin.b]\nprefix = 'y.'\n"),
                ElementsAre("plugin.a.settings", "plugin.b.prefix"));
    EXPECT_THAT(found("[plugin.a]\n", "[plugin.a]\nworker_read_paths = []\n"),
                ElementsAre("plugin.a.worker_read_paths"))
        << "an empty list is not the same as none";
    EXPECT_THAT(found("[principal.'uid:1']\nlimits = { handles = 3 }\n", ""), ElementsAre("+principal.uid:1.limits"));
    EXPECT_THAT(found("", "[[access]]\nwho = 'key:x'\nrights = ['call']\n"), ElementsAre("+access"));
}

}  // namespace
}  // namespace soho::host
