#include "host/server/options.hpp"

#include <algorithm>

namespace soho::host {

ListenerOptions ServerOptions::listener_at(const wire::Address& address) const {
    ListenerOptions options = listener;
    options.address = address.text();
    return options;
}

LimitRules ServerOptions::limit_rules() const {
    LimitRules rules{limits, {}, principals};
    for (const ListenerOptions& each : listeners) rules.listeners[each.address] = each.limits;
    // Many clients' calls pass it, each of them bound already, with somewhat more around them.
    constexpr std::uint64_t much = std::uint64_t{1} << 40;
    rules.listeners[std::string(worker_listener)] = {
        {"frame_bytes", limits.frame_bytes_max + 65'536},
        {"items", limits.items_max + 1024},
        {"calls_running", much},
        {"calls_waiting", 1'000'000},
        {"unsent_bytes", std::max(limits.unsent_bytes_max, 4 * limits.frame_bytes_max)},
        {"waiting_bytes", much},
        {"login_ms", much},
        {"slow_reader_ms", much},
        {"idle_ms", 0},
        {"handles", much}};
    return rules;
}

}  // namespace soho::host
