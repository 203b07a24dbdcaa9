#include "host/session/measure.hpp"

#include "host/object/spare_memory.hpp"

#include <algorithm>

namespace soho::host {

namespace {

CallCounts counts_of(const Services& services, std::uint32_t number) {
    CallCounts counts;
    for (const Seat* seat : services.seats.all()) seat->calls.add_to(counts, number);
    services.later_calls.add_to(counts, number);
    return counts;
}

}  // namespace

Gauges measure(const Services& services) {
    const auto snapshot = services.registry.snapshot();
    std::uint64_t references = 0;
    for (const SessionPtr& session : services.sessions.all()) references += session->references();
    std::uint64_t bytes = 0;
    for (const ObjectPtr& object : services.objects.all()) bytes += object->bytes.used();
    const auto now = [](const std::atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
    const auto uptime_ms = static_cast<std::uint64_t>((monotonic_now() - services.started_ns) / 1'000'000);
    Gauges gauges{
        {{"uptime_ms", uptime_ms, true, "Milliseconds since the host started"},
         {"connections", now(services.connections), false, "Open connections"},
         {"connections_accepted", now(services.connections_accepted), true, "Connections since the start"},
         {"sessions", services.sessions.size(), false, "Sessions"},
         {"objects", services.objects.size(), false, "Living objects"},
         {"objects_created", services.objects.created(), true, "Objects made since the start"},
         {"objects_destroyed", services.objects.destroyed(), true, "Destructors that have returned"},
         {"object_bytes", bytes, false, "Bytes that plugins say their objects hold"},
         {"references", references, false, "References that sessions hold, counted as often as they were given"},
         {"names", services.names.size(), false, "Published names"},
         {"tickets", services.tickets.size(), false, "Tickets not claimed yet"},
         {"types", snapshot->types.size(), false, "Types"},
         {"plugins", snapshot->plugins.size(), false, "Loaded plugins"},
         {"plugins_refused", snapshot->refused.size(), false, "Refused plugins"},
         {"requests", services.seats.sum(&Seat::requests), true, "Requests and notifications"},
         {"errors", services.seats.sum(&Seat::errors), true, "Requests refused, or failed at once"},
         {"bytes_in", services.seats.sum(&Seat::bytes_in), true, "Bytes received"},
         {"bytes_out", services.seats.sum(&Seat::bytes_out), true, "Bytes sent"},
         {"calls_in_flight", now(services.calls_in_flight), false, "Calls that wait or run"},
         {"oneway_failures", now(services.oneway_failures), true, "Notifications that failed"},
         {"releases_clamped", now(services.releases_clamped), true, "Releases of more than was held"},
         {"completed_twice", now(services.objects.completed_twice), true, "Replies that a plugin gave a second time"},
         {"reactor_stalls", now(services.reactor_stalls), true, "Times that plugin code kept a reactor for too long"},
         {"memory_shortages", spare_memory::times_given(), true, "Times that memory ran out"},
         {"memory_is_short", spare_memory::is_given(), false, "1 while calls are refused for want of memory"},
         {"pool_threads", services.pool.threads(), false, "Threads of the pool"},
         {"pool_queued", services.pool.queued(), false, "Work that waits for the pool"}},
        {},
        {}};
    for (const auto& [name, type] : snapshot->types) {
        for (const Method& method : type->methods) {
            if (const std::uint32_t count = method.stuck.load(std::memory_order_relaxed))
                gauges.stuck_calls.emplace_back(name + "." + method.name, count);
        }
    }
    const auto limits = all_limits();
    for (std::size_t i = 0; i < limits.size(); ++i) {
        if (const std::uint64_t count = services.allowances.hits().count(i))
            gauges.limits_hit.emplace_back(limits[i].name, count);
    }
    return gauges;
}

std::vector<CalleeCounts> count_calls(const Services& services) {
    std::vector<CalleeCounts> callees;
    const auto snapshot = services.registry.snapshot();
    const auto take = [&](const TypePtr& type, std::string_view method, std::uint32_t number) {
        const CallCounts counts = counts_of(services, number);
        if (counts.calls != 0) callees.push_back({type, method, counts});
    };
    for (const auto& [name, type] : snapshot->types) {
        take(type, "(create)", type->create_number);
        for (const Method& method : type->methods) take(type, method.name, method.number);
    }
    return callees;
}

bool runs(const WorkerReport& worker) { return worker.state == "running" || worker.state == "draining"; }

std::string_view health_of(const Services& services, const std::vector<WorkerReport>& workers) {
    if (services.objects.draining.load(std::memory_order_relaxed)) return "draining";
    const bool all_run = std::all_of(workers.begin(), workers.end(), runs);
    return all_run && services.registry.snapshot()->refused.empty() ? "ok" : "degraded";
}

}  // namespace soho::host
