"""Python objects for a host's clients: this process offers types, and runs the calls that the host sends for them.

The thread that reads a call runs it, as that is fastest. One that takes long gets another thread to read on in its place, and calls of
that method have threads of their own from then on. So methods of one object may run at the same time, as in a multiprocessing manager:
what is shared takes care of itself, or of a lock.
"""
from __future__ import annotations

import itertools
import multiprocessing
import os
import queue
import re
import socket
import threading
import time
import weakref
from typing import Any, Callable, Mapping, Sequence

import msgpack

from soho import _address, _session
from soho._connection import READ_BYTES, Connection
from soho._login import Key, Login, Token, login_of
from soho._proxy import Space
from soho._session import Session, current
from soho._values import OWN, Codec
from soho.errors import RemoteError, SessionLost, exception_from

# How long a call may keep the thread that reads, in seconds; and how long a thread waits for work before it ends.
_LONG = 0.005
_IDLE = 10.0
# Threads for methods that take long: each may wait for what another call brings, so that a call beyond them is refused, not kept waiting
# for them. A thread takes about 30 KB; the systems that we know let a user have several times as many.
_THREADS_MAX = 2000

# What every object answers, whatever it exposes: for str(), _getvalue() and AutoProxy.
_ALWAYS = ("__repr__", "__str__", "__getvalue__", "__exposed__")
_ANY_ARGUMENTS = [{"name": "args", "kind": "args"}, {"name": "kwargs", "kind": "kwargs"}]


def public_methods(thing: Any) -> list[str]:
    """Those that are exposed where nobody says which."""
    return [name for name in dir(thing) if name[0] != "_" and callable(getattr(thing, name))]


class Hosted:
    """A type that a provider offers."""

    def __init__(self, typeid: str, callable: Callable[..., Any] | None = None, proxytype: Any = None,  # noqa: A002
                 exposed: Sequence[str] | None = None, method_to_typeid: Mapping[str, str] | None = None, create_method: bool = True):
        self.typeid = typeid
        self.callable = callable
        self.proxytype = getattr(proxytype, "__name__", None) if isinstance(proxytype, type) else None
        exposed = exposed if exposed is not None else getattr(proxytype, "_exposed_", None)
        if exposed is None and isinstance(callable, type):
            exposed = public_methods(callable)
        self.exposed = None if exposed is None else tuple(exposed)
        self.method_to_typeid = dict(method_to_typeid or getattr(proxytype, "_method_to_typeid_", None) or {})
        self.create_method = create_method

    def exposed_by(self, thing: Any) -> Sequence[str]:
        return public_methods(thing) if self.exposed is None else self.exposed

    def description(self, names: Mapping[str, str]) -> dict[str, Any]:
        """For the host; `names` are the typeids as the host has them."""
        methods = {}
        for name in dict.fromkeys((*(self.exposed or ()), *self.method_to_typeid, *_ALWAYS)):
            method: dict[str, Any] = {"args": _ANY_ARGUMENTS}
            if documentation := getattr(getattr(self.callable, name, None), "__doc__", None) if isinstance(self.callable, type) else None:
                method["doc"] = documentation
            if name in self.method_to_typeid:
                method["returns_typeid"] = names[self.method_to_typeid[name]]
            methods[name] = method
        description = {"type": names[self.typeid], "args": _ANY_ARGUMENTS, "methods": methods, "exposed": list(methods),
                       "create_method": self.create_method, "open": self.exposed is None}
        if self.proxytype is not None and self.proxytype.isidentifier():
            description["proxytype"] = self.proxytype
        if isinstance(self.callable, type) and self.callable.__doc__:
            description["doc"] = self.callable.__doc__
        return description


class _Object:
    """One that the host has handles of."""

    __slots__ = ("thing", "hosted", "count")

    def __init__(self, thing: Any, hosted: Hosted):
        self.thing, self.hosted, self.count = thing, hosted, 0


class _Home:
    """For codecs: proxies of the provider's session, and its own objects as they are."""

    def __init__(self, provider: Provider, space: Space):
        self.allow_pickle = space.allow_pickle
        self.handle_of, self.proxy = space.handle_of, space.proxy
        self.own = provider._thing
        self.space = space


class _Refusal(RemoteError):
    """Of the provider itself, not of a method."""


_REFUSALS = {"cancelled": 8, "overloaded": 9}


class Served:
    """A request that is being served."""

    __slots__ = ("msgid", "provider", "is_cancelled")

    def __init__(self, msgid: int, provider: Provider):
        self.msgid, self.provider, self.is_cancelled = msgid, provider, False

    def is_for(self, session: Session, home: Any) -> bool:
        """Whether a request of that session, for values of that home, can go by the connection of the offer: no other may name this one."""
        space = self.provider._home.space
        return session is self.provider._session and (home is space or (
            type(home) is type(space) and home.allow_pickle == space.allow_pickle
            and getattr(home, "registry", None) is getattr(space, "registry", None)))

    def exchange(self, home: Any, head: bytes, args: Any, options: dict[str, Any]) -> tuple[Any, Any, Exception | None]:
        """As the caller of this request: the error and the result, and what was wrong with the result's values."""
        return self.provider._exchange(home, head, args, {**options, "parent": self.msgid})


def cancelled() -> bool:
    """For a method of a hosted object: whether nobody waits for its result any more, as its caller cancelled the call, went away, or
    has had its deadline. Only the thread that runs the method may ask; elsewhere it is False."""
    served = current.served
    return served is not None and served.is_cancelled


class _Reader:
    """The thread that reads, until another one does."""

    __slots__ = ("busy_since", "called", "lost")

    def __init__(self) -> None:
        self.busy_since = 0.0
        self.called: Any = None
        self.lost = False


_providers: weakref.WeakSet[Provider] = weakref.WeakSet()


class Provider:
    """Offers types to the host at `address`, from start() to stop().

        provider = soho.Provider("unix:/run/user/1000/soho/sohod.sock")
        provider.register("Counter", Counter)
        provider.serve_forever()

    Raises PermissionError where the host does not give this program the right to provide. name: of the provider, as the host lists it
    among its plugins. key, token, tls_*, allow_pickle: as for soho.Client; where none is said, as whoever this program has logged in
    as there already.
    """

    def __init__(self, address: _address.AnyAddress = None, *, key: Key | None = None, token: Token | None = None,
                 tls_ca: str | None = None, tls_name: str | None = None, tls_certificate: str | None = None, tls_key: str | None = None,
                 name: str | None = None, allow_pickle: bool = False, login: Login | None = None,
                 space: Callable[[Session], Space] | None = None):
        said = (key, token, tls_ca, tls_name, tls_certificate, tls_key)
        if login is None and (any(said) or not _session.has_login(address)):
            login = login_of(address, *said)
        self._session = _session.session_at(address, login)
        self._name = name
        self._make_space = space or (lambda session: _plain_space(session, allow_pickle))
        self._types: dict[str, Hosted] = {}
        self._names: dict[str, str] = {}
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._objects: dict[int, _Object] = {}
        self._numbers: dict[tuple[int, str], int] = {}
        self._last_number = 0
        self._local = threading.local()
        self._reader = _Reader()
        self._slow: set[tuple[str, str]] = set()
        self._work: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._workers = self._idle_workers = 0
        self._served: dict[int, Served] = {}
        self._asked: dict[int, queue.SimpleQueue[Any]] = {}  # its own requests, by msgid
        self._msgids = itertools.count(2)
        self._watching = False
        self._wake = threading.Event()
        self._ended = threading.Event()
        _providers.add(self)

    def register(self, typeid: str, callable: Callable[..., Any] | None = None, proxytype: Any = None,  # noqa: A002
                 exposed: Sequence[str] | None = None, method_to_typeid: Mapping[str, str] | None = None, create_method: bool = True,
                 as_typeid: str | None = None) -> None:
        """As a manager's register(). A callable may be anything: a class, a function, a lambda, a bound method. None: the objects come
        from methods that are mapped to this typeid. as_typeid: what the host shall call it, where the name is taken there."""
        self.add(Hosted(typeid, callable, proxytype, exposed, method_to_typeid, create_method), as_typeid)

    def add(self, hosted: Hosted, as_typeid: str | None = None) -> None:
        if self._connection is not None:
            raise RuntimeError("this provider has made its offer: register all types before start()")
        self._types[hosted.typeid] = hosted
        self._names[hosted.typeid] = as_typeid or hosted.typeid

    def start(self) -> None:
        """Makes the offer; calls are run by threads of this process from here on."""
        welcome = self._session.connect()
        for hosted in self._types.values():
            for method, typeid in hosted.method_to_typeid.items():
                if typeid not in self._types:
                    raise ValueError(f"{hosted.typeid}.{method} gives objects of the type {typeid!r}, which is not registered")
        connection = Connection(self._session.address, self._session.login, (welcome.session, welcome.secret), "provider")
        connection.codec.home = self._home = _Home(self, self._make_space(self._session))
        self._frame_max, self._depth_max, self._items_max = (welcome.limits[limit] for limit in ("frame_bytes", "depth", "items"))
        first = re.sub(r"[^A-Za-z0-9_.]", "_", next(iter(self._names.values()), "nothing"))
        name = self._name or "python." + first.removeprefix("python.")
        offer = {"name": name, "types": [hosted.description(self._names) for hosted in self._types.values()]}
        error, _ = connection.exchange(connection.request("soho.offer", [offer]))
        if error is not None:
            connection.close()
            raise exception_from(error, "soho.offer")
        self._connection = connection
        self._session.provides = True
        threading.Thread(target=self._read, args=(self._reader,), name="soho-provider", daemon=True).start()
        threading.Thread(target=self._watch, name="soho-provider-watch", daemon=True).start()

    def serve_forever(self) -> None:
        """Until the host has gone, or stop()."""
        if self._connection is None:
            self.start()
        self._ended.wait()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it has ended, at the latest after so many seconds."""
        return self._ended.wait(timeout)

    def stop(self) -> None:
        """Takes the types away, and what clients still have of their objects."""
        if self._connection is not None:
            try:
                self._connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._ended.set()
        self._wake.set()

    def __enter__(self) -> Provider:
        """Starts it, if types are registered already; stops it at the end."""
        if self._types and self._connection is None:
            self.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self.stop()

    # -- objects

    def _hold(self, thing: Any, typeid: str) -> msgpack.ExtType:
        """A handle of it."""
        with self._lock:
            key = id(thing), typeid
            number = self._numbers.get(key)
            if number is None:
                number = self._last_number = self._last_number + 1
                self._numbers[key] = number
                self._objects[number] = _Object(thing, self._types[typeid])
            self._objects[number].count += 1
        return msgpack.ExtType(OWN, msgpack.packb((number, self._names[typeid])))

    def _release(self, number: int, count: int) -> list[_Object]:
        """What is to go, without the lock: this has the only reference of the provider's to it."""
        with self._lock:
            held = self._objects.get(number)
            if held is None:
                return []
            held.count -= count
            if held.count > 0:
                return []
            del self._objects[number], self._numbers[id(held.thing), held.hosted.typeid]
        return [held]

    def _thing(self, number: int) -> Any:
        return self._objects[number].thing

    # -- calls

    def _create(self, typeid: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> msgpack.ExtType:
        hosted = self._types[typeid]
        if hosted.callable is not None:
            return self._hold(hosted.callable(*args, **keywords), typeid)
        if keywords or len(args) != 1:
            raise ValueError("Without callable, must have one non-keyword argument")
        return self._hold(args[0], typeid)

    def _call(self, held: _Object, method: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        thing, hosted = held.thing, held.hosted
        if method not in hosted.exposed_by(thing):
            if method == "__repr__":
                return repr(thing)
            if method == "__str__":
                return str(thing)
            if method == "__getvalue__":
                return thing
            if method == "__exposed__":
                return list(hosted.exposed_by(thing))
            raise RemoteError(f"this {type(thing).__name__} exposes no method {method!r} (exposed: {', '.join(hosted.exposed_by(thing))})",
                              kind="no_method")
        result = getattr(thing, method)(*args, **keywords)
        typeid = hosted.method_to_typeid.get(method)
        return result if typeid is None else self._create(typeid, (result,), {})

    def _run(self, served: Served, request: str, params: Sequence[Any], failure: Exception | None) -> None:
        """One request, to its reply."""
        msgid, current.served = served.msgid, served
        try:
            if served.is_cancelled:
                raise _Refusal("cancelled before it began", kind="cancelled")
            if failure is not None:
                raise failure
            target, *rest = params
            options = rest[-1]
            if request == "soho.call":
                result = self._call(self._objects[target], rest[0], rest[1], options.get("kw") or {})
            else:
                result = self._create(self._typeid(target), rest[0], options.get("kw") or {})
            frame = self._reply(msgid, None, result)
        except BaseException as error:  # noqa: BLE001  whatever it is, it is the caller's
            frame = self._failure(msgid, error)
        current.served = None
        del self._served[msgid]
        self._send(frame)

    def _failure(self, msgid: int, error: BaseException) -> bytes:
        """A reply in any case: what an exception says of itself is the program's code too, and may fail, or be more than a reply holds."""
        try:
            return self._reply(msgid, _error(error), None)
        except BaseException as failure:  # noqa: BLE001
            name = type(error).__name__.encode("utf-8", "replace").decode()[:100]
            text = f"the method raised {name}, whose text cannot be sent ({type(failure).__name__} while it was made)"
            more = {"kind": "failed", "type": name}
            reply: bytes = msgpack.packb([1, msgid, [16, text.encode("utf-8", "replace").decode(), more], None])
            return reply

    def _typeid(self, name: str) -> str:
        return name if name in self._types and self._names[name] == name else next(
            typeid for typeid, there in self._names.items() if there == name)

    def _codec(self) -> Codec:
        codec: Codec | None = getattr(self._local, "codec", None)
        if codec is None:
            codec = self._local.codec = Codec()
            codec.home = self._home
        return codec

    def _exchange(self, home: Any, head: bytes, args: Any, options: dict[str, Any]) -> tuple[Any, Any, Exception | None]:
        """A request of the provider's, whose reply the thread that reads brings."""
        msgid, codec = next(self._msgids), self._codec()
        codec.home = home
        try:
            frame = b"\x94\x00" + codec.pack(msgid) + head + codec.pack(args) + codec.pack(options)
        finally:
            codec.home = self._home
        if len(frame) > self._depth_max and (why := self._too_much(frame, [0, 0, args, options])):
            raise RemoteError(f"the request is too large for the host: {why}", kind="limit")
        self._read_elsewhere()
        reply = self._asked[msgid] = queue.SimpleQueue()
        self._send(frame)
        if self._ended.is_set():
            reply.put(None)
        answer = reply.get()
        self._asked.pop(msgid, None)
        if answer is None:
            raise SessionLost(f"the connection to the host at {self._session.address.text} is lost, and the call may have run")
        error, result, failure = answer
        return error, result, failure

    def _read_elsewhere(self) -> None:
        """Where this thread is the one that reads: it cannot wait for what it would read itself."""
        reader = getattr(self._local, "reader", None)
        if reader is None:
            return
        with self._lock:
            if not reader.lost and not self._replace(reader):
                raise _Refusal("this provider has no thread for a call that calls", kind="overloaded")

    def _replace(self, reader: _Reader) -> bool:
        """Has another thread read, and calls like this one's begin elsewhere at once. Under the lock."""
        following = _Reader()
        if not _started(self._read, "soho-provider", following):
            return False
        self._slow.add(reader.called)
        reader.lost = True
        self._reader = following
        return True

    def _reply(self, msgid: int, error: Any, result: Any) -> bytes:
        codec = self._codec()
        frame: bytes = b"\x94\x01" + codec.pack(msgid) + codec.pack(error) + codec.pack(result)
        if len(frame) > self._depth_max and (why := self._too_much(frame, result)):
            raise RemoteError(f"the result is too large for the host: {why}", kind="limit")
        return frame

    def _too_much(self, frame: bytes, result: Any) -> str:
        """Which limit of the host it passes; a frame that does would end the connection."""
        if len(frame) > self._frame_max:
            return f"{len(frame)} bytes (frame_bytes)"
        level, items, depth = [result], 5, 2
        while level:
            deeper: list[Any] = []
            for value in level:
                if isinstance(value, dict):
                    items += 2 * len(value)
                    deeper.extend(value.keys())
                    deeper.extend(value.values())
                elif type(value) is list:
                    items += len(value)
                    deeper.extend(value)
            level = [value for value in deeper if isinstance(value, (list, dict))]
            depth += bool(deeper)
            if items > self._items_max:
                return f"more than {self._items_max} values (items)"
            if depth > self._depth_max:
                return f"nested deeper than {self._depth_max} (depth)"
        return ""

    def _send(self, frame: bytes) -> None:
        assert self._connection is not None
        try:
            with self._sending:
                self._connection.socket.sendall(frame)
        except OSError:
            self._ended.set()

    # -- threads

    def _read(self, reader: _Reader) -> None:
        """Reads and runs calls, as long as it is this thread's to do."""
        connection = self._connection
        assert connection is not None
        codec, receive = connection.codec, connection.socket.recv
        try:
            while True:
                try:
                    message = codec.next_message()
                except msgpack.OutOfData:
                    data = receive(READ_BYTES)
                    if not data:
                        break
                    codec.feed(data)
                    continue
                failure = codec.take_failure() if codec.failure is not None else None
                if message[0] == 1:
                    _, msgid, error, result = message
                    if (asked := self._asked.get(msgid)) is not None:
                        asked.put((error, result, failure))
                elif len(message) == 4:
                    if not self._take(reader, message, failure):
                        return
                elif message[1] == "soho.cancel":
                    if (served := self._served.get(message[2][0])) is not None:
                        served.is_cancelled = True
                elif message[1] == "soho.release":
                    if not self._let_go(reader, message[2]):
                        return
        except OSError:
            pass
        except BaseException:
            self._end(connection)
            raise
        self._end(connection)

    def _end(self, connection: Connection) -> None:
        """Callers hear of it from the host."""
        self._ended.set()
        self._wake.set()
        for asked in list(self._asked.values()):
            asked.put(None)
        connection.close()

    def _take(self, reader: _Reader, message: Sequence[Any], failure: Exception | None) -> bool:
        """Whether this thread reads on."""
        _, msgid, request, params = message
        called = (self._objects[params[0]].hosted.typeid, params[1]) if request == "soho.call" and params[0] in self._objects else (str(params[0]), "")
        served = self._served[msgid] = Served(msgid, self)
        if called not in self._slow:
            return self._run_watched(reader, called, self._run, served, request, params, failure)
        if not self._hand_on(self._run, served, request, params, failure):
            why = f"{self._workers} calls of methods that take long run in this provider, and it has no thread for another"
            self._run(served, request, params, _Refusal(why, kind="overloaded"))
        return True

    def _let_go(self, reader: _Reader, counts: Sequence[Sequence[int]]) -> bool:
        """Whether this thread reads on. An object's `__del__` is the program's code as a method is, and may take as long."""
        is_reading = True
        for number, count in counts:
            if gone := self._release(number, count):
                called = gone[0].hosted.typeid, "__del__"
                if called not in self._slow or not self._hand_on(gone.clear):
                    is_reading = self._run_watched(reader, called, gone.clear)
        return is_reading

    def _run_watched(self, reader: _Reader, called: tuple[str, str], run: Callable[..., None], *args: Any) -> bool:
        """Whether this thread reads on."""
        reader.called = called
        reader.busy_since = time.monotonic()
        if not self._watching:
            self._wake.set()
        self._local.reader = reader
        run(*args)
        self._local.reader = None
        with self._lock:
            reader.busy_since = 0.0
            return not reader.lost

    def _hand_on(self, *call: Any) -> bool:
        """False: there is no thread for it."""
        with self._lock:
            is_idle = self._idle_workers > 0
            self._idle_workers -= is_idle
            if not is_idle and self._workers >= _THREADS_MAX:
                return False
            self._workers += not is_idle
        if not is_idle and not _started(self._run_others, "soho-provider-call"):
            with self._lock:
                self._workers -= 1
            return False
        self._work.put(call)
        return True

    def _run_others(self) -> None:
        while True:
            try:
                call = self._work.get(timeout=_IDLE)
            except queue.Empty:
                with self._lock:
                    if self._idle_workers == 0:  # one is on its way to this thread
                        continue
                    self._idle_workers -= 1
                    self._workers -= 1
                return
            run, *args = call
            run(*args)
            del call, run, args
            with self._lock:
                self._idle_workers += 1

    def _watch(self) -> None:
        """Has another thread read where a call takes long."""
        while not self._ended.is_set():
            self._wake.clear()
            self._watching = False
            if not self._reader.busy_since:
                self._wake.wait()
            self._watching = True
            seen = -1.0
            while seen != 0.0 and not self._ended.is_set():
                time.sleep(_LONG)
                with self._lock:
                    reader = self._reader
                    since = reader.busy_since
                    if since and time.monotonic() - since > _LONG:
                        self._replace(reader)  # else at the next look
                seen = since

    def after_fork_in_child(self) -> None:
        """The parent's connection ends with the parent."""
        if self._connection is not None:
            self._connection.close()


def _started(run: Callable[..., None], name: str, *args: Any) -> bool:
    """False: the system has no thread to give."""
    try:
        threading.Thread(target=run, args=args, name=name, daemon=True).start()
    except RuntimeError:
        return False
    return True


def _plain_space(session: Session, allow_pickle: bool) -> Space:
    from soho._client import ProxySpace

    return ProxySpace(session, allow_pickle)


def _error(error: BaseException) -> list[Any]:
    if isinstance(error, RemoteError) and error.kind in ("no_method", "limit"):
        return [3 if error.kind == "no_method" else 10, str(error), {"kind": error.kind}]
    if isinstance(error, _Refusal):
        return [_REFUSALS[error.kind], str(error), {"kind": error.kind}]
    name = "multiprocessing.TimeoutError" if isinstance(error, multiprocessing.TimeoutError) else type(error).__name__
    more: dict[str, Any] = {"kind": "failed", "type": name}
    if isinstance(error, KeyError) and len(error.args) == 1 and isinstance(error.args[0], (str, int, bytes, float, bool)):
        more["data"] = [error.args[0]]
    return [16, str(error).encode("utf-8", "replace").decode(), more]


def _after_fork_in_child() -> None:
    current.served = None
    for provider in list(_providers):
        provider.after_fork_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
