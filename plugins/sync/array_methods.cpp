// What clients see of an Array.

#include "array.hpp"
#include "families.hpp"
#include "values_methods.hpp"

namespace shared {

void add_array(soho::Plugin& plugin) {
    using namespace soho::literals;
    auto methods = plugin.methods<Array>();
    methods.method("append", &Array::append)
        .args("value")
        .doc("Adds one number at the end.")
        .method("extend", &Array::extend)
        .args("iterable")
        .doc("Adds the numbers of a sequence, or of a handle of one.")
        .method("insert", &Array::insert)
        .args("index", "value")
        .doc("Puts value before index; beyond the ends, at the ends.")
        .method("pop", &Array::pop)
        .args("index"_a = -1)
        .doc("Takes out and returns the number at index.")
        .method("remove", &Array::remove)
        .args("value")
        .doc("Takes out the first number that equals value.")
        .method("index", &Array::index)
        .args("value", "start"_a = 0, "stop"_a = INT64_MAX)
        .readonly()
        .doc("The first index in [start, stop) of what equals value.")
        .method("count", &Array::count)
        .args("value")
        .readonly()
        .doc("How many numbers equal value.")
        .method("reverse", &Array::reverse)
        .doc("Reverses in place.")
        .method("tolist", &Array::to_list)
        .readonly()
        .doc("All numbers, as a plain list.")
        .method("get_bytes", &Array::get_bytes)
        .readonly()
        .doc("All of it as bytes, as the host's memory has them (little-endian on x86 and ARM).")
        .method("set_bytes", &Array::set_bytes)
        .args("data")
        .idempotent()
        .doc("Replaces all of it by what get_bytes gives; a new length must be a multiple of the item size.")
        .method("typecode", &Array::typecode)
        .readonly()
        .doc("The typecode it was made with.")
        .method("itemsize", &Array::item_size)
        .readonly()
        .doc("The bytes of one number.");
    methods.method("__len__", &Array::size)
        .readonly()
        .doc("How many numbers there are.")
        .method("__contains__", &Array::contains)
        .args("value")
        .readonly()
        .doc("Whether a number equals value.")
        .method("__getitem__", &Array::get_item)
        .args("index")
        .readonly()
        .doc("The number at an index, or a plain list for a slice (0x58, or a map of start, stop, step).")
        .method("__setitem__", &Array::set_item)
        .args("index", "value")
        .doc("Replaces the number at an index, or a slice by any numbers.")
        .method("__delitem__", &Array::delete_item)
        .args("index")
        .doc("Takes out the number at an index, or a slice.")
        .method("__iter__", &Array::iterate)
        .doc("An Iterator from the front; it sees what is added meanwhile.")
        .method("__reversed__", &Array::iterate_back)
        .doc("An Iterator from the back.");
    add_equality(methods);
    add_text(methods);

    plugin.type<Array>("Array")
        .callable([](soho::Call& call, const Value& typecode, Value size_or_initializer) {
            return std::make_shared<Array>(call, typecode, std::move(size_or_initializer));
        })
        .args("typecode", "size_or_initializer"_a = Value::Array())
        .state(
            1, [](const Array& array) { return std::pair(array.typecode(), array.get_bytes()); },
            [](soho::Call& call, std::pair<Value, Value> state) {
                return std::make_shared<Array>(call, state.first, std::move(state.second));
            })
        .proxytype("ArrayProxy",
                   {"append",   "extend",       "insert",       "pop",         "remove",      "index",
                    "count",    "reverse",      "tolist",       "get_bytes",   "set_bytes",   "typecode",
                    "itemsize", "__len__",      "__contains__", "__getitem__", "__setitem__", "__delitem__",
                    "__iter__", "__reversed__", "__eq__",       "__ne__",      "__repr__",    "__str__"})
        .method_to_typeid({{"__iter__", "Iterator"}, {"__reversed__", "Iterator"}})
        .doc("Numbers of the C type that a typecode of Python's array module names: from a size, numbers, or bytes.");
}

}  // namespace shared
