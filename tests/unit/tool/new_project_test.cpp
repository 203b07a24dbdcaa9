#include "host/tool/new_project.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

using namespace soho::host::tool;
namespace fs = std::filesystem;
using ::testing::HasSubstr;

namespace {

class NewProject : public ::testing::Test {
protected:
    NewProject() {
        std::string pattern = "/tmp/soho-new-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        ::setenv("SOHO_TEMPLATES", (folder_ / "templates").c_str(), 1);
    }
    ~NewProject() override {
        ::unsetenv("SOHO_TEMPLATES");
        fs::remove_all(folder_);
    }
    fs::path folder_;
};

}  // namespace

TEST_F(NewProject, RefusesNamesThatAreNone) {
    for (const char* name : {"", "1a", "a-b", "a b", "a/b", "_a", "int", "soho", "plugin", "\xc3\xa4"})
        EXPECT_FALSE(write_project(name, (folder_ / "x").string())) << name;
    EXPECT_FALSE(fs::exists(folder_ / "x"));
}

// As a target, CMake takes none of these.
TEST_F(NewProject, RefusesNamesOfCMakeTargets) {
    for (const char* name : {"all", "ALL_BUILD", "help", "install", "INSTALL", "preinstall", "clean", "edit_cache",
                             "rebuild_cache", "ZERO_CHECK", "test", "RUN_TESTS", "package", "PACKAGE", "package_source",
                             "list_install_components", "Experimental", "NightlyMemCheck", "ContinuousBuild"})
        EXPECT_THAT(write_project(name, (folder_ / "x").string()).error().text, HasSubstr("CMake")) << name;
}

TEST_F(NewProject, FillsInNamesThatHaveAFieldInThem) {
    fs::create_directories(folder_ / "templates/plugin");
    std::ofstream(folder_ / "templates/plugin/plugin_name.cpp") << "plugin_name PluginClass plugin_name";
    const auto files = write_project("plugin_name_PluginClass", (folder_ / "x").string());
    ASSERT_TRUE(files) << files.error().text;
    EXPECT_EQ(*files, std::vector<std::string>{"plugin_name_PluginClass.cpp"});
    std::ifstream file(folder_ / "x/plugin_name_PluginClass.cpp");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}),
              "plugin_name_PluginClass PluginNamePluginClass plugin_name_PluginClass");
}

TEST_F(NewProject, SaysThatTheFolderOfTheEnvironmentHasNoTemplate) {
    const auto written = write_project("sound", (folder_ / "x").string());
    ASSERT_FALSE(written);
    EXPECT_THAT(written.error().text, HasSubstr("$SOHO_TEMPLATES is " + (folder_ / "templates").string()));
    EXPECT_FALSE(fs::exists(folder_ / "x"));
}

TEST_F(NewProject, SuggestsANameThatIsOne) {
    EXPECT_THAT(write_project("my-plugin", (folder_ / "x").string()).error().text,
                HasSubstr("'my_plugin' would be one"));
}

TEST_F(NewProject, LeavesNothingBehindWhereTheTemplateIsEmpty) {
    fs::create_directories(folder_ / "templates/plugin");
    EXPECT_FALSE(write_project("sound", (folder_ / "x").string()));
    EXPECT_FALSE(fs::exists(folder_ / "x"));
}

TEST_F(NewProject, LeavesAloneWhatIsThere) {
    fs::create_directory(folder_ / "x");
    EXPECT_THAT(write_project("sound", (folder_ / "x").string()).error().text, HasSubstr("is there already"));
}
