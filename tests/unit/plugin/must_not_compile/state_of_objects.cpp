// soho: this type cannot be a state: a struct with MSGPACK_DEFINE, a tuple and a soho::Value can
#include <soho/plugin.hpp>

struct Item {
    int number = 0;
    int get() { return number; }
};

SOHO_PLUGIN(shop, "1.0", plugin) {
    plugin.type<Item>("Item").state(
        1, [](const Item& item) { return item.number; }, [](std::shared_ptr<Item> item) { return item; });
}
