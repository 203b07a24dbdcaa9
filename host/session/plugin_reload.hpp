#pragma once
// What is asked and told of plugins that are reloaded while the host runs (host/generations.hpp does it).

#include <soho/result.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace soho::host {

class Link;
class Plugin;

struct PluginReload {
    std::string plugin;
    std::string file{};  // empty: where it came from
    bool force = false;  // although nothing has changed, or clients of the one before may fail
};

// What came of one.
struct PluginReloaded {
    std::string plugin;
    std::string_view status;             // "reloaded", "unchanged", "failed"
    std::string version{}, before{};     // now, and before it
    std::uint64_t generation = 0;        // that serves now
    std::uint64_t objects_left = 0;      // on the one before
    std::uint64_t objects_moved = 0;     // to this one
    std::string why_left{};              // of those that could have moved, too
    std::uint64_t longest_pause_us = 0;  // of an object that was moved
    std::uint64_t took_us = 0;
    Error error{Code::ok, {}};  // of one that failed

    static PluginReloaded failed(std::string plugin, Error error) {
        PluginReloaded failed{std::move(plugin), "failed"};
        failed.error = std::move(error);
        return failed;
    }
};

// One load of a plugin, for those who look.
struct GenerationReport {
    std::uint64_t number = 0;
    std::string_view
        state;  // "serving", "draining" (it has objects, or calls), "ended" (its code is still mapped), "failed"
    std::string version, file, copy, sha256;
    std::int64_t loaded_ns = 0;
    std::uint64_t mapped_bytes = 0;  // in the host's process
    std::string why{};               // it failed; objects of one that drains did not move
    const Plugin* plugin = nullptr;  // of the host's process
    std::shared_ptr<Link> link{};    // of a worker that was replaced
};

struct PluginLife {
    std::vector<GenerationReport> generations;  // the oldest first; none: nothing is known
    std::uint64_t reloads = 0;
    std::string last_failure{};  // since the last that went well
    bool isolated = false;
};

}  // namespace soho::host
