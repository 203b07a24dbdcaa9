#include "bench/load/columns.hpp"

#include "bench/load/frames.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

namespace soho::bench {

using frames::some_id;

namespace {

constexpr int first_port = 21'700;
// Logged in, and holding what is published there.
std::uint64_t log_in(const Socket& socket, const Scenario& scenario) {
    socket.ask(frames::hello());
    return frames::id_in(socket.ask(frames::open(scenario.work == Work::echo ? "echo" : "pair")));
}

std::vector<Exchange> exchanges_of(const Scenario& scenario) {
    switch (scenario.work) {
        case Work::pairs: return {frames::create_pair(), frames::release(some_id)};
        case Work::echo: return {frames::echo(some_id, scenario.bytes)};
        default: return {frames::get_x(some_id)};
    }
}

class SocketCaller : public Caller {
public:
    SocketCaller(Socket socket, std::vector<Exchange> exchanges)
        : socket_(std::move(socket)),
          exchanges_(std::move(exchanges)) {
        std::size_t most = 64;
        for (const Exchange& exchange : exchanges_) most = std::max(most, exchange.reply_bytes);
        in_.resize(most);
    }

    std::size_t step() override {
        for (const Exchange& exchange : exchanges_) ask(exchange);
        return 1;
    }

protected:
    void ask(const Exchange& exchange) {
        socket_.send(exchange.request);
        for (std::size_t got = 0; got < exchange.reply_bytes;)
            got += socket_.receive(in_.data() + got, in_.size() - got);
        check_reply(in_.data(), exchange.request[2]);
    }

    Socket socket_;
    std::vector<Exchange> exchanges_;
    std::vector<char> in_;
};

// Gives back what was created, and not just anything.
class PairCaller final : public SocketCaller {
public:
    explicit PairCaller(Socket socket)
        : SocketCaller(std::move(socket), {frames::create_pair(), frames::release(some_id)}) {}

    std::size_t step() override {
        ask(exchanges_[0]);
        std::string& give_back = exchanges_[1].request;
        std::copy_n(in_.data() + 4 + 3 + 2, 8, give_back.data() + give_back.size() - 1 - 8);
        ask(exchanges_[1]);
        return 1;
    }
};

std::unique_ptr<Caller> frame_caller(Socket socket, const Scenario& scenario, std::uint64_t id, bool raw) {
    // Of 64 threads that look, most keep away those that they wait for.
    if (scenario.where == Where::anywhere && scenario.work != Work::threads) socket.spin(50'000);
    switch (scenario.work) {
        case Work::window: return window_caller(std::move(socket), frames::get_x(id), window_calls);
        case Work::echo:
            return std::make_unique<SocketCaller>(std::move(socket), std::vector{frames::echo(id, scenario.bytes)});
        case Work::pairs:
            if (!raw) return std::make_unique<PairCaller>(std::move(socket));
            return std::make_unique<SocketCaller>(std::move(socket), exchanges_of(scenario));
        default: return std::make_unique<SocketCaller>(std::move(socket), std::vector{frames::get_x(id)});
    }
}

}  // namespace

Programs Programs::beside_this() {
    // Programs of benchmarks lie in bench/ or in bench/parts/ of a build.
    auto build = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    while (build.filename() != "bench") build = build.parent_path();
    build = build.parent_path();
    return {(build / "bin/sohod").string(), (build / "plugins/pair.so").string(),
            (build / "bench/parts/echo.so").string(), (build / "bench/parts/raw_epoll").string()};
}

std::vector<int> client_cpus(Where where) {
    return where == Where::anywhere ? usable_cpus() : std::vector{usable_cpus().front()};
}
std::vector<int> host_cpus(Where where) {
    return where == Where::anywhere ? usable_cpus() : std::vector{usable_cpus()[where == Where::two_cpus ? 1 : 0]};
}
std::vector<int> all_cpus(Where where) {
    std::vector<int> cpus = client_cpus(where);
    if (where == Where::two_cpus) cpus.push_back(host_cpus(where).front());
    return cpus;
}

Addresses::Addresses() {
    std::string folder = (std::filesystem::temp_directory_path() / "soho-load-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary directory");
    folder_ = folder;
}

Addresses::~Addresses() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::string Addresses::next(Transport transport) {
    const int number = used_++;
    if (transport == Transport::unix_socket) return "unix:" + folder_ + "/" + std::to_string(number);
    return "tcp:" + std::to_string(first_port + number % 2'000);
}

Sample SocketColumn::run(const Scenario& scenario, const std::string& address, double seconds) const {
    const std::vector<int> cpus = all_cpus(scenario.where);
    const Server server(command(address, scenario), host_cpus(scenario.where));
    run_on(client_cpus(scenario.where));
    if (scenario.work == Work::many) {
        std::vector<Socket> sockets;
        std::optional<Exchange> exchange;
        for (std::size_t i = 0; i < many_connections; ++i) {
            sockets.emplace_back(address);
            exchange = exchange_of_many(sockets.back());
        }
        if (!exchange) throw std::runtime_error("this column cannot be polled");
        return drive_many(server, sockets, *exchange, seconds, cpus);
    }
    if (scenario.work == Work::threads) {
        const auto make = [&] { return caller(Socket(address), scenario); };
        return drive_threads(server, many_connections, make, seconds, cpus);
    }
    return drive(server, *caller(Socket(address), scenario), seconds, scenario.work != Work::window, cpus);
}

bool RawColumn::takes(const Scenario& scenario) const {
    if (kind_ == Kind::two_epolls) return scenario.where == Where::anywhere && scenario.work == Work::threads;
    return true;
}

std::vector<std::string> RawColumn::command(const std::string& address, const Scenario& scenario) const {
    std::vector<std::string> command{program_};
    if (kind_ == Kind::two_epolls) command.emplace_back("--threads=2");
    if (kind_ == Kind::blocking) {
        command.emplace_back("--blocking");
    } else if (scenario.where == Where::anywhere && scenario.work != Work::threads) {
        command.emplace_back("--spin-us=50");
    }
    command.push_back(address);
    for (const auto& exchange : exchanges_of(scenario))
        command.push_back(std::to_string(exchange.request.size()) + ":" + std::to_string(exchange.reply_bytes));
    return command;
}

std::unique_ptr<Caller> RawColumn::caller(Socket socket, const Scenario& scenario) const {
    return frame_caller(std::move(socket), scenario, some_id, true);
}

std::optional<Exchange> RawColumn::exchange_of_many(const Socket&) const { return frames::get_x(some_id); }

std::vector<std::string> SohoColumn::command(const std::string& address, const Scenario& scenario) const {
    const std::string at = address.starts_with("tcp:") ? "tcp:127.0.0.1:" + address.substr(4) : address;
    const bool echoes = scenario.work == Work::echo;
    std::vector<std::string> command{programs_.sohod,  "--listen",    at,        "--plugin",
                                     programs_.plugin, "--log-level", "warning", "--insecure-no-login"};
    if (echoes) command.insert(command.end(), {"--plugin", programs_.echo});
    command.insert(command.end(), options_.begin(), options_.end());
    return command;
}

std::unique_ptr<Caller> SohoColumn::caller(Socket socket, const Scenario& scenario) const {
    const std::uint64_t id = log_in(socket, scenario);
    return frame_caller(std::move(socket), scenario, id, false);
}

std::optional<Exchange> SohoColumn::exchange_of_many(const Socket& socket) const {
    return frames::get_x(log_in(socket, {}));
}

IdleMemory idle_memory(const SocketColumn& column, const std::string& address, std::size_t from, std::size_t to) {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < to + 100) throw std::runtime_error("too few descriptors for idle connections");

    run_on({});
    const Scenario scenario{"", Work::call, Transport::unix_socket, Where::one_cpu};
    const Server server(column.command(address, scenario), {});
    std::vector<std::unique_ptr<Caller>> callers;
    const auto grow = [&](std::size_t count) {
        while (callers.size() < count) {
            callers.push_back(column.caller(Socket(address), scenario));
            callers.back()->step();
        }
        ::usleep(50'000);
        return server.memory();
    };
    { const Socket up(address); }
    const Server::Memory at_start = server.memory();
    const Server::Memory few = grow(from);
    const Server::Memory many = grow(to);
    const auto each = [&](double first, double last) { return (last - first) / static_cast<double>(to - from); };
    return {at_start.private_kb, at_start.anonymous_kb, each(few.rss_kb, many.rss_kb),
            each(few.private_kb, many.private_kb)};
}

std::string system_calls(const SocketColumn& column, const std::string& address, const std::string& folder) {
    constexpr int calls = 2'000;
    const Scenario scenario{"", Work::call, Transport::unix_socket, Where::one_cpu};
    const Server server(column.command(address, scenario), host_cpus(scenario.where));
    run_on(client_cpus(scenario.where));
    const auto caller = column.caller(Socket(address), scenario);
    const std::string file = folder + "/strace";
    const std::string pid = std::to_string(server.pid());
    const pid_t strace = ::fork();
    if (strace == 0) {
        std::freopen("/dev/null", "w", stderr);
        ::execlp("strace", "strace", "-f", "-c", "-S", "calls", "-U", "calls,name", "-o", file.c_str(), "-p",
                 pid.c_str(), nullptr);
        ::_exit(127);
    }
    ::usleep(400'000);  // until it has attached; what it misses makes the count smaller, not wrong
    for (int i = 0; i < calls; ++i) caller->step();
    ::kill(strace, SIGINT);
    int status = 0;
    ::waitpid(strace, &status, 0);
    std::FILE* in = std::fopen(file.c_str(), "r");
    if (in == nullptr) return {};
    std::string text;
    char line[256], name[64];
    long count = 0;
    while (std::fgets(line, sizeof line, in) != nullptr) {
        // What the other threads do now and then is no part of a call.
        if (std::sscanf(line, "%ld %63s", &count, name) != 2 || count < calls / 2 || std::string_view(name) == "total")
            continue;
        char each[96];
        std::snprintf(each, sizeof each, "%s%s %.2f", text.empty() ? "" : ", ", name,
                      static_cast<double>(count) / calls);
        text += each;
    }
    std::fclose(in);
    return text;
}

}  // namespace soho::bench
