#pragma once
// The words of a command line, taken apart: options of ours, the command, and the words that are the command's.

#include "commands.hpp"

namespace soho::cli {

struct CommandLine {
    std::string host;  // empty: where hosts are looked for
    bool json = false;
    ConnectOptions login;  // only what the options say of logging in, and of TLS
    std::optional<std::chrono::nanoseconds> timeout;
    const Command* command = nullptr;  // NULL: the shell
    Invocation invocation;
};

// Not a failure: somebody asked for help, or for the version.
struct HelpWanted {
    std::string text;
};

// `words` are without the program's name. Throws UsageError, or HelpWanted.
CommandLine parse_command_line(std::vector<std::string> words);

// Whether some command takes this option; also with a value, "--timeout=1".
bool is_option(std::string_view word);

}  // namespace soho::cli
