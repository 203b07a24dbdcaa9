#pragma once
// The commands of `soho`, in one table: what each takes, what it asks of the host, and how people see the answer. The
// command line and the shell run the same ones.

#include "workspace.hpp"

#include <span>

namespace soho::cli {

// One command as it was given.
struct Invocation {
    std::vector<std::string> words;  // behind the command's name and its options
    std::string as;                  // --as
    std::string referrers;           // --referrers
    bool bearer = false;             // --bearer
    bool methods = false;            // --methods
    bool force = false;              // --force
    bool once = false;               // --once, and these, of top
    std::string interval, sort, filter;
    std::string output, check, plugin, from;  // --output, --check, --plugin and --from, of gen
};

struct Command {
    const char* name;
    const char* operands;  // "TYPE [ARG…]"
    const char* summary;
    const char* details;  // for its help: more sentences, and examples
    std::size_t words_min;
    std::size_t words_max;
    bool takes_arguments;  // from its first word on nothing is an option of ours any more
    Value (*run)(Workspace& workspace, const Invocation& invocation);
    void (*show)(const Value& value, const Invocation& invocation, Workspace& workspace);
    std::string (*run_without_host)(const Invocation& invocation) = nullptr;  // in place of both: what it prints
    bool (*needs_host)(const Invocation& invocation) = nullptr;  // for one that has all three: which it is this time
    bool (*has_failed)(const Value& value) = nullptr;  // although the host has answered: the exit code says so
};

// Whether a command as it was given is run in a host.
bool needs_host(const Command& command, const Invocation& invocation);

std::span<const Command> commands();
// NULL if there is no such command.
const Command* find_command(std::string_view name);

}  // namespace soho::cli
