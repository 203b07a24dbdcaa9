// soho: the host keeps objects of classes
#include <soho/plugin.hpp>

struct Item {
    int number = 0;
};
struct Shop {
    Item item;
};

SOHO_PLUGIN(shop, "1.0", plugin) {
    plugin.type<Item>("Item");
    plugin.type<std::string>("str");
}
