// soho: this type cannot be a state: give it MSGPACK_DEFINE, or return a tuple or a soho::Value
#include <soho/plugin.hpp>

struct Item {
    int number = 0;
    int get() { return number; }
};

SOHO_PLUGIN(shop, "1.0", plugin) {
    plugin.type<Item>("Item").state(
        1, [](const Item& item) { return item; }, [](int number) { return Item{number}; });
}
