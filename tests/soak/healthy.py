"""Clients that do ordinary work and check every answer, each in a process of its own: what an attack must not hurt.

    healthy.py KIND --host ADDRESS --seed N --number N

Works until the end of its standard input; a line there names the phase that begins. Ends with one line of JSON: calls checked, latencies
by phase, and what the kinds that share an object have to tell for the sums. A wrong answer ends it with 1 and a sentence.
"""
import argparse
import collections
import itertools
import json
import pathlib
import random
import select
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from latencies import Latencies
from soho_e2e import Client, Refused, id_of

PACE = 0.002  # seconds between two steps: latency shall be the host's, not that of a machine kept busy by its clients
SHARED_PAIR, SHARED_QUEUE, SHARED_LOCK, SHARED_COUNTER = "soak.pair", "soak.queue", "soak.lock", "soak.counter"


class Wrong(Exception):
    """An answer that is not what it must be."""


class Timed(Client):
    """Measures each round trip, unless it waits for somebody."""

    def __init__(self, address, work):
        self.work = None
        super().__init__(address, client=f"soak-{work.kind}", errors="full")
        self.work = work

    def do(self, method, *params):
        if self.work is None:
            return super().do(method, *params)
        began = time.perf_counter()
        try:
            return super().do(method, *params)
        finally:
            self.work.latencies[self.work.phase].add(time.perf_counter() - began)
            self.work.calls += 1

    def call(self, target, method, *args, **options):
        return self.do("soho.call", target, method, list(args), *([options] if options else []))


class Work:
    """step() does a few calls; end() what is left, and gives what there is to tell."""

    kind = None

    def __init__(self, address, rng, number):
        self.address, self.rng, self.number = address, rng, number
        self.phase = "start"
        self.latencies = collections.defaultdict(Latencies)
        self.calls = 0
        self.client = Timed(address, self)
        self.begin()

    def begin(self):
        pass

    def end(self):
        return {}

    def expect(self, expected, client, target, method, *args):
        got = client.call(target, method, *args)
        if got != expected or type(got) is not type(expected):
            raise Wrong(f"{method}{args!r:.200} gave {got!r:.300}, not {expected!r:.300}")

    def refused(self, error, target, method, *args):
        try:
            got = self.client.call(target, method, *args)
        except Refused as refused:
            if refused.type == error:
                return
            raise
        raise Wrong(f"{method}{args!r:.200} gave {got!r:.300}, not {error}")


class Pairs(Work):
    kind = "pairs"

    def step(self):
        x, y = self.rng.getrandbits(62), -self.rng.getrandbits(62)
        pair = self.client.create("Pair", x, y)
        self.expect(x, self.client, pair, "get_x")
        self.client.call(pair, "set_x", y)
        self.expect(y, self.client, id_of(pair), "get_x")
        self.expect(y, self.client, pair, "get_y")
        self.client.release(pair)
        if self.client.do(SHARED_PAIR + ".get_y") != 6:
            raise Wrong("the published pair's y is not 6")
        shared, again = self.client.create("get_pair"), self.client.create("get_pair")
        if shared != again:
            raise Wrong(f"get_pair gave {shared} and {again}")
        self.client.release(shared, 2)


class Containers(Work):
    """Each container beside Python's own."""

    kind = "containers"
    size_max = 60

    def begin(self):
        self.made = itertools.cycle((self.lists, self.dicts, self.sets, self.deques, self.arrays, self.values, self.namespaces))
        self.fresh()

    def fresh(self):
        self.held = {type_id: self.client.create(type_id, *args) for type_id, args in (
            ("list", ()), ("dict", ()), ("set", ()), ("deque", ()), ("Array", ("q", [])), ("Value", ("O", None)), ("Namespace", ()))}
        self.model = {"list": [], "dict": {}, "set": set(), "deque": collections.deque(), "Array": []}
        self.left = 200

    def value(self):
        return self.rng.choice((self.rng.getrandbits(60), "x" * self.rng.randrange(200), [1, [2, None]], {"a": 1.5}, b"\0" * 40, None, True))

    def step(self):
        next(self.made)()
        self.left -= 1
        if self.left == 0 or any(len(model) > self.size_max for model in self.model.values()):
            for handle in self.held.values():
                self.client.release(handle)
            self.fresh()

    def lists(self):
        handle, model, value = self.held["list"], self.model["list"], self.value()
        self.expect(None, self.client, handle, "append", value)
        model.append(value)
        at = self.rng.randrange(len(model))
        self.expect(model[at], self.client, handle, "__getitem__", at)
        if self.rng.random() < 0.3:
            self.expect(model.pop(at), self.client, handle, "pop", at)
        self.expect(model, self.client, handle, "copy")
        self.refused("IndexError", handle, "__getitem__", len(model))
        iterator = self.client.call(handle, "__iter__")
        if model:
            self.expect(model[:3], self.client, iterator, "next_many", min(3, len(model)))
        self.client.release(iterator)

    def dicts(self):
        handle, model, key, value = self.held["dict"], self.model["dict"], f"k{self.rng.randrange(100)}", self.value()
        self.expect(model.get(key), self.client, handle, "get", key)
        self.expect(None, self.client, handle, "__setitem__", key, value)
        model[key] = value
        self.expect(len(model), self.client, handle, "__len__")
        self.expect([list(item) for item in model.items()], self.client, handle, "items")
        self.refused("KeyError", handle, "__getitem__", "no such key")
        if self.rng.random() < 0.3:
            self.expect(model.pop(key), self.client, handle, "pop", key)

    def sets(self):
        handle, model, value = self.held["set"], self.model["set"], self.rng.randrange(100)
        self.expect(value in model, self.client, handle, "__contains__", value)
        self.expect(None, self.client, handle, "add", value)
        model.add(value)
        self.expect(len(model), self.client, handle, "__len__")
        self.expect(True, self.client, handle, "issuperset", sorted(model))

    def deques(self):
        handle, model, value = self.held["deque"], self.model["deque"], self.value()
        side = self.rng.choice(("append", "appendleft"))
        self.expect(None, self.client, handle, side, value)
        getattr(model, side)(value)
        self.expect(None, self.client, handle, "rotate", 2)
        model.rotate(2)
        self.expect(model[0], self.client, handle, "__getitem__", 0)
        if len(model) > 3:
            self.expect(model.popleft(), self.client, handle, "popleft")

    def arrays(self):
        handle, model, value = self.held["Array"], self.model["Array"], self.rng.getrandbits(62)
        self.expect(None, self.client, handle, "append", value)
        model.append(value)
        self.expect(model, self.client, handle, "tolist")
        self.refused("OverflowError", handle, "append", 2**63)

    def values(self):
        value = self.value()
        self.client.call(self.held["Value"], "set", value)
        self.expect(value, self.client, self.held["Value"], "get")

    def namespaces(self):
        name, value = f"a{self.rng.randrange(20)}", self.value()
        self.client.call(self.held["Namespace"], "__setattr__", name, value)
        self.expect(value, self.client, self.held["Namespace"], "__getattribute__", name)
        self.refused("AttributeError", self.held["Namespace"], "__getattribute__", "no_such")


class Queues(Work):
    """Each order of queue, from both ends, with two connections."""

    kind = "queues"

    def begin(self):
        self.other = Timed(self.address, self)
        self.queues = {type_id: self.client.create(type_id) for type_id in ("Queue", "LifoQueue", "PriorityQueue", "JoinableQueue")}

    def step(self):
        items = [self.rng.getrandbits(50) for _ in range(self.rng.randrange(1, 6))]
        orders = {"Queue": items, "JoinableQueue": items, "LifoQueue": items[::-1], "PriorityQueue": sorted(items)}
        type_id = self.rng.choice(list(orders))
        queue = id_of(self.queues[type_id])
        waits = self.other.start(queue, "get")  # it may be there first, and then the first item is its
        self.other.do("soho.ping")
        for item in items:
            self.expect(None, self.client, queue, "put", item)
        first = self.other.reply(waits)
        if first != items[0]:
            raise Wrong(f"the waiting get of a {type_id} got {first}, not {items[0]}")
        rest = [item for item in orders[type_id] if item != first]
        for item in rest:
            self.expect(item, self.other, queue, "get")
        self.refused("Empty", queue, "get_nowait")
        for _ in items:
            self.expect(None, self.client, queue, "task_done")
        self.expect(None, self.client, queue, "join")


class Workers(Work):
    """Many put into one queue and get from it. What each has put comes out once, and in its order."""

    kind = "workers"

    def begin(self):
        self.put = 0
        self.got = collections.defaultdict(lambda: [0, 0, 0])  # by who put it: how many, their sum, the last

    def step(self):
        for _ in range(self.rng.randrange(1, 4)):
            self.put += 1
            self.expect(None, self.client, SHARED_QUEUE, "put", [self.number, self.put])
        for _ in range(self.rng.randrange(1, 4)):
            try:
                self.take(self.client.call(SHARED_QUEUE, "get_nowait"))
            except Refused as refused:
                if refused.type != "Empty":
                    raise

    def take(self, item):
        producer, number = item
        tale = self.got[producer]
        if number <= tale[2]:
            raise Wrong(f"item {number} of {producer} came after {tale[2]}")
        tale[:] = [tale[0] + 1, tale[1] + number, number]

    def end(self):
        return {"worker": self.number, "put": self.put, "got": {producer: tale[:2] for producer, tale in self.got.items()}}


class Locks(Work):
    """A counter that is read and written in two steps, under a lock that all share: none is lost."""

    kind = "locks"

    def begin(self):
        self.added = 0

    def step(self):
        # Waiting for the others is no latency of the host's.
        if self.client.reply(self.client.start(SHARED_LOCK, "acquire")) is not True:
            raise Wrong("acquire gave something else than true")
        count = self.client.call(SHARED_COUNTER, "get")
        self.client.call(SHARED_COUNTER, "set", count + 1)
        self.added += 1
        self.expect(None, self.client, SHARED_LOCK, "release")

    def end(self):
        return {"added": self.added}


class Meetings(Work):
    """Events, barriers, conditions and semaphores between two connections."""

    kind = "meetings"

    def begin(self):
        self.other = Timed(self.address, self)
        self.event, self.barrier = id_of(self.client.create("Event")), id_of(self.client.create("Barrier", 2))
        self.semaphore, self.rlock = id_of(self.client.create("BoundedSemaphore", 2)), id_of(self.client.create("RLock"))
        self.condition = id_of(self.client.create("Condition"))

    def step(self):
        self.rng.choice((self.events, self.barriers, self.semaphores, self.rlocks, self.conditions))()

    def other_gets(self, msgid, expected):
        got = self.other.reply(msgid)
        if got != expected:
            raise Wrong(f"the waiting call got {got!r}, not {expected!r}")

    def events(self):
        self.expect(False, self.client, self.event, "is_set")
        waits = self.other.start(self.event, "wait")
        self.expect(None, self.client, self.event, "set")
        self.other_gets(waits, True)
        self.expect(None, self.client, self.event, "clear")
        self.expect(False, self.client, self.event, "wait", 0)

    def barriers(self):
        waits = self.other.start(self.barrier, "wait")
        mine = self.client.reply(self.client.start(self.barrier, "wait"))
        self.other_gets(waits, 1 - mine)

    def semaphores(self):
        for _ in range(2):
            self.expect(True, self.client, self.semaphore, "acquire")
        self.expect(False, self.client, self.semaphore, "acquire", False)
        waits = self.other.start(self.semaphore, "acquire")
        self.expect(None, self.client, self.semaphore, "release")
        self.other_gets(waits, True)
        for _ in range(2):
            self.expect(None, self.client, self.semaphore, "release")
        self.refused("ValueError", self.semaphore, "release")

    def rlocks(self):
        for _ in range(2):
            self.expect(True, self.client, self.rlock, "acquire")
        waits = self.other.start(self.rlock, "acquire")
        for _ in range(2):
            self.expect(None, self.client, self.rlock, "release")
        self.other_gets(waits, True)
        self.refused("RuntimeError", self.rlock, "release")
        self.expect(None, self.other, self.rlock, "release")

    def conditions(self):
        self.expect(True, self.other, self.condition, "acquire")
        waits = self.other.start(self.condition, "wait")
        self.other.do("soho.ping")
        self.expect(True, self.client, self.condition, "acquire")
        self.expect(None, self.client, self.condition, "notify")
        self.expect(None, self.client, self.condition, "release")
        self.other_gets(waits, True)
        self.expect(None, self.other, self.condition, "release")


KINDS = {work.kind: work for work in (Pairs, Containers, Queues, Workers, Locks, Meetings)}


def next_phase(pace):
    """The line on standard input, "" at its end, or None if there is nothing."""
    return sys.stdin.readline() if select.select([sys.stdin], [], [], pace)[0] else None


def run(work):
    while True:
        line = next_phase(PACE)
        if line == "":
            return {"kind": work.kind, **work.end(), "calls": work.calls, "latencies": {phase: one.counts for phase, one in work.latencies.items()}}
        if line is not None:
            work.phase = line.strip()
        work.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--host", required=True, metavar="ADDRESS")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--number", type=int, required=True, help="its own among those of the same kind")
    options = parser.parse_args()
    try:
        print(json.dumps(run(KINDS[options.kind](options.host, random.Random(options.seed), options.number))))
    except (Wrong, Refused, AssertionError, OSError) as error:
        sys.exit(f"{options.kind} (seed {options.seed}): {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
