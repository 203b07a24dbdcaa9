#pragma once
// What sohod was told, by its config and its command line together.

#include "host/registry/plugin.hpp"
#include "host/server/options.hpp"
#include "host/session/log.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace soho::host {

struct Setting;

using TextPairs = std::vector<std::pair<std::string, std::string>>;
// The value of a setting, whatever its kind; nothing: of one that is not as an empty one, and was not set.
using SettingValue =
    std::variant<bool, std::int64_t, std::string, std::vector<std::string>, TextPairs, LimitOverrides, std::monostate>;

// What one [[listener]] says; the rest it has from [host], which may come later.
using ListenerTable = std::vector<std::pair<const Setting*, SettingValue>>;

// One [[access]].
struct AccessTable {
    std::vector<std::string> who, types, names, methods, rights;
    std::string source{};  // FILE:LINE

    bool operator==(const AccessTable&) const = default;
};

struct Options {
    std::vector<std::string> config_files;  // those that were read
    std::vector<std::string> plugin_files;
    std::vector<std::string> plugin_folders;
    std::string copies_folder;         // of plugins that are reloaded; empty: the default
    std::vector<std::string> isolate;  // the names of plugins that run in workers, besides those whose tables say so
    bool strict = false;               // a refused plugin, or a publication that fails, ends the host
    LogOptions log;
    std::map<std::string, PluginOptions, std::less<>> plugins;  // by the plugin's name
    TextPairs publish;                                          // name, typeid

    std::vector<std::string> listen;  // addresses
    ListenerOptions listener;         // of those, and of the tables where they say nothing else
    std::vector<ListenerTable> listener_tables;
    std::vector<AccessTable> access_tables;

    ServerOptions server;  // its listeners and access rules are made of the above by complete()

    // Whether a plugin of that name, and of what the config says of it, runs in a worker.
    bool is_isolated(const std::string& name, const PluginOptions& configured) const {
        return configured.isolation == "worker" || std::find(isolate.begin(), isolate.end(), name) != isolate.end();
    }
};

}  // namespace soho::host
