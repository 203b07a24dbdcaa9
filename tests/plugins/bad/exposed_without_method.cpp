// Exposes a method that the class does not have.
#include <soho/plugin.hpp>

namespace {
struct Counter {
    int get() const { return 0; }
};
}  // namespace

SOHO_PLUGIN(exposed_without_method, "1.0", plugin) {
    plugin.methods<Counter>().method("get", &Counter::get);
    plugin.type<Counter>("Counter").exposed({"get", "gte"});
}
