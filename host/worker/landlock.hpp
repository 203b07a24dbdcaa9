#pragma once
// Landlock: which files a process may reach, whatever its user may. By its system calls: Debian 12 has no library for them, and kernel
// headers that know less than the kernels do.

#include "host/registry/plugin.hpp"

namespace soho::host {

// What this kernel's Landlock can, as its number; 0: there is none, or it is switched off.
int landlock_abi();

// Confines this thread, and what it starts, to the paths of `confinement`, and to what loading and running `plugin_file` needs of the
// system. No paths: all files stay within reach, but not other processes' memory and, as far as this kernel can, not their signals and
// abstract sockets. Fails with a sentence where paths are asked for and `abi` is 0, and for a path that is not there.
Result<void> enter_landlock(const Confinement& confinement, const std::string& plugin_file, int abi);

}  // namespace soho::host
