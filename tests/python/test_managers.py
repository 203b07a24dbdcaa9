"""BaseManager and SyncManager: their life, what they register, and all that SyncManager shares."""
import array
import copy
import errno
import multiprocessing
import os
import pathlib
import queue
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from soho_e2e import PAIR, PATIENCE, Host, eventually

import soho
from soho import managers
from soho._connection import Connection
from soho.managers import BaseManager, BaseProxy, MakeProxyType, RemoteError, SessionLost, SyncManager, Token


# ---- life


def test_the_states_of_a_manager():
    manager = SyncManager(shutdown_timeout=PATIENCE)
    with pytest.raises(AssertionError, match="server not yet started"):
        manager.list()
    with pytest.raises(TypeError, match="callable"):
        manager.start(initializer=5)
    manager.start()
    assert os.path.exists(manager.address) and manager._process.is_alive()
    with pytest.raises(multiprocessing.ProcessError, match="Already started server"):
        manager.start()
    shared = manager.list([1])
    process, directory = manager._process, os.path.dirname(manager.address)
    manager.shutdown()
    manager.shutdown()
    assert process.exitcode == 0 and not os.path.exists(directory)
    with pytest.raises(AssertionError, match="server not yet started"):
        manager.list()
    with pytest.raises(EOFError):
        shared.append(1)
    with pytest.raises(multiprocessing.ProcessError, match="Manager has shut down"):
        manager.start()


def test_with_starts_and_shuts_down():
    with SyncManager(shutdown_timeout=PATIENCE) as manager:
        process = manager._process
        assert manager.dict(a=1).copy() == {"a": 1}
    assert process.exitcode == 0
    with pytest.raises(multiprocessing.ProcessError):
        manager.__enter__()


def test_a_manager_that_goes_takes_its_host_along():
    manager = SyncManager()
    manager.start()
    process = manager._process
    del manager
    eventually(lambda: process.exitcode is not None)


def test_the_host_ends_with_a_parent_that_is_killed():
    program = ("from soho.managers import SyncManager; import time; m = SyncManager(); m.start(); print(m._process.pid, flush=True);"
               "time.sleep(1000)")
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()

    def is_gone():
        try:
            return "\nState:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return True

    eventually(is_gone)


def test_ctrl_c_is_not_for_the_host():
    with SyncManager() as manager:
        shared = manager.list([1])
        assert os.getpgid(manager._process.pid) != os.getpgid(0)
        assert shared[0] == 1


def test_the_initializer_runs_in_the_hosts_process():
    manager = SyncManager()
    manager.start(initializer=os.nice, initargs=(3,))
    with manager:
        assert os.getpriority(os.PRIO_PROCESS, manager._process.pid) == os.getpriority(os.PRIO_PROCESS, 0) + 3


def test_over_tcp_with_an_authkey():
    with SyncManager(("127.0.0.1", 0), authkey=b"abracadabra") as manager:
        host, port = manager.address
        assert (host, port > 0) == ("127.0.0.1", True)
        shared = manager.dict(a=1)
        other = SyncManager(manager.address, authkey=b"abracadabra")
        other.connect()
        assert other.dict(shared).copy() == {"a": 1}
        stranger = SyncManager(manager.address, authkey=b"open sesame")
        with pytest.raises(multiprocessing.AuthenticationError):
            stranger.connect()


def test_get_server_serves_until_it_is_shut_down(tmp_path):
    program = ("import sys; from soho.managers import SyncManager; server = SyncManager(sys.argv[1]).get_server(); print(flush=True);"
               "server.serve_forever()")
    path = str(tmp_path / "socket")
    process = subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"\n"
    other = SyncManager(path)
    other.connect()
    assert "shutdown" not in other.__dict__, "as in the standard library, only what has started a host can end it"
    assert list(other.list([1, 2])) == [1, 2]
    other._space.request("soho.shutdown")
    assert process.wait(PATIENCE) == 0
    process.stdout.close()


def test_a_host_that_cannot_start_says_why(tmp_path):
    with pytest.raises(RuntimeError, match=r"sohod has not started.*nowhere"):
        SyncManager(str(tmp_path / "nowhere" / "socket")).start()
    with SyncManager(str(tmp_path / "socket")), pytest.raises(OSError, match="another host listens there") as there:
        SyncManager(str(tmp_path / "socket")).start()
    assert there.value.errno == errno.EADDRINUSE
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="already in use") as there:
        SyncManager(taken.getsockname()).start()
    assert there.value.errno == errno.EADDRINUSE
    with pytest.raises(TypeError, match="authkey must be bytes, or a soho.Key"):
        SyncManager(authkey="secret")
    with pytest.raises(TypeError, match="key must be a soho.Key, such as soho.Key.from_file"):
        soho.Client(str(tmp_path / "socket"), key="keys")
    with pytest.raises(FileNotFoundError, match="SOHO_PLUGINS"):
        BaseManager(plugins=["no-such-plugin"]).start()


def test_connect_says_where_nobody_listens(tmp_path):
    with pytest.raises(FileNotFoundError, match="no host at unix:.*: No such file"):
        SyncManager(str(tmp_path / "socket")).connect()
    with pytest.raises(ConnectionRefusedError, match="no host at tcp:127.0.0.1:1"):
        SyncManager(("127.0.0.1", 1)).connect()


def test_connect_finds_the_host_that_is_there_now(tmp_path):
    """Though this program still has a connection to another, which ran there before."""
    address = f"unix:{tmp_path}/s"
    pairs = []
    for _ in range(2):
        host = Host(PAIR, listen=address)
        try:
            manager = BaseManager(address)
            manager.connect()
            pairs.append(manager.open("pair"))
            assert pairs[-1].get_x() == 5
            pairs[-1].set_x(6)
        finally:
            host.stop()
    with pytest.raises(FileNotFoundError):
        manager.connect()
    for lost in pairs:
        with pytest.raises(SessionLost):
            lost.get_x()


def test_threads_find_it_together(tmp_path, monkeypatch):
    """None joins the session of the host that was there before, while another is finding out that it has gone."""
    address = f"unix:{tmp_path}/s"
    manager = BaseManager(address)
    failures = []

    def connect():
        try:
            manager.connect()
        except BaseException as failure:  # noqa: BLE001
            failures.append(failure)

    is_dead = Connection.is_dead
    monkeypatch.setattr(Connection, "is_dead", lambda self: (is_dead(self), time.sleep(0.02))[0])
    for _ in range(2):
        host = Host(PAIR, listen=address)
        try:
            threads = [threading.Thread(target=connect) for _ in range(4)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
        finally:
            host.stop()
        assert not failures


def test_addresses_that_are_none():
    for address, words in (("tcp:nowhere", "tcp:HOST:PORT"), ("\0abstract", "abstract"), ("unix:", "unix:PATH"), ("word", "not an address")):
        with pytest.raises(ValueError, match=words):
            SyncManager(address).connect()


# ---- register


def test_registered_types_are_the_hosts(host):
    class PairManager(BaseManager):
        pass

    PairManager.register("get_pair")
    PairManager.register("Pair", exposed=("get_x",))
    PairManager.register("get_pair_ro", create_method=False)
    assert not hasattr(BaseManager, "get_pair") and not hasattr(PairManager, "get_pair_ro")
    manager = PairManager(host.address)
    manager.connect()
    pair = manager.get_pair()
    assert type(pair).__name__ == "AutoProxy[get_pair]"
    pair.set_x(7)
    assert manager.get_pair().get_x() == 7 == manager.open("shared_pair").get_x()
    own = manager.Pair(1, y=2)
    assert own.get_x() == 1
    with pytest.raises(AttributeError):
        own.set_x(2)  # not on this proxy …
    own._callmethod("set_x", (2,))  # … though the host exposes it
    assert own.get_x() == 2
    with pytest.raises(AttributeError, match="exposes no method \"nothing\"") as caught:
        own._callmethod("nothing")
    assert isinstance(caught.value.__cause__, RemoteError)
    pair.set_x(5)


def test_a_proxytype_of_ones_own(host):
    class PairProxy(BaseProxy):
        _exposed_ = ("get_x", "get_y", "set_x", "set_y")

        def get_x(self):
            return self._callmethod("get_x")

        def swap(self):
            x, y = self.get_x(), self._callmethod("get_y")
            self._callmethod("set_x", (y,))
            self._callmethod("set_y", (x,))

    class PairManager(BaseManager):
        pass

    PairManager.register("Pair", proxytype=PairProxy)
    manager = PairManager(host.address)
    manager.connect()
    pair = manager.Pair(1, 2)
    pair.swap()
    assert (type(pair), pair.get_x()) == (PairProxy, 2)
    assert not hasattr(pair, "get_y")


def test_method_to_typeid_chooses_the_proxys_class(host):
    class MyIterator(managers.IteratorProxy):
        pass

    class Manager(BaseManager):
        pass

    Manager.register("dict", proxytype=managers.DictProxy, method_to_typeid={"__iter__": "Mine"})
    Manager.register("Mine", proxytype=MyIterator, create_method=False)
    manager = Manager(host.address)
    manager.connect()
    assert type(iter(manager.dict({"a": 1}))) is MyIterator


def test_wrong_registrations_and_serializers():
    class Manager(BaseManager):
        pass

    with pytest.raises(TypeError, match="not the one text"):
        Manager.register("Maths", exposed="get")
    with pytest.raises(ValueError, match="serializer"):
        BaseManager(serializer="json")


def test_a_type_that_the_host_lacks(manager):
    class Manager(SyncManager):
        pass

    Manager.register("lst")
    with Manager() as other, pytest.raises(RemoteError, match='no type "lst"; did you mean "list"') as caught:
        other.lst()
    assert caught.value.kind == "no_type"


def test_names_from_a_host_are_not_trusted():
    from soho._proxy import is_usable_name

    assert all(map(is_usable_name, ("get", "__len__", "größe")))
    assert not any(map(is_usable_name, ("__class__", "__reduce__", "_private", "a b", "class", "x; import os", "", None, 5)))


# ---- proxies in general


def test_texts(manager):
    shared = manager.list([1, "a"])
    assert str(shared) == "[1, 'a']"
    assert repr(shared).startswith("<ListProxy object, typeid 'list' at 0x")
    event = manager.Event()
    assert repr(event).startswith("<EventProxy object, typeid 'Event' at 0x")
    token = shared._token
    assert str(token) == f"Token(typeid='list', address={manager.address!r}, id={token.id!r})"


def test_the_text_of_what_has_none(host):
    with soho.Client(host.address):
        manager = SyncManager(host.address)
        manager.connect()
        assert str(manager._create("Pair", 1, 2)).endswith("; '__str__()' failed>")


def test_equality_is_identity_and_copies(manager):
    one, other = manager.list([1]), manager.list([1])
    assert one != other and one == one and len({one, other}) == 2
    again = copy.copy(one)
    again.append(2)
    assert one[:] == [1, 2] and type(again) is type(one)
    assert copy.deepcopy(one) == [1, 2] == one._getvalue()
    assert manager.dict(a=1)._getvalue() == {"a": 1}
    assert manager.Array("d", [1])._getvalue() == array.array("d", [1])
    with pytest.raises(TypeError, match="nothing that gives a copy"):
        manager.Event()._getvalue()
    queue = manager.Queue()
    queue.put("precious")
    for copied in (queue._getvalue, lambda: copy.deepcopy({"q": queue})):
        with pytest.raises(TypeError, match="nothing that gives a copy"):
            copied()
    assert queue.qsize() == 1


def test_a_proxy_from_a_token(manager):
    shared = manager.list([1])
    token = Token("list", manager.address, shared._token.id)
    assert managers.ListProxy(token, "pickle", manager=manager)[:] == [1]
    assert managers.AutoProxy(Token("list", manager.address, shared._token.id), "pickle")[0] == 1


def test_make_proxy_type():
    made = MakeProxyType("Made", ("a", "b"))
    assert made is MakeProxyType("Made", ["a", "b"])
    assert issubclass(made, BaseProxy) and made._exposed_ == ("a", "b") and made.a.__name__ == "a"


def test_objects_go_with_their_last_proxy():
    with SyncManager() as manager:
        kept = [manager.list() for _ in range(50)]
        assert manager._number_of_objects() == 50
        assert f"{kept[0]._token.id}:       refcount=1" in manager._debug_info()
        del kept[10:]
        eventually(lambda: manager._number_of_objects() == 10)
        del kept
        eventually(lambda: manager._number_of_objects() == 0)


def test_objects_that_are_in_a_container_stay(manager):
    outer, inner = manager.list(), manager.list([1])
    outer.append(inner)
    del inner
    assert outer[0][:] == [1]
    outer[0].append(2)
    assert outer[0][:] == [1, 2]


# ---- what SyncManager shares


def test_list(manager):
    shared = manager.list(x * 2 for x in range(5))
    shared.append(7)
    assert (shared[:], shared[-1], shared[1:3], len(shared), 4 in shared) == ([0, 2, 4, 6, 8, 7], 7, [2, 4], 6, True)
    shared += iter([1])
    shared.sort(reverse=True)
    assert isinstance(shared, managers.ListProxy) and shared[:] == [8, 7, 6, 4, 2, 1, 0]
    shared *= 2
    assert len(shared) == 14 and shared + [5] == shared[:] + [5] and 2 * shared == shared[:] * 2
    del shared[1:]
    shared[0:1] = (x for x in (1, 2, 3))
    shared.insert(0, 9)
    shared.reverse()
    assert list(shared) == [3, 2, 1, 9] and list(reversed(shared)) == [9, 1, 2, 3]
    assert (shared.pop(), shared.index(2), shared.count(1)) == (9, 1, 1)
    shared.remove(2)
    shared.clear()
    with pytest.raises(IndexError, match="pop from empty list"):
        shared.pop()
    with pytest.raises(TypeError, match="sorted"):
        shared.sort(key=len)


def test_dict(manager):
    shared = manager.dict([("a", 1)], b=2)
    shared[(1, 2)] = {3}
    shared.update({"c": 3}, d=4)
    shared |= {"e": 5}
    assert shared.copy() == {"a": 1, "b": 2, (1, 2): {3}, "c": 3, "d": 4, "e": 5}
    assert (shared.keys()[:2], shared.values()[:2], shared.items()[2]) == (["a", "b"], [1, 2], ((1, 2), {3}))
    assert list(shared)[2] == (1, 2) and (shared.get("x", 5), shared.setdefault("a", 9), shared.pop("e")) == (5, 1, 5)
    assert shared.popitem() == ("d", 4) and "c" in shared and len(shared) == 4
    with pytest.raises(KeyError) as caught:
        shared["nothing"]
    assert caught.value.args == ("nothing",)
    with pytest.raises(TypeError, match="unhashable"):
        shared[[1]] = 1
    walk = iter(shared)
    next(walk)
    shared["new"] = 1
    with pytest.raises(RuntimeError, match="dictionary changed size during iteration"):
        next(walk)


def test_set(manager):
    shared = manager.set([1, 2])
    shared.add(3)
    shared |= {4}
    shared -= {1}
    assert set(shared) == {2, 3, 4} == shared.copy() and shared & {2} == {2} and len(shared) == 3


def test_namespace(manager):
    shared = manager.Namespace(x=1)
    shared.y = "a"
    shared._own = 5
    assert (shared.x, shared.y, shared._own, str(shared)) == (1, "a", 5, "Namespace(x=1, y='a')")
    del shared.x
    with pytest.raises(AttributeError, match="'Namespace' object has no attribute 'x'"):
        shared.x
    other = copy.copy(shared)
    assert other.y == "a" and not hasattr(other, "_own")
    assert vars(shared._getvalue()) == {"y": "a"}


def test_value_and_array(manager):
    value = manager.Value("i", 3)
    value.value += 1
    assert (value.get(), value.value, value.add(2)) == (4, 4, 6)
    numbers = manager.Array("i", range(4))
    numbers[1] = 9
    assert (len(numbers), numbers[1], numbers[1:3], list(numbers)) == (4, 9, array.array("i", [9, 2]), [0, 9, 2, 3])
    numbers[0:2] = array.array("i", [7, 8])
    with pytest.raises(OverflowError):
        numbers[0] = 1 << 40
    with pytest.raises(IndexError):
        numbers[4]


def test_queues(manager):
    items = manager.Queue(maxsize=1)
    items.put(("a", 1))
    assert items.full() and items.qsize() == 1
    with pytest.raises(queue.Full):
        items.put(1, timeout=0.01)
    with pytest.raises(queue.Full):
        items.put_nowait(1)
    assert items.get() == ("a", 1)
    items.task_done()
    items.join()
    with pytest.raises(ValueError, match="task_done"):
        items.task_done()
    with pytest.raises(queue.Empty):
        items.get(False)
    with pytest.raises(queue.Empty):
        manager.JoinableQueue().get(timeout=0.01)
    last_first = manager.LifoQueue()
    last_first.put(1), last_first.put(2)
    assert last_first.get() == 2


def test_locks(manager):
    lock = manager.Lock()
    with lock as acquired:
        assert acquired is True and lock.locked() and not lock.acquire(False) and not lock.acquire(timeout=0.01)
    with pytest.raises(RuntimeError):
        lock.release()
    with pytest.raises(ValueError):
        lock.acquire(False, 1)
    semaphore = manager.BoundedSemaphore(1)
    semaphore.acquire()
    semaphore.release()
    with pytest.raises(ValueError, match="released too many times"):
        semaphore.release()
    with pytest.raises(AttributeError):
        semaphore.get_value


def test_event_barrier_condition(manager):
    event = manager.Event()
    assert not event.wait(0.01)
    event.set()
    assert event.is_set() and event.wait()
    barrier = manager.Barrier(2)
    waits = threading.Thread(target=barrier.wait)
    waits.start()
    assert barrier.wait() in (0, 1) and barrier.parties == 2 and not barrier.broken and barrier.n_waiting == 0
    waits.join()
    barrier.abort()
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait()
    with pytest.raises(NotImplementedError, match="wait\\(\\) returns 0"):
        manager.Barrier(2, print)
    for lock in (None, manager.Lock(), manager.RLock()):
        condition = manager.Condition(lock) if lock is not None else manager.Condition()
        state = manager.Value("i", 0)

        def change():
            with condition:
                state.value = 1
                condition.notify_all()

        changes = threading.Thread(target=change)
        with condition:
            changes.start()
            assert condition.wait_for(lambda: state.value == 1, PATIENCE)
            assert not condition.wait_for(lambda: False, 0.01)
        changes.join()
    with pytest.raises(RuntimeError):
        manager.Condition().notify()


def test_threads_own_what_they_acquire(manager):
    lock = manager.RLock()
    assert lock.acquire() and lock.acquire()
    tried = []

    def other():
        tried.append(lock.acquire(False))
        try:
            lock.release()
        except RuntimeError as error:
            tried.append(str(error))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert tried[0] is False and "un-acquired" in tried[1]
    lock.release(), lock.release()
    assert not lock.locked()


def test_a_lock_outlives_the_thread_that_took_it(manager):
    lock = manager.Lock()
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    thread.join()
    assert not lock.acquire(False)
    lock.release()


def test_a_thread_that_waits_holds_up_nobody(manager):
    items, results = manager.Queue(), manager.list()
    waiting = [threading.Thread(target=lambda: results.append(items.get())) for _ in range(30)]
    for thread in waiting:
        thread.start()
    for number in range(30):
        assert len(results) <= number
        items.put(number)
    for thread in waiting:
        thread.join()
    assert sorted(results) == list(range(30))
    assert len(manager._space.session._open) <= 31
    eventually(lambda: len(results) == 30 and len(manager._space.session._idle) <= 8)


def test_many_threads_at_once():
    def count():
        try:
            for _ in range(200):
                value.add(1)
                manager.list([1])
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    with SyncManager() as manager:
        value, failures = manager.Value("i", 0), []
        threads = [threading.Thread(target=count) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (failures, value.value) == ([], 1600)
        manager.list()  # what could not be given back at once goes with the next call
        eventually(lambda: manager._number_of_objects() == 1)


def test_an_interrupted_call_leaves_the_session_in_order(manager):
    items = manager.Queue()

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(5):
            with pytest.raises(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 0.02)
                items.get()
    finally:
        signal.signal(signal.SIGALRM, before)
    # A call that was interrupted while it was sent goes with its connection, which the host sees a moment later.
    eventually(lambda: manager._space.request("soho.stats")["calls_in_flight"] == 0)
    items.put(1)
    assert items.qsize() == 1, "no call that was interrupted waits on"
    assert items.get() == 1


def test_options(manager):
    event, lock = manager.Event(), manager.RLock()
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        soho.options(event, timeout=0.05).wait()
    assert time.monotonic() - begun < PATIENCE
    assert soho.options(lock, owner="me").acquire() and not lock.acquire(False)
    soho.options(lock, owner="me").release()
    with pytest.raises(ValueError, match="positive"):
        soho.options(event, timeout=0)
    soho.options(event, trace="abc").set()
    assert event.is_set()
