// What tests through a host cannot show: kernels whose Landlock is older than this one's, or absent.
#include "host/worker/confinement.hpp"
#include "host/worker/landlock.hpp"
#include "host/worker/syscall_filter.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

namespace soho::host {
namespace {

class OlderLandlock : public testing::Test {
protected:
    OlderLandlock() {
        std::string name = testing::TempDir() + "soho-landlock-XXXXXX";
        folder = ::mkdtemp(name.data());
        for (const char* part : {"open", "open/within", "closed"}) std::filesystem::create_directory(folder / part);
        for (const char* part : {"plugin", "open/text", "closed/text"}) std::ofstream(folder / part) << "some text";
    }
    ~OlderLandlock() override { std::filesystem::remove_all(folder); }

    // In a child that is confined as by a kernel of that ABI: the error of what it does, or 0. Forbidden calls that would wait for an answer
    // are answered by nobody, as the listener is closed: then they are unknown to the kernel.
    int confined(int abi, std::string preset, const std::function<int()>& deed) const {
        Confinement confinement;
        confinement.syscalls = std::move(preset);
        confinement.write_paths = Paths{(folder / "open").string()};
        const pid_t child = ::fork();
        if (child == 0) {
            ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            if (!enter_landlock(confinement, (folder / "plugin").string(), abi)) ::_exit(201);
            const auto listener = filter_syscalls(confinement, abi);
            if (!listener) ::_exit(202);
            if (*listener >= 0) ::close(*listener);
            errno = 0;
            ::_exit(deed() < 0 ? errno : 0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
    }
    std::function<int()> opening(const char* part, int flags) const {
        return [path = folder / part, flags] { return ::open(path.c_str(), flags, 0600); };
    }

    std::filesystem::path folder;
};

TEST_F(OlderLandlock, KeepsToThePathsWhateverItsAbi) {
    for (int abi = 1; abi <= landlock_abi(); ++abi) {
        for (const char* preset : {"all", "network", "files"}) {
            EXPECT_EQ(confined(abi, preset, opening("open/text", O_RDWR)), 0) << abi << preset;
            EXPECT_EQ(confined(abi, preset, opening("open/new", O_WRONLY | O_CREAT | O_TRUNC)), 0) << abi << preset;
            EXPECT_EQ(confined(abi, preset, opening("closed/text", O_RDONLY)), EACCES) << abi << preset;
            EXPECT_EQ(confined(abi, preset, opening("closed/text", O_WRONLY)), EACCES) << abi << preset;
            EXPECT_EQ(confined(abi, preset, opening("closed/new", O_WRONLY | O_CREAT)), EACCES) << abi << preset;
        }
        EXPECT_EQ(confined(abi, "compute", opening("open/text", O_RDONLY)), 0) << abi;
        EXPECT_NE(confined(abi, "compute", opening("open/text", O_WRONLY)), 0) << abi;
    }
}

// Landlock knows of it since ABI 3.
TEST_F(OlderLandlock, LeavesNoWayToTruncateOtherFiles) {
    for (int abi = 1; abi <= landlock_abi(); ++abi) {
        for (const char* preset : {"all", "network", "files", "compute"}) {
            EXPECT_NE(confined(abi, preset, opening("closed/text", O_RDONLY | O_TRUNC)), 0) << abi << preset;
            EXPECT_NE(confined(abi, preset, [&] { return ::truncate((folder / "closed/text").c_str(), 0); }), 0)
                << abi << preset;
        }
        EXPECT_EQ(std::filesystem::file_size(folder / "closed/text"), 9u) << abi;
        for (const char* preset : {"all", "network", "files"})
            EXPECT_EQ(confined(abi, preset, opening("open/text", O_WRONLY | O_TRUNC)), 0) << abi << preset;
    }
}

// The first ABI never allows it, later ones have to be told.
TEST_F(OlderLandlock, MovesFilesBetweenItsFolders) {
    const auto move = [&] { return ::rename((folder / "open/text").c_str(), (folder / "open/within/text").c_str()); };
    const auto back = [&] { return ::rename((folder / "open/within/text").c_str(), (folder / "open/text").c_str()); };
    EXPECT_EQ(confined(1, "files", move), EXDEV);
    for (int abi = 2; abi <= landlock_abi(); ++abi) {
        EXPECT_EQ(confined(abi, "files", move), 0) << abi;
        EXPECT_EQ(confined(abi, "files", back), 0) << abi;
    }
}

TEST_F(OlderLandlock, WherePresetsAloneConfineThemKeepsNoPaths) {
    Confinement confinement;
    confinement.syscalls = "files";
    for (int abi = 0; abi <= landlock_abi(); ++abi) {
        const pid_t child = ::fork();
        if (child == 0) {
            ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            if (!enter_landlock(confinement, "", abi)) ::_exit(201);
            const bool moves = ::rename((folder / "closed/text").c_str(), (folder / "open/moved").c_str()) == 0 &&
                               ::rename((folder / "open/moved").c_str(), (folder / "closed/text").c_str()) == 0;
            ::_exit(moves ? 0 : errno);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        EXPECT_EQ(status, 0) << abi;
    }
}

TEST(Confinement, IsRefusedWhereTheKernelHasNoLandlock) {
    Confinement confinement;
    confinement.read_paths.emplace();
    const auto entered = enter_landlock(confinement, "/dev/null", 0);
    ASSERT_FALSE(entered);
    EXPECT_EQ(entered.error().text.find("this kernel has no Landlock"), 0u) << entered.error().text;
    EXPECT_NE(entered.error().text.find("worker_read_paths"), std::string::npos);
}

// In a container whose own filter has one, and on older kernels.
TEST(Confinement, NeedsNoListener) {
    const pid_t child = ::fork();
    if (child == 0) {
        sock_filter allow{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
        const sock_fprog before{1, &allow};
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &before) < 0)
            ::_exit(200);
        Confinement confinement;
        confinement.syscalls = "files";
        const auto listener = filter_syscalls(confinement, 0);
        if (!listener || *listener != -1) ::_exit(201);
        ::_exit(::socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), EPERM);
}

TEST(Confinement, OfNothingIsNone) {
    const auto confined = confine(Confinement(), "/nonexistent");
    ASSERT_TRUE(confined);
    EXPECT_EQ(*confined, -1);
    EXPECT_EQ(::prctl(PR_GET_SECCOMP), 0);
}

}  // namespace
}  // namespace soho::host
