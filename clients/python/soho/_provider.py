"""Python objects for a host's clients: this process offers types, and runs the calls that the host sends for them.

Methods of one object may run at the same time, as in a multiprocessing manager: what is shared takes care of itself, or of a lock.
"""
from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import pickle
import queue
import re
import socket
import threading
import weakref
from typing import Any, Callable, Mapping, Sequence

import msgpack

from soho import _address, _session
from soho._bounds import Bounds
from soho._call_threads import CallThreads, Reader
from soho._connection import READ_BYTES, Connection
from soho._hosted import Hosted
from soho._login import Key, Login, Token, login_of
from soho._own_objects import Held, OwnObjects
from soho._proxy import Space
from soho._session import Session, current
from soho._values import Codec, Opaque
from soho.errors import RemoteError, SessionLost, exception_from, is_said


class _Copy:
    """A result: the value of an object, not the object."""

    def __init__(self, thing: Any):
        self.thing = thing


class _Home:
    """For codecs: proxies of the provider's session, and its own objects as they are."""

    def __init__(self, provider: Provider, space: Space):
        self.allow_pickle = space.allow_pickle
        self.handle_of, self.proxy, self.let_go = space.handle_of, space.proxy, space.let_go
        self.own = provider._objects.own
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
        self._mapped: dict[str, dict[str, str]] = {}  # what register() was told, and must come true
        self._connection: Connection | None = None
        self._sending = threading.Lock()
        self._objects = OwnObjects(self._names)
        self._threads = CallThreads(self._read)
        self._codecs = threading.local()
        self._served: dict[int, Served] = {}
        self._asked: dict[int, queue.SimpleQueue[Any]] = {}  # its own requests, by msgid
        self._msgids = itertools.count(2)
        self._ended = threading.Event()
        _providers.add(self)

    def register(self, typeid: str, callable: Callable[..., Any] | None = None, proxytype: Any = None,  # noqa: A002
                 exposed: Sequence[str] | None = None, method_to_typeid: Mapping[str, str] | None = None, create_method: bool = True,
                 as_typeid: str | None = None) -> None:
        """As a manager's register(). A callable may be anything: a class, a function, a lambda, a bound method. None: the objects come
        from methods that are mapped to this typeid. as_typeid: what the host shall call it, where the name is taken there."""
        self.add(Hosted(typeid, callable, proxytype, exposed, method_to_typeid, create_method), as_typeid)
        self._mapped[typeid] = dict(method_to_typeid or {})

    def add(self, hosted: Hosted, as_typeid: str | None = None) -> None:
        if self._connection is not None:
            raise RuntimeError("this provider has made its offer: register all types before start()")
        self._types[hosted.typeid] = hosted
        self._names[hosted.typeid] = as_typeid or hosted.typeid

    def go_by(self, door: _address.Address | None) -> None:
        """Another address of the host, which lets this program in already."""
        self._session.door = door

    def start(self) -> None:
        """Makes the offer; calls are run by threads of this process from here on."""
        welcome = self._session.connect()
        for typeid, mapping in self._mapped.items():
            for method, wanted in mapping.items():
                if wanted not in self._types:
                    raise ValueError(f"{typeid}.{method} gives objects of the type {wanted!r}, which is not registered")
        connection = self._session.joined("provider")
        connection.codec.home = self._home = _Home(self, self._make_space(self._session))
        self._bounds = Bounds(welcome, self._home.allow_pickle)
        first = re.sub(r"[^A-Za-z0-9_.]", "_", next(iter(self._names.values()), "nothing"))
        name = self._name or "python." + first.removeprefix("python.")
        offer = {"name": name, "types": [hosted.description(self._names) for hosted in self._types.values()]}
        error, _ = connection.exchange(connection.request("soho.offer", [offer]))
        if error is not None:
            connection.close()
            raise exception_from(error, "soho.offer")
        self._connection = connection
        self._session.provides = True
        self._threads.start()

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
        self._threads.end()

    def __enter__(self) -> Provider:
        """Starts it, if types are registered already; stops it at the end."""
        if self._types and self._connection is None:
            self.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self.stop()

    # -- calls

    def _create(self, typeid: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> msgpack.ExtType:
        hosted = self._types[typeid]
        if hosted.callable is not None:
            return self._objects.hold(hosted.callable(*args, **keywords), hosted)
        if keywords or len(args) != 1:
            raise ValueError("Without callable, must have one non-keyword argument")
        return self._objects.hold(args[0], hosted)

    def _call(self, held: Held, method: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        thing, hosted = held.thing, held.hosted
        if method not in held.exposed:
            if method == "__repr__":
                return repr(thing)
            if method == "__str__":
                return str(thing)
            if method == "__getvalue__":
                return _Copy(thing)
            if method == "__exposed__":
                return list(held.exposed)
            raise RemoteError(f"this {type(thing).__name__} exposes no method {method!r} (exposed: {', '.join(held.exposed)})",
                              kind="no_method")
        result = getattr(thing, method)(*args, **keywords)
        typeid = hosted.method_to_typeid.get(method)
        if typeid is None:
            return result
        if typeid not in self._types:  # as a proxytype says, where nobody has asked for it yet
            raise TypeError(f"{hosted.typeid}.{method} gives objects of the type {typeid!r}, which is not registered")
        return self._create(typeid, (result,), {})

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
                result = self._call(self._objects.held[target], rest[0], rest[1], options.get("kw") or {})
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
        for with_pickle in (True, False) if self._home.allow_pickle else (False,):
            try:
                return self._reply(msgid, _error(error, with_pickle), None)
            except BaseException as failure:  # noqa: BLE001
                why = type(failure).__name__
        name = type(error).__name__.encode("utf-8", "replace").decode()[:100]
        text = f"the method raised {name}, whose text cannot be sent ({why} while it was made)"
        more = {"kind": "failed", "type": name}
        reply: bytes = msgpack.packb([1, msgid, [16, text.encode("utf-8", "replace").decode(), more], None])
        return reply

    def _typeid(self, name: str) -> str:
        return name if name in self._types and self._names[name] == name else next(
            typeid for typeid, there in self._names.items() if there == name)

    def _codec(self) -> Codec:
        codec: Codec | None = getattr(self._codecs, "of_thread", None)
        if codec is None:
            codec = self._codecs.of_thread = Codec()
            codec.home, codec.own_handle = self._home, self._objects.handle_of
        return codec

    def _exchange(self, home: Any, head: bytes, args: Any, options: dict[str, Any]) -> tuple[Any, Any, Exception | None]:
        """A request of the provider's, whose reply the thread that reads brings."""
        msgid, codec = next(self._msgids), self._codec()
        codec.home = home
        try:
            args, options = self._objects.outgoing(args), self._objects.outgoing(options)
            frame = b"\x94\x00" + codec.pack(msgid) + head + codec.pack(args) + codec.pack(options)
            if why := self._bounds.passed_by(frame, [0, 0, args, options]):
                raise RemoteError(f"the request is too large for the host: {why}", kind="limit")
        except BaseException:
            self._objects.take_back()
            raise
        finally:
            codec.home = self._home
        if not self._threads.let_another_read():
            self._objects.take_back()
            raise _Refusal("this provider has no thread for a call that calls", kind="overloaded")
        self._objects.sent()
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

    def _reply(self, msgid: int, error: Any, result: Any) -> bytes:
        codec = self._codec()
        try:
            if type(result) is _Copy:
                codec.copied = result.thing
                result = self._objects.outgoing(result.thing, result.thing)
            elif self._objects.came_in:
                result = self._objects.outgoing(result)
            frame: bytes = b"\x94\x01" + codec.pack(msgid) + codec.pack(error) + codec.pack(result)
            if why := self._bounds.passed_by(frame, result):
                raise RemoteError(f"the result is too large for the host: {why}", kind="limit")
        except BaseException:
            self._objects.take_back()
            raise
        finally:
            codec.copied = None
        self._objects.sent()
        return frame

    def _send(self, frame: bytes) -> None:
        assert self._connection is not None
        try:
            with self._sending:
                self._connection.socket.sendall(frame)
        except OSError:
            self._ended.set()

    # -- on the thread that reads

    def _read(self, reader: Reader) -> None:
        """Reads and runs calls, as long as it is this thread's to do."""
        connection = self._connection
        assert connection is not None
        codec, receive = connection.codec, connection.socket.recv
        try:
            while True:
                message = codec.next_message()
                if message is None:
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
        self._threads.end()
        for asked in list(self._asked.values()):
            asked.put(None)
        with contextlib.suppress(OSError):  # for who is sending: a socket that is closed is another's before long
            connection.socket.shutdown(socket.SHUT_RDWR)
        with self._sending:
            connection.close()

    def _take(self, reader: Reader, message: Sequence[Any], failure: Exception | None) -> bool:
        """Whether this thread reads on."""
        _, msgid, request, params = message
        called = self._called(request, params)
        served = self._served[msgid] = Served(msgid, self)
        if called not in self._threads.slow:
            return self._threads.run(reader, called, self._run, served, request, params, failure)
        if not self._threads.hand_on(self._run, served, request, params, failure):
            why = f"{self._threads.count} calls of methods that take long run in this provider, and it has no thread for another"
            return self._threads.run(reader, called, self._run, served, request, params, _Refusal(why, kind="overloaded"))
        return True

    def _called(self, request: str, params: Sequence[Any]) -> tuple[str, str]:
        """Its type and method. The object is not kept here: it may go while the call runs."""
        held = self._objects.held.get(params[0]) if request == "soho.call" else None
        return (str(params[0]), "") if held is None else (held.hosted.typeid, params[1])

    def _let_go(self, reader: Reader, counts: Sequence[Sequence[int]]) -> bool:
        """Whether this thread reads on. An object's `__del__` is the program's code as a method is, and may take as long."""
        is_reading = True
        for number, count in counts:
            if gone := self._objects.release(number, count):
                called = gone[0].hosted.typeid, "__del__"
                if called not in self._threads.slow or not self._threads.hand_on(gone.clear):
                    is_reading = self._threads.run(reader, called, gone.clear)
                self._objects.drop_kept()
        return is_reading

    def after_fork_in_child(self) -> None:
        """The parent's connection ends with the parent."""
        if self._connection is not None:
            self._connection.close()


def _plain_space(session: Session, allow_pickle: bool) -> Space:
    from soho._client import ProxySpace

    return ProxySpace(session, allow_pickle)


def _error(error: BaseException, with_pickle: bool) -> list[Any]:
    """As it is sent: what it is called and says of itself, for all; and where that is not all there is to it, the exception for those who
    take pickles."""
    if isinstance(error, RemoteError) and error.kind in ("no_method", "limit"):
        return [3 if error.kind == "no_method" else 10, str(error), {"kind": error.kind}]
    if isinstance(error, _Refusal):
        return [_REFUSALS[error.kind], str(error), {"kind": error.kind}]
    name = "multiprocessing.TimeoutError" if isinstance(error, multiprocessing.TimeoutError) else type(error).__name__
    text = str(error).encode("utf-8", "replace").decode()
    more: dict[str, Any] = {"kind": "failed", "type": name}
    if with_pickle and not is_said(error, name, text) and (pickled := _pickled(error)) is not None:
        more["data"] = Opaque("python", pickled)
    elif isinstance(error, KeyError) and len(error.args) == 1 and isinstance(error.args[0], (str, int, bytes, float, bool)):
        more["data"] = [error.args[0]]
    return [16, text, more]


def _pickled(error: BaseException) -> bytes | None:
    """None for what does not come out of its pickle as it was, or would end the caller; and what soho itself has raised is of the call that
    the method made, not of the caller's."""
    if not isinstance(error, Exception) or isinstance(error, RemoteError):
        return None
    try:
        pickled = pickle.dumps(error, protocol=4)
        return pickled if type(pickle.loads(pickled)) is type(error) else None
    except Exception:  # noqa: BLE001
        return None


def _after_fork_in_child() -> None:
    current.served = None
    for provider in list(_providers):
        provider.after_fork_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
