"""The sync plugin's containers: what is exposed, iteration, quotas, and clients without extensions."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import Refused, id_of
from sync_containers import Containers

ORDER = "__lt__ __le__ __gt__ __ge__"
EQUALITY = "__eq__ __ne__"
TEXT = "__repr__ __str__"
METHODS = {
    "list": f"""append extend insert pop remove index count sort reverse copy clear __len__ __contains__ __getitem__
        __setitem__ __delitem__ __add__ __mul__ __rmul__ __iadd__ __imul__ __iter__ __reversed__ {EQUALITY} {ORDER}
        {TEXT}""",
    "dict": f"""get setdefault pop popitem update keys values items copy clear fromkeys __len__ __contains__
        __getitem__ __setitem__ __delitem__ __or__ __ror__ __ior__ __iter__ __reversed__ {EQUALITY} {TEXT}""",
    "set": f"""add remove discard pop clear copy isdisjoint issubset issuperset union update intersection
        intersection_update difference difference_update symmetric_difference symmetric_difference_update __len__
        __contains__ __iter__ __or__ __ror__ __ior__ __and__ __rand__ __iand__ __sub__ __rsub__ __isub__ __xor__
        __rxor__ __ixor__ {EQUALITY} {ORDER} {TEXT}""",
    "deque": f"""append appendleft extend extendleft pop popleft insert remove index count rotate reverse copy clear
        maxlen __len__ __contains__ __getitem__ __setitem__ __delitem__ __add__ __mul__ __rmul__ __iadd__ __imul__
        __iter__ __reversed__ {EQUALITY} {ORDER} {TEXT}""",
    "Namespace": f"__getattribute__ __setattr__ __delattr__ __dir__ {TEXT}",
    "Value": f"get set add typecode {TEXT}",
    "Array": f"""append extend insert pop remove index count reverse tolist get_bytes set_bytes typecode itemsize
        __len__ __contains__ __getitem__ __setitem__ __delitem__ __iter__ __reversed__ {EQUALITY} {TEXT}""",
    "Iterator": "__next__ next_many __length_hint__ close",
}
# What Python's own proxies expose: multiprocessing.managers, with what 3.14 adds.
PYTHONS = {
    "list": """__add__ __contains__ __delitem__ __getitem__ __len__ __mul__ __reversed__ __rmul__ __setitem__
        __imul__ append count extend index insert pop remove reverse sort clear copy""",
    "dict": """__contains__ __delitem__ __getitem__ __iter__ __len__ __setitem__ clear copy get items keys pop
        popitem setdefault update values __or__ __ior__ __ror__ __reversed__ fromkeys""",
    "Namespace": "__getattribute__ __setattr__ __delattr__",
    "Value": "get set",
    "Array": "__len__ __getitem__ __setitem__",
    "Iterator": "__next__ close",
}
PROXIES = {"list": "ListProxy", "dict": "DictProxy", "set": "SetProxy", "deque": "DequeProxy", "Value": "ValueProxy",
           "Array": "ArrayProxy", "Namespace": "NamespaceProxy", "Iterator": "IteratorProxy"}


class Described(Containers):
    def test_each_type_exposes_exactly_its_list(self):
        for type_id, methods in METHODS.items():
            described = self.client.do("soho.types", type_id)
            self.assertEqual(set(described["methods"]), set(methods.split()), type_id)
            self.assertEqual(described["proxytype"], PROXIES[type_id])
            self.assertEqual(described["create_method"], type_id != "Iterator")
            self.assertTrue(described["doc"])

    def test_and_all_that_pythons_proxies_expose(self):
        for type_id, methods in PYTHONS.items():
            self.assertLessEqual(set(methods.split()), set(METHODS[type_id].split()))

    def test_each_method_has_a_line_and_each_argument_a_name(self):
        for type_id in METHODS:
            for name, method in self.client.do("soho.types", type_id)["methods"].items():
                self.assertRegex(method["doc"], r"\A[^\n]+\.\Z", f"{type_id}.{name}")
                self.assertTrue(all(arg["name"] for arg in method["args"]), f"{type_id}.{name}")

    def test_defaults_are_pythons(self):
        def defaults(type_id, method):
            args = self.client.do("soho.types", type_id)["methods"][method]["args"]
            return {arg["name"]: arg["default"] for arg in args if "default" in arg}

        self.assertEqual(defaults("list", "pop"), {"index": -1})
        self.assertEqual(defaults("list", "sort"), {"key": None, "reverse": False})
        self.assertEqual(defaults("list", "index"), {"start": 0, "stop": sys.maxsize})
        self.assertEqual(defaults("dict", "get"), {"default": None})
        self.assertEqual(defaults("deque", "rotate"), {"n": 1})

    def test_an_iterator_cannot_be_created(self):
        with self.assertRaises(Refused):
            self.create("Iterator")


class Iteration(Containers):
    def iterator(self, handle, method="__iter__"):
        return self.client.call(handle, method)

    def all(self, iterator, count=7):
        batches = []
        while batch := self.call(iterator, "next_many", count):
            batches.append(batch)
        return sum(batches, [])

    def test_one_by_one_until_stop_iteration(self):
        iterator = self.iterator(self.create("list", ["a", (1, 2)]))
        self.assertEqual([self.call(iterator, "__next__") for _ in range(2)], ["a", (1, 2)])
        for _ in range(2):
            self.fails("StopIteration", "", self.call, iterator, "__next__")

    def test_100000_items_cost_a_hundred_round_trips(self):
        handle = self.create("list", range(100_000))
        before = self.client.last_msgid
        self.assertEqual(self.all(self.iterator(handle), 1000), list(range(100_000)))
        self.assertEqual(self.client.last_msgid - before, 102)  # __iter__, a hundred batches, and the end

    def test_large_items_come_in_smaller_batches(self):
        handle = self.create("list", ["x" * 300_000] * 20)
        batch = self.call(self.iterator(handle), "next_many", 1000)
        self.assertTrue(1 <= len(batch) < 20)
        self.assertEqual(len(self.all(self.iterator(handle), 1000)), 20)

    def test_backwards(self):
        for type_id in ("list", "deque"):
            self.assertEqual(self.all(self.iterator(self.create(type_id, [1, 2, 3]), "__reversed__")), [3, 2, 1])
            self.assertEqual(self.all(self.iterator(self.create(type_id, []), "__reversed__")), [])
        self.assertEqual(self.all(self.iterator(self.create("dict", {1: 2, 3: 4}), "__reversed__")), [3, 1])
        self.assertEqual(self.all(self.iterator(self.create("Array", "i", [1, 2, 3]), "__reversed__")), [3, 2, 1])

    def test_of_every_type(self):
        self.assertEqual(self.all(self.iterator(self.create("deque", [1, 2, 3]))), [1, 2, 3])
        self.assertEqual(self.all(self.iterator(self.create("dict", {"a": 1, (1,): 2}))), ["a", (1,)])
        self.assertEqual(sorted(self.all(self.iterator(self.create("set", [3, 1, 2])))), [1, 2, 3])
        self.assertEqual(self.all(self.iterator(self.create("Array", "d", [1, 2.5]))), [1.0, 2.5])

    def test_a_lists_iterator_sees_its_changes_as_pythons_does(self):
        for type_id, args in (("list", []), ("Array", ["i"])):
            handle, mirror = self.create(type_id, *args, [1, 2]), [1, 2]
            iterator, oracle = self.iterator(handle), iter(mirror)
            seen, expected = [], []
            for extra in (3, 4):
                seen.append(self.call(iterator, "__next__"))
                expected.append(next(oracle))
                self.call(handle, "append", extra)
                mirror.append(extra)
            self.call(handle, "pop", 0)
            del mirror[0]
            self.assertEqual(seen + self.all(iterator), expected + list(oracle))
            self.call(handle, "append", 5)
            self.assertEqual(self.all(iterator), [])  # at its end for good

    def test_the_others_refuse_to_go_on_as_pythons_do(self):
        changed = {"dict": ("dictionary changed size during iteration", ("__setitem__", 9, 9), ("popitem",)),
                   "set": ("Set changed size during iteration", ("add", 9), ("discard", 1)),
                   "deque": ("deque mutated during iteration", ("append", 9), ("pop",))}
        for type_id, (sentence, *changes) in changed.items():
            for change in changes:
                handle = self.create(type_id, {1: 1, 2: 2} if type_id == "dict" else [1, 2])
                iterator = self.iterator(handle)
                self.call(iterator, "__next__")
                self.call(handle, *change)
                for _ in range(2):
                    self.fails("RuntimeError", sentence, self.call, iterator, "__next__")

    def test_a_dict_that_lost_and_gained_a_key_too(self):
        handle = self.create("dict", {1: 1, 2: 2})
        iterator = self.iterator(handle)
        self.call(handle, "pop", 1)
        self.call(handle, "__setitem__", 3, 3)
        self.fails("RuntimeError", "dictionary keys changed during iteration", self.call, iterator, "__next__")
        iterator = self.iterator(handle)
        self.call(handle, "__setitem__", 3, 4)  # the same keys
        self.assertEqual(self.all(iterator), [2, 3])

    def test_an_iterator_outlives_the_last_reference_to_its_container(self):
        handle = self.create("list", [1, 2])
        iterator = self.iterator(handle)
        self.client.release(handle)
        self.assertEqual(self.all(iterator), [1, 2])

    def test_closed_and_how_many_are_left(self):
        iterator = self.iterator(self.create("list", [1, 2, 3]))
        self.assertEqual(self.call(iterator, "__length_hint__"), 3)
        self.call(iterator, "__next__")
        self.assertEqual(self.call(iterator, "__length_hint__"), 2)
        self.call(iterator, "close")
        self.assertEqual(self.call(iterator, "__length_hint__"), 0)
        self.assertEqual(self.call(iterator, "next_many", 1), [])
        self.fails("ValueError", "count must be positive", self.call, iterator, "next_many", 0)

    def test_what_is_left_of_an_iterator_fills_a_container(self):
        iterator = self.iterator(self.create("list", [1, 2, 3]))
        self.call(iterator, "__next__")
        self.assertEqual(self.call(self.create("list", iterator), "copy"), [2, 3])
        self.assertEqual(self.call(iterator, "next_many"), [])


class Quota(Containers):
    options = {"args": ["--strict"], "config": "[limits]\nobject_bytes = 200000\n"}

    def bytes(self, handle):
        return next(entry["bytes"] for entry in self.client.do("soho.objects") if entry["id"] == id_of(handle))

    def test_what_passes_it_is_undone_and_raises_memory_error(self):
        growing = {
            "list": [("append", "x" * 900), ("extend", ["x" * 900]), ("insert", 0, "x" * 900),
                     ("__iadd__", ["x" * 900])],
            "deque": [("append", "x" * 900), ("appendleft", "x" * 900)],
        }
        for type_id, changes in growing.items():
            for change in changes:
                handle = self.create(type_id)
                with self.assertRaisesRegex(Refused, "MemoryError: .*object_bytes"):
                    for _ in range(1000):
                        self.call(handle, *change)
                size = self.call(handle, "__len__")
                self.assertTrue(100 < size < 250, (type_id, change, size))
                self.assertTrue(100_000 < self.bytes(handle) <= 200_000)
                self.call(handle, "clear")
                self.assertLess(self.bytes(handle), 5_000)
                self.call(handle, *change)  # there is room again

    def test_of_dict_set_namespace_and_array(self):
        made = [self.create("dict"), self.create("set"), self.create("Namespace"), self.create("Array", "d")]
        grow = [lambda n: ("__setitem__", n, "x" * 900), lambda n: ("add", f"{n}" + "x" * 900),
                lambda n: ("__setattr__", f"a{n}", "x" * 900), lambda n: ("extend", [1.5] * 100)]
        for handle, change in zip(made, grow):
            with self.assertRaisesRegex(Refused, "MemoryError"):
                for number in range(1000):
                    self.call(handle, *change(number))
            self.assertTrue(100_000 < self.bytes(handle) <= 200_000)

    def test_multiplied_beyond_all_memory(self):
        handle = self.create("list", [1, 2, 3])
        for method in ("__mul__", "__imul__"):
            with self.assertRaisesRegex(Refused, "MemoryError"):
                self.call(handle, method, 2**62)
            with self.assertRaisesRegex(Refused, "MemoryError"):
                self.call(handle, method, 10**8)
        self.assertEqual(self.call(handle, "copy"), [1, 2, 3])
        with self.assertRaisesRegex(Refused, "MemoryError"):
            self.create("list", range(10**12))

    def test_bytes_follow_what_is_held(self):
        handle = self.create("list", ["x" * 1000] * 50)
        self.call(handle, "append", 1)
        self.assertTrue(50_000 <= self.bytes(handle) <= 70_000)
        self.call(handle, "__setitem__", slice(None), [])
        self.assertLess(self.bytes(handle), 5_000)


class WithoutExtensions(Containers):
    """Through a connection that never said hello: handles are maps, tuples and sets are lists."""

    def setUp(self):
        self.plain = self.host.client()
        self.addCleanup(self.plain.close)

    def test_slices_are_maps(self):
        handle = self.plain.create("list", [0, 1, 2, 3, 4])
        self.assertEqual(self.plain.call(handle, "__getitem__", {"start": 1, "stop": None, "step": 2}), [1, 3])
        self.assertEqual(self.plain.call(handle, "__getitem__", {"stop": -3}), [0, 1])
        self.plain.call(handle, "__setitem__", {"start": 3}, ["x"])
        self.plain.call(handle, "__delitem__", {"step": 2})
        self.assertEqual(self.plain.call(handle, "copy"), [1, "x"])
        with self.assertRaisesRegex(Refused, "TypeError: list indices must be integers or slices, not dict"):
            self.plain.call(handle, "__getitem__", {"start": 1, "other": 2})

    def test_lists_stand_for_tuples_and_sets(self):
        handle = self.plain.create("dict", [["a", 1], ["b", 2]])
        self.assertEqual(self.plain.call(handle, "items"), [["a", 1], ["b", 2]])
        numbers = self.plain.create("set", [1, 2])
        self.assertEqual(self.plain.call(numbers, "union", [2, 3]), [1, 2, 3])
        self.assertEqual(self.plain.call(numbers, "__or__", self.plain.create("set", [3])), [1, 2, 3])

    def test_in_place_operators_return_a_handle_of_the_same_object(self):
        handle = self.plain.create("list", [1])
        self.assertEqual(self.plain.call(handle, "__iadd__", [2]), handle)
        self.assertEqual(self.plain.call(handle, "__imul__", 2), handle)
        self.assertEqual(self.plain.call(handle, "copy"), [1, 2, 1, 2])


if __name__ == "__main__":
    unittest.main(verbosity=2)
