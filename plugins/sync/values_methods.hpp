#pragma once
// Methods that several types have with the same words.

#include "values_container.hpp"

namespace shared {

// bool compare(Call&, Value, Order)
template <class T>
void add_order(soho::Methods<T>& methods) {
    methods
        .method("__lt__", [](T& self, soho::Call& call,
                             Value other) { return self.compare(call, std::move(other), Order::less); })
        .args("other")
        .readonly()
        .doc("self < other.")
        .method("__le__", [](T& self, soho::Call& call,
                             Value other) { return self.compare(call, std::move(other), Order::less_equal); })
        .args("other")
        .readonly()
        .doc("self <= other.")
        .method("__gt__", [](T& self, soho::Call& call,
                             Value other) { return self.compare(call, std::move(other), Order::greater); })
        .args("other")
        .readonly()
        .doc("self > other.")
        .method("__ge__", [](T& self, soho::Call& call,
                             Value other) { return self.compare(call, std::move(other), Order::greater_equal); })
        .args("other")
        .readonly()
        .doc("self >= other.");
}

// bool equals(Call&, Value)
template <class T>
void add_equality(soho::Methods<T>& methods) {
    methods.method("__eq__", [](T& self, soho::Call& call, Value other) { return self.equals(call, std::move(other)); })
        .args("other")
        .readonly()
        .doc("self == other, a value or a handle.")
        .method("__ne__", [](T& self, soho::Call& call, Value other) { return !self.equals(call, std::move(other)); })
        .args("other")
        .readonly()
        .doc("self != other.");
}

// std::string text() const
template <class T>
void add_text(soho::Methods<T>& methods) {
    methods.method("__repr__", &T::text)
        .readonly()
        .doc("As Python's repr() of the contents.")
        .method("__str__", &T::text)
        .readonly()
        .doc("As Python's str() of the contents.");
}

}  // namespace shared
