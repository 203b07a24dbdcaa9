// Private copies of plugin files: whose they are, and what becomes of them.
#include "host/registry/plugin_copies.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace soho::host {
namespace {

namespace fs = std::filesystem;

class PluginCopiesTest : public ::testing::Test {
protected:
    PluginCopiesTest() {
        fs::copy_file(fs::path(SOHO_TEST_PLUGIN_DIR) / "pure_c.so", plugin_);
        fs::permissions(plugin_, fs::perms(0755));
    }
    ~PluginCopiesTest() override { fs::remove_all(folder_); }

    static std::string content(const fs::path& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    std::size_t hosts() const {
        return static_cast<std::size_t>(std::distance(fs::directory_iterator(copies_), fs::directory_iterator()));
    }

    static fs::path make_folder() {
        std::string made = (fs::temp_directory_path() / "soho-copies-XXXXXX").string();
        return ::mkdtemp(made.data());
    }

    const fs::path folder_ = make_folder();
    const fs::path plugin_ = folder_ / "plugin.so";
    const fs::path copies_ = folder_ / "copies";
};

TEST_F(PluginCopiesTest, HaveTheContentItsNameAndNobodyElse) {
    PluginCopies copies(copies_.string());
    const auto copy = copies.make(plugin_.string());
    ASSERT_TRUE(copy) << copy.error().text;
    EXPECT_EQ(content(copy->file), content(plugin_));
    EXPECT_EQ(copy->source, fs::canonical(plugin_));
    EXPECT_EQ(copy->note.name, "pure_c");
    EXPECT_EQ(fs::path(copy->file).stem(), copy->sha256);
    EXPECT_EQ(fs::status(copy->file).permissions(), fs::perms(0500));
    EXPECT_EQ(fs::status(copies_).permissions(), fs::perms(0700));
}

TEST_F(PluginCopiesTest, AreFilesOfTheirOwnForTheSameContent) {
    PluginCopies copies(copies_.string());
    const auto one = copies.make(plugin_.string()), other = copies.make(plugin_.string());
    ASSERT_TRUE(one && other);
    EXPECT_EQ(one->sha256, other->sha256);
    EXPECT_FALSE(fs::equivalent(one->file, other->file));
    PluginCopies::remove(*one);
    EXPECT_FALSE(fs::exists(one->file));
    EXPECT_TRUE(fs::exists(other->file));
}

TEST_F(PluginCopiesTest, AreNotMadeOfWhatOthersCanWriteOrWhatIsNoPlugin) {
    PluginCopies copies(copies_.string());
    fs::permissions(plugin_, fs::perms(0777));
    EXPECT_NE(copies.make(plugin_.string()).error().text.find("can be written by other users"), std::string::npos);
    std::ofstream(folder_ / "text.so") << "no plugin";
    EXPECT_FALSE(copies.make((folder_ / "text.so").string()));
    EXPECT_FALSE(copies.make((folder_ / "nowhere.so").string()));
    EXPECT_TRUE(fs::is_empty(*fs::directory_iterator(copies_)));  // nothing is left behind
}

TEST_F(PluginCopiesTest, AreNotPutWhereOthersCanReachThem) {
    fs::create_directory(copies_);
    fs::permissions(copies_, fs::perms(0755));
    PluginCopies copies(copies_.string());
    const auto copy = copies.make(plugin_.string());
    ASSERT_FALSE(copy);
    EXPECT_NE(copy.error().text.find("is open to other users"), std::string::npos) << copy.error().text;
    EXPECT_NE(copy.error().text.find("plugin_copies_dir"), std::string::npos) << copy.error().text;
}

TEST_F(PluginCopiesTest, OfHostsThatHaveEndedStayForTheLastFewAlone) {
    for (int host = 0; host < 6; ++host) {
        PluginCopies ended(copies_.string());
        ASSERT_TRUE(ended.make(plugin_.string()));
    }
    EXPECT_EQ(hosts(), 4u);  // three, and the last one's
    PluginCopies one(copies_.string()), other(copies_.string());
    const auto kept = one.make(plugin_.string());
    ASSERT_TRUE(kept && other.make(plugin_.string()));
    for (int host = 0; host < 6; ++host) PluginCopies(copies_.string()).make(plugin_.string()).value();
    EXPECT_TRUE(fs::exists(kept->file));  // of one that lives
}

}  // namespace
}  // namespace soho::host
