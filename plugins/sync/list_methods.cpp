// What clients see of a list.

#include "families.hpp"
#include "list.hpp"
#include "values_methods.hpp"

namespace shared {

void add_list(soho::Plugin& plugin) {
    using namespace soho::literals;
    auto methods = plugin.methods<List>();
    methods.method("append", &List::append)
        .args("value")
        .doc("Adds one element at the end.")
        .method("extend", &List::extend)
        .args("iterable")
        .doc("Adds the elements of a sequence, a set, a dict or a handle of one.")
        .method("insert", &List::insert)
        .args("index", "value")
        .doc("Puts value before index; beyond the ends, at the ends.")
        .method("pop", &List::pop)
        .args("index"_a = -1)
        .doc("Takes out and returns the element at index.")
        .method("remove", &List::remove)
        .args("value")
        .doc("Takes out the first element that equals value.")
        .method("index", &List::index)
        .args("value", "start"_a = 0, "stop"_a = INT64_MAX)
        .readonly()
        .doc("The first index in [start, stop) of what equals value.")
        .method("count", &List::count)
        .args("value")
        .readonly()
        .doc("How many elements equal value.")
        .method("sort", &List::sort)
        .args("key"_a = nullptr, "reverse"_a = false)
        .doc("Sorts in place, stably; a key function is refused.")
        .method("reverse", &List::reverse)
        .doc("Reverses in place.")
        .method("copy", &List::copy)
        .readonly()
        .doc("All elements, as a plain list.")
        .method("clear", &List::clear)
        .idempotent()
        .doc("Takes out everything.");
    methods.method("__len__", &List::size)
        .readonly()
        .doc("How many elements there are.")
        .method("__contains__", &List::contains)
        .args("value")
        .readonly()
        .doc("Whether an element equals value.")
        .method("__getitem__", &List::get_item)
        .args("index")
        .readonly()
        .doc("The element at an index, or a plain list for a slice (0x58, or a map of start, stop, step).")
        .method("__setitem__", &List::set_item)
        .args("index", "value")
        .doc("Replaces the element at an index, or a slice.")
        .method("__delitem__", &List::delete_item)
        .args("index")
        .doc("Takes out the element at an index, or a slice.")
        .method("__add__", &List::add)
        .args("other")
        .readonly()
        .doc("self + other, as a plain list.")
        .method("__mul__", &List::multiply)
        .args("count")
        .readonly()
        .doc("The elements count times, as a plain list.")
        .method("__rmul__", &List::multiply)
        .args("count")
        .readonly()
        .doc("As __mul__.")
        .method("__iadd__", &List::add_in_place)
        .args("other")
        .doc("Extends and returns this very list.")
        .method("__imul__", &List::multiply_in_place)
        .args("count")
        .doc("Repeats the elements and returns this very list.")
        .method("__iter__", &List::iterate)
        .doc("An Iterator from the front; it sees what is added meanwhile.")
        .method("__reversed__", &List::iterate_back)
        .doc("An Iterator from the back.");
    add_equality(methods);
    add_order(methods);
    add_text(methods);

    plugin.type<List>("list")
        .callable([](soho::Call& call, Value iterable) {
            return std::make_shared<List>(elements_of(call, std::move(iterable)));
        })
        .state(1, &List::copy, [](Value::Array items) { return std::make_shared<List>(std::move(items)); })
        .args("iterable"_a = Value::Array())
        .proxytype(
            "ListProxy",
            {"append",  "extend",  "insert",   "pop",      "remove",       "index",       "count",        "sort",
             "reverse", "copy",    "clear",    "__len__",  "__contains__", "__getitem__", "__setitem__",  "__delitem__",
             "__add__", "__mul__", "__rmul__", "__iadd__", "__imul__",     "__iter__",    "__reversed__", "__eq__",
             "__ne__",  "__lt__",  "__le__",   "__gt__",   "__ge__",       "__repr__",    "__str__"})
        .method_to_typeid({{"__iter__", "Iterator"}, {"__reversed__", "Iterator"}})
        .doc(
            "A list of any values and objects, as Python's. Objects that hold each other in a circle stay: find them "
            "with "
            "soho objects --referrers ID, break the circle with soho drop ID.");
}

}  // namespace shared
