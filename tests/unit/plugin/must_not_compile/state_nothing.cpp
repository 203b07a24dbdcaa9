// soho: save returns the state, and this returns nothing
#include <soho/plugin.hpp>

struct Item {
    int number = 0;
    int get() { return number; }
};

SOHO_PLUGIN(shop, "1.0", plugin) {
    plugin.type<Item>("Item").state(
        1, [](const Item&) {}, [](int number) { return Item{number}; });
}
