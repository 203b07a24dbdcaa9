// Dies before it has registered anything.
#include <soho/plugin.hpp>

#include <csignal>

SOHO_PLUGIN(crash_in_load, "1.0", plugin) {
    static_cast<void>(plugin);
    std::raise(SIGSEGV);
}
