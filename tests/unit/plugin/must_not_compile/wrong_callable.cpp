// soho: a callable returns T, std::unique_ptr<T> or std::shared_ptr<T>
#include <soho/plugin.hpp>

struct Item {
    int number = 0;
};
struct Shop {
    Item item;
};

SOHO_PLUGIN(shop, "1.0", plugin) {
    plugin.type<Item>("Item");
    plugin.type<Shop>("Shop").callable([] { return 5; });
}
