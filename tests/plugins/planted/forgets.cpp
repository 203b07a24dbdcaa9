// Objects that are not what they were when they have been saved and loaded again, each in its own way.
#include <soho/plugin.hpp>

#include <utility>

namespace {

struct Numbers {
    std::int64_t x = 0, y = 0;
    void set(std::int64_t new_x, std::int64_t new_y) {
        x = new_x;
        y = new_y;
    }
    std::int64_t sum() const { return x ^ y; }
};
using Both = std::pair<std::int64_t, std::int64_t>;

Both save(const Numbers& numbers) { return {numbers.x, numbers.y}; }
Numbers load(Both both) { return {both.first, both.second}; }

struct LosesY : Numbers {};
struct NotSaved : Numbers {};
struct NotLoaded : Numbers {};
struct Changes : Numbers {
    mutable std::int64_t saved = 0;
};
struct Crashes : Numbers {};
struct Whole : Numbers {};

template <class T>
soho::Type<T> add(soho::Plugin& plugin, const char* type_id) {
    plugin.methods<T>().method("set", &T::set).args("x", "y").method("sum", &T::sum).readonly();
    return plugin.type<T>(type_id);
}

template <class T>
T made(const Numbers& numbers) {
    T object;
    object.set(numbers.x, numbers.y);
    return object;
}

}  // namespace

SOHO_PLUGIN(forgets, "1.0", plugin) {
    add<LosesY>(plugin, "LosesY").state(1, save, [](Both both) { return made<LosesY>(load({both.first, 0})); });
    add<NotSaved>(plugin, "NotSaved")
        .state(
            1,
            [](const NotSaved& numbers) {
                if (numbers.x != 0) throw std::runtime_error("x cannot be saved");
                return save(numbers);
            },
            [](Both both) { return made<NotSaved>(load(both)); });
    add<NotLoaded>(plugin, "NotLoaded").state(1, save, [](std::tuple<std::int64_t, std::int64_t, bool> all) {
        return made<NotLoaded>({std::get<0>(all), std::get<1>(all)});
    });
    add<Changes>(plugin, "Changes")
        .state(
            1, [](const Changes& numbers) { return std::pair(++numbers.saved, numbers.x); },
            [](Both both) { return made<Changes>(load(both)); });
    add<Crashes>(plugin, "Crashes").state(1, save, [](Both both) {
        if (both.second != 0) *static_cast<volatile int*>(nullptr) = 0;
        return made<Crashes>(load(both));
    });
    add<Whole>(plugin, "Whole").state(1, save, [](Both both) { return made<Whole>(load(both)); });
}
