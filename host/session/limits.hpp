#pragma once
// Every limit on what a stranger can make grow, with its reason.

#include <soho/wire/frame.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>

namespace soho::host {

struct Limits {
    // -- a frame --
    std::uint64_t frame_bytes_max = 16u << 20;  // what one client can make the host hold for one request
    std::uint64_t depth_max = 64;               // recursive walks over values must not exhaust a stack
    std::uint64_t items_max = 1u << 20;         // a megabyte of one-byte values; bounds the work of walking a frame

    // -- a connection --
    std::uint64_t calls_running_max = 128;        // on the pool's threads
    std::uint64_t calls_waiting_max = 10'000;     // memory only: a queued call, or a pending reply
    std::uint64_t unsent_bytes_max = 8u << 20;    // replies that the client does not read; then it is read no further
    std::uint64_t waiting_bytes_max = 64u << 20;  // arguments of waiting calls, replies unsent: they may be large
    std::uint64_t login_ms = 5'000;               // to the first complete request of somebody with any right
    std::uint64_t slow_reader_ms = 60'000;        // without the client taking a byte of its replies
    std::uint64_t idle_ms = 0;                    // without a request, a reply, or a call that waits; 0: never

    // -- a session --
    std::uint64_t handles_max = 10'000;  // different objects it refers to
    std::uint64_t tickets_max = 64;      // shared and neither claimed nor timed out
    std::uint64_t ticket_ttl_ms_max = 60'000;

    // -- a principal, in all its sessions --
    std::uint64_t principal_connections_max = 10'000;
    std::uint64_t principal_objects_max = 1'000'000;              // made by it, and not destroyed
    std::uint64_t principal_bytes_max = std::uint64_t{16} << 30;  // that plugins charged to those

    // -- the host --
    std::uint64_t connections_max = 10'000;
    std::uint64_t connections_reserved = 16;  // of these, for the host's own user and root: to see what is wrong
    std::uint64_t pool_threads_max = 256;     // beyond them blocking calls wait
    std::uint64_t object_bytes_max = std::uint64_t{1} << 32;   // what a plugin may charge to one object
    std::uint64_t plugin_bytes_max = std::uint64_t{16} << 30;  // … and to all its objects
    std::uint64_t chain_max = 32;                              // calls of objects on objects, one inside the other
    std::uint64_t stuck_ms = 50;  // a method that blocks a reactor longer is moved to the pool

    // -- a plugin's worker process --
    std::uint64_t worker_start_ms = 10'000;   // until its types are there
    std::uint64_t worker_silent_ms = 10'000;  // without an answer; 0: it is not asked
    std::uint64_t worker_deaths_max = 10;     // one after the other, none of them after a steady minute: then it rests
    std::uint64_t worker_rest_ms = 300'000;

    // -- reloads --
    std::uint64_t plugin_generations_max = 16;  // of one plugin, in memory: the host's process never unmaps code
    std::uint64_t plugin_move_ms = 1'000;       // that what is created or moved meanwhile may be kept waiting

    wire::FrameLimits frame_limits() const { return {frame_bytes_max, depth_max, items_max}; }
    bool operator==(const Limits&) const = default;
};

// One of them, by the name that the config, the flags, errors, logs and counters have for it.
struct Limit {
    // Whose it is: that of each connection (and its session), of a principal in all its sessions, or of the host as a whole.
    enum class Scope : std::uint8_t { connection, principal, host };

    std::string_view name;
    std::uint64_t Limits::*value;
    std::uint64_t least, most;
    Scope scope;
    bool live;  // a reload changes it; else it takes a restart
    std::string_view doc;
};

// All of them, in the order of Limits.
std::span<const Limit> all_limits();

// What a listener or a principal has of its own.
using LimitOverrides = std::map<std::string_view, std::uint64_t>;  // the names are those of the table
void apply(const LimitOverrides& overrides, Limits& limits);

}  // namespace soho::host
