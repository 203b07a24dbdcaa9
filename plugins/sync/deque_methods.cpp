// What clients see of a deque.

#include "deque.hpp"
#include "families.hpp"
#include "values_methods.hpp"

namespace shared {

void add_deque(soho::Plugin& plugin) {
    using namespace soho::literals;
    using End = Deque::End;
    auto methods = plugin.methods<Deque>();
    methods
        .method("append",
                [](Deque& self, soho::Call& call, Value value) { self.push(call, std::move(value), End::right); })
        .args("value")
        .doc("Adds one element at the right end.")
        .method("appendleft",
                [](Deque& self, soho::Call& call, Value value) { self.push(call, std::move(value), End::left); })
        .args("value")
        .doc("Adds one element at the left end.")
        .method("extend", [](Deque& self, soho::Call& call,
                             Value iterable) { self.extend(call, std::move(iterable), End::right); })
        .args("iterable")
        .doc("Adds all elements at the right end.")
        .method("extendleft", [](Deque& self, soho::Call& call,
                                 Value iterable) { self.extend(call, std::move(iterable), End::left); })
        .args("iterable")
        .doc("Adds all elements at the left end, one by one.")
        .method("pop", [](Deque& self, soho::Call& call) { return self.pop(call, End::right); })
        .doc("Takes out and returns the rightmost element.")
        .method("popleft", [](Deque& self, soho::Call& call) { return self.pop(call, End::left); })
        .doc("Takes out and returns the leftmost element.")
        .method("insert", &Deque::insert)
        .args("index", "value")
        .doc("Puts value before index; IndexError if that passes maxlen.")
        .method("remove", &Deque::remove)
        .args("value")
        .doc("Takes out the first element that equals value.")
        .method("index", &Deque::index)
        .args("value", "start"_a = 0, "stop"_a = INT64_MAX)
        .readonly()
        .doc("The first index in [start, stop) of what equals value.")
        .method("count", &Deque::count)
        .args("value")
        .readonly()
        .doc("How many elements equal value.")
        .method("rotate", &Deque::rotate)
        .args("n"_a = 1)
        .doc("Moves everything n places to the right, around the end.")
        .method("reverse", &Deque::reverse)
        .doc("Reverses in place.")
        .method("copy", &Deque::copy)
        .readonly()
        .doc("All elements, as a plain list.")
        .method("clear", &Deque::clear)
        .idempotent()
        .doc("Takes out everything.")
        .method("maxlen", &Deque::maxlen)
        .readonly()
        .doc("The bound, or nil: beyond it the other end gives way.");
    methods.method("__len__", &Deque::size)
        .readonly()
        .doc("How many elements there are.")
        .method("__contains__", &Deque::contains)
        .args("value")
        .readonly()
        .doc("Whether an element equals value.")
        .method("__getitem__", &Deque::get_item)
        .args("index")
        .readonly()
        .doc("The element at an index.")
        .method("__setitem__", &Deque::set_item)
        .args("index", "value")
        .doc("Replaces the element at an index.")
        .method("__delitem__", &Deque::delete_item)
        .args("index")
        .doc("Takes out the element at an index.")
        .method("__add__", &Deque::add)
        .args("other")
        .readonly()
        .doc("self + another deque, as a plain list.")
        .method("__mul__", &Deque::multiply)
        .args("count")
        .readonly()
        .doc("The elements count times, as a plain list.")
        .method("__rmul__", &Deque::multiply)
        .args("count")
        .readonly()
        .doc("As __mul__.")
        .method("__iadd__", &Deque::add_in_place)
        .args("other")
        .doc("Extends and returns this very deque.")
        .method("__imul__", &Deque::multiply_in_place)
        .args("count")
        .doc("Repeats the elements and returns this very deque.")
        .method("__iter__", &Deque::iterate)
        .doc("An Iterator from the left; RuntimeError if the deque changes meanwhile.")
        .method("__reversed__", &Deque::iterate_back)
        .doc("An Iterator from the right.");
    add_equality(methods);
    add_order(methods);
    add_text(methods);

    plugin.type<Deque>("deque")
        .callable([](soho::Call& call, Value iterable, Value maxlen) {
            return std::make_shared<Deque>(elements_of(call, std::move(iterable)), maxlen);
        })
        .state(
            1, [](const Deque& deque) { return std::pair(deque.copy(), deque.maxlen()); },
            [](std::pair<Value::Array, Value> state) {
                return std::make_shared<Deque>(std::move(state.first), state.second);
            })
        .args("iterable"_a = Value::Array(), "maxlen"_a = nullptr)
        .proxytype("DequeProxy",
                   {"append",  "appendleft", "extend",       "extendleft",  "pop",         "popleft",      "insert",
                    "remove",  "index",      "count",        "rotate",      "reverse",     "copy",         "clear",
                    "maxlen",  "__len__",    "__contains__", "__getitem__", "__setitem__", "__delitem__",  "__add__",
                    "__mul__", "__rmul__",   "__iadd__",     "__imul__",    "__iter__",    "__reversed__", "__eq__",
                    "__ne__",  "__lt__",     "__le__",       "__gt__",      "__ge__",      "__repr__",     "__str__"})
        .method_to_typeid({{"__iter__", "Iterator"}, {"__reversed__", "Iterator"}})
        .doc("A double-ended queue of any values and objects, as Python's collections.deque.");
}

}  // namespace shared
