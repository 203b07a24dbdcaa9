// The C++ client against a real host with real plugins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <soho/client/asio.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <csignal>
#include <filesystem>
#include <numeric>
#include <thread>

extern char** environ;

namespace soho {
namespace {

using namespace std::chrono_literals;

// A sohod of its own; one after another may use the same address.
class HostProcess {
public:
    explicit HostProcess(const std::filesystem::path& directory)
        : address_("unix:" + (directory / "sohod.sock").string()) {
        std::vector<std::string> words{std::string(SOHO_TEST_BIN_DIR) + "/sohod", "--listen", address_, "--log-level",
                                       "error"};
        for (const char* plugin : {SOHO_TEST_BUNDLED_PLUGIN_DIR "/pair.so", SOHO_TEST_PLUGIN_DIR "/kinds.so",
                                   SOHO_TEST_PLUGIN_DIR "/objects.so", SOHO_TEST_PLUGIN_DIR "/reply.so"}) {
            words.insert(words.end(), {"--plugin", plugin});
        }
        std::vector<char*> arguments;
        for (std::string& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        posix_spawn_file_actions_t quietly;
        posix_spawn_file_actions_init(&quietly);
        posix_spawn_file_actions_addopen(&quietly, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        const int failure = ::posix_spawn(&process_, arguments[0], &quietly, nullptr, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&quietly);
        if (failure != 0) throw std::runtime_error("no sohod in " SOHO_TEST_BIN_DIR);
    }
    HostProcess(const HostProcess&) = delete;
    ~HostProcess() { end(SIGTERM); }

    void end(int signal) {
        if (process_ == 0) return;
        ::kill(process_, signal);
        ::waitpid(std::exchange(process_, 0), nullptr, 0);
    }

    // Waits for the host to listen.
    Client connect() const {
        for (const auto until = std::chrono::steady_clock::now() + 60s;; std::this_thread::sleep_for(5ms)) {
            try {
                return Client::connect(address_);
            } catch (const ConnectionLost&) {
                if (std::chrono::steady_clock::now() > until) throw;
            }
        }
    }

private:
    std::string address_;
    pid_t process_ = 0;
};

class ClientAndHost : public testing::Test {
protected:
    static std::filesystem::path make_directory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "soho-client-XXXXXX").string();
        return ::mkdtemp(pattern.data());
    }
    ~ClientAndHost() override { std::filesystem::remove_all(directory); }

    std::filesystem::path directory = make_directory();
    std::optional<HostProcess> host{directory};
    Client client = host->connect();
};

struct PairProxy : Proxy {
    using Proxy::Proxy;
    static constexpr Version version{1, 0};
    std::int64_t get_x() const { return call<std::int64_t>("get_x"); }
    void set_x(std::int64_t x) const { call<void>("set_x", x); }
};

Failure failure_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const CallError& error) {
        return error.failure();
    }
    ADD_FAILURE() << "no error";
    return {};
}

TEST_F(ClientAndHost, ShareObjectsAmongClients) {
    const Client other = host->connect();
    client.open<PairProxy>("pair").set_x(7);
    EXPECT_EQ(other.open<PairProxy>("pair").get_x(), 7);

    const auto mine = client.create<PairProxy>("Pair", 5, 6);
    const std::string ticket = client.share(mine, 60s);
    EXPECT_EQ(other.claim<PairProxy>(ticket).get_x(), 5);
    EXPECT_EQ(failure_of([&] { other.claim(ticket); }).code, CallCode::no_object) << "good for one claim";

    client.publish(mine, "mine");
    EXPECT_EQ(other.open("mine").id(), mine.id());
    client.unpublish("mine");
    EXPECT_EQ(other.open_or_create<PairProxy>("made", "Pair", 1, 2).id(),
              client.open_or_create("made", "Pair", 3, 4).id());
    EXPECT_EQ(failure_of([&] { client.create_as("made", "Pair", 1, 2); }).code, CallCode::exists);
}

TEST_F(ClientAndHost, ReleaseWhatIsDropped) {
    const auto objects = [&] { return client.request("soho.stats")["objects"].as<int>(); };
    const int before = objects();
    std::vector<Proxy> pairs;
    for (int i = 0; i < 200; ++i) pairs.push_back(client.create("Pair", i, i));
    EXPECT_EQ(objects(), before + 200);
    pairs.clear();
    EXPECT_EQ(objects(), before);
}

TEST_F(ClientAndHost, PassObjectsAndKeywords) {
    const auto from = client.create("Account", 100);
    const auto to = client.with(kw("balance", 5)).create("Account");
    from.with(kw("n", 30)).call("transfer", to);
    EXPECT_EQ(to.call<int>("get"), 35);
    EXPECT_EQ(client.create("Bank").call<int>("sum", std::vector{from, to}), 105);
    const auto node = client.create("Node", "n");
    node.call("link", "to", to);
    EXPECT_EQ((node.call<std::map<std::string, Proxy>>("links").at("to").call<int>("get")), 35);
    EXPECT_EQ(proxy_of(node.call("links")["to"]).id(), to.id());
}

TEST_F(ClientAndHost, NameEveryErrorByItsType) {
    const auto kinds = client.create("Kinds");
    const auto raised = failure_of([&] { kinds.call("raise", "KeyError", "no key", 7); });
    EXPECT_EQ(raised.code, CallCode::failed);
    EXPECT_EQ(raised.type, "KeyError");
    EXPECT_EQ(data::decode<int>(data::as_bytes(raised.data)), 7);
    EXPECT_EQ(failure_of([&] { kinds.call("echo_int8", 128); }).code, CallCode::bad_arguments);
    EXPECT_EQ(failure_of([&] { kinds.call("nosuch"); }).code, CallCode::no_method);
    EXPECT_EQ(failure_of([&] { client.create("Nosuch"); }).code, CallCode::no_type);
    EXPECT_EQ(failure_of([&] { client.create<PairProxy>("Node", "n").get_x(); }).code, CallCode::no_method);
}

TEST_F(ClientAndHost, CarryOwnerAndTrace) {
    const auto who = client.create("Kinds").with(owner{"t1"}, trace{"req-9"}, timeout{60s}).call("who");
    EXPECT_EQ(who["owner"], Value("t1"));
    EXPECT_EQ(who["trace"], Value("req-9"));
    EXPECT_EQ(who["has_deadline"], Value(true));
    EXPECT_EQ(who["session"].as<std::uint64_t>(), client.whoami().session);
}

TEST_F(ClientAndHost, EndCallsAtTheirDeadlineAndWhenCancelled) {
    const auto box = client.create("Mailbox");
    EXPECT_EQ(failure_of([&] { box.with(timeout{20ms}).call("get"); }).code, CallCode::deadline);
    std::optional<CallCode> code;
    const Cancel cancel = box.async_call<int>("get", [&](Outcome<int> outcome) { code = outcome.failure().code; });
    EXPECT_EQ(box.call<int>("waiting"), 1);
    cancel();
    client.run_for(60s);
    EXPECT_EQ(code, CallCode::cancelled);
    EXPECT_EQ(box.call<int>("waiting"), 0);
}

TEST_F(ClientAndHost, HaveManyCallsInFlight) {
    const auto box = client.create("Mailbox");
    std::vector<int> got(1000, -1);
    for (int& item : got) box.async_call<int>("get", [&](Outcome<int> outcome) { item = outcome.value(); });
    std::thread putter([other = host->connect(), id = box.id()] {
        const auto same = other.request<Proxy>("soho.retain", id);
        for (int i = 0; i < 1000; ++i) same.notify("put", i);
        same.call("size");
    });
    client.run_for(60s);
    putter.join();
    // In the order of the calls, not of the replies: a get that finds an item is answered at once, while the reply to one
    // before it is still on its way from the thread that put.
    std::vector<int> put(got.size());
    std::iota(put.begin(), put.end(), 0);
    EXPECT_EQ(got, put) << "calls of a session come to an object in their order";
}

TEST_F(ClientAndHost, FindNamedObjectsAgainAfterTheHostCameBack) {
    const auto named = client.open<PairProxy>("pair");
    const auto made = client.create<PairProxy>("Pair", 1, 2);
    named.set_x(7);
    host->end(SIGKILL);
    const auto lost = failure_of([&] { named.get_x(); });
    EXPECT_EQ(lost.code, CallCode::connection_lost);
    host.emplace(directory);
    host->connect();
    EXPECT_EQ(named.get_x(), 5) << "another run of the host, another pair";
    EXPECT_EQ(failure_of([&] { made.get_x(); }).code, CallCode::session_lost);
}

asio::awaitable<std::int64_t> sum_of_echoes(AsioClient client) {
    const auto kinds = co_await async_request<Proxy>(client, "soho.create", "Kinds", asio::use_awaitable);
    std::int64_t sum = 0;
    for (int i = 0; i < 50; ++i)
        sum += co_await async_call<std::int64_t>(client, kinds, "echo_int64", i, asio::use_awaitable);
    co_return sum;
}

TEST_F(ClientAndHost, WorkInCoroutines) {
    asio::io_context io;
    AsioClient asio_client(io.get_executor(), client);
    std::vector<std::future<std::int64_t>> sums;
    for (int i = 0; i < 20; ++i) sums.push_back(asio::co_spawn(io, sum_of_echoes(asio_client), asio::use_future));
    io.run();
    for (auto& sum : sums) EXPECT_EQ(sum.get(), 49 * 50 / 2);
}

TEST_F(ClientAndHost, ServeManyThreads) {
    const auto kinds = client.create("Kinds");
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 500; ++i) wrong += kinds.call<std::int64_t>("echo_int64", t * 1000 + i) != t * 1000 + i;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(kinds.call<int>("calls"), 4000);
}

}  // namespace
}  // namespace soho
