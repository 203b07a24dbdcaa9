"""Objects inside the sync plugin's containers, and containers as operands of each other."""
import pathlib
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import Refused, eventually, id_of
from sync_containers import Containers
from sync_values import Shared


class Nesting(Containers):
    def setUp(self):
        super().setUp()
        self.client.do("soho.ping")
        self.before = self.host.at_rest(1)

    def objects(self):
        return self.host.gauges()["living"] - self.before["living"]

    def living(self, count):
        eventually(lambda: self.objects() == count, f"{count} objects")

    def inner(self, *items):
        """A handle that nobody else holds once it is put somewhere: release it."""
        return self.client.create("list", list(items))

    def keep(self, handle, method, *args):
        """Passes an inner list, of which then only that object knows."""
        inner = self.inner(1)
        self.call(handle, method, *(inner if arg is Ellipsis else arg for arg in args))
        self.client.release(inner)
        self.assertEqual(self.objects(), 2)
        return inner

    def same(self, got, inner):
        self.assertEqual(id_of(got), id_of(inner))
        self.call(got, "append", 4)
        self.assertEqual(self.call(got, "copy")[-1], 4)
        self.client.release(got)

    def test_in_a_list_it_stays_comes_back_and_is_shared(self):
        outer = self.create("list")
        inner = self.keep(outer, "append", ...)
        self.same(self.call(outer, "__getitem__", 0), inner)
        other = self.host.client(handles="map")
        [seen] = other.call(id_of(outer), "copy")
        self.assertEqual(other.call(seen, "copy"), [1, 4])
        other.close()
        self.same(self.call(outer, "pop"), inner)  # the only reference left is in this reply
        self.living(1)

    def test_every_way_into_and_out_of_a_container(self):
        for type_id, put, get, out in [
            ("list", ("extend", [...]), ("__getitem__", 0), ("__delitem__", 0)),
            ("list", ("__iadd__", (...,)), ("__getitem__", -1), ("clear",)),
            ("list", ("__setitem__", slice(0, 0), [...]), ("__getitem__", 0), ("__setitem__", slice(None), [])),
            ("list", ("insert", 0, ...), ("__getitem__", 0), ("__setitem__", 0, None)),
            ("list", ("append", ...), ("__getitem__", 0), ("__imul__", 0)),
            ("dict", ("__setitem__", "k", ...), ("get", "k"), ("pop", "k")),
            ("dict", ("update", {"k": ...}), ("__getitem__", "k"), ("__delitem__", "k")),
            ("dict", ("update", [("k", ...)]), ("setdefault", "k"), ("__setitem__", "k", 1)),
            ("dict", ("setdefault", "k", ...), ("get", "k"), ("popitem",)),
            ("deque", ("appendleft", ...), ("__getitem__", 0), ("popleft",)),
            ("deque", ("extend", [...]), ("__getitem__", 0), ("clear",)),
            ("Namespace", ("__setattr__", "k", ...), ("__getattribute__", "k"), ("__delattr__", "k")),
        ]:
            with self.subTest(type_id=type_id, put=put):
                outer = self.create(type_id)
                inner = self.inner(1)
                if self.call(outer, put[0], *fill(put[1:], inner)) in (inner, outer):
                    self.client.release(inner if put[0] == "setdefault" else outer)  # one more was handed out
                self.client.release(inner)
                self.assertEqual(self.objects(), 2)
                self.same(self.call(outer, *get), inner)
                taken = self.call(outer, *out)
                if taken == inner:
                    self.client.release(taken)
                elif out == ("popitem",):
                    self.client.release(taken[1])
                if out[0] == "__imul__":
                    self.client.release(taken)
                self.living(1)
                self.client.release(outer)
                self.living(0)

    def test_a_value_of_typecode_O(self):
        outer = self.create("Value", "O", None)
        inner = self.keep(outer, "set", ...)
        self.same(self.call(outer, "get"), inner)
        self.call(outer, "set", 1)
        self.living(1)

    def test_in_what_it_was_created_with(self):
        for type_id, argument in [("list", [...]), ("dict", {"k": ...}), ("deque", (...,)), ("set", [...])]:
            inner = self.inner(1)
            outer = self.create(type_id, *fill([argument], inner))
            self.client.release(inner)
            self.living(2)
            self.client.release(outer)
            self.living(0)

    def test_as_a_key_and_as_an_element_of_a_set(self):
        inner, table, elements = self.inner(1), self.create("dict"), self.create("set")
        self.call(table, "__setitem__", inner, "here")
        self.call(elements, "add", inner)
        self.call(elements, "add", inner)
        self.assertEqual(self.call(elements, "__len__"), 1)
        self.assertEqual(self.call(table, "__getitem__", inner), "here")
        self.assertTrue(self.call(elements, "__contains__", inner))
        self.client.release(inner)
        self.same(self.call(elements, "pop"), inner)
        self.call(table, "clear")
        self.living(2)

    def test_deep_inside_plain_values(self):
        outer = self.create("list")
        inner = self.inner(1)
        self.call(outer, "append", {"a": [(1, (inner,))]})
        self.client.release(inner)
        self.living(2)
        [value] = self.call(outer, "copy")
        self.same(value["a"][0][1][0], inner)
        self.call(outer, "extend", self.call(outer, "copy")[0]["a"])  # taken out of the dict; two more references
        self.call(outer, "pop", 0)
        self.living(2)
        self.client.release(inner, 2)
        self.call(outer, "pop")
        self.client.release(inner, 1)
        self.living(1)

    def test_what_moves_on_to_another_container_is_held_by_that(self):
        first, second = self.create("list"), self.create("list")
        inner = self.inner(1)
        self.call(first, "append", inner)
        self.client.release(inner)
        self.call(second, "extend", first)
        self.client.release(first)
        self.living(2)
        self.assertEqual(self.holders(inner), [f"object #{id_of(second)}"])
        self.same(self.call(second, "__getitem__", 0), inner)

    def holders(self, handle):
        [entry] = [entry for entry in self.client.do("soho.objects") if entry["id"] == id_of(handle)]
        return entry["holders"]

    def test_what_came_with_create_is_the_containers_after_its_first_change(self):
        inner = self.inner(1)
        outer = self.create("list", [inner])
        self.call(outer, "append", 1)
        self.client.release(inner)
        self.assertEqual(self.holders(inner), [f"object #{id_of(outer)}"])

    def test_a_circle_is_found_and_broken(self):
        circle = self.create("list")
        self.call(circle, "append", circle)
        self.assertEqual(self.call(circle, "__repr__"), f"[<ListProxy object, typeid 'list' at {id_of(circle):#x}>]")
        self.client.release(circle)
        self.living(1)  # nobody collects it
        held = self.client.do("soho.objects", {"referrers": id_of(circle)})
        self.assertEqual([entry["id"] for entry in held], [id_of(circle)])
        self.client.do("soho.drop", id_of(circle))
        self.living(0)

    def test_a_long_chain_goes_at_once(self):
        last = self.create("list")
        for _ in range(3000):
            following = self.create("list", [last])
            self.client.release(last)
            last = following
        self.living(3001)
        self.client.release(last)
        self.living(0)

    def test_an_iterator_hands_out_handles_and_dies_with_its_session(self):
        other = self.host.client(handles="ext")
        inner, outer = other.create("list", [1]), other.create("list")
        other.call(outer, "append", inner)
        iterator = other.call(outer, "__iter__")
        self.assertEqual(id_of(other.call(iterator, "__next__")), id_of(inner))
        other.close()
        self.living(0)


def fill(template, inner):
    """The template with the handle for each Ellipsis."""
    if template is Ellipsis:
        return inner
    if isinstance(template, (list, tuple)):
        return type(template)(fill(part, inner) for part in template)
    if isinstance(template, dict):
        return {key: fill(part, inner) for key, part in template.items()}
    return template


class Operands(Containers):
    def test_a_list_with_itself(self):
        handle = self.create("list", [1, 2])
        self.call(handle, "extend", handle)
        self.call(handle, "__iadd__", handle)
        self.assertEqual(self.call(handle, "copy"), [1, 2] * 4)
        self.assertTrue(self.call(handle, "__eq__", handle))
        self.assertFalse(self.call(handle, "__lt__", handle))
        self.call(handle, "__setitem__", slice(1, None), handle)
        self.assertEqual(self.call(handle, "copy"), [1] + [1, 2] * 4)
        self.assertEqual(len(self.call(handle, "__add__", handle)), 18)

    def test_the_others_with_themselves(self):
        table, elements, deque = self.create("dict", {1: 2}), self.create("set", [1]), self.create("deque", [1, 2], 3)
        self.call(table, "update", table)
        self.call(table, "__ior__", table)
        self.assertEqual(self.call(table, "copy"), {1: 2})
        self.assertTrue(self.call(table, "__eq__", table))
        self.call(elements, "update", elements, elements)
        self.assertEqual(self.call(elements, "__sub__", elements), set())
        self.assertTrue(self.call(elements, "issubset", elements))
        self.call(deque, "extend", deque)
        self.assertEqual(self.call(deque, "copy"), [2, 1, 2])
        array = self.create("Array", "i", [1, 2])
        self.call(array, "extend", array)
        self.call(array, "__setitem__", slice(0, 2), array)
        self.assertEqual(self.call(array, "tolist"), [1, 2, 1, 2, 1, 2])

    def test_any_container_fills_any_other(self):
        sources = [self.wire(Shared(made)) for made in ([1, 2], {1: 0, 2: 0}, {1, 2})]
        sources += [self.create("deque", [1, 2]), self.create("Array", "i", [1, 2])]
        for source in sources:
            for type_id in ("list", "deque", "set"):
                self.assertEqual(set(self.call(self.create(type_id, source), "copy")), {1, 2})
            self.assertEqual(self.call(self.create("Array", "d", source), "tolist"), [1.0, 2.0])
            self.assertEqual(self.call(self.create("dict"), "fromkeys", source), {1: None, 2: None})
        self.assertEqual(self.call(self.create("dict", self.create("list", [("a", 1)])), "copy"), {"a": 1})

    def test_what_is_no_container_is_refused_by_its_type(self):
        space = self.create("Namespace")
        self.fails("TypeError", "'Namespace' object is not iterable", self.call, self.create("list"), "extend", space)
        self.fails("TypeError", "'Value' object is not iterable", self.create, "list", self.create("Value", "i", 1))
        self.assertFalse(self.call(self.create("list"), "__eq__", space))

    def test_two_that_take_each_others_contents_from_two_sides_never_stand_still(self):
        handles = [self.create("list", range(50)) for _ in range(2)]
        failures = []

        def swap(mine, others):
            compared = [("__eq__", others), ("__lt__", others)]
            client = self.host.client(handles="ext")
            try:
                for _ in range(100):
                    steps = [("extend", others), ("__setitem__", {"start": 50}, []), *compared]
                    for msgid in [client.start(id_of(mine), *step) for step in steps]:
                        client.reply(msgid)
                    iterator = client.call(id_of(others), "__iter__")
                    client.call(iterator, "next_many", 1000)
                    client.release(iterator)
            except (Refused, AssertionError) as failure:
                failures.append(failure)

        threads = [threading.Thread(target=swap, args=order) for order in (handles, handles[::-1]) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
