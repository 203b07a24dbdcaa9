// A small call on the steady path asks for no memory (RULES 36): neither on the way from the frame to the plugin and back,
// nor in the connection and its reactor.

#include "host/server/server.hpp"
#include "tests/support/in_process_host.hpp"
#include "tests/unit/steady_path/counted_memory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <algorithm>
#include <filesystem>
#include <thread>

namespace soho::test {
namespace {

const std::string pair_plugin = std::string(SOHO_TEST_BUNDLED_PLUGIN_DIR) + "/pair.so";
constexpr int warm_up = 200;
constexpr int counted_calls = 1'000;

// -- without sockets --

class AllocationsPerCall : public ::testing::Test {
protected:
    // Of `request`, a successful one, run many times.
    std::uint64_t allocations_of(std::string_view request) {
        for (int i = 0; i < warm_up; ++i) host_.run(request);
        const std::uint64_t before = allocations();
        bool all_ok = true;
        for (int i = 0; i < counted_calls; ++i) {
            const auto reply = wire::decode_reply({host_.run(request)});
            all_ok &= reply && reply->ok();
        }
        const std::uint64_t after = allocations();
        EXPECT_TRUE(all_ok);
        return after - before;
    }

    InProcessHost host_{pair_plugin};
    const std::uint64_t pair_ = host_.open_pair();
};

TEST_F(AllocationsPerCall, AreCountedHere) {
    const std::uint64_t before = allocations();
    ::operator delete(::operator new(100));  // called by name, so that no compiler leaves it out
    EXPECT_GT(allocations(), before);
    // A new object takes memory: the count sees what the host does.
    EXPECT_GT(allocations_of("\x94\x00\x02\xab"
                             "soho.create\x92\xa4"
                             "Pair\x92\x05\x06"sv),
              0u);
}

TEST_F(AllocationsPerCall, AreNoneForACallById) { EXPECT_EQ(allocations_of(call_request(pair_, "get_x", "\x90")), 0u); }

TEST_F(AllocationsPerCall, AreNoneForACallByName) { EXPECT_EQ(allocations_of(get_x_by_name_request), 0u); }

TEST_F(AllocationsPerCall, AreNoneForACallWithAnArgument) {
    EXPECT_EQ(allocations_of(call_request(pair_, "set_x", "\x91\x07")), 0u);
}

TEST_F(AllocationsPerCall, AreNoneForANotification) {
    const std::string_view notification =
        "\x93\x02\xaa"
        "pair.set_x\x91\x07"sv;
    for (int i = 0; i < warm_up; ++i) host_.run(notification);
    const std::uint64_t before = allocations();
    for (int i = 0; i < counted_calls; ++i) host_.run(notification);
    EXPECT_EQ(allocations() - before, 0u);
}

TEST_F(AllocationsPerCall, AreNoneForABatch) {
    std::string batch;
    for (int i = 0; i < 128; ++i) batch += call_request(pair_, "get_x", "\x90");
    EXPECT_EQ(allocations_of(batch), 0u);
}

// -- the whole host, on a Unix socket --

class AllocationsOfTheHost : public ::testing::Test {
protected:
    AllocationsOfTheHost() {
        std::string folder = (std::filesystem::temp_directory_path() / "soho-allocations-XXXXXX").string();
        if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary directory");
        folder_ = folder;
        host::ServerOptions options;
        options.listeners.emplace_back().address = "unix:" + folder_ + "/s";
        options.reactors = 1;
        server_ = std::make_unique<host::Server>(options, log_);
        server_->start();
        const auto plugin = server_->registry().load(pair_plugin);
        if (!plugin) throw std::runtime_error(plugin.error().text);
        for (const auto& publication : (*plugin)->publications())
            (void)server_->publish(publication.type, publication.name, publication.args, "test");
        if (const auto listens = server_->listen(); !listens) throw std::runtime_error(listens.error().text);
        runs_ = std::thread([this] { server_->run(); });
        connect();
    }
    ~AllocationsOfTheHost() override {
        ::close(socket_);
        server_->request_end();
        runs_.join();
        server_.reset();
        std::filesystem::remove_all(folder_);
    }

    // Sends and waits for `reply_size` bytes. Asks for no memory itself.
    void exchange(std::string_view request, std::size_t reply_size) {
        ASSERT_EQ(::send(socket_, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
        for (std::size_t got = 0; got < reply_size;) {
            const ssize_t more = ::recv(socket_, bytes_, sizeof bytes_, 0);
            ASSERT_GT(more, 0);
            got += static_cast<std::size_t>(more);
        }
    }
    void expect_none(std::string_view request, std::size_t reply_size) {
        for (int i = 0; i < warm_up; ++i) exchange(request, reply_size);
        // A beat of the ticker asks for some, and where the system lets the host's thread wait it looks why; the calls ask for none,
        // so that some rounds of them have nearly none.
        constexpr std::uint64_t few = counted_calls / 100;
        std::uint64_t least = counted_calls;
        for (int round = 0; round < 20 && least >= few; ++round) {
            const std::uint64_t before = allocations();
            for (int i = 0; i < counted_calls; ++i) exchange(request, reply_size);
            least = std::min(least, allocations() - before);
        }
        EXPECT_LT(least, few) << "in " << counted_calls << " calls";
    }

private:
    void connect() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        (folder_ + "/s").copy(address.sun_path, sizeof address.sun_path - 1);
        socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error("cannot connect");
    }

    std::string folder_;
    host::Log log_{std::make_shared<spdlog::sinks::null_sink_mt>()};
    std::unique_ptr<host::Server> server_;
    std::thread runs_;
    int socket_ = -1;
    char bytes_[65536];
};

constexpr std::size_t get_x_reply_size = 5;  // [1, 2, nil, 5]

TEST_F(AllocationsOfTheHost, AreNoneForACallByName) { expect_none(get_x_by_name_request, get_x_reply_size); }

TEST_F(AllocationsOfTheHost, AreNoneForABatch) {
    std::string batch;
    for (int i = 0; i < 128; ++i) batch += get_x_by_name_request;
    expect_none(batch, 128 * get_x_reply_size);
}

}  // namespace
}  // namespace soho::test
