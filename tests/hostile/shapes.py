"""Every message with every wrong shape. What has a msgid gets its one reply; the connection goes on."""
import struct

from attacker import Attacker, slices
from methods import COUNTED, RIGHT, control_methods, creatable
from soho_e2e import id_of, pack
from values import INTEGERS, WRONG, WRONG_FEW, ext

BATCH = 400  # frames at a time


def owed(value):
    """The msgid that a reply must come to, or None."""
    sound = isinstance(value, list) and len(value) >= 2 and type(value[0]) is int and value[0] == 0
    return value[1] if sound and type(value[1]) is int and 0 <= value[1] < 2**32 else None


class Envelopes(Attacker):
    """Frames that are no requests: wrong types, lengths and message kinds at every place of the envelope."""

    rounds = 1
    needs_rights = False

    def frames(self):
        yield from WRONG_FEW
        for value in WRONG_FEW + INTEGERS:
            for frame in ([0, 7, "soho.ping", []], [2, "soho.ping", []], [1, 7, None, None], [0, 7, "soho.ping", [], 0, 0]):
                for place in range(len(frame)):
                    yield [*frame[:place], value, *frame[place + 1:]]
                    yield frame[:place] + [value]
        for kind in list(range(-1, 5)) + [127, 255, 2**64 - 1, 0.0, False, "0"]:
            for length in range(8):
                yield [kind, 7, "soho.ping", [], None, {}, 1, 2][:length]

    def round(self, rng):
        frames = [value for value in self.frames() if len(pack(value)) < 4000]
        for value in rng.sample(frames, len(frames)):
            msgid = owed(value)
            with self.peer() as peer:
                alive = peer.exchange(pack(value), [] if msgid is None else [msgid])
                if msgid is not None and msgid not in peer.replies:
                    raise peer.defect(f"no reply to a frame with msgid {msgid}")
                if msgid is None and alive:
                    peer.exchange(pack([0, 99, "soho.ping", []]), [99])  # answered or closed, but not left waiting
                    if peer.replies.keys() - {99}:
                        raise peer.defect(f"a reply that nobody asked for: {peer.replies}")


class Hellos(Attacker):
    """Wrong greetings: each key of hello with every wrong value; a second hello; hello that is late."""

    rounds = 1

    def greetings(self):
        yield from ([value] for value in WRONG_FEW)
        yield from ([], [{}, {}], [{"proto": 1}, 1])
        for key in ("proto", "client", "errors", "handles", "features", "nonce", "join", "x"):
            for value in WRONG_FEW + [[1, b""], [2**64 - 1, b"x" * 16], [0, b"x" * 16], ["x", "y"], [[]], "ext", 2]:
                yield [{"proto": 1, key: value}]
                yield [{key: value}]

    def round(self, rng):
        for params in self.greetings():
            with self.peer() as peer:
                # Whatever the first brought: another one is refused, and the connection still serves.
                peer.answered([(1, pack([0, 1, "soho.hello", params]))])
                again, ping = peer.answered([(2, pack([0, 2, "soho.hello", [{"proto": 1}]])), (3, pack([0, 3, "soho.ping", []]))])
                if again[2] is None or ping[2] is not None:
                    raise peer.defect(f"after a hello of {params!r:.200}: {again!r:.200}, then {ping!r:.200}")


class Params(Attacker):
    """Each soho.* method with each parameter missing, too many, and of every wrong type."""

    rounds = 60

    def begin(self):
        """The list is the same for all rounds; a round takes its slice. Between them they take it all."""
        self.requests = []
        for method, words in control_methods().items():
            if method in ("soho.hello", "soho.auth"):
                continue  # see Hellos and Logins
            right = [RIGHT.get(word) for word in words]
            forms = [right[:count] for count in range(len(right))] + [right + WRONG_FEW[:count] for count in range(1, 5)]
            if method not in COUNTED:
                forms += [[*right[:place], value, *right[place + 1:]] for place in range(len(right)) for value in WRONG]
                forms += [right[:place] + [value] for place in range(len(right)) for value in WRONG_FEW]
            if not words:
                forms += [[value] for value in WRONG_FEW]
            self.requests += [[method, params] for params in forms if params or method not in COUNTED]
            self.requests += [[method, value] for value in WRONG_FEW if not isinstance(value, list) and value is not None]
        self.rounds = max(1, -(-len(self.requests) // BATCH))

    def round(self, rng):
        batch = slices(self.requests, BATCH, self.number)
        with self.peer(client="hostile", handles=rng.choice(("map", "ext")), errors=rng.choice(("string", "full"))) as peer:
            target = peer.create("Pair", 1, 2)
            frames = []
            for method, params in batch:
                peer.last_msgid += 1
                if isinstance(params, list):
                    params = [target if value is RIGHT["target"] and method in ("soho.call", "soho.retain") else value for value in params]
                frames.append((peer.last_msgid, pack([0, peer.last_msgid, method, params])))
            peer.answered(frames)
            peer.exchange(pack([0, 2**32 - 1, "soho.unpublish", [RIGHT["name"]]]), [2**32 - 1])


class Arguments(Attacker):
    """Each method of each type, by id and by name, with each argument of every wrong type, missing and too many."""

    rounds = 40
    # What is asked for is done: these would take the memory of the machine, or end nothing but a test's own plugin.
    left_out = {"Kinds.long_text", "Kinds.charge", "Kinds.log"}

    def begin(self):
        with self.peer() as peer:
            types = creatable(peer.do("soho.types"))
        self.methods = [(one["type"], method, len(entry["args"])) for one in types for method, entry in one["methods"].items()
                        if f"{one['type']}.{method}" not in self.left_out]
        self.methods += [(one["type"], None, len(one["args"])) for one in types]
        self.rounds = max(1, -(-len(self.methods) // 12))

    def round(self, rng):
        with self.peer(client="hostile", handles=rng.choice(("map", "ext"))) as peer:
            for type_id, method, arity in slices(self.methods, 12, self.number):
                peer.answered(list(self.frames(peer, rng, type_id, method, arity)))

    def frames(self, peer, rng, type_id, method, arity):
        right = [rng.choice((0, 1, "a", [1], {"a": 1})) for _ in range(arity)]
        forms = [right[:count] for count in range(arity)] + [right + [1] * count for count in range(1, 4)]
        forms += [[*right[:place], value, *right[place + 1:]] for place in range(arity) for value in WRONG_FEW]
        if method is None:
            for form in forms:
                yield peer.frame("soho.create", type_id, form, {"timeout_ms": 20})
            return
        for args in ([], ["i", 1], [3], [[1, 2]], [1, 2]):
            made = peer.message("soho.create", type_id, args)
            if made[2] is None:
                break
        else:
            raise peer.defect(f"the attacker does not know how {type_id} is made: {made[2]}")
        target, name = id_of(made[3]), f"hostile.{rng.getrandbits(60)}"
        peer.do("soho.publish", target, name, {"session": True})
        for form in forms:
            yield peer.frame("soho.call", target, method, form, {"timeout_ms": 20})
            by_name, data = peer.frame(f"{name}.{method}", *form)
            # By name a call has no deadline: what waits is cancelled.
            yield by_name, data + pack([2, "soho.cancel", [by_name]])
        for value in WRONG_FEW:
            yield peer.frame("soho.call", target, method, right, {"timeout_ms": 20, "kw": {"a": value, "timeout": value, "block": value}})
            yield peer.frame("soho.call", target, method, right, {"timeout_ms": 20, "kw": value})


class Extensions(Attacker):
    """Every extension code with sound and unsound bodies, as argument, target, name, key and envelope, in both forms of handles."""

    rounds = 16

    def round(self, rng):
        bodies = [b"", b"\x92\x01\xa4Pair", b"\x92\x01", b"\xc1", bytes(4), rng.randbytes(12), rng.randbytes(300)]
        with self.peer(client="hostile", handles=("map", "ext")[self.number % 2]) as peer:
            kept = peer.create("list")
            frames = []
            for code in range(self.number * 16 % 256, self.number * 16 % 256 + 16):
                for body in bodies:
                    if code == 255 and len(body) != 4:
                        continue  # a timestamp that this side's library could not read back
                    raw = b"\xc8" + struct.pack(">HB", len(body), code) + body
                    for before, after in self.places(kept):
                        peer.last_msgid += 1
                        msgid = pack(peer.last_msgid)
                        frames.append((peer.last_msgid, b"\x94\0" + msgid + before + raw + after))
            peer.answered(frames)

    @staticmethod
    def places(kept):
        call = b"\xa9soho.call\x94" + pack(kept) + pack("append")
        return ((call + b"\x91", b"\x80"), (call + b"\x91\x92\x01", b"\x80"), (call + b"\x91\x81", b"\x01\x80"), (call + b"\x91\x90\x81", b"\x01"),
                (call, b"\x80"), (call + b"\x90", b""), (b"\xa9soho.call\x93", pack("append") + b"\x90"), (b"\xa9soho.call\x92\x01", b""),
                (b"\xabsoho.retain\x91", b""), (b"\xabsoho.create\x91", b""), (b"\xacsoho.release\x91", b""), (b"\xabsoho.cancel\x91", b""))


SHAPES = [Envelopes, Hellos, Params, Arguments, Extensions]
