"""Python's values as they travel in extensions, and random ones that often equal each other."""
import msgpack
from soho_e2e import pack, unpack

TUPLE, SET, BIG, SLICE, RANGE = 0x54, 0x55, 0x56, 0x58, 0x59


class Shared:
    """An argument that goes to the host as a handle of an object with these contents."""

    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return f"Shared({self.value!r})"


def local(value):
    return value.value if isinstance(value, Shared) else value


def to_wire(value):
    if isinstance(value, msgpack.ExtType):
        return value
    if isinstance(value, tuple):
        return msgpack.ExtType(TUPLE, pack([to_wire(part) for part in value]))
    if isinstance(value, (set, frozenset)):
        return msgpack.ExtType(SET, pack([to_wire(part) for part in value]))
    if isinstance(value, slice):
        return msgpack.ExtType(SLICE, pack([to_wire(part) for part in (value.start, value.stop, value.step)]))
    if isinstance(value, range):
        return msgpack.ExtType(RANGE, pack([value.start, value.stop, value.step]))
    if isinstance(value, list):
        return [to_wire(part) for part in value]
    if isinstance(value, dict):
        return {to_wire(key): to_wire(part) for key, part in value.items()}
    if type(value) is int and not -2**63 <= value < 2**64:
        return msgpack.ExtType(BIG, str(value).encode())
    return value


def from_wire(value):
    if isinstance(value, msgpack.ExtType):
        if value.code == TUPLE:
            return tuple(from_wire(part) for part in unpack(value.data))
        if value.code == SET:
            return {from_wire(part) for part in unpack(value.data)}
        if value.code == BIG:
            return int(value.data)
        if value.code in (SLICE, RANGE):
            return {SLICE: slice, RANGE: range}[value.code](*unpack(value.data))
        return value
    if isinstance(value, list):
        return [from_wire(part) for part in value]
    if isinstance(value, dict):
        return {from_wire(key): from_wire(part) for key, part in value.items()}
    return value


def canonical(value):
    """Equal only for what Python writes alike: 1 is not 1.0 here, nor True."""
    if isinstance(value, (set, frozenset)):
        return "set", frozenset(value)  # which of two equal elements a set keeps is nobody's business
    if isinstance(value, (list, tuple)):
        return type(value).__name__, tuple(canonical(part) for part in value)
    if isinstance(value, dict):
        return "dict", tuple((canonical(key), canonical(part)) for key, part in value.items())
    return type(value).__name__, repr(value)


SCALARS = [None, True, False, 0, 1, 2, -1, 3, 1.0, 0.0, -0.0, 2.5, float("inf"), 255, 2**63, 2.0**63, 2**64, 2.0**64,
           -2**63, -2**63 - 1, 10**40, 1e40, "", "a", "b", "ab", "é", "\n'", b"", b"a", b"\xff'"]


def some_hashable(rng, depth=0):
    if depth < 2 and rng.random() < 0.15:
        return tuple(some_hashable(rng, depth + 1) for _ in range(rng.randrange(3)))
    return rng.choice(SCALARS)


def some_value(rng, depth=0):
    choice = rng.random()
    if depth < 2 and choice < 0.3:
        parts = [some_value(rng, depth + 1) for _ in range(rng.randrange(3))]
        if choice < 0.15:
            return parts
        if choice < 0.2:
            return tuple(parts)
        hashables = [some_hashable(rng, depth + 1) for _ in parts]
        return dict(zip(hashables, parts)) if choice < 0.25 else set(hashables)
    return some_hashable(rng, depth)
