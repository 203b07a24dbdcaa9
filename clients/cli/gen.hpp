#pragma once
// `soho gen`: typed proxies from what a host, a plugin file, or a file of descriptions says of types.

#include "commands.hpp"

namespace soho::cli {

// Of a host's types. The value is the code, or nil where it went to a file.
Value run_gen(Workspace& workspace, const Invocation& invocation);
void show_gen(const Value& value, const Invocation& invocation, Workspace& workspace);

// With --plugin or --from: no host is asked. What is to be printed.
std::string run_gen_of_file(const Invocation& invocation);
// The first to be asked, so that wrong words are refused before a host is looked for: throws UsageError.
bool gen_needs_host(const Invocation& invocation);

}  // namespace soho::cli
