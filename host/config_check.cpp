#include "host/config_check.hpp"

#include "host/registry/library.hpp"
#include "host/registry/registry.hpp"
#include "host/registry/suggest.hpp"
#include "host/server/security.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>

namespace soho::host {

namespace {

using Faults = std::vector<std::string>;

void check_security(const ServerOptions& options, Faults& faults) {
    const auto security = read_security(options.security);
    if (!security) faults.push_back(security.error().text);
    std::vector<ListenerOptions> listeners = options.listeners;
    if (listeners.empty()) listeners.push_back(options.listener_at(wire::user_address()));
    for (const ListenerOptions& listener : listeners) {
        const auto enough = security ? Listener::check_logins(listener, security->logins) : Result<void>();
        if (!enough) faults.push_back(fmt::format("cannot listen on {}: {}", listener.address, enough.error().text));
        const std::string& group = listener.socket_group;
        const bool is_unix = wire::parse_address(listener.address)->transport == wire::Address::Transport::unix_socket;
        if (is_unix && !group.empty() && ::getgrnam(group.c_str()) == nullptr)
            faults.push_back(fmt::format("cannot listen on {}: there is no group \"{}\"", listener.address, group));
    }
}

std::vector<std::string> files_of(const Options& options, Faults& faults) {
    std::vector<std::string> files = options.plugin_files;
    for (const std::string& folder : options.plugin_folders) {
        const auto more = plugin_files(folder);
        if (more) {
            files.insert(files.end(), more->begin(), more->end());
        } else {
            faults.push_back(more.error().text);
        }
    }
    return files;
}

void check_plugins(const Options& options, Faults& faults) {
    std::vector<std::string> names;
    for (const std::string& file : files_of(options, faults)) {
        const auto note = check_library(file);
        const std::string name = note ? note->name : name_in(file);
        if (!note) faults.push_back("plugin " + note.error().text);
        if (note && std::find(names.begin(), names.end(), name) != names.end())
            faults.push_back(fmt::format("plugin {}: another one is named \"{}\", too", file, name));
        names.push_back(name);
    }
    for (const Absent& absent : absent_plugins(options, {names.begin(), names.end()})) faults.push_back(absent.text);
}

void check_paths(const Options& options, Faults& faults) {
    for (const auto& entry : options.plugins) {  // clang 14 captures no structured bindings
        const auto check = [&](std::string_view key, const std::optional<Paths>& paths) {
            for (const std::string& path : paths.value_or(Paths())) {
                if (::access(path.c_str(), F_OK) == 0) continue;
                faults.push_back(fmt::format("[plugin.{}]: {} names {}: {}: make it, or take it out", entry.first, key,
                                             path, std::strerror(errno)));
            }
        };
        check("worker_read_paths", entry.second.confinement.read_paths);
        check("worker_write_paths", entry.second.confinement.write_paths);
    }
}

}  // namespace

std::string name_in(const std::string& plugin_file) {
    const int descriptor = ::open(plugin_file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return {};
    const auto note = read_note(descriptor);
    ::close(descriptor);
    return note ? note->name : std::string();
}

std::vector<Absent> absent_plugins(const Options& options, const std::vector<std::string_view>& names) {
    std::vector<Absent> absent;
    const auto is_there = [&](std::string_view name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    for (const auto& [name, plugin] : options.plugins) {
        if (is_there(name)) continue;
        absent.push_back({fmt::format("the config has [plugin.{}], but there is no plugin of that name{}", name,
                                      suggestion(name, names)),
                          options.is_isolated(name, plugin)});
    }
    for (const std::string& name : options.isolate) {
        if (is_there(name) || options.plugins.contains(name)) continue;
        absent.push_back(
            {fmt::format("isolate names \"{}\", but there is no plugin of that name{}", name, suggestion(name, names)),
             true});
    }
    return absent;
}

std::vector<std::string> faults_of(const Options& options) {
    Faults faults;
    check_security(options.server, faults);
    check_plugins(options, faults);
    check_paths(options, faults);
    return faults;
}

}  // namespace soho::host
