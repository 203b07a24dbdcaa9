#pragma once
// Whether clients of one version of a plugin can go on with another.

#include "host/registry/plugin.hpp"

namespace soho::host {

// What clients of `before` may rely on and `after` does not have, a sentence's part each. Methods, types and optional arguments that were
// added are none of it; a type's other major version is (RULES 40).
std::vector<std::string> incompatibilities(const Plugin& before, const Plugin& after);

}  // namespace soho::host
