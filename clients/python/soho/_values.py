"""Python's values as MessagePack, and back.

MessagePack has None, bool, int (64 bits), float, str, bytes, list and dict. Extension types that all soho clients know carry what else
most programs use; what only Python has travels as an opaque value that the host does not look into: some classes of plain data
always ("python-value"), all others as pickles ("python") where that is allowed.
"""
from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import io
import pickle
import re
import uuid
from typing import Any, Callable, Protocol

import msgpack

HANDLE, TUPLE, SET, BIG_INTEGER, DATETIME, SLICE, RANGE, OPAQUE, OWN = range(0x53, 0x5C)


class Remote:
    """What stands for an object of a host: the base of all proxies."""


class Home(Protocol):
    """Where values come from and go to."""

    allow_pickle: bool

    def handle_of(self, proxy: Any) -> tuple[int, str] | None:
        """Its id and typeid, if it is of this host."""

    def proxy(self, object_id: int, typeid: str) -> Any:
        """A proxy that owns the one reference that came with the handle."""


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

    def __init__(self) -> None:
        packer = msgpack.Packer(default=self._plainer, strict_types=True)
        self.pack: Callable[[Any], bytes] = packer.pack
        unpacker = msgpack.Unpacker(ext_hook=self._read, raw=False, strict_map_key=False, max_buffer_size=0, timestamp=3)
        self.feed: Callable[[bytes], None] = unpacker.feed
        # A whole message, or msgpack.OutOfData.
        self.next_message: Callable[[], Any] = unpacker.unpack
        self.failure: Exception | None = None  # what was wrong with the values of the message that was read

    # -- to the wire

    def _plainer(self, value: Any) -> Any:
        """What msgpack does not know."""
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
            return _opaque("python", pickle.dumps(value, protocol=4))
        for base in (bool, int, float, str, bytes, dict, list):  # an IntEnum, a defaultdict: what others would see of them
            if isinstance(value, base):
                return base(value)
        if isinstance(value, tuple):
            return self._nested(TUPLE, tuple(value))
        kind = type(value)
        raise TypeError(f"a value of {kind.__module__}.{kind.__qualname__} cannot be sent to this host: it is Python's own, and "
                        "allow_pickle is off (it is on only for hosts that this program starts itself, or where it says so)")

    def _value(self, value: Any) -> msgpack.ExtType:
        name, parts_of, _ = _VALUES[type(value)]
        return _opaque("python-value", msgpack.packb([name, parts_of(value)], default=self._plainer, strict_types=True))

    def _nested(self, code: int, values: Any) -> msgpack.ExtType:
        return msgpack.ExtType(code, msgpack.packb(list(values), default=self._plainer, strict_types=True))

    # -- from the wire

    def _read(self, code: int, data: bytes) -> Any:
        try:
            read = _READERS.get(code)
            return msgpack.ExtType(code, data) if read is None else read(self, data)
        except Exception as error:  # a reply is read to its end, whatever is wrong with its values
            self.failure = self.failure or error
            return None

    def _inner(self, data: bytes) -> Any:
        return msgpack.unpackb(data, ext_hook=self._read, raw=False, strict_map_key=False, timestamp=3)

    def take_failure(self) -> Exception | None:
        failure, self.failure = self.failure, None
        return failure


def _opaque(language: str, data: bytes) -> msgpack.ExtType:
    return msgpack.ExtType(OPAQUE, msgpack.packb((language, data)))


def _read_opaque(codec: Codec, body: bytes) -> Any:
    language, data = msgpack.unpackb(body)
    if language == "python":
        return _unpickled(data, codec.home.allow_pickle)
    if language == "python-value":
        name, parts = codec._inner(data)
        if name in _VALUES_BY_NAME:
            return _VALUES_BY_NAME[name](parts)
    return Opaque(language, data)


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
    **{kind: Codec._value for kind in _VALUES},
}

_READERS: dict[int, Callable[[Codec, bytes], Any]] = {
    HANDLE: lambda codec, data: codec.home.proxy(*msgpack.unpackb(data)),
    TUPLE: lambda codec, data: tuple(codec._inner(data)),
    SET: lambda codec, data: set(codec._inner(data)),
    BIG_INTEGER: lambda codec, data: int(data),
    DATETIME: lambda codec, data: _moment(data.decode()),
    SLICE: lambda codec, data: slice(*codec._inner(data)),
    RANGE: lambda codec, data: range(*codec._inner(data)),
    OPAQUE: _read_opaque,
    OWN: lambda codec, data: codec.home.own(msgpack.unpackb(data)[0]),  # of a provider, in this process
}
