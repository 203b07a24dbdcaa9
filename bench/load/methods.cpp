// Types with 1, 10, 100 and 1,000 methods.
#include <soho/plugin.hpp>

#include <cstdint>
#include <string>

namespace {

template <int count>
struct Methods {
    std::int64_t value = 5;
};

template <int count>
void add(soho::Plugin& plugin) {
    auto methods = plugin.methods<Methods<count>>();
    for (int i = 0; i < count; ++i)
        methods.method("method_" + std::to_string(i), [](const Methods<count>& of) { return of.value; });
    plugin.type<Methods<count>>("Methods" + std::to_string(count)).template constructor<>();
}

}  // namespace

SOHO_PLUGIN(methods, "1.0", plugin) {
    add<1>(plugin);
    add<10>(plugin);
    add<100>(plugin);
    add<1000>(plugin);
}
