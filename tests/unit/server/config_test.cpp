#include "host/config.hpp"

#include "tests/support/notation.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

std::string refused(std::string_view text) {
    Options options;
    const auto read = read_config(text, "sohod.toml", options);
    return read ? "" : read.error().text;
}

TEST(Config, IsRead) {
    Options options;
    const auto read = read_config(R"(
[host]
listen = ["unix:/run/a.sock", "tcp:127.0.0.1:7000"]
plugins = ["a.so"]
plugin_dirs = ["/usr/lib/soho"]
strict = true
log_level = "debug"
reactors = 2
drain_ms = 10
errors = "full"
[limits]
frame_bytes = 65536
handles = 5
stuck_ms = 20
[publish]
pair = "get_pair"
[plugin.pair]
prefix = "acme."
settings = { x = 1, list = [1.5, "a", true], inner = { y = -2 } }
)",
                                  "sohod.toml", options);
    ASSERT_TRUE(read) << read.error().text;
    ASSERT_EQ(options.server.listen.size(), 2u);
    EXPECT_EQ(options.server.listen[1].text(), "tcp:127.0.0.1:7000");
    EXPECT_EQ(options.plugin_files, std::vector<std::string>{"a.so"});
    EXPECT_EQ(options.plugin_folders, std::vector<std::string>{"/usr/lib/soho"});
    EXPECT_TRUE(options.strict);
    EXPECT_EQ(options.log_level, "debug");
    EXPECT_EQ(options.server.reactors, 2u);
    EXPECT_EQ(options.server.drain_ms, 10);
    EXPECT_EQ(options.server.listener.error_form, wire::ErrorForm::full);
    EXPECT_EQ(options.server.limits.frame_bytes_max, 65536u);
    EXPECT_EQ(options.server.limits.handles_max, 5u);
    EXPECT_EQ(options.server.limits.stuck_ms, 20);
    EXPECT_EQ(options.server.limits.depth_max, 64u) << "what is not mentioned stays";
    EXPECT_EQ(options.publish, (std::vector<std::pair<std::string, std::string>>{{"pair", "get_pair"}}));
    ASSERT_TRUE(options.plugins.contains("pair"));
    EXPECT_EQ(options.plugins["pair"].prefix, "acme.");
    EXPECT_EQ(test::show(options.plugins["pair"].settings),
              R"({"inner": {"y": -2}, "list": [1.5, "a", true], "x": 1})");
}

TEST(Config, MayBeEmpty) {
    EXPECT_EQ(refused(""), "");
    EXPECT_EQ(refused("# nothing\n[host]\n"), "");
}

TEST(Config, SaysWhereAndWhatIsWrong) {
    EXPECT_EQ(refused("[hots]\nx = 1\n"), "sohod.toml:1:2: no key \"hots\" in the config; did you mean \"host\"?");
    EXPECT_EQ(refused("[host]\n\nlog_levle = \"info\"\n"),
              "sohod.toml:3:1: no key \"log_levle\" in [host]; did you mean \"log_level\"?");
    EXPECT_EQ(refused("[host]\nlog_level = \"loud\"\n"), "sohod.toml:2:13: must be one of debug, info, warning, error");
    EXPECT_EQ(refused("[host]\nlog_level = 5\n"), "sohod.toml:2:13: must be one of debug, info, warning, error");
    EXPECT_EQ(refused("[host]\nerrors = \"fulll\"\n"),
              "sohod.toml:2:10: must be one of string, full; did you mean \"full\"?");
    EXPECT_EQ(refused("[host]\nstrict = 1\n"), "sohod.toml:2:10: must be true or false");
    EXPECT_EQ(refused("[host]\nlisten = \"unix:/x\"\n"), "sohod.toml:2:10: must be an array of strings");
    EXPECT_EQ(refused("[host]\nlisten = [\"unix:/x\", 5]\n"), "sohod.toml:2:22: must be a string");
    EXPECT_EQ(
        refused("[host]\nlisten = [\"x\"]\n"),
        "sohod.toml:2:11: \"x\" is not an address: unix:PATH, tcp:HOST:PORT, tcp:[V6]:PORT, or tls: in place of tcp:");
    EXPECT_EQ(refused("[limits]\ndepth = 65\n"), "sohod.toml:2:9: must be a whole number from 4 to 64");
    EXPECT_EQ(refused("[limits]\ndepth = 8.5\n"), "sohod.toml:2:9: must be a whole number from 4 to 64");
    EXPECT_EQ(refused("[limits]\nhandles = 0\n"), "sohod.toml:2:11: must be a whole number from 1 to 100000000");
    EXPECT_EQ(refused("[limits]\nhandels = 5\n"),
              "sohod.toml:2:1: no key \"handels\" in [limits]; did you mean \"handles\"?");
    EXPECT_EQ(refused("[publish]\npair = 5\n"), "sohod.toml:2:8: publish.pair must be the name of a type");
    EXPECT_EQ(refused("[plugin.pair]\nprefix = \"9.\"\n"), "sohod.toml:2:10: must begin a typeid, such as \"acme.\"");
    EXPECT_EQ(refused("[plugin.pair]\nsettings = 5\n"), "sohod.toml:2:12: must be a table");
    EXPECT_EQ(refused("[plugin]\npair = 5\n"), "sohod.toml:2:8: [plugin.pair] must be a table");
    EXPECT_EQ(refused("host = 5\n"), "sohod.toml:1:8: [host] must be a table");
}

TEST(Config, SaysWhereTheTomlIsBroken) {
    for (const char* text : {"[host\n", "x = = 1\n", "[host]\nstrict = tru\n", "x = 1\nx = 2\n"}) {
        const std::string why = refused(text);
        EXPECT_TRUE(why.starts_with("sohod.toml:1:") || why.starts_with("sohod.toml:2:")) << why;
    }
}

TEST(Config, RefusesSettingsNestedDeeperThanAPluginCanRead) {
    std::string deep = "[plugin.p]\nsettings = { a = ";
    for (int i = 0; i < 80; ++i) deep += "[";
    for (int i = 0; i < 80; ++i) deep += "]";
    EXPECT_EQ(refused(deep + " }\n").substr(0, 18), "sohod.toml:2:12: v");
}

}  // namespace
}  // namespace soho::host
