#pragma once
// What SIGHUP and soho.reload do: the config is read again, and what can change without a restart does.

#include "host/command_line.hpp"
#include "host/server/server.hpp"

#include <mutex>

namespace soho::host {

// A setting that is not what it was.
struct Difference {
    std::string name;  // "limits.handles", "listener unix:/run/x.sock.limits"
    bool live;         // a reload changes it; else it takes a restart
};
std::vector<Difference> differences(Options before, Options after);

// Reads again what `line` names, and has the server apply it. Thread-safe.
class Reloading {
public:
    // `running` is what the server was made of.
    Reloading(CommandLine line, Options running, Server& server, Log& log)
        : line_(std::move(line)),
          started_(std::move(running)),
          applied_(started_),
          server_(server),
          log_(log) {}

    // Fails with a sentence that names the place, and then nothing has changed.
    Result<Reloaded> reload();

private:
    Result<Reloaded> apply();

    const CommandLine line_;
    const Options started_;
    Options applied_;  // at the last reload
    Server& server_;
    Log& log_;
    std::mutex mutex_;
};

}  // namespace soho::host
