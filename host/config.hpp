#pragma once
// The config file (sohod.toml).

#include "host/options.hpp"

namespace soho::host {

// Reads a config's text into `options`: what it does not mention stays as it is. Fails with "FILE:LINE:COLUMN: what is wrong,
// and what would be right".
Result<void> read_config(std::string_view text, const std::string& file, Options& options);

}  // namespace soho::host
