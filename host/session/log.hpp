#pragma once
// What the host says of itself: a logger for each subsystem and each plugin, with a level of its own, lines as text or JSON.

#include <soho/result.hpp>

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace soho::host {

// What a line says besides its sentence: members of the object in JSON, `key=value` behind the sentence as text. The last argument of
// a line: log.session.info("{} logged in{}", name, Fields().add("session", 3)).
class Fields {
public:
    // Control characters in it become `?`.
    Fields& add(std::string_view key, std::string_view text);
    Fields& add(std::string_view key, std::uint64_t number);
    Fields& add_ms(std::string_view key, std::int64_t ns);  // in milliseconds

    const std::string& encoded() const { return encoded_; }

private:
    void begin(std::string_view key, char kind);
    std::string encoded_;
};

struct LogOptions {
    std::string level = "info";
    std::string format = "text";                              // or "json"
    std::vector<std::pair<std::string, std::string>> levels;  // a subsystem's name, its level
    std::int64_t slow_call_ms = 1000;                         // 0: no call is slow
};

inline constexpr std::string_view log_levels[] = {"debug", "info", "warning", "error"};
inline constexpr std::string_view log_subsystems[] = {"host", "session", "call", "plugin"};
// Whether that is a subsystem, or "plugin." and a name.
bool is_subsystem(std::string_view name);

// Thread-safe. Lines are written at once, by whoever has them to say.
class Log {
public:
    // With the options' defaults, until apply().
    explicit Log(spdlog::sink_ptr sink);
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    spdlog::logger host;
    spdlog::logger session;  // logins, limits, connections
    spdlog::logger call;     // slow calls; each call at level debug
    spdlog::logger& plugin(std::string_view name);

    // Levels, and when a call is slow. The format stays.
    void apply(const LogOptions& options);
    // `level` for all, or for one subsystem. Fails with Code::bad_arguments for names that are none.
    Result<void> set_level(std::string_view level, std::string_view subsystem = {});
    std::string level_of(std::string_view subsystem) const;

    // How long a call takes that is slow; INT64_MAX if none is.
    std::int64_t slow_call_ns() const { return slow_call_ns_.load(std::memory_order_relaxed); }
    // Calls that take so many nanoseconds get a line: 0 for all.
    std::int64_t call_line_ns() const { return call_line_ns_.load(std::memory_order_relaxed); }

private:
    std::string_view level_of_locked(std::string_view subsystem) const;
    void set_all_locked();

    const spdlog::sink_ptr sink_;
    mutable std::mutex mutex_;
    std::string level_;
    std::map<std::string, std::string, std::less<>> levels_;
    std::map<std::string, std::unique_ptr<spdlog::logger>, std::less<>> plugins_;
    std::atomic<std::int64_t> slow_call_ns_{INT64_MAX};
    std::atomic<std::int64_t> call_line_ns_{INT64_MAX};
};

// Lines for people, or one JSON object each; of at most 4096 bytes, with the end of the sentence left out where it takes that.
std::unique_ptr<spdlog::formatter> make_line_formatter(bool json, bool with_color);
// The level that a line was forwarded with, and the rest of it; without one, `otherwise`, and the whole line.
std::pair<spdlog::level::level_enum, std::string_view> split_forwarded(std::string_view line,
                                                                       spdlog::level::level_enum otherwise);
// Standard error. A reader that does not keep up loses lines, and is told how many; it never holds up the host.
spdlog::sink_ptr make_log_sink(const LogOptions& options);
// The same for a process whose lines another one logs as its own: split_forwarded() takes them apart.
spdlog::sink_ptr make_forwarding_sink();

}  // namespace soho::host

template <>
struct fmt::formatter<soho::host::Fields> : fmt::formatter<std::string_view> {
    template <class Context>
    auto format(const soho::host::Fields& fields, Context& context) const {
        return fmt::formatter<std::string_view>::format(fields.encoded(), context);
    }
};
