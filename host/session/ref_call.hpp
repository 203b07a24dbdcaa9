#pragma once
// Calls of plugins on other hosted objects: never on the caller's stack, with the origin, the owner and the deadline of the call
// that led to them, and refused at once where waiting could never end (RULES 7).

#include "host/registry/plugin.hpp"
#include "host/session/services.hpp"

namespace soho::host {

void start_ref_call(Services& services, Plugin& plugin, const soho_ref_call& given);

}  // namespace soho::host
