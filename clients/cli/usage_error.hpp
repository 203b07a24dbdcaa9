#pragma once
// What the caller of the command got wrong: exit code 2.

#include <stdexcept>

namespace soho::cli {

class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

enum ExitCode : int { exit_ok = 0, exit_failed = 1, exit_usage = 2, exit_no_host = 3 };

}  // namespace soho::cli
