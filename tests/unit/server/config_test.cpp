#include "host/config.hpp"

#include "host/settings.hpp"

#include "tests/support/notation.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <filesystem>
#include <fstream>

namespace soho::host {
namespace {

std::string refused(std::string_view text) {
    Options options;
    auto read = read_config(text, "sohod.toml", options);
    if (read) read = complete(options);
    return read ? "" : read.error().text;
}

Options read_all(std::initializer_list<std::string_view> texts) {
    Options options;
    for (const std::string_view text : texts) {
        const auto read = read_config(text, "sohod.toml", options);
        EXPECT_TRUE(read) << read.error().text;
    }
    const auto completed = complete(options);
    EXPECT_TRUE(completed) << completed.error().text;
    return options;
}

std::vector<std::string> addresses_of(const Options& options) {
    std::vector<std::string> addresses;
    for (const ListenerOptions& listener : options.server.listeners) addresses.push_back(listener.address);
    return addresses;
}

TEST(Config, IsRead) {
    Options options = read_all({R"(
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
[principal."uid:1000"]
limits = { handles = 7 }
[plugin.pair]
prefix = "acme."
settings = { x = 1, list = [1.5, "a", true], inner = { y = -2 } }
)"});
    EXPECT_EQ(addresses_of(options), (std::vector<std::string>{"unix:/run/a.sock", "tcp:127.0.0.1:7000"}));
    EXPECT_EQ(options.plugin_files, std::vector<std::string>{"a.so"});
    EXPECT_EQ(options.plugin_folders, std::vector<std::string>{"/usr/lib/soho"});
    EXPECT_TRUE(options.strict);
    EXPECT_EQ(options.log.level, "debug");
    EXPECT_EQ(options.server.reactors, 2u);
    EXPECT_EQ(options.server.drain_ms, 10);
    EXPECT_EQ(options.server.listeners[0].error_form(), wire::ErrorForm::full);
    EXPECT_EQ(options.server.limits.frame_bytes_max, 65536u);
    EXPECT_EQ(options.server.limits.handles_max, 5u);
    EXPECT_EQ(options.server.limits.stuck_ms, 20u);
    EXPECT_EQ(options.server.limits.depth_max, 64u) << "what is not mentioned stays";
    EXPECT_EQ(options.server.principals["uid:1000"], (LimitOverrides{{"handles", 7}}));
    EXPECT_EQ(options.publish, (TextPairs{{"pair", "get_pair"}}));
    ASSERT_TRUE(options.plugins.contains("pair"));
    EXPECT_EQ(options.plugins["pair"].prefix, "acme.");
    EXPECT_EQ(test::show(options.plugins["pair"].settings),
              R"({"inner": {"y": -2}, "list": [1.5, "a", true], "x": 1})");
}

TEST(Config, MayBeEmpty) {
    EXPECT_EQ(refused(""), "");
    EXPECT_EQ(refused("# nothing\n[host]\n"), "");
    EXPECT_TRUE(addresses_of(read_all({""})).empty()) << "it takes the passed sockets, or the user's own address";
}

TEST(Config, GivesEachListenerWhatItSaysAndElseWhatTheHostSays) {
    const Options options = read_all({R"(
[[listener]]
address = "unix:/run/b.sock"
socket_group = "adm"
limits = { calls_waiting = 3, frame_bytes = 8192 }
[[listener]]
address = "tcp:127.0.0.1:0"
errors = "string"
insecure_no_login = true
[host]
listen = ["unix:/run/a.sock"]
errors = "full"
)"});
    const auto& listeners = options.server.listeners;
    EXPECT_EQ(addresses_of(options),
              (std::vector<std::string>{"unix:/run/a.sock", "unix:/run/b.sock", "tcp:127.0.0.1:0"}));
    EXPECT_EQ(listeners[0].errors + listeners[1].errors + listeners[2].errors, "fullfullstring");
    EXPECT_FALSE(listeners[1].insecure_no_login);
    EXPECT_TRUE(listeners[2].insecure_no_login);
    EXPECT_EQ(listeners[1].socket_group, "adm");
    EXPECT_EQ(listeners[1].limits, (LimitOverrides{{"calls_waiting", 3}, {"frame_bytes", 8192}}));
    EXPECT_TRUE(listeners[2].limits.empty());
}

TEST(Config, IsReadOverWhatWasReadBefore) {
    Options options = read_all({R"(
[host]
listen = ["unix:/a"]
plugins = ["a.so"]
log_level = "debug"
[publish]
x = "X"
y = "Y"
[plugin.p]
settings = { a = 1 }
)",
                                R"(
[host]
listen = ["unix:/b"]
plugins = []
log_level = "error"
[publish]
y = "Z"
[plugin.p]
settings = { b = 2 }
)",
                                "[host]\nplugins = [\"c.so\"]\n"});
    EXPECT_EQ(addresses_of(options), (std::vector<std::string>{"unix:/a", "unix:/b"})) << "lists grow";
    EXPECT_EQ(options.plugin_files, std::vector<std::string>{"c.so"}) << "but an empty one empties";
    EXPECT_EQ(options.log.level, "error");
    EXPECT_EQ(options.publish, (TextPairs{{"x", "X"}, {"y", "Z"}}));
    EXPECT_EQ(test::show(options.plugins["p"].settings), R"({"b": 2})");
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
    EXPECT_EQ(refused("[host]\nlisten = 5\n"), "sohod.toml:2:10: must be a string or an array of them");
    EXPECT_EQ(refused("[host]\nlisten = [\"unix:/x\", 5]\n"), "sohod.toml:2:22: must be a string");
    EXPECT_EQ(refused("[host]\nlisten = [\"x\"]\n"),
              "sohod.toml:2:11: \"x\" is not an address: unix:PATH, tcp:HOST:PORT, tcp:[V6]:PORT, or tls: in place of "
              "tcp:");
    EXPECT_EQ(refused("[host]\nsocket_mode = \"0060\"\n"),
              "sohod.toml:2:15: must be an octal mode from \"0600\" to \"0666\" that lets the owner in");
    EXPECT_EQ(refused("[limits]\ndepth = 65\n"), "sohod.toml:2:9: must be a whole number from 4 to 64");
    EXPECT_EQ(refused("[limits]\ndepth = 8.5\n"), "sohod.toml:2:9: must be a whole number from 4 to 64");
    EXPECT_EQ(refused("[limits]\nhandles = 0\n"), "sohod.toml:2:11: must be a whole number from 1 to 100000000");
    EXPECT_EQ(refused("[limits]\nhandels = 5\n"),
              "sohod.toml:2:1: no key \"handels\" in [limits]; did you mean \"handles\"?");
    EXPECT_EQ(refused("[publish]\npair = 5\n"), "sohod.toml:2:8: publish.pair must be a string");
    EXPECT_EQ(refused("[publish]\npair = \"a-b\"\n"), "sohod.toml:2:8: publish.pair must be the name of a type");
    EXPECT_EQ(refused("[plugin.pair]\nprefix = \"9.\"\n"), "sohod.toml:2:10: must begin a typeid, such as \"acme.\"");
    EXPECT_EQ(refused("[plugin.pair]\nsettings = 5\n"), "sohod.toml:2:12: must be a table");
    EXPECT_EQ(refused("[plugin.pair]\nworker_syscalls = \"file\"\n"),
              "sohod.toml:2:19: must be one of all, network, files, compute; did you mean \"files\"?");
    EXPECT_EQ(refused("[plugin.pair]\nworker_read_paths = [\"/a\", \"b\"]\n"),
              "sohod.toml:2:28: must be an absolute path");
    EXPECT_EQ(refused("[plugin.pair]\nworker_write_paths = 5\n"),
              "sohod.toml:2:22: must be a string or an array of them");
    EXPECT_EQ(refused("[plugin]\npair = 5\n"), "sohod.toml:2:8: [plugin.pair] must be a table");
    EXPECT_EQ(refused("host = 5\n"), "sohod.toml:1:8: [host] must be a table");
}

TEST(Config, SaysWhatIsWrongWithAListener) {
    EXPECT_EQ(refused("[listener]\naddress = \"unix:/x\"\n"), "sohod.toml:1:1: must be written [[listener]]");
    EXPECT_EQ(refused("[[listener]]\nerrors = \"full\"\n"), "sohod.toml:1:1: [[listener]] lacks \"address\"");
    EXPECT_EQ(refused("[[listener]]\nadress = \"unix:/x\"\n"),
              "sohod.toml:2:1: no key \"adress\" in [[listener]]; did you mean \"address\"?");
    EXPECT_EQ(refused("[[listener]]\naddress = \"unix:/x\"\nlimits = { handels = 5 }\n"),
              "sohod.toml:3:12: no limit \"handels\"; did you mean \"handles\"?");
    EXPECT_EQ(refused("[[listener]]\naddress = \"unix:/x\"\nlimits = { connections = 5 }\n"),
              "sohod.toml:3:12: connections is no limit of a listener: it belongs in [limits]");
    EXPECT_EQ(refused("[principal.anonymous]\nlimits = { handles = 0 }\n"),
              "sohod.toml:2:22: must be a whole number from 1 to 100000000");
    EXPECT_EQ(refused("[host]\nlisten = [\"unix:/x\"]\n[[listener]]\naddress = \"/x\"\n"),
              "two listeners have the address unix:/x");
}

TEST(Config, ReadsLoginsAndRules) {
    const Options options = read_all({R"(
[login]
keys = "keys"
tokens = "tokens"
[tls]
certificate = "c"
key = "k"
client_ca = "ca"
[[access]]
who = "key:*"
rights = ["call", "create"]
[[access]]
who = ["gid:100"]
names = "jobs"
methods = ["get", "put"]
rights = "call"
)"});
    const SecurityOptions& security = options.server.security;
    EXPECT_EQ(security.keys_file + security.tokens_file, "keystokens");
    EXPECT_EQ(security.tls.certificate + security.tls.key + security.tls.client_ca, "ckca");
    ASSERT_EQ(security.access.size(), 2u);
    EXPECT_EQ(security.access[0].types, std::vector<std::string>{"*"});
    EXPECT_EQ(security.access[0].methods, std::vector<std::string>{"*"});
    EXPECT_EQ(security.access[0].rights, right_call | right_create);
    EXPECT_EQ(security.access[0].source, "sohod.toml:9");
    EXPECT_TRUE(security.access[1].types.empty());
    EXPECT_EQ(security.access[1].names, std::vector<std::string>{"jobs"});
    EXPECT_EQ(security.access[1].methods, (std::vector<std::string>{"get", "put"}));
    EXPECT_TRUE(
        read_all({"[[access]]\nwho = \"key:x\"\nrights = \"call\"", "access = []"}).server.security.access.empty());
}

TEST(Config, SaysWhatIsWrongWithARule) {
    EXPECT_EQ(refused("[[access]]\nrights = \"call\"\n"), "sohod.toml:1:1: [[access]] lacks \"who\"");
    EXPECT_EQ(refused("[[access]]\nwho = \"key:x\"\nrights = [\"cal\"]\n"),
              "sohod.toml:3:11: must be one of create, call, share, publish, provide, admin; did you mean \"call\"?");
}

TEST(Config, SaysThatARuleIsForNobodyThereCanBe) {
    constexpr std::string_view kinds =
        "uid:NUMBER, gid:NUMBER, key:NAME, token:NAME, cert:NAME, plugin:NAME or anonymous";
    const auto rule = [](const std::string& who) { return "[[access]]\nwho = \"" + who + "\"\nrights = \"call\"\n"; };
    for (const char* who : {"ky:ci", "alice", "uid:alice", "uid:", "gid:1x*", "anonymus", ""})
        EXPECT_EQ(refused(rule(who)), fmt::format("sohod.toml:2:7: must be {}", kinds)) << who;
    for (const char* who :
         {"key:ci", "*", "?id:7", "[ku]*", "uid:*", "uid:1[0-9]", "gid:7", "plugin:pair", "anonymous"})
        EXPECT_EQ(read_all({rule(who)}).server.security.access.size(), 1u) << who;
    EXPECT_EQ(refused("[principal.alice]\nlimits = { handles = 1 }\n"),
              "sohod.toml:1:12: [principal.alice]: its name must be uid:NUMBER, key:NAME, token:NAME, cert:NAME, "
              "plugin:NAME, "
              "anonymous or nobody");
    EXPECT_EQ(refused("[principal.'key:*']\nlimits = { handles = 1 }\n"),
              "sohod.toml:1:12: [principal.key:*]: it takes the name of one principal, not a pattern");
    EXPECT_EQ(read_all({"[principal.'cert:*.example.com']\nlimits = { handles = 1 }\n[principal.nobody]\n"})
                  .server.principals.size(),
              2u);
    EXPECT_EQ(refused("[principal.'gid:7']\nlimits = { handles = 1 }\n"),
              "sohod.toml:1:12: [principal.gid:7]: limits are a principal's, not a group's");
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

class ConfigFiles : public testing::Test {
protected:
    ConfigFiles() {
        std::string pattern = testing::TempDir() + "soho-config-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
    }
    ~ConfigFiles() override { std::filesystem::remove_all(folder_); }
    void write(const std::string& name, std::string_view text) const {
        std::filesystem::create_directories(std::filesystem::path(folder_ + "/" + name).parent_path());
        std::ofstream(folder_ + "/" + name) << text;
    }
    std::string folder_;
};

TEST_F(ConfigFiles, DropInsAreReadOverTheFileInTheOrderOfTheirNames) {
    write("a.toml", "[host]\nlog_level = \"debug\"\nplugins = [\"0.so\"]\n");
    write("a.d/20.toml", "[host]\nplugins = [\"2.so\"]\n");
    write("a.d/10.toml", "[host]\nplugins = [\"1.so\"]\nlog_level = \"error\"\n");
    write("a.d/README", "not = = toml");
    write("b.d/1.toml", "not = = toml");
    Options options;
    const auto read = read_config_files(folder_ + "/a.toml", options);
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(options.plugin_files, (std::vector<std::string>{"0.so", "1.so", "2.so"}));
    EXPECT_EQ(options.log.level, "error");
    EXPECT_EQ(options.config_files,
              (std::vector<std::string>{folder_ + "/a.toml", folder_ + "/a.d/10.toml", folder_ + "/a.d/20.toml"}));
}

TEST_F(ConfigFiles, WhatIsWrongIsSaidOfTheFileItIsIn) {
    write("a.toml", "");
    write("a.d/x.toml", "[host]\nstrikt = true\n");
    Options options;
    EXPECT_EQ(read_config_files(folder_ + "/a.toml", options).error().text,
              folder_ + "/a.d/x.toml:2:1: no key \"strikt\" in [host]; did you mean \"strict\"?");
    EXPECT_EQ(read_config_files(folder_ + "/none.toml", options).error().text,
              folder_ + "/none.toml: No such file or directory");
}

}  // namespace
}  // namespace soho::host
