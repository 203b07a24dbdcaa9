#include "host/tool/new_project.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

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
