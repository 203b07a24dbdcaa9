#pragma once
// What a config says against what there is beside it: files, plugins, groups.

#include "host/options.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace soho::host {

// What the file's note calls the plugin, whatever else is wrong with it; empty: nothing.
std::string name_in(const std::string& plugin_file);

// A plugin that the config speaks of, and that is not there.
struct Absent {
    std::string text;  // a sentence
    bool isolated;     // its operator takes it for isolated
};

// Those of [plugin.NAME] and of host.isolate that are not among `names`, of plugins.
std::vector<Absent> absent_plugins(const Options& options, const std::vector<std::string_view>& names);

// What would go wrong at a start, as far as keys, certificates, groups, and the files of plugins tell with nothing started and no code of
// a plugin run: a sentence each.
std::vector<std::string> faults_of(const Options& options);

}  // namespace soho::host
