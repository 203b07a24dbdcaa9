// What clients see of a dict.

#include "dict.hpp"
#include "families.hpp"
#include "values_methods.hpp"

namespace shared {

void add_dict(soho::Plugin& plugin) {
    using namespace soho::literals;
    auto methods = plugin.methods<Dict>();
    methods.method("get", &Dict::get)
        .args("key", "default"_a = nullptr)
        .readonly()
        .doc("What key stands for, or default.")
        .method("setdefault", &Dict::set_default)
        .args("key", "default"_a = nullptr)
        .doc("What key stands for; default is put in where it is not there.")
        .method("pop", &Dict::pop)
        .args("key")
        .doc("pop(key[, default]): takes out key; where it is not there, default or KeyError.")
        .method("popitem", &Dict::pop_item)
        .doc("Takes out the pair that was put in last, as a tuple.")
        .method("update", &Dict::update)
        .doc("update([mapping or pairs], **keywords): puts all of them in.")
        .method("keys", &Dict::keys)
        .readonly()
        .doc("All keys, as a plain list.")
        .method("values", &Dict::values)
        .readonly()
        .doc("All values, as a plain list.")
        .method("items", &Dict::items)
        .readonly()
        .doc("All pairs, as a plain list of tuples.")
        .method("copy", &Dict::copy)
        .readonly()
        .doc("All of it, as a plain dict.")
        .method("clear", &Dict::clear)
        .idempotent()
        .doc("Takes out everything.")
        .method("fromkeys", &Dict::from_keys)
        .args("iterable", "value"_a = nullptr)
        .readonly()
        .doc("A plain dict of these keys, each with value.");
    methods.method("__len__", &Dict::size)
        .readonly()
        .doc("How many keys there are.")
        .method("__contains__", &Dict::contains)
        .args("key")
        .readonly()
        .doc("Whether key is there.")
        .method("__getitem__", &Dict::get_item)
        .args("key")
        .readonly()
        .doc("What key stands for, or KeyError.")
        .method("__setitem__", &Dict::set_item)
        .args("key", "value")
        .idempotent()
        .doc("Has key stand for value.")
        .method("__delitem__", &Dict::delete_item)
        .args("key")
        .doc("Takes out key, or KeyError.")
        .method("__or__", &Dict::merge)
        .args("other")
        .readonly()
        .doc("self | other, as a plain dict.")
        .method("__ror__", &Dict::merge_into)
        .args("other")
        .readonly()
        .doc("other | self, as a plain dict.")
        .method("__ior__", &Dict::merge_in_place)
        .args("other")
        .doc("Updates and returns this very dict.")
        .method("__iter__", &Dict::iterate)
        .doc("An Iterator over the keys; RuntimeError if they change meanwhile.")
        .method("__reversed__", &Dict::iterate_back)
        .doc("An Iterator over the keys, the last first.");
    add_equality(methods);
    add_text(methods);

    plugin.type<Dict>("dict")
        .callable([](soho::Call& call, const soho::Args& given) { return std::make_shared<Dict>(call, given); })
        .state(1, &Dict::copy, [](Value::Map pairs) { return std::make_shared<Dict>(std::move(pairs)); })
        .proxytype("DictProxy",
                   {"get",         "setdefault",  "pop",      "popitem",  "update",  "keys",         "values",
                    "items",       "copy",        "clear",    "fromkeys", "__len__", "__contains__", "__getitem__",
                    "__setitem__", "__delitem__", "__or__",   "__ror__",  "__ior__", "__iter__",     "__reversed__",
                    "__eq__",      "__ne__",      "__repr__", "__str__"})
        .method_to_typeid({{"__iter__", "Iterator"}, {"__reversed__", "Iterator"}})
        .doc("dict([mapping or pairs], **keywords): as Python's, in the order of insertion.");
}

}  // namespace shared
