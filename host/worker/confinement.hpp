#pragma once
// What the config lets a plugin's worker ask of the system, put into force by the worker itself before it knows anything of the plugin:
// files by Landlock (landlock.hpp), system calls by seccomp (syscall_filter.hpp). Neither can be taken back.

#include "host/registry/plugin.hpp"

#include <array>

namespace soho::host {

// Each forbids more than the one before: "all" nothing; "network" other programs, processes and the system's own knobs; "files" sockets,
// too; "compute" to change files, too.
inline constexpr std::array<std::string_view, 4> syscall_presets{"all", "network", "files", "compute"};

// Of this process, which has one thread, and of all that comes of it. `plugin_file` can be loaded afterwards. Gives the descriptor at
// which forbidden calls wait for an answer (denials.hpp), or -1: none wait. Fails with a sentence: the process must end then, as it may be
// confined by half.
Result<int> confine(const Confinement& confinement, const std::string& plugin_file);

// As the config says it, for the log: worker_syscalls = "files", with worker_read_paths.
std::string in_words(const Confinement& confinement);

}  // namespace soho::host
