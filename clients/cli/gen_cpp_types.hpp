#pragma once
// Words for types, and default values, as C++.

#include "gen_model.hpp"

namespace soho::cli {

// A type that owns what it holds: of a result, or inside another. `types`: what proxies there are.
std::string cpp_type(const TypeWord& word, const std::vector<GeneratedType>& types);
// As the type of a parameter: views and references where nothing need be kept.
std::string cpp_parameter_type(const TypeWord& word, const std::vector<GeneratedType>& types);
// Classes of other proxies in it.
void note_classes(const TypeWord& word, const std::vector<GeneratedType>& types, std::set<std::string>& classes);
// An expression for the default of a parameter of that type; nothing where C++ has no plain one.
std::optional<std::string> cpp_default(const Value& value, const TypeWord& word);

}  // namespace soho::cli
