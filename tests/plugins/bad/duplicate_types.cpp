// Registers one typeid twice.
#include <soho/plugin.hpp>

namespace {
struct First {};
struct Second {};
}  // namespace

SOHO_PLUGIN(duplicate_types, "1.0", plugin) {
    plugin.type<First>("Twice");
    plugin.type<Second>("Twice");
}
