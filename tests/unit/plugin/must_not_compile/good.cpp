// compiles
#include <soho/plugin.hpp>

struct Item {
    int number = 0;
};
struct Shop {
    Item item;
};

SOHO_PLUGIN(shop, "1.0", plugin) {
    plugin.type<Item>("Item").state(
        1, [](const Item& item) { return item.number; }, [](int number) { return Item{number}; });
    plugin.methods<Shop>().method("item", [](Shop& shop, Item&) { return Item(shop.item); });
}
