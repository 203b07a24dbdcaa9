#pragma once
// Descriptions of types as C++: a proxy class for each, in the manner of clients/cpp/examples/pair_proxy.hpp.

#include "gen_model.hpp"

namespace soho::cli {

const Naming& cpp_naming();

// A whole header. `command`: how it was made, for its first line.
std::string cpp_header(const std::vector<GeneratedType>& types, const std::string& command);

// The C++ literal of a text: ASCII, whatever is in it.
std::string cpp_literal(std::string_view text);
// A text as lines of // comment, each behind `indent`.
std::string cpp_comment(const std::string& text, const std::string& indent);

}  // namespace soho::cli
