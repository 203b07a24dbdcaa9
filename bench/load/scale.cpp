// soho_scale: what a call costs as connections, objects, methods, frames and reactors grow, and what each of them takes of memory.

#include "bench/load/chart.hpp"
#include "bench/load/frames.hpp"
#include "bench/load/report.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

namespace soho::bench {
namespace {

constexpr Scenario sync_call{"", Work::call, Transport::unix_socket, Where::one_cpu};

// A host whose limits are no matter here.
class Host {
public:
    Host(const Programs& programs, Addresses& addresses, std::vector<std::string> options = {},
         Scenario scenario = sync_call)
        : address_(addresses.next(scenario.transport)),
          cpus_(all_cpus(scenario.where)),
          server_(command(programs, scenario, std::move(options)), host_cpus(scenario.where)) {
        run_on(client_cpus(scenario.where));
    }

    // Logged in.
    Socket connect() const {
        Socket socket(address_);
        socket.ask(frames::hello());
        return socket;
    }
    std::uint64_t open(const Socket& socket, std::string_view name) const {
        return frames::id_in(socket.ask(frames::open(name)));
    }
    Sample measure(double seconds, const std::function<void()>& call) const {
        return bench::measure(server_, cpus_, seconds, true, [&] {
            call();
            return std::size_t{1};
        });
    }
    const Server& server() const { return server_; }
    const std::vector<int>& cpus() const { return cpus_; }
    const std::string& address() const { return address_; }
    // Once it has settled.
    double private_kb() const {
        ::usleep(100'000);
        return server_.memory().private_kb;
    }

private:
    std::vector<std::string> command(const Programs& programs, const Scenario& scenario,
                                     std::vector<std::string> options) const {
        for (const char* const limit :
             {"--connections", "--principal-connections", "--handles", "--principal-objects", "--calls-waiting"}) {
            options.emplace_back(limit);
            options.emplace_back("1000000");
        }
        return SohoColumn("", programs, std::move(options)).command(address_, scenario);
    }

    const std::string address_;
    const std::vector<int> cpus_;
    const Server server_;
};

void ask(const Socket& socket, const Exchange& exchange) {
    thread_local std::vector<char> in;
    in.resize(std::max<std::size_t>(in.size(), exchange.reply_bytes));
    socket.send(exchange.request);
    for (std::size_t got = 0; got < exchange.reply_bytes;)
        got += socket.receive(in.data() + got, exchange.reply_bytes - got);
    check_reply(in.data(), 1);
}

// `request(i)` for each i below `count`, many at a time; `take(reply)` for each reply, which has so many bytes.
void ask_many(const Socket& socket, std::size_t count, std::size_t reply_bytes,
              const std::function<std::string(std::size_t)>& request,
              const std::function<void(std::string_view)>& take) {
    constexpr std::size_t at_a_time = 1'000;
    std::string replies;
    for (std::size_t i = 0; i < count;) {
        std::string requests;
        const std::size_t last = std::min(count, i + at_a_time);
        // The host closes a connection whose msgid is used twice at a time; replies that are late, and only they, could meet it.
        for (; i < last; ++i) requests += request(i);
        socket.send(requests);
        replies.resize((last - 1) % at_a_time * reply_bytes + reply_bytes);
        for (std::size_t got = 0; got < replies.size();)
            got += socket.receive(replies.data() + got, replies.size() - got);
        for (std::size_t at = 0; at < replies.size(); at += reply_bytes) {
            check_reply(replies.data() + at, 1);
            take(std::string_view(replies).substr(at, reply_bytes));
        }
    }
}

std::vector<std::uint64_t> create_pairs(const Socket& socket, std::size_t count) {
    const Exchange create = frames::create_pair();
    std::vector<std::uint64_t> ids;
    ids.reserve(count);
    ask_many(
        socket, count, create.reply_bytes, [&](std::size_t) { return create.request; },
        [&](std::string_view reply) { ids.push_back(frames::id_in(reply)); });
    return ids;
}

// A cost over a size.
struct Table {
    std::string title, x;
    std::vector<std::string> columns;  // with units
    std::string note;
    struct Row {
        double x;
        std::vector<double> values;  // NaN: not measured
    };
    std::vector<Row> rows;
    std::size_t drawn = 0;  // how many of the columns the chart shows
};

double us(double ns) { return ns / 1e3; }
double host_us(const Sample& sample) { return us(sample.host_cpu_ns / sample.calls); }

struct Context {
    const Programs& programs;
    Addresses& addresses;
    double seconds;
    std::size_t descriptors;
};

Table over_connections(const Context& context) {
    Table table{"Connections",
                "connections",
                {"soho, p50, µs", "raw epoll, p50, µs", "soho, host CPU, µs/call", "raw epoll, host CPU, µs/call"},
                "A call at a time, on one connection after the other. Unix, one CPU.",
                {},
                2};
    const RawColumn raw("", context.programs);
    for (const std::size_t count : {1u, 10u, 100u, 1'000u, 10'000u}) {
        if (count + 100 > context.descriptors) break;
        const auto cost = [&](const Server& server, const std::vector<int>& cpus, auto connect) {
            std::vector<std::pair<Socket, Exchange>> connections;
            while (connections.size() < count) connections.push_back(connect());
            std::size_t next = 0;
            return measure(server, cpus, context.seconds, true, [&] {
                const auto& [socket, exchange] = connections[next++ % count];
                ask(socket, exchange);
                return std::size_t{1};
            });
        };
        const Host host(context.programs, context.addresses);
        const Sample soho = cost(host.server(), host.cpus(), [&] {
            Socket socket = host.connect();
            const std::uint64_t id = host.open(socket, "pair");
            return std::pair(std::move(socket), frames::get_x(id));
        });
        const std::string address = context.addresses.next(Transport::unix_socket);
        const Server server(raw.command(address, sync_call), host_cpus(sync_call.where));
        const Sample floor =
            cost(server, host.cpus(), [&] { return std::pair(Socket(address), frames::get_x(frames::some_id)); });
        table.rows.push_back(
            {static_cast<double>(count), {us(soho.p50_ns), us(floor.p50_ns), host_us(soho), host_us(floor)}});
    }
    return table;
}

Table over_objects(const Context& context) {
    Table table{"Objects",
                "objects",
                {"p50, µs", "p99, µs", "host CPU, µs/call"},
                "A call at a time on any of the objects of one connection. Unix, one CPU.",
                {},
                2};
    for (const std::size_t count : {1u, 100u, 10'000u, 100'000u, 1'000'000u}) {
        const Host host(context.programs, context.addresses);
        const Socket socket = host.connect();
        const std::vector<std::uint64_t> ids = create_pairs(socket, count);
        std::mt19937_64 random(1);  // NOLINT(cert-msc51-cpp)
        std::vector<Exchange> calls;
        for (std::size_t i = 0; i < std::min<std::size_t>(count, 20'000); ++i)
            calls.push_back(frames::get_x(ids[random() % count]));
        std::size_t next = 0;
        const Sample sample = host.measure(context.seconds, [&] { ask(socket, calls[next++ % calls.size()]); });
        table.rows.push_back({static_cast<double>(count), {us(sample.p50_ns), us(sample.p99_ns), host_us(sample)}});
    }
    return table;
}

Table over_methods(const Context& context, const std::string& plugin) {
    Table table{"Methods of a type",
                "methods",
                {"p50, µs", "host CPU, µs/call"},
                "A call at a time of any of its methods. Unix, one CPU.",
                {},
                1};
    for (const int count : {1, 10, 100, 1'000}) {
        const Host host(context.programs, context.addresses, {"--plugin", plugin});
        const Socket socket = host.connect();
        const Exchange create = frames::create("Methods" + std::to_string(count), {});
        const std::uint64_t id = frames::id_in(socket.ask(create.request));
        std::vector<Exchange> calls;
        for (int i = 0; i < count; ++i) calls.push_back(frames::call(id, "method_" + std::to_string(i)));
        std::shuffle(calls.begin(), calls.end(), std::mt19937_64(1));  // NOLINT(cert-msc51-cpp)
        std::size_t next = 0;
        const Sample sample = host.measure(context.seconds, [&] { ask(socket, calls[next++ % calls.size()]); });
        table.rows.push_back({static_cast<double>(count), {us(sample.p50_ns), host_us(sample)}});
    }
    return table;
}

Table over_frames(const Context& context) {
    Table table{"Frames",
                "bytes of each frame",
                {"soho, p50, µs", "raw epoll, p50, µs", "soho, host CPU, µs/call"},
                "An echo at a time. TCP, one CPU.",
                {},
                2};
    const SohoColumn soho("", context.programs);
    const RawColumn raw("", context.programs);
    constexpr std::size_t around = 64;  // more than what is around the bytes
    for (const std::size_t bytes : {std::size_t{16}, std::size_t{256}, std::size_t{4} << 10, std::size_t{64} << 10,
                                    std::size_t{1} << 20, std::size_t{16} << 20}) {
        const Scenario echo{"", Work::echo, Transport::tcp, Where::one_cpu, bytes > around ? bytes - around : 1};
        const double seconds = std::max(context.seconds, static_cast<double>(bytes) / 3e7);
        const auto cost = [&](const Column& column) {
            return column.run(echo, context.addresses.next(echo.transport), seconds);
        };
        const Sample ours = cost(soho), floor = cost(raw);
        table.rows.push_back({static_cast<double>(bytes), {us(ours.p50_ns), us(floor.p50_ns), host_us(ours)}});
    }
    return table;
}

Table over_reactors(const Context& context) {
    Table table{"Reactors",
                "reactors",
                {"thousand calls/s", "host CPU, µs/call"},
                "64 connections, a thread of the client for each, one call each at a time. TCP, all CPUs, which the "
                "client uses, too.",
                {},
                0};
    const Scenario threads{"", Work::threads, Transport::tcp, Where::anywhere};
    for (std::size_t count = 1; count <= usable_cpus().size(); ++count) {
        const SohoColumn soho("", context.programs, {"--reactors", std::to_string(count)});
        const Sample sample = soho.run(threads, context.addresses.next(threads.transport), context.seconds);
        table.rows.push_back({static_cast<double>(count), {sample.calls / sample.seconds / 1e3, host_us(sample)}});
    }
    return table;
}

// What one more of each takes, in bytes of the host's private memory.
struct Footprint {
    std::string what;
    double bytes;
};

std::vector<Footprint> footprints(const Context& context, const std::string& sync_plugin) {
    std::vector<Footprint> found;
    // From `few` of them on, so that what is there once does not count.
    const auto slope = [&](std::string what, const Host& host, std::size_t few, std::size_t many,
                           const std::function<void(std::size_t from, std::size_t to)>& grow) {
        grow(0, few);
        const double before = host.private_kb();
        grow(few, many);
        found.push_back({std::move(what), (host.private_kb() - before) * 1024 / static_cast<double>(many - few)});
    };

    const Host crowded(context.programs, context.addresses);
    { const Socket up(crowded.address()); }
    const Server::Memory start = crowded.server().memory();
    found.push_back({"at start, with one plugin: private", start.private_kb * 1024});
    found.push_back({"… of it anonymous", start.anonymous_kb * 1024});
    std::vector<Socket> idle;
    slope("connection, idle, logged in", crowded, 1'000, 9'000, [&](std::size_t, std::size_t to) {
        while (idle.size() < to) idle.push_back(crowded.connect());
    });

    const Host host(context.programs, context.addresses);
    const Socket owner = host.connect(), other = host.connect();
    std::vector<std::uint64_t> ids;
    slope("object (a Pair, with its creator's reference)", host, 100'000, 1'000'000,
          [&](std::size_t from, std::size_t to) {
              const auto more = create_pairs(owner, to - from);
              ids.insert(ids.end(), more.begin(), more.end());
          });
    slope("reference (to an object that there is, by another session)", host, 100'000, 1'000'000,
          [&](std::size_t from, std::size_t to) {
              ask_many(
                  other, to - from, frames::retain(ids[0], "Pair").reply_bytes,
                  [&](std::size_t i) { return frames::retain(ids[from + i], "Pair").request; },
                  [](std::string_view) {});
          });

    const Host waits(context.programs, context.addresses, {"--plugin", sync_plugin});
    const Socket caller = waits.connect();
    const std::uint64_t lock = frames::id_in(caller.ask(frames::create("Lock", {}).request));
    ask(caller, frames::call(lock, "acquire"));
    slope("caller that waits (for a Lock that another has)", waits, 10'000, 100'000,
          [&](std::size_t from, std::size_t to) {
              std::string requests;
              for (std::size_t i = from; i < to; ++i) {
                  std::string request =
                      frames::call(lock, "acquire").request;  // its msgid is one byte: five are needed
                  const auto msgid = static_cast<std::uint32_t>(i + 1'000);
                  const std::string bytes{'\xce', static_cast<char>(msgid >> 24), static_cast<char>(msgid >> 16),
                                          static_cast<char>(msgid >> 8), static_cast<char>(msgid)};
                  requests += request.replace(2, 1, bytes);
              }
              caller.send(requests);
              waits.open(caller, "pair");  // answered when those before it have been taken
          });
    return found;
}

std::string cell(double value) {
    return value >= 100  ? fmt::format("{:.0f}", value)
           : value >= 10 ? fmt::format("{:.1f}", value)
                         : fmt::format("{:.2f}", value);
}

struct Report {
    std::string machine;
    std::vector<Table> tables;
    std::vector<Footprint> footprints;
};

std::string markdown(const Report& report) {
    std::string text =
        fmt::format("# soho at scale\n\n{}\n\nEach cell is measured once, with a host of its own.\n", report.machine);
    for (const Table& table : report.tables) {
        text += fmt::format("\n## {}\n\n{}\n\n| {} |", table.title, table.note, table.x);
        std::string rule = "|---:|";
        for (const std::string& column : table.columns) {
            text += fmt::format(" {} |", column);
            rule += "---:|";
        }
        text += "\n" + rule + "\n";
        for (const Table::Row& row : table.rows) {
            text += fmt::format("| {:.0f} |", row.x);
            for (const double value : row.values) text += fmt::format(" {} |", cell(value));
            text += "\n";
        }
    }
    text += "\n## Memory of the host\n\n| what | bytes |\n|---|---:|\n";
    for (const auto& [what, bytes] : report.footprints) text += fmt::format("| {} | {:.0f} |\n", what, bytes);
    text +=
        "\nPrivate memory; each the slope between a tenth of the largest number and that (connections: 1,000 and "
        "9,000).\n";
    return text;
}

nlohmann::json to_json(const Report& report) {
    nlohmann::json json{{"machine", report.machine}};
    for (const Table& table : report.tables) {
        auto& kept = json["tables"][table.title];
        for (const Table::Row& row : table.rows) {
            nlohmann::json entry{{table.x, row.x}};
            for (std::size_t i = 0; i < row.values.size(); ++i) entry[table.columns[i]] = row.values[i];
            kept.push_back(std::move(entry));
        }
    }
    auto& memory = json["memory_bytes"];
    for (const auto& [what, bytes] : report.footprints) memory[what] = bytes;
    return json;
}

std::string svg(const Report& report) {
    std::vector<Chart> charts;
    for (const Table& table : report.tables) {
        if (table.drawn == 0) continue;
        Chart chart{table.title + ". " + table.note, table.x, "µs", {}, table.rows.back().values[0] > 1'000};
        for (std::size_t i = 0; i < table.drawn; ++i) {
            const std::string& name = table.columns[i];
            Line line{name, {}, false, name.starts_with("raw") ? 0 : i + 1};
            for (const Table::Row& row : table.rows) line.points.emplace_back(row.x, row.values[i]);
            chart.lines.push_back(std::move(line));
        }
        charts.push_back(std::move(chart));
    }
    return svg_of("soho at scale: " + report.machine, charts);
}

int scale(int argc, char** argv) {
    const Programs programs = Programs::beside_this();
    double seconds = 0.2;
    std::string save;
    bool no_memory = false;
    CLI::App app("What a call costs as connections, objects, methods, frames and reactors grow.", "soho_scale");
    app.add_option("--seconds", seconds, "of each measurement");
    app.add_flag("--no-memory", no_memory, "leave the memory out");
    app.add_option("--save", save, "keep the result as bench/results/DATE-NAME.md, .json and .svg")->type_name("NAME");
    CLI11_PARSE(app, argc, argv);

    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    Addresses addresses;
    const Context context{programs, addresses, seconds, files.rlim_cur};
    const std::string parts = programs.raw_epoll.substr(0, programs.raw_epoll.rfind('/') + 1);
    const std::string plugins = programs.plugin.substr(0, programs.plugin.rfind('/') + 1);

    Report report{.machine = describe_machine(), .tables = {}, .footprints = {}};
    report.tables.push_back(over_connections(context));
    report.tables.push_back(over_objects(context));
    report.tables.push_back(over_methods(context, parts + "methods.so"));
    report.tables.push_back(over_frames(context));
    report.tables.push_back(over_reactors(context));
    if (!no_memory) report.footprints = footprints(context, plugins + "sync.so");
    std::cout << markdown(report);
    if (!save.empty()) keep(save, markdown(report), to_json(report).dump(1), svg(report));
    return 0;
}

}  // namespace
}  // namespace soho::bench

int main(int argc, char** argv) {
    try {
        return soho::bench::scale(argc, argv);
    } catch (const std::exception& failure) {
        std::cerr << "soho_scale: " << failure.what() << '\n';
        return 1;
    }
}
