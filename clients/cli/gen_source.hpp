#pragma once
// Where descriptions of types come from without a host. All throw std::runtime_error with what is wrong, and where.

#include <soho/client/description.hpp>

#include <string>
#include <vector>

namespace soho::cli {

// JSON: one description, a list of them, or an object with such a list as its "types".
std::vector<TypeDescription> types_of_json(const std::string& text, const std::string& source);
std::vector<TypeDescription> types_of_file(const std::string& file);
std::string text_of_file(const std::string& file);

// Runs `soho-plugin inspect --json FILE`, which loads the plugin in a process of its own.
std::vector<TypeDescription> types_of_plugin(const std::string& file);

}  // namespace soho::cli
