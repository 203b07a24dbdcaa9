// soho: save is a const member function of the class, or takes the object as it is: (const T&)
#include <soho/plugin.hpp>

struct Item {
    int number = 0;
    int get() { return number; }
};

SOHO_PLUGIN(shop, "1.0", plugin) {
    plugin.type<Item>("Item").state(1, &Item::get, [](int number) { return Item{number}; });
}
