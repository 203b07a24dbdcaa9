"""One connection to a host, for one call at a time."""
from __future__ import annotations

import socket
from typing import Any

import msgpack

from soho._address import Address
from soho._login import Login, Refused, Welcome, greeting
from soho._values import Codec

READ_BYTES = 1 << 18
# Until a host must have accepted, and answered the greeting, in seconds.
CONNECT_TIMEOUT = 5.0
# How long an interrupted call waits for the host to say that it is cancelled.
CANCEL_TIMEOUT = 1.0

# The msgid of every request: there is never another one on its way.
REQUEST = b"\x94\x00\x01"
_CANCEL = b"\x93\x02\xabsoho.cancel\x91\x01"


def open_socket(address: Address, login: Login) -> socket.socket:
    """Connected; for TLS, with its handshake done."""
    if address.transport == "unix":
        plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            plain.settimeout(CONNECT_TIMEOUT)
            plain.connect(address.host)
        except BaseException:
            plain.close()
            raise
        return plain
    plain = socket.create_connection((address.host, address.port), timeout=CONNECT_TIMEOUT)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.transport == "tls":
            return login.tls_context().wrap_socket(plain, server_hostname=login.tls_name or address.host)
        return plain
    except BaseException:
        plain.close()
        raise


_MALFORMED = (ValueError, TypeError, msgpack.UnpackException)


def _malformed(failure: Exception) -> ConnectionAbortedError:
    return ConnectionAbortedError(f"the host has sent what is not of the protocol ({failure or type(failure).__name__})")


class Connection:
    """Not for two threads at a time."""

    def __init__(self, address: Address, login: Login, join: tuple[int, bytes] | None = None, name: str = ""):
        self.codec = Codec()
        self.pack = self.codec.pack
        self._sent_whole = True
        self._at_once = socket.MSG_DONTWAIT if address.transport != "tls" else 0
        self.socket = open_socket(address, login)
        self._send, self._receive = self.socket.sendall, self.socket.recv
        self._read = self.codec.read
        try:
            self.welcome = self._greet(login, address, join, name)
            self.socket.settimeout(None)
        except BaseException:
            self.socket.close()
            raise

    def _greet(self, login: Login, address: Address, join: tuple[int, bytes] | None, name: str) -> Welcome:
        steps = greeting(login, address, join, name)
        request = next(steps)
        while True:
            error, result = self.exchange(self.request(*request))
            if error is not None:
                raise Refused(error)
            try:
                request = steps.send(result)
            except StopIteration as done:
                welcome: Welcome = done.value
                return welcome

    def request(self, method: str, params: list[Any]) -> bytes:
        return REQUEST + self.pack(method) + self.pack(params)

    def frame(self, msgid: int, method: str, params: list[Any]) -> bytes:
        """A request for exchange_all()."""
        return b"\x94\x00" + self.pack(msgid) + self.pack(method) + self.pack(params)

    def exchange(self, request: bytes) -> tuple[Any, Any]:
        """Sends a request; gives the error and the result of its reply, whose values are to be checked. Raises OSError when the connection
        is lost."""
        self._sent_whole = False
        try:
            self._send(request)
        except (BrokenPipeError, ConnectionResetError):
            return self._last_words()
        self._sent_whole = True
        try:
            message = self._read(self._receive(READ_BYTES))
            if message is not None:
                _, _, error, result = message
                return error, result
        except _MALFORMED as failure:
            raise _malformed(failure) from None
        _, error, result = self._next_reply()
        return error, result

    def _last_words(self) -> tuple[Any, Any]:
        """The reply of a host that has read enough of a request to refuse it, and closed the connection; else raises what happened."""
        try:
            while data := self.socket.recv(READ_BYTES):
                self.codec.feed(data)
        except OSError:
            pass
        _, error, result = self._next_reply()
        return error, result

    def _next_reply(self) -> tuple[int, Any, Any]:
        try:
            while (message := self.codec.next_message()) is None:
                data = self.socket.recv(READ_BYTES)
                if not data:
                    raise ConnectionResetError("the host has closed the connection")
                self.codec.feed(data)
            _, msgid, error, result = message
            return msgid, error, result
        except _MALFORMED as failure:
            raise _malformed(failure) from None

    def exchange_all(self, requests: list[bytes]) -> list[tuple[Any, Any]]:
        """Many requests, whose msgids count from 0, at once; what came of each, in order."""
        self._sent_whole = False
        self.socket.sendall(b"".join(requests))
        replies: dict[int, tuple[Any, Any]] = {}
        while len(replies) < len(requests):
            msgid, error, result = self._next_reply()
            replies[msgid] = (error, result)
        self._sent_whole = True
        self.codec.failure = None
        return [replies[msgid] for msgid in range(len(requests))]

    def notify(self, notification: bytes) -> bool:
        """Sends it if that needs no waiting."""
        try:
            sent = self.socket.send(notification, self._at_once)
        except OSError:
            return False
        if sent != len(notification):
            self.socket.sendall(notification[sent:])
        return True

    def give_up(self) -> bool:
        """After an exchange that was interrupted: has the host cancel the call. False: the connection is of no more use."""
        if not self._sent_whole:
            return False
        try:
            self.socket.settimeout(CANCEL_TIMEOUT)
            self.socket.sendall(_CANCEL)
            self._next_reply()
            self.socket.settimeout(None)
            self.codec.failure = None
            return True
        except OSError:
            return False

    def is_dead(self) -> bool:
        """Whether the host has closed it, while nothing is awaited."""
        try:
            return self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except ValueError:  # TLS cannot look ahead
            return False
        except OSError:
            return True

    def close(self) -> None:
        self.socket.close()
