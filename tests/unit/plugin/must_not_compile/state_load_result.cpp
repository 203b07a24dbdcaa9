// soho: load returns T, std::unique_ptr<T> or std::shared_ptr<T>
#include <soho/plugin.hpp>

struct Item {
    int number = 0;
    int get() { return number; }
};

SOHO_PLUGIN(shop, "1.0", plugin) {
    plugin.type<Item>("Item").state(
        1, [](const Item& item) { return item.number; }, [](int number) { return number; });
}
