// What Python's SyncManager shares, for every language: containers, queues and locks. Nothing in here waits on a thread.

#include "families.hpp"

SOHO_PLUGIN(sync, "1.0", plugin) { static_cast<void>(plugin); }
