#include "host/server/listener.hpp"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/null_sink.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <asio/local/stream_protocol.hpp>
#include <filesystem>
#include <fstream>

namespace soho::host {
namespace {

class ListenerTest : public testing::Test {
protected:
    ListenerTest() {
        std::string pattern = testing::TempDir() + "soho-listener-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
    }
    ~ListenerTest() override { std::filesystem::remove_all(folder_); }
    Result<std::unique_ptr<Listener>> open(const std::string& address, ListenerOptions options = {}) {
        options.address = address;
        return Listener::open(options, -1, logins_, context_, log_);
    }
    std::string refused(const std::string& address, const ListenerOptions& options = {}) {
        const auto listener = open(address, options);
        return listener ? "" : listener.error().text;
    }
    std::string folder_;
    Listener::Logins logins_;
    asio::io_context context_;
    spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_mt>()};
};

TEST_F(ListenerTest, AUnixSocketIsItsUsersAlone) {
    const std::string path = folder_ + "/s";
    {
        const auto listener = open("unix:" + path);
        ASSERT_TRUE(listener) << listener.error().text;
        struct stat status {};
        ASSERT_EQ(::stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777u, 0600u);
        EXPECT_EQ((*listener)->address().text(), "unix:" + path);
    }
    EXPECT_FALSE(std::filesystem::exists(path)) << "it goes with its listener";
}

TEST_F(ListenerTest, AUnixSocketMayBeOpenedToAGroup) {
    const group* const own = ::getgrgid(::getgid());
    ASSERT_NE(own, nullptr);
    ListenerOptions options;
    options.socket_group = own->gr_name;
    const auto mode_of = [&](const std::string& path) {
        const auto listener = open("unix:" + path, options);
        struct stat status {};
        EXPECT_TRUE(listener && ::stat(path.c_str(), &status) == 0 && status.st_gid == ::getgid());
        return status.st_mode & 0777u;
    };
    EXPECT_EQ(mode_of(folder_ + "/a"), 0660u);
    options.socket_mode = "0620";
    EXPECT_EQ(mode_of(folder_ + "/b"), 0620u);
    options.socket_group = "no such group";
    EXPECT_EQ(refused("unix:" + folder_ + "/c", options),
              "cannot listen on unix:" + folder_ + "/c: there is no group \"no such group\"");
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/c"));
}

TEST_F(ListenerTest, AStaleSocketIsReplaced) {
    const std::string path = folder_ + "/s";
    { asio::local::stream_protocol::acceptor dead(context_, asio::local::stream_protocol::endpoint(path)); }
    ASSERT_TRUE(std::filesystem::exists(path));
    EXPECT_EQ(refused("unix:" + path), "");
}

TEST_F(ListenerTest, ALivingHostIsNotDisplaced) {
    const std::string path = folder_ + "/s";
    const auto first = open("unix:" + path);
    ASSERT_TRUE(first);
    EXPECT_EQ(refused("unix:" + path),
              "cannot listen on unix:" + path +
                  ": another host listens there: stop it (soho shutdown), or choose another address (--listen)");
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ListenerTest, AnotherFileIsLeftAlone) {
    const std::string path = folder_ + "/s";
    std::ofstream(path) << "precious";
    EXPECT_NE(refused("unix:" + path).find("something is there already that is no stale socket"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ListenerTest, AFolderThatIsNotThereIsSaid) {
    EXPECT_EQ(refused("unix:" + folder_ + "/none/s"),
              "cannot listen on unix:" + folder_ + "/none/s: " + folder_ + "/none/s.lock: No such file or directory");
}

TEST_F(ListenerTest, AStaleSocketIsLeftToTheHostThatHasThePathsLock) {
    const std::string path = folder_ + "/s";
    { asio::local::stream_protocol::acceptor dead(context_, asio::local::stream_protocol::endpoint(path)); }
    const int other = ::open((path + ".lock").c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_EQ(::flock(other, LOCK_EX | LOCK_NB), 0);
    EXPECT_NE(refused("unix:" + path).find("another host listens there"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(path));
    ::close(other);
    EXPECT_EQ(refused("unix:" + path), "");
}

TEST_F(ListenerTest, ThePathIsFreeForTheNextOnceItsListenerIsClosed) {
    const std::string address = "unix:" + folder_ + "/s";
    EXPECT_EQ(refused(address), "");
    EXPECT_EQ(refused(address), "");
}

TEST_F(ListenerTest, TcpTakesExplicitConsent) {
    EXPECT_NE(refused("tcp:127.0.0.1:0").find("--insecure-no-login"), std::string::npos);
    ListenerOptions no_login;
    no_login.insecure_no_login = true;
    EXPECT_EQ(refused("tcp:127.0.0.1:0", no_login), "");
    EXPECT_NE(refused("tcp:0.0.0.0:0", no_login).find("--insecure-plaintext"), std::string::npos);
    no_login.insecure_plaintext = true;
    EXPECT_EQ(refused("tcp:0.0.0.0:0", no_login), "");
}

TEST_F(ListenerTest, TcpAndTlsTakeSomethingThatSaysWhoIsThere) {
    EXPECT_NE(refused("tcp:127.0.0.1:0").find("--keys FILE"), std::string::npos);
    logins_.by_certificate = true;
    EXPECT_NE(refused("tcp:127.0.0.1:0").find("nothing says who may use it"), std::string::npos);
    EXPECT_NE(refused("tls:127.0.0.1:0").find("--tls-certificate FILE"), std::string::npos);
    logins_.tls = true;
    EXPECT_EQ(refused("tls:127.0.0.1:0"), "");
    logins_ = {true, false, false};
    EXPECT_EQ(refused("tcp:127.0.0.1:0"), "");
    EXPECT_NE(refused("tcp:0.0.0.0:0").find("use tls:HOST:PORT"), std::string::npos);
    logins_ = {false, false, true};
    EXPECT_NE(refused("tls:0.0.0.0:0").find("--tls-client-ca FILE"), std::string::npos);
    logins_.by_secret = true;
    EXPECT_EQ(refused("tls:0.0.0.0:0"), "") << "beyond this machine, as it is encrypted";
}

TEST_F(ListenerTest, TcpTellsThePortThatTheSystemChose) {
    ListenerOptions options;
    options.insecure_no_login = true;
    const auto listener = open("tcp:127.0.0.1:0", options);
    ASSERT_TRUE(listener);
    EXPECT_NE((*listener)->address().port, 0);
    EXPECT_NE(refused((*listener)->address().text(), options), "");
}

TEST_F(ListenerTest, KnowsWhoIsAtTheOtherEnd) {
    const std::string path = folder_ + "/s";
    const auto listener = open("unix:" + path);
    ASSERT_TRUE(listener);
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    Connection::Socket socket(context_, asio::generic::stream_protocol(AF_UNIX, 0), ends[0]);
    const Peer peer = (*listener)->peer_of(socket);
    EXPECT_EQ(peer.principal.name, "uid:" + std::to_string(::getuid()));
    EXPECT_EQ(peer.principal.rights, rights_all);
    EXPECT_NE(std::count(peer.principal.groups.begin(), peer.principal.groups.end(), ::getgid()), 0);
    EXPECT_TRUE(peer.identified && peer.is_private);
    EXPECT_EQ(peer.from, "process " + std::to_string(::getpid()));
    ::close(ends[1]);
}

}  // namespace
}  // namespace soho::host
