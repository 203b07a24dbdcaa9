#pragma once
// What the host tells of itself: objects, sessions, plugins, counters (PROTOCOL.md, 2).

#include "host/session/caller.hpp"

#include <soho/wire/codec.hpp>

namespace soho::host {

// All objects for an admin, else those that the caller's principal made or holds. `referrers` not 0: only what refers to that object.
void report_objects(const Services& services, Caller& caller, std::uint64_t referrers, wire::Out& out);
// `methods`: also how often each method that the caller may know of was called, and how long that took.
void report_stats(const Services& services, Caller& caller, bool methods, wire::Out& out);
void report_health(const Services& services, wire::Out& out);
void report_sessions(const Services& services, wire::Out& out);
// What came of one that was reloaded.
void report_reloaded(const PluginReloaded& reloaded, wire::Out& out);
void report_plugins(const Services& services, wire::Out& out);

}  // namespace soho::host
