#pragma once
// soho top: what a host is busy with, between two looks at its counters.

#include "commands.hpp"

namespace soho::cli {

// The difference of two `soho.stats [{"methods": true}]`, `seconds` apart: {seconds, objects, sessions, connections, calls_in_flight,
// rate, bytes_in, bytes_out (a second), rows: [{target, rate, p50_us, p99_us, errors, calls}]}. Times are of the calls in between, and
// nil where there were none; `errors` and `calls` since the host's start. `sort` is a key of the rows; `filter` a pattern of targets.
Value difference(const Value& before, const Value& now, double seconds, const std::string& sort,
                 const std::string& filter);

// A row for each method.
void show_callees(const Value& difference, std::size_t rows_max = SIZE_MAX);

Value run_top(Workspace& workspace, const Invocation& invocation);
void show_top(const Value& value, const Invocation& invocation, Workspace& workspace);

}  // namespace soho::cli
