#include "bench/load/report.hpp"

#include "bench/load/chart.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <algorithm>
#include <ctime>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

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
        case Work::echo: return {p50, host_cpu};
        case Work::window: return {rate, host_cpu, client_cpu};
        case Work::pairs: return {pair_rate, pair_cpu};
        case Work::many:
        case Work::threads: return {rate, host_cpu, p99};
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

const Cell* cell_of(const Row& row, const std::string& column) {
    const auto found = std::find_if(row.cells.begin(), row.cells.end(),
                                    [&](const Cell& cell) { return cell.column == column && !cell.samples.empty(); });
    return found == row.cells.end() ? nullptr : &*found;
}

// soho's ratio to the best of its peers, with whose it is; empty if there is none.
std::string best_peer(const Result& result, const Row& row, const Figure& figure) {
    const Cell* const soho = cell_of(row, "soho");
    const std::string* best = nullptr;
    double best_value = 0;
    for (const std::string& peer : result.peers) {
        const Cell* const cell = cell_of(row, peer);
        if (cell == nullptr) continue;
        const double value = summary(*cell, figure).median;
        if (best != nullptr && (figure.higher_is_better ? value <= best_value : value >= best_value)) continue;
        best = &peer;
        best_value = value;
    }
    if (soho == nullptr || best == nullptr || best_value <= 0) return {};
    return fmt::format("**{:.2f}×** {}", summary(*soho, figure).median / best_value, *best);
}

void write_rows(std::string& text, const Result& result) {
    text += "| scenario | figure |";
    std::string rule = "|---|---|";
    for (const std::string& name : result.columns) {
        text += fmt::format(" {} |", name);
        rule += "---:|";
    }
    if (!result.peers.empty()) {
        text += " soho to the best peer |";
        rule += "---:|";
    }
    text += " others' CPU |\n" + rule + "---:|\n";
    for (const Row& row : result.rows) {
        bool first = true;
        for (const Figure& figure : figures_of(row.scenario.work)) {
            text += fmt::format("| {} | {} |", first ? row.scenario.name : "", figure.name);
            const Cell* const floor = cell_of(row, result.columns.front());
            const auto raw = floor != nullptr ? std::optional(summary(*floor, figure)) : std::nullopt;
            for (const std::string& column : result.columns) {
                const Cell* const cell = cell_of(row, column);
                text += cell != nullptr ? fmt::format(" {} |", cell_text(summary(*cell, figure),
                                                                         cell == floor || !raw ? nullptr : &*raw))
                                        : " |";
            }
            if (!result.peers.empty()) text += fmt::format(" {} |", best_peer(result, row, figure));
            text += first ? fmt::format(" {:.0f} % |\n", most_foreign(row) * 100) : " |\n";
            first = false;
        }
    }
}

const Load* load_of(const Result& result, const std::string& column, double offered) {
    const auto found = std::find_if(result.loads.begin(), result.loads.end(),
                                    [&](const Load& load) { return load.column == column && load.offered == offered; });
    return found == result.loads.end() ? nullptr : &*found;
}

std::vector<std::string> loaded_columns(const Result& result) {
    std::vector<std::string> names;
    for (const Load& load : result.loads) {
        if (std::find(names.begin(), names.end(), load.column) == names.end()) names.push_back(load.column);
    }
    return names;
}

void write_loads(std::string& text, const Result& result) {
    if (result.loads.empty()) return;
    const std::vector<std::string> columns = loaded_columns(result);
    text += "\n| offered, thousand calls/s |";
    std::string rule = "|---:|";
    for (const std::string& name : columns) {
        text += fmt::format(" {}: answered, thousand/s | p50, µs | p99, µs |", name);
        rule += "---:|---:|---:|";
    }
    text += "\n" + rule + "\n";
    for (const Load& row : result.loads) {
        if (row.column != columns.front()) continue;
        text += fmt::format("| {:.0f} |", row.offered / 1e3);
        for (const std::string& name : columns) {
            const Load* const load = load_of(result, name, row.offered);
            text += load == nullptr ? std::string(" | | |")
                                    : fmt::format(" {} | {} | {} |", number(rate.of(load->sample)),
                                                  number(p50.of(load->sample)), number(p99.of(load->sample)));
        }
        text += "\n";
    }
    text +=
        "\nOffered load: requests at random times (exponential gaps) over TCP on 16 connections, from one CPU to a "
        "server on another; each is "
        "timed from when it was due, so that what waits in a queue counts. Measured once.\n";
}

std::vector<Chart> charts_of(const Result& result) {
    if (result.loads.empty()) return {};
    Chart chart{"What a caller waits, over the offered load (TCP, two CPUs)",
                "calls per second offered",
                "µs (line: p50, dashes: p99)",
                {},
                true};
    for (const bool is_p99 : {false, true}) {
        for (const std::string& name : loaded_columns(result)) {
            const auto column = std::find(result.columns.begin(), result.columns.end(), name);
            Line line{name + (is_p99 ? ", p99" : ", p50"),
                      {},
                      is_p99,
                      static_cast<std::size_t>(column - result.columns.begin())};
            for (const Load& load : result.loads) {
                if (load.column == name) line.points.emplace_back(load.offered, (is_p99 ? p99 : p50).of(load.sample));
            }
            chart.lines.push_back(std::move(line));
        }
    }
    return {chart};
}

void write_memory(std::string& text, const Result& result) {
    if (result.memory.empty()) return;
    text += fmt::format(
        "\n| memory, KB | private at start | anonymous at start | each idle connection, private | … resident |\n"
        "|---|---:|---:|---:|---:|\n");
    for (const auto& [column, memory] : result.memory) {
        text += fmt::format("| {} | {:.0f} | {:.0f} | {:.2f} | {:.2f} |\n", column, memory.start_private_kb,
                            memory.start_anonymous_kb, memory.private_kb_each, memory.rss_kb_each);
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
        text += fmt::format("- {}: {}\n", column,
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
            if (cell.samples.empty()) continue;
            auto& entry = json["rows"].emplace_back();
            entry["scenario"] = row.scenario.name;
            entry["column"] = cell.column;
            for (const Figure& figure : figures_of(row.scenario.work)) {
                const Summary value = summary(cell, figure);
                entry["figures"][std::string(figure.name)] = {
                    {"median", value.median}, {"min", value.least}, {"max", value.most}};
            }
        }
    }
    for (const Load& load : result.loads) {
        json["offered_load"].push_back({{"column", load.column},
                                        {"offered_per_s", load.offered},
                                        {"answered_per_s", load.sample.calls / load.sample.seconds},
                                        {"p50_us", p50.of(load.sample)},
                                        {"p99_us", p99.of(load.sample)}});
    }
    for (const auto& [column, memory] : result.memory) {
        json["memory_kb"][column] = {{"start_private", memory.start_private_kb},
                                     {"start_anonymous", memory.start_anonymous_kb},
                                     {"idle_connection_private", memory.private_kb_each},
                                     {"idle_connection_resident", memory.rss_kb_each}};
    }
    for (const auto& [column, counts] : result.system_calls) json["system_calls"][column] = counts;
    return json;
}

// A measurement on CPUs that others used more than this is made again, as long as there is time for it.
constexpr double foreign_max = 0.08;
constexpr int tries_max = 3;

class Run {
public:
    Run(const Settings& settings, Addresses& addresses)
        : settings_(settings),
          addresses_(addresses),
          repeats_left_s_(settings.repeats_s) {}

    // The quietest of up to three; nothing if it fails.
    std::optional<Sample> sample(const Scenario& scenario, const Column& column) {
        try {
            Sample best = once(scenario, column);
            for (int i = 1; i < tries_max && best.foreign > foreign_max && repeats_left_s_ > 0; ++i) {
                repeats_left_s_ -= settings_.seconds * 1.3;
                const Sample again = once(scenario, column);
                if (again.foreign < best.foreign) best = again;
            }
            return best;
        } catch (const std::exception& failure) {
            std::cerr << "left out: " << column.name() << ", " << scenario.name << ": " << failure.what() << '\n';
            return std::nullopt;
        }
    }

private:
    Sample once(const Scenario& scenario, const Column& column) {
        return column.run(scenario, addresses_.next(column.transport_of(scenario)), settings_.seconds);
    }

    const Settings& settings_;
    Addresses& addresses_;
    double repeats_left_s_;
};

}  // namespace

std::vector<Row> run(const std::vector<std::unique_ptr<Column>>& columns, const std::vector<Scenario>& scenarios,
                     const Settings& settings, Addresses& addresses) {
    std::vector<Row> rows;
    for (const Scenario& scenario : scenarios) {
        if (scenario.where != Where::one_cpu && usable_cpus().size() < 2) continue;
        if (scenario.name.find(settings.only) == std::string::npos) continue;
        rows.push_back({scenario, {}});
        for (const auto& column : columns) rows.back().cells.push_back({column->name(), {}});
    }
    Run run(settings, addresses);
    for (int round = 0; round < settings.rounds; ++round) {
        std::cerr << "round " << round + 1 << " of " << settings.rounds << '\n';
        for (Row& row : rows) {
            for (std::size_t i = 0; i < columns.size(); ++i) {
                if (!columns[i]->takes(row.scenario)) continue;
                if (const auto sample = run.sample(row.scenario, *columns[i])) row.cells[i].samples.push_back(*sample);
            }
        }
    }
    return rows;
}

std::vector<Load> run_offered(const std::vector<std::unique_ptr<Column>>& columns,
                              const std::vector<std::string>& names, const Settings& settings, Addresses& addresses) {
    std::vector<Load> loads;
    if (usable_cpus().size() < 2) return loads;
    std::cerr << "offered load\n";
    for (const double thousands : {5, 10, 20, 50, 75, 100, 150, 200, 300, 400, 600, 800}) {
        for (const auto& column : columns) {
            const auto* const driven = dynamic_cast<const SocketColumn*>(column.get());
            if (driven == nullptr || std::find(names.begin(), names.end(), column->name()) == names.end()) continue;
            try {
                loads.push_back({column->name(), thousands * 1e3,
                                 driven->run_offered(Transport::tcp, addresses.next(Transport::tcp), thousands * 1e3,
                                                     settings.seconds)});
            } catch (const std::exception& failure) {
                std::cerr << "left out: " << column->name() << ", offered load: " << failure.what() << '\n';
            }
        }
    }
    return loads;
}

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
    std::string text = fmt::format("# {}, {}\n\n{}\n\n", result.title, today(), result.machine);
    text += fmt::format(
        "{} interleaved rounds of {} s for each column, with a fresh server each; cells are the median of the "
        "rounds (min–max), then the ratio to the first column in this run. \"Others' CPU\" is how much of the CPUs "
        "other processes took in the worst round: above 8 % a row was repeated while there was time "
        "({} s); trust ratios more than figures.\n\n",
        result.settings.rounds, result.settings.seconds, result.settings.repeats_s);
    write_rows(text, result);
    write_loads(text, result);
    write_memory(text, result);
    write_system_calls(text, result);
    text += "\n";
    text += result.explanations;
    return text;
}

std::string svg(const Result& result) {
    constexpr int bar = 14, gap = 26, left = 330, width = 560, right = 130;
    std::string bars;
    int y = 40;
    const auto text = [&](int x, int at, std::string_view anchor, std::string_view words,
                          std::string_view weight = "normal") {
        bars += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\" font-weight=\"{}\">{}</text>\n", x, at, anchor,
                            weight, escaped(std::string(words)));
    };
    for (const Row& row : result.rows) {
        const Figure figure = figures_of(row.scenario.work).front();
        double most = 0;
        for (const Cell& cell : row.cells) {
            if (!cell.samples.empty()) most = std::max(most, summary(cell, figure).median);
        }
        if (most <= 0) continue;
        text(
            8, y + bar - 3, "start",
            fmt::format("{} ({}{})", row.scenario.name, figure.name, figure.higher_is_better ? ", more is better" : ""),
            "bold");
        y += bar + 4;
        for (std::size_t i = 0; i < result.columns.size(); ++i) {
            const Cell* const cell = cell_of(row, result.columns[i]);
            if (cell == nullptr) continue;
            const double value = summary(*cell, figure).median;
            const double length = std::max(1.0, value / most * width);
            text(left - 8, y + bar - 3, "end", result.columns[i]);
            bars += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" fill=\"{}\"/>\n", left, y,
                                length, bar - 2, color_of(i));
            text(left + static_cast<int>(length) + 6, y + bar - 3, "start", number(value));
            y += bar;
        }
        y += gap - bar;
    }
    const std::vector<Chart> charts = charts_of(result);
    bars += svg_part(charts, y);
    y += chart_height * static_cast<int>(charts.size());
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
        "font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        "<text x=\"8\" y=\"20\" font-size=\"14\" font-weight=\"bold\">{2}, {3}: {4}</text>\n{5}</svg>\n",
        left + width + right, y + 10, result.title, today(), result.machine, bars);
}

void keep(const std::string& name, const std::string& markdown, const std::string& json, const std::string& svg) {
    const std::string file = fmt::format("{}/{}-{}", SOHO_BENCH_RESULTS_DIR, today(), name);
    std::ofstream(file + ".md") << markdown;
    std::ofstream(file + ".json") << json << '\n';
    std::ofstream(file + ".svg") << svg;
    std::cerr << "kept in bench/results\n";
}

void keep(const Result& result, const std::string& name) {
    keep(name, markdown(result), to_json(result).dump(1), svg(result));
}

}  // namespace soho::bench
