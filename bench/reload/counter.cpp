// The plugin that soho_reload reloads, in two versions: reload_counter_1.so and reload_counter_2.so.
#include <soho/plugin.hpp>

extern "C" const int soho_bench_version;  // version.c

namespace {

struct Counter {
    std::int64_t value = 0;

    std::int64_t add(std::int64_t by) { return value += by; }
    std::int64_t get() const { return value; }
    int version() const { return soho_bench_version; }
};

}  // namespace

SOHO_PLUGIN(reload_counter, "1.0", plugin) {
    plugin.methods<Counter>()
        .method("add", &Counter::add)
        .args("by")
        .method("get", &Counter::get)
        .method("version", &Counter::version);
    plugin.type<Counter>("Counter").state(1, &Counter::get, [](std::int64_t value) { return Counter{value}; });
}
