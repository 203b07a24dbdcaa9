"""Values as Python sees them, in the sync plugin: their order, their text, attributes, and numbers of C types."""
import array
import math
import pathlib
import random
import re
import struct
import sys
import unicodedata
import unittest

import msgpack

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import Refused, id_of
from sync_containers import Containers
from sync_values import BIG, SCALARS, Shared, some_value


class Sorting(Containers):
    def sorted(self, items, **kw):
        handle = self.create("list", items)
        self.call(handle, "sort", **kw)
        return self.call(handle, "copy")

    def test_as_python_sorts_stably_both_ways(self):
        rng = random.Random(1)
        numbers = [number for number in SCALARS if isinstance(number, (int, float))]
        texts = ["a", "b", "é", "", "ab", "€", "\U0001f600", "\uffff"]
        kinds = [lambda: rng.choice(numbers), lambda: rng.choice(texts), lambda: bytes(rng.choices(range(256), k=2)),
                 lambda: (rng.choice(numbers), "x"), lambda: [1, rng.choice(numbers)]]
        for kind in kinds:
            for size in (0, 1, 2, 10, 100):
                items = [kind() for _ in range(size)]
                for reverse in (False, True):
                    self.assertEqual(repr(self.sorted(items, reverse=reverse)), repr(sorted(items, reverse=reverse)))

    def test_what_has_no_order_is_refused_and_nothing_moves(self):
        handle = self.create("list", [3, "a", 1])
        self.fails("TypeError", "'<' not supported between instances of 'str' and 'int'", self.call, handle, "sort")
        self.assertEqual(self.call(handle, "copy"), [3, "a", 1])
        self.sorted([2.5, math.nan, 1, math.nan, -1.0])  # in no order that anybody knows, but without harm
        self.sorted([{1}, {2}, set(), {1, 2}])

    def test_a_key_function_is_refused_with_a_sentence(self):
        with self.assertRaisesRegex(Refused, "TypeError: a key function cannot travel"):
            self.sorted([1], key="abs")


class Text(Containers):
    def text(self, value):
        return self.call(self.create("list", [value]), "__repr__")

    def check(self, value):
        self.assertEqual(self.text(value), repr([value]))

    def test_of_random_values(self):
        rng = random.Random(2)
        for _ in range(500):
            value = some_value(rng)
            if not re.search(r"\{[^:}]*,", repr(value)):  # a set of several has no order of its own
                self.check(value)

    def test_of_floats(self):
        rng = random.Random(3)
        floats = [struct.unpack("d", rng.randbytes(8))[0] for _ in range(2000)] + [10.0**n for n in range(-30, 30)]
        floats += [round(number, 3) for number in floats[-60:]]
        self.check(floats + [0.1, 123456.789, 5e-324, 1.7976931348623157e308])

    def test_of_every_character_that_unicode_has_had_for_long(self):
        old = unicodedata.ucd_3_2_0
        characters = [chr(code) for code in range(0x110000) if old.category(chr(code)) not in ("Cn", "Cs")]
        for start in range(0, len(characters), 20_000):
            self.check("".join(characters[start : start + 20_000]))
        self.check(["'", '"', "'\"", "\\", "\r\t\x00\x7f", b"'", b'"', b"'\"\\\n\x00\xff"])

    def test_of_each_type(self):
        for made, text in [
            (self.create("dict", {"a": 1, 2: [None, True]}), "{'a': 1, 2: [None, True]}"),
            (self.create("set", [1]), "{1}"),
            (self.create("set"), "set()"),
            (self.create("deque", [1, "a"]), "deque([1, 'a'])"),
            (self.create("deque", [1, 2], 2), "deque([1, 2], maxlen=2)"),
            (self.create("Namespace", b="x", a=1, _hidden=2), "Namespace(a=1, b='x')"),
            (self.create("Namespace"), "Namespace()"),
            (self.create("Value", "i", 5), "Value('i', 5)"),
            (self.create("Array", "d", [1, 2.5]), "array('d', [1.0, 2.5])"),
            (self.create("Array", "i"), "array('i')"),
            (self.create("list", [(1,), (), slice(1, None)]), "[(1,), (), slice(1, None, None)]"),
            (self.create("list", [range(3), range(0, 9, 2)]), "[range(0, 3), range(0, 9, 2)]"),
        ]:
            self.assertEqual(self.call(made, "__repr__"), text)
            self.assertEqual(self.call(made, "__str__"), text)

    def test_a_nan_equals_nothing(self):
        handle = self.create("list", [math.nan])
        self.assertEqual(self.text(math.nan), "[nan]")
        self.assertFalse(self.call(handle, "__contains__", math.nan))
        self.assertFalse(self.call(handle, "__eq__", [math.nan]))


class Attributes(Containers):
    def test_set_read_and_taken_away(self):
        space = self.create("Namespace", a=1)
        self.call(space, "__setattr__", "b", [1])
        self.assertEqual(self.call(space, "__getattribute__", "b"), [1])
        self.assertEqual(self.call(space, "__dir__"), ["a", "b"])
        self.call(space, "__delattr__", "a")
        for method in ("__getattribute__", "__delattr__"):
            self.fails("AttributeError", "'Namespace' object has no attribute 'a'", self.call, space, method, "a")
        self.fails("TypeError", "attribute name must be string, not 'int'", self.call, space, "__setattr__", 5, 1)
        with self.assertRaisesRegex(Refused, "TypeError"):
            self.create("Namespace", 1)


class Typed(Containers):
    ITEMS = [0, 1, -1, 127, 128, -128, -129, 255, 256, 2**15 - 1, 2**15, -2**15 - 1, 2**16 - 1, 2**16, 2**31 - 1, 2**31,
             -2**31, -2**31 - 1, 2**32 - 1, 2**32, 2**63 - 1, 2**63, -2**63, -2**63 - 1, 2**64 - 1, 2**64, 2**200,
             10**400, True, 1.5, 1e300, math.inf, "a", "ab", b"a", None, [], (1,)]

    def test_each_typecode_holds_and_refuses_what_pythons_does(self):
        for typecode in "bBhHiIlLqQfd":
            value, oracle = self.create("Value", typecode), array.array(typecode, [0])
            for item in self.ITEMS:
                try:
                    oracle[0] = item
                    expected = repr(oracle[0])
                except (TypeError, OverflowError) as error:
                    self.fails(type(error).__name__, str(error), self.call, value, "set", item)
                    expected = repr(oracle[0])
                else:
                    self.call(value, "set", item)
                self.assertEqual(repr(self.call(value, "get")), expected, (typecode, item))

    def test_unknown_typecodes(self):
        sentence = "bad typecode (must be b, B, h, H, i, I, l, L, q, Q, f or d)"
        self.fails("ValueError", sentence, self.create, "Array", "x")
        self.fails("TypeError", "array() argument 1 must be a unicode character, not str", self.create, "Array", "xx")
        with self.assertRaisesRegex(Refused, r"ValueError: bad typecode \(must be O, b"):
            self.create("Value", "x", 1)

    def test_anything_in_a_value_of_typecode_O(self):
        value = self.create("Value", "O", {"a": (1, {2})})
        self.assertEqual(self.call(value, "get"), {"a": (1, {2})})

    def test_a_big_integer_whose_text_is_none_is_no_integer(self):
        kept, any_kept = self.create("Value", "i", 1), self.create("Value", "O", 1)
        for text in (b"", b"-", b"--1", b"+1", b" 1", b"1x", b"\xff", b"1\0"):
            wrong = msgpack.ExtType(BIG, text)
            for target, method, args in ((kept, "set", [wrong]), (self.create("list", [1]), "__mul__", [wrong]),
                                         (self.create("list", [1]), "__getitem__", [wrong]), (any_kept, "add", [wrong]),
                                         (self.create("Array", "d", 1), "append", [wrong])):
                with self.assertRaisesRegex(Refused, "TypeError"):
                    self.client.call(target, method, *args)
            with self.assertRaisesRegex(Refused, "TypeError"):
                self.client.create("Array", "i", wrong)

    def test_a_sum_of_integers_of_many_digits_is_refused(self):
        kept = self.create("Value", "O", 10**38 - 1)
        for delta in (10**38 - 1, -10**40, 1):
            with self.assertRaisesRegex(Refused, "OverflowError: the sum does not fit"):
                self.call(kept, "add", delta)

    def test_add_is_one_step(self):
        value = self.create("Value", "i", 5)
        self.assertEqual([self.call(value, "add"), self.call(value, "add", -10)], [6, -4])
        self.fails("OverflowError", "signed integer is greater than maximum", self.call, value, "add", 2**31 + 4)
        self.fails("TypeError", "'float' object cannot be interpreted as an integer", self.call, value, "add", 0.5)
        self.assertEqual(self.call(value, "get"), -4)
        self.assertEqual(self.call(self.create("Value", "d", 1), "add", 0.5), 1.5)
        self.assertEqual(self.call(self.create("Value", "Q", 2**64 - 2), "add"), 2**64 - 1)

    def test_two_clients_adding_lose_nothing(self):
        value, others = self.create("Value", "q"), [self.host.client() for _ in range(4)]
        started = [(other, other.start(id_of(value), "add", 1)) for _ in range(500) for other in others]
        for other, msgid in started:
            other.reply(msgid)
        self.assertEqual(self.call(value, "get"), 2000)

    def test_arrays_from_sizes_bytes_and_numbers(self):
        self.assertEqual(self.call(self.create("Array", "i", 3), "tolist"), [0, 0, 0])
        self.assertEqual(self.call(self.create("Array", "h", array.array("h", [1, -2]).tobytes()), "tolist"), [1, -2])
        self.assertEqual(self.call(self.create("Array", "i", Shared([1, 2])), "tolist"), [1, 2])
        self.fails("ValueError", "bytes length not a multiple of item size", self.create, "Array", "i", b"abc")
        sentence = "cannot use a str to initialize an array with typecode 'i'"
        self.fails("TypeError", sentence, self.create, "Array", "i", "ab")
        self.fails("ValueError", "Array length must be >= 0, not -1", self.create, "Array", "i", -1)
        self.fails("MemoryError", "the result would be too large to travel", self.create, "Array", "i", 2**40)

    def test_the_whole_buffer_as_bytes(self):
        oracle = array.array("d", range(100_000))
        handle = self.create("Array", "d", 100_000)
        self.call(handle, "set_bytes", oracle.tobytes())
        self.assertEqual(self.call(handle, "get_bytes"), oracle.tobytes())
        self.assertEqual(self.call(handle, "__getitem__", slice(-3, None)), [99997.0, 99998.0, 99999.0])
        self.call(handle, "set_bytes", oracle[:3].tobytes())
        self.assertEqual(self.call(handle, "tolist"), [0.0, 1.0, 2.0])
        self.fails("ValueError", "bytes length not a multiple of item size", self.call, handle, "set_bytes", b"abc")

    def test_arrays_equal_arrays_by_their_numbers(self):
        ints, floats = self.create("Array", "i", [1, 2]), self.create("Array", "d", [1, 2])
        self.assertTrue(self.call(ints, "__eq__", floats))
        self.assertFalse(self.call(ints, "__eq__", [1, 2]))
        self.call(floats, "append", 3)
        self.assertTrue(self.call(ints, "__ne__", floats))


if __name__ == "__main__":
    unittest.main(verbosity=2)
