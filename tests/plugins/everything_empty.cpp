// The edges of registration: no methods at all, methods that nobody may call, names that start with an underscore.
#include <soho/plugin.hpp>

namespace {

struct Nothing {};
struct Closed {
    int get() const { return 1; }
};
struct Private {
    int _get() const { return 1; }
};

}  // namespace

SOHO_PLUGIN(everything_empty, "0", plugin) {
    plugin.methods<Closed>().method("get", &Closed::get);
    plugin.methods<Private>().method("_get", &Private::_get);
    plugin.type<Nothing>("Nothing");
    plugin.type<Closed>("Closed").exposed({});
    plugin.type<Private>("Private");
    plugin.type<Private>("PrivateOpen").exposed({"_get"});
}
