#pragma once
// What a reactor owns while it runs requests: its buffers, and the replies that are finished but not yet written. One thread
// sits on it at a time; should that thread get stuck in a plugin, another can take a new seat, and the epoch tells the old one
// that it has lost its own (RULES 9).

#include "host/object/object.hpp"
#include "host/session/call_stats.hpp"

#include <soho/data/writer.hpp>

#include <atomic>

namespace soho::host {

struct Seat {
    explicit Seat(Executor& home_) : home(home_) {}

    Executor& home;
    std::uint64_t epoch = 0;
    Activity activity;

    std::int64_t arrived_ns = 0;  // when the requests that run now were read: timeouts count from there (RULES 2)

    data::Buffer in;   // what was read, before it belongs to a connection
    data::Buffer out;  // replies to one connection's batch of requests

    // When the call before this one ended, or the batch arrived: when this one begins, as far as its time is concerned.
    std::int64_t clock_ns = 0;
    CallStats calls;

    // Scratch for one request.
    data::Buffer translated;
    data::Buffer bound;
    data::Buffer result;
    std::vector<ObjectPtr> objects;

    // Written by this seat's thread only; read by whoever asks for statistics.
    std::atomic<std::uint64_t> requests{0};
    std::atomic<std::uint64_t> errors{0};
    std::atomic<std::uint64_t> bytes_in{0};
    std::atomic<std::uint64_t> bytes_out{0};

    // A batch of requests has been read.
    void arrive() { arrived_ns = clock_ns = monotonic_now(); }

    static void count(std::atomic<std::uint64_t>& counter, std::uint64_t more = 1) {
        counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
    }
};

}  // namespace soho::host
