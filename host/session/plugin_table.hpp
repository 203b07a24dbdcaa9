#pragma once
// The host's table for plugins (soho_host in abi.h). What concerns a running call or a pending reply is host/object's; the
// rest is here: references, calls on other objects, timers, sessions' ends, logs.

#include "host/session/services.hpp"

namespace soho::host {

// `services` is filled in later, but must be before a plugin is loaded.
HostTable plugin_table(Services* services);

std::shared_ptr<PluginTimers> make_plugin_timers();
// All that the plugin started: it has been stopped.
void cancel_timers(Services& services, const Plugin& plugin);

// Once it is loaded: in its log, that it may know none of the settings that the config gives it.
void warn_of_unread_settings(const Plugin& plugin, Log& log);

// Makes what a plugin publishes at load. Runs the callable on this thread or waits for it; fails with a sentence.
// Kept in mind: see republish().
Result<void> publish_at_load(Services& services, const TypePtr& type, std::string_view name, std::string_view args,
                             const std::string& principal);

// What was published at load of that plugin's types, anew: its objects have gone with their worker. On the pool; failures are logged.
void republish(Services& services, const Plugin& plugin);

}  // namespace soho::host
