#pragma once
// What each file of the plugin registers.

#include <soho/plugin.hpp>

namespace sync {

}  // namespace sync
