"""Python's values as MessagePack, and back.

MessagePack has None, bool, int (64 bits), float, str, bytes, list and dict. Extension types that all soho clients know carry what else
most programs use; what only Python has travels as an opaque value that the host does not look into: some classes of plain data
always ("python-value"), all others as pickles ("python") where that is allowed.
"""
from __future__ import annotations

import collections
import contextlib
import datetime
import decimal
import fractions
import io
import pickle
import re
import uuid
from multiprocessing.reduction import ForkingPickler
from typing import Any, Callable, Protocol

import msgpack

from soho._packed import (BIG_INTEGER, DATETIME, HANDLE, OPAQUE, OWN, PACKING, RANGE, SET, SLICE, TUPLE, UNPACKING, handles_in,
                          parts_of)


class Remote:
    """What stands for an object of a host: the base of all proxies."""


class Home(Protocol):
    """Where values come from and go to."""

    allow_pickle: bool

    def handle_of(self, proxy: Any) -> tuple[int, str] | None:
        """Its id and typeid, if it is of this host."""

    def proxy(self, object_id: int, typeid: str) -> Any:
        """A proxy that owns the one reference that came with the handle."""

    def let_go(self, proxy: Any) -> None:
        """Has it give that back now."""


class Opaque:
    """A value of another language that the host carries without knowing it."""

    def __init__(self, language: str, data: bytes):
        self.language, self.data = language, data

    def __repr__(self) -> str:
        return f"Opaque({self.language!r}, {self.data!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and (self.language, self.data) == (other.language, other.data)

    def __hash__(self) -> int:
        return hash((self.language, self.data))


class _Refusing(pickle.Unpickler):
    """Runs nothing: the first class that a pickle names is an error."""

    def find_class(self, module: str, name: str) -> Any:
        raise TypeError(f"this value is a pickled {module}.{name}, and allow_pickle is off: whoever put it there could have this "
                        "program run anything. Turn it on if you trust all clients of that host")


def _unpickled(data: bytes, allow_pickle: bool) -> Any:
    return pickle.loads(data) if allow_pickle else _Refusing(io.BytesIO(data)).load()


# Plain data that has no form of its own on the wire: its class's name and what makes it again. Nobody has to be trusted for these.
_VALUES: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    complex: ("complex", lambda value: (value.real, value.imag), lambda parts: complex(*parts)),
    frozenset: ("frozenset", list, frozenset),
    collections.deque: ("deque", lambda value: (list(value), value.maxlen), lambda parts: collections.deque(*parts)),
    decimal.Decimal: ("Decimal", str, decimal.Decimal),
    fractions.Fraction: ("Fraction", lambda value: (value.numerator, value.denominator), lambda parts: fractions.Fraction(*parts)),
    uuid.UUID: ("UUID", lambda value: value.bytes, lambda data: uuid.UUID(bytes=data)),
}
# Any of them is as good as an equal one.
IMMUTABLE = frozenset((type(None), bool, int, float, str, bytes, tuple, slice, range, datetime.datetime, datetime.date, datetime.time,
                       datetime.timedelta, *_VALUES)) - {collections.deque}
_VALUES_BY_NAME = {name: make for name, _, make in _VALUES.values()}


_DURATION = re.compile(r"(-?)P(\d+)DT(\d+)\.(\d{6})S")
_TIME = re.compile(r"\d\d:")


def _duration_text(value: datetime.timedelta) -> str:
    size = abs(value)
    return f"{'-' if value.days < 0 else ''}P{size.days}DT{size.seconds}.{size.microseconds:06}S"


def _moment(text: str) -> Any:
    """Of ISO 8601; what Python's module cannot read stays text."""
    try:
        if duration := _DURATION.fullmatch(text):
            sign, days, seconds, microseconds = duration.groups()
            size = datetime.timedelta(int(days), int(seconds), int(microseconds))
            return -size if sign else size
        if _TIME.match(text):
            return datetime.time.fromisoformat(text)
        if len(text) == 10:
            return datetime.date.fromisoformat(text)
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        return text


class Codec:
    """One for each connection: it is used by one thread at a time."""

    # What the values are of; set before each use, and not kept after it.
    home: Any = None
    # Of a provider: the handle with which one of its own objects goes out, or None; and what goes out as a copy nevertheless.
    own_handle: Callable[[Any], Any] | None = None
    copied: Any = None

    def __init__(self) -> None:
        packer = msgpack.Packer(default=self._plainer, **PACKING)
        self.pack: Callable[[Any], bytes] = packer.pack
        self.failure: Exception | None = None  # what was wrong with the values of the message that was read
        self._made: list[tuple[int, Any]] = []  # that message's proxies, by the ids of their objects
        self._unread = bytearray()  # from the beginning of a message
        self._at = 0  # of that, among all bytes that the unpacker was fed
        self._options: dict[str, Any] = {"ext_hook": self._read, **UNPACKING}
        unpacker = msgpack.Unpacker(max_buffer_size=0, **self._options)
        self._feed: Callable[[bytes], None] = unpacker.feed
        self._unpack: Callable[[], Any] = unpacker.unpack
        self._tell: Callable[[], int] = unpacker.tell
        self._is_careful = False
        self._why: Exception | None = None  # why that message cannot be had

    # -- to the wire

    def _plainer(self, value: Any) -> Any:
        """What msgpack does not know."""
        if self.own_handle is not None and value is not self.copied and (own := self.own_handle(value)) is not None:
            return own
        write = _WRITERS.get(type(value))
        if write is not None:
            return write(self, value)
        if isinstance(value, Remote):
            handle = self.home.handle_of(value)
            if handle is not None:
                return msgpack.ExtType(HANDLE, msgpack.packb(handle))
            if not self.home.allow_pickle:
                raise TypeError(f"{value!r} is an object of another host: this host cannot keep it (allow_pickle would, as a pickle)")
        if isinstance(value, Opaque):
            return _opaque(value.language, value.data)
        if self.home.allow_pickle:
            # As multiprocessing does: it duplicates descriptors, of connections and sockets, whose numbers mean nothing elsewhere.
            return _opaque("python", bytes(ForkingPickler.dumps(value, protocol=4)))
        for base in (bool, int, float, str, bytes, dict, list):  # an IntEnum, a defaultdict: what others would see of them
            if isinstance(value, base):
                return base(value)
        if isinstance(value, tuple):
            return self._nested(TUPLE, tuple(value))
        kind = type(value)
        raise TypeError(f"a value of {kind.__module__}.{kind.__qualname__} cannot be sent to this host: it is Python's own, and "
                        "allow_pickle is off (it is on only for hosts that this program starts itself, or where it says so)")

    def _value(self, value: Any) -> msgpack.ExtType:
        name, take_apart, _ = _VALUES[type(value)]
        own_handle, self.own_handle = self.own_handle, None  # the host does not look into it
        try:
            return _opaque("python-value", msgpack.packb([name, take_apart(value)], default=self._plainer, **PACKING))
        finally:
            self.own_handle = own_handle

    def _nested(self, code: int, values: Any) -> msgpack.ExtType:
        return msgpack.ExtType(code, msgpack.packb(list(values), default=self._plainer, **PACKING))

    # -- from the wire

    def feed(self, data: bytes) -> None:
        self._unread += data
        self._feed(data)

    def next_message(self) -> Any:
        """The next of what was fed, or None where that is not whole yet. A message is read to its end, whatever is wrong with its values:
        `failure` tells that. Raises ValueError or msgpack.UnpackException for what is no MessagePack."""
        if not self._unread:
            return None
        try:
            message = self._unpack()
        except BaseException as why:
            return self._not_at_once(why)
        if self._is_careful:
            return self._read_carefully()
        end = self._tell()
        size, self._at = end - self._at, end
        if self._made or self.failure is not None:
            self._settle(self._unread[:size])
        del self._unread[:size]
        return message

    def read(self, data: bytes) -> Any:
        """As feed() and next_message(), but faster: for a message that is awaited, and of which nothing has come yet."""
        self._feed(data)
        try:
            message = self._unpack()
        except BaseException as why:
            self._unread += data
            return self._not_at_once(why)
        if self._is_careful:
            self._unread += data
            return self._read_carefully()
        end = self._tell()
        size, self._at = end - self._at, end
        if size != len(data):  # more has come after it
            self._unread += data[size:]
            data = data[:size]
        if self._made or self.failure is not None:
            self._settle(data)
        return message

    def _not_at_once(self, why: BaseException) -> Any:
        if isinstance(why, msgpack.OutOfData):
            return None
        if self._is_careful:
            raise why
        self._be_careful()
        self._why = why if isinstance(why, Exception) else InterruptedError("the reading of a message was interrupted")
        if not isinstance(why, Exception):
            raise why
        return self.next_message()

    def _be_careful(self) -> None:
        """Finds the end of each message before it looks at its values, from here on. An unpacker is of no more use once it has failed, and
        what it had made of that message stays in memory: so maps are made here, where they can fail."""
        finder = msgpack.Unpacker(max_buffer_size=0)
        self._feed, self._unpack, self._tell = finder.feed, finder.skip, finder.tell
        self._options["object_pairs_hook"] = self._map
        self._is_careful, self._at = True, 0
        self._feed(bytes(self._unread))

    def _map(self, pairs: list[tuple[Any, Any]]) -> Any:
        try:
            return dict(pairs)
        except TypeError as why:
            self._why = self._why or why.with_traceback(None)  # which would hold these pairs
            return None

    def _read_carefully(self) -> Any:
        end = self._tell()
        size, self._at = end - self._at, end
        data = bytes(self._unread[:size])
        del self._unread[:size]
        message = None
        if self._why is None:
            try:
                message = msgpack.unpackb(data, **self._options)
            except Exception as why:
                self._why = why
        if self._why is not None:
            parts, place = parts_of(data)
            message = message or parts
            self.failure, self._why = self.failure or _unreadable(place, self._why), None
        self._settle(data)
        return message

    def _settle(self, message: bytes | bytearray) -> None:
        """Gives back all objects that came with a message whose values could not be had: of some a proxy was not made, and of others one is
        where nobody finds it."""
        made, self._made = self._made, []
        if self.failure is None:
            return
        for _, proxy in made:
            self.home.let_go(proxy)
        left = collections.Counter(object_id for object_id, _ in made)
        for object_id, typeid in handles_in(bytes(message)):
            left[object_id] -= 1
            if left[object_id] < 0:
                with contextlib.suppress(Exception):
                    self.home.proxy(object_id, typeid)

    def _read(self, code: int, data: bytes) -> Any:
        try:
            read = _READERS.get(code)
            return msgpack.ExtType(code, data) if read is None else read(self, data)
        except Exception as error:  # a message is read to its end, whatever is wrong with its values
            self.failure = self.failure or error
            return None

    def _proxy(self, object_id: int, typeid: str) -> Any:
        proxy = self.home.proxy(object_id, typeid)
        self._made.append((object_id, proxy))
        return proxy

    def _inner(self, data: bytes) -> Any:
        outer, self._why = self._why, None
        try:
            value = msgpack.unpackb(data, **self._options)
            why = self._why
        except Exception as failure:
            self._options["object_pairs_hook"] = self._map
            why = failure
        finally:
            self._why = outer
        if why is not None:
            raise _unreadable("a value", why)
        return value

    def take_failure(self) -> Exception | None:
        failure, self.failure = self.failure, None
        return failure


def _unreadable(place: str, why: Exception) -> Exception:
    if isinstance(why, TypeError):
        return TypeError(f"{place} has a map with a key that no dict can have in Python ({why})")
    return ValueError(f"{place} has what Python cannot have ({why})")


def _opaque(language: str, data: bytes) -> msgpack.ExtType:
    return msgpack.ExtType(OPAQUE, msgpack.packb([language, data], **PACKING))


def _read_opaque(codec: Codec, body: bytes) -> Any:
    language, data = msgpack.unpackb(body, **UNPACKING)
    if language == "python":
        return _unpickled(data, codec.home.allow_pickle)
    if language == "python-value":
        name, parts = codec._inner(data)
        if name in _VALUES_BY_NAME:
            return _VALUES_BY_NAME[name](parts)
    return Opaque(language, data)


def _set_of(elements: list[Any]) -> set[Any]:
    try:
        return set(elements)
    except TypeError as why:
        raise TypeError(f"a set has an element that none can have in Python ({why})") from None


VIEWS: tuple[type, ...] = tuple(type(getattr(kind(), method)()) for kind in (dict, collections.OrderedDict)
                                for method in ("keys", "values", "items"))

_WRITERS: dict[type, Callable[[Codec, Any], Any]] = {
    tuple: lambda codec, value: codec._nested(TUPLE, value),
    set: lambda codec, value: codec._nested(SET, value),
    int: lambda codec, value: msgpack.ExtType(BIG_INTEGER, str(value).encode()),  # those that msgpack has no room for
    datetime.datetime: lambda codec, value: msgpack.ExtType(DATETIME, value.isoformat().encode()),
    datetime.date: lambda codec, value: msgpack.ExtType(DATETIME, value.isoformat().encode()),
    datetime.time: lambda codec, value: msgpack.ExtType(DATETIME, value.isoformat().encode()),
    datetime.timedelta: lambda codec, value: msgpack.ExtType(DATETIME, _duration_text(value).encode()),
    slice: lambda codec, value: codec._nested(SLICE, (value.start, value.stop, value.step)),
    range: lambda codec, value: codec._nested(RANGE, (value.start, value.stop, value.step)),
    memoryview: lambda codec, value: value.tobytes(),
    **dict.fromkeys(VIEWS, lambda codec, value: list(value)),
    **{kind: Codec._value for kind in _VALUES},
}

_READERS: dict[int, Callable[[Codec, bytes], Any]] = {
    HANDLE: lambda codec, data: codec._proxy(*msgpack.unpackb(data)),
    TUPLE: lambda codec, data: tuple(codec._inner(data)),
    SET: lambda codec, data: _set_of(codec._inner(data)),
    BIG_INTEGER: lambda codec, data: int(data),
    DATETIME: lambda codec, data: _moment(data.decode()),
    SLICE: lambda codec, data: slice(*codec._inner(data)),
    RANGE: lambda codec, data: range(*codec._inner(data)),
    OPAQUE: _read_opaque,
    OWN: lambda codec, data: codec.home.own(msgpack.unpackb(data)[0]),  # of a provider, in this process
}
