// What Python's SyncManager shares, for every language: containers, queues and locks. Nothing in here waits on a thread.

#include "families.hpp"

SOHO_PLUGIN(sync, "1.0", plugin) {
    shared::add_iterator(plugin);
    shared::add_list(plugin);
    shared::add_dict(plugin);
    shared::add_set(plugin);
    shared::add_deque(plugin);
    shared::add_namespace(plugin);
    shared::add_value(plugin);
    shared::add_array(plugin);
    shared::add_queues(plugin);
    shared::add_event(plugin);
    shared::add_locks(plugin);
    shared::add_semaphores(plugin);
    shared::add_condition(plugin);
    shared::add_barrier(plugin);
}
