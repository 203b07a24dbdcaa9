#pragma once
// What each file of the plugin registers.

#include <soho/plugin.hpp>

namespace shared {

void add_iterator(soho::Plugin& plugin);
void add_list(soho::Plugin& plugin);
void add_dict(soho::Plugin& plugin);
void add_set(soho::Plugin& plugin);

}  // namespace shared
