#include "host/registry/trust.hpp"
#include "host/registry/registry.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <filesystem>
#include <fstream>

namespace soho::host {
namespace {

// A folder of this user's, below a temporary folder that others can write to, but that is sticky.
class Trust : public testing::Test {
protected:
    Trust() {
        std::string pattern = testing::TempDir() + "soho-trust-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        folder_ = std::filesystem::canonical(folder_).string();
    }
    ~Trust() override { std::filesystem::remove_all(folder_); }
    std::string file(const std::string& name, mode_t mode = 0644) {
        const std::string path = folder_ + "/" + name;
        std::ofstream(path) << "x";
        ::chmod(path.c_str(), mode);
        return path;
    }
    static std::string check(const std::string& path) {
        const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        const auto trusted = check_trusted(descriptor, path);
        ::close(descriptor);
        return trusted ? "" : trusted.error().text;
    }
    std::string folder_;
};

TEST_F(Trust, IsGivenToWhatOnlyThisUserCanWrite) {
    EXPECT_EQ(check(file("a.so")), "");
    EXPECT_EQ(check(file("b.so", 0755)), "");
    EXPECT_TRUE(check_trusted_folder(folder_));
}

TEST_F(Trust, IsDeniedToFilesThatOthersCanWrite) {
    const std::string open = file("a.so", 0666);
    EXPECT_EQ(check(open), fmt::format("{} (owner {}, mode 0666) can be written by other users: chmod go-w '{}'", open,
                                       ::geteuid(), open));
    EXPECT_NE(check(file("b.so", 0664)), "");
}

TEST_F(Trust, IsDeniedBelowFoldersThatOthersCanWrite) {
    std::filesystem::create_directory(folder_ + "/open");
    ::chmod((folder_ + "/open").c_str(), 0777);
    std::filesystem::create_directory(folder_ + "/open/inner");
    ::chmod((folder_ + "/open/inner").c_str(), 0755);
    const std::string path = file("open/inner/a.so");
    EXPECT_NE(check(path).find(folder_ + "/open (owner"), std::string::npos) << check(path);
    EXPECT_FALSE(check_trusted_folder(folder_ + "/open/inner"));
    ::chmod((folder_ + "/open").c_str(), 01777);
    EXPECT_EQ(check(path), "") << "in a sticky folder nobody can replace another's file";
}

TEST_F(Trust, IsDeniedToWhatIsNoFile) {
    EXPECT_EQ(check(folder_), folder_ + " is not a regular file");
    EXPECT_NE(check(folder_ + "/none"), "");
    EXPECT_FALSE(check_trusted_folder(folder_ + "/none"));
}

TEST_F(Trust, IsDeniedToFilesOfOtherUsers) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    const std::string path = file("a.so");
    ASSERT_EQ(::chown(path.c_str(), 4711, 4711), 0);
    EXPECT_EQ(check(path), fmt::format("{} (owner 4711, mode 0644) belongs neither to root nor to this host's user 0: "
                                       "chown it, or copy it to a folder of user 0",
                                       path));
}

TEST_F(Trust, PluginFilesAreListedByName) {
    for (const char* name : {"b.so", "a.so", "c.txt", ".so", "d.so.1"}) file(name);
    const auto files = plugin_files(folder_);
    ASSERT_TRUE(files);
    EXPECT_EQ(*files, (std::vector<std::string>{folder_ + "/a.so", folder_ + "/b.so"}));
}

TEST_F(Trust, PluginFilesOfAnUntrustedFolderAreRefused) {
    ::chmod(folder_.c_str(), 0777);
    const auto files = plugin_files(folder_);
    ASSERT_FALSE(files);
    EXPECT_EQ(files.error().code, Code::denied);
    EXPECT_FALSE(plugin_files(folder_ + "/none"));
}

TEST_F(Trust, OpenLibrarySaysWhatIsWrong) {
    const auto refusal = [](const std::string& path) {
        const auto library = open_library(path);
        return library ? "" : library.error().text;
    };
    EXPECT_EQ(refusal(folder_ + "/none.so"), folder_ + "/none.so: No such file or directory");
    const std::string text = file("a.so");
    EXPECT_EQ(refusal(text), text + ": not an ELF file: a plugin is a shared object built with soho_add_plugin()");
    EXPECT_NE(refusal(file("b.so", 0666)).find("can be written by other users"), std::string::npos);
    EXPECT_NE(refusal(folder_).find("is not a regular file"), std::string::npos);
    std::filesystem::create_symlink(text, folder_ + "/link.so");
    EXPECT_EQ(refusal(folder_ + "/link.so").substr(0, text.size()), text) << "the file that is meant";
}

}  // namespace
}  // namespace soho::host
