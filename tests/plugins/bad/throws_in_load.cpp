// Cannot start, and says so.
#include <soho/plugin.hpp>

SOHO_PLUGIN(throws_in_load, "1.0", plugin) {
    static_cast<void>(plugin);
    throw std::runtime_error("no such device: /dev/soho-test");
}
