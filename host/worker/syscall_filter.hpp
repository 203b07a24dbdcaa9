#pragma once
// seccomp: which system calls a process may make. What none of them is, or not with these arguments, fails with EPERM; calls that are newer
// than this program's knowledge of them fail with ENOSYS, as on an older kernel, so that libraries take the way round.

#include "host/registry/plugin.hpp"

namespace soho::host {

// Confines this process to the preset of `confinement`, and closes what Landlock of that ABI leaves open beside its paths. Gives the
// listener at which forbidden calls wait until somebody answers them (denials.hpp), or -1: they just fail. Fails with a sentence.
Result<int> filter_syscalls(const Confinement& confinement, int landlock_abi);

}  // namespace soho::host
