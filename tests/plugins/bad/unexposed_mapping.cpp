// Maps a method that the type does not expose.
#include <soho/plugin.hpp>

namespace {
struct Number {
    explicit Number(int n = 0) : value(n) {}
    int value;
};
struct List {
    int size() const { return 0; }
};
}  // namespace

SOHO_PLUGIN(unexposed_mapping, "1.0", plugin) {
    plugin.methods<List>().method("size", &List::size);
    plugin.type<Number>("Number").constructor<int>();
    plugin.type<List>("List").exposed({}).method_to_typeid({{"size", "Number"}});
}
