// soho_load: what a call costs, on a real sohod and on a raw epoll server of the same bytes, side by side in one run.

#include "bench/load/report.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

namespace soho::bench {
namespace {

constexpr auto unix_socket = Transport::unix_socket, tcp = Transport::tcp;

const std::vector<Scenario> scenarios = {
    {"sync call, Unix, one CPU", Work::call, unix_socket, Where::one_cpu},
    {"sync call, TCP, one CPU", Work::call, tcp, Where::one_cpu},
    {"sync call, Unix, two CPUs", Work::call, unix_socket, Where::two_cpus},
    {"sync call, TCP, two CPUs", Work::call, tcp, Where::two_cpus},
    {"sync call, Unix, spinning", Work::call, unix_socket, Where::anywhere},
    {"sync call, TCP, spinning", Work::call, tcp, Where::anywhere},
    {"128 in flight, Unix, one CPU", Work::window, unix_socket, Where::one_cpu},
    {"128 in flight, TCP, one CPU", Work::window, tcp, Where::one_cpu},
    {"128 in flight, Unix, two CPUs", Work::window, unix_socket, Where::two_cpus},
    {"128 in flight, Unix, spinning", Work::window, unix_socket, Where::anywhere},
    {"create + release, Unix, one CPU", Work::pairs, unix_socket, Where::one_cpu},
    {"create + release, TCP, one CPU", Work::pairs, tcp, Where::one_cpu},
    {"64 connections, one thread, Unix, one CPU", Work::many, unix_socket, Where::one_cpu},
    {"64 connections, one thread, Unix, two CPUs", Work::many, unix_socket, Where::two_cpus},
    {"64 connections, 64 threads, TCP, one CPU", Work::threads, tcp, Where::one_cpu},
    {"64 connections, 64 threads, TCP, all CPUs", Work::threads, tcp, Where::anywhere},
    {"echo 64 B, TCP, one CPU", Work::echo, tcp, Where::one_cpu, 64},
    {"echo 4 KiB, TCP, one CPU", Work::echo, tcp, Where::one_cpu, 4 << 10},
    {"echo 64 KiB, TCP, one CPU", Work::echo, tcp, Where::one_cpu, 64 << 10},
    {"echo 1 MiB, TCP, one CPU", Work::echo, tcp, Where::one_cpu, 1 << 20},
};

class WorkerColumn final : public SohoColumn {
public:
    explicit WorkerColumn(const Programs& programs)
        : SohoColumn("soho, in a worker", programs, {"--isolate", "pair"}) {}

    bool takes(const Scenario& scenario) const override {
        return scenario.work == Work::call || scenario.work == Work::window || scenario.work == Work::pairs;
    }
};

constexpr std::string_view explanations = R"(What each scenario includes, and what it leaves out:

- **sync call**: `soho.call [id, "get_x", []]` on the published Pair, one at a time on one connection: send, the host's
  whole way to the plugin's method and back, receive. Leaves out connecting, hello, opening, and any encoding by the client
  (frames are encoded beforehand), but for *soho, C++ client*, which is `proxy.call<std::int64_t>("get_x")` and includes all of it.
- **128 in flight**: the same call with 128 requests unanswered on one connection; the client sends as many as it got
  replies for, with one write. Single calls are not timed.
- **create + release**: `soho.create ["Pair", [5, 6]]`, then `soho.release` of the handle it gave: two round trips, with the
  object's constructor and its end. Leaves out calls.
- **64 connections, one thread**: one request in flight on each of 64 connections, driven by one thread that polls them; its p99 is from
  send to receive as that thread sees it, and includes the wait behind its other 63. **64 threads**: a thread for each.
- **echo**: bytes to a plugin's method that returns them.
- **raw epoll**: a server that answers the same number of bytes with the same number of bytes, and does nothing else.
- **one CPU**: client and host are pinned to the same one, so that it shows the code's path and not the waking of a sleeping
  CPU; **two CPUs**: pinned to one each, so that latency is mostly that waking; **spinning**: not pinned, so that host and client may look
  for what comes before they sleep (both raw sides look for 50 µs, always; the plain client of *soho* as well).
- CPU figures are the process's own clock (all threads), kernel time included. Where cells have min–max, it is over the rounds.
)";

int load(int argc, char** argv) {
    Programs programs = Programs::beside_this();
    Result result;
    result.title = "soho_load";
    result.explanations = explanations;
    Settings& settings = result.settings;
    std::string save;
    bool no_memory = false;
    CLI::App app("What a call costs, on a real sohod and on a raw epoll server of the same bytes.", "soho_load");
    app.add_option("--sohod", programs.sohod, "the host to measure");
    app.add_option("--plugin", programs.plugin, "its plugin, which publishes a Pair as `pair`");
    app.add_option("--rounds", settings.rounds, "each column once per round")->check(CLI::Range(1, 1000));
    app.add_option("--seconds", settings.seconds, "of each measurement");
    app.add_option("--repeats", settings.repeats_s, "seconds to spend at most on repeating disturbed measurements");
    app.add_option("--only", settings.only, "only scenarios with this in their names, and nothing else");
    app.add_flag("--no-memory", no_memory, "leave idle connections out");
    app.add_option("--save", save, "keep the result as bench/results/DATE-NAME.md, .json and .svg")->type_name("NAME");
    CLI11_PARSE(app, argc, argv);

    std::vector<std::unique_ptr<Column>> columns;
    columns.push_back(std::make_unique<RawColumn>("raw epoll", programs));
    columns.push_back(std::make_unique<SohoColumn>("soho", programs));
    if (auto client = client_column(programs)) columns.push_back(std::move(client));
    columns.push_back(std::make_unique<WorkerColumn>(programs));
    for (const auto& column : columns) result.columns.push_back(column->name());
    result.machine = describe_machine();

    Addresses addresses;
    result.rows = run(columns, scenarios, settings, addresses);
    if (settings.only.empty()) {
        for (const std::size_t i : {0u, 1u}) {
            const auto& column = dynamic_cast<const SocketColumn&>(*columns[i]);
            result.system_calls.push_back(
                {column.name(), system_calls(column, addresses.next(unix_socket), addresses.folder())});
            if (no_memory) continue;
            result.memory.push_back({column.name(), idle_memory(column, addresses.next(unix_socket), settings.idle_from,
                                                                settings.idle_to)});
        }
    }
    std::cout << markdown(result);
    if (!save.empty()) keep(result, save);
    return 0;
}

}  // namespace
}  // namespace soho::bench

int main(int argc, char** argv) {
    try {
        return soho::bench::load(argc, argv);
    } catch (const std::exception& failure) {
        std::cerr << "soho_load: " << failure.what() << '\n';
        return 1;
    }
}
