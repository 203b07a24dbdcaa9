#pragma once
// `soho shell`: many commands in one session, with variables that keep objects alive.

#include "workspace.hpp"

namespace soho::cli {

// Reads commands from the terminal, or from whatever the standard input is. Returns the exit code: from a terminal 0,
// else that of the first line that failed, which is the last one run.
int run_shell(Workspace& workspace, bool json);

}  // namespace soho::cli
