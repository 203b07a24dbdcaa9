#pragma once
// The [[access]] tables of the config.

#include "host/session/access.hpp"

#include <soho/result.hpp>

#include <toml++/toml.h>

namespace soho::host {

// `node` is what `access` is in the file. Fails with `FILE:LINE:COLUMN: what is wrong`.
Result<std::vector<AccessRule>> read_access_rules(const toml::node& node, const std::string& file);

}  // namespace soho::host
