"""A program's session with a host: connections that share references to objects, for all threads of the process.

Each call takes an idle connection, or opens one more, so that a call that blocks holds up nobody; threads that do not call need none.
An object is referred to by a Reference for each handle that the host gave out; when one goes, the host is told at once.

A child made by fork has none of its parent's connections. Before the fork the parent has the host make tickets for what it refers to;
the child claims them when it first calls, and has references of its own from then on.
"""
from __future__ import annotations

import collections
import contextlib
import itertools
import os
import threading
import weakref
from typing import Any, NoReturn, Tuple, Union

import msgpack

from soho import _address
from soho._address import Address
from soho._connection import REQUEST, Connection
from soho._login import Login, Refused, Welcome
from soho.errors import NoObject, RemoteError, SessionLost, exception_from

# Connections that stay open without a call; each costs the host two kilobytes.
IDLE_MAX = 8
TICKET_TTL_MS = 60_000
# How long a fork waits for a host that does not answer, in seconds.
FORK_TIMEOUT = 2.0

_CALL = REQUEST + b"\xa9soho.call"
CALL_3 = _CALL + b"\x93"  # target, method, arguments
CALL_4 = _CALL + b"\x94"  # … and options
_CREATE_3 = msgpack.packb("soho.create") + b"\x93"  # typeid, arguments, options
_RELEASE = b"\x93\x02\xacsoho.release"

# The limits of frames: a host closes the connection on which one is passed.
_OF_FRAMES = ("(frame_bytes)", "(depth)", "(items)")

# What was called, for errors: a text, or a typeid and a method.
Where = Union[str, Tuple[str, str]]


def _text(where: Where) -> str:
    return where if isinstance(where, str) else f"{where[0]}.{where[1]}()"


_thread_numbers = itertools.count(1)


class _Owner(threading.local):
    """What tells this thread apart from the others of its process: the main thread is "", as are programs without threads."""

    def __init__(self) -> None:
        self.text = "" if threading.current_thread() is threading.main_thread() else f"thread-{next(_thread_numbers)}"


_owner = _Owner()


class Reference:
    """One count of a session for an object; given back when this goes."""

    __slots__ = ("session", "id", "epoch", "__weakref__")

    def __init__(self, session: Session, object_id: int):
        self.session = session
        self.id = object_id
        self.epoch = session.epoch
        session.live[id(self)] = object_id

    def give_back(self) -> None:
        session = self.session
        if session.live.pop(id(self), None) is not None and self.epoch == session.epoch:
            session.release(self.id)

    __del__ = give_back


class _Current(threading.local):
    served: Any = None


# The request to a provider of this process that this thread serves: see _provider.Served.
current = _Current()


class Session:
    """With the host at one address, under one login."""

    def __init__(self, address: _address.AnyAddress, login: Login, name: str = ""):
        self._candidates = _address.candidates(address)
        self.address: Address = self._candidates[0]
        self.door: Address | None = None  # a Unix socket of the same host that it has for this program: see _private_host
        self.login = login
        self.name = name
        self.epoch = 0  # grows when a session is lost: what was of it is gone
        self.welcome: Welcome | None = None
        self._suspicious = 0  # more bytes than these may pass a limit of frames
        self.live: dict[int, int] = {}  # by id() of each Reference, the object's id
        self.types: dict[str, Any] = {}  # descriptions that the host gave
        self._idle: collections.deque[Connection] = collections.deque()
        self._open: set[Connection] = set()
        self._unreleased: collections.deque[int] = collections.deque()
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._tickets: dict[int, str] = {}  # from before a fork
        self._inherited: dict[int, str] = {}  # objects of before the fork that are lost, and why
        self._forked = False
        self._closed = False
        self.provides = False
        _sessions.add(self)

    def __del__(self) -> None:
        for connection in self._open:
            connection.close()

    # -- calls

    def borrow(self) -> Connection:
        """An idle connection, for the caller alone until it gives it back."""
        if self._pid != os.getpid():
            self.after_fork_in_child()
        try:
            return self._idle.pop()
        except IndexError:
            return self._another()

    def give_back(self, connection: Connection) -> None:
        connection.codec.home = None
        if len(self._idle) >= IDLE_MAX:
            self._open.discard(connection)
            connection.close()
        else:
            self._idle.append(connection)
        if self._unreleased:
            self._release_rest()

    def call(self, home: Any, reference: Reference, tail: bytes, where: Where, args: Any, options: dict[str, Any] | None) -> Any:
        """soho.call; `tail` is the packed target and method."""
        if reference.epoch != self.epoch:
            raise SessionLost(f"{_text(where)}: the object is gone, for the session that had it was lost")
        if self.provides and current.served is not None and current.served.is_for(self, home):
            return self._on_behalf(home, CALL_4[len(REQUEST):] + tail, args, options, where)
        connection = self.borrow()
        codec = connection.codec
        codec.home = home
        owner = _owner.text
        try:
            if owner or options:
                if owner:
                    options = {"owner": owner, **options} if options else {"owner": owner}
                request = CALL_4 + tail + connection.pack(args) + connection.pack(options)
            else:
                request = CALL_3 + tail + connection.pack(args)
        except BaseException:
            self.give_back(connection)
            raise
        if len(request) > self._suspicious:
            self._prepare_for_refusal(connection, request, where)
        # As _finish(), for the most frequent case.
        try:
            error, result = connection.exchange(request)
        except OSError as failure:
            self._lose(connection, failure, where)
        except BaseException:
            self._abandon(connection)
            raise
        codec.home = None  # which refers to this session
        if error is None and codec.failure is None and not self._unreleased and len(self._idle) < IDLE_MAX:
            self._idle.append(connection)
            return result
        return self._settle(connection, error, result, where, reference.id)

    def request(self, home: Any, method: str, params: list[Any], where: str = "") -> Any:
        """Any other request."""
        if self.provides and method == "soho.create" and current.served is not None and current.served.is_for(self, home):
            typeid, args, *options = params
            return self._on_behalf(home, _CREATE_3 + msgpack.packb(typeid), args, options[0] if options else None, where)
        connection = self.borrow()
        connection.codec.home = home
        try:
            request = connection.request(method, params)
        except BaseException:
            self.give_back(connection)
            raise
        if len(request) > self._suspicious:
            self._prepare_for_refusal(connection, request, where or method)
        return self._finish(connection, request, where or method)

    def _on_behalf(self, home: Any, head: bytes, args: Any, options: dict[str, Any] | None, where: Where) -> Any:
        """What a hosted object's method asks for while it serves a call is its caller's: whose lock, whose deadline, whose trace."""
        error, result, failure = current.served.exchange(home, head, args, options or {})
        if error is not None:
            raise exception_from(error, _text(where))
        if failure is not None:
            raise failure
        return result

    def _finish(self, connection: Connection, request: bytes, where: str) -> Any:
        try:
            error, result = connection.exchange(request)
        except OSError as failure:
            self._lose(connection, failure, where)
        except BaseException:
            self._abandon(connection)
            raise
        return self._settle(connection, error, result, where)

    def _settle(self, connection: Connection, error: Any, result: Any, where: Where, object_id: int = 0) -> Any:
        """The result, or the exception that the error stands for."""
        failed = connection.codec.take_failure() if connection.codec.failure is not None else None
        if error is not None:
            exception = exception_from(error, _text(where))
            if getattr(exception, "kind", "") == "limit" and any(limit in str(exception) for limit in _OF_FRAMES):
                # The host closes it after this, but not where a provider has said so. Of no session may the last be closed.
                if len(self._open) < 2:
                    with contextlib.suppress(SessionLost):
                        self.give_back(self._another())
                self._open.discard(connection)
                connection.close()
                raise exception
        self.give_back(connection)
        if failed is not None and error is None:  # an error stands without what was attached to it
            raise failed
        if error is not None:
            if object_id in self._inherited and isinstance(exception, NoObject):
                exception.args = (f"{exception.args[0]}: {self._inherited[object_id]}",)
            raise exception
        return result

    def _prepare_for_refusal(self, connection: Connection, request: bytes, where: Where) -> None:
        """A frame beyond the host's limits ends its connection, and with the last connection the session would end. What cannot be seen
        here (how deep, how many values) takes a second connection; how many bytes can."""
        assert self.welcome is not None
        limit = self.welcome.limits["frame_bytes"]
        if len(request) > limit:
            self.give_back(connection)
            raise RemoteError(f"{_text(where)}: a request of {len(request)} bytes, and the host takes {limit} (frame_bytes)", kind="limit")
        if len(self._open) < 2:
            self.give_back(self._another())

    # -- references

    def release(self, object_id: int) -> None:
        """Gives one count back, without waiting. [any thread, also in the middle of another call]"""
        if self._pid != os.getpid() or self.welcome is None:
            return
        try:
            connection = self._idle.pop()
        except IndexError:
            self._unreleased.append(object_id)
            return
        if connection.notify(_RELEASE + b"\x91\x92" + msgpack.packb(object_id) + b"\x01"):
            self._idle.append(connection)
        else:
            self._unreleased.append(object_id)
            self._open.discard(connection)
            connection.close()

    def _release_rest(self) -> None:
        ids = []
        try:
            while True:
                ids.append(self._unreleased.popleft())
        except IndexError:
            pass
        if not ids:
            return
        try:
            connection = self._idle.pop()
        except IndexError:
            self._unreleased.extend(ids)
            return
        try:
            connection.socket.sendall(_RELEASE + msgpack.packb([[object_id, 1] for object_id in ids]))
            self._idle.append(connection)
        except OSError:
            self._open.discard(connection)
            connection.close()

    def share(self, object_id: int) -> str | None:
        """A ticket for an object; None where the host gives none (any more)."""
        try:
            ticket: str = self.request(None, "soho.share", [object_id, TICKET_TTL_MS])
            return ticket
        except (RemoteError, PermissionError):
            return None

    def take(self, object_id: int, ticket: str | None) -> tuple[int, str]:
        """A new count for an object that another session shared; returns its id and typeid."""
        if ticket is not None:
            try:
                return _bare(self.request(_Bare, "soho.claim", [ticket]))
            except RemoteError:
                pass  # claimed before, or too old: whoever shared it may still have the object
        try:
            return _bare(self.request(_Bare, "soho.retain", [object_id]))
        except RemoteError as error:
            error.args = (f"{error.args[0]}: the proxy came too late: its sender keeps the object for {TICKET_TTL_MS // 1000} s, or as "
                          "long as it has a proxy of its own",)
            raise

    # -- connections

    def connect(self) -> Welcome:
        """Makes sure that the host is there; where there was another at the address, this one has a session of its own then. But TLS does
        not show that a connection which it had is lost."""
        with self._lock:
            for _ in range(IDLE_MAX + 1):
                connection = self.borrow()
                if not connection.is_dead():
                    break
                self._drop(connection)
            else:
                raise SessionLost(f"the host at {self.address.text} closes each connection")
            self.give_back(connection)
            assert self.welcome is not None
            return self.welcome

    def _another(self) -> Connection:
        with self._lock:
            if self._closed:
                raise SessionLost("this session was closed")
            if self.welcome is None:
                return self._first()
            try:
                connection = self.joined(self.name)
            except (OSError, Refused, PermissionError) as failure:
                why = exception_from(failure.error, "join") if isinstance(failure, Refused) else failure
                if not self._open or isinstance(failure, Refused):
                    self._forget()
                raise SessionLost(f"the session with the host at {self.address.text} is lost: {why}") from None
            self._open.add(connection)
            return connection

    def _there(self, address: Address) -> Address:
        """Where to connect: the door goes with its host, and another may be at the address then."""
        return self.door if self.door is not None and os.path.exists(self.door.host) else address

    def joined(self, name: str) -> Connection:
        """One more, for the caller to look after."""
        assert self.welcome is not None
        return Connection(self._there(self.address), self.login, (self.welcome.session, self.welcome.secret), name)

    def _first(self) -> Connection:
        failures: list[OSError] = []
        for address in self._candidates:
            try:
                connection = Connection(self._there(address), self.login, None, self.name)
            except Refused as refused:
                raise exception_from(refused.error, f"login at {address.text}") from None
            except PermissionError as failure:
                if failure.errno is None:
                    raise
                failures.append(failure)
                continue
            except OSError as failure:
                failures.append(failure)
                continue
            self.address = address
            self.welcome = connection.welcome
            # Smaller requests can neither be too deep nor have too many values.
            self._suspicious = min(self.welcome.limits[limit] for limit in ("frame_bytes", "depth", "items"))
            self._open.add(connection)
            if self._forked:
                self._forked = False
                self._claim(connection)
            return connection
        what = "; ".join(f"{address.text}: {failure.strerror or failure}" for address, failure in zip(self._candidates, failures))
        error = type(failures[0])(failures[0].errno, f"no host at {what}") if failures[0].errno else SessionLost(f"no host at {what}")
        raise error from None

    def _drop(self, connection: Connection) -> None:
        """One that is dead."""
        self._open.discard(connection)
        connection.close()
        with self._lock:
            if not self._open - set(self._idle):
                # What is idle may be lost as well: it is, if the host is gone.
                self._drop_idle()
            if not self._open:
                self._forget()

    def _lose(self, connection: Connection, failure: OSError, where: Where) -> NoReturn:
        self._drop(connection)
        raise SessionLost(f"{_text(where)}: the connection to the host at {self.address.text} is lost, and the call may have run: "
                          f"{failure.strerror or failure}") from failure

    def _drop_idle(self) -> None:
        while self._idle:
            idle = self._idle.pop()
            if idle.is_dead():
                self._open.discard(idle)
                idle.close()
            else:
                self._idle.append(idle)
                return

    def _abandon(self, connection: Connection) -> None:
        """A call was interrupted: the connection is put in order again, or goes; the session stays."""
        if connection.give_up():
            self.give_back(connection)
            return
        try:
            if len(self._open) == 1:
                self.give_back(self._another())
        except (RemoteError, OSError):
            pass
        self._open.discard(connection)
        connection.close()

    def _forget(self) -> None:
        """The session is over on the host's side."""
        self.welcome = None
        self.epoch += 1
        self.live.clear()
        self.types = {}
        self._unreleased.clear()
        self._idle.clear()
        for connection in list(self._open):
            connection.close()
        self._open.clear()

    def end(self) -> None:
        """Ends it: the host takes all its references back. A call on what is not of it begins a new one."""
        with self._lock:
            self._forget()

    def close(self) -> None:
        """Ends it for good."""
        self._closed = True
        self.end()

    # -- fork

    def before_fork(self) -> None:
        """Tickets for all that is referred to, in one go."""
        self._tickets = {}
        ids = list(set(self.live.copy().values())) if self.welcome is not None and self._pid == os.getpid() else []
        if not ids:
            return
        try:  # a fork must neither fail nor hang; without a ticket the child asks for the object by its id
            connection = self.borrow()
            connection.socket.settimeout(FORK_TIMEOUT)
            replies = connection.exchange_all([connection.frame(number, "soho.share", [object_id, TICKET_TTL_MS])
                                               for number, object_id in enumerate(ids)])
            connection.socket.settimeout(None)
        except (OSError, RemoteError):
            return  # the connection stays open, for the session's sake, and is not used again
        self.give_back(connection)
        self._tickets = {object_id: ticket for object_id, (error, ticket) in zip(ids, replies) if error is None}

    def after_fork_in_parent(self) -> None:
        self._tickets = {}

    def after_fork_in_child(self) -> None:
        """Nothing of the parent's is touched: its sockets are closed here, and said nothing to."""
        for connection in list(self._open):
            connection.close()
        self._open = set()
        self._idle = collections.deque()
        self._unreleased = collections.deque()
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._forked = self._forked or self.welcome is not None
        self.welcome = None

    def _claim(self, connection: Connection) -> None:
        """References of one's own for what was inherited, before the first call."""
        first: dict[int, bool] = {}
        requests: list[bytes] = []
        ids = list(self.live.copy().values())
        for object_id in ids:
            ticket = self._tickets.get(object_id) if object_id not in first else None
            first[object_id] = True
            method, param = ("soho.claim", ticket) if ticket is not None else ("soho.retain", object_id)
            requests.append(connection.frame(len(requests), method, [param]))
        connection.codec.home = _Bare
        replies = connection.exchange_all(requests)
        again = [object_id for object_id, (error, _) in zip(ids, replies) if error is not None and object_id in self._tickets]
        if again:  # a ticket that has run out: the parent may still have the object
            more = [connection.frame(number, "soho.retain", [object_id]) for number, object_id in enumerate(again)]
            lost = [object_id for object_id, (error, _) in zip(again, connection.exchange_all(more)) if error is not None]
        else:
            lost = [object_id for object_id, (error, _) in zip(ids, replies) if error is not None]
        why = (f"this process inherited it by fork and used it too late: a child has {TICKET_TTL_MS // 1000} s for its first call, or as "
               "long as its parent has the object")
        self._inherited = dict.fromkeys(lost, why)
        self._tickets = {}


class _Bare:
    """Handles as they are: for what makes no proxies of them."""

    allow_pickle = False

    @staticmethod
    def handle_of(proxy: Any) -> None:
        return None

    @staticmethod
    def proxy(object_id: int, typeid: str) -> tuple[int, str]:
        return object_id, typeid

    @staticmethod
    def let_go(proxy: Any) -> None:
        pass


def _bare(handle: Any) -> tuple[int, str]:
    object_id, typeid = handle
    return object_id, typeid


# -- all sessions of this process

_sessions: weakref.WeakSet[Session] = weakref.WeakSet()
_by_address: weakref.WeakValueDictionary[tuple[Any, ...], Session] = weakref.WeakValueDictionary()
_logins: dict[str, Login] = {}  # by the text of an address: with what this process came in there


def has_login(address: _address.AnyAddress) -> bool:
    """Whether this process has logged in there."""
    return _address.candidates(address)[0].text in _logins


def session_at(address: _address.AnyAddress, login: Login | None = None, name: str = "") -> Session:
    """The one that this process has at an address under a login, or a new one."""
    if login is None:
        login = _logins.get(_address.candidates(address)[0].text, Login())
    key = (tuple(_address.candidates(address)), login)
    session = _by_address.get(key)
    if session is None or session._closed:
        session = _by_address[key] = Session(address, login, name)
        if address is not None:
            _logins[session.address.text] = login
    return session


def _each(step: str) -> None:
    for session in list(_sessions):
        getattr(session, step)()


os.register_at_fork(before=lambda: _each("before_fork"), after_in_parent=lambda: _each("after_fork_in_parent"),
                    after_in_child=lambda: _each("after_fork_in_child"))
