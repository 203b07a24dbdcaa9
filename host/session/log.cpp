#include "host/session/log.hpp"

#include "host/registry/suggest.hpp"

#include <fmt/chrono.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

namespace soho::host {

namespace {

// In front of a field, and between its key and its value; neither is in any of those.
constexpr char field_begins = '\x1e', value_begins = '\x1f';
constexpr char kind_text = 't', kind_number = 'n';

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

struct Field {
    std::string_view key, value;
    bool is_number;
};

// A pipe that has room for a line takes it without waiting, if the line is no longer than this.
constexpr std::size_t line_bytes_max = 4096;
constexpr std::string_view cut_mark = "…";

// So much of it, but no part of a character.
std::string_view front_of(std::string_view text, std::size_t size) {
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
    return text.substr(0, size);
}

struct Parts {
    std::string_view sentence;
    std::vector<Field> fields;
    bool is_cut = false;

    // What a line of that size is too long by. False if nothing is left to go.
    bool shorten(std::size_t size) {
        if (!sentence.empty()) {
            const std::size_t mark = is_cut ? 0 : cut_mark.size();
            const std::size_t kept = std::min(sentence.size() - 1, sentence.size() * line_bytes_max / size);
            sentence = front_of(sentence, kept - std::min(kept, mark));
            is_cut = true;
            return true;
        }
        if (fields.empty()) return false;
        fields.pop_back();
        return true;
    }
    std::string text() const { return std::string(sentence) + std::string(is_cut ? cut_mark : ""); }
};

// Between a sentence and its fields. A sentence may hold what a peer has sent, and must not be able to hold this.
const std::string& fields_begin() {
    static const std::string mark = [] {
        std::random_device random;
        return fmt::format("\x1d{:08x}{:08x}", random(), random());
    }();
    return mark;
}

Parts parts_of(std::string_view payload) {
    Parts parts;
    const auto cut_at = [&payload](std::string_view mark) {
        const auto end = std::min(payload.find(mark), payload.size());
        const std::string_view part = payload.substr(0, end);
        payload.remove_prefix(std::min(end + mark.size(), payload.size()));
        return part;
    };
    parts.sentence = cut_at(fields_begin());
    while (!payload.empty()) {
        const std::string_view field = cut_at({&field_begins, 1});
        const auto value = std::min(field.find(value_begins), field.size());
        if (value < 1 || value == field.size()) continue;
        parts.fields.push_back({field.substr(1, value - 1), field.substr(value + 1), field[0] == kind_number});
    }
    return parts;
}

class LineFormatter final : public spdlog::formatter {
public:
    LineFormatter(bool json, bool with_color) : json_(json), with_color_(with_color) {}

    // A line that would be too long loses the end of its sentence, and its fields only where that is not enough: JSON stays JSON.
    void format(const spdlog::details::log_msg& line, spdlog::memory_buf_t& to) override {
        Parts parts = parts_of({line.payload.data(), line.payload.size()});
        const std::size_t begin = to.size();
        for (;;) {
            json_ ? write_json(line, parts, to) : write_text(line, parts, to);
            to.push_back('\n');
            const std::size_t size = to.size() - begin;
            if (size <= line_bytes_max || !parts.shorten(size)) return;
            to.resize(begin);
        }
    }
    std::unique_ptr<spdlog::formatter> clone() const override {
        return std::make_unique<LineFormatter>(json_, with_color_);
    }

private:
    static std::string_view view(spdlog::string_view_t text) { return {text.data(), text.size()}; }

    static std::int64_t ms_of(const spdlog::details::log_msg& line) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(line.time.time_since_epoch()).count() % 1000;
    }

    static std::string quoted_json(std::string_view text) {
        return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }

    static void write_json(const spdlog::details::log_msg& line, const Parts& parts, spdlog::memory_buf_t& to) {
        const auto out = std::back_inserter(to);
        fmt::format_to(out, R"({{"time":"{:%Y-%m-%dT%H:%M:%S}.{:03}Z","level":"{}","subsystem":{},"message":{})",
                       fmt::gmtime(spdlog::log_clock::to_time_t(line.time)), ms_of(line),
                       view(spdlog::level::to_string_view(line.level)), quoted_json(view(line.logger_name)),
                       quoted_json(parts.text()));
        for (const Field& field : parts.fields)
            fmt::format_to(out, ",{}:{}", quoted_json(field.key),
                           field.is_number ? std::string(field.value) : quoted_json(field.value));
        to.push_back('}');
    }

    // The host's own sentences stand alone, others behind their subsystem.
    void write_text(const spdlog::details::log_msg& line, const Parts& parts, spdlog::memory_buf_t& to) const {
        const auto out = std::back_inserter(to);
        const std::string_view name = view(line.logger_name);
        const char* const color = !with_color_                        ? ""
                                  : line.level >= spdlog::level::err  ? "\x1b[31m"
                                  : line.level == spdlog::level::warn ? "\x1b[33m"
                                                                      : "\x1b[32m";
        std::string sentence = parts.text();
        std::replace_if(sentence.begin(), sentence.end(), is_control, ' ');  // a line is a line
        fmt::format_to(out, "{:%Y-%m-%d %H:%M:%S}.{:03} {}{}{} {}{}{}",
                       fmt::localtime(spdlog::log_clock::to_time_t(line.time)), ms_of(line), color,
                       view(spdlog::level::to_string_view(line.level)), with_color_ ? "\x1b[0m" : "",
                       name == "host" ? "" : name, name == "host" ? "" : ": ", sentence);
        for (const Field& field : parts.fields) {
            const bool plain = !field.value.empty() && field.value.find_first_of(" =\"") == std::string_view::npos;
            fmt::format_to(out, " {}={}", field.key, plain ? std::string(field.value) : quoted_json(field.value));
        }
    }

    const bool json_;
    const bool with_color_;
};

constexpr char forwarded_begins = '\x1e';

// A mark, the level as a digit, and the sentence with its fields behind it.
class ForwardingFormatter final : public spdlog::formatter {
public:
    void format(const spdlog::details::log_msg& line, spdlog::memory_buf_t& to) override {
        const Parts parts = parts_of({line.payload.data(), line.payload.size()});
        constexpr std::size_t bytes_max = line_bytes_max / 2;
        std::string sentence(parts.sentence.size() <= bytes_max ? parts.sentence : front_of(parts.sentence, bytes_max));
        std::replace_if(sentence.begin(), sentence.end(), is_control, ' ');
        const auto out = std::back_inserter(to);
        fmt::format_to(out, "{}{}{}", forwarded_begins, static_cast<int>(line.level), sentence);
        for (const Field& field : parts.fields) fmt::format_to(out, " {}={}", field.key, field.value);
        to.push_back('\n');
    }
    std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<ForwardingFormatter>(); }
};

class StandardError final : public spdlog::sinks::base_sink<std::mutex> {
protected:
    void sink_it_(const spdlog::details::log_msg& line) override {
        pollfd room{STDERR_FILENO, POLLOUT, 0};
        if (::poll(&room, 1, 0) == 0) {
            ++lost_;
            return;
        }
        if (lost_ != 0) {
            const std::string sentence = fmt::format("{} lines are missing here: nobody read the log", lost_);
            lost_ = 0;
            write(spdlog::details::log_msg("host", spdlog::level::warn, sentence));
        }
        write(line);
    }
    void flush_() override {}

private:
    void write(const spdlog::details::log_msg& line) {
        spdlog::memory_buf_t text;
        formatter_->format(line, text);
        // One write for a line: others write there, too.
        [[maybe_unused]] const ssize_t wrote = ::write(STDERR_FILENO, text.data(), text.size());
    }

    std::uint64_t lost_ = 0;
};

spdlog::level::level_enum level_named(std::string_view name) { return spdlog::level::from_str(std::string(name)); }

constexpr std::string_view plugin_prefix = "plugin.";

}  // namespace

void Fields::begin(std::string_view key, char kind) {
    if (encoded_.empty()) encoded_ = fields_begin();
    encoded_ += field_begins;
    encoded_ += kind;
    encoded_ += key;
    encoded_ += value_begins;
}

Fields& Fields::add(std::string_view key, std::string_view text) {
    begin(key, kind_text);
    for (const char c : text) encoded_ += is_control(c) ? '?' : c;
    return *this;
}

Fields& Fields::add(std::string_view key, std::uint64_t number) {
    begin(key, kind_number);
    encoded_ += std::to_string(number);
    return *this;
}

Fields& Fields::add_ms(std::string_view key, std::int64_t ns) {
    begin(key, kind_number);
    encoded_ += fmt::format("{:.3f}", static_cast<double>(ns) / 1e6);
    return *this;
}

bool is_subsystem(std::string_view name) {
    if (name.starts_with(plugin_prefix)) return name.size() > plugin_prefix.size();
    return std::find(std::begin(log_subsystems), std::end(log_subsystems), name) != std::end(log_subsystems);
}

Log::Log(spdlog::sink_ptr sink)
    : host("host", sink),
      session("session", sink),
      call("call", sink),
      sink_(std::move(sink)) {
    apply({});
}

spdlog::logger& Log::plugin(std::string_view name) {
    const std::scoped_lock lock(mutex_);
    auto found = plugins_.find(name);
    if (found == plugins_.end()) {
        const std::string subsystem = std::string(plugin_prefix) + std::string(name);
        found = plugins_.emplace(name, std::make_unique<spdlog::logger>(subsystem, sink_)).first;
        found->second->set_level(level_named(level_of_locked(subsystem)));
    }
    return *found->second;
}

void Log::apply(const LogOptions& options) {
    const std::scoped_lock lock(mutex_);
    level_ = options.level;
    levels_ = {options.levels.begin(), options.levels.end()};
    slow_call_ns_ = options.slow_call_ms != 0 ? options.slow_call_ms * 1'000'000 : INT64_MAX;
    set_all_locked();
}

Result<void> Log::set_level(std::string_view level, std::string_view subsystem) {
    if (std::find(std::begin(log_levels), std::end(log_levels), level) == std::end(log_levels))
        return refuse(Code::bad_arguments,
                      fmt::format("no log level \"{}\": debug, info, warning or error{}", level,
                                  suggestion(level, {std::begin(log_levels), std::end(log_levels)})));
    if (!subsystem.empty() && !is_subsystem(subsystem))
        return refuse(Code::bad_arguments, fmt::format("nothing that is called \"{}\" logs: {} or plugin.NAME does",
                                                       subsystem, fmt::join(log_subsystems, ", ")));
    const std::scoped_lock lock(mutex_);
    if (subsystem.empty()) {
        level_ = level;
    } else {
        levels_[std::string(subsystem)] = level;
    }
    set_all_locked();
    return {};
}

std::string Log::level_of(std::string_view subsystem) const {
    const std::scoped_lock lock(mutex_);
    return std::string(level_of_locked(subsystem));
}

// What is nearest counts: the plugin's own, that of all plugins, that of all.
std::string_view Log::level_of_locked(std::string_view subsystem) const {
    auto found = levels_.find(subsystem);
    if (found == levels_.end() && subsystem.starts_with(plugin_prefix)) found = levels_.find("plugin");
    return found != levels_.end() ? found->second : level_;
}

void Log::set_all_locked() {
    host.set_level(level_named(level_of_locked("host")));
    session.set_level(level_named(level_of_locked("session")));
    call.set_level(level_named(level_of_locked("call")));
    for (const auto& [name, logger] : plugins_)
        logger->set_level(level_named(level_of_locked(std::string(plugin_prefix) + name)));
    call_line_ns_ = call.should_log(spdlog::level::debug)  ? 0
                    : call.should_log(spdlog::level::warn) ? slow_call_ns()
                                                           : INT64_MAX;
}

std::unique_ptr<spdlog::formatter> make_line_formatter(bool json, bool with_color) {
    return std::make_unique<LineFormatter>(json, with_color);
}

std::pair<spdlog::level::level_enum, std::string_view> split_forwarded(std::string_view line,
                                                                       spdlog::level::level_enum otherwise) {
    if (line.size() < 2 || line[0] != forwarded_begins || line[1] < '0' || line[1] > '4') return {otherwise, line};
    return {static_cast<spdlog::level::level_enum>(line[1] - '0'), line.substr(2)};
}

namespace {

spdlog::sink_ptr standard_error(std::unique_ptr<spdlog::formatter> formatter) {
    auto sink = std::make_shared<StandardError>();
    sink->set_formatter(std::move(formatter));
    return sink;
}

}  // namespace

spdlog::sink_ptr make_forwarding_sink() { return standard_error(std::make_unique<ForwardingFormatter>()); }

spdlog::sink_ptr make_log_sink(const LogOptions& options) {
    return standard_error(make_line_formatter(options.format == "json", ::isatty(STDERR_FILENO) == 1));
}

}  // namespace soho::host
