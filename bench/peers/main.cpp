// soho_peers: the same work on soho, on the bare machine, and on what else there is for it, side by side in one run.

#include "bench/load/report.hpp"
#include "bench/peers/peer.hpp"
#include "bench/peers/redis.hpp"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

namespace soho::bench {
namespace {

constexpr auto unix_socket = Transport::unix_socket, tcp = Transport::tcp;

const std::vector<Scenario> scenarios = {
    {"sync call, TCP, one CPU", Work::call, tcp, Where::one_cpu},
    {"sync call, Unix, one CPU", Work::call, unix_socket, Where::one_cpu},
    {"sync call, TCP, two CPUs, spinning", Work::call, tcp, Where::anywhere},
    {"sync call, Unix, two CPUs, spinning", Work::call, unix_socket, Where::anywhere},
    {"128 in flight, TCP, one CPU", Work::window, tcp, Where::one_cpu},
    {"128 in flight, TCP, two CPUs", Work::window, tcp, Where::two_cpus},
    {"128 in flight, TCP, two CPUs, spinning", Work::window, tcp, Where::anywhere},
    {"64 connections, TCP, one CPU", Work::threads, tcp, Where::one_cpu},
    {"64 connections, TCP, all CPUs", Work::threads, tcp, Where::anywhere},
    {"echo 64 B, TCP, one CPU", Work::echo, tcp, Where::one_cpu, 64},
    {"echo 4 KiB, TCP, one CPU", Work::echo, tcp, Where::one_cpu, 4 << 10},
    {"echo 64 KiB, TCP, one CPU", Work::echo, tcp, Where::one_cpu, 64 << 10},
    {"echo 1 MiB, TCP, one CPU", Work::echo, tcp, Where::one_cpu, 1 << 20},
    {"create + release, TCP, one CPU", Work::pairs, tcp, Where::one_cpu},
    {"create + release, Unix, one CPU", Work::pairs, unix_socket, Where::one_cpu},
};

constexpr std::string_view explanations = R"(What is compared:

- Everybody does the same work: a method of a shared object that returns a number; bytes that come back; an object that is made, and given back.
  One load generator: the same clock, histogram, and kernel's account of CPU time for all.
- **raw epoll**: a server that answers so many bytes with so many bytes and does nothing else, driven by plain sockets: the floor. **raw epoll, two
  threads**: the same, its connections on two threads.
- **soho**: the host with its defaults on (limits, rights, statistics), driven by plain sockets and frames made beforehand, as are raw epoll and
  **Redis** (a module; no persistence). **soho, C++ client**: with everything that a program pays.
- **Ice**, **IceBox** (the servant in a .so), **gRPC** (callback API), and **multiprocessing.managers**: with their own client libraries. With
  `--all` also **Thrift** (non-blocking server, binary protocol), **Cap'n Proto** (two-party RPC), **D-Bus** (sd-bus on both sides, over a Unix
  socket in each row; the broker's CPU time is the server's), **RPyC** (threaded server), and two more floors: **raw threads** (blocking, one for each connection), and **asio, our
  wire** (frames found, decoded and answered by asio and soho's own codec, and nothing else).
- **one CPU**: client and server on the same one: the code's path. **two CPUs**: pinned to one each, so that latency is mostly the waking of a CPU.
  **spinning**, **all CPUs**: not pinned; raw epoll and soho may look for what comes for 50 µs before they sleep.
- **128 in flight**: on one connection. **64 connections**: one call each, a thread for each.
- A cell is empty where a peer has nothing like it.
)";

// soho's wire, served by asio and nothing else.
class AsioColumn final : public SohoColumn {
public:
    AsioColumn(const Programs& programs, std::string program)
        : SohoColumn("asio, our wire", programs),
          program_(std::move(program)) {}

    bool takes(const Scenario& scenario) const override {
        return scenario.where != Where::anywhere || scenario.work == Work::threads;  // it does not spin
    }
    std::vector<std::string> command(const std::string& address, const Scenario&) const override {
        return {program_, address};
    }

private:
    const std::string program_;
};

std::vector<std::unique_ptr<Column>> columns_of(const Programs& programs, bool all_peers) {
    const std::string parts = std::filesystem::path(programs.raw_epoll).parent_path().string() + "/";
    using Works = std::vector<Work>;
    const Works all = {Work::call, Work::window, Work::threads, Work::echo, Work::pairs};
    const auto peer = [&](std::string name, const std::string& program, Works works, bool has_unix,
                          bool has_tcp = true) {
        return std::make_unique<PeerColumn>(std::move(name), std::vector{parts + program, std::string("serve")},
                                            std::vector{parts + program, std::string("drive")}, std::move(works),
                                            has_unix, has_tcp);
    };
    std::vector<std::unique_ptr<Column>> columns;
    columns.push_back(std::make_unique<RawColumn>("raw epoll", programs));
    columns.push_back(std::make_unique<RawColumn>("raw epoll, two threads", programs, RawColumn::Kind::two_epolls));
    if (all_peers) {
        columns.push_back(std::make_unique<RawColumn>("raw threads", programs, RawColumn::Kind::blocking));
        columns.push_back(std::make_unique<AsioColumn>(programs, parts + "asio_wire"));
    }
    columns.push_back(std::make_unique<SohoColumn>("soho", programs));
    if (auto client = client_column(programs)) columns.push_back(std::move(client));
    columns.push_back(std::make_unique<RedisColumn>(parts + "redis_module.so"));
    columns.push_back(peer("Ice", "peer_ice", all, false));
    columns.push_back(peer("IceBox", "peer_icebox", all, false));
    columns.push_back(peer("gRPC", "peer_grpc", {Work::call, Work::window, Work::threads, Work::echo}, true));
    columns.push_back(peer("managers", "managers.py", {Work::call, Work::echo, Work::pairs}, true));
    if (!all_peers) return columns;
    const Works no_objects = {Work::call, Work::window, Work::threads, Work::echo};
    columns.push_back(peer("Thrift", "peer_thrift", no_objects, true));
    columns.push_back(peer("Cap'n Proto", "peer_capnp", all, true));
    columns.push_back(peer("D-Bus", "peer_dbus", no_objects, true, false));
    columns.push_back(peer("RPyC", "rpyc_peer.py", {Work::call, Work::window, Work::echo, Work::pairs}, true));
    return columns;
}

int compare(int argc, char** argv) {
    const Programs programs = Programs::beside_this();
    Result result;
    result.title = "soho and its peers";
    result.explanations = explanations;
    Settings& settings = result.settings;
    settings.rounds = 3;
    std::string save;
    bool quick = false, all = false;
    CLI::App app("The same work on soho and on its peers, side by side in one run.", "soho_peers");
    app.add_option("--rounds", settings.rounds, "each column once per round")->check(CLI::Range(1, 1000));
    app.add_option("--seconds", settings.seconds, "of each measurement");
    app.add_option("--repeats", settings.repeats_s, "seconds to spend at most on repeating disturbed measurements");
    app.add_option("--only", settings.only, "only scenarios with this in their names");
    app.add_flag("--quick", quick, "one short round: for a first look");
    app.add_flag("--all", all, "also Thrift, Cap'n Proto, D-Bus, RPyC, and more floors");
    app.add_option("--save", save, "keep the result as bench/results/DATE-NAME.md, .json and .svg")->type_name("NAME");
    CLI11_PARSE(app, argc, argv);
    if (quick) {
        settings.rounds = 1;
        settings.seconds = 0.1;
        settings.repeats_s = 0;
    }

    const auto columns = columns_of(programs, all);
    for (const auto& column : columns) result.columns.push_back(column->name());
    result.peers = {"Redis", "Ice", "IceBox", "gRPC", "managers", "Thrift", "Cap'n Proto", "D-Bus", "RPyC"};
    result.machine = describe_machine();
    Addresses addresses;
    result.rows = run(columns, scenarios, settings, addresses);
    if (settings.only.empty()) result.loads = run_offered(columns, {"raw epoll", "soho", "Redis"}, settings, addresses);
    std::cout << markdown(result);
    if (!save.empty()) keep(result, save);
    return 0;
}

}  // namespace
}  // namespace soho::bench

int main(int argc, char** argv) {
    try {
        return soho::bench::compare(argc, argv);
    } catch (const std::exception& failure) {
        std::cerr << "soho_peers: " << failure.what() << '\n';
        return 1;
    }
}
