// soho: load makes its object at once: it takes no soho::Reply
#include <soho/plugin.hpp>

struct Item {
    int number = 0;
    int get() { return number; }
};

SOHO_PLUGIN(shop, "1.0", plugin) {
    plugin.type<Item>("Item").state(
        1, [](const Item& item) { return item.number; },
        [](soho::Reply<Item> reply, int number) { reply.complete(Item{number}); });
}
