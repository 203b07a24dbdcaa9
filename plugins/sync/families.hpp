#pragma once
// What each file of the plugin registers.

#include <soho/plugin.hpp>

namespace shared {

void add_iterator(soho::Plugin& plugin);
void add_list(soho::Plugin& plugin);
void add_dict(soho::Plugin& plugin);
void add_set(soho::Plugin& plugin);
void add_deque(soho::Plugin& plugin);
void add_namespace(soho::Plugin& plugin);
void add_value(soho::Plugin& plugin);
void add_array(soho::Plugin& plugin);
void add_queues(soho::Plugin& plugin);
void add_event(soho::Plugin& plugin);
void add_locks(soho::Plugin& plugin);
void add_semaphores(soho::Plugin& plugin);
void add_condition(soho::Plugin& plugin);
void add_barrier(soho::Plugin& plugin);

}  // namespace shared
