#include "host/session/limits.hpp"

#include <algorithm>
#include <array>

namespace soho::host {

namespace {

using Scope = Limit::Scope;

constexpr std::uint64_t a_gigabyte = 1u << 30;
constexpr std::uint64_t an_hour_ms = 3'600'000;
constexpr std::uint64_t a_day_ms = 24 * an_hour_ms;

constexpr std::array table{
    Limit{"frame_bytes", &Limits::frame_bytes_max, 4096, a_gigabyte, Scope::connection, true,
          "Bytes of one request, or of one result"},
    Limit{"depth", &Limits::depth_max, 4, wire::FrameReader::depth_capacity, Scope::connection, true,
          "How deep values of a request or a result may be nested"},
    Limit{"items", &Limits::items_max, 256, a_gigabyte, Scope::connection, true,
          "Values in one request, nested ones included"},
    Limit{"calls_running", &Limits::calls_running_max, 1, 1'000'000, Scope::connection, true,
          "Calls of blocking methods that a connection may have running"},
    Limit{"calls_waiting", &Limits::calls_waiting_max, 1, 10'000'000, Scope::connection, true,
          "Calls of a connection that may wait for their turn or for a late reply"},
    Limit{"unsent_bytes", &Limits::unsent_bytes_max, 4096, a_gigabyte, Scope::connection, true,
          "Bytes of replies that a client has not taken, beyond which the host stops reading its requests"},
    Limit{"waiting_bytes", &Limits::waiting_bytes_max, 4096, std::uint64_t{1} << 40, Scope::connection, true,
          "Bytes of arguments of waiting calls and of unread replies that a connection may make the host keep"},
    Limit{"login_ms", &Limits::login_ms, 1, an_hour_ms, Scope::connection, true,
          "Milliseconds until a connection's first request, by somebody with any right, must be complete"},
    Limit{"slow_reader_ms", &Limits::slow_reader_ms, 1, a_day_ms, Scope::connection, true,
          "Milliseconds that a client may take no byte of the replies that wait for it; then its connection is closed"},
    Limit{"idle_ms", &Limits::idle_ms, 0, a_day_ms, Scope::connection, true,
          "Milliseconds that a connection may stay open without a request, a reply or a call that waits; 0: for ever"},
    Limit{"handles", &Limits::handles_max, 1, 100'000'000, Scope::connection, true,
          "Different objects that a session may refer to"},
    Limit{"tickets", &Limits::tickets_max, 1, 1'000'000, Scope::connection, true,
          "Tickets of a session that are neither claimed nor timed out"},
    Limit{"ticket_ttl_ms", &Limits::ticket_ttl_ms_max, 1, 60'000, Scope::connection, true,
          "Milliseconds that a ticket may live"},
    Limit{"principal_connections", &Limits::principal_connections_max, 1, 1'000'000, Scope::principal, true,
          "Connections of one principal, with those that it closed while their calls run"},
    Limit{"principal_objects", &Limits::principal_objects_max, 1, 1'000'000'000, Scope::principal, true,
          "Objects that one principal has made and that are not destroyed"},
    Limit{"principal_bytes", &Limits::principal_bytes_max, 1, INT64_MAX, Scope::principal, true,
          "Bytes that plugins may say that one principal's objects hold"},
    Limit{"connections", &Limits::connections_max, 1, 1'000'000, Scope::host, true, "Connections open at a time"},
    Limit{"connections_reserved", &Limits::connections_reserved, 0, 1'000'000, Scope::host, true,
          "How many of these only the host's own user and root can have, on a Unix socket"},
    Limit{"pool_threads", &Limits::pool_threads_max, 1, 10'000, Scope::host, false,
          "Threads for blocking methods; beyond them their calls wait"},
    Limit{"object_bytes", &Limits::object_bytes_max, 1, INT64_MAX, Scope::host, true,
          "Bytes that a plugin may say that one object holds"},
    Limit{"plugin_bytes", &Limits::plugin_bytes_max, 1, INT64_MAX, Scope::host, true,
          "Bytes that a plugin may say that all its objects hold"},
    Limit{"chain", &Limits::chain_max, 1, 32, Scope::host, true, "Calls of objects on objects, one inside the other"},
    Limit{"stuck_ms", &Limits::stuck_ms, 0, 60'000, Scope::host, false,
          "Milliseconds that a method may keep a reactor before it is moved to the pool, and the reactor gets another "
          "thread; 0: for ever, as under a debugger"},
    Limit{"worker_start_ms", &Limits::worker_start_ms, 10, an_hour_ms, Scope::host, true,
          "Milliseconds that a plugin's worker process may take to load it"},
    Limit{
        "worker_silent_ms", &Limits::worker_silent_ms, 0, a_day_ms, Scope::host, true,
        "Milliseconds that a worker may give no sign of life; then it is killed, and starts again; 0: it is not asked "
        "for any"},
    Limit{"worker_deaths", &Limits::worker_deaths_max, 1, 1'000'000, Scope::host, true,
          "How often a worker may die, each time within a minute of its start, before it is left alone for "
          "worker_rest_ms"},
    Limit{"worker_rest_ms", &Limits::worker_rest_ms, 10, a_day_ms, Scope::host, true,
          "Milliseconds that a worker which died too often is left alone"},
    Limit{"plugin_generations", &Limits::plugin_generations_max, 1, 1'000'000, Scope::host, true,
          "How often a plugin may be loaded into the host's process, its first time and failed reloads included, as "
          "code is "
          "never unmapped; or how many worker processes it may have, until those that reloads replaced have ended; 1: "
          "it is "
          "not reloaded"},
    Limit{"plugin_move_ms", &Limits::plugin_move_ms, 0, 60'000, Scope::host, true,
          "Milliseconds that a reload may wait for objects that are busy, to move them to the new version, while "
          "creates wait; "
          "0: none is moved"},
};

}  // namespace

std::span<const Limit> all_limits() { return table; }

void apply(const LimitOverrides& overrides, Limits& limits) {
    for (const Limit& limit : table) {
        if (const auto found = overrides.find(limit.name); found != overrides.end())
            limits.*limit.value = found->second;
    }
}

}  // namespace soho::host
