// What clients see of a set.

#include "families.hpp"
#include "set.hpp"
#include "values_methods.hpp"

namespace shared {

namespace {

using Operation = Set::Operation;
using Methods = soho::Methods<Set>;

const Value::Array& iterables(const soho::Args& given, const char* method) {
    if (!given.keywords().empty()) throw type_error("set." + std::string(method) + "() takes no keyword arguments");
    return given.positional();
}

// union(*others), and update(*others)
template <Operation operation>
void add_named(Methods& methods, const char* name, const char* in_place, const char* doc, const char* doc_in_place) {
    methods
        .method(name,
                [name](Set& self, soho::Call& call, const soho::Args& others) {
                    return self.combined(call, iterables(others, name), operation);
                })
        .readonly()
        .doc(doc)
        .method(in_place,
                [in_place](Set& self, soho::Call& call, const soho::Args& others) {
                    self.combine(call, iterables(others, in_place), operation);
                })
        .doc(doc_in_place);
}

// __or__, __ror__ and __ior__
template <Operation operation>
void add_operators(Methods& methods, const std::string& name, const std::string& symbol) {
    methods
        .method("__" + name + "__", [](Set& self, soho::Call& call,
                                       Value other) { return self.operated(call, std::move(other), operation); })
        .args("other")
        .readonly()
        .doc("self " + symbol + " other, as a plain set.")
        .method("__r" + name + "__", [](Set& self, soho::Call& call,
                                        Value other) { return self.operated_right(call, std::move(other), operation); })
        .args("other")
        .readonly()
        .doc("other " + symbol + " self, as a plain set.")
        .method("__i" + name + "__", [](Set& self, soho::Call& call,
                                        Value other) { return self.operate(call, std::move(other), operation); })
        .args("other")
        .doc("self " + symbol + "= other; returns this very set.");
}

void add_algebra(Methods& methods) {
    add_named<Operation::unite>(methods, "union", "update", "union(*iterables): a plain set of all elements.",
                                "update(*iterables): adds all elements.");
    add_named<Operation::intersect>(methods, "intersection", "intersection_update",
                                    "intersection(*iterables): a plain set of what is in all of them.",
                                    "intersection_update(*iterables): keeps what is in all of them.");
    add_named<Operation::subtract>(methods, "difference", "difference_update",
                                   "difference(*iterables): a plain set of what is in none of them.",
                                   "difference_update(*iterables): takes out what is in any of them.");
    methods
        .method("symmetric_difference", [](Set& self, soho::Call& call,
                                           Value other) { return self.combined(call, {other}, Operation::differ); })
        .args("other")
        .readonly()
        .doc("A plain set of what is in just one of the two.")
        .method("symmetric_difference_update",
                [](Set& self, soho::Call& call, Value other) { self.combine(call, {other}, Operation::differ); })
        .args("other")
        .doc("Keeps what is in just one of the two.");
    add_operators<Operation::unite>(methods, "or", "|");
    add_operators<Operation::intersect>(methods, "and", "&");
    add_operators<Operation::subtract>(methods, "sub", "-");
    add_operators<Operation::differ>(methods, "xor", "^");
}

}  // namespace

void add_set(soho::Plugin& plugin) {
    using namespace soho::literals;
    auto methods = plugin.methods<Set>();
    methods.method("add", &Set::add)
        .args("element")
        .idempotent()
        .doc("Puts element in.")
        .method("remove", &Set::remove)
        .args("element")
        .doc("Takes element out, or KeyError.")
        .method("discard", &Set::discard)
        .args("element")
        .idempotent()
        .doc("Takes element out if it is there.")
        .method("pop", &Set::pop)
        .doc("Takes out and returns an element: the one put in first.")
        .method("clear", &Set::clear)
        .idempotent()
        .doc("Takes out everything.")
        .method("copy", &Set::copy)
        .readonly()
        .doc("All elements, as a plain set.")
        .method("isdisjoint", &Set::is_disjoint)
        .args("other")
        .readonly()
        .doc("Whether no element is in other.")
        .method("issubset", &Set::is_subset)
        .args("other")
        .readonly()
        .doc("Whether all elements are in other.")
        .method("issuperset", &Set::is_superset)
        .args("other")
        .readonly()
        .doc("Whether all elements of other are here.")
        .method("__len__", &Set::size)
        .readonly()
        .doc("How many elements there are.")
        .method("__contains__", &Set::contains)
        .args("element")
        .readonly()
        .doc("Whether element is there.")
        .method("__iter__", &Set::iterate)
        .doc("An Iterator; RuntimeError if the set changes meanwhile.");
    add_algebra(methods);
    add_equality(methods);
    add_order(methods);
    add_text(methods);

    plugin.type<Set>("set")
        .callable([](soho::Call& call, Value iterable) {
            return std::make_shared<Set>(elements_of(call, std::move(iterable)));
        })
        .state(
            1, [](const Set& set) { return set.table().keys(); },
            [](Value::Array elements) { return std::make_shared<Set>(std::move(elements)); })
        .args("iterable"_a = Value::Array())
        .proxytype("SetProxy", {"add",
                                "remove",
                                "discard",
                                "pop",
                                "clear",
                                "copy",
                                "isdisjoint",
                                "issubset",
                                "issuperset",
                                "union",
                                "update",
                                "intersection",
                                "intersection_update",
                                "difference",
                                "difference_update",
                                "symmetric_difference",
                                "symmetric_difference_update",
                                "__len__",
                                "__contains__",
                                "__iter__",
                                "__or__",
                                "__ror__",
                                "__ior__",
                                "__and__",
                                "__rand__",
                                "__iand__",
                                "__sub__",
                                "__rsub__",
                                "__isub__",
                                "__xor__",
                                "__rxor__",
                                "__ixor__",
                                "__eq__",
                                "__ne__",
                                "__lt__",
                                "__le__",
                                "__gt__",
                                "__ge__",
                                "__repr__",
                                "__str__"})
        .method_to_typeid({{"__iter__", "Iterator"}})
        .doc("A set of any hashable values and objects, as Python's.");
}

}  // namespace shared
