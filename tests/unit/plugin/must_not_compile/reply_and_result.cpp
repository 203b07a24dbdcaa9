// soho: a method that takes a Reply<T> answers through it, and returns void
#include <soho/plugin.hpp>

struct Item {
    int number = 0;
};
struct Shop {
    Item item;
};

SOHO_PLUGIN(shop, "1.0", plugin) {
    plugin.type<Item>("Item");
    plugin.methods<Shop>().method("item", [](Shop&, soho::Reply<int>) { return 1; });
}
