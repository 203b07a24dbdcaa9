#pragma once
// What sohod is told, on the command line and in its config file.

#include "host/registry/plugin.hpp"
#include "host/server/server.hpp"

#include <map>
#include <string>
#include <vector>

namespace soho::host {

struct Options {
    std::vector<std::string> plugin_files;
    std::vector<std::string> plugin_folders;
    bool strict = false;  // a refused plugin, or a publication that fails, ends the host
    std::string log_level = "info";
    ServerOptions server;
    std::map<std::string, PluginOptions, std::less<>> plugins;  // by the plugin's name
    std::vector<std::pair<std::string, std::string>> publish;   // name, typeid
};

// The command line, and the config file it names; flags win over the file. Help, version and usage errors are printed here:
// then the value is the exit code.
tl::expected<Options, int> parse_command_line(int argc, char** argv);

}  // namespace soho::host
