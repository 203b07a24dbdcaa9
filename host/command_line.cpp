// The only file that includes CLI11.
#include "host/command_line.hpp"

#include "host/config.hpp"
#include "host/registry/suggest.hpp"
#include "host/session/hello.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>

namespace soho::host {

namespace {

using Kind = Setting::Kind;

constexpr const char* description =
    "sohod, the Shared-Object HOst: loads plugins, keeps their objects, and serves them to clients.\n"
    "Without --listen it listens on a Unix socket that only its own user can reach.";

constexpr const char* footer =
    "Every option but --config, --no-config, --check-config, --end-with-stdin, --accept-on-stdin and --set is a key "
    "of the config as well: see sohod.toml(5).";

// What stands in help for the setting's value, if it has one.
std::string default_text(const Setting& setting) {
    static Options defaults;
    const SettingValue value = setting.get(&defaults);
    const auto* text = std::get_if<std::string>(&value);
    const bool says_nothing = setting.kind == Kind::texts || setting.kind == Kind::pairs ||
                              setting.kind == Kind::boolean || (text != nullptr && text->empty());
    const std::string words = setting.kind == Kind::word ? fmt::format(": {}", fmt::join(setting.words, ", ")) : "";
    return says_nothing ? "" : fmt::format("{} ({})", words, text != nullptr ? *text : show(value));
}

CLI::Option* add(CLI::App& app, const Setting& setting, std::vector<std::string>& given) {
    const std::string doc = std::string(setting.doc) + default_text(setting);
    if (setting.kind == Kind::boolean) return app.add_flag(setting.flag, given, doc);
    CLI::Option* option =
        app.add_option(setting.flag, given, doc)->type_name(std::string(setting.operand))->expected(1);
    if (setting.kind == Kind::texts || setting.kind == Kind::pairs) return option->take_all();
    return option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

// What one flag says, as a value. Fails with what is wrong with it.
Result<SettingValue> value_of(const Setting& setting, const std::vector<std::string>& given) {
    const auto bad = [&](std::string_view text, std::string_view why) {
        return refuse(Code::bad_arguments, fmt::format("{} {}: {}", setting.flag, text, why));
    };
    const std::string& last = given.back();
    if (setting.kind == Kind::boolean) {
        if (last != "true" && last != "false") return bad(last, "must be " + setting.domain());
        return last == "true";
    }
    if (setting.kind == Kind::number) {
        std::int64_t number = 0;
        const auto [end, failure] = std::from_chars(last.data(), last.data() + last.size(), number);
        if (failure != std::errc() || end != last.data() + last.size() || !setting.wrong(number).empty())
            return bad(last, "must be " + setting.domain());
        return number;
    }
    TextPairs pairs;
    for (const std::string& text : given) {
        std::string value = text;
        if (setting.kind == Kind::pairs) {
            const auto equals = text.find('=');
            if (equals == std::string::npos || equals == 0) return bad(text, "must be " + std::string(setting.operand));
            value = text.substr(equals + 1);
            pairs.emplace_back(text.substr(0, equals), value);
        }
        if (const std::string why = setting.wrong_text(value); !why.empty())
            return bad(text, why + suggestion(value, setting.words));
    }
    if (setting.kind == Kind::pairs) return pairs;
    if (setting.kind == Kind::texts) return given;
    return last;
}

Result<void> apply(const CommandLine& line, Options& options) {
    for (const auto& [setting, given] : line.flags) {
        auto value = value_of(*setting, given);
        if (!value) return tl::unexpected<Error>(value.error());
        if (setting->key == "listen") {  // instead of what the config says
            options.listen.clear();
            options.listener_tables.clear();
        }
        setting->set(&options, *std::move(value));
    }
    return {};
}

Result<void> read_files(const CommandLine& line, Options& options) {
    if (line.config) return read_config_files(*line.config, options);
    if (line.no_config || ::geteuid() != 0) return {};
    std::error_code failure;
    if (std::filesystem::exists(system_config, failure)) return read_config_files(system_config, options);
    return read_drop_ins(system_config, options);
}

// CLI11 quotes the word, but does not know what was meant.
std::string unknown_option(const CLI::App& app) {
    const std::string word = app.remaining().front();
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) names.push_back(option->get_name());
    const std::string name = word.substr(0, word.find('='));
    return fmt::format("there is no option {}{}", name, suggestion(name, {names.begin(), names.end()}));
}

}  // namespace

tl::expected<CommandLine, int> parse_command_line(int argc, char** argv) {
    CommandLine line;
    std::string config;
    CLI::App app(description, "sohod");
    app.footer(footer);
    app.set_version_flag("--version", std::string(host_name));
    CLI::Option* const config_option =
        app.add_option("--config", config,
                       "Read this config, and the drop-ins beside it; a host of root's reads " +
                           std::string(system_config) + " without being told")
            ->type_name("FILE");
    app.add_flag("--no-config", line.no_config, "Read no config");
    app.add_flag("--check-config", line.check_config,
                 "Read the config, say what is wrong with it and with the files that it names, and end");
    app.add_flag(
        "--end-with-stdin", line.end_with_stdin,
        "End, as on SIGTERM, when standard input does: for a host that the program which starts it keeps for itself");
    app.add_flag("--accept-on-stdin", line.accept_on_stdin,
                 "With --end-with-stdin: until anything comes at standard input, let clients in at the first --listen "
                 "alone, and have those of the others wait: for a program that prepares its host first")
        ->needs("--end-with-stdin");
    app.add_option("--set", line.lines, "A line of config, such as limits.stuck_ms=500")
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->take_all();
    std::vector<std::pair<const Setting*, std::vector<std::string>>> flags;
    flags.reserve(settings().size());
    for (const Setting& setting : settings()) {
        if (setting.flag.empty()) continue;
        auto& [of, given] = flags.emplace_back(&setting, std::vector<std::string>());
        CLI::Option* option = add(app, setting, given);
        if (setting.section == "limits") option->group("Limits");
    }
    app.get_formatter()->column_width(32);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ExtrasError&) {
        fmt::print(stderr, "sohod: {}; sohod --help lists them\n", unknown_option(app));
        return tl::unexpected<int>(2);
    } catch (const CLI::ParseError& failure) {
        const int code = app.exit(failure);
        return tl::unexpected<int>(code == 0 ? 0 : 2);
    }
    if (config_option->count() != 0) line.config = config;
    if (line.config && line.no_config) {
        fmt::print(stderr, "sohod: --config and --no-config contradict each other\n");
        return tl::unexpected<int>(2);
    }
    std::erase_if(flags, [](const auto& flag) { return flag.second.empty(); });
    line.flags = std::move(flags);
    return line;
}

Result<Options> read_options(const CommandLine& line) {
    Options options;
    if (auto read = read_files(line, options); !read) return tl::unexpected<Error>(read.error());
    for (const std::string& text : line.lines) {
        auto read = read_config(text, fmt::format("--set {}", text), options);
        if (read) continue;
        const bool is_no_value = read.error().text.find("parsing value") != std::string::npos;
        return refuse(read.error().code, read.error().text + (is_no_value ? "; text takes quotes: NAME='text'" : ""));
    }
    if (auto applied = apply(line, options); !applied) return tl::unexpected<Error>(applied.error());
    if (auto completed = complete(options); !completed) return tl::unexpected<Error>(completed.error());
    return options;
}

}  // namespace soho::host
