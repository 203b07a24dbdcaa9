#pragma once
// What sohod says on its standard output once it serves: where, and three commands to try.

#include "host/server/server.hpp"

namespace soho::host {

void greet(Server& server);

}  // namespace soho::host
