// Returns an object of a class with two typeids, and does not say which.
#include <soho/plugin.hpp>

namespace {
struct Item {};
struct Shop {
    Item item() const { return {}; }
};
}  // namespace

SOHO_PLUGIN(ambiguous_result, "1.0", plugin) {
    plugin.methods<Shop>().method("item", &Shop::item);
    plugin.type<Item>("Item");
    plugin.type<Item>("OtherItem");
    plugin.type<Shop>("Shop");
}
