#pragma once
// How much of something there is, and a cap on it.

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace soho::host {

// Thread-safe.
class Quota {
public:
    // Takes `count` if no more than `most` are taken then; else nothing.
    bool take(std::uint64_t count, std::uint64_t most) {
        std::uint64_t before = used_.load(std::memory_order_relaxed);
        do {
            if (before > most || count > most - before) return false;
        } while (!used_.compare_exchange_weak(before, before + count, std::memory_order_relaxed));
        return true;
    }
    // No more than was taken.
    void give_back(std::uint64_t count) { used_.fetch_sub(count, std::memory_order_relaxed); }
    // Gives back `count`, or what there is; how much that was.
    std::uint64_t give_back_at_most(std::uint64_t count) {
        std::uint64_t before = used_.load(std::memory_order_relaxed);
        std::uint64_t given = 0;
        do {
            given = std::min(count, before);
        } while (!used_.compare_exchange_weak(before, before - given, std::memory_order_relaxed));
        return given;
    }
    std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> used_{0};
};

}  // namespace soho::host
