#pragma once
// Code that this process runs must not be writable by anyone but root and its own user.

#include <soho/result.hpp>

#include <string>

namespace soho::host {

// Checks the opened file and each folder above `path` (absolute): owned by root or this user, not writable by group or
// others; a sticky folder such as /tmp is fine, as nobody can replace another's file in it. Fails with a sentence that
// names the file or folder, its owner and mode, and the remedy.
Result<void> check_trusted(int descriptor, const std::string& path);

// The same for a folder and those above it.
Result<void> check_trusted_folder(const std::string& path);

}  // namespace soho::host
