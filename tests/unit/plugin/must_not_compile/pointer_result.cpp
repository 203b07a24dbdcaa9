// soho: a method cannot return a plain pointer
#include <soho/plugin.hpp>

struct Item {
    int number = 0;
};
struct Shop {
    Item item;
};

SOHO_PLUGIN(shop, "1.0", plugin) {
    plugin.type<Item>("Item");
    plugin.methods<Shop>().method("item", [](Shop& shop) { return &shop.item; });
}
