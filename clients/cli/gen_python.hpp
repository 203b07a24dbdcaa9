#pragma once
// Descriptions of types as Python: a class for each, which soho.Client.create and open take.

#include "gen_model.hpp"

namespace soho::cli {

const Naming& python_naming();

// A whole module. `command`: how it was made, for its first line.
std::string python_module(const std::vector<GeneratedType>& types, const std::string& command);

// The literal of a text: ASCII, whatever is in it.
std::string python_literal(std::string_view text);
// A docstring with its quotes, on as many lines as the text has.
std::string python_docstring(const std::string& text, const std::string& indent);

}  // namespace soho::cli
