#pragma once
// The parts of a host that requests and plugins work with, in one place. main() and Server build them; nobody owns them here.

#include "host/object/names.hpp"
#include "host/object/object_table.hpp"
#include "host/object/timers.hpp"
#include "host/registry/registry.hpp"
#include "host/session/access.hpp"
#include "host/session/allowance.hpp"
#include "host/session/credentials.hpp"
#include "host/session/log.hpp"
#include "host/session/plugin_references.hpp"
#include "host/session/plugin_reload.hpp"
#include "host/session/seat.hpp"
#include "host/session/session_table.hpp"
#include "host/session/tickets.hpp"
#include "host/session/worker.hpp"

#include <functional>
#include <mutex>

namespace soho::host {

class Offers;
class PluginTimers;
class Upstream;

// What a reload found to be different, by the settings' names.
struct Reloaded {
    std::vector<std::string> changed;        // and done
    std::vector<std::string> needs_restart;  // since the start, and not done
};

struct Services {
    Registry& registry;
    ObjectTable& objects;
    Names& names;
    SessionTable& sessions;
    Tickets& tickets;
    PluginReferences& references;
    const Access& access;
    const Credentials& credentials;
    Timers& timers;
    Pool& pool;
    Allowances& allowances;
    Log& log;
    std::string instance;  // names this run of the host
    std::int64_t started_ns = 0;
    Seats seats{};
    // How often plugin code kept a reactor for too long.
    std::atomic<std::uint64_t> reactor_stalls{0};
    Executor* home = nullptr;  // runs what belongs to no connection
    std::function<void()> shutdown{};
    // Until when calls may run, once the host is draining; monotonic_now()'s time.
    std::atomic<std::int64_t> drain_until_ns{0};
    std::function<Result<Reloaded>()> reload = [] {
        return soho::refuse(Code::unavailable, "this host has no config to reload");
    };
    // Both answer later, on another thread or at once.
    std::function<void(PluginReload what, std::function<void(PluginReloaded)> done)> reload_plugin =
        [](const PluginReload& what, const std::function<void(PluginReloaded)>& done) {
            done(PluginReloaded::failed(what.plugin, Error(Code::unavailable, "this host reloads no plugins")));
        };
    // Those whose files are not what they were.
    std::function<void(std::function<void(std::vector<PluginReloaded>)> done)> reload_changed_plugins =
        [](const std::function<void(std::vector<PluginReloaded>)>& done) { done({}); };
    std::function<PluginLife(const std::string& plugin)> life_of_plugin = [](const std::string&) {
        return PluginLife();
    };
    std::shared_ptr<PluginTimers> plugin_timers{};
    std::shared_ptr<Offers> offers{};
    // What was published as plugins were loaded.
    struct Published {
        std::string plugin, type_id, name, args, principal;
    };
    std::mutex published_mutex{};
    std::vector<Published> published_at_load{};
    std::function<std::vector<WorkerReport>()> workers = [] { return std::vector<WorkerReport>(); };
    std::shared_ptr<Upstream> upstream{};  // in a worker process: to its host

    // Of calls that end elsewhere than where they began; the others are counted by their seats.
    CallStats later_calls{};

    // Those of the host, and of everybody nothing else is said of.
    const Limits& limits() const { return allowances.base(); }
    // Counts that a limit was hit, for a session if there is one of that number. [any thread]
    void hit(std::uint64_t Limits::*limit, std::string_view principal, std::uint64_t session) const {
        const SessionPtr of = sessions.find(session);
        of != nullptr ? of->hit(limit) : allowances.hits().hit(limit, principal);
    }

    std::atomic<std::uint64_t> connections{0};
    std::atomic<std::uint64_t> connections_accepted{0};
    std::atomic<std::uint64_t> oneway_failures{0};
    std::atomic<std::uint64_t> releases_clamped{0};
    std::atomic<std::uint64_t> calls_in_flight{0};
};

}  // namespace soho::host
