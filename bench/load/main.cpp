// soho_load: what a call costs, on a real sohod and on a raw epoll server of the same bytes, side by side in one run.

#include "bench/load/report.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>

namespace soho::bench {
namespace {

// A measurement on CPUs that others used more than this is made again, as long as there is time for it.
constexpr double foreign_max = 0.08;
constexpr int tries_max = 3;

const std::vector<Scenario> scenarios = {
    {"sync call, Unix, one CPU", Work::call, Transport::unix_socket, false, true},
    {"sync call, TCP, one CPU", Work::call, Transport::tcp, false, true},
    {"sync call, Unix, two CPUs", Work::call, Transport::unix_socket, true, true},
    {"sync call, TCP, two CPUs", Work::call, Transport::tcp, true, true},
    {"128 in flight, Unix, one CPU", Work::window, Transport::unix_socket, false, true},
    {"128 in flight, TCP, one CPU", Work::window, Transport::tcp, false, false},
    {"128 in flight, Unix, two CPUs", Work::window, Transport::unix_socket, true, false},
    {"create + release, Unix, one CPU", Work::pairs, Transport::unix_socket, false, false},
    {"create + release, TCP, one CPU", Work::pairs, Transport::tcp, false, false},
    {"64 connections, Unix, one CPU", Work::many, Transport::unix_socket, false, false},
    {"64 connections, Unix, two CPUs", Work::many, Transport::unix_socket, true, false},
};

std::vector<Column> columns_of(const Scenario& scenario) {
    std::vector<Column> columns{Column::raw_epoll, Column::soho};
    if (scenario.with_client && has_client()) columns.push_back(Column::client);
    if (scenario.with_client || scenario.work == Work::pairs) columns.push_back(Column::worker);
    return columns;
}

class Run {
public:
    Run(Bench& bench, const Settings& settings)
        : bench_(bench),
          settings_(settings),
          repeats_left_s_(settings.repeats_s) {}

    std::vector<Row> rows() {
        std::vector<Row> rows;
        for (const Scenario& scenario : scenarios) {
            if (scenario.split && usable_cpus().size() < 2) continue;
            if (!settings_.only.empty() && scenario.name.find(settings_.only) == std::string::npos) continue;
            rows.push_back({scenario, {}});
            for (const Column column : columns_of(scenario)) rows.back().cells.push_back({column, {}});
        }
        for (int round = 0; round < settings_.rounds; ++round) {
            std::cerr << "round " << round + 1 << " of " << settings_.rounds << '\n';
            for (Row& row : rows) {
                for (Cell& cell : row.cells) cell.samples.push_back(sample(row.scenario, cell.column));
            }
        }
        return rows;
    }

private:
    // The quietest of up to three.
    Sample sample(const Scenario& scenario, Column column) {
        Sample best = bench_.run(scenario, column, settings_.seconds);
        for (int i = 1; i < tries_max && best.foreign > foreign_max && repeats_left_s_ > 0; ++i) {
            repeats_left_s_ -= settings_.seconds * 1.3;
            const Sample again = bench_.run(scenario, column, settings_.seconds);
            if (again.foreign < best.foreign) best = again;
        }
        return best;
    }

    Bench& bench_;
    const Settings& settings_;
    double repeats_left_s_;
};

std::vector<SystemCalls> count_system_calls(Bench& bench) {
    std::vector<SystemCalls> counts;
    for (const Column column : {Column::raw_epoll, Column::soho})
        counts.push_back({column, bench.system_calls(scenarios.front(), column)});
    return counts;
}

std::vector<Memory> measure_memory(Bench& bench, const Settings& settings) {
    std::vector<Memory> memory;
    for (const Column column : {Column::raw_epoll, Column::soho}) {
        try {
            memory.push_back({column, bench.idle_memory(column, settings.idle_from, settings.idle_to)});
        } catch (const std::exception& failure) {
            std::cerr << "idle connections: " << failure.what() << '\n';
        }
    }
    return memory;
}

int run(int argc, char** argv) {
    const auto build = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
    Programs programs{(build / "bin/sohod").string(), (build / "plugins/pair.so").string(),
                      (build / "bench/parts/raw_epoll").string()};
    Settings settings;
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
    app.add_option("--save", save, "keep the result as bench/results/DATE-NAME.md and .json")->type_name("NAME");
    CLI11_PARSE(app, argc, argv);

    Bench bench(programs);
    Result result{settings, describe_machine(), {}, {}, {}};
    result.rows = Run(bench, settings).rows();
    if (settings.only.empty()) {
        result.system_calls = count_system_calls(bench);
        if (!no_memory) result.memory = measure_memory(bench, settings);
    }
    std::cout << markdown(result);
    if (!save.empty()) keep(result, save);
    return 0;
}

}  // namespace
}  // namespace soho::bench

int main(int argc, char** argv) {
    try {
        return soho::bench::run(argc, argv);
    } catch (const std::exception& failure) {
        std::cerr << "soho_load: " << failure.what() << '\n';
        return 1;
    }
}
