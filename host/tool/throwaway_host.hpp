#pragma once
// `soho plugin run`: a host with one plugin, for as long as a shell to it lasts; or under the debugger.

#include <string>
#include <vector>

namespace soho::host::tool {

struct RunOptions {
    std::string file;
    std::vector<std::string> host_args;  // further ones of sohod's
    bool gdb = false;
};

// The shell's exit code; 1 with a sentence on standard error where the host does not start.
int run_throwaway_host(const RunOptions& options);

}  // namespace soho::host::tool
