"""MessagePack as soho has it, by its bytes: for values of all kinds, and for those that cannot be had here.

Text on the wire may be no UTF-8: a byte that belongs to none is a lone surrogate here, as in the names of files, and becomes that byte again.
All other lone surrogates are three bytes on the wire, as the standard library's pickles have them.
"""
from __future__ import annotations

import codecs
from typing import Any, Iterator

import msgpack

HANDLE, TUPLE, SET, BIG_INTEGER, DATETIME, SLICE, RANGE, OPAQUE, OWN = range(0x53, 0x5C)


def _any_text(error: Exception) -> tuple[str | bytes, int]:
    """What stands for a part of a text that is no UTF-8, and where that ends."""
    if isinstance(error, UnicodeEncodeError):
        return b"".join(bytes((ord(each) & 0xFF,)) if _is_byte(each) else each.encode("utf-8", "surrogatepass")
                        for each in error.object[error.start:error.end]), error.end
    assert isinstance(error, UnicodeDecodeError)
    try:
        surrogate = error.object[error.start:error.start + 3].decode("utf-8", "surrogatepass")
        if len(surrogate) == 1 and not _is_byte(surrogate):
            return surrogate, error.start + 3
    except UnicodeDecodeError:
        pass
    return chr(0xDC00 + error.object[error.start]), error.start + 1


def _is_byte(surrogate: str) -> bool:
    return "\udc80" <= surrogate <= "\udcff"


codecs.register_error("soho", _any_text)

PACKING: dict[str, Any] = {"strict_types": True, "unicode_errors": "soho"}
UNPACKING: dict[str, Any] = {"raw": False, "strict_map_key": False, "timestamp": 3, "unicode_errors": "soho"}


def parts_of(message: bytes) -> tuple[list[Any], str]:
    """The parts of a message, where one that cannot be had is None; and which one that is."""
    packed = _elements(message)
    parts = [_part(part)[0] for part in packed]
    if parts[0] != 0:
        return parts, "the result"
    params = _elements(packed[3])
    parts[3] = [_part(param)[0] for param in params]
    for number, argument in enumerate(_elements(params[-2]), 1):
        if not _part(argument)[1]:
            return parts, f"argument {number}"
    return parts, "an argument"


def _part(packed: bytes) -> tuple[Any, bool]:
    """A value without its objects, and whether it could be had."""
    wrong = []

    def as_map(pairs: list[tuple[Any, Any]]) -> Any:
        try:
            return dict(pairs)
        except TypeError:
            wrong.append(pairs)

    try:
        value = msgpack.unpackb(packed, ext_hook=_as_key, object_pairs_hook=as_map, **UNPACKING)
    except Exception:  # noqa: BLE001  whatever it is, there is no such value
        return None, False
    return (None, False) if wrong else (value, True)


def _as_key(code: int, data: bytes) -> Any:
    """As good a key as the value would be."""
    return set() if code == SET else msgpack.ExtType(code & 0x7F, data)


def _elements(array: bytes) -> list[bytes]:
    unpacker = msgpack.Unpacker(max_buffer_size=0)
    unpacker.feed(array)
    elements = []
    for _ in range(unpacker.read_array_header()):
        start = unpacker.tell()
        unpacker.skip()
        elements.append(array[start:unpacker.tell()])
    return elements


_ARRAYS, _MAPS = {*range(0x90, 0xA0), 0xDC, 0xDD}, {*range(0x80, 0x90), 0xDE, 0xDF}
# Where the type of an extension is, by its first byte.
_EXTENSIONS = {0xC7: 2, 0xC8: 3, 0xC9: 5, **dict.fromkeys(range(0xD4, 0xD9), 1)}


def handles_in(packed: bytes) -> Iterator[Any]:
    """Of all objects in a value, in their order."""
    unpacker = msgpack.Unpacker(max_buffer_size=0)
    unpacker.feed(packed)
    while (start := unpacker.tell()) < len(packed):
        first = packed[start]
        if first in _ARRAYS:
            unpacker.read_array_header()
        elif first in _MAPS:
            unpacker.read_map_header()
        else:
            unpacker.skip()
            if first in _EXTENSIONS:
                head = start + _EXTENSIONS[first]
                code, body = packed[head], packed[head + 1:unpacker.tell()]
                if code == HANDLE:
                    yield msgpack.unpackb(body)
                elif code in (TUPLE, SET, SLICE, RANGE):
                    yield from handles_in(body)
