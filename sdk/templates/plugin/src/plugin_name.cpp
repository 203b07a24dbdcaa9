// What clients see of PluginClass: its names, its arguments, its documentation.
#include "plugin_name.hpp"

SOHO_PLUGIN(plugin_name, "0.1", plugin) {
    plugin.methods<PluginClass>()
        .method("value", &PluginClass::value)
        .readonly()
        .doc("The sum up to now.")
        .method("add", &PluginClass::add)
        .args("n"_a = 1)
        .doc("Adds n, and returns the sum.");

    plugin.type<PluginClass>("PluginClass")
        .constructor<std::int64_t>()
        .args("start"_a = 0)
        .version(1, 0)
        .doc("A counter.");
}
