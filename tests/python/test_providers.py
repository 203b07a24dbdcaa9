"""Python objects in a host: managers' callables, pools, and providers of one's own."""
import asyncio
import collections
import copy
import gc
import json
import multiprocessing.pool
import operator
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import types
import weakref

import pytest
import soho
import soho.aio
from soho._hosted import Hosted
from soho.managers import BaseManager, BaseProxy, DictProxy, IteratorProxy, NamespaceProxy, RemoteError, SyncManager
from soho_e2e import PATIENCE, Host, eventually


class Refused(Exception):
    def __init__(self, code, why):
        super().__init__(code, why)
        self.code = code

    def __str__(self):
        return str(self.args)


class Unpicklable(Exception):
    def __reduce__(self):
        raise TypeError("no pickle of this")


class Pair:
    """Two numbers."""

    def __init__(self, x, y=0):
        self.x, self.y = x, y

    def get_x(self):
        """The first."""
        return self.x

    def get_y(self):
        return self.y

    def set_x(self, x):
        self.x = x

    def swapped(self):
        return Pair(self.y, self.x)

    def x_of(self, other):
        return other.get_x() if isinstance(other, BaseProxy) else f"a real {type(other).__name__}'s {other.x}"

    def call(self, function, *args):
        return function(*args)

    def fail(self, error):
        raise error

    @staticmethod
    def raise_made(kind, args):
        raise kind(*args)

    def refuse(self, largely=False):
        error = Refused(7, "no")
        error.large = "x" * (64 << 20) * largely
        raise error

    def open_nothing(self):
        open("nowhere.at.all")

    def pid(self):
        return os.getpid()

    def __len__(self):
        return 2

    def _hidden(self):
        return "hidden"


class Gate:
    def __init__(self):
        self.came, self.is_open = [], threading.Event()

    def wait(self):
        self.came.append(1)
        return self.is_open.wait(2 * PATIENCE)

    def waiting(self):
        return len(self.came)

    def open(self):
        self.is_open.set()


pair = Pair(5, 6)
numbers = (number for number in range(3))


class GetPairProxy(BaseProxy):
    _exposed_ = ("get_x", "set_x")

    def get_x(self):
        return self._callmethod("get_x")

    def twice(self):
        return 2 * self._callmethod("get_x")


class Objects(BaseManager):
    pass


Objects.register("Pair", Pair)
Objects.register("Gate", Gate)
Objects.register("get_pair", callable=lambda: pair, exposed=["get_x"])
Objects.register("any_pair", callable=lambda: pair)
Objects.register("bound", callable=pair.swapped)
Objects.register("shown", callable=lambda: pair, proxytype=GetPairProxy)
Objects.register("Swapper", Pair, exposed=["swapped", "get_x"], method_to_typeid={"swapped": "Pair"})
Objects.register("generator", callable=lambda: numbers, proxytype=IteratorProxy)
Objects.register("operator", callable=lambda: operator)
Objects.register("counter", collections.Counter, exposed=["__getitem__", "__setitem__", "__len__", "most_common", "update"])
Objects.register("by_name", Pair, create_method=False)
Objects.register("space", callable=lambda: pair, proxytype=NamespaceProxy)


@pytest.fixture(scope="module")
def objects():
    with Objects(shutdown_timeout=PATIENCE) as objects:
        process, provider = objects._process, objects._providers[0].process
        yield objects
    assert (process.exitcode, provider.exitcode) == (0, 0)


def test_the_script_that_began_it(tmp_path):
    """register(callable=lambda), start() and a second program that connects, with only the import changed."""
    server = tmp_path / "server.py"
    server.write_text(textwrap.dedent("""
        from soho.managers import BaseManager
        class Pair:
            def __init__(self, x, y): self.x, self.y = x, y
            def get_x(self): return self.x
            def get_y(self): return self.y
        pair = Pair(5, 6)
        class Manager(BaseManager): pass
        Manager.register("get_pair", callable=lambda: pair, exposed=["get_x"])
        if __name__ == "__main__":
            manager = Manager(address=("127.0.0.1", 0), authkey=b"secret")
            manager.start()
            print(manager.address[1], flush=True)
            input()
            manager.shutdown()
        """))
    client = tmp_path / "client.py"
    client.write_text(textwrap.dedent("""
        import sys
        from soho.managers import BaseManager
        class Manager(BaseManager): pass
        Manager.register("get_pair")
        manager = Manager(address=("127.0.0.1", int(sys.argv[1])), authkey=b"secret")
        manager.connect()
        pair = manager.get_pair()
        print(pair.get_x(), [name for name in dir(pair) if name.startswith("get")])
        """))
    with subprocess.Popen([sys.executable, server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as serving:
        port = serving.stdout.readline().strip()
        done = subprocess.run([sys.executable, client, port], capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("5 ['get_x']\n", "")
        serving.communicate("\n")
    assert serving.returncode == 0


def test_every_callable(objects):
    made = objects.Pair(1, y=2)
    assert (made.get_x(), made.get_y(), made._callmethod("get_x")) == (1, 2, 1)
    assert objects.get_pair().get_x() == 5
    assert objects.bound().get_x() == 6
    assert objects.operator().add(3, 4) == 7
    assert list(objects.generator()) == [0, 1, 2]
    counted = objects.counter("abracadabra")
    assert (counted["a"], len(counted), counted.most_common(1)) == (5, 5, [("a", 5)])
    counted["z"] = 26
    assert counted["z"] == 26
    assert not hasattr(objects, "by_name")


def test_the_same_object_again_is_the_same():
    with Objects() as objects:
        one, other = objects.any_pair(), objects.any_pair()
        assert one._id == other._id
        one.set_x(7)
        assert (other.get_x(), objects.get_pair().get_x()) == (7, 7)
        assert pair.x == 5  # this process has one of its own


def test_what_is_exposed(objects):
    listed, anything, shown = objects.get_pair(), objects.any_pair(), objects.shown()
    assert [name for name in dir(listed) if name.startswith("get")] == ["get_x"]
    assert {"get_x", "get_y", "set_x", "swapped"} <= set(dir(anything)) and "_hidden" not in dir(anything)
    for proxy, name in ((listed, "get_y"), (listed, "_hidden"), (anything, "_hidden"), (anything, "no_such"), (anything, "x"),
                        (anything, "__class__"), (shown, "get_y"), (objects.Pair(1), "__len__")):
        with pytest.raises(AttributeError, match="exposes no method"):
            proxy._callmethod(name)
        with pytest.raises(RemoteError):
            proxy._callmethod(name)
    assert type(shown) is GetPairProxy and shown.twice() == 10


class Various:
    """Its objects have other methods than it has."""

    looks = 0

    def __new__(cls, kind="own"):
        return collections.Counter("aab") if kind == "other" else object.__new__(cls)

    def __init__(self, kind="own"):
        self.twice = lambda number: 2 * number
        self.forgotten = None

    def forgotten(self):
        return "not to be called"

    def plain(self):
        return "plain"

    @property
    def looked(self):
        Various.looks += 1
        raise LookupError("nothing yet")

    def late(self):
        self.later = lambda: "later"
        return Various.looks


def test_an_object_exposes_its_own_methods():
    class Manager(BaseManager):
        pass

    Manager.register("Various", Various)
    with Manager() as manager:
        own, other = manager.Various(), manager.Various("other")
        assert (own.twice(4), own.plain(), own.twice.__doc__) == (8, "plain", None)
        assert not hasattr(own, "forgotten") and not hasattr(own, "looked")
        assert other.most_common(1) == [("a", 2)] and not hasattr(other, "plain")
        with pytest.raises(AttributeError, match="this Counter exposes no method 'plain'"):
            other._callmethod("plain")
        assert (own.late(), own.late()) == (1, 1), "they are looked for when it is made, and then no more"
        with pytest.raises(AttributeError, match="this Various exposes no method 'later' .exposed: late, plain, twice"):
            own._callmethod("later")
        with soho.Client(manager.address) as client:
            assert client.create("Various").twice(5) == 10
            assert "plain(args, kwargs)" in client.describe("Various")


def test_results_that_are_objects(objects):
    swapper = objects.Swapper(1, 2)
    taken = swapper.swapped()  # by Pair, which makes one of it, as in the standard library
    assert taken._token.typeid == "Pair" and taken.get_x().x == 2
    space = objects.space()
    assert space.x == 5
    space.y = 7
    assert space.y == 7


def test_a_mapping_to_what_nobody_registered_fails_where_it_is_used():
    class Manager(BaseManager):
        pass

    Manager.register("dict", dict, DictProxy)  # whose __iter__ gives an Iterator, which SyncManager has
    with Manager() as manager:
        shared = manager.dict({"x": 1})
        assert (shared["x"], len(shared), shared.copy()) == (1, 1, {"x": 1})
        with pytest.raises(TypeError, match="dict.__iter__ gives objects of the type 'Iterator', which is not registered"):
            iter(shared)


def test_texts_and_copies(objects):
    made = objects.Pair(1, 2)
    assert str(made).startswith("<") and "Pair object at" in str(made)
    assert repr(made).startswith("<AutoProxy[Pair] object, typeid 'Pair' at 0x")
    copy = made._getvalue()
    assert type(copy) is Pair and copy is not made and copy.x == 1
    assert made.get_x.__doc__ == "The first."


def test_views_of_a_hosted_dict_are_lists():
    class Manager(BaseManager):
        pass

    Manager.register("dict", dict)
    with Manager() as manager:
        shared = manager.dict({"x": 1, "y": [2]})
        assert (shared.keys(), shared.values(), shared.items()) == (["x", "y"], [1, [2]], [("x", 1), ("y", [2])])


def test_arguments_that_are_proxies(objects):
    one, other = objects.Pair(1), objects.Pair(2)
    assert one.x_of(other) == "a real Pair's 2"
    assert one.x_of(one) == "a real Pair's 1"


class Holder:
    def __init__(self):
        self.held = []

    def put(self, value):
        self.held.append(value)

    def get(self, index=0):
        return self.held[index]

    def all(self):
        return {"a": (self.held, [self.held])}

    def inc(self):
        self.held.append(1)
        return len(self.held)

    def drop(self):
        self.held.clear()

    def put_into(self, other):
        other.append([self.held[0], (self.held[0],)])

    def unsendable(self):
        return self.held, lambda: 0


class Nested(BaseManager):
    pass


Nested.register("list", list)
Nested.register("dict", dict)
Nested.register("Holder", Holder)


def test_own_objects_that_came_in_go_out_with_their_handles():
    """As proxies of the standard library's do, which stay proxies in the manager's process."""
    with Nested() as manager:
        items, holder = manager.list(), manager.Holder()
        items.append(holder)
        assert (holder.inc(), items.pop(0).inc(), holder.inc()) == (1, 2, 3)
        mapping, inner = manager.dict({1: 2}), manager.list([1])
        mapping.update({"holder": holder, "inner": inner, "tuple": (inner, {holder})})
        assert mapping.get("holder").inc() == 4
        mapping.get("inner").append(2)
        again, same = mapping.get("tuple")
        again.append(3)
        assert same.pop().inc() == 5
        assert inner.copy() == inner._getvalue() == [1, 2, 3] and copy.deepcopy(inner) == [1, 2, 3] and str(inner) == "[1, 2, 3]"
        assert copy.copy(inner).pop() == 3 and inner.copy() == [1, 2]
        assert type(mapping._getvalue()) is dict and mapping._getvalue()["inner"].copy() == [1, 2]
        assert {type(each).__name__ for each in mapping.values()} == {"int", "AutoProxy[Holder]", "AutoProxy[list]", "tuple"}
        inner.append(inner)
        assert inner._getvalue()[2].pop(0) == 1 and len(inner.copy()) == 2
        assert type(holder._getvalue()) is Holder, "a copy"


def test_own_objects_that_nobody_has_a_proxy_of_go_out_with_handles_for_as_long_as_they_are():
    with Nested() as manager:
        items = manager.list()
        items.append(manager.list([1]))
        items.append(manager.Holder())
        gc.collect()
        for _ in range(3):
            items.copy()[0].append(2)
            items.copy()[1].inc()
        assert items.copy()[0].copy() == [1, 2, 2, 2] and items.copy()[1].inc() == 4


def test_handles_of_own_objects_without_pickles(host):
    provider = soho.Provider(host.address)
    provider.register("Holder", Holder)
    provider.register("Items", list)
    with provider, soho.Client(host.address) as client:
        holder, other, items = client.create("Holder"), client.create("Holder"), client.create("Items")
        holder.put(other)
        assert holder.get().inc() == 1 and other.inc() == 2
        shared = client.create("list")
        holder.put_into(shared)
        assert shared[0][0].inc() == 3 and shared[0][1][0].inc() == 4
        holder.put(items)
        holder.get(1).append(5)
        assert items.copy() == [5] and holder.all()["a"][1][0][1].copy() == [5]
        for _ in range(3):
            with pytest.raises(TypeError, match="function cannot be sent"):
                holder.unsendable()
        with pytest.raises(TypeError, match="Holder cannot be sent"):
            client.create("Items", [1])._callmethod("append", (Holder(),))
        del shared, other, items
        holder.drop()
        del holder
        gc.collect()
        eventually(lambda: not provider._objects.held)
        client.create("Holder").inc()
        eventually(lambda: not any((provider._objects.held, provider._objects.came_in, provider._objects.kept, provider._objects.watched)))


def test_arguments_and_errors(objects):
    made = objects.Pair(1)
    assert made.call(operator.add, 2, 3) == 5  # a function, pickled
    for error in (KeyError("k"), ValueError("no"), ZeroDivisionError("by 0"), queue.Empty(), StopIteration(), KeyError("a", 1), KeyError(("a", 1)),
                  ValueError("a", 2, [3]), ValueError(""), StopIteration(5), AssertionError(("x", 1)), FileNotFoundError(2, "No such", "/x"),
                  subprocess.CalledProcessError(1, "x"), json.JSONDecodeError("why", "{", 1), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "why"),
                  Refused(7, "no"), multiprocessing.TimeoutError()):
        with pytest.raises(type(error)) as raised:
            made.fail(error)
        assert type(raised.value) is type(error) and raised.value.args == error.args and str(raised.value) == str(error)
        assert {**vars(raised.value)} == {**vars(error)}
        assert isinstance(raised.value.__cause__, RemoteError) and raised.value.__cause__.kind == "failed"
    with pytest.raises(FileNotFoundError) as raised:
        made.call(open, "nowhere.at.all")
    assert (raised.value.errno, raised.value.filename) == (2, "nowhere.at.all")
    with pytest.raises(ExceptionGroup) as raised:
        made.fail(ExceptionGroup("two", [ValueError(1), Refused(3, "no")]))
    assert [error.args for error in raised.value.exceptions] == [(1,), (3, "no")]
    for error in (SystemExit(3), KeyboardInterrupt(), Unpicklable("text")):
        with pytest.raises(RemoteError, match=type(error).__name__) as raised:
            made.call(Pair.raise_made, type(error), error.args)
        assert type(raised.value) is RemoteError and raised.value.type == type(error).__name__
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        objects.Pair()
    with pytest.raises(TypeError, match="unexpected keyword"):
        objects.Pair(1, z=1)
    with pytest.raises(ValueError):
        made.fail(ValueError("\ud800"))
    assert made.get_x() == 1


def test_exceptions_of_those_who_take_no_pickles(objects):
    """They have what any language has: the name and the text."""
    with soho.Client(objects.address) as client:
        made = client.create("Pair", 1)
        for raises, shown in (("refuse", "Refused: (7, 'no')"), ("open_nothing", "[Errno 2] No such file or directory: 'nowhere.at.all'")):
            with pytest.raises((RemoteError, FileNotFoundError)) as raised:
                getattr(made, raises)()
            error = raised.value
            assert str(error).endswith(shown) and type(error) in (RemoteError, FileNotFoundError)
            assert type(error) is RemoteError or (error.args, error.errno) == ((shown,), None)
        assert made.get_x() == 1

    async def in_asyncio():
        async with await soho.aio.connect(objects.address) as client:
            with pytest.raises(RemoteError, match="Refused: .7, 'no'"):
                await (await client.create("Pair", 1)).refuse()
        async with await soho.aio.connect(objects.address, allow_pickle=True) as client:
            with pytest.raises(Refused) as raised:
                await (await client.create("Pair", 1)).refuse()
            assert raised.value.code == 7

    asyncio.run(in_asyncio())


def test_an_exception_whose_pickle_is_too_large_is_said(objects):
    with pytest.raises(RemoteError, match="Refused"):
        objects.Pair(1).refuse(largely=True)


class Speechless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Long(Exception):
    def __str__(self):
        return "x" * (64 << 20)


class Failing:
    """Fails in ways that a reply cannot say."""

    def speechless(self):
        raise Speechless

    def unsayable(self):
        raise KeyError("\ud800")

    def long(self):
        raise Long

    def fine(self):
        return "fine"


def test_an_exception_that_cannot_be_said_is_a_reply_nevertheless(host):
    provider = soho.Provider(host.address)
    provider.register("Failing", Failing)
    with provider, soho.Client(host.address) as client:
        failing = client.create("Failing")
        for method, name in (("speechless", "Speechless"), ("unsayable", r"\\ud800"), ("long", "Long")):
            with pytest.raises((RemoteError, KeyError), match=name):
                getattr(soho.options(failing, timeout=PATIENCE), method)()
            assert failing.fine() == "fine"


def test_results_beyond_the_hosts_limits_are_errors(host):
    provider = soho.Provider(host.address, allow_pickle=True)
    provider.register("Pair", Pair)
    with provider, soho.Client(host.address, allow_pickle=True) as client:
        made = client.create("Pair", None)
        with pytest.raises(RemoteError, match="frame_bytes"):
            made.call(operator.mul, b"x", 20_000_000)
        for kind in ("[inner]", "(inner,)", "{1: (inner,)}"):
            nested = f"lambda depth: __import__('functools').reduce(lambda inner, _: {kind}, range(depth), 1)"
            with pytest.raises(RemoteError, match="deeper than 64"):
                made.call(eval, f"({nested})(64)")
            assert made.call(eval, f"({nested})(31)")
        for kind in ("list", "tuple", "set", "lambda numbers: [{1: tuple(numbers)}]"):
            with pytest.raises(RemoteError, match=r"1048576 values \(items\)") as caught:
                made.call(eval, f"({kind})(range(1 << 20))")
            assert caught.value.kind == "limit"
        for kind in ("tuple", "set", "__import__('collections').deque"):
            assert len(made.call(eval, f"{kind}(range((1 << 20) - 1))")) == (1 << 20) - 1
        assert made.get_x() is None


def test_a_call_that_blocks_holds_up_nobody(objects):
    gate, other, passed = objects.Gate(), objects.Pair(2), []
    waiting = [threading.Thread(target=lambda: passed.append(gate.wait()), daemon=True) for _ in range(20)]
    for thread in waiting:
        thread.start()

    def answers():
        return soho.options(other, timeout=PATIENCE).get_x()

    eventually(lambda: answers() == 2 and soho.options(gate, timeout=PATIENCE).waiting() == 20, "that all wait at a time")
    assert [answers() for _ in range(20)] == [2] * 20 and not passed
    gate.open()
    for thread in waiting:
        thread.join()
    assert passed == [True] * 20


def test_objects_go_with_their_last_proxy():
    with Objects() as objects:
        made = [objects.Pair(i) for i in range(100)]
        assert objects._number_of_objects() == 100
        del made[10:]
        eventually(lambda: objects._number_of_objects() == 10)
        assert [each.get_x() for each in made] == list(range(10))


def test_a_callable_that_fails_and_a_provider_that_dies():
    class Manager(BaseManager):
        pass

    Manager.register("Pair", Pair)
    with Manager() as manager:
        made = manager.Pair(1)
        pid = made.pid()
        assert pid not in (os.getpid(), manager._process.pid)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(soho.Unavailable, match="^Pair.get_x\\(\\): provider python.Pair .* has gone"):
            while True:
                made.get_x()

        def refusal():
            with pytest.raises(RemoteError) as refused:
                manager.Pair(1)
            return str(refused.value) if refused.value.kind != "unavailable" else ""

        assert "no type" in eventually(refusal)


def runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_provider_ends_with_the_program_however_that_ends(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent("""
        import os, sys
        sys.path.insert(0, %r)
        from test_providers import Objects
        if __name__ == "__main__":
            objects = Objects()
            objects.start()
            print(objects._process.pid, objects.Pair(1).pid(), flush=True)
            os.kill(os.getpid(), 9)
        """ % os.path.dirname(__file__)))
    done = subprocess.run([sys.executable, program], stdout=subprocess.PIPE, text=True)
    pids = done.stdout.split()
    assert len(pids) == 2
    for pid in pids:
        eventually(lambda: not runs(pid))


def note(path, text):
    with open(path, "a") as file:
        file.write(f"{text} {os.getpid()}\n")


def test_the_initializer_runs_in_the_process_of_the_objects(tmp_path):
    file = tmp_path / "notes"
    objects = Objects()
    objects.start(initializer=note, initargs=(file, "here"))
    with objects:
        assert file.read_text() == f"here {objects.Pair(1).pid()}\n"


def test_get_server_has_the_objects_in_its_own_process(tmp_path):
    program = tmp_path / "server.py"
    program.write_text(textwrap.dedent("""
        import os, sys
        sys.path.insert(0, %r)
        from test_providers import Objects
        server = Objects(address=sys.argv[1]).get_server()
        print(os.getpid(), flush=True)
        server.serve_forever()
        """ % os.path.dirname(__file__)))
    with subprocess.Popen([sys.executable, program, str(tmp_path / "s")], stdout=subprocess.PIPE, text=True) as serving:
        pid = int(serving.stdout.readline())
        objects = Objects(address=str(tmp_path / "s"))
        objects.connect()
        assert objects.Pair(3).pid() == pid
        with pytest.raises(TypeError, match="allow_pickle"):
            objects.Pair(3).call(operator.add, 1, 2)
        objects._space.request("soho.shutdown")
        assert serving.wait(PATIENCE) == 0


@pytest.mark.parametrize("tcp", [False, True])
def test_who_comes_before_the_objects_are_there_waits_for_them(tmp_path, tcp):
    """Who connects as soon as that works finds all types, as with the standard library's server."""
    address = ("127.0.0.1", unused_port()) if tcp else str(tmp_path / "s")
    for serve in ("server = objects.get_server(); time.sleep(0.5); server.serve_forever()",
                  "objects.start(time.sleep, (0.5,)); objects.join()"):
        program = ("import sys, time; sys.path.insert(0, sys.argv[1]); from test_providers import Objects\n"
                   "objects = Objects(eval(sys.argv[2]), b'secret')\n" + serve)
        with subprocess.Popen([sys.executable, "-c", program, os.path.dirname(__file__), repr(address)]) as serving:
            try:
                objects = Objects(address, b"secret")
                eventually(lambda: connects(objects) or serving.poll() is not None)
                assert objects.Pair(3).get_x() == 3
                objects._space.request("soho.shutdown")
                assert serving.wait(PATIENCE) == 0
            finally:
                serving.kill()


def test_a_server_that_is_dropped_before_it_serves_leaves_nothing(tmp_path):
    server = Objects(str(tmp_path / "s")).get_server()
    early = socket.socket(socket.AF_UNIX)
    early.connect(str(tmp_path / "s"))
    server._host.stop(PATIENCE)
    early.settimeout(PATIENCE)
    with pytest.raises(ConnectionResetError):
        early.recv(1)
    early.close()
    assert not os.path.exists(server._host.directory)


def test_a_servers_own_program_need_not_wait(tmp_path):
    server = Objects(("127.0.0.1", 0), b"secret").get_server()
    try:
        here = Objects(server.address, b"secret")
        here.connect()
        assert [pair.get_x() for pair in [here.Pair(1), here.Pair(2)]] == [1, 2]
    finally:
        server._host.stop(PATIENCE)
    with pytest.raises(SystemExit):
        server.serve_forever()
    with pytest.raises(SystemExit):
        server.serve_forever()


def test_only_the_servers_own_process_can_serve(tmp_path, capfd):
    server = Objects(str(tmp_path / "s")).get_server()
    try:
        child = multiprocessing.get_context("fork").Process(target=server.serve_forever)
        child.start()
        child.join(PATIENCE)
        assert child.exitcode == 1
        assert "only the process that has started this host can have it serve" in capfd.readouterr().err
    finally:
        server._host.stop(PATIENCE)


@pytest.mark.parametrize("name", ["a b", 110 * "x"])
def test_any_folder_for_temporary_files_will_do(tmp_path, monkeypatch, name):
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    for address in (None, ("127.0.0.1", 0)):
        with Objects(address, b"secret") as objects:
            assert objects.Pair(1).get_x() == 1


def test_a_server_that_does_not_start_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("soho.managers.provider_of", lambda *_: operator.truediv(1, 0))
    with pytest.raises(ZeroDivisionError):
        Objects(("127.0.0.1", 0)).get_server()
    assert not list(tmp_path.iterdir())


class Big:
    def bytes(self, size):
        return size * b"x"

    def length(self, data):
        return len(data)

    def number(self):
        return 1

    def send(self, connection):
        connection.send("from the object")


class Bigs(BaseManager):
    pass


Bigs.register("Big", Big)


def test_a_result_that_is_too_large_leaves_the_session_as_it_was(host):
    provider = soho.Provider(host.address)
    provider.register("Big", Big)
    with provider, soho.Client(host.address) as client:
        big = client.create("Big")
        for _ in range(10):
            with pytest.raises(RemoteError, match="the result is too large for the host.*frame_bytes"):
                big.bytes(20_000_000)
            assert big.number() == 1


def test_large_values_of_a_manager():
    with Bigs() as manager:
        assert manager.Big().length(20_000_000 * b"y") == 20_000_000
        assert manager.Big().bytes(20_000_000) == 20_000_000 * b"x"


def test_connections_travel_as_descriptors():
    """As the standard library's do, and not as numbers of descriptors, which are something else in another process."""
    with Bigs() as manager, SyncManager() as sync:
        here, there = multiprocessing.Pipe()
        manager.Big().send(there)
        assert here.poll(PATIENCE) and here.recv() == "from the object"
        queue = sync.Queue()
        queue.put(there)
        copied = queue.get()
        assert copied.fileno() != there.fileno()
        there.close()
        copied.send("by a copy")
        assert here.poll(PATIENCE) and here.recv() == "by a copy"
        one, other = socket.socketpair()
        queue.put(other)
        with one, other, queue.get() as again:
            again.send(b"x")
            one.settimeout(PATIENCE)
            assert one.recv(1) == b"x"
        copied.close()
        here.close()


def test_objects_whose_process_has_ended_say_so():
    with Bigs() as manager:
        manager._providers[0].process.kill()
        manager._providers[0].process.join()

        def refusal():
            with pytest.raises(RemoteError) as refused:
                manager.Big()
            return str(refused.value) if refused.value.kind == "no_type" else ""

        assert "the process of this manager's Python objects has ended (exit code -9)" in eventually(refusal)


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def connects(manager):
    try:
        manager.connect()
    except OSError:  # nobody there yet, or nobody who answers
        return False
    return True


def double(number):
    return 2 * number


def unpicklable():
    return lambda: None


def test_a_pool():
    with SyncManager() as manager:
        shared = manager.list()
        with manager.Pool(2) as pool:
            assert pool.map(double, range(5)) == [0, 2, 4, 6, 8]
            later = pool.apply_async(double, (21,))
            assert (later.get(PATIENCE), later.successful()) == (42, True)
            assert list(pool.imap(double, [1, 2])) == [2, 4]
            pool.map(shared.append, [1, 2, 3])
            with pytest.raises(ZeroDivisionError):
                pool.apply(operator.truediv, (1, 0))
            with pytest.raises(Refused) as refused:
                pool.apply_async(Pair.raise_made, (Refused, (7, "no"))).get(PATIENCE)
            assert refused.value.code == 7
            with pytest.raises(multiprocessing.pool.MaybeEncodingError, match="Can't pickle local object"):
                pool.apply(unpicklable)
        assert sorted(shared) == [1, 2, 3]
        assert len(manager._providers) == 1


def test_a_pool_of_a_manager_that_connected():
    with SyncManager() as starter:
        manager = SyncManager(starter.address, allow_pickle=True, shutdown_timeout=PATIENCE)
        manager.connect()
        with manager.Pool(1) as pool:
            assert pool.map(double, [1, 2]) == [2, 4]
            assert str(type(pool)) == str(type(starter.Pool(1)))
            assert "typeid 'Pool'" in repr(pool)
        process = manager._providers[0].process
        del manager, pool
        gc.collect()
        eventually(lambda: process.exitcode == 0)
        again = SyncManager(starter.address, allow_pickle=True)
        again.connect()
        assert again.Pool(1).apply(double, (4,)) == 8 and not again._providers  # the starter's is there now


def no_pools(client):
    """Once the host knows that the process of pools has ended."""
    eventually(lambda: not any(typeid.endswith(".Pool") for typeid in client.types()))


def kill_process_of_pools(manager, client):
    """The one that it has started last, which has all pools of the host."""
    process = manager._providers[-1].process
    process.kill()
    eventually(lambda: process.exitcode is not None)
    no_pools(client)


def test_a_pool_after_the_process_of_pools_was_killed():
    with SyncManager() as starter, soho.Client(starter.address) as client:
        connected = SyncManager(starter.address, allow_pickle=True)
        connected.connect()
        for manager in (connected, starter, connected):
            manager.Pool(1)
            kill_process_of_pools(manager, client)
            assert manager.Pool(1).apply(double, (4,)) == 8
            manager._providers.pop().end(PATIENCE)
            no_pools(client)


def test_a_pool_is_not_anothers_that_has_the_name_of_ones_own():
    with SyncManager() as starter, soho.Client(starter.address) as client:
        mine, other = (SyncManager(starter.address, allow_pickle=True) for _ in range(2))
        mine.connect()
        other.connect()
        mine.Pool(1)
        kill_process_of_pools(mine, client)
        other.Pool(1)
        assert other._names["Pool"] == "python.pool_1.Pool"
        assert mine.Pool(1).apply(os.getppid) == mine._providers[-1].process.pid


def test_pools_of_managers_that_connected_use_names_again():
    """A host keeps every offer that is not one that it had."""
    def connected():
        manager = SyncManager(starter.address, allow_pickle=True)
        manager.connect()
        manager.Pool(1)
        return manager

    with SyncManager() as starter, soho.Client(starter.address) as client:
        names = lambda: {typeid for typeid in client.types() if typeid.endswith(".Pool")}  # noqa: E731
        first, second = connected(), connected()
        assert names() == {"python.pool_1.Pool", "python.pool_2.Pool"}
        del first
        gc.collect()
        eventually(lambda: names() == {"python.pool_2.Pool"})
        third = connected()
        assert names() == {"python.pool_1.Pool", "python.pool_2.Pool"}
        del second, third


def test_no_pool_without_pickles():
    """It could be sent no function; and who runs one unpickles what any client sends."""
    with SyncManager() as starter, soho.Client(starter.address) as client:
        offered = set(client.types())
        for manager in (SyncManager(starter.address), SyncManager(starter.address, allow_pickle=False)):
            manager.connect()
            with pytest.raises(TypeError, match="allow_pickle is off"):
                manager.Pool(1)
            assert not manager._providers and set(client.types()) == offered
        starter.Pool(1)
        with pytest.raises(TypeError, match="allow_pickle is off"):
            manager.Pool(1)
    with SyncManager(allow_pickle=False) as manager, pytest.raises(TypeError, match="allow_pickle is off"):
        manager.Pool(1)


def test_what_a_manager_that_connected_offers_unpickles_no_more_than_itself(host):
    ran = []
    for allow_pickle in (None, False, True):
        manager = SyncManager(host.address, allow_pickle=allow_pickle)
        manager.connect()
        manager._provide([(Hosted("Pair", Pair), "Pair")])
        with soho.Client(host.address, allow_pickle=True) as client:
            try:
                ran.append(client.create("Pair", 3).call(operator.add, 1, 2))
            except TypeError as refused:
                assert "allow_pickle is off" in str(refused)
                ran.append(None)
            manager._providers.pop().end(PATIENCE)
            eventually(lambda: "Pair" not in client.types())
    assert ran == [None, None, 3]


def test_a_pools_process_ends_with_the_program_that_wanted_it(tmp_path):
    program = tmp_path / "wants.py"
    program.write_text(textwrap.dedent("""
        import os, sys, time
        from soho.managers import SyncManager
        if __name__ == "__main__":
            manager = SyncManager(sys.argv[1], allow_pickle=True)
            manager.connect()
            print(manager.Pool(1).apply(os.getpid), manager._providers[0].process.pid, flush=True)
            time.sleep(600)
        """))
    with SyncManager() as starter:
        with subprocess.Popen([sys.executable, program, starter.address], stdout=subprocess.PIPE, text=True) as wants:
            pids = wants.stdout.readline().split()
            wants.kill()
        assert len(pids) == 2
        eventually(lambda: not any(map(runs, pids)))


def with_mark(mark):
    """The processes that run and have it in their environment."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as environment, open(f"/proc/{pid}/stat") as stat:
                state, parent = stat.read().rpartition(")")[2].split()[:2]
                if state != "Z" and mark.encode() in environment.read():
                    found[int(pid)] = int(parent)
        except OSError:
            pass
    return found


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("killed", ["its group by SIGTERM", "host and program", "workers, then program", "workers, then host"])
def test_a_pool_leaves_no_process(tmp_path, method, killed):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent("""
        import multiprocessing, os, sys, time
        from soho.managers import SyncManager
        if __name__ == "__main__":
            manager = SyncManager(ctx=multiprocessing.get_context(sys.argv[1]))
            manager.start()
            pool = manager.Pool(2)
            print(manager._process.pid, manager._providers[-1].process.pid, pool.apply(os.getpid), flush=True)
            time.sleep(600)
        """))
    mark = f"SOHO_TEST_MARK={tmp_path}/{method}"
    with subprocess.Popen([sys.executable, program, method], stdout=subprocess.PIPE, text=True, start_new_session=True,
                          env={**os.environ, "SOHO_TEST_MARK": f"{tmp_path}/{method}"}) as running:
        host, provider, worker = map(int, running.stdout.readline().split())
        try:
            workers = [pid for pid, parent in with_mark(mark).items() if parent == provider]
            assert worker in workers
            if "group" in killed:
                os.killpg(running.pid, signal.SIGTERM)
            if "workers" in killed:  # one that waits for work holds a lock
                os.kill(provider, signal.SIGSTOP)  # which would replace them
                for pid in workers:
                    os.kill(pid, signal.SIGKILL)
            if "host" in killed:
                os.kill(host, signal.SIGKILL)
            if "program" in killed:
                running.kill()
            if "workers" in killed:
                os.kill(provider, signal.SIGCONT)
            eventually(lambda: provider not in with_mark(mark))
            running.kill()
            eventually(lambda: not with_mark(mark))
        finally:
            for pid in with_mark(mark):
                os.kill(pid, signal.SIGKILL)


def test_a_pool_that_is_just_starting_a_worker_leaves_no_process(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent("""
        import multiprocessing, os, time
        from soho.managers import SyncManager

        def take_long():
            if os.path.exists(__file__ + ".slow"):
                time.sleep(4)  # longer than a provider waits for an ordinary end

        os.register_at_fork(after_in_parent=take_long)
        manager = SyncManager(ctx=multiprocessing.get_context("fork"))
        manager.start()
        pool = manager.Pool(1)
        print(manager._providers[-1].process.pid, pool.apply(os.getpid), flush=True)
        time.sleep(600)
        """))
    mark = f"SOHO_TEST_MARK={tmp_path}"
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "SOHO_TEST_MARK": str(tmp_path)}) as running:
        provider, worker = map(int, running.stdout.readline().split())
        (tmp_path / "program.py.slow").touch()
        try:
            os.kill(worker, signal.SIGKILL)  # which is replaced
            eventually(lambda: provider in {parent for pid, parent in with_mark(mark).items() if pid != worker})
            running.kill()
            eventually(lambda: provider not in with_mark(mark))
            eventually(lambda: not with_mark(mark))
        finally:
            for pid in with_mark(mark):
                os.kill(pid, signal.SIGKILL)


def test_a_pool_of_a_server(tmp_path):
    program = tmp_path / "server.py"
    program.write_text(textwrap.dedent("""
        import sys
        from soho.managers import SyncManager
        if __name__ == "__main__":
            server = SyncManager(sys.argv[1], allow_pickle=True).get_server()
            print("ready", flush=True)
            server.serve_forever()
        """))
    with subprocess.Popen([sys.executable, program, str(tmp_path / "s")], stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout.readline() == "ready\n"
        manager = SyncManager(str(tmp_path / "s"), allow_pickle=True)
        manager.connect()
        with manager.Pool(1) as pool:
            assert pool.map(abs, [-1, 2]) == [1, 2] and not manager._providers
            assert list(pool.imap(abs, [-1])) == [1]
        manager._space.request("soho.shutdown")
        assert serving.wait(PATIENCE) == 0


class Ours(SyncManager):
    pass


Ours.register("PriorityQueue", queue.PriorityQueue)
Ours.register("list", Pair, exposed=["get_x"])


def test_a_class_of_ones_own_instead_of_the_managers():
    with Ours() as manager:
        ours = manager.PriorityQueue()
        for item in (3, 1, 2):
            ours.put(item)
        assert [ours.get() for _ in range(3)] == [1, 2, 3]
        assert "typeid 'PriorityQueue'" in repr(ours) and type(ours).__name__ == "AutoProxy[PriorityQueue]"
        assert str(ours).startswith("<queue.PriorityQueue object")
        assert manager.list(7).get_x() == 7
        shared = manager.dict(queue=ours)
        ours.put(5)
        assert shared["queue"].get() == 5 and pickle.loads(pickle.dumps(ours)).empty()
        connected, plain = Ours(manager.address), SyncManager(manager.address)
        connected.connect(), plain.connect()
        assert connected.list(4).get_x() == 4
        assert plain.list([1])[0] == 1


@pytest.fixture
def host():
    host = Host(os.path.join(os.environ["SOHO_PLUGINS"], "sync.so"))
    yield host
    host.stop()


def test_providers_of_ones_own(host):
    registered = soho.Provider(host.address, name="pairs")
    registered.register("Pair", Pair)
    registered.register("current", callable=lambda: pair)
    other = soho.Provider(host.address)
    other.register("Other", Pair, exposed=["get_x"])
    with registered, other, soho.Client(host.address) as client:
        assert {"Pair", "current", "Other", "list"} <= set(client.types())
        made = client.create("Pair", 3)
        assert made.get_x() == 3
        assert client.create("current").get_y() == 6  # which is open: each object decides
        assert client.create("Other", 4).get_x() == 4
        here = client.create("list")
        here.append(made)
        assert here[0].get_x() == 3
        kept = weakref.ref(registered._objects.held[1].thing)
        del made
        here.clear()
        eventually(lambda: gc.collect() is not None and kept() is None)
        with pytest.raises(soho.RemoteError, match='a plugin or provider named "pairs" is there already, from session'):
            again = soho.Provider(host.address, name="pairs")
            again.start()
    eventually(lambda: "Pair" not in soho.Client(host.address).types())


def test_objects_call_objects_of_other_providers_and_plugins(host):
    class Keeper:
        def __init__(self):
            self.kept = None

        def keep(self, thing):
            self.kept = thing

        def x(self):
            return self.kept.get_x()

    pairs, keepers = soho.Provider(host.address, name="a"), soho.Provider(host.address, name="b")
    pairs.register("Pair", Pair)
    keepers.register("Keeper", Keeper)
    with pairs, keepers, soho.Client(host.address) as client:
        keeper, made = client.create("Keeper"), client.create("Pair", 8)
        keeper.keep(made)
        del made
        assert keeper.x() == 8  # which it keeps alive


def test_an_object_that_takes_long_to_go_holds_up_nobody(host):
    going, may_go = threading.Semaphore(0), threading.Event()

    class Lingering:
        def __del__(self):
            going.release()
            may_go.wait()

    provider = soho.Provider(host.address)
    provider.register("Lingering", Lingering)
    provider.register("Pair", Pair)
    with provider, soho.Client(host.address) as client:
        made = client.create("Pair", 3)
        try:
            for _ in range(3):  # the first is noticed, the others are known to
                client.create("Lingering")
                gc.collect()
                client.ping()
                assert going.acquire(timeout=PATIENCE)
                assert soho.options(made, timeout=PATIENCE).get_x() == 3
        finally:
            may_go.set()


def test_a_call_beyond_the_threads_of_a_provider_is_refused(host, monkeypatch):
    monkeypatch.setattr(soho._call_threads, "_THREADS_MAX", 2)
    may_go, entered = threading.Event(), threading.Semaphore(0)

    class Gate:
        def wait(self):
            entered.release()
            return may_go.wait(2 * PATIENCE)

        def open(self):
            may_go.set()

    provider = soho.Provider(host.address)
    provider.register("Gate", Gate)
    with provider, soho.Client(host.address) as client:
        gate = client.create("Gate")
        waiting = []
        for number in range(3):  # the first has taken the thread that read it
            waiting.append(threading.Thread(target=gate.wait))
            waiting[-1].start()
            assert entered.acquire(timeout=PATIENCE)
            eventually(lambda: ("Gate", "wait") in provider._threads.slow)
        with pytest.raises(soho.NotStarted, match="2 calls of methods that take long run in this provider"):
            gate.wait()
        gate.open()  # who frees the others is served
        for thread in waiting:
            thread.join()
        eventually(lambda: provider._threads._idle == provider._threads.count)  # a moment after they have replied
        assert gate.wait() is True
        assert not provider._served


def test_a_refusal_that_the_host_does_not_read_yet_holds_up_nobody(host, monkeypatch):
    monkeypatch.setattr(soho._call_threads, "_THREADS_MAX", 1)
    may_go, refusing, may_refuse = threading.Event(), threading.Event(), threading.Event()

    class Gate:
        def wait(self):
            return may_go.wait(2 * PATIENCE)

        def open(self):
            may_go.set()

    class Slow(soho.Provider):
        def _send(self, frame):
            if b"overloaded" in frame:
                refusing.set()
                may_refuse.wait()
            super()._send(frame)

    provider = Slow(host.address)
    provider.register("Gate", Gate)
    with provider, soho.Client(host.address) as client:
        gate = client.create("Gate")
        calls = [threading.Thread(target=gate.wait) for _ in range(2)]
        for call in calls:
            call.start()
            eventually(lambda: ("Gate", "wait") in provider._threads.slow)
        eventually(lambda: len(provider._served) == 2)

        def refused():
            with pytest.raises(soho.NotStarted):
                gate.wait()

        calls.append(threading.Thread(target=refused))
        calls[-1].start()
        assert refusing.wait(PATIENCE)
        try:
            soho.options(gate, timeout=PATIENCE).open()
        finally:
            may_go.set()
            may_refuse.set()
            for call in calls:
                call.join()


def test_who_sends_when_the_connection_ends_is_let_go(host):
    ours, hosts = socket.socketpair()
    connection = types.SimpleNamespace(socket=ours, close=ours.close)
    provider = soho.Provider(host.address)
    provider._connection = connection
    sender = threading.Thread(target=provider._send, args=(b"x" * 10_000_000,), daemon=True)
    sender.start()
    assert hosts.recv(1) == b"x"
    provider._end(connection)
    sender.join(PATIENCE)
    assert not sender.is_alive() and ours.fileno() == -1
    hosts.close()


def test_a_method_sees_that_nobody_waits_any_more(host):
    begun, seen, may_go = threading.Event(), threading.Event(), threading.Event()

    class Patient:
        def wait(self):
            begun.set()
            while not soho.cancelled():
                if may_go.wait(0.01):
                    return
            seen.set()

        def fine(self):
            return soho.cancelled()

    provider = soho.Provider(host.address)
    provider.register("Patient", Patient)
    with provider, soho.Client(host.address) as client:
        patient = client.create("Patient")

        def has_begun():
            with pytest.raises(TimeoutError):
                soho.options(patient, timeout=0.2).wait()
            return begun.is_set()

        try:
            eventually(has_begun)
            assert seen.wait(PATIENCE)
            assert patient.fine() is False
        finally:
            may_go.set()
    assert soho.cancelled() is False


class Locker:
    """Uses what it is given."""

    def take(self, lock):
        return lock.acquire(timeout=PATIENCE)

    def append_and_look(self, shared):
        shared.append([1, [2, "x" * 100]])
        return len(shared), shared[0]

    def wrong(self, shared):
        return shared[99]

    def get(self, queue):
        return queue.get()

def test_what_a_method_takes_belongs_to_its_caller(host):
    provider = soho.Provider(host.address)
    provider.register("Locker", Locker)
    with provider, soho.Client(host.address) as client:
        locker, lock = client.create("Locker"), client.create("RLock")
        for _ in range(3):  # the first is run by the thread that reads, the others are not
            assert locker.take(lock) is True
        for _ in range(3):
            lock.release()  # which only its owner can
        with pytest.raises((RuntimeError, AssertionError)):
            lock.release()
        shared = client.create("list")
        assert locker.append_and_look(shared) == (1, [1, [2, "x" * 100]])
        with pytest.raises(IndexError):
            locker.wrong(shared)
        assert not provider._served and not provider._asked


def test_a_method_that_waits_elsewhere_has_its_callers_deadline(host):
    provider = soho.Provider(host.address)
    provider.register("Locker", Locker)
    with provider, soho.Client(host.address) as client:
        locker, empty = client.create("Locker"), client.create("Queue")
        for _ in range(2):
            with pytest.raises(TimeoutError):
                soho.options(locker, timeout=0.1).get(empty)
            eventually(lambda: not provider._served)  # it does not wait on


def test_a_provider_that_may_not(host):
    with pytest.raises(ValueError, match="gives objects of the type 'Nothing', which is not registered"):
        wrong = soho.Provider(host.address)
        wrong.register("Pair", Pair, method_to_typeid={"swapped": "Nothing"})
        wrong.start()
    with pytest.raises(soho.RemoteError, match="typeid .list. is taken by plugin sync"):
        taken = soho.Provider(host.address)
        taken.register("list", Pair)
        taken.start()


ECHO = """
import sys
import soho
class Echo:
    def __init__(self, made_by=None): self.calls = 0
    def echo(self, value):
        self.calls += 1
        return value
    def again(self): return self
provider = soho.Provider(sys.argv[1])
provider.register("Echo", Echo, method_to_typeid={"again": "Echo"})
provider.start()
print("ready", flush=True)
provider.serve_forever()
"""


def test_providers_that_are_killed_and_stopped_under_load():
    """Every answer is right, or says that the provider has gone; others are served meanwhile; nothing is left."""
    host = Host(os.path.join(os.environ["SOHO_PLUGINS"], "pair.so"))
    gauges = host.at_rest(0)
    tally = collections.Counter()
    wrong = []
    over = threading.Event()

    def healthy():
        with soho.Client(host.address) as client:
            made = client.create("Pair", 1, 2)
            while not over.is_set():
                if made.get_x() != 1:
                    wrong.append("pair")
                tally["pair"] += 1

    def calls(number):
        with soho.Client(host.address) as client:
            made, at = None, 0
            while not over.is_set():
                at += 1
                try:
                    made = made or client.create("Echo")
                    sent = [number, at, "x" * (at % 1000)]
                    if soho.options(made, timeout=0.3).echo(sent) != sent:
                        wrong.append((number, at))
                    tally["echo"] += 1
                    if at % 10 == 0:
                        made = soho.options(made, timeout=0.3)._callmethod("again") if at % 20 else client.create("Echo")
                except TimeoutError:
                    tally["timeout"] += 1
                except soho.RemoteError as error:
                    if error.kind not in ("unavailable", "no_type"):
                        wrong.append(error)
                    tally[error.kind] += 1
                    made = None
                    time.sleep(0.002)

    def guarded(work, *args):
        try:
            work(*args)
        except BaseException as error:  # noqa: BLE001
            wrong.append(error)

    def come_true(condition):
        eventually(lambda: wrong or condition())
        assert not wrong, wrong[:5]

    threads = [threading.Thread(target=guarded, args=(healthy,)),
               *(threading.Thread(target=guarded, args=(calls, number)) for number in range(4))]
    for thread in threads:
        thread.start()
    try:
        for turn in range(8):
            with subprocess.Popen([sys.executable, "-c", ECHO, host.address], stdout=subprocess.PIPE) as provider:
                try:
                    assert provider.stdout.readline() == b"ready\n"
                    served, others = tally["echo"], tally["pair"]
                    come_true(lambda: tally["echo"] >= served + 100 and tally["pair"] >= others + 100)
                    if turn % 2:
                        provider.send_signal(signal.SIGSTOP)
                        late, others = tally["timeout"], tally["pair"]
                        come_true(lambda: tally["timeout"] >= late + 4 and tally["pair"] >= others + 100)
                        if turn % 4 == 1:
                            provider.send_signal(signal.SIGCONT)
                            served = tally["echo"]
                            come_true(lambda: tally["echo"] >= served + 100)
                finally:
                    provider.kill()
            come_true(lambda: "Echo" not in [each["type"] for each in host.admin.do("soho.types")])
        come_true(lambda: tally["unavailable"] and tally["no_type"])
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not wrong, wrong[:5]
    assert tally["unavailable"] > 0 and tally["no_type"] > 0 and tally["pair"] > 1000, tally
    gc.collect()
    host.back_at(gauges)
    host.stop()
