"""What is not one's own: sessions joined with wrong secrets, ids and tickets guessed, handles of the wrong type, names of others."""
from attacker import Attacker
from soho_e2e import ext_handle, pack


class Joins(Attacker):
    """Other sessions joined with wrong secrets, with secrets of others, with one's own after its end."""

    rounds = 10

    def round(self, rng):
        with self.peer() as one, self.peer() as two:
            first, second = (side.do("soho.hello", {"proto": 1, "client": "hostile"}) for side in (one, two))
            secret = first["secret"]
            wrong = [b"", secret[:-1], secret + b"\0", bytes([secret[0] ^ 1]) + secret[1:], secret[:-1] + bytes([secret[-1] ^ 0x80]), second["secret"], bytes(16),
                     rng.randbytes(16), b"x" * 100_000]
            for guess in wrong:
                self.joins(first["session"], guess)
            for session in (0, second["session"], first["session"] + 1000, 2**64 - 1):
                self.joins(session, secret)
            with self.peer() as third:
                third.do("soho.hello", {"proto": 1, "join": [first["session"], secret]})
        ended, left = first["session"], secret
        with self.peer() as witness:
            # The host is told of an end and may still be at it: until it has seen the ends, a join is right.
            sessions = [None]
            while ended in sessions or None in sessions:
                reply = witness.message("soho.sessions")
                if reply[2] is not None:
                    return  # no admin: cannot see it
                sessions = [entry["session"] for entry in reply[3]]
        self.joins(ended, left)

    def joins(self, session, secret):
        with self.peer() as peer:
            reply = peer.message("soho.hello", {"proto": 1, "join": [session, secret]})
            if reply[2] is None:
                raise peer.defect(f"joined session {session} with a wrong secret")


class Logins(Attacker):
    """Logins with proofs, names and tokens of every wrong kind, too many of them, before, after and without a hello."""

    rounds = 10
    needs_rights = False
    tries = 3

    def round(self, rng):
        values = [None, 0, b"", "", b"x" * 31, bytes(32), rng.randbytes(32), b"x" * 33, "x" * 32, "ci", "\0", "\udcff", [], {}, 2**64 - 1, 1.5, "x" * 1000]
        for mechanism in ("hmac-sha256-1", "token", "", "none", "hmac-sha256-2", None, 7, [], b"token"):
            with self.peer() as peer:
                if rng.random() < 0.8:
                    hello = {"proto": 1, "login": True, "nonce": rng.choice((bytes(32), rng.randbytes(32), b"", b"x" * 500))}
                    greeting = peer.message("soho.hello", hello)
                    if greeting[2] is None and greeting[3]["authenticated"]:
                        raise peer.defect(f"logged in by hello: {greeting!r:.300}")
                frames = [peer.frame("soho.auth", mechanism, *rng.choices(values, k=rng.randrange(4))) for _ in range(rng.randrange(1, 8))]
                frames.append(peer.frame("soho.call", "pair", "get_x"))
                peer.exchange(b"".join(data for _, data in frames), [msgid for msgid, _ in frames])
                for msgid, _ in frames[:-1]:
                    reply = peer.replies.get(msgid)
                    if reply is not None and reply[2] is None:
                        raise peer.defect(f"logged in: {reply!r:.300}")
                if sum(1 for reply in peer.replies.values() if reply[2] and reply[2].startswith("unauthenticated: no such")) > self.tries:
                    raise peer.defect("may try for ever")


class Guesses(Attacker):
    """Ids, handles and tickets that were never given: each is no object, wherever it stands."""

    rounds = 10

    def round(self, rng):
        with self.peer(client="hostile", handles="ext") as peer:
            target = peer.create("list")
            frames, guesses = [], [rng.getrandbits(53) for _ in range(100)] + [0, 1, 2, 2**53, 2**63, 2**64 - 1]
            for guess in guesses:
                for handle in (guess, ext_handle(guess, rng.choice(("Pair", "list", "", "x" * 100)))):
                    frames += [peer.frame("soho.retain", handle), peer.frame("soho.call", handle, "get_x"), peer.frame("soho.share", handle, 10),
                               peer.frame("soho.publish", handle, f"hostile.{guess}")]
                frames.append(peer.frame("soho.call", target, "append", [ext_handle(guess, "Pair")]))
                frames.append(peer.frame("soho.call", target, "extend", [[{"deep": [ext_handle(guess, "list")]}]]))
                frames.append(peer.frame("soho.claim", f"{guess:x}.{rng.getrandbits(128):032x}"))
            for reply in peer.answered(frames):
                if reply[2] is None or not reply[2].startswith(("no_object: ", "bad_arguments: ")):
                    raise peer.defect(f"a guessed id is not refused: {reply!r:.300}")
            wrong = peer.message("soho.call", target, "append", [ext_handle(target, "Pair")])
            if wrong[2] is None or not wrong[2].startswith("no_object"):
                raise peer.defect(f"a handle of the wrong type is taken: {wrong!r:.300}")


class Neighbours(Attacker):
    """The ids around one's own, retained, called, given as arguments and released; whoever they belong to keeps them."""

    rounds = 10

    def round(self, rng):
        with self.peer(client="hostile") as peer:
            target = peer.create("list")
            peer.answered([peer.frame(method, *params) for near in range(target - 60, target + 60) if near != target for method, *params in (
                ("soho.release", [near, 2**64 - 1]), ("soho.call", near, "no_such_method", [1]),
                ("soho.call", target, "append", [{"$soho": near, "type": "Pair"}]), ("soho.retain", near), ("soho.release", [near, 2]))])
            peer.exchange(pack([2, "soho.release", [[target, 1]]]))


STRANGERS = [Joins, Logins, Guesses, Neighbours]
