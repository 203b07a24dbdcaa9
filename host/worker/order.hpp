#pragma once
// What a worker is told by its host, in a file that only the two of them have; and how it says that it cannot.

#include "host/server/server.hpp"

namespace soho::host {

struct WorkerOrder {
    std::string file;
    std::string source{};    // what `file` is a private copy of; empty: it is none
    bool self_test = false;  // that the plugin offers: before anything of it is served
    PluginOptions plugin;
    std::string log_level;  // of the plugin's lines
    Limits limits;
    std::map<std::string, LimitOverrides, std::less<>> principals;

    std::string encoded() const;
    // Fails only if it was made by another program than this one.
    static Result<WorkerOrder> decode(data::Bytes encoded);
};

// Exit codes: its plugin was refused, or it could not begin; why is in its last words.
inline constexpr int worker_refused = 64, worker_not_started = 127;

// What a worker's process does; its exit code.
int run_worker();

}  // namespace soho::host
