#pragma once
// The host's counters, read at one time: for soho.stats and for what serves metrics. [any thread]

#include "host/session/services.hpp"

namespace soho::host {

struct Gauges {
    struct Number {
        std::string_view name;
        std::uint64_t value;
        bool only_grows;
        std::string_view doc;
    };
    std::vector<Number> numbers;
    std::vector<std::pair<std::string, std::uint64_t>> stuck_calls;      // "Type.method", how many
    std::vector<std::pair<std::string_view, std::uint64_t>> limits_hit;  // those that were, how often
};
Gauges measure(const Services& services);

// Of what was called at least once; of a type's callable the method is "(create)".
struct CalleeCounts {
    TypePtr type;
    std::string_view method;
    CallCounts counts;
};
std::vector<CalleeCounts> count_calls(const Services& services);

// Its process is there, and serves what it has.
bool runs(const WorkerReport& worker);
// "ok", "degraded" (a plugin was refused, or its worker is away) or "draining". `workers` are those of the services.
std::string_view health_of(const Services& services, const std::vector<WorkerReport>& workers);

}  // namespace soho::host
