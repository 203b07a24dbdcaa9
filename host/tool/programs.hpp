#pragma once
// Where the programs and files are that this one works with: beside it, or where the system has them.

#include <soho/result.hpp>

#include <optional>
#include <string>

namespace soho::host::tool {

// The folder that this program lies in.
std::string own_folder();
// Beside this program, or in PATH. Fails with a sentence that says which package brings it.
Result<std::string> find_program(const std::string& name, const std::string& package);
// The folder of a template: in $SOHO_TEMPLATES, share/soho/templates beside the folder of programs, or the sources that this was
// built from.
Result<std::string> find_template(const std::string& name);

}  // namespace soho::host::tool
