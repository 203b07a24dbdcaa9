#include "host/session/call_stats.hpp"

#include <algorithm>
#include <cmath>
#include <new>

namespace soho::host {

std::uint64_t CallCounts::quantile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(calls)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < latency.size(); ++i) {
        seen += latency[i];
        if (seen != 0 && seen >= wanted) return LatencyBuckets::bound_of(i);
    }
    return 0;
}

CallStats::~CallStats() {
    for (auto& entry : entries_) delete entry.load(std::memory_order_relaxed);
}

// Null where there is no memory: then it is not counted.
CallStats::Entry* CallStats::entry(std::uint32_t number) noexcept {
    auto& slot = entries_[slot_of(number)];
    if (Entry* const known = slot.load(std::memory_order_acquire)) return known;
    auto* const made = new (std::nothrow) Entry;
    Entry* other = nullptr;
    if (slot.compare_exchange_strong(other, made, std::memory_order_acq_rel)) return made;
    delete made;
    return other;
}

void CallStats::record_shared(std::uint32_t number, std::int64_t ns, bool failed) noexcept {
    Entry* const counters = entry(number);
    if (counters == nullptr) return;
    const auto time = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0));
    counters->calls.fetch_add(1, std::memory_order_relaxed);
    if (failed) counters->errors.fetch_add(1, std::memory_order_relaxed);
    counters->ns.fetch_add(time, std::memory_order_relaxed);
    counters->latency[LatencyBuckets::index_of(time)].fetch_add(1, std::memory_order_relaxed);
}

void CallStats::add_to(CallCounts& counts, std::uint32_t number) const {
    const Entry* const counters = entries_[slot_of(number)].load(std::memory_order_acquire);
    if (counters == nullptr) return;
    counts.calls += counters->calls.load(std::memory_order_relaxed);
    counts.errors += counters->errors.load(std::memory_order_relaxed);
    counts.ns += counters->ns.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < counts.latency.size(); ++i)
        counts.latency[i] += counters->latency[i].load(std::memory_order_relaxed);
}

}  // namespace soho::host
