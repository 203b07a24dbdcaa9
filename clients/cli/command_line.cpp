// The only file that includes CLI11.
#include "command_line.hpp"

#include "usage_error.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

namespace soho::cli {

namespace {

constexpr const char* shell_details =
    "One session that keeps objects in variables. Lines are commands as above, and these:\n\n"
    "  p = create Pair 5 6      an object in a variable; it lives as long as that\n"
    "  p.set_x 7                a method of a variable, or of a published name\n"
    "  x = p.get_x              a result in a variable\n"
    "  q.meet @p                a variable as an argument\n"
    "  p                        shows a variable\n"
    "  vars, unset p, help, exit\n\n"
    "Ctrl-C clears the line that is being typed; while a call runs it ends the shell.\n\n"
    "Lines may come from a file or a pipe as well; the first that fails ends the shell then.";

constexpr const char* description =
    "soho calls the objects of a soho host from the shell.\n"
    "The host is looked for at --host, at $SOHO_HOST, at the user's own socket, then at the machine's.";

constexpr const char* footer =
    "Exit codes: 0 done, 1 the call failed, 2 wrong usage, 3 no host or connection lost.\n\n"
    "  soho types\n"
    "  soho call pair set_x 7\n"
    "  soho create --as mine Pair 1 2\n"
    "  soho --json objects\n\n"
    "For authors of plugins: soho plugin new, run, inspect, check; soho plugin check --help (package soho-sdk)\n";

class Help : public CLI::Formatter {
public:
    std::string make_usage(const CLI::App* app, std::string) const override {
        if (app->get_parent() == nullptr) return "Usage: soho [OPTIONS] COMMAND …\n";
        const Command* command = find_command(app->get_name());
        const char* operands = command != nullptr ? command->operands : "";
        return fmt::format("Usage: soho {} [OPTIONS]{}{}\n", app->get_name(), *operands != '\0' ? " " : "", operands);
    }
    std::string make_description(const CLI::App* app) const override { return app->get_description() + "\n\n"; }
};

constexpr double seconds_max = 1e9;  // as the host has it

std::chrono::nanoseconds parse_timeout(const std::string& text) {
    double number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    const double seconds = unit.empty() || unit == "s"    ? 1
                           : unit == "ms"                 ? 0.001
                           : unit == "m" || unit == "min" ? 60
                                                          : 0;
    if (failure != std::errc() || seconds == 0 || !(number > 0) || number * seconds > seconds_max) {
        throw UsageError(fmt::format(
            "'{}' is no time to wait: say seconds, or a number with ms, s or min; at most about 30 years", text));
    }
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(number * seconds));
}

// What there is to say on a command line, and what was said. The options are named here and nowhere else.
struct Grammar {
    Grammar() : app(description, "soho") {
        app.formatter(std::make_shared<Help>());
        app.footer(footer);
        app.fallthrough();
        app.require_subcommand(1);
        app.set_version_flag("--version", "soho " SOHO_SDK_VERSION);
        app.add_option("--host", line.host,
                       "where the host listens: unix:PATH, tcp:HOST:PORT, tcp:[V6]:PORT, or tls: in place of tcp:")
            ->type_name("ADDR");
        app.add_flag("--json", line.json, "print results as JSON");
        app.add_option("--timeout", timeout, "how long to wait for the host, and for a call: 2, 0.5, 100ms, 1min")
            ->type_name("TIME");
        const auto file = [this](const char* name, std::string& to, const char* what) {
            app.add_option(name, to, what)->type_name("FILE");
        };
        file("--key", line.login.key_file, "log in with a key of this file ($SOHO_KEY)");
        file("--token", line.login.token_file, "log in with a token of this file");
        app.add_option("--key-name", line.login.key_name, "which key or token of the file; the first if not said")
            ->type_name("NAME");
        file("--tls-ca", line.login.tls_ca_file,
             "who must have signed the certificate of a tls: host ($SOHO_TLS_CA, else the system's authorities)");
        app.add_option("--tls-name", line.login.tls_name, "the name in that certificate, where it is not the address's")
            ->type_name("NAME");
        file("--tls-certificate", line.login.tls_certificate_file, "log in with this certificate");
        file("--tls-key", line.login.tls_key_file, "its key, where it is in another file");

        for (const Command& command : commands()) {
            CLI::App* sub = app.add_subcommand(command.name, command.summary);
            sub->footer(command.details);
            const std::string_view name = command.name;
            if (name == "create")
                sub->add_option("--as", line.invocation.as, "the name to publish the object under")->type_name("NAME");
            if (name == "call")
                sub->add_option("--as", line.invocation.as, "publish a result that is an object under this name")
                    ->type_name("NAME");
            if (name == "keygen")
                sub->add_flag("--bearer", line.invocation.bearer, "a token, for clients that cannot prove a key");
            if (name == "plugin")
                sub->add_flag("--force", line.invocation.force,
                              "reload although nothing has changed, or clients of the version before may fail");
            if (name == "stats") sub->add_flag("--methods", line.invocation.methods, "how each method was called, too");
            if (name == "top") {
                sub->add_flag("--once", line.invocation.once, "look for one interval, print, end");
                sub->add_option("--interval", line.invocation.interval, "between two looks; 2 if not said")
                    ->type_name("SECONDS");
                sub->add_option("--sort", line.invocation.sort, "rate (default), calls, errors, p50, p99 or target")
                    ->type_name("KEY");
                sub->add_option("--filter", line.invocation.filter, "only what is called so: 'Pair.*'")
                    ->type_name("GLOB");
            }
            if (name == "gen") {
                const auto path = [&](const char* option, std::string& to, const char* what) {
                    return sub->add_option(option, to, what)->type_name("FILE");
                };
                auto* const output = path("-o,--output", line.invocation.output, "where to write; else it is printed");
                path("--check", line.invocation.check, "write nothing; exit with 1 if this file would change")
                    ->excludes(output);
                auto* const plugin = path("--plugin", line.invocation.plugin, "the types of this plugin");
                path("--from", line.invocation.from, "the types that this file of JSON describes")->excludes(plugin);
            }
            if (name == "objects")
                sub->add_option("--referrers", line.invocation.referrers, "only what holds this object")
                    ->type_name("ID");
        }
        app.add_subcommand("shell", "Enter many commands in one session")->footer(shell_details);
    }
    Grammar(const Grammar&) = delete;

    // Of any command; NULL: none has it.
    const CLI::Option* find_option(const std::string& name) const {
        const CLI::Option* found = app.get_option_no_throw(name);
        for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
            if (found == nullptr) found = sub->get_option_no_throw(name);
        }
        return found;
    }
    bool takes_next(const std::string& word) const {
        const CLI::Option* option = find_option(word);
        return option != nullptr && option->get_items_expected_max() > 0;
    }
    // The place of the next word that is no option, from `at` on.
    std::size_t next_word(const std::vector<std::string>& words, std::size_t at) const {
        while (at < words.size() && words[at].starts_with('-') && words[at] != "-" && words[at] != "--") {
            at += takes_next(words[at]) ? 2 : 1;
        }
        return std::min(at, words.size());
    }

    CommandLine line;
    std::string timeout;
    CLI::App app;
};

// `command`: whose option it would be; empty: any command's.
[[noreturn]] void refuse_option(const std::string& option, const std::string& command = {}) {
    if (command.empty()) throw UsageError(fmt::format("there is no option '{}'; see soho --help", option));
    throw UsageError(fmt::format("{0} has no option '{1}'; see soho {0} --help", command, option));
}

// Takes the command's own words off, so that only options are left, and the command's name. For a command that takes
// arguments they are all from its first word on, although some may look like options of ours.
std::vector<std::string> cut_words(const Grammar& grammar, std::vector<std::string>& words) {
    const std::size_t name = grammar.next_word(words, 0);
    if (name == words.size()) return {};
    const Command* command = find_command(words[name]);
    if (command == nullptr && words[name] != "shell") {
        // "--bogus 5 types": the 5 may have been meant as the value of what is no option.
        const auto end = words.begin() + static_cast<std::ptrdiff_t>(name);
        const auto unknown = std::find_if(words.begin(), end,
                                          [](const auto& word) { return word.starts_with('-') && !is_option(word); });
        if (unknown != end) refuse_option(*unknown);
        if (words[name] == "plugin" && name != 0)
            throw UsageError(fmt::format(
                "{} stands in front of plugin, which has options of its own: say soho plugin first; soho plugin --help "
                "lists them",
                words[0]));
        throw UsageError(fmt::format("there is no command '{}'; soho --help lists them", words[name]));
    }
    std::vector<std::string> cut;
    for (std::size_t at = grammar.next_word(words, name + 1); at < words.size(); at = grammar.next_word(words, at)) {
        const auto first = words.begin() + static_cast<std::ptrdiff_t>(at);
        const bool takes_all = *first == "--" || (command != nullptr && command->takes_arguments);
        const auto last = takes_all ? words.end() : first + 1;
        cut.insert(cut.end(), first + (*first == "--" ? 1 : 0), last);
        words.erase(first, last);
    }
    return cut;
}

void check_count(const Command& command, const std::vector<std::string>& words) {
    if (words.size() >= command.words_min && words.size() <= command.words_max) return;
    const char* wrong = words.size() < command.words_min ? "lacks something" : "has too many words";
    const std::string_view operands = command.operands;
    throw UsageError(
        fmt::format("{0} {1}: soho {0}{2}{3}", command.name, wrong, operands.empty() ? "" : " ", operands));
}

// Refuses the first word that CLI11 did not know. `before` are the words in front of the command.
[[noreturn]] void refuse_rest(const CLI::App& app, const std::vector<std::string>& before) {
    const std::string word = app.remaining(true).front();
    const auto subcommands = app.get_subcommands();
    const bool is_general = subcommands.empty() || std::find(before.begin(), before.end(), word) != before.end();
    refuse_option(word, is_general ? std::string() : subcommands.front()->get_name());
}

}  // namespace

bool is_option(std::string_view word) {
    return word.starts_with('-') && Grammar().find_option(std::string(word.substr(0, word.find('=')))) != nullptr;
}

CommandLine parse_command_line(std::vector<std::string> words) {
    Grammar grammar;
    CLI::App& app = grammar.app;
    CommandLine& line = grammar.line;
    line.invocation.words = cut_words(grammar, words);
    const auto name = words.begin() + static_cast<std::ptrdiff_t>(grammar.next_word(words, 0));
    const std::vector<std::string> before(words.begin(), name);
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    try {
        app.parse(std::move(words));
    } catch (const CLI::CallForVersion& version) {
        throw HelpWanted{std::string(version.what()) + "\n"};
    } catch (const CLI::CallForHelp&) {
        const auto subcommands = app.get_subcommands();
        throw HelpWanted{subcommands.empty() ? app.help() : subcommands.front()->help()};
    } catch (const CLI::RequiredError&) {
        if (app.remaining_size(true) != 0) refuse_rest(app, before);
        throw UsageError("say a command; soho --help lists them");
    } catch (const CLI::ExtrasError&) {
        refuse_rest(app, before);
    } catch (const CLI::ParseError& error) {
        throw UsageError(error.what());
    }
    if (!grammar.timeout.empty()) line.timeout = parse_timeout(grammar.timeout);

    line.command = find_command(app.get_subcommands().front()->get_name());
    if (line.command != nullptr) {
        check_count(*line.command, line.invocation.words);
    } else if (!line.invocation.words.empty()) {
        throw UsageError("shell takes no words: it reads lines from the terminal or the standard input");
    }
    return std::move(line);
}

}  // namespace soho::cli
