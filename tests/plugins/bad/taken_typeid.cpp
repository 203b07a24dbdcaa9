// Registers a typeid that the kinds plugin has as well: whichever loads later is refused.
#include <soho/plugin.hpp>

namespace {
struct Kinds {};
}  // namespace

SOHO_PLUGIN(taken_typeid, "1.0", plugin) { plugin.type<Kinds>("Kinds"); }
