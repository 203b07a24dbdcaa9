// soho: what load takes behind the state is its version, a std::uint32_t
#include <soho/plugin.hpp>

struct Item {
    int number = 0;
    int get() { return number; }
};

SOHO_PLUGIN(shop, "1.0", plugin) {
    plugin.type<Item>("Item").state(
        1, [](const Item& item) { return item.number; }, [](int number, std::string) { return Item{number}; });
}
