#include "host/object/running.hpp"

#include <unistd.h>
#include <array>

namespace soho::host {

namespace {

constinit std::array<Running, 4096> table;

Running& claim() {
    const int thread = ::gettid();
    for (Running& entry : table) {
        int nobody = 0;
        if (entry.thread.load(std::memory_order_relaxed) == 0 && entry.thread.compare_exchange_strong(nobody, thread))
            return entry;
    }
    return table.back();
}

// Gives the entry back when its thread ends. One that ends in the middle of a plugin's code has called exit(): what it ran is still
// to be told.
struct Claimed {
    Running& entry = claim();
    ~Claimed() {
        if (entry.get()) return;
        entry.thread = 0;
    }
};

}  // namespace

Running& Running::here() {
    thread_local const Claimed claimed;
    return claimed.entry;
}

std::span<Running> Running::all() { return table; }

}  // namespace soho::host
