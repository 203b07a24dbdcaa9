// [plugin]
#include <soho/plugin.hpp>

class Counter {
public:
    explicit Counter(std::int64_t start) : value_(start) {}
    std::int64_t add(std::int64_t by) { return value_ += by; }
    std::int64_t get() const { return value_; }

private:
    std::int64_t value_;
};

SOHO_PLUGIN(counter, "1.0", plugin) {
    plugin.methods<Counter>().method("add", &Counter::add).args("by").method("get", &Counter::get).readonly();
    plugin.type<Counter>("Counter").constructor<std::int64_t>().args("start").version(1, 0);
}
// [/plugin]
