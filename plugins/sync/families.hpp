#pragma once
// What each file of the plugin registers.

#include <soho/plugin.hpp>

namespace shared {

}  // namespace shared
