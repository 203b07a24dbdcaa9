#include "host/settings.hpp"
#include "host/config.hpp"
#include "host/manual.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <fstream>
#include <iterator>
#include <set>

namespace soho::host {
namespace {

// Each setting with a value that is not its default, as a flag and as a line of config, gives the same options.
bool is_scalar(const Setting& setting) {
    using Kind = Setting::Kind;
    return setting.kind == Kind::boolean || setting.kind == Kind::number || setting.kind == Kind::word;
}

SettingValue another(const Setting& setting, const SettingValue& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return !*flag;
    if (const auto* number = std::get_if<std::int64_t>(&value))
        return *number == setting.least ? setting.most : setting.least;
    return std::string(setting.words.front() == std::get<std::string>(value) ? setting.words.back()
                                                                             : setting.words.front());
}

TEST(Settings, HaveNamesFlagsAndDocumentationOfTheirOwn) {
    std::set<std::string> names, flags;
    for (const Setting& setting : settings()) {
        EXPECT_TRUE(names.insert(setting.name()).second) << setting.name();
        if (!setting.flag.empty()) {
            EXPECT_TRUE(flags.insert(setting.flag).second) << setting.flag;
        }
        EXPECT_FALSE(setting.doc.empty()) << setting.name();
        EXPECT_FALSE(setting.doc.ends_with('.')) << setting.name();
    }
}

TEST(Settings, OfTheHostAndItsLimitsAllHaveFlags) {
    for (const Setting& setting : settings()) {
        const bool has_place_of_its_own = setting.section.empty() || setting.section == "host" ||
                                          setting.section == "limits" || setting.section == "login" ||
                                          setting.section == "tls";
        EXPECT_EQ(!setting.flag.empty(), has_place_of_its_own) << setting.name();
    }
}

TEST(Settings, HaveDefaultsWithinTheirRange) {
    Options options;
    for (const Setting& setting : settings()) {
        if (!is_scalar(setting) || (setting.section != "host" && setting.section != "limits")) continue;
        EXPECT_EQ(setting.wrong(setting.get(&options)), "") << setting.name();
    }
}

TEST(Settings, AreReadWhereTheyAreKept) {
    for (const Setting& setting : settings()) {
        if (!is_scalar(setting) || (setting.section != "host" && setting.section != "limits")) continue;
        Options options;
        const SettingValue value = another(setting, setting.get(&options));
        const std::string line = fmt::format("{}.{} = {}", setting.section, setting.key, show(value));
        const auto read = read_config(line, "x", options);
        ASSERT_TRUE(read) << line << ": " << read.error().text;
        EXPECT_EQ(setting.get(&options), value) << line;
        Options untouched;
        for (const Setting& other : settings()) {
            if (&other == &setting || !is_scalar(other) || (other.section != "host" && other.section != "limits"))
                continue;
            EXPECT_EQ(other.get(&options), other.get(&untouched)) << line << " changes " << other.name();
        }
    }
}

std::string committed(const std::string& page) {
    std::ifstream in(std::string(SOHO_TEST_SOURCE_DIR) + "/packaging/man/" + page);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Manual, IsWhatTheTableSays) {
    const char* const cure = "write the pages again: cmake --build build/release --target manual";
    EXPECT_TRUE(committed("sohod.8") == manual_of_sohod()) << cure;
    EXPECT_TRUE(committed("sohod.toml.5") == manual_of_config()) << cure;
}

}  // namespace
}  // namespace soho::host
