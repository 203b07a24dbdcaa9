#include "host/reload.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

namespace soho::host {

namespace {

using Differences = std::vector<Difference>;

// Of a section, in two things that it can be set in.
void compare(const Section& section, const std::string& title, Owner before, Owner after, Differences& found) {
    for (const Setting& setting : settings()) {
        if (setting.section != section.name || setting.get(before) == setting.get(after)) continue;
        found.push_back({title.empty() ? setting.name() : fmt::format("{}.{}", title, setting.key), setting.live});
    }
}

// Of tables that have names; one that is not there says nothing.
template <class Table>
void compare_named(const Section& section, const std::map<std::string, Table, std::less<>>& before,
                   const std::map<std::string, Table, std::less<>>& after, Differences& found) {
    std::set<std::string> names;
    for (const auto& [name, table] : before) names.insert(name);
    for (const auto& [name, table] : after) names.insert(name);
    for (const std::string& name : names) {
        const auto in = [&](const auto& tables) {
            const auto at = tables.find(name);
            return at == tables.end() ? Table() : at->second;
        };
        Table one = in(before), other = in(after);
        compare(section, fmt::format("{}.{}", section.name, name), &one, &other, found);
    }
}

// What the tables say themselves, by address.
std::map<std::string, ListenerOptions> listeners_of(const Options& options) {
    std::map<std::string, ListenerOptions> listeners;
    for (const ListenerTable& table : options.listener_tables) {
        ListenerOptions listener;
        for (const auto& [setting, value] : table) setting->set(&listener, value);
        listeners.emplace(listener.address, listener);
    }
    return listeners;
}

void compare_listeners(const Section& section, const Options& before, const Options& after, Differences& found) {
    auto ones = listeners_of(before), others = listeners_of(after);
    for (auto& [address, one] : ones) {
        const std::string title = fmt::format("{} {}", section.name, address);
        const auto other = others.find(address);
        if (other == others.end()) {
            found.push_back({title, false});
        } else {
            compare(section, title, &one, &other->second, found);
        }
    }
    for (const auto& [address, other] : others) {
        if (!ones.contains(address)) found.push_back({fmt::format("{} {}", section.name, address), false});
    }
}

std::vector<std::string> names_of(const Differences& differences, bool live) {
    std::vector<std::string> names;
    for (const Difference& difference : differences) {
        if (difference.live == live) names.push_back(difference.name);
    }
    return names;
}

}  // namespace

std::vector<Difference> differences(Options before, Options after) {
    Differences found;
    for (const Section& section : sections()) {
        if (section.name == "principal") {
            compare_named(section, before.server.principals, after.server.principals, found);
        } else if (section.name == "plugin") {
            compare_named(section, before.plugins, after.plugins, found);
        } else if (section.name == "listener") {
            compare_listeners(section, before, after, found);
        } else if (section.name == "access") {
            if (before.access_tables != after.access_tables) found.push_back({"access", true});
        } else {
            compare(section, "", &before, &after, found);
        }
    }
    return found;
}

Result<Reloaded> Reloading::reload() {
    const std::scoped_lock lock(mutex_);
    auto reloaded = apply();
    if (!reloaded) {
        log_.host.error("the config was not reloaded, all is as it was: {}", reloaded.error().text);
        return reloaded;
    }
    log_.host.info("the config was reloaded; changed: {}",
                   reloaded->changed.empty() ? "nothing" : fmt::format("{}", fmt::join(reloaded->changed, ", ")));
    if (!reloaded->needs_restart.empty())
        log_.host.warn("these take a restart, and are as they were: {}", fmt::join(reloaded->needs_restart, ", "));
    return reloaded;
}

// Files that settings name are read again, too, whatever their names.
Result<Reloaded> Reloading::apply() {
    auto read = read_options(line_);
    if (!read) return tl::unexpected<Error>(read.error());
    if (auto applied = server_.apply(read->server); !applied) return tl::unexpected<Error>(applied.error());
    log_.apply(read->log);
    Reloaded reloaded{names_of(differences(applied_, *read), true), names_of(differences(started_, *read), false)};
    applied_ = *std::move(read);
    return reloaded;
}

}  // namespace soho::host
