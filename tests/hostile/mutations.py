"""Real traffic, damaged: whatever the host makes of it, it answers in whole replies and ends with its client."""
import struct

from attacker import Attacker
from methods import golden_requests
from soho_e2e import ext_handle, pack
from values import ext

HEADERS = {0xc4: 1, 0xc5: 2, 0xc6: 4, 0xc7: 1, 0xc8: 2, 0xc9: 4, 0xd9: 1, 0xda: 2, 0xdb: 4, 0xdc: 2, 0xdd: 4, 0xde: 2, 0xdf: 4}


def flip_bits(rng, data):
    for _ in range(rng.randrange(1, 8)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def replace_bytes(rng, data):
    for _ in range(rng.randrange(1, 8)):
        data[rng.randrange(len(data))] = rng.choice((0, 0x7f, 0x80, 0x90, 0xc0, 0xc1, 0xff, rng.randrange(256)))


def cut_out(rng, data):
    at = rng.randrange(len(data))
    del data[at:at + rng.randrange(1, 20)]


def repeat(rng, data):
    at = rng.randrange(len(data))
    data[at:at] = data[at:at + rng.randrange(1, 60)] * rng.randrange(1, 5)


def insert(rng, data):
    at = rng.randrange(len(data))
    data[at:at] = rng.choice((rng.randbytes(rng.randrange(1, 10)), b"\x91" * 70, b"\xc0", pack("x" * 300), pack([1, [2], {}])))


def splice(rng, data):
    """Something of one place at another."""
    at, to = rng.randrange(len(data)), rng.randrange(len(data))
    data[to:to] = data[at:at + rng.randrange(1, 40)]


def swap(rng, data):
    at = rng.randrange(len(data))
    data[:] = data[at:] + data[:at]


def raise_a_length(rng, data):
    """A header says that more comes than does."""
    places = [at for at, byte in enumerate(data) if byte in HEADERS or 0x80 <= byte < 0xc0]
    if not places:
        return
    at = rng.choice(places)
    byte = data[at]
    if byte in HEADERS:
        width = HEADERS[byte]
        data[at + 1:at + 1 + width] = rng.choice((b"\xff" * width, b"\x7f" + b"\xff" * (width - 1), rng.randbytes(width)))
    elif byte < 0xa0:
        data[at:at + 1] = rng.choice((bytes([byte | 0x0f]), (b"\xdf" if byte < 0x90 else b"\xdd") + rng.choice((b"\0\0\1\0", b"\xff" * 4))))
    else:
        data[at:at + 1] = rng.choice((b"\xbf", b"\xd9\xff", b"\xdb\0\xff\xff\xff", b"\xc6\xff\xff\xff\xff"))


def widen(rng, data):
    """A small header in a wide form; often right."""
    places = [at for at, byte in enumerate(data) if 0x80 <= byte < 0xc0]
    if places:
        at = rng.choice(places)
        byte = data[at]
        head, base = (0xdf, 0x80) if byte < 0x90 else (0xdd, 0x90) if byte < 0xa0 else (0xdb, 0xa0)
        data[at:at + 1] = bytes([head]) + struct.pack(">I", byte - base)


DAMAGES = [flip_bits, replace_bytes, cut_out, repeat, insert, splice, swap, raise_a_length, widen]


class Mutations(Attacker):
    """Streams of a client that does everything, damaged in many ways and sent in pieces."""

    rounds = 400
    streams = 8  # of a round

    def round(self, rng):
        with self.peer(client="recorded") as owner:  # its objects are there while damaged streams name them
            handles = rng.choice(("map", "ext"))
            frames = self.recorded(owner, handles)
            for _ in range(self.streams):
                some = [pack([0, 0, "soho.hello", [{"proto": 1, "handles": handles}]])]
                some += rng.sample(frames, rng.randrange(3, 12))
                data = bytearray(b"".join(some))
                for _ in range(rng.choice((1, 1, 1, 2, 5))):
                    rng.choice(DAMAGES)(rng, data)
                self.send(rng, bytes(data))

    def send(self, rng, data):
        with self.peer() as peer:
            peer.full = True  # a hello may be among them
            peer.repeats = True  # of msgids, since frames are
            cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((0, 0, 1, 3))))
            for start, end in zip([0, *cuts], [*cuts, len(data)]):
                if not peer.exchange(data[start:end]):
                    return
                peer.drain()
            if rng.random() < 0.7:
                peer.ended()

    @staticmethod
    def recorded(owner, handles):
        """Every frame of a client's life, with ids that are good. What it publishes goes with its session."""
        objects = {type_id: owner.create(type_id, *args) for type_id, args in (
            ("Pair", (1, 2)), ("list", ([1, "a", None],)), ("dict", ([[1, 2]],)), ("set", ()), ("deque", ()), ("Queue", ()), ("Array", ("i", [1, 2, 3])),
            ("Value", ("O", 1)), ("Lock", ()), ("Event", ()), ("Namespace", ()))}
        name = f"hostile.{owner.socket.fileno()}.{objects['Pair']}"
        owner.do("soho.publish", objects["Pair"], name, {"session": True})
        ticket = owner.do("soho.share", objects["list"], 500, {"uses": 60})

        def handle(type_id):
            return ext_handle(objects[type_id], type_id) if handles == "ext" else {"$soho": objects[type_id], "type": type_id}

        requests = [
            ("soho.create", "Pair", [1, 2]), ("soho.create", "list", [[1, [2, {"a": b"x"}]]], {"timeout_ms": 50}),
            ("soho.create", "dict", [], {"kw": {"a": 1, "b": [2]}}), ("soho.open", name), ("soho.retain", handle("Pair")),
            ("soho.call", objects["Pair"], "set_x", [7]), ("soho.call", handle("Pair"), "get_x"), ("soho.call", name, "get_x", [], {"trace": "t", "owner": "o"}),
            ("soho.call", handle("list"), "append", [handle("Pair")]), ("soho.call", handle("list"), "extend", [[1, 2.5, None, ext(0x54, b"\x92\x01\x02")]]),
            ("soho.call", objects["list"], "__getitem__", [ext(0x58, b"\x93\x00\x02\x01")]), ("soho.call", handle("list"), "copy"),
            ("soho.call", handle("list"), "__iter__"), ("soho.call", handle("list"), "sort"), ("soho.call", handle("list"), "__repr__"),
            ("soho.call", handle("dict"), "update", [{"a": 1, "$soho": 2}]), ("soho.call", handle("dict"), "items"), ("soho.call", handle("dict"), "get", ["a", 1]),
            ("soho.call", handle("set"), "update", [[1, 2, ext(0x55, b"\x91\x01")]]), ("soho.call", handle("deque"), "rotate", [3]),
            ("soho.call", handle("Queue"), "put", [handle("list")]), ("soho.call", handle("Queue"), "get", [True, 0.01], {"timeout_ms": 20}),
            ("soho.call", handle("Array"), "__setitem__", [1, -5]), ("soho.call", handle("Array"), "get_bytes"), ("soho.call", handle("Value"), "add", [1]),
            ("soho.call", handle("Value"), "set", [ext(0x56, b"123456789012345678901234567890")]), ("soho.call", handle("Lock"), "acquire", [True, 0.005]),
            ("soho.call", handle("Lock"), "release"), ("soho.call", handle("Event"), "wait", [0.01]), ("soho.call", handle("Event"), "set"),
            ("soho.call", handle("Namespace"), "__setattr__", ["a", {"b": handle("dict")}]), ("soho.share", handle("Pair"), 100, {"uses": 2}), ("soho.claim", ticket),
            ("soho.release", [objects["Pair"], 1], [objects["list"], 2]), ("soho.cancel", 5), ("soho.types", "list"), ("soho.names",), ("soho.whoami",),
            ("soho.objects", {"referrers": objects["list"]}), ("soho.stats",), ("soho.health",), (f"{name}.get_x",), (f"{name}.set_x", 5)]
        frames = [pack([0, msgid, method, params]) for msgid, (method, *params) in enumerate(requests, 1)]
        frames += [pack([2, "soho.release", [[objects["set"], 1]]]), pack([2, f"{name}.set_x", [8]]), pack([2, "soho.cancel", [9]])]
        return frames + golden_requests()


class RandomBytes(Attacker):
    """Bytes of no protocol at all, and of other protocols, in pieces."""

    rounds = 100
    needs_rights = False
    others = (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), b"SSH-2.0-x\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
              b"*1\r\n$4\r\nPING\r\n", b"\x00" * 4000, b"\xff" * 4000, b"\x80\x02}q\x00.", b'{"jsonrpc":"2.0","method":"x","id":1}\n')

    def round(self, rng):
        for data in (*self.others, rng.randbytes(10), rng.randbytes(500), rng.randbytes(5000), b"\x94\x00\x01" + rng.randbytes(200)):
            with self.peer() as peer:
                if peer.exchange(data) and rng.random() < 0.5:
                    peer.ended()


MUTATIONS = [Mutations, RandomBytes]
