// Value: one number of a C type, or with the typecode O any value or object.

#include "array_items.hpp"
#include "families.hpp"
#include "values_container.hpp"
#include "values_methods.hpp"
#include "values_numbers.hpp"
#include "values_text.hpp"

namespace shared {

namespace {

class Cell : public Container {
public:
    Cell(const Value& typecode, Value value)
        : typecode_(typecode_of(typecode, "O")),
          value_(converted(std::move(value))) {
        begin(footprint(value_));
    }

    const Value& get() const { return value_; }
    void set(soho::Call& call, Value value) {
        value = converted(std::move(value));
        change(call, footprint(value) - footprint(value_), [&] { std::swap(value_, value); });
    }
    Value add(soho::Call& call, const Value& delta) {
        set(call, sum(value_, delta));
        return value_;
    }
    std::string typecode() const { return std::string(1, typecode_); }
    std::string text() const { return "Value(" + repr(typecode()) + ", " + repr(value_) + ")"; }

    Value::Array elements() override { throw type_error("'Value' object is not iterable"); }

private:
    Value converted(Value value) const { return typecode_ == 'O' ? std::move(value) : through_item(typecode_, value); }
    static Value sum(const Value& a, const Value& b) {
        const auto left = number_of(a), right = number_of(b);
        if (!left || !right) throw unsupported_operands("+=", type_name(a), type_name(b));
        if (a.is_float() || b.is_float()) return floating_item(a) + floating_item(b);
        const bool small = is_small(*left) && is_small(*right);
        const Wide sum = small ? left->integer + right->integer : 0;
        if (small && sum >= INT64_MIN) {
            if (sum <= INT64_MAX) return static_cast<std::int64_t>(sum);
            if (sum <= UINT64_MAX) return static_cast<std::uint64_t>(sum);
        }
        throw soho::Error("OverflowError", "the sum does not fit into 64 bits");
    }
    static bool is_small(const Number& number) {
        return number.kind == Number::Kind::integer && number.integer >= INT64_MIN && number.integer <= UINT64_MAX;
    }
    void hold_all(const soho::Call& call) override { value_ = call.hold(std::move(value_)); }

    char typecode_;
    Value value_;
};

}  // namespace

void add_value(soho::Plugin& plugin) {
    using namespace soho::literals;
    auto methods = plugin.methods<Cell>();
    methods.method("get", &Cell::get)
        .readonly()
        .doc("The value.")
        .method("set", &Cell::set)
        .args("value")
        .idempotent()
        .doc("Sets the value; OverflowError or TypeError if it does not fit the typecode.")
        .method("add", &Cell::add)
        .args("delta"_a = 1)
        .doc("Adds delta and returns the sum, in one step that no other client can come between.")
        .method("typecode", &Cell::typecode)
        .readonly()
        .doc("The typecode it was made with.");
    add_text(methods);

    plugin.type<Cell>("Value")
        .callable([](const Value& typecode, Value value) { return std::make_shared<Cell>(typecode, std::move(value)); })
        .args("typecode", "value"_a = 0)
        .state(
            1, [](const Cell& cell) { return std::pair(cell.typecode(), cell.get()); },
            [](std::pair<Value, Value> state) { return std::make_shared<Cell>(state.first, std::move(state.second)); })
        .proxytype("ValueProxy", {"get", "set", "add", "typecode", "__repr__", "__str__"})
        .doc(
            "One number of the C type that a typecode of Python's array module names (bBhHiIlLqQfd), or anything (O).");
}

}  // namespace shared
