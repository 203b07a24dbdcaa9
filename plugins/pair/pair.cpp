// The tutorial: a class becomes a service.
//
// Build it with soho_add_plugin(pair SOURCES pair.cpp), start `sohod --plugin pair.so`, and try:
//
//     soho call pair get_x
//     soho call pair set_x 7
//     soho create --as mine Pair 1 2

// [plugin include]
#include <soho/plugin.hpp>
// [plugin include end]

#include <cstdint>
#include <memory>
#include <tuple>

namespace {

// [plugin class]
// An ordinary class. It knows nothing of soho, and needs no lock: calls on one object run one at a time.
class Pair {
public:
    Pair(std::int64_t x, std::int64_t y) : x_(x), y_(y) {}

    std::int64_t get_x() const { return x_; }
    std::int64_t get_y() const { return y_; }
    void set_x(std::int64_t x) { x_ = x; }
    void set_y(std::int64_t y) { y_ = y; }

private:
    std::int64_t x_, y_;
};
// [plugin class end]

// What a Pair is made of, and a Pair made of that: so it lives on when the plugin is reloaded as another version.
using PairState = std::tuple<std::int64_t, std::int64_t>;
PairState save(const Pair& pair) { return {pair.get_x(), pair.get_y()}; }
Pair load(PairState state) { return std::make_from_tuple<Pair>(state); }

}  // namespace

// Runs once, when the host loads the plugin. If it throws, or if something in it does not fit together, the host refuses the
// whole plugin and says why.
// [plugin]
SOHO_PLUGIN(pair, "1.0", plugin) {
    // Made once. Whoever asks for a get_pair gets this one.
    auto shared = std::make_shared<Pair>(5, 6);

    // The methods of a class are registered once. The names of arguments let callers write set_x(x=7).
    plugin.methods<Pair>()
        .method("get_x", &Pair::get_x).readonly().method("set_x", &Pair::set_x).args("x")
        .method("get_y", &Pair::get_y).readonly().method("set_y", &Pair::set_y).args("y");

    // "Pair": each create makes a new object, from two integers.
    plugin.type<Pair>("Pair").constructor<std::int64_t, std::int64_t>().args("x", "y").version(1, 0).state(1, save, load);

    // "get_pair": a callable that returns the same shared_ptr gives every client the same object.
    // So does what is loaded in its place, when the plugin is reloaded.
    const auto load_shared = [shared](PairState state) {
        *shared = load(state);
        return shared;
    };
    plugin.type<Pair>("get_pair").callable([shared] { return shared; }).state(1, save, load_shared);

    // "get_pair_ro": the very same Pair again, but through this typeid only get_x can be called.
    plugin.type<Pair>("get_pair_ro").callable([shared] { return shared; }).exposed({"get_x"}).state(1, save, load_shared);

    // Clients find it by name, without creating anything.
    plugin.publish("pair", "get_pair");
}
// [plugin end]
