#include "top.hpp"

#include "show.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>
#include <fnmatch.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <csignal>
#include <map>

namespace soho::cli {

namespace {

using Clock = std::chrono::steady_clock;
using Latency = std::map<double, std::uint64_t>;  // bound in µs, calls below it and above the one before

constexpr double interval_default = 2;
constexpr const char* sort_keys[] = {"rate", "calls", "errors", "p50_us", "p99_us", "target"};

volatile std::sig_atomic_t interrupted = 0;

// The terminal without echo and line editing, and Ctrl-C as a wish to end in order.
class Terminal {
public:
    Terminal() : is_terminal_(::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0) {
        struct sigaction action {};
        action.sa_handler = [](int) { interrupted = 1; };
        ::sigaction(SIGINT, &action, &before_interrupt_);
        if (!is_terminal_ || ::tcgetattr(STDIN_FILENO, &before_) != 0) return;
        termios raw = before_;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    ~Terminal() {
        if (is_terminal_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
        ::sigaction(SIGINT, &before_interrupt_, nullptr);
    }

    bool is_terminal() const { return is_terminal_; }
    // False: somebody has had enough.
    bool wait_until(Clock::time_point until) const {
        while (interrupted == 0) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
            if (left.count() <= 0) return true;
            pollfd keys{is_terminal_ ? STDIN_FILENO : -1, POLLIN, 0};
            if (::poll(&keys, 1, static_cast<int>(left.count())) <= 0) continue;
            char key = 'q';
            if (::read(STDIN_FILENO, &key, 1) <= 0 || key == 'q') return false;
        }
        return false;
    }
    static std::size_t rows() {
        winsize size{};
        return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 6 ? size.ws_row : 24;
    }

private:
    bool is_terminal_;
    termios before_{};
    struct sigaction before_interrupt_ {};
};

double interval_of(const Invocation& invocation) {
    if (invocation.interval.empty()) return interval_default;
    double seconds = 0;
    const char* const last = invocation.interval.data() + invocation.interval.size();
    const auto [end, failure] = std::from_chars(invocation.interval.data(), last, seconds);
    if (failure != std::errc() || end != last || !(seconds >= 0.05) || seconds > 3600)
        throw UsageError(fmt::format("'{}' is no interval: seconds, 0.05 to 3600", invocation.interval));
    return seconds;
}

std::string sort_of(const Invocation& invocation) {
    if (invocation.sort.empty()) return "rate";
    std::string known;
    for (const char* key : sort_keys) {
        if (invocation.sort == key || invocation.sort + "_us" == key) return key;
        known += (known.empty() ? "" : ", ") + std::string(key);
    }
    throw UsageError(fmt::format("top sorts by {}, not by '{}'", known, invocation.sort));
}

std::uint64_t number(const Value& map, const char* key) { return map[key].as<std::uint64_t>(); }

Latency latency_of(const Value& callee) {
    Latency latency;
    for (const Value& bucket : *callee["latency"].get_if<Value::Array>())
        latency[bucket[std::size_t{0}].as<double>()] = bucket[std::size_t{1}].as<std::uint64_t>();
    return latency;
}

Value quantile(const Latency& latency, std::uint64_t calls, double share) {
    std::uint64_t seen = 0;
    for (const auto& [bound, count] : latency) {
        seen += count;
        if (seen != 0 && static_cast<double>(seen) >= share * static_cast<double>(calls)) return bound;
    }
    return nullptr;
}

std::string target_of(const Value& callee) {
    return callee["type"].as<std::string>() + "." + callee["method"].as<std::string>();
}

Value row_of(const Value& callee, const Value* before, double seconds) {
    const std::uint64_t calls = number(callee, "calls");
    const std::uint64_t new_calls = calls - (before != nullptr ? number(*before, "calls") : 0);
    Latency latency = latency_of(callee);
    if (before != nullptr) {
        for (const auto& [bound, count] : latency_of(*before)) latency[bound] -= count;
    }
    return Value::Map{{"target", target_of(callee)},
                      {"rate", static_cast<double>(new_calls) / seconds},
                      {"p50_us", quantile(latency, new_calls, 0.5)},
                      {"p99_us", quantile(latency, new_calls, 0.99)},
                      {"errors", number(callee, "errors")},
                      {"calls", calls}};
}

double sort_number(const Value& row, const std::string& key) { return row[key].is_nil() ? -1 : row[key].as<double>(); }

std::string time_text(const Value& us) {
    if (us.is_nil()) return "-";
    const double value = us.as<double>();
    return value < 1000  ? fmt::format("{:.1f} µs", value)
           : value < 1e6 ? fmt::format("{:.1f} ms", value / 1000)
                         : fmt::format("{:.1f} s", value / 1e6);
}

std::string rate_text(const Value& rate) { return fmt::format("{:.1f}", rate.as<double>()); }

void show(const Value& top, std::size_t rows_max) {
    fmt::print("{} objects, {} sessions, {} connections, {} calls in flight; {:.0f} requests/s, {}/s in, {}/s out\n",
               number(top, "objects"), number(top, "sessions"), number(top, "connections"),
               number(top, "calls_in_flight"), top["rate"].as<double>(), size_text(top["bytes_in"]),
               size_text(top["bytes_out"]));
    show_callees(top, rows_max);
    std::fflush(stdout);
}

Value look(const Workspace& workspace) {
    return workspace.client().request("soho.stats", Value(Value::Map{{"methods", true}}));
}

}  // namespace

Value difference(const Value& before, const Value& now, double seconds, const std::string& sort,
                 const std::string& filter) {
    std::map<std::string, const Value*> known;
    for (const Value& callee : *before["methods"].get_if<Value::Array>()) known[target_of(callee)] = &callee;
    Value::Array rows;
    for (const Value& callee : *now["methods"].get_if<Value::Array>()) {
        const std::string target = target_of(callee);
        if (!filter.empty() && ::fnmatch(filter.c_str(), target.c_str(), 0) != 0) continue;
        const auto earlier = known.find(target);
        rows.push_back(row_of(callee, earlier != known.end() ? earlier->second : nullptr, seconds));
    }
    std::stable_sort(rows.begin(), rows.end(), [&](const Value& a, const Value& b) {
        return sort == "target" ? a[sort].as<std::string>() < b[sort].as<std::string>()
                                : sort_number(a, sort) > sort_number(b, sort);
    });
    const auto per_second = [&](const char* key) {
        return static_cast<double>(number(now, key) - number(before, key)) / seconds;
    };
    const auto bytes = [&](const char* key) { return static_cast<std::uint64_t>(per_second(key)); };
    return Value::Map{{"seconds", seconds},
                      {"objects", number(now, "objects")},
                      {"sessions", number(now, "sessions")},
                      {"connections", number(now, "connections")},
                      {"calls_in_flight", number(now, "calls_in_flight")},
                      {"rate", per_second("requests")},
                      {"bytes_in", bytes("bytes_in")},
                      {"bytes_out", bytes("bytes_out")},
                      {"rows", Value(rows)}};
}

void show_callees(const Value& difference, std::size_t rows_max) {
    Value::Array rows = *difference["rows"].get_if<Value::Array>();
    if (rows.size() > rows_max) rows.resize(rows_max);
    show_table(Value(rows),
               {{"target", "TYPE.METHOD"},
                {"rate", "CALLS/s", rate_text},
                {"p50_us", "P50", time_text},
                {"p99_us", "P99", time_text},
                {"errors", "ERRORS"},
                {"calls", "CALLS"}},
               "no calls yet");
}

Value run_top(Workspace& workspace, const Invocation& invocation) {
    const double seconds = interval_of(invocation);
    const std::string sort = sort_of(invocation);
    const auto interval = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    const Terminal terminal;
    interrupted = 0;
    Value before = look(workspace);
    auto looked = Clock::now();
    while (terminal.wait_until(looked + interval)) {
        Value now = look(workspace);
        const auto at = Clock::now();
        const Value top =
            difference(before, now, std::chrono::duration<double>(at - looked).count(), sort, invocation.filter);
        if (invocation.once) return top;
        if (terminal.is_terminal()) fmt::print("\x1b[H\x1b[2J");
        show(top, terminal.is_terminal() ? Terminal::rows() - 4 : SIZE_MAX);
        before = std::move(now);
        looked = at;
    }
    return nullptr;
}

void show_top(const Value& value, const Invocation&, Workspace&) {
    if (!value.is_nil()) show(value, SIZE_MAX);
}

}  // namespace soho::cli
