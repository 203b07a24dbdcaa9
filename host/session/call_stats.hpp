#pragma once
// How often each method was called, how that ended and how long it took: counters that cost a call no
// lock and no memory.

#include "host/registry/type.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <memory>

namespace soho::host {

// Times in buckets whose bounds grow by a quarter of a power of two: quantiles are right to 25 %.
class LatencyBuckets {
public:
    // Of 2^9 ns to 2^37 ns (half a microsecond to two minutes), and one for all that is longer.
    static constexpr unsigned first_power = 9, last_power = 37, parts = 4;
    static constexpr std::size_t count = (last_power - first_power) * parts + 1;

    static constexpr std::size_t index_of(std::uint64_t ns) {
        if (ns < (std::uint64_t{1} << first_power)) return 0;
        const auto power = static_cast<unsigned>(std::bit_width(ns)) - 1;
        if (power >= last_power) return count - 1;
        return (power - first_power) * parts + ((ns >> (power - 2)) & (parts - 1));
    }
    // What is in the bucket is below this, in ns; of the last one nothing is known.
    static constexpr std::uint64_t bound_of(std::size_t index) {
        const std::uint64_t base = std::uint64_t{1} << (first_power + index / parts);
        return base + base / parts * (index % parts + 1);
    }
};

// Copies of counters, summed up.
struct CallCounts {
    std::uint64_t calls = 0;
    std::uint64_t errors = 0;
    std::uint64_t ns = 0;
    std::array<std::uint64_t, LatencyBuckets::count> latency{};

    // Below which that share (0 to 1) of the calls was, in ns.
    std::uint64_t quantile(double share) const;
};

// By callee numbers (Method::number, Type::create_number). Numbers beyond the table share one entry, so that what reads these has
// a bounded number of entries to read.
class CallStats {
public:
    static constexpr std::size_t callees_max = 4096;

    CallStats() = default;
    CallStats(const CallStats&) = delete;
    CallStats& operator=(const CallStats&) = delete;
    ~CallStats();

    // So many calls that took that long together, each about as long as the others. Of one thread alone.
    void record(std::uint32_t number, std::uint32_t calls, std::uint32_t errors, std::int64_t ns) noexcept {
        Entry* counters = entries_[slot_of(number)].load(std::memory_order_relaxed);
        if (counters == nullptr && (counters = entry(number)) == nullptr) return;
        const auto time = ns > 0 ? static_cast<std::uint64_t>(ns) : 0;
        add(counters->calls, calls);
        if (errors != 0) add(counters->errors, errors);
        add(counters->ns, time);
        add(counters->latency[LatencyBuckets::index_of(time / calls)], calls);
    }
    // [any thread]; not beside record() on the same table
    void record_shared(std::uint32_t number, std::int64_t ns, bool failed) noexcept;

    // [any thread]
    void add_to(CallCounts& counts, std::uint32_t number) const;

private:
    struct Entry {
        std::atomic<std::uint64_t> calls{0};
        std::atomic<std::uint64_t> errors{0};
        std::atomic<std::uint64_t> ns{0};
        std::array<std::atomic<std::uint64_t>, LatencyBuckets::count> latency{};
    };

    static std::size_t slot_of(std::uint32_t number) { return number < callees_max ? number : callees_max - 1; }
    // One writer: no locked instruction is needed.
    static void add(std::atomic<std::uint64_t>& counter, std::uint64_t more) {
        counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
    }
    Entry* entry(std::uint32_t number) noexcept;

    std::array<std::atomic<Entry*>, callees_max> entries_{};  // made when they are first needed
};

}  // namespace soho::host
