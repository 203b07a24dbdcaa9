"""The sync plugin's containers against Python's own as the oracle: the same random operations on both, and every result
and every error compared, by type and by text.
"""
import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from sync_containers import Containers
from sync_models import BARELY, ArrayModel, DequeModel, DictModel, ListModel, SetModel


class Oracle(Containers):
    def test_list(self):
        for seed in range(3):
            ListModel(random.Random(seed)).run(self)

    def test_dict(self):
        for seed in range(3):
            DictModel(random.Random(seed)).run(self)

    def test_set(self):
        for seed in range(3):
            SetModel(random.Random(seed)).run(self)

    def test_deque(self):
        for maxlen in (None, 5, 1, 0):
            with self.subTest(maxlen=maxlen):
                model = type("Bounded", (DequeModel,), {"maxlen": maxlen, "may_fail": BARELY if maxlen == 0 else set()})
                model(random.Random(str(maxlen))).run(self)

    def test_array(self):
        for typecode in "bBhHiIlLqQfd":
            with self.subTest(typecode=typecode):
                type("Typed", (ArrayModel,), {"typecode": typecode})(random.Random(typecode)).run(self, 1500)


if __name__ == "__main__":
    unittest.main(verbosity=2)
