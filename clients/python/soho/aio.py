"""soho for asyncio: one connection, any number of calls in flight, and a task that is cancelled cancels its call in the host.

    async with await soho.aio.connect() as client:
        queue = await client.create("Queue")
        await queue.put(1)
        async with asyncio.timeout(1):
            print(await queue.get())
"""
from __future__ import annotations

import asyncio
import itertools
import socket
import weakref
from typing import Any, AsyncIterator, Callable, Coroutine

import msgpack

from soho import _address
from soho._connection import CONNECT_TIMEOUT
from soho._login import Key, Login, Refused, Secret, Token, Welcome, greeting
from soho._values import Codec, Remote
from soho.errors import RemoteError, SessionLost, exception_from

__all__ = ["Client", "Proxy", "connect"]

_CALL = b"\xa9soho.call"
_RELEASE = b"\x93\x02\xacsoho.release"
_CANCEL = b"\x93\x02\xabsoho.cancel\x91"


class _Wire(asyncio.Protocol):
    """The connection: requests out, replies to those who wait for them."""

    def __init__(self, home: Any):
        self.codec = Codec()
        self.codec.home = home
        self.transport: asyncio.Transport | None = None
        self.waiting: dict[int, tuple[asyncio.Future[Any], str]] = {}
        self.lost: Exception | None = None
        self.on_draining: Callable[[float], Any] | None = None
        self._msgids = itertools.count(1)
        self._loop = asyncio.get_running_loop()
        self._may_write = asyncio.Event()
        self._may_write.set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        raw = transport.get_extra_info("socket")
        if raw is not None and raw.family != socket.AF_UNIX:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        self.codec.feed(data)
        try:
            while (message := self.codec.next_message()) is not None:
                self._take(message)
        except Exception as error:  # noqa: BLE001  what is no MessagePack
            self.close(SessionLost(f"the host has sent what is not of the protocol: {error}"))

    def _take(self, message: Any) -> None:
        failed = self.codec.take_failure() if self.codec.failure is not None else None
        if message[0] == 2:
            if message[1] == "soho.draining" and self.on_draining is not None:
                self._loop.call_soon(self.on_draining, message[2][0] / 1000)
            return
        _, msgid, error, result = message
        future, where = self.waiting.pop(msgid, (None, ""))
        if future is None or future.done():
            return  # cancelled: a handle in the result is given back as its proxy goes
        if error is not None:  # which stands without what was attached to it, if that cannot be had
            exception = exception_from(error, where)
            if isinstance(exception, StopIteration):  # which no future can carry
                exception = StopAsyncIteration(*exception.args)
            future.set_exception(exception)
        elif failed is not None:
            future.set_exception(failed)
        else:
            future.set_result(result)

    def eof_received(self) -> None:
        self.close(SessionLost("the host has closed the connection"))

    def connection_lost(self, failure: Exception | None) -> None:
        self.close(SessionLost(f"the connection to the host is lost: {failure or 'closed'}"))

    def close(self, why: Exception) -> None:
        if self.lost is None:
            self.lost = why
        waiting, self.waiting = self.waiting, {}
        for future, where in waiting.values():
            if not future.done():
                future.set_exception(SessionLost(f"{where}: {self.lost}; the call may have run"))
        self._may_write.set()
        if self.transport is not None:
            self.transport.close()

    async def request(self, packed: bytes, where: str) -> Any:
        """Sends what follows the msgid of a request; returns the result."""
        if not self._may_write.is_set():
            await self._may_write.wait()
        if self.lost is not None:
            raise SessionLost(f"{where}: {self.lost}")
        assert self.transport is not None
        msgid = next(self._msgids) & 0xFFFFFFFF
        future = self._loop.create_future()
        self.waiting[msgid] = (future, where)
        self.transport.write(b"\x94\x00" + msgpack.packb(msgid) + packed)
        try:
            return await future
        except asyncio.CancelledError:
            if msgid in self.waiting and self.lost is None:  # the reply is still awaited, and then thrown away
                self.transport.write(_CANCEL + msgpack.packb(msgid))
            raise

    def notify(self, notification: bytes) -> None:
        if self.lost is None and self.transport is not None:
            self.transport.write(notification)


class Proxy(Remote):
    """Stands for an object of a host; each of its methods is awaited. `async with` acquires and releases a lock, `async for` goes through
    what has an `__iter__` or is an iterator."""

    def __init__(self, client: Client, object_id: int, typeid: str):
        self._client, self._id, self._typeid = client, object_id, typeid
        self._gone = weakref.finalize(self, client._release, object_id)
        self._gone.atexit = False

    async def call(self, name: str, /, *args: Any, timeout: float | None = None, **keywords: Any) -> Any:
        """Calls a method by name; `timeout` in seconds is the host's to keep."""
        return await self._client._call(self, name, args, keywords, timeout)

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        async def method(*args: Any, **keywords: Any) -> Any:
            return await self._client._call(self, name, args, keywords, None)

        method.__name__ = name
        return method

    async def __aenter__(self) -> Any:
        return await self.call("__enter__")

    async def __aexit__(self, *exception: object) -> None:
        await self.call("__exit__")

    async def __aiter__(self) -> AsyncIterator[Any]:
        iterator = self if self._typeid == "Iterator" else await self.call("__iter__")
        while True:
            try:
                item = await iterator.call("__next__")
            except StopAsyncIteration:
                return
            yield item

    def __repr__(self) -> str:
        return f"<{self._typeid} {self._id} at {self._client.address}>"

    def __reduce__(self) -> Any:
        raise TypeError("a proxy of soho.aio cannot be pickled, for that has to ask the host: send `await client.share(proxy)`, a ticket, and "
                        "have the other side `await client.claim(ticket)`")


class Client:
    """A session with a host, made by connect(); for the tasks of one event loop."""

    def __init__(self, address: _address.Address, allow_pickle: bool):
        self.address = address.text
        self.allow_pickle = allow_pickle
        self.welcome: Welcome | None = None
        self._wire: _Wire | None = None
        self._loop = asyncio.get_running_loop()
        self._owners: weakref.WeakKeyDictionary[asyncio.Task[Any], str] = weakref.WeakKeyDictionary()
        self._numbers = itertools.count(1)
        self._released: list[int] = []

    # -- what the codec asks

    def handle_of(self, proxy: Any) -> tuple[int, str] | None:
        return (proxy._id, proxy._typeid) if isinstance(proxy, Proxy) and proxy._client is self else None

    def proxy(self, object_id: int, typeid: str) -> Proxy:
        return Proxy(self, object_id, typeid)

    def let_go(self, proxy: Proxy) -> None:
        proxy._gone()

    # -- calls

    async def _call(self, proxy: Proxy, name: str, args: Any, keywords: dict[str, Any], timeout: float | None) -> Any:
        assert self._wire is not None
        options: dict[str, Any] = {"owner": self._owner()}
        if keywords:
            options["kw"] = keywords
        if timeout is not None:
            options["timeout_ms"] = timeout * 1000
        pack = self._wire.codec.pack
        packed = _CALL + b"\x94" + pack(proxy._id) + pack(name) + pack(list(args)) + pack(options)
        return await self._wire.request(packed, f"{proxy._typeid}.{name}()")

    def _owner(self) -> str:
        """A lock belongs to a task."""
        task = asyncio.current_task()
        assert task is not None
        owner = self._owners.get(task)
        if owner is None:
            owner = self._owners[task] = f"task-{next(self._numbers)}"
        return owner

    async def request(self, method: str, *params: Any) -> Any:
        """Any request of the protocol, such as request("soho.whoami")."""
        assert self._wire is not None
        return await self._wire.request(self._wire.codec.pack(method) + self._wire.codec.pack(list(params)), method)

    async def create(self, typeid: str, /, *args: Any, **keywords: Any) -> Any:
        """A new object of a type; it lives while a proxy of any process does."""
        return await self.request("soho.create", typeid, list(args), {"kw": keywords} if keywords else {})

    async def open(self, name: str) -> Any:
        """The object that is published under a name."""
        return await self.request("soho.open", name)

    async def publish(self, proxy: Proxy, name: str, *, session: bool = False) -> None:
        """Publishes an object under a name: until unpublish(), or, with `session`, for as long as this client is connected."""
        await self.request("soho.publish", proxy, name, {"session": session})

    async def unpublish(self, name: str) -> None:
        """Takes a name away."""
        await self.request("soho.unpublish", name)

    async def share(self, proxy: Proxy, ttl: float = 60, uses: int = 1) -> str:
        """A ticket with which another session can claim() the object, within `ttl` seconds."""
        ticket: str = await self.request("soho.share", proxy, int(ttl * 1000), {"uses": uses})
        return ticket

    async def claim(self, ticket: str) -> Any:
        """The object that another session shared."""
        return await self.request("soho.claim", ticket)

    async def types(self) -> list[str]:
        """The typeids that this client may know of."""
        return sorted(description["type"] for description in await self.request("soho.types"))

    async def describe(self, typeid: str) -> dict[str, Any]:
        """The host's description of a type."""
        description: dict[str, Any] = await self.request("soho.types", typeid)
        return description

    async def names(self) -> dict[str, str]:
        """The published names, and the type of each."""
        return {each["name"]: each["type"] for each in await self.request("soho.names")}

    # -- the end of objects and of the session

    def _release(self, object_id: int) -> None:
        """[any thread]"""
        self._released.append(object_id)
        if len(self._released) == 1:
            try:
                self._loop.call_soon_threadsafe(self._send_released)
            except RuntimeError:
                pass  # the loop is closed, and the session with it

    def _send_released(self) -> None:
        released, self._released = self._released, []
        if self._wire is not None:
            self._wire.notify(_RELEASE + msgpack.packb([[object_id, 1] for object_id in released]))

    async def close(self) -> None:
        """Ends the session: the host takes back what its proxies refer to."""
        if self._wire is not None:
            self._wire.close(SessionLost("this client was closed"))
            await asyncio.sleep(0)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<soho.aio.Client of {self.address}>"


async def connect(address: _address.AnyAddress = None, *, key: Key | None = None, token: Token | None = None, tls_ca: str | None = None,
                  tls_name: str | None = None, tls_certificate: str | None = None, tls_key: str | None = None, name: str = "",
                  allow_pickle: bool = False, on_draining: Callable[[float], Any] | None = None) -> Client:
    """A client of the host at an address, with the same arguments as soho.Client. `on_draining` is called, with the seconds that are left,
    when the host is about to end."""
    secret: Secret = key or token
    login = Login(secret, tls_ca, tls_name, tls_certificate, tls_key)
    failures: list[str] = []
    for candidate in _address.candidates(address):
        try:
            return await asyncio.wait_for(_connect(candidate, login, name, allow_pickle, on_draining), CONNECT_TIMEOUT)
        except Refused as refused:
            raise exception_from(refused.error, f"login at {candidate.text}") from None
        except asyncio.TimeoutError:
            failures.append(f"{candidate.text}: it did not answer in time")
        except ConnectionError as failure:
            failures.append(f"{candidate.text}: {failure.strerror or failure}")
        except FileNotFoundError as failure:
            failures.append(f"{candidate.text}: {failure.strerror}")
    raise SessionLost(f"no host at {'; '.join(failures)}")


async def _connect(address: _address.Address, login: Login, name: str, allow_pickle: bool,
                   on_draining: Callable[[float], Any] | None) -> Client:
    loop = asyncio.get_running_loop()
    client = Client(address, allow_pickle)
    if address.transport == "unix":
        _, wire = await loop.create_unix_connection(lambda: _Wire(client), address.host)
    elif address.transport == "tls":
        _, wire = await loop.create_connection(lambda: _Wire(client), address.host, address.port, ssl=login.tls_context(),
                                               server_hostname=login.tls_name or address.host)
    else:
        _, wire = await loop.create_connection(lambda: _Wire(client), address.host, address.port)
    wire.on_draining = on_draining
    try:
        client._wire = wire
        client.welcome = await _greet(wire, login, address, name, ["draining"] if on_draining is not None else [])
    except BaseException:
        wire.close(SessionLost("the login failed"))
        raise
    return client


async def _greet(wire: _Wire, login: Login, address: _address.Address, name: str, features: list[str]) -> Welcome:
    steps = greeting(login, address, None, name, features)
    method, params = next(steps)
    while True:
        try:
            result = await wire.request(wire.codec.pack(method) + wire.codec.pack(params), method)
        except (RemoteError, PermissionError, TypeError) as error:
            error.args = (f"login at {address.text}: {error.args[0]}", *error.args[1:])
            raise
        try:
            method, params = steps.send(result)
        except StopIteration as done:
            welcome: Welcome = done.value
            return welcome
