// Maps a method to a typeid that nobody registered.
#include <soho/plugin.hpp>

namespace {
struct List {
    int size() const { return 0; }
};
}  // namespace

SOHO_PLUGIN(unknown_mapping, "1.0", plugin) {
    plugin.methods<List>().method("size", &List::size);
    plugin.type<List>("List").method_to_typeid({{"size", "Iterator"}});
}
