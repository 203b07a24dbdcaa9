// soho: the objects of a host, from the shell.
#include "command_line.hpp"
#include "handle.hpp"
#include "json.hpp"
#include "plugin_words.hpp"
#include "shell.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <cstdio>

namespace soho::cli {

namespace {

// One line, whatever the sentence was.
int complain(std::string sentence, ExitCode code) {
    std::replace(sentence.begin(), sentence.end(), '\n', ' ');
    fmt::print(stderr, "soho: {}\n", sentence);
    return code;
}

Client connect(const CommandLine& line) {
    ConnectOptions options = line.login;
    options.name = line.command == nullptr ? "soho shell" : "soho";
    options.reconnect = line.command == nullptr;
    if (line.timeout) options.connect_timeout = std::chrono::ceil<std::chrono::milliseconds>(*line.timeout);
    try {
        return line.host.empty() ? Client::connect(options) : Client::connect(line.host, options);
    } catch (const ConnectionLost&) {
        throw;
    } catch (const CallError& error) {
        throw UsageError(error.text());
    }
}

int run_command(const CommandLine& line) {
    const Command& command = *line.command;
    if (!needs_host(command, line.invocation)) {
        fmt::print("{}", command.run_without_host(line.invocation));
        return exit_ok;
    }
    const bool creates = command.name == std::string_view("create");
    if (creates && line.invocation.as.empty()) {
        throw UsageError(
            "create needs --as NAME: without a name the object would go as soon as this command ends "
            "(soho shell keeps objects in variables)");
    }
    Workspace workspace(connect(line), line.timeout);
    const Value value = command.run(workspace, line.invocation);
    if (line.json) {
        fmt::print("{}\n", json_text(value));
    } else {
        command.show(value, line.invocation, workspace);
    }
    const bool is_kept = !line.invocation.as.empty() || command.name == std::string_view("open");
    if (const auto handle = handle_of(value); handle && !is_kept && ::isatty(STDERR_FILENO) != 0) {
        fmt::print(stderr, "soho: note: nothing holds #{} for you any more; --as NAME would keep it\n", handle->id);
    }
    return command.has_failed != nullptr && command.has_failed(value) ? exit_failed : exit_ok;
}

int run(const CommandLine& line) {
    if (line.command == nullptr) {
        Workspace workspace(connect(line), line.timeout);
        return run_shell(workspace, line.json);
    }
    return run_command(line);
}

}  // namespace

int main(int count, char** words) try {
    hand_over_plugin_words(count, words);
    const int code = run(parse_command_line({words + 1, words + count}));
    if (std::fflush(stdout) != 0) return complain("cannot write the result", exit_failed);
    return code;
} catch (const HelpWanted& help) {
    fmt::print("{}", help.text);
    return exit_ok;
} catch (const UsageError& error) {
    return complain(error.what(), exit_usage);
} catch (const ConnectionLost& error) {
    return complain(error.text(), exit_no_host);
} catch (const CallError& error) {
    return complain(error.what(), exit_failed);
} catch (const std::exception& error) {
    return complain(error.what(), exit_failed);
}

}  // namespace soho::cli

int main(int count, char** words) { return soho::cli::main(count, words); }
