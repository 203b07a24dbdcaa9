"""Models of the sync plugin's containers: what can be done to each, and how Python's own type does it."""
import array
import collections
import operator

from sync_model import Model
from sync_values import Shared, canonical, local

ORDER = {f"__{name}__": getattr(operator, name) for name in ("lt", "le", "gt", "ge")}
EQUALITY = {"__eq__": operator.eq, "__ne__": operator.ne}


class ListModel(Model):
    type_id = "list"

    def start(self):
        return [self.any() for _ in range(4)]

    def arguments(self):
        return [self.value]

    def other(self):
        """What a list is compared with or added to."""
        choice = self.rng.random()
        if choice < 0.5:
            return list(self.value)[: self.rng.randrange(6)] + [self.any()] * self.rng.randrange(2)
        return Shared(list(self.value)) if choice < 0.8 else self.any()

    def assignment(self):
        key, value = self.key(), self.iterable()
        return [key, value if isinstance(key, slice) else local(value)]

    def operations(self):
        compared = {name: (function, (self.other,)) for name, function in {**ORDER, **EQUALITY}.items()}
        return {
            **compared,
            "append": (None, (self.any,)),
            "extend": (None, (self.iterable,)),
            "insert": (None, (self.index, self.any)),
            "pop": (None, ([self.index],)),
            "remove": (None, (self.any,)),
            "index": (None, (self.any, [self.index, self.index])),
            "count": (None, (self.any,)),
            "reverse": (None, ()),
            "copy": (None, ()),
            "clear": (None, ()),
            "__len__": (None, ()),
            "__contains__": (None, (self.any,)),
            "__getitem__": (operator.getitem, (self.key,)),
            "__setitem__": (operator.setitem, self.assignment),
            "__delitem__": (operator.delitem, (self.key,)),
            "__add__": (operator.add, (self.other,)),
            "__mul__": (operator.mul, (self.index,)),
            "__rmul__": (operator.mul, (self.index,)),
            "__iadd__": (operator.iadd, (self.iterable,)),
            "__imul__": (operator.imul, (self.index,)),
        }


class DictModel(Model):
    type_id = "dict"
    made = dict

    def start(self):
        return {self.hashable(): self.any() for _ in range(4)}

    def arguments(self):
        return [self.value]

    def asked(self):
        """A key that is often there."""
        if self.value and self.rng.random() < 0.5:
            return self.rng.choice(list(self.value))
        return self.any()

    def mapping(self):
        pairs = [(self.hashable(), self.any()) for _ in range(self.rng.randrange(4))]
        good = [dict(pairs), Shared(dict(pairs)), pairs, tuple(pairs)]
        return self.rng.choice(good + [self.any(), [self.any()], [(1, 2, 3)]])

    def other(self):
        return self.rng.choice([dict(self.value), Shared(dict(self.value)), self.mapping()])

    def operations(self):
        return {
            **{name: (function, (self.other,)) for name, function in EQUALITY.items()},
            "get": (None, (self.asked, [self.any])),
            "setdefault": (None, (self.asked, [self.any])),
            "pop": (None, (self.asked, [self.any])),
            "popitem": (None, ()),
            "update": (None, ([self.mapping],)),
            "keys": (lambda self: list(self.keys()), ()),
            "values": (lambda self: list(self.values()), ()),
            "items": (lambda self: list(self.items()), ()),
            "copy": (None, ()),
            "clear": (None, ()),
            "fromkeys": (lambda self, *args: dict.fromkeys(*args), (self.iterable, [self.any])),
            "__len__": (None, ()),
            "__contains__": (None, (self.asked,)),
            "__getitem__": (operator.getitem, (self.asked,)),
            "__setitem__": (operator.setitem, (self.asked, self.any)),
            "__delitem__": (operator.delitem, (self.asked,)),
            "__or__": (operator.or_, (self.mapping,)),
            "__ror__": (lambda self, other: other | self, (self.mapping,)),
            "__ior__": (operator.ior, (self.mapping,)),
        }

    def contents(self, test):
        items = test.call(self.handle, "items")
        return canonical(dict(items))


class SetModel(Model):
    type_id = "set"
    made = set

    def start(self):
        return {self.hashable() for _ in range(4)}

    def arguments(self):
        return [list(self.value)]

    def asked(self):
        if self.value and self.rng.random() < 0.5:
            return self.rng.choice(list(self.value))
        return self.any()

    def set(self):
        other = {self.hashable() for _ in range(self.rng.randrange(4))} | set(list(self.value)[: self.rng.randrange(9)])
        return self.rng.choice([other, other, Shared(other), self.any()])

    def operations(self):
        named = ("union", "update", "intersection", "intersection_update", "difference", "difference_update")
        return {
            **{name: (function, (self.set,)) for name, function in {**ORDER, **EQUALITY}.items()},
            **{name: (None, ([self.iterable, self.set, self.iterable],)) for name in named},
            **{name: (None, (self.iterable,)) for name in ("symmetric_difference", "symmetric_difference_update",
                                                          "isdisjoint", "issubset", "issuperset")},
            "__or__": (operator.or_, (self.set,)),
            "__and__": (operator.and_, (self.set,)),
            "__sub__": (operator.sub, (self.set,)),
            "__xor__": (operator.xor, (self.set,)),
            "__ror__": (lambda self, other: other | self, (self.set,)),
            "__rand__": (lambda self, other: other & self, (self.set,)),
            "__rsub__": (lambda self, other: other - self, (self.set,)),
            "__rxor__": (lambda self, other: other ^ self, (self.set,)),
            "__ior__": (operator.ior, (self.set,)),
            "__iand__": (operator.iand, (self.set,)),
            "__isub__": (operator.isub, (self.set,)),
            "__ixor__": (operator.ixor, (self.set,)),
            "add": (None, (self.asked,)),
            "remove": (None, (self.asked,)),
            "discard": (None, (self.asked,)),
            "copy": (None, ()),
            "clear": (None, ()),
            "__len__": (None, ()),
            "__contains__": (None, (self.asked,)),
        }


BARELY = {"remove", "index", "insert", "pop", "popleft", "__getitem__", "__setitem__", "__delitem__"}  # need an element


class DequeModel(Model):
    type_id = "deque"
    maxlen = None

    def start(self):
        return collections.deque([self.any() for _ in range(4)], self.maxlen)

    def arguments(self):
        return [list(self.value)] + ([self.maxlen] if self.maxlen is not None else [])

    def other(self):
        return self.rng.choice([Shared(self.value), Shared(collections.deque([self.any()])), self.any()])

    def operations(self):
        return {
            **{name: (function, (self.other,)) for name, function in {**ORDER, **EQUALITY}.items()},
            **{name: (None, (self.any,)) for name in ("append", "appendleft", "count", "remove", "__contains__")},
            **{name: (None, ()) for name in ("pop", "popleft", "reverse", "clear", "__len__")},
            "copy": (list, ()),
            "extend": (None, (self.iterable,)),
            "extendleft": (None, (self.iterable,)),
            "insert": (None, (self.index, self.any)),
            "index": (None, (self.any, [self.index, self.index])),
            "rotate": (None, ([self.index],)),
            "maxlen": (lambda self: self.maxlen, ()),
            "__getitem__": (operator.getitem, (self.index,)),
            "__setitem__": (operator.setitem, (self.index, self.any)),
            "__delitem__": (operator.delitem, (self.index,)),
            "__add__": (lambda self, other: list(self + other), (self.other,)),
            "__mul__": (lambda self, count: list(self * count), (self.index,)),
            "__rmul__": (lambda self, count: list(self * count), (self.index,)),
            "__iadd__": (operator.iadd, (self.iterable,)),
            "__imul__": (operator.imul, (self.index,)),
        }


class ArrayModel(Model):
    type_id = "Array"
    typecode = "i"

    def start(self):
        return array.array(self.typecode, [1, 2, 3, 2])

    def arguments(self):
        return [self.typecode, self.value.tolist()]

    def any(self):
        numbers = [0, 1, 2, 3, 2.0, 7, 100, -1, -5, 127, 128, 255, 256, 2.5, 1e300, 10**400]
        numbers += [2**15, 2**16, 2**31, 2**32, 2**63, 2**64, 2**70, -2**31, -2**31 - 1, -2**63, -2**63 - 1]
        return self.rng.choice(numbers + [True, None, "a", b"a"])

    def numbers(self):
        kind = self.rng.choice([list, list, tuple, range, dict.fromkeys])
        values = [self.rng.choice([0, 1, 2, 3, 50]) for _ in range(self.rng.randrange(4))]
        if self.rng.random() < 0.2:
            values.append(self.any())
        return range(self.rng.randrange(4)) if kind is range else kind(values)

    def assignment(self):
        key = self.key()
        return [key, self.numbers() if isinstance(key, slice) else self.any()]

    def assign(self, target, key, value):
        if isinstance(key, slice):
            target[key]  # what is wrong with the slice is said first
            value = array.array(self.typecode, value)
        target[key] = value

    def operations(self):
        def listed(value):
            return value.tolist() if isinstance(value, array.array) else value

        return {
            **{name: (None, (self.any,)) for name in ("append", "count", "remove", "__contains__")},
            "reverse": (None, ()),
            "tolist": (None, ()),
            "__len__": (None, ()),
            "extend": (None, (self.numbers,)),
            "insert": (None, (self.index, self.any)),
            "pop": (None, ([self.index],)),
            "index": (None, (self.any, [self.index, self.index])),
            "get_bytes": (lambda self: self.tobytes(), ()),
            "itemsize": (lambda self: self.itemsize, ()),
            "typecode": (lambda self: self.typecode, ()),
            "__getitem__": (lambda self, key: listed(self[key]), (self.key,)),
            "__setitem__": (self.assign, self.assignment),
            "__delitem__": (operator.delitem, (self.key,)),
            "__repr__": (repr, ()),
        }

    made = list
    shrink = ("__delitem__", (slice(None),))

    def contents(self, test):
        return canonical(test.call(self.handle, "tolist"))
