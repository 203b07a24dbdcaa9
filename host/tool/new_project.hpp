#pragma once
// `soho plugin new`: a small, complete plugin project, from the templates.

#include <soho/result.hpp>

#include <string>
#include <vector>

namespace soho::host::tool {

// Writes the project `name` into `folder`, which must not exist. Returns the files, in order; fails with a sentence, and leaves nothing
// behind then.
Result<std::vector<std::string>> write_project(const std::string& name, const std::string& folder);

}  // namespace soho::host::tool
