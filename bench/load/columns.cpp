#include "bench/load/columns.hpp"

#include <soho/wire/codec.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

namespace soho::bench {

namespace {

constexpr int first_port = 21'700;
constexpr std::uint64_t some_id = std::uint64_t{1} << 50;  // ids need nine bytes on the wire

std::string frame(std::string_view method, void (*params)(wire::Out&, std::uint64_t), std::uint64_t id = some_id) {
    data::Buffer buffer;
    wire::Out out(buffer);
    wire::begin_request(out, 1, method);
    params(out, id);
    return std::string(buffer.text());
}

std::string hello_frame() {
    return frame("soho.hello", [](wire::Out& out, std::uint64_t) {
        out.array(1);
        out.map(3);
        out.string("proto");
        out.unsigned_integer(1);
        out.string("errors");
        out.string("full");
        out.string("handles");
        out.string("ext");
    });
}
std::string open_frame() {
    return frame("soho.open", [](wire::Out& out, std::uint64_t) {
        out.array(1);
        out.string("pair");
    });
}
Exchange get_x(std::uint64_t id) {
    return {frame(
                "soho.call",
                [](wire::Out& out, std::uint64_t target) {
                    out.array(3);
                    out.unsigned_integer(target);
                    out.string("get_x");
                    out.array(0);
                },
                id),
            5};
}
// The reply is a handle: four bytes of envelope, three of the extension, eleven of array and id, and the typeid.
Exchange create() {
    return {frame("soho.create",
                  [](wire::Out& out, std::uint64_t) {
                      out.array(2);
                      out.string("Pair");
                      out.array(2);
                      out.unsigned_integer(5);
                      out.unsigned_integer(6);
                  }),
            4 + 3 + 1 + 9 + 5};
}
Exchange release(std::uint64_t id) {
    return {frame(
                "soho.release",
                [](wire::Out& out, std::uint64_t object) {
                    out.array(1);
                    out.array(2);
                    out.unsigned_integer(object);
                    out.unsigned_integer(1);
                },
                id),
            5};
}

std::uint64_t id_in(std::string_view reply) {
    wire::Handle handle;
    const auto decoded = wire::decode_reply({data::as_bytes(reply)});
    if (!decoded || !wire::read_handle(decoded->result, wire::HandleForm::ext, handle))
        throw std::runtime_error("the reply holds no handle");
    return handle.id;
}

// Logged in, and holding the shared pair.
std::uint64_t log_in(const Socket& socket) {
    socket.ask(hello_frame());
    return id_in(socket.ask(open_frame()));
}

// Create, then give back what was created: two round trips. For raw epoll the same bytes.
Sample drive_pairs(const Server& server, const Socket& socket, bool raw, double seconds, const std::vector<int>& cpus) {
    const Exchange make = create();
    Exchange give_back = release(some_id);
    const std::size_t id_at = give_back.request.size() - 1 - 8;
    std::vector<char> in(4096);
    const auto exchange = [&](const Exchange& what) {
        socket.send(what.request);
        for (std::size_t got = 0; got < what.reply_bytes;) got += socket.receive(in.data() + got, in.size() - got);
    };
    return measure(server, cpus, seconds, true, [&] {
        exchange(make);
        if (!raw) std::copy_n(in.data() + 4 + 3 + 2, 8, give_back.request.data() + id_at);
        exchange(give_back);
        if (in[3] != '\xc0') throw std::runtime_error("release failed");
        return 1;
    });
}

std::vector<Exchange> exchanges_of(Work work) {
    if (work == Work::pairs) return {create(), release(some_id)};
    return {get_x(some_id)};
}

}  // namespace

std::vector<int> client_cpus() { return {usable_cpus().front()}; }
std::vector<int> host_cpus(bool split) { return {split ? usable_cpus()[1] : usable_cpus()[0]}; }

Bench::Bench(Programs programs) : programs_(std::move(programs)) {
    std::string folder = (std::filesystem::temp_directory_path() / "soho-load-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary directory");
    folder_ = folder;
}

Bench::~Bench() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::string Bench::address(Transport transport) {
    const int number = addresses_++;
    if (transport == Transport::unix_socket) return "unix:" + folder_ + "/" + std::to_string(number);
    return "tcp:" + std::to_string(first_port + number % 2'000);
}

std::unique_ptr<Server> Bench::start(Column column, const std::string& address, const std::vector<Exchange>& exchanges,
                                     const std::vector<int>& cpus) {
    std::vector<std::string> command;
    if (column == Column::raw_epoll) {
        command = {programs_.raw_epoll, address};
        for (const auto& exchange : exchanges)
            command.push_back(std::to_string(exchange.request.size()) + ":" + std::to_string(exchange.reply_bytes));
    } else {
        const std::string at = address.starts_with("tcp:") ? "tcp:127.0.0.1:" + address.substr(4) : address;
        command = {programs_.sohod,  "--listen",           at,  "--plugin",
                   programs_.plugin, "--reactors",         "1", "--log-level",
                   "warning",        "--insecure-no-login"};
        if (column == Column::worker) command.insert(command.end(), {"--isolate", "pair"});
    }
    return std::make_unique<Server>(command, cpus);
}

Sample Bench::run(const Scenario& scenario, Column column, double seconds) {
    const std::vector<int> host = host_cpus(scenario.split);
    std::vector<int> cpus = client_cpus();
    if (scenario.split) cpus.push_back(host.front());
    const std::string at = address(scenario.transport);
    const bool raw = column == Column::raw_epoll;
    const auto server = start(column, at, exchanges_of(scenario.work), host);
    run_on(client_cpus());
    { const Socket up(at); }  // before the client's own patience counts
    if (column == Column::client) return drive_client(*server, at, scenario.work, seconds, cpus);

    std::vector<Socket> sockets;
    std::uint64_t id = some_id;
    for (std::size_t i = 0; i < (scenario.work == Work::many ? many_connections : 1); ++i) {
        sockets.emplace_back(at);
        if (!raw) id = log_in(sockets.back());
    }
    switch (scenario.work) {
        case Work::call: return drive_sync(*server, sockets.front(), {get_x(id)}, seconds, cpus);
        case Work::window: return drive_window(*server, sockets.front(), get_x(id), window_calls, seconds, cpus);
        case Work::pairs: return drive_pairs(*server, sockets.front(), raw, seconds, cpus);
        case Work::many: return drive_many(*server, sockets, get_x(id), seconds, cpus);
    }
    return {};
}

Bench::IdleMemory Bench::idle_memory(Column column, std::size_t from, std::size_t to) {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < to + 100) throw std::runtime_error("too few descriptors for idle connections");

    run_on({});
    const std::string at = address(Transport::unix_socket);
    const Exchange hello{hello_frame(), 200};
    const auto server = start(column, at, {hello}, {});
    std::vector<Socket> sockets;
    sockets.reserve(to);
    const auto grow = [&](std::size_t count) {
        while (sockets.size() < count) {
            sockets.emplace_back(at);
            sockets.back().ask(hello.request);
        }
        ::usleep(50'000);
        return server->memory();
    };
    { const Socket up(at); }
    const Server::Memory at_start = server->memory();
    const Server::Memory few = grow(from);
    const Server::Memory many = grow(to);
    const auto each = [&](double first, double last) { return (last - first) / static_cast<double>(to - from); };
    return {at_start.private_kb, at_start.anonymous_kb, each(few.rss_kb, many.rss_kb),
            each(few.private_kb, many.private_kb)};
}

std::string Bench::system_calls(const Scenario& scenario, Column column) {
    constexpr int calls = 2'000;
    const std::string at = address(scenario.transport);
    const auto server = start(column, at, exchanges_of(scenario.work), host_cpus(false));
    run_on(client_cpus());
    const Socket socket(at);
    const Exchange exchange = get_x(column == Column::raw_epoll ? some_id : log_in(socket));
    const std::string file = folder_ + "/strace";
    const std::string pid = std::to_string(server->pid());
    const pid_t strace = ::fork();
    if (strace == 0) {
        std::freopen("/dev/null", "w", stderr);
        ::execlp("strace", "strace", "-f", "-c", "-S", "calls", "-U", "calls,name", "-o", file.c_str(), "-p",
                 pid.c_str(), nullptr);
        ::_exit(127);
    }
    ::usleep(400'000);  // until it has attached; what it misses makes the count smaller, not wrong
    for (int i = 0; i < calls; ++i) socket.ask(exchange.request);
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
