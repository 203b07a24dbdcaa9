#include "clients/cli/command_line.hpp"

#include "clients/cli/usage_error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

namespace soho::cli {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

std::string refusal(const Words& words) {
    try {
        parse_command_line(words);
    } catch (const UsageError& error) {
        return error.what();
    }
    return "no error";
}

std::string help(const Words& words) {
    try {
        parse_command_line(words);
    } catch (const HelpWanted& wanted) {
        return wanted.text;
    }
    return "no help";
}

TEST(CommandLine, TakesOptionsBeforeTheTargetOnly) {
    const auto line = parse_command_line(
        {"--host", "unix:/x", "call", "--json", "--as", "it", "d", "set", "--json", "-5", "--", "-h"});
    EXPECT_EQ(line.host, "unix:/x");
    EXPECT_TRUE(line.json);
    EXPECT_EQ(line.invocation.as, "it");
    EXPECT_EQ(line.invocation.words, (Words{"d", "set", "--json", "-5", "--", "-h"}));
}

TEST(CommandLine, KeepsBracketsAndEmptyWords) {
    EXPECT_EQ(parse_command_line({"call", "d", "set", "[1,2]", ""}).invocation.words, (Words{"d", "set", "[1,2]", ""}));
}

TEST(CommandLine, TakesOptionsAnywhereWhereThereAreNoArguments) {
    const auto line = parse_command_line({"describe", "Pair", "--json"});
    EXPECT_TRUE(line.json);
    EXPECT_EQ(line.invocation.words, Words{"Pair"});
    EXPECT_EQ(parse_command_line({"objects", "--referrers", "#7"}).invocation.referrers, "#7");
}

TEST(CommandLine, ReadsTimeouts) {
    EXPECT_EQ(parse_command_line({"--timeout", "0.5", "ping"}).timeout, 500ms);
    EXPECT_EQ(parse_command_line({"ping", "--timeout", "20ms"}).timeout, 20ms);
    EXPECT_EQ(parse_command_line({"ping", "--timeout=2min"}).timeout, 2min);
    for (const char* wrong : {"0", "-1", "soon", "5 years", "inf", "nan"}) {
        EXPECT_THAT(refusal({"--timeout", wrong, "ping"}), testing::HasSubstr("is no time to wait")) << wrong;
    }
}

TEST(CommandLine, RefusesWhatItDoesNotKnow) {
    EXPECT_THAT(refusal({}), testing::HasSubstr("say a command"));
    EXPECT_EQ(refusal({"bogus"}), "there is no command 'bogus'; soho --help lists them");
    EXPECT_THAT(refusal({"ping", "--bogus"}), testing::StrEq("ping has no option '--bogus'; see soho ping --help"));
    const char* no_option = "there is no option '--bogus'; see soho --help";
    EXPECT_EQ(refusal({"--bogus", "types"}), no_option);
    EXPECT_EQ(refusal({"--bogus"}), no_option);
    EXPECT_EQ(refusal({"--bogus", "5", "types"}), no_option);
    EXPECT_EQ(refusal({"--host", "unix:/x", "--bogus", "5", "types"}), no_option);
    EXPECT_EQ(refusal({"--json", "5", "types"}), "there is no command '5'; soho --help lists them");
    EXPECT_EQ(refusal({"call", "--bogus", "5", "pair"}), "call has no option '--bogus'; see soho call --help");
    EXPECT_EQ(refusal({"types", "x"}), "types has too many words: soho types");
    EXPECT_THAT(refusal({"--timeout", "1e13", "ping"}), testing::EndsWith("at most about 30 years"));
    EXPECT_THAT(refusal({"call", "--bogus", "pair", "get_x"}), testing::HasSubstr("see soho call --help"));
    EXPECT_EQ(refusal({"describe"}), "describe lacks something: soho describe TYPE");
    EXPECT_EQ(refusal({"call", "pair"}), "call lacks something: soho call TARGET METHOD [ARG…]");
    EXPECT_EQ(refusal({"unpublish", "a", "b"}), "unpublish has too many words: soho unpublish NAME");
    EXPECT_THAT(refusal({"shell", "x"}), testing::HasSubstr("shell takes no words"));
}

TEST(CommandLine, KnowsEveryOptionThatItHelpsWith) {
    std::string all = help({"--help"});
    for (const Command& command : commands()) all += help({command.name, "--help"});
    const std::regex option("(^|[\\s,])(--?[a-z-]+)");
    std::set<std::string> names;
    for (std::sregex_iterator found(all.begin(), all.end(), option), end; found != end; ++found)
        names.insert((*found)[2]);
    EXPECT_THAT(names, testing::IsSupersetOf({"--host", "--timeout", "--as", "--referrers", "-h", "--version"}));
    for (const std::string& name : names) EXPECT_TRUE(is_option(name)) << name;
    EXPECT_TRUE(is_option("--referrers=7"));
    for (const char* other : {"--bogus", "--", "-", "-5", "host", "", "=", "--=1"})
        EXPECT_FALSE(is_option(other)) << other;
}

TEST(CommandLine, HelpsWithEveryCommand) {
    const std::string all = help({"--help"});
    for (const Command& command : commands()) {
        EXPECT_THAT(all, testing::HasSubstr(command.name));
        const std::string text = help({command.name, "--help"});
        EXPECT_THAT(text, testing::HasSubstr(command.summary));
        EXPECT_THAT(text, testing::HasSubstr(std::string("Usage: soho ") + command.name));
    }
    EXPECT_THAT(help({"shell", "--help"}), testing::HasSubstr("p.set_x 7"));
    EXPECT_THAT(help({"--version"}), testing::StartsWith("soho 0."));
}

}  // namespace
}  // namespace soho::cli
