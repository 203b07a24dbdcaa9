#include "host/session/report.hpp"

#include "host/registry/plugin.hpp"
#include "host/session/hello.hpp"
#include "host/session/link.hpp"
#include "host/session/measure.hpp"
#include "host/session/rights.hpp"

#include <fmt/format.h>
#include <algorithm>
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

void write_callee(const CalleeCounts& callee, wire::Out& out) {
    out.map(6);
    entry(out, "type", callee.type->type_id);
    entry(out, "method", callee.method);
    entry(out, "calls", callee.counts.calls);
    entry(out, "errors", callee.counts.errors);
    entry(out, "total_us", callee.counts.ns / 1000);
    out.string("latency");
    const auto& latency = callee.counts.latency;
    out.array(static_cast<std::size_t>(
        std::count_if(latency.begin(), latency.end(), [](std::uint64_t count) { return count != 0; })));
    for (std::size_t i = 0; i < latency.size(); ++i) {
        if (latency[i] == 0) continue;
        out.array(2);
        out.floating(static_cast<double>(LatencyBuckets::bound_of(i)) / 1000);
        out.unsigned_integer(latency[i]);
    }
}

void write_paths(std::string_view key, const std::optional<Paths>& paths, wire::Out& out) {
    out.string(key);
    if (!paths) return out.nil();
    out.array(paths->size());
    for (const std::string& path : *paths) out.string(path);
}

// As it is in force: one list of paths alone empties the other.
void write_confinement(const Confinement& confinement, wire::Out& out) {
    const std::optional<Paths> others = confinement.confines_paths() ? std::optional<Paths>(Paths()) : std::nullopt;
    entry(out, "syscalls", confinement.syscalls);
    write_paths("read_paths", confinement.read_paths ? confinement.read_paths : others, out);
    write_paths("write_paths", confinement.write_paths ? confinement.write_paths : others, out);
}

void write_workers(const std::vector<WorkerReport>& workers, wire::Out& out) {
    out.string("workers");
    out.array(workers.size());
    for (const WorkerReport& worker : workers) {
        out.map(11);
        entry(out, "plugin", worker.plugin);
        entry(out, "state", worker.state);
        entry(out, "process", worker.process);
        entry(out, "starts", worker.starts);
        entry(out, "deaths", worker.deaths);
        entry(out, "last_death", worker.last_death);
        entry(out, "next_start_ms", worker.next_start_ms);
        entry(out, "memory_bytes", worker.memory_bytes);
        write_confinement(worker.confinement, out);
    }
}

// In the order of the generations; what belongs to none before is the one's that serves.
std::vector<std::vector<std::uint64_t>> objects_by_generation(const Plugin& plugin, const PluginLife& life,
                                                              const std::vector<ObjectPtr>& objects) {
    const auto& all = life.generations;
    std::vector<std::vector<std::uint64_t>> found(std::max<std::size_t>(all.size(), 1));
    const auto serving =
        std::find_if(all.begin(), all.end(), [](const GenerationReport& each) { return each.state == "serving"; });
    for (const ObjectPtr& object : objects) {
        const Plugin* const of = object->type().plugin;
        if (of->name() != plugin.name()) continue;
        auto at = std::find_if(all.begin(), all.end(), [&](const GenerationReport& each) {
            return each.plugin == of || (each.link != nullptr && each.link->has(*object));
        });
        if (at == all.end()) at = serving;
        found[at == all.end() ? 0 : static_cast<std::size_t>(at - all.begin())].push_back(object->id());
    }
    return found;
}

// Who holds the objects, each once; the first of them, and how many there are besides.
void write_holders(const std::vector<std::uint64_t>& objects, const Holders& holders, wire::Out& out) {
    constexpr std::size_t shown_max = 20;
    std::vector<std::string> texts;
    for (const std::uint64_t id : objects) {
        const auto found = holders.of.find(id);
        if (found == holders.of.end()) {
            texts.emplace_back("a call");
        } else {
            texts.insert(texts.end(), found->second.begin(), found->second.end());
        }
    }
    std::sort(texts.begin(), texts.end());
    texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
    if (texts.size() > shown_max) {
        const std::string more = fmt::format("{} more", texts.size() - shown_max);
        texts.resize(shown_max);
        texts.push_back(more);
    }
    out.string("holders");
    out.array(texts.size());
    for (const std::string& text : texts) out.string(text);
}

void write_generation(const GenerationReport& generation, const std::vector<std::uint64_t>& objects,
                      const Holders* holders, wire::Out& out) {
    out.map(9 + (holders != nullptr) + !generation.why.empty());
    entry(out, "generation", generation.number);
    entry(out, "state", generation.state);
    entry(out, "version", generation.version);
    entry(out, "file", generation.file);
    entry(out, "copy", generation.copy);
    entry(out, "sha256", generation.sha256);
    entry(out, "age_ms", age_ms(generation.loaded_ns));
    entry(out, "mapped_bytes", generation.mapped_bytes);
    entry(out, "objects", objects.size());
    if (holders != nullptr) write_holders(objects, *holders, out);
    if (!generation.why.empty()) entry(out, "why", generation.why);
}

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
        const bool lost = object->lost;
        out.map(8 + lost);
        entry(out, "id", object->id());
        entry(out, "type", object->type().type_id);
        entry(out, "references", references == holders.references.end() ? 0 : references->second);
        entry(out, "bytes", object->bytes.used());
        entry(out, "calls", object->calls);
        entry(out, "age_ms", age_ms(object->created_ns()));
        holders.write(out, "names", holders.names, object->id());
        holders.write(out, "holders", holders.of, object->id());
        if (!lost) continue;
        out.string("lost");
        out.boolean(true);
    }
}

void report_stats(const Services& services, Caller& caller, bool methods, wire::Out& out) {
    const Gauges gauges = measure(services);
    const auto workers = services.workers();
    out.map(gauges.numbers.size() + 2 + !workers.empty() + methods);
    for (const Gauges::Number& number : gauges.numbers) entry(out, number.name, number.value);
    out.string("limits_hit");
    out.map(gauges.limits_hit.size());
    for (const auto& [limit, count] : gauges.limits_hit) entry(out, limit, count);
    out.string("stuck_calls");
    out.map(gauges.stuck_calls.size());
    for (const auto& [method, count] : gauges.stuck_calls) entry(out, method, count);
    if (!workers.empty()) write_workers(workers, out);
    if (!methods) return;
    out.string("methods");
    auto callees = count_calls(services);
    std::erase_if(callees, [&](const CalleeCounts& callee) { return !may_know(caller, *callee.type); });
    out.array(callees.size());
    for (const CalleeCounts& callee : callees) write_callee(callee, out);
}

void report_health(const Services& services, wire::Out& out) {
    const auto snapshot = services.registry.snapshot();
    auto absent = services.workers();
    const std::string_view status = health_of(services, absent);
    std::erase_if(absent, runs);
    out.map(5);
    entry(out, "status", status);
    entry(out, "version", host_name);
    entry(out, "uptime_ms", age_ms(services.started_ns));
    out.string("refused_plugins");
    out.array(snapshot->refused.size());
    for (const RefusedPlugin& refused : snapshot->refused) {
        out.map(2);
        entry(out, "file", refused.file);
        entry(out, "reason", refused.reason);
    }
    out.string("absent_workers");
    out.array(absent.size());
    for (const WorkerReport& worker : absent) {
        out.map(4);
        entry(out, "plugin", worker.plugin);
        entry(out, "state", worker.state);
        entry(out, "last_death", worker.last_death);
        entry(out, "next_start_ms", worker.next_start_ms);
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

void report_reloaded(const PluginReloaded& reloaded, wire::Out& out) {
    const bool has_failed = reloaded.status == "failed";
    out.map(has_failed ? 3 : 10);
    entry(out, "plugin", reloaded.plugin);
    entry(out, "status", reloaded.status);
    if (has_failed) return entry(out, "reason", reloaded.error.text);
    entry(out, "version", reloaded.version);
    entry(out, "version_before", reloaded.before);
    entry(out, "generation", reloaded.generation);
    entry(out, "objects_left", reloaded.objects_left);
    entry(out, "objects_moved", reloaded.objects_moved);
    entry(out, "why_left", reloaded.why_left);
    entry(out, "longest_pause_us", reloaded.longest_pause_us);
    entry(out, "took_us", reloaded.took_us);
}

void report_plugins(const Services& services, wire::Out& out) {
    const auto snapshot = services.registry.snapshot();
    const auto objects = services.objects.all();
    std::unordered_map<std::string, WorkerReport> workers;
    for (WorkerReport& worker : services.workers()) {
        if (worker.state != "draining") workers.insert_or_assign(worker.plugin, std::move(worker));
    }
    std::unique_ptr<const Holders> holders;  // looked for where a generation before has objects
    out.array(snapshot->plugins.size() + snapshot->refused.size());
    for (const Plugin* plugin : snapshot->plugins) {
        const PluginLife life = services.life_of_plugin(plugin->name());
        const auto of = objects_by_generation(*plugin, life, objects);
        std::uint64_t all = 0;
        for (const auto& each : of) all += each.size();
        const auto worker = workers.find(plugin->name());
        out.map(6 + (worker != workers.end() ? 1 : 0) + (life.generations.empty() ? 0 : 5));
        entry(out, "name", plugin->name());
        entry(out, "version", plugin->version());
        entry(out, "file", plugin->file());
        entry(out, "state", "loaded");
        out.string("types");
        out.array(plugin->types().size());
        for (const TypePtr& type : plugin->types()) out.string(type->type_id);
        entry(out, "objects", all);
        if (worker != workers.end()) {
            out.string("worker");
            out.map(4);
            entry(out, "state", worker->second.state);
            write_confinement(worker->second.confinement, out);
        }
        if (life.generations.empty()) continue;
        const auto serving = std::find_if(life.generations.begin(), life.generations.end(),
                                          [](const GenerationReport& each) { return each.state == "serving"; });
        entry(out, "isolation", life.isolated ? "worker" : "none");
        entry(out, "generation", serving != life.generations.end() ? serving->number : 0);
        entry(out, "reloads", life.reloads);
        entry(out, "last_failure", life.last_failure);
        out.string("generations");
        out.array(life.generations.size());
        for (std::size_t i = 0; i < life.generations.size(); ++i) {
            const GenerationReport& generation = life.generations[i];
            const bool before = generation.state != "serving" && !of[i].empty();
            if (before && holders == nullptr) holders = std::make_unique<Holders>(services, Principal());
            write_generation(generation, of[i], before ? holders.get() : nullptr, out);
        }
    }
    for (const RefusedPlugin& refused : snapshot->refused) {
        out.map(3);
        entry(out, "file", refused.file);
        entry(out, "state", "refused");
        entry(out, "reason", refused.reason);
    }
}

}  // namespace soho::host
