"""Proxies in other processes: as arguments, pickled, through queues, inherited by fork; and what is left when processes are killed."""
import concurrent.futures
import gc
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from soho_e2e import PATIENCE, eventually, freeze

import soho
from soho import _session
from soho.managers import SyncManager

METHODS = ("fork", "spawn", "forkserver")


def at_rest(manager):
    """Once what earlier tests left behind has gone: its host knows this process, and what this refers to."""
    session = manager._space.session

    def is_alone():
        gc.collect()
        stats = manager._space.request("soho.stats")
        return (stats["connections"], stats["references"]) == (len(session._open), len(session.live))

    eventually(is_alone)


@pytest.fixture
def counted(manager):
    """After the test, as many objects as before."""
    at_rest(manager)
    before = manager._number_of_objects()
    yield
    manager.list()
    eventually(lambda: gc.collect() >= 0 and manager._number_of_objects() == before)


def in_child(function):
    """What becomes of function() in a forked child: 0 if it returns."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function()
            code = 0
        except BaseException as error:  # noqa: BLE001
            os.write(2, f"in the child: {error!r}\n".encode())
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def fill(shared, items, number):
    shared[number] = os.getpid()
    items.append(number)
    shared[f"items {number}"] = items


@pytest.mark.parametrize("method", METHODS)
def test_as_arguments_of_a_process(manager, counted, method):
    context = multiprocessing.get_context(method)
    shared, items = manager.dict(), manager.list()
    processes = [context.Process(target=fill, args=(shared, items, number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert sorted(items) == [0, 1, 2]
    assert sorted(shared["items 0"]) == [0, 1, 2]
    assert {shared[number] for number in range(3)} == {process.pid for process in processes}


@pytest.mark.parametrize("method", METHODS)
def test_through_an_executor_and_a_queue(manager, counted, method):
    context = multiprocessing.get_context(method)
    items = manager.list([1, 2, 3])
    with concurrent.futures.ProcessPoolExecutor(2, context) as executor:
        assert list(executor.map(len, [items] * 4)) == [3] * 4
        made = executor.submit(next, iter([manager.list([5])])).result()
        assert made[:] == [5]
    pipe = context.Queue()
    pipe.put(manager.list([7]))
    assert pipe.get(timeout=PATIENCE)[:] == [7]
    pipe.close()
    pipe.join_thread()


def test_pickled_in_one_process(manager, counted):
    items = manager.list([1])
    data = pickle.dumps([items, items])
    del items
    one, other = pickle.loads(data)
    one.append(2)
    assert other[:] == [1, 2] and type(other) is type(one)
    event = pickle.loads(pickle.dumps(manager.Queue()))
    assert type(event).__name__ == "AutoProxy[Queue]" and event.empty()


def test_a_pickle_that_came_too_late(manager):
    data = pickle.dumps(manager.list([1]))
    pickle.loads(data)  # the ticket is good once, and nobody else keeps the object
    manager.list()
    with pytest.raises(soho.RemoteError, match="the proxy came too late: its sender keeps the object for 60 s"):
        eventually(lambda: pickle.loads(data) is None)


def test_pickles_while_the_sender_has_the_object(manager):
    items = manager.list([1])
    data = pickle.dumps(items)
    assert [pickle.loads(data)[0] for _ in range(5)] == [1] * 5


def test_nested_in_containers(manager, counted):
    outer = manager.dict()
    outer["list"] = manager.list([manager.Namespace(x=1), (manager.Value("i", 5),)])
    assert outer["list"][0].x == 1 and outer["list"][1][0].value == 5
    items = manager.Queue()
    items.put({"event": manager.Event()})
    items.get()["event"].set()
    del outer, items


def test_a_fork_opens_no_connection_until_it_is_used(manager):
    items = manager.list([1])
    at_rest(manager)
    before = manager._space.request("soho.stats")["connections"]
    here, there = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        here.close()
        there.send(b"x")
        there.recv(1)
        os._exit(0)
    there.close()
    assert here.recv(1) == b"x"
    assert manager._space.request("soho.stats")["connections"] == before
    here.close()
    assert os.waitpid(pid, 0)[1] == 0 and items[0] == 1


def test_a_child_of_fork_keeps_what_its_parent_drops(manager, counted):
    items = manager.list([42])
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(read, 1)
        try:
            os._exit(0 if items[:] == [42] else 2)
        except BaseException as error:  # noqa: BLE001
            os.write(2, repr(error).encode())
            os._exit(1)
    del items
    manager.list()
    os.write(write, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(read)
    os.close(write)


def test_a_child_that_comes_too_late_is_told_so(host, monkeypatch):
    monkeypatch.setattr(_session, "TICKET_TTL_MS", 1)
    with soho.Client(host.address) as client:
        items = client.create("list", [1])
        gone, read = multiprocessing.Event(), multiprocessing.Pipe()

        def too_late():
            gone.wait()
            try:
                items.append(2)
            except soho.NoObject as error:
                read[1].send(str(error))

        process = multiprocessing.get_context("fork").Process(target=too_late, daemon=True)
        process.start()
        del items
        client.ping()
        eventually(lambda: not [each for each in client.request("soho.objects") if each["type"] == "list"])
        gone.set()
        assert "inherited it by fork and used it too late" in read[0].recv()
        process.join()


def test_children_of_children(manager, counted):
    items = manager.list()

    def child():
        items.append("child")
        assert in_child(lambda: items.append("grandchild")) == 0
        items.append("child again")

    assert in_child(child) == 0
    assert items[:] == ["child", "grandchild", "child again"]


def test_a_child_drops_its_own_reference_only(manager):
    items, other = manager.list([1]), manager.list([2])

    def child():
        nonlocal items
        assert items[0] == 1
        items = None
        assert other[0] == 2

    assert in_child(child) == 0
    assert items[:] == [1]


def test_a_fork_in_the_middle_of_other_threads_calls(manager):
    items, value = manager.Queue(), manager.Value("i", 0)
    waits = threading.Thread(target=items.get)
    waits.start()
    ends = threading.Event()

    def calls():
        while not ends.is_set():
            value.add(1)

    busy = [threading.Thread(target=calls) for _ in range(3)]
    for thread in busy:
        thread.start()
    try:
        for _ in range(20):
            assert in_child(lambda: value.add(0)) == 0
    finally:
        ends.set()
        items.put(1)
        for thread in [waits, *busy]:
            thread.join()
    assert items.qsize() == 0


def test_nothing_is_left_of_a_killed_process(manager, counted):
    lock, items = manager.Lock(), manager.Queue()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            kept = [manager.list([number]) for number in range(100)]
            lock.acquire()
            threading.Thread(target=items.get, daemon=True).start()
            time.sleep(0.05)
            os.write(write, b"x")
            time.sleep(1000)
        finally:
            os._exit(len(kept))
    os.close(write)
    assert os.read(read, 1) == b"x"
    assert not lock.acquire(False)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert lock.acquire(timeout=PATIENCE), "the lock of a process that is dead is free again"
    items.put("for the living")
    assert items.get(timeout=PATIENCE) == "for the living"
    os.close(read)


def test_hundreds_of_proxies_are_inherited_at_once(manager, counted):
    kept = [manager.list([number]) for number in range(500)]
    assert in_child(lambda: [each[0] for each in kept] == list(range(500)) or os._exit(3)) == 0


def test_a_proxy_of_another_host(manager):
    with SyncManager() as other:
        items = manager.list([other.list([5])])  # as a pickle, for both hosts are this program's
        assert items[0][:] == [5]
    with soho.Client(manager.address) as plain, SyncManager() as other, pytest.raises(TypeError, match="an object of another host"):
        plain.create("list", [other.list()])


def test_a_program_that_is_no_relative(manager, tmp_path):
    """It gets a pickle through a file, as through any pipe."""
    items = manager.list([1])
    file = tmp_path / "pickle"
    file.write_bytes(pickle.dumps(items))
    done = subprocess.run([sys.executable, "-c", "import pickle, sys; pickle.load(open(sys.argv[1], 'rb')).append(2)", file], check=True)
    assert done.returncode == 0 and items[:] == [1, 2]


def test_a_manager_over_tcp_gives_its_key_to_children_it_spawns():
    with SyncManager(("127.0.0.1", 0), authkey=b"a key of its own") as manager:
        shared, items = manager.dict(), manager.list()
        process = multiprocessing.get_context("spawn").Process(target=fill, args=(shared, items, 1))
        process.start()
        process.join()
        assert items[:] == [1]
        assert b"a key of its own" not in pickle.dumps(items) and b"Login" not in pickle.dumps(items)


# ---- hosts that go


def test_a_restarted_host(tmp_path):
    path = str(tmp_path / "socket")
    first = SyncManager(path)
    first.start()
    user = SyncManager(path)
    user.connect()
    items = user.list([1])
    first.shutdown()
    with pytest.raises(soho.SessionLost):
        items.append(2)
    with SyncManager(path):
        with pytest.raises(soho.SessionLost, match="the object is gone"):
            items.append(2)
        assert user.list([3])[:] == [3], "the manager finds the new host by itself"


def test_a_host_that_is_none(tmp_path):
    """It answers what is not of the protocol."""
    for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xc1" * 10, b"\x94\x01\x01\xc0", b"\x92\x01\x02"):
        path = str(tmp_path / "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()

            def serve():
                with listener.accept()[0] as connection:
                    connection.recv(10000)
                    connection.sendall(answer)

            thread = threading.Thread(target=serve)
            thread.start()
            with pytest.raises(OSError, match="no host at .*(not of the protocol|has closed the connection)"):
                soho.Client(f"unix:{path}")
            thread.join()
        os.unlink(path)


def test_a_host_that_does_not_answer_stops_no_fork(monkeypatch):
    monkeypatch.setattr(_session, "FORK_TIMEOUT", 0.2)
    with SyncManager() as manager:
        items = manager.list([1])
        freeze(manager._process.pid)
        try:
            assert in_child(lambda: None) == 0
        finally:
            os.kill(manager._process.pid, signal.SIGCONT)
        assert items[:] == [1], "the session is as it was"
        assert in_child(lambda: items.append(2)) == 0
        assert items[:] == [1, 2]


def test_sessions_that_are_dropped_are_closed(host, lone_client):
    for _ in range(5):
        user = SyncManager(host.address)
        user.connect()
        kept = user.list()
    del user, kept
    eventually(lambda: lone_client.stats()["connections"] == 1)
