#include "host/session/report.hpp"

#include "host/registry/plugin.hpp"
#include "host/session/hello.hpp"

#include <fmt/format.h>
#include <unordered_set>

namespace soho::host {

namespace {

void entry(wire::Out& out, std::string_view key, std::uint64_t value) {
    out.string(key);
    out.unsigned_integer(value);
}
void entry(wire::Out& out, std::string_view key, std::string_view value) {
    out.string(key);
    out.string(value);
}

std::uint64_t age_ms(std::int64_t since_ns) {
    return static_cast<std::uint64_t>((monotonic_now() - since_ns) / 1'000'000);
}

// Who holds which object: "session 3", "object #17", "plugin pair", "name pair", "ticket".
struct Holders {
    std::unordered_map<std::uint64_t, std::vector<std::string>> of;
    std::unordered_map<std::uint64_t, std::uint64_t> references;
    std::unordered_map<std::uint64_t, std::vector<std::string>> names;
    std::unordered_set<std::uint64_t> principals_own;

    Holders(const Services& services, const Principal& principal) {
        for (const SessionPtr& session : services.sessions.all()) {
            for (const auto& [id, count] : session->held()) {
                of[id].push_back(fmt::format("session {}", session->id()));
                references[id] += count;
                if (session->principal().name == principal.name) principals_own.insert(id);
            }
        }
        for (const auto& [name, published] : services.names.all()) {
            of[published.object->id()].push_back("name " + name);
            names[published.object->id()].push_back(name);
        }
        for (const auto& [plugin, holder, object] : services.references.all()) {
            of[object].push_back(holder != 0 ? fmt::format("object #{}", holder) : "plugin " + plugin->name());
        }
        for (const std::uint64_t id : services.tickets.objects()) of[id].emplace_back("ticket");
    }

    void write(wire::Out& out, std::string_view key,
               const std::unordered_map<std::uint64_t, std::vector<std::string>>& texts, std::uint64_t id) const {
        out.string(key);
        const auto found = texts.find(id);
        out.array(found == texts.end() ? 0 : found->second.size());
        if (found == texts.end()) return;
        for (const std::string& text : found->second) out.string(text);
    }
};

}  // namespace

void report_objects(const Services& services, Caller& caller, std::uint64_t referrers, wire::Out& out) {
    const Principal& principal = caller.principal();
    const bool admin = caller.access().grants().admin();
    const Holders holders(services, principal);
    std::unordered_set<std::uint64_t> referring;
    for (const auto& [plugin, holder, object] : services.references.all()) {
        if (object == referrers) referring.insert(holder);
    }
    std::vector<ObjectPtr> shown;
    for (ObjectPtr& object : services.objects.all()) {
        if (referrers != 0 && referring.find(object->id()) == referring.end()) continue;
        const bool own = object->principal() == principal.name ||
                         holders.principals_own.find(object->id()) != holders.principals_own.end();
        if (own || admin) shown.push_back(std::move(object));
    }
    out.array(shown.size());
    for (const ObjectPtr& object : shown) {
        const auto references = holders.references.find(object->id());
        out.map(8);
        entry(out, "id", object->id());
        entry(out, "type", object->type().type_id);
        entry(out, "references", references == holders.references.end() ? 0 : references->second);
        entry(out, "bytes", static_cast<std::uint64_t>(std::max<std::int64_t>(0, object->bytes)));
        entry(out, "calls", object->calls);
        entry(out, "age_ms", age_ms(object->created_ns()));
        holders.write(out, "names", holders.names, object->id());
        holders.write(out, "holders", holders.of, object->id());
    }
}

void report_stats(const Services& services, wire::Out& out) {
    std::uint64_t requests = 0, errors = 0, bytes_in = 0, bytes_out = 0;
    for (const Seat* seat : services.seats) {
        requests += seat->requests.load(std::memory_order_relaxed);
        errors += seat->errors.load(std::memory_order_relaxed);
        bytes_in += seat->bytes_in.load(std::memory_order_relaxed);
        bytes_out += seat->bytes_out.load(std::memory_order_relaxed);
    }
    std::uint64_t references = 0;
    for (const SessionPtr& session : services.sessions.all()) references += session->references();
    std::vector<std::pair<std::string, std::uint64_t>> stuck;
    const auto snapshot = services.registry.snapshot();
    for (const auto& [name, type] : snapshot->types) {
        for (const Method& method : type->methods) {
            if (const std::uint32_t count = method.stuck.load(std::memory_order_relaxed))
                stuck.emplace_back(name + "." + method.name, count);
        }
    }

    const std::pair<std::string_view, std::uint64_t> entries[] = {
        {"uptime_ms", age_ms(services.started_ns)},
        {"connections", services.connections.load(std::memory_order_relaxed)},
        {"connections_accepted", services.connections_accepted.load(std::memory_order_relaxed)},
        {"sessions", services.sessions.size()},
        {"objects", services.objects.size()},
        {"objects_created", services.objects.created()},
        {"objects_destroyed", services.objects.destroyed()},
        {"references", references},
        {"names", services.names.size()},
        {"tickets", services.tickets.size()},
        {"types", snapshot->types.size()},
        {"plugins", snapshot->plugins.size()},
        {"plugins_refused", snapshot->refused.size()},
        {"requests", requests},
        {"errors", errors},
        {"bytes_in", bytes_in},
        {"bytes_out", bytes_out},
        {"calls_in_flight", services.calls_in_flight.load(std::memory_order_relaxed)},
        {"oneway_failures", services.oneway_failures.load(std::memory_order_relaxed)},
        {"releases_clamped", services.releases_clamped.load(std::memory_order_relaxed)},
        {"completed_twice", services.objects.completed_twice.load(std::memory_order_relaxed)},
        {"pool_threads", services.pool.threads()},
        {"pool_queued", services.pool.queued()},
    };
    out.map(std::size(entries) + 1);
    for (const auto& [name, value] : entries) entry(out, name, value);
    out.string("stuck_calls");
    out.map(stuck.size());
    for (const auto& [method, count] : stuck) entry(out, method, count);
}

void report_health(const Services& services, wire::Out& out) {
    const auto snapshot = services.registry.snapshot();
    out.map(4);
    const bool draining = services.objects.draining.load(std::memory_order_relaxed);
    entry(out, "status", draining ? "draining" : snapshot->refused.empty() ? "ok" : "degraded");
    entry(out, "version", host_name);
    entry(out, "uptime_ms", age_ms(services.started_ns));
    out.string("refused_plugins");
    out.array(snapshot->refused.size());
    for (const RefusedPlugin& refused : snapshot->refused) {
        out.map(2);
        entry(out, "file", refused.file);
        entry(out, "reason", refused.reason);
    }
}

void report_sessions(const Services& services, wire::Out& out) {
    const auto sessions = services.sessions.all();
    out.array(sessions.size());
    for (const SessionPtr& session : sessions) {
        out.map(8);
        entry(out, "session", session->id());
        entry(out, "principal", session->principal().name);
        entry(out, "client", session->client());
        entry(out, "connections", session->connections);
        entry(out, "references", session->references());
        entry(out, "calls", session->calls);
        entry(out, "waiting", session->waiting);
        entry(out, "age_ms", age_ms(session->created_ns()));
    }
}

void report_plugins(const Services& services, wire::Out& out) {
    const auto snapshot = services.registry.snapshot();
    std::unordered_map<const Plugin*, std::uint64_t> objects;
    for (const ObjectPtr& object : services.objects.all()) ++objects[object->type().plugin];
    out.array(snapshot->plugins.size() + snapshot->refused.size());
    for (const Plugin* plugin : snapshot->plugins) {
        out.map(6);
        entry(out, "name", plugin->name());
        entry(out, "version", plugin->version());
        entry(out, "file", plugin->file());
        entry(out, "state", "loaded");
        out.string("types");
        out.array(plugin->types().size());
        for (const TypePtr& type : plugin->types()) out.string(type->type_id);
        entry(out, "objects", objects[plugin]);
    }
    for (const RefusedPlugin& refused : snapshot->refused) {
        out.map(3);
        entry(out, "file", refused.file);
        entry(out, "state", "refused");
        entry(out, "reason", refused.reason);
    }
}

}  // namespace soho::host
