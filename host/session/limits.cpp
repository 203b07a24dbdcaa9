#include "host/session/limits.hpp"

#include <algorithm>
#include <array>

namespace soho::host {

namespace {

using Scope = Limit::Scope;

constexpr std::uint64_t a_gigabyte = 1u << 30;
constexpr std::uint64_t an_hour_ms = 3'600'000;

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
          "Milliseconds that a client without any right may stay connected"},
    Limit{"handles", &Limits::handles_max, 1, 100'000'000, Scope::connection, true,
          "Different objects that a session may refer to"},
    Limit{"tickets", &Limits::tickets_max, 1, 1'000'000, Scope::connection, true,
          "Tickets of a session that are neither claimed nor timed out"},
    Limit{"ticket_ttl_ms", &Limits::ticket_ttl_ms_max, 1, 60'000, Scope::connection, true,
          "Milliseconds that a ticket may live"},
    Limit{"connections", &Limits::connections_max, 1, 1'000'000, Scope::host, true, "Connections open at a time"},
    Limit{"pool_threads", &Limits::pool_threads_max, 1, 10'000, Scope::host, false,
          "Threads for blocking methods; beyond them their calls wait"},
    Limit{"object_bytes", &Limits::object_bytes_max, 1, INT64_MAX, Scope::host, true,
          "Bytes that a plugin may say that one object holds"},
    Limit{"chain", &Limits::chain_max, 1, 32, Scope::host, true, "Calls of objects on objects, one inside the other"},
    Limit{"stuck_ms", &Limits::stuck_ms, 1, 60'000, Scope::host, false,
          "Milliseconds that a method may keep a reactor before it is moved to the pool"},
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
