"""A test case with a host and the sync plugin: arguments travel as Python means them, results come back so."""
import collections
import unittest

from soho_e2e import BUNDLED, Refused, hosted
from sync_values import Shared, canonical, from_wire, to_wire

SYNC = BUNDLED / "sync.so"


class Containers(unittest.TestCase):
    """One host for each class of tests."""

    options = {"args": ["--strict"]}

    @classmethod
    def setUpClass(cls):
        cls.host = hosted_by_class(cls, SYNC, **cls.options)

    def setUp(self):
        self.client = self.host.client(client="containers", errors="full", handles="ext")
        self.addCleanup(self.client.close)

    def create(self, type_id, *args, **kw):
        return self.client.create(type_id, *map(self.wire, args), **({"kw": to_wire(kw)} if kw else {}))

    def wire(self, value):
        """As it travels; a Shared is made an object first."""
        if isinstance(value, Shared):
            contents = list(value.value) if isinstance(value.value, collections.deque) else value.value
            return self.client.create(type(value.value).__name__, to_wire(contents))
        return to_wire(value)

    def call(self, handle, method, *args, **kw):
        wired = [self.wire(arg) for arg in args]
        return from_wire(self.client.call(handle, method, *wired, **({"kw": to_wire(kw)} if kw else {})))

    def fails(self, type_, text, function, *args, **kw):
        with self.assertRaises(Refused) as refused:
            function(*args, **kw)
        self.assertEqual((refused.exception.type, refused.exception.text), (type_, text))

    def outcome(self, handle, method, *args):
        try:
            result = self.call(handle, method, *args)
        except Refused as refused:
            self.assertEqual(refused.kind, "failed", f"{method}{args}: {refused}")
            return refused.type, refused.text
        if result == handle:
            return "itself"
        return canonical(result)


def hosted_by_class(cls, *plugins, **options):
    class Case:
        addCleanup = staticmethod(cls.addClassCleanup)

    return hosted(Case, *plugins, **options)
