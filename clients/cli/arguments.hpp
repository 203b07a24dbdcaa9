#pragma once
// The words behind a method, as the arguments of a call: in order, or `key=value` where the method declares that key.

#include "literals.hpp"

#include <soho/client/description.hpp>

namespace soho::cli {

struct Arguments {
    Value::Array positional;
    Value::Map keywords;
};

// `parameters` is NULL where nothing is known of the method: all words are text then, for the host to refuse. Throws
// UsageError that names the argument.
Arguments read_arguments(const std::vector<std::string>& words, const std::vector<ParameterDescription>* parameters,
                         Surroundings& surroundings);

}  // namespace soho::cli
