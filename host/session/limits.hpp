#pragma once
// Every limit on what a stranger can make grow, with its reason.

#include <soho/wire/frame.hpp>

#include <cstddef>
#include <cstdint>

namespace soho::host {

struct Limits {
    // -- a frame --
    std::size_t frame_bytes_max = 16u << 20;  // what one client can make the host hold for one request
    std::size_t depth_max = 64;               // recursive walks over values must not exhaust a stack
    std::size_t items_max = 1u << 20;         // a megabyte of one-byte values; bounds the work of walking a frame

    // -- a connection --
    std::size_t calls_running_max = 128;        // on the pool's threads
    std::size_t calls_waiting_max = 10'000;     // memory only: a queued call, or a pending reply
    std::size_t unsent_bytes_max = 8u << 20;    // replies that the client does not read; then it is read no further
    std::size_t waiting_bytes_max = 64u << 20;  // arguments of waiting calls, replies unsent: 10,000 calls may be large
    std::int64_t login_ms = 5'000;              // to the first complete request

    // -- a session --
    std::size_t handles_max = 10'000;  // different objects it refers to
    std::size_t tickets_max = 64;      // shared and neither claimed nor timed out
    std::int64_t ticket_ttl_ms_max = 60'000;

    // -- the host --
    std::size_t connections_max = 10'000;
    std::size_t pool_threads_max = 256;                     // beyond them blocking calls wait
    std::int64_t object_bytes_max = std::int64_t{1} << 32;  // what a plugin may charge to one object
    std::size_t chain_max = 32;                             // calls of objects on objects, one inside the other
    std::int64_t stuck_ms = 50;  // a method that blocks a reactor longer is moved to the pool

    wire::FrameLimits frame_limits() const { return {frame_bytes_max, depth_max, items_max}; }
};

}  // namespace soho::host
