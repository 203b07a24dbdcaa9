"""Small messages that would cost much: depth, width, lengths that are only promised, keys that collide, objects that hold each other."""
import struct

import msgpack

from attacker import Attacker
from soho_e2e import pack
from values import ext

CALL = b"\x94\x00\x09\xa9soho.call"
PRIME = 2**61 - 1  # integers that differ by a multiple of it have one hash in Python, which the dict copies


class Headers(Attacker):
    """Headers that promise up to 4 GiB, at every place of a frame; nothing of it follows, or a little."""

    rounds = 4
    needs_rights = False

    def round(self, rng):
        before = (b"", b"\x94", b"\x94\x00", b"\x94\x00\x09", CALL, CALL + b"\x94", CALL + b"\x94\x01", CALL + b"\x94\x01\xa3abc\x91", b"\x93\x02", b"\x93\x02\xa1x")
        for start in before:
            for code, width in ((0xdc, 2), (0xdd, 4), (0xde, 2), (0xdf, 4), (0xda, 2), (0xdb, 4), (0xc5, 2), (0xc6, 4), (0xc8, 2), (0xc9, 4)):
                length = rng.choice((2**(8 * width) - 1, 2**(8 * width - 1), 2**24, 2**24 + 1, 2**20 + 1, 65535))
                length = min(length, 2**(8 * width) - 1)
                with self.peer() as peer:
                    data = start + bytes([code]) + length.to_bytes(width, "big") + (b"\x05" if code in (0xc8, 0xc9) else b"")
                    peer.exchange(data + rng.choice((b"", b"\x01", b"\xa0" * 300, bytes(3000))))
                    peer.drain()


class Depth(Attacker):
    """Arrays, maps and extensions nested a hundred, or a million deep; and to the limit, where something walks them."""

    rounds = 3

    def round(self, rng):
        for level in (b"\x91", b"\x81\x01", b"\x81", b"\xdd\0\0\0\1", b"\xdf\0\0\0\1\xa1x"):
            for count in (40, 55, 60, 61, 62, 63, 64, 65, 100, 200_000):
                for start in (b"", CALL, CALL + b"\x94\x01\xa6append\x91"):
                    with self.peer() as peer:
                        peer.exchange(start + level * count)
                        peer.drain()
        with self.peer(client="hostile", handles="ext") as peer:
            kept = [peer.create("list"), peer.create("dict"), peer.create("Queue"), peer.create("Value", "O", 0)]
            for make in (lambda value: [value], lambda value: {"a": value}, lambda value: ext(0x54, pack([value])), lambda value: ext(0x55, pack([value]))):
                value = 1
                for _ in range(rng.randrange(20, 70)):
                    value = make(value)
                frames = []
                for target, method, args in zip(kept, ("append", "update", "put", "set"), ([value], [[[1, value]]], [value], [value])):
                    frames.append((target, method, args))
                    frames += [(kept[0], "__repr__", []), (kept[0], "__contains__", [value]), (kept[0], "copy", []), (kept[1], "__eq__", [{1: value}])]
                for target, method, args in frames:
                    if not peer.open:
                        return  # too deep
                    msgid, data = peer.frame("soho.call", target, method, args)
                    peer.exchange(data, [msgid])


class Width(Attacker):
    """As many values as a frame may hold, and one too many; long texts; many parameters, releases and keys."""

    rounds = 2
    most = 1 << 20

    def round(self, rng):
        with self.peer(client="hostile") as peer:
            target = peer.create("list")
            for count in (self.most - 100, self.most // 2):
                items = b"\xdd" + struct.pack(">I", count) + rng.choice((b"\xc0", b"\x01", b"\x90", b"\xa0")) * count
                self.big(peer, b"soho.call", [pack(target), pack("extend"), b"\x91" + items])
                self.big(peer, b"soho.call", [pack(target), pack("clear"), b"\x90"])
                self.big(peer, b"soho.ping", [b"\xc0"] * 1000)
            self.big(peer, b"soho.release", [pack([target + 1, 2**64 - 1])] * 100_000)
            text = b"\xdb" + struct.pack(">I", 8 << 20) + b"\xff" * (8 << 20)
            for method in (b"soho.open", b"soho.claim", b"soho.types", b"soho.unpublish"):
                self.big(peer, method, [text])
            self.big(peer, b"soho.call", [text, pack("get_x")])
            self.big(peer, b"soho.call", [pack(target), text])
            self.big(peer, b"soho.create", [text])
            self.big(peer, b"x" * 100_000 + b"." + b"y" * 100_000, [])
        with self.peer() as peer:
            peer.exchange(CALL + b"\x91\xdd" + struct.pack(">I", self.most + 10) + b"\xc0" * (self.most + 10))
            peer.ended()

    def big(self, peer, method, params):
        peer.last_msgid += 1
        head = b"\x94\0" + pack(peer.last_msgid) + pack(method) + b"\xdd" + struct.pack(">I", len(params))
        peer.answered([(peer.last_msgid, head + b"".join(params))])
        peer.sent.clear()


class Collisions(Attacker):
    """Maps and sets whose keys are equal, or have one hash where Python's would; integers of very many digits."""

    rounds = 2
    many = 20_000

    def round(self, rng):
        with self.peer(client="hostile", handles="ext") as peer:
            table, members = peer.create("dict"), peer.create("set")
            first = rng.randrange(10, 1000)
            big = [ext(0x56, str((first + number) * PRIME).encode()) for number in range(self.many)]
            equal = [1, 1.0, True] * 5000
            tuples = [ext(0x54, pack([number, 0])) for number in range(self.many)]
            floats = [float(number) * 2.0**60 for number in range(self.many)]
            for keys in (big, equal, tuples, floats):
                answers = peer.answered([peer.frame("soho.call", table, "update", [[[key, 1] for key in keys]]),
                                         peer.frame("soho.call", members, "update", [keys]), peer.frame("soho.call", members, "clear", []),
                                         peer.frame("soho.call", table, "clear", [])])
                if any(answer[2] is not None for answer in answers):
                    raise peer.defect(f"keys are refused: {answers!r:.300}")
            same = b"\xdf" + struct.pack(">I", self.many) + b"\xa1a\x01" * self.many
            peer.last_msgid += 1
            peer.answered([(peer.last_msgid, b"\x94\0" + pack(peer.last_msgid) + b"\xa9soho.call\x93" + pack(table) + pack("update") + b"\x91" + same)])
            digits = ext(0x56, b"9" * 500_000)
            for method, args in (("append", [digits]), ("__contains__", [digits]), ("count", [1.5]), ("__repr__", []), ("sort", [])):
                peer.message("soho.call", peer.create("list", [digits, digits]), method, args)


class Knots(Attacker):
    """Objects that hold each other and themselves, in chains and lattices, read, compared and let go."""

    rounds = 10

    def round(self, rng):
        with self.peer(client="hostile", handles=rng.choice(("map", "ext"))) as peer:
            lists = [peer.do("soho.create", "list", []) for _ in range(40)]
            ids = [handle.data and msgpack.unpackb(handle.data)[0] if isinstance(handle, msgpack.ExtType) else handle["$soho"] for handle in lists]
            frames = []
            for number, target in enumerate(ids):
                # Each holds the one before it twice; the first holds the last half of the time, and one itself.
                before = lists[number - 1] if number or rng.random() < 0.5 else lists[0]
                frames += [peer.frame("soho.call", target, "append", [before]) for _ in range(2)]
            for method, args in (("__repr__", []), ("copy", []), ("__eq__", [lists[-2]]), ("__lt__", [lists[-2]]), ("__contains__", [lists[5]]), ("sort", []),
                                 ("index", [lists[3]]), ("__add__", [lists[7]]), ("extend", [lists[-1]]), ("__iadd__", [lists[-1]]), ("count", [lists[-1]])):
                frames.append(peer.frame("soho.call", ids[-1], method, args, {"timeout_ms": 2000}))
            peer.answered(frames)
            # Circles are not collected: whoever ties them unties them, or an admin drops them.
            peer.answered([peer.frame("soho.call", target, "clear", []) for target in ids])


BOMBS = [Headers, Depth, Width, Collisions, Knots]
