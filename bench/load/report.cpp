#include "bench/load/report.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <algorithm>
#include <ctime>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

namespace soho::bench {

namespace {

// One number of a sample, and how it is shown.
struct Figure {
    std::string_view name;
    double (*of)(const Sample&);
    bool higher_is_better;
};

constexpr Figure p50{"p50, µs", [](const Sample& sample) { return sample.p50_ns / 1e3; }, false};
constexpr Figure p99{"p99, µs", [](const Sample& sample) { return sample.p99_ns / 1e3; }, false};
constexpr Figure host_cpu{"host CPU, µs/call",
                          [](const Sample& sample) { return sample.host_cpu_ns / sample.calls / 1e3; }, false};
constexpr Figure client_cpu{"client CPU, µs/call",
                            [](const Sample& sample) { return sample.client_cpu_ns / sample.calls / 1e3; }, false};
constexpr Figure rate{"thousand calls/s", [](const Sample& sample) { return sample.calls / sample.seconds / 1e3; },
                      true};
constexpr Figure pair_rate{"thousand pairs/s", [](const Sample& sample) { return sample.calls / sample.seconds / 1e3; },
                           true};
constexpr Figure pair_cpu{"host CPU, µs/pair", host_cpu.of, false};

std::vector<Figure> figures_of(Work work) {
    switch (work) {
        case Work::call: return {p50, p99, host_cpu, client_cpu};
        case Work::window: return {rate, host_cpu, client_cpu};
        case Work::pairs: return {pair_rate, pair_cpu};
        case Work::many: return {rate, host_cpu, p99};
    }
    return {};
}

struct Summary {
    double median, least, most;
};

Summary summary(const Cell& cell, const Figure& figure) {
    std::vector<double> values;
    for (const Sample& sample : cell.samples) values.push_back(figure.of(sample));
    std::sort(values.begin(), values.end());
    return {values[values.size() / 2], values.front(), values.back()};
}

std::string number(double value) {
    if (value >= 1'000) return fmt::format("{:.0f}", value);
    return value >= 100  ? fmt::format("{:.0f}", value)
           : value >= 10 ? fmt::format("{:.1f}", value)
                         : fmt::format("{:.2f}", value);
}

std::string cell_text(const Summary& value, const Summary* raw) {
    std::string text = fmt::format("{} ({}–{})", number(value.median), number(value.least), number(value.most));
    if (raw != nullptr && raw->median > 0) text += fmt::format(" **{:.2f}×**", value.median / raw->median);
    return text;
}

double most_foreign(const Row& row) {
    double most = 0;
    for (const Cell& cell : row.cells) {
        for (const Sample& sample : cell.samples) most = std::max(most, sample.foreign);
    }
    return most;
}

std::string today() { return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr))); }

std::string first_word_after_colon(const char* file, std::string_view key) {
    std::ifstream in(file);
    std::string line;
    while (std::getline(in, line)) {
        if (line.starts_with(key)) return line.substr(line.find(':') + 2);
    }
    return "unknown";
}

constexpr std::string_view explanations = R"(What each scenario includes, and what it leaves out:

- **sync call**: `soho.call [id, "get_x", []]` on the published Pair, one at a time on one connection: send, the host's
  whole way to the plugin's method and back, receive. Leaves out connecting, hello, opening, and any encoding by the client
  (frames are encoded beforehand), but for *soho, C++ client*, which is `proxy.call<std::int64_t>("get_x")` and includes all of it.
- **128 in flight**: the same call with 128 requests unanswered on one connection; the client sends as many as it got
  replies for, with one write. Single calls are not timed.
- **create + release**: `soho.create ["Pair", [5, 6]]`, then `soho.release` of the handle it gave: two round trips, with the
  object's constructor and its end. Leaves out calls.
- **64 connections**: one request in flight on each of 64 connections, driven by one thread that polls them; its p99 is from
  send to receive as that thread sees it, and includes the wait behind its other 63.
- **raw epoll**: a server that answers the same number of bytes with the same number of bytes, and does nothing else.
- **one CPU**: client and host are pinned to the same one, so that it shows the code's path and not the waking of a sleeping
  CPU; **two CPUs**: pinned to one each, so that latency is mostly that waking. The host has one reactor.
- CPU figures are the process's own clock (all threads), kernel time included. Where cells have min–max, it is over the rounds.
)";

void write_rows(std::string& text, const Result& result) {
    text += "| scenario | figure |";
    for (const auto name : column_names) text += fmt::format(" {} |", name);
    text += " others' CPU |\n|---|---|---:|---:|---:|---:|\n";
    for (const Row& row : result.rows) {
        bool first = true;
        for (const Figure& figure : figures_of(row.scenario.work)) {
            text += fmt::format("| {} | {} |", first ? row.scenario.name : "", figure.name);
            const Summary raw = summary(row.cells.front(), figure);
            for (std::size_t column = 0; column < std::size(column_names); ++column) {
                text += column < row.cells.size() ? fmt::format(" {} |", cell_text(summary(row.cells[column], figure),
                                                                                   column == 0 ? nullptr : &raw))
                                                  : " |";
            }
            text += first ? fmt::format(" {:.0f} % |\n", most_foreign(row) * 100) : " |\n";
            first = false;
        }
    }
}

void write_memory(std::string& text, const Result& result) {
    if (result.memory.empty()) return;
    text += fmt::format(
        "\n| memory, KB | private at start | anonymous at start | each idle connection, private | … resident |\n"
        "|---|---:|---:|---:|---:|\n");
    for (const auto& [column, memory] : result.memory) {
        text +=
            fmt::format("| {} | {:.0f} | {:.0f} | {:.2f} | {:.2f} |\n", column_names[static_cast<std::size_t>(column)],
                        memory.start_private_kb, memory.start_anonymous_kb, memory.private_kb_each, memory.rss_kb_each);
    }
    text += fmt::format(
        "\nIdle connections: Unix, after hello; the slope between {} and {} of them; the kernel's own memory is not in "
        "it. "
        "Measured once.\n",
        result.settings.idle_from, result.settings.idle_to);
}

void write_system_calls(std::string& text, const Result& result) {
    if (result.system_calls.empty()) return;
    text += "\nSystem calls of the server per sync call over Unix, counted once:\n\n";
    for (const auto& [column, counts] : result.system_calls) {
        text += fmt::format("- {}: {}\n", column_names[static_cast<std::size_t>(column)],
                            counts.empty() ? "not counted (strace is not there, or may not trace)" : counts);
    }
}

nlohmann::json to_json(const Result& result) {
    nlohmann::json json;
    json["date"] = today();
    json["machine"] = result.machine;
    json["settings"] = {{"rounds", result.settings.rounds}, {"seconds", result.settings.seconds}};
    for (const Row& row : result.rows) {
        for (const Cell& cell : row.cells) {
            auto& entry = json["rows"].emplace_back();
            entry["scenario"] = row.scenario.name;
            entry["column"] = column_names[static_cast<std::size_t>(cell.column)];
            for (const Figure& figure : figures_of(row.scenario.work)) {
                const Summary value = summary(cell, figure);
                entry["figures"][std::string(figure.name)] = {
                    {"median", value.median}, {"min", value.least}, {"max", value.most}};
            }
        }
    }
    for (const auto& [column, memory] : result.memory) {
        json["memory_kb"][std::string(column_names[static_cast<std::size_t>(column)])] = {
            {"start_private", memory.start_private_kb},
            {"start_anonymous", memory.start_anonymous_kb},
            {"idle_connection_private", memory.private_kb_each},
            {"idle_connection_resident", memory.rss_kb_each}};
    }
    for (const auto& [column, counts] : result.system_calls)
        json["system_calls"][std::string(column_names[static_cast<std::size_t>(column)])] = counts;
    return json;
}

}  // namespace

std::string describe_machine() {
    utsname system{};
    ::uname(&system);
    const std::string release = system.release;
    const bool is_virtual = first_word_after_colon("/proc/cpuinfo", "flags").find("hypervisor") != std::string::npos;
    return fmt::format("{} × {}{}, {:.0f} GB; {} {}; compiled by {}", usable_cpus().size(),
                       first_word_after_colon("/proc/cpuinfo", "model name"), is_virtual ? " (virtual machine)" : "",
                       std::stod(first_word_after_colon("/proc/meminfo", "MemTotal")) / 1e6, system.sysname,
                       release.substr(0, release.find('-')), SOHO_BENCH_COMPILER);
}

std::string markdown(const Result& result) {
    std::string text = fmt::format("# soho_load, {}\n\n{}\n\n", today(), result.machine);
    text += fmt::format(
        "{} interleaved rounds of {} s for each column, with a fresh server each; cells are the median of the "
        "rounds (min–max), then the ratio to raw epoll in this run. \"Others' CPU\" is how much of the CPUs "
        "other processes took in the worst round: above 8 % a row was repeated while there was time "
        "({} s); trust ratios more than figures.\n\n",
        result.settings.rounds, result.settings.seconds, result.settings.repeats_s);
    write_rows(text, result);
    write_memory(text, result);
    write_system_calls(text, result);
    text += "\n";
    text += explanations;
    return text;
}

void keep(const Result& result, const std::string& name) {
    const std::string file = fmt::format("{}/{}-{}", SOHO_BENCH_RESULTS_DIR, today(), name);
    std::ofstream(file + ".md") << markdown(result);
    std::ofstream(file + ".json") << to_json(result).dump(1) << '\n';
    std::cerr << "kept in bench/results\n";
}

}  // namespace soho::bench
