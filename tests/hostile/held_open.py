"""Connections: half frames held open, floods of new ones, ends of every kind."""
import os
import socket
import ssl

from attacker import GONE, Attacker
from soho_e2e import pack

GREETING = pack([0, 0, "soho.hello", [{"proto": 1, "client": "hostile"}]])


class SlowFrames(Attacker):
    """Hundreds of connections that each hold half a frame and send a byte now and then; some end, some finish."""

    rounds = 3
    needs_rights = False
    connections = 200

    def round(self, rng):
        frames = [pack([0, 1, "soho.call", ["pair", "get_y", ["x" * size]]]) for size in (0, 100, 3000)] + [GREETING, b"\x94\x00\x09\xa9soho.call\x91\xc6\x00\xf0\0\0"]
        held = []
        for _ in range(self.connections):
            frame = rng.choice(frames)
            peer = self.peer()
            held.append([peer, frame, rng.randrange(len(frame))])
            peer.send_some(frame[:held[-1][2]])
        for _ in range(3):
            for entry in rng.sample(held, len(held)):
                peer, frame, at = entry
                if peer.open and at < len(frame):
                    entry[2] += peer.send_some(frame[at:at + rng.randrange(1, 4)])
                    peer.drain()
        for peer, frame, at in held:
            self.tally["inputs"] += 1
            if peer.open and rng.random() < 0.3:
                peer.exchange(frame[at:], [1] if frame[3:4] != b"\x00" and len(frame) < 4000 and frame.startswith(b"\x94\x00\x01") else [])
            if rng.random() < 0.5:
                peer.reset()
            else:
                peer.close()


class LongFrames(Attacker):
    """Frames of megabytes, all but the last byte; then the client goes."""

    rounds = 2
    connections = 8

    def round(self, rng):
        held = []
        for _ in range(self.connections):
            peer = self.peer()
            size = rng.choice((1 << 20, 6 << 20))
            peer.exchange(b"\x94\x00\x09\xa9soho.call\x91\xc6" + size.to_bytes(4, "big") + bytes(size - 1))
            held.append(peer)
        for peer in rng.sample(held, len(held)):
            rng.choice((peer.close, peer.reset))()


class Connects(Attacker):
    """Connections that open and end: at once, with RST, after hello, in the middle of it, with only one side closed, with calls in flight."""

    rounds = 5
    needs_rights = False

    def round(self, rng):
        held = []
        for _ in range(200):
            peer = self.peer()
            self.tally["inputs"] += 1
            end = rng.randrange(7)
            if end == 1:
                peer.reset()
            elif end == 2:
                peer.exchange(GREETING, [0])
            elif end == 3:
                peer.send_some(GREETING[:rng.randrange(len(GREETING))])
                peer.reset()
            elif end == 4:
                self.shut(peer, socket.SHUT_WR)
                held.append(peer)
                continue
            elif end == 5:
                peer.send_some(GREETING + pack([0, 1, "soho.types", []]) * 20)
                self.shut(peer, socket.SHUT_RD)
            elif end == 6:
                peer.send_some(GREETING + b"".join(pack([0, number, "pair.get_x", []]) for number in range(1, 50)))
                peer.reset()
            peer.close()
        for peer in held:
            peer.ended()
            peer.close()

    @staticmethod
    def shut(peer, side):
        try:
            peer.socket.shutdown(side)
        except (OSError, *GONE):
            pass


class Handshakes(Attacker):
    """TLS handshakes cut off, damaged, repeated, and whole ones that carry no frames; where no TLS is spoken, just as well."""

    rounds = 40
    needs_rights = False

    def begin(self):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def round(self, rng):
        for _ in range(5):
            with self.peer() as peer:
                peer.plain = False  # what comes back may be TLS
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = self.context.wrap_bio(incoming, outgoing, server_hostname="localhost")
                self.shake(tls)
                hello = bytearray(outgoing.read())
                for _ in range(rng.choice((0, 0, 1, 3, 10))):
                    hello[rng.randrange(len(hello))] = rng.randrange(256)
                hello = bytes(hello) * rng.choice((1, 1, 1, 2, 50))
                peer.exchange(hello[:rng.choice((len(hello), len(hello), rng.randrange(len(hello))))])
            self.whole(rng)

    @staticmethod
    def shake(tls):
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass

    def whole(self, rng):
        """A handshake to its end, if the host speaks TLS; then what is no frame, or half of one, or a torn record."""
        if not self.address.startswith("tls:"):
            return
        raw = self.peer()
        raw.socket.settimeout(30)
        self.tally["inputs"] += 1
        try:
            with self.context.wrap_socket(raw.socket, server_hostname="localhost") as stream:
                stream.settimeout(0.05)
                stream.send(rng.choice((GREETING, GREETING[:20], b"\xc1", rng.randbytes(300), b"\xdd\xff\xff\xff\xff", GREETING + GREETING)))
                rng.choice((lambda: stream.recv(4000), lambda: stream.unwrap(), lambda: os.close(stream.detach()), lambda: None))()
        except OSError:
            pass  # cut off, as it should be
        raw.close()


class Churn(Attacker):
    """Sessions that come, create, join each other, and go in the middle of it."""

    rounds = 30

    def round(self, rng):
        first = self.peer()
        greeting = first.do("soho.hello", {"proto": 1, "client": "hostile"})
        peers = [first]
        for _ in range(5):
            peer = self.peer()
            peer.do("soho.hello", {"proto": 1, "join": [greeting["session"], greeting["secret"]]})
            peers.append(peer)
        shared = first.create("list", [1, 2, 3])
        for peer in peers:
            peer.send_some(b"".join(peer.frame(*request)[1] for request in rng.choices((
                ("soho.create", "Pair", [1, 2]), ("soho.retain", shared), ("soho.release", [shared, 1]), ("soho.call", shared, "copy"),
                ("soho.create", "Queue", []), ("soho.call", "pair", "get_x")), k=rng.randrange(60))))
            self.tally["inputs"] += 1
        for peer in rng.sample(peers, len(peers)):
            rng.choice((peer.close, peer.reset, peer.drain))()
        for peer in peers:
            peer.close()


HELD_OPEN = [SlowFrames, LongFrames, Connects, Handshakes, Churn]
