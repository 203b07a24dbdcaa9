#pragma once
// The command line, and what it and the config say together.

#include "host/options.hpp"
#include "host/settings.hpp"

#include <optional>

namespace soho::host {

struct CommandLine {
    std::optional<std::string> config;  // --config
    bool no_config = false;
    bool check_config = false;
    bool end_with_stdin = false;
    bool accept_on_stdin = false;
    std::vector<std::string> lines;                                          // --set
    std::vector<std::pair<const Setting*, std::vector<std::string>>> flags;  // those given, with what was given
};

// Help, version and usage errors are printed here: then the value is the exit code.
tl::expected<CommandLine, int> parse_command_line(int argc, char** argv);

// Reads the config anew, and puts over it what the command line says. Fails with a sentence that names the place.
Result<Options> read_options(const CommandLine& line);

// The config that a host started by root reads unless it is told another.
inline constexpr const char* system_config = "/etc/soho/sohod.toml";

}  // namespace soho::host
