#include "shell.hpp"

#include "command_line.hpp"
#include "completion.hpp"
#include "json.hpp"
#include "show.hpp"
#include "usage_error.hpp"
#include "words.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <iostream>

namespace soho::cli {

namespace {

bool is_identifier(std::string_view text) {
    if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
}

// "p=create" and "p = create" alike; "p" is taken off with its sign.
std::string take_variable(std::vector<std::string>& words) {
    if (words.size() > 1 && words[1] == "=" && is_identifier(words[0])) {
        const std::string variable = words[0];
        words.erase(words.begin(), words.begin() + 2);
        return variable;
    }
    const auto equals = words[0].find('=');
    if (equals == std::string::npos || !is_identifier(words[0].substr(0, equals))) return {};
    const std::string variable = words[0].substr(0, equals);
    words[0].erase(0, equals + 1);
    if (words[0].empty()) words.erase(words.begin());
    return variable;
}

class Shell {
public:
    Shell(Workspace& workspace, bool json) : workspace_(workspace), json_(json) {}

    bool is_over() const { return is_over_; }

    void run(const std::string& line) {
        const bool is_comment = line.starts_with('#') && !(line.size() > 1 && line[1] >= '0' && line[1] <= '9');
        std::vector<std::string> words = is_comment ? std::vector<std::string>() : split_words(line);
        if (words.empty()) return;
        const std::string variable = take_variable(words);
        if (find_command(variable) != nullptr || is_own(variable))
            throw UsageError("'" + variable + "' is a command: the variable needs another name");
        if (variable.empty() && run_own(words)) return;
        if (words.empty()) throw UsageError("what shall '" + variable + "' be?");
        if (words[0].starts_with('-') || find_command(words[0]) != nullptr) return run_command(variable, words);
        if (words.size() == 1 && workspace_.variables.contains(words[0]))
            return give(variable, workspace_.variables[words[0]]);
        run_method(variable, words);
    }

private:
    static bool is_own(std::string_view word) {
        constexpr std::string_view own[] = {"exit", "quit", "help", "vars", "unset"};
        return std::find(std::begin(own), std::end(own), word) != std::end(own);
    }
    // What only a shell has.
    bool run_own(const std::vector<std::string>& words) {
        if (words[0] == "exit" || words[0] == "quit") {
            is_over_ = true;
        } else if (words[0] == "help" && words.size() == 1) {
            fmt::print("{}", help_of("shell"));
        } else if (words[0] == "help") {
            fmt::print("{}", help_of(words[1]));
        } else if (words[0] == "vars") {
            for (const auto& [name, value] : workspace_.variables) fmt::print("{} = {}\n", name, text_of(value));
        } else if (words[0] == "unset") {
            for (auto name = words.begin() + 1; name != words.end(); ++name) {
                if (workspace_.variables.erase(*name) == 0) throw UsageError("there is no variable '" + *name + "'");
            }
        } else {
            return false;
        }
        return true;
    }

    static std::string help_of(const std::string& command) {
        try {
            parse_command_line({command, "--help"});
        } catch (const HelpWanted& help) {
            return help.text;
        }
        return {};
    }

    void run_command(const std::string& variable, const std::vector<std::string>& words) {
        const CommandLine line = parse_command_line(words);
        if (line.command == nullptr) throw UsageError("this is a shell already");
        if (!line.host.empty() || line.timeout || !line.login.key_file.empty() || !line.login.token_file.empty()) {
            throw UsageError(
                "--host, --timeout and what is about logging in are for the shell as a whole: soho --timeout 1 shell");
        }
        if (!needs_host(*line.command, line.invocation)) {
            if (!variable.empty()) throw UsageError(fmt::format("{} gives nothing to keep", words[0]));
            fmt::print("{}", line.command->run_without_host(line.invocation));
            return;
        }
        if (line.command->name == std::string_view("create") && variable.empty() && line.invocation.as.empty()) {
            throw UsageError(
                "the object would go at once: keep it in a variable, p = create …, or give it a name, create --as NAME "
                "…");
        }
        const Value value = line.command->run(workspace_, line.invocation);
        if (!variable.empty() || json_ || line.json) return give(variable, value, line.json);
        line.command->show(value, line.invocation, workspace_);
        if (line.command->has_failed != nullptr && line.command->has_failed(value))
            throw std::runtime_error(fmt::format("{}: not all of it was done", words[0]));
    }

    void run_method(const std::string& variable, const std::vector<std::string>& words) {
        const auto dot = words[0].rfind('.');
        if (dot == std::string::npos)
            throw UsageError(fmt::format("'{}' is no command, and no variable; try help", words[0]));
        const Proxy object = workspace_.object(words[0].substr(0, dot));
        give(variable, workspace_.call(object, words[0].substr(dot + 1), {words.begin() + 1, words.end()}));
    }

    void give(const std::string& variable, const Value& value, bool json = false) {
        if (!variable.empty()) {
            workspace_.variables[variable] = value;
        } else if (json || json_) {
            fmt::print("{}\n", json_text(value));
        } else {
            show_result(value);
        }
    }

    Workspace& workspace_;
    const bool json_;
    bool is_over_ = false;
};

// Runs one line; says what was wrong with it and returns the exit code that this would be.
int attempt(Shell& shell, const std::string& line, std::size_t number) {
    const auto complain = [&](const std::string& sentence, ExitCode code) {
        std::fflush(stdout);
        if (number == 0) {
            fmt::print(stderr, "soho: {}\n", sentence);
        } else {
            fmt::print(stderr, "soho: line {}: {}\n", number, sentence);
        }
        return code;
    };
    try {
        shell.run(line);
        return exit_ok;
    } catch (const HelpWanted& help) {
        fmt::print("{}", help.text);
        return exit_ok;
    } catch (const UsageError& error) {
        return complain(error.what(), exit_usage);
    } catch (const ConnectionLost& error) {
        return complain(error.text(), exit_no_host);
    } catch (const std::exception& error) {
        return complain(error.what(), exit_failed);
    }
}

int run_lines(Shell& shell) {
    std::string line;
    for (std::size_t number = 1; !shell.is_over() && std::getline(std::cin, line); ++number) {
        if (const int code = attempt(shell, line, number); code != exit_ok) return code;
    }
    return exit_ok;
}

int run_terminal(Shell& shell, Workspace& workspace) {
    fmt::print("Connected to {}. help shows what can be done here; Tab completes.\n", workspace.client().address());
    LineEditor editor(workspace);
    while (!shell.is_over()) {
        const auto line = editor.read("soho> ");
        if (!line) break;
        attempt(shell, *line, 0);
        std::fflush(stdout);
    }
    return exit_ok;
}

}  // namespace

int run_shell(Workspace& workspace, bool json) {
    Shell shell(workspace, json);
    return ::isatty(STDIN_FILENO) != 0 ? run_terminal(shell, workspace) : run_lines(shell);
}

}  // namespace soho::cli
