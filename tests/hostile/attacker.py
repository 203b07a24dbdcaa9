"""What every attacker stands on: work that a seed and a number repeat, and a connection that checks all it gets back.

An attacker does its work in rounds. A round depends on the seed and its own number only, so that a round that finds a defect can be
had again alone. Being refused, cut off or kept waiting is what an attacker expects; a Defect is what a host must never do to anybody:
fall, leave a request without its one reply, send what is no reply, answer `internal`, give away what it must keep.
"""
import collections
import pathlib
import random
import re
import select
import socket
import struct
import sys
import time

import msgpack

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import PATIENCE, id_of, pack

KINDS = ("protocol no_object no_method bad_arguments denied unauthenticated deadline cancelled overloaded limit unavailable moved fenced "
         "not_started internal failed exists no_type").split()
ERROR = re.compile(rf"({'|'.join(KINDS)}): ")
SENT_KEPT = 1 << 16  # bytes, for the report
GONE = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError)


class Defect(Exception):
    """The host did what it must not. `sent` is the end of what the connection had sent by then."""

    def __init__(self, why, sent=b""):
        super().__init__(why)
        self.sent = bytes(sent)


class Attacker:
    """Subclasses say what they do in their doc line, and do a bounded piece of it in round(rng)."""

    rounds = 10  # what a short test asks for
    needs_rights = True  # else it is at home before a login, too

    def __init__(self, address, seed=0):
        self.address = address
        self.seed = seed
        self.tally = collections.Counter()  # sessions: connections opened; inputs: frames, or streams of them; replies

    @classmethod
    def name(cls):
        """SlowFrames is slow_frames."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def run(self, count=None, seconds=None, first=0):
        """Rounds from `first` on, so many or for so long."""
        until = time.monotonic() + seconds if seconds is not None else None
        self.begin()
        number = first
        while (count is None or number < first + count) and (until is None or time.monotonic() < until):
            self.number = number
            self.round(random.Random(f"{self.seed}.{number}"))
            number += 1
        return self.tally

    def begin(self):
        """Once, before the first round."""

    def round(self, rng):
        raise NotImplementedError

    def peer(self, **hello):
        return Peer(self, **hello)


class Peer:
    """A connection that sends anything, and holds each message that comes back against the protocol."""

    def __init__(self, attacker, **hello):
        self.attacker = attacker
        self.socket = connect(attacker.address)
        self.socket.setblocking(False)
        self.unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=0, unicode_errors="surrogateescape",
                                         object_pairs_hook=map_or_pairs, ext_hook=ext_or_pair)
        self.sent = bytearray()
        self.replies = {}
        self.given = 0  # replies, ever
        self.open = True
        self.plain = True  # what comes is MessagePack
        self.repeats = False  # a msgid may be answered twice, being used twice
        self.last_msgid = 0
        self.full = hello.get("errors") == "full"
        attacker.tally["sessions"] += 1
        if hello:
            self.do("soho.hello", {"proto": 1, **hello})

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.open = False
        self.socket.close()

    def reset(self):
        """Ends it with RST instead of FIN, where the transport has that."""
        if self.socket.fileno() < 0:
            return  # it was the host that ended it
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def defect(self, why):
        return Defect(why, self.sent)

    # -- sending

    def send_some(self, data):
        """What the socket takes now; 0 if it is full or closed."""
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            return 0
        except GONE:
            self.drain()
            return 0
        self.sent += data[:min(sent, SENT_KEPT)]
        del self.sent[:-SENT_KEPT]
        return sent

    def send_unread(self, data):
        """Sends without reading, until the host takes no more; how much it took."""
        sent = 0
        view = memoryview(data)
        while sent != len(data) and self.open:
            now = self.send_some(view[sent:sent + (1 << 20)])
            if now == 0 and not select.select([], [self.socket], [], 0.2)[1]:
                break
            sent += now
        return sent

    def frame(self, method, *params):
        self.last_msgid += 1
        return self.last_msgid, pack([0, self.last_msgid, method, list(params)])

    # -- receiving

    def drain(self):
        """Reads what is there. Nothing more comes once `open` is false."""
        while self.open:
            try:
                data = self.socket.recv(1 << 20)
            except BlockingIOError:
                return
            except GONE:
                data = b""
            if not data:
                self.close()
            if not self.plain:
                continue
            self.unpacker.feed(data)
            try:
                for message in self.unpacker:
                    self.take(message)
            except (ValueError, msgpack.UnpackException) as error:
                if "Timestamp" in str(error):  # an echo of ours that is sound, but which this library cannot read
                    return self.close()
                raise self.defect(f"the host sent what is no MessagePack ({error})") from None

    def take(self, message):
        if isinstance(message, list) and message[:2] == [2, "soho.session_end"]:
            return  # a damaged copy of a provider's traffic can be a whole one, which asked for that
        if not isinstance(message, list) or len(message) != 4 or message[0] != 1:
            raise self.defect(f"the host sent what is no reply: {message!r:.300}")
        _, msgid, error, result = message
        if msgid in self.replies and not self.repeats:
            raise self.defect(f"two replies to {msgid}: {message!r:.300}")
        if error is not None:
            self.check_error(error, result)
        self.replies[msgid] = message
        self.given += 1
        self.attacker.tally["replies"] += 1

    def check_error(self, error, result):
        if self.full and isinstance(error, list):
            sound = len(error) == 3 and isinstance(error[1], str) and error[2].get("kind") in KINDS
            internal = error[0] == 15
        else:
            said = isinstance(error, str) and ERROR.match(error)
            sound, internal = said, said and said.group(1) == "internal"
        if not sound or result is not None:
            raise self.defect(f"an error of the wrong shape: {error!r:.300}, with result {result!r:.100}")
        if internal:
            raise self.defect(f"an internal error: {error!r:.500}")

    # -- both

    def exchange(self, data, msgids=()):
        """Sends, and reads until those msgids are answered or the host has closed the connection; whether it is open."""
        view, wanted = memoryview(data), set(msgids)
        self.attacker.tally["inputs"] += max(1, len(wanted))
        until = time.monotonic() + PATIENCE
        while self.open and (view or wanted - self.replies.keys()):
            readable, writable, _ = select.select([self.socket], [self.socket] if view else [], [], PATIENCE)
            if not readable and not writable or time.monotonic() > until:
                missing = sorted(wanted - self.replies.keys())
                raise self.defect(f"no reply to {missing[:10]}" if missing else "the host takes no bytes")
            if writable:
                view = view[self.send_some(view[:1 << 20]):]
            if readable:
                self.drain()
        return self.open

    def answered(self, frames):
        """Sends frames [(msgid, bytes)]; each gets its one reply and the connection goes on. Gives the replies."""
        msgids = [msgid for msgid, _ in frames]
        if not self.exchange(b"".join(data for _, data in frames), msgids):
            missing = [msgid for msgid in msgids if msgid not in self.replies]
            raise self.defect(f"the connection was closed; no reply to {missing[:10]} of {len(msgids)}")
        return [self.replies.pop(msgid) for msgid in msgids]

    def message(self, method, *params):
        """One request's reply, whole."""
        return self.answered([self.frame(method, *params)])[0]

    def do(self, method, *params):
        """A request that is right; its result."""
        _, _, error, result = self.message(method, *params)
        if error is not None:
            raise self.defect(f"{method}{params!r:.200} was refused: {error!r:.300}")
        return result

    def create(self, type_id, *args):
        return id_of(self.do("soho.create", type_id, list(args)))

    def ended(self):
        """Sends no more and waits until the host closes, as it must."""
        if self.open:
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the host was first
        until = time.monotonic() + PATIENCE
        while self.open:
            if not select.select([self.socket], [], [], PATIENCE)[0] or time.monotonic() > until:
                raise self.defect("the host keeps a connection whose client has ended")
            self.drain()


def connect(address):
    """A socket to "unix:PATH", "tcp:HOST:PORT" or, without any TLS, "tls:HOST:PORT"; waits while the host's backlog is full."""
    transport, _, place = address.partition(":")
    try:
        if transport == "unix":
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.connect(place)
            return connection
        name, _, port = place.rpartition(":")
        if transport not in ("tcp", "tls") or not port.isdecimal():
            raise ValueError(f'"{address}" is no address: unix:PATH, tcp:HOST:PORT or tls:HOST:PORT')
        return socket.create_connection((name.strip("[]"), int(port)), PATIENCE)
    except OSError as error:
        raise Defect(f"the host takes no connection at {address}: {error}") from None


def ext_or_pair(code, data):
    """MessagePack's codes may be negative, the module's may not."""
    return msgpack.ExtType(code, data) if code >= 0 else (code, data)


def map_or_pairs(pairs):
    """MessagePack's maps may have keys that Python's may not."""
    try:
        return dict(pairs)
    except TypeError:
        return pairs


def slices(items, size, number):
    """The number-th slice of `size` items, around and around."""
    count = -(-len(items) // size)
    at = number % count * size
    return items[at:at + size]
