"""One of the sync plugin's containers beside Python's own: random operations on both, every outcome compared."""
import collections
import copy

from sync_values import Shared, canonical, local, some_hashable, some_value

OPERATIONS = 3000  # of each model
SMALL, ODD = list(range(-4, 9)), ["a", 1.5, None, 2**70, -2**70, True]


def outcome(function, self, *args):
    """The oracle's."""
    try:
        result = function(self, *map(local, args))
    except Exception as error:
        return type(error).__name__, str(error)
    return "itself" if result is self else canonical(result)


class Model:
    """A container of Python's, and what can be done to it: name -> (how the oracle does it, what makes the arguments).

    Arguments are made by a tuple of functions, those in a list being optional, or by one function that makes them all.
    """

    type_id = None
    made = list  # by which constructor
    size_max = 40
    shrink = ("clear", ())
    may_fail = set()

    def __init__(self, rng):
        self.rng = rng
        self.value = self.start()

    def index(self):
        return self.rng.choice(SMALL * 4 + ODD)

    def key(self):
        """An index or a slice."""
        if self.rng.random() < 0.5:
            return self.index()
        bounds = [self.rng.choice([None] * 12 + SMALL * 2 + [2**70, -2**70]) for _ in range(2)]
        return slice(*bounds, self.rng.choice([None] * 6 + [1, 2, 3, -1, -2, -3, 5, -2**70, 2**70, 0, "a"]))

    def any(self):
        return some_value(self.rng)

    def hashable(self):
        return some_hashable(self.rng)

    def iterable(self, *kinds):
        kind = self.rng.choice(kinds or (list, list, tuple, set, dict, str, bytes, range, int))
        if kind is int:
            return self.rng.choice([5, None, 1.5])
        if kind is range:
            return range(*sorted(self.rng.choice(SMALL) for _ in range(2)), self.rng.choice([1, 2, -1]))
        items = [self.hashable() for _ in range(self.rng.randrange(5))]
        if kind in (str, bytes):
            return {str: "aé€", bytes: b"ab\xff"}[kind]
        value = dict.fromkeys(items) if kind is dict else kind(items)
        return Shared(value) if kind in (list, set, dict) and self.rng.random() < 0.3 else value

    def some(self, makers):
        """Arguments: those in a list may be left out, from the end."""
        required = [maker for maker in makers if not isinstance(maker, list)]
        optional = [maker for wrapped in makers if isinstance(wrapped, list) for maker in wrapped]
        return [maker() for maker in required + optional[: self.rng.randrange(len(optional) + 1)]]

    def run(self, test, operations=OPERATIONS):
        self.handle = test.create(self.type_id, *self.arguments())
        table = self.operations()
        names = sorted(table)
        done = collections.Counter()
        for number in range(operations):
            name = self.rng.choice(names)
            function, makers = table[name]
            args = self.some(makers) if isinstance(makers, tuple) else makers()
            if len(self.value) > self.size_max:
                name, args = self.shrink
                function = table[name][0]
            before, changed = repr(self.value), copy.copy(self.value)
            expected = outcome(function or getattr(type(self.value), name), changed, *args)
            failed = isinstance(expected, tuple) and expected[0].endswith("Error")
            if not failed:
                self.value = changed  # where Python leaves an update half done, the host leaves all as it was
            got = test.outcome(self.handle, name, *args)
            where = f"operation {number}: {name}{tuple(args)} of {before}"
            test.assertEqual(got, expected, where)
            test.assertEqual(self.contents(test), canonical(self.made(self.value)), where)
            done[name, failed] += 1
        test.client.release(self.handle)
        missing = {name for name in names if not done[name, False]}
        test.assertFalse(missing - self.may_fail, "never succeeded: the test tests nothing there")
        return done

    def contents(self, test):
        return canonical(self.made(test.call(self.handle, "copy")))
