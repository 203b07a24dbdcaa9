"""Values that are wrong in most places, and right in some: every type of MessagePack at its edges."""
import msgpack

HANDLE = 0x53


def deep(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def ext(code, body):
    return msgpack.ExtType(code, body)


INTEGERS = [0, 1, -1, 127, 128, -32, -33, 255, 256, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1, -2**31,
            -2**63]
FLOATS = [0.0, -0.0, 1.5, 1e-320, 1e308, float("inf"), float("-inf"), float("nan"), 2.0**53, 2.0**63, 2.0**64, -1e-9]
TEXTS = ["", " ", ".", "..", "a.b", "soho", "soho.", "soho.call", "\0", "pair\0", "x" * 300, "ä" * 200, "\udcff", "\udcc0\udc80", "\udced\udca0\udc80",
         "\udcf4\udc90\udc80\udc80", "%s%n%s", "{}{0}", "../../x", "$soho", "$$soho", "'; --", "-1", "nan", "\u202e", "__class__"]
BINARIES = [b"", b"\0", b"\xff" * 16, b"soho.call", b"x" * 70_000]
ARRAYS = [[], [[]], [None], [1, 2, 3], [-1, "x"], ["$soho", 1], [[1, 1]], [[2**64 - 1, 2**64 - 1]], [0] * 20_000, deep(30)]
MAPS = [{}, {"": 0}, {1: 2}, {"kw": {}}, {"kw": 1}, {"timeout_ms": 0}, {"timeout_ms": -1}, {"timeout_ms": float("nan")}, {"timeout_ms": float("inf")},
        {"timeout_ms": 1e308}, {"owner": "x" * 257}, {"trace": 1}, {"name": "\udcff"}, {"if_exists": "open"}, {"uses": 0}, {"uses": 2**64 - 1},
        {"session": 1}, {"referrers": -1}, {"referrers": 2**64 - 1}, {"unknown": None}, {"proto": 1}, {None: None}, {1.5: {}}, {b"kw": {}},
        {str(number): number for number in range(2000)}]
HANDLES = [{"$soho": 0, "type": "Pair"}, {"$soho": 2**64 - 1, "type": "Pair"}, {"$soho": -1, "type": "Pair"}, {"$soho": "1", "type": "Pair"},
           {"$soho": 1}, {"$soho": 1, "type": 2}, {"type": "Pair", "$soho": 1}, {"$soho": 1, "type": "Pair", "x": 1}, {"$$soho": 1, "type": "Pair"}]
BODIES = [b"", b"\x92", b"\x92\x01", b"\x92\x01\xa4Pair", b"\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa4Pair", b"\x92\x01\xa4Pair\xc0",
          b"\x93\xc0\xc0\xc0", b"\x93\x01\x02\x00", b"\xc1", b"\x91" * 100, b"\xdd\xff\xff\xff\xff", b"-12", b"--1", b"1" * 5000, b"\xff\xfe",
          b"2026-01-02T03:04:05", b"\x92\xa6python\xc4\x00"]
OWN_CODES = range(0x53, 0x60)
EXTENSIONS = [ext(code, body) for code in OWN_CODES for body in BODIES] + [ext(5, b""), ext(127, b"x" * 300)]

WRONG = [None, True, False] + INTEGERS + FLOATS + TEXTS + BINARIES + ARRAYS + MAPS + HANDLES + EXTENSIONS

# One of each type and some edges: for places that are many.
WRONG_FEW = [None, True, -1, 2**64 - 1, -2**63, 1.5, float("nan"), float("inf"), "", "\udcff", "x" * 300, b"\xff", [], [[1, 2], None], deep(30), {}, {1: 2},
             {"$soho": 2**53, "type": "Pair"}, {"$soho": 1}, ext(HANDLE, b"\x92\x01"), ext(0x54, b"\x91"), ext(0x56, b"-"), ext(0x58, b"\x93\x01\xc0\x00"),
             ext(0x59, b"\x93\x00\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x01"), ext(5, b"\1")]
