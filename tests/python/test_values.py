"""What values arrive as, in Python and elsewhere; pickles, and their refusal."""
import collections
import datetime
import decimal
import enum
import fractions
import pickle
import uuid

import msgpack
import pytest
from soho_e2e import Client as Raw

import soho
from soho.managers import SyncManager

UTC = datetime.timezone.utc
VALUES = [None, True, 0, -1, 1 << 63, 1 << 64, -(1 << 200), 1.5, float("inf"), "grüß", "\ud800 \udcff", "", b"\0\xff", [], [1, [2]], {}, {"a": {"b": 1}},
          {1: 2, None: 3, (1, 2): 4}, (), (1, (2, [3])), {1, "a"}, set(), slice(1, None, 2), range(1, 10, 3),
          datetime.datetime(2026, 1, 2, 3, 4, 5, 6), datetime.datetime(2026, 1, 2, tzinfo=UTC), datetime.date(2026, 1, 2),
          datetime.time(3, 4, 5), datetime.timedelta(days=-3, microseconds=5), datetime.timedelta(seconds=1e9), complex(1, -2),
          frozenset({1, (2, 3)}), collections.deque([1, 2], 5), decimal.Decimal("1.10"), fractions.Fraction(1, 3),
          uuid.UUID(int=5), soho.Opaque("ruby", b"\1\2"), {frozenset({1}): decimal.Decimal(2)}]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_keep_their_types(client, value):
    again = client.create("list", [value])[0]
    assert type(again) is type(value) and again == value


@pytest.mark.parametrize("kind", [dict, collections.OrderedDict])
def test_views_of_a_dict_are_lists(client, kind):
    there = kind(a=1, b=(2, 3))
    items = client.create("list", [there.keys(), there.values(), (there.items(),)])
    assert items[:] == [["a", "b"], [1, (2, 3)], ([("a", 1), ("b", (2, 3))],)]


def test_what_a_client_without_extensions_sees(host, client):
    client.create_named("seen", "list", [(1, 2), {3}, 1 << 70, datetime.date(2026, 1, 2), range(3), slice(1, 2)])
    with Raw(host.address, errors="full", handles="map") as raw:
        assert raw.call("seen", "copy") == [[1, 2], [3], str(1 << 70), "2026-01-02", {"start": 0, "stop": 3, "step": 1},
                                            {"start": 1, "stop": 2, "step": None}]
    client.unpublish("seen")


class Colour(enum.IntEnum):
    RED = 1


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return isinstance(other, Point) and other.x == self.x


Pair = collections.namedtuple("Pair", "a b")


def test_arbitrary_objects_of_a_manager_of_ones_own(manager):
    shared = manager.list([Point(3), Colour.RED, Pair(1, 2), collections.OrderedDict(a=1), len])
    assert shared[:] == [Point(3), Colour.RED, Pair(1, 2), {"a": 1}, len]
    assert [type(each) for each in shared[:4]] == [Point, Colour, Pair, collections.OrderedDict]


def test_arbitrary_objects_are_refused_elsewhere(client, host):
    with pytest.raises(TypeError, match=r"a value of .*test_values\.Point cannot be sent .* allow_pickle is off"):
        client.create("list", [Point(3)])
    assert client.create("list", [Colour.RED, Pair(1, 2), collections.OrderedDict(a=1)])[:] == [1, (1, 2), {"a": 1}]
    connected = SyncManager(host.address)
    connected.connect()
    with pytest.raises(TypeError, match="Point"):
        connected.list([Point(3)])
    willing = SyncManager(host.address, allow_pickle=True)
    willing.connect()
    assert willing.list([Point(3)])[0] == Point(3)
    unwilling = SyncManager(allow_pickle=False)
    with unwilling, pytest.raises(TypeError, match="Point"):
        unwilling.list([Point(3)])


class Bomb:
    def __reduce__(self):
        return exit, (3,)


def test_pickles_of_others_are_not_run(host, client):
    with Raw(host.address, errors="full", handles="ext") as raw:
        opaque = msgpack.ExtType(0x5A, msgpack.packb(("python", pickle.dumps(Bomb()))))
        bombs = raw.create("list", [1, opaque])
        raw.do("soho.publish", bombs, "bombs")
        shared = client.open("bombs")
        with pytest.raises(TypeError, match="a pickled .*allow_pickle is off"):
            shared[1]
        assert shared[0] == 1, "the connection is in order"
        raw.do("soho.unpublish", "bombs")


def test_what_is_wrong_with_a_value_loses_nothing(manager):
    items = manager.list()

    class Unpicklable:
        def __reduce__(self):
            raise RuntimeError("not me")

    with pytest.raises(RuntimeError, match="not me"):
        items.append(Unpicklable())
    with pytest.raises(RuntimeError, match="not me"):
        manager.list([Unpicklable()])
    loop = []
    loop.append(loop)
    with pytest.raises(ValueError, match="recursion"):
        items.append(loop)
    items.append(1)
    assert items[:] == [1]


def test_large_values(manager):
    data = b"x" * (20 << 20)
    items = manager.list([data])
    assert items[0] == data
    assert len(manager.list(range(2_000_000))) == 2_000_000
    queue = manager.Queue()
    queue.put(data)
    assert queue.get() == data


def test_requests_beyond_the_hosts_limits_lose_nothing(host):
    with soho.Client(host.address) as client:
        items = client.create("list", [1])
        deep = []
        for _ in range(100):
            deep = [deep]
        for value, limit in ((b"x" * (17 << 20), "frame_bytes"), (deep, "depth"), ([0] * ((1 << 20) + 1), "items")):
            for _ in range(3):
                with pytest.raises(soho.RemoteError, match=rf"\({limit}\)") as caught:
                    items.append(value)
                assert caught.value.kind == "limit"
                assert items[:] == [1]
