"""Floods of requests that are each right, or nearly: cancels, releases, tickets, names, creates, one-way calls, replies never read."""
from attacker import Attacker
from soho_e2e import pack

WAITING = 2000  # calls


class Cancels(Attacker):
    """Cancels of calls that wait, that run, that are over and that never were, many times each."""

    rounds = 10

    def round(self, rng):
        with self.peer(client="hostile") as peer:
            queue, lock = peer.create("Queue"), peer.create("Lock")
            peer.do("soho.call", lock, "acquire", [])
            choices = ((queue, "get", []), (lock, "acquire", [], {"owner": "x"}), (queue, "join", []), (queue, "empty", []))
            calls = [peer.frame("soho.call", *rng.choice(choices)) for _ in range(WAITING)]
            msgids = [msgid for msgid, _ in calls]
            named = rng.choices(msgids, k=3000) + [rng.getrandbits(32) for _ in range(1000)] + msgids
            cancels = [pack([2, "soho.cancel", [msgid]]) if rng.random() < 0.5 else peer.frame("soho.cancel", msgid)[1]
                       for msgid in rng.sample(named, len(named))]
            cancels += [pack([2, "soho.cancel", [msgid]]) for msgid in msgids]
            peer.exchange(b"".join(data for _, data in calls) + b"".join(cancels), msgids)


class Releases(Attacker):
    """Releases of what is not held, more often than it is held, with counts that overflow sums; of a call's object while it runs."""

    rounds = 10

    def round(self, rng):
        with self.peer(client="hostile") as peer:
            held = [peer.create("Pair", 0, 0) for _ in range(20)]
            frames = []
            for _ in range(1500):
                target = rng.choice(held)
                pairs = [[rng.choice((target, rng.getrandbits(53), 0)), rng.choice((0, 1, 2, 2**32, 2**63, 2**64 - 1))] for _ in range(rng.randrange(1, 6))]
                frames.append(rng.choice((("soho.retain", target), ("soho.release", *pairs), ("soho.call", target, "get_x"), ("soho.release",))))
            peer.answered([peer.frame(*frame) for frame in frames])
            left = [peer.message("soho.release", [target, 2**64 - 1]) for target in held]
            gone = [peer.message("soho.call", target, "get_x") for target in held]
            if any(reply[2] is not None for reply in left) or not all(reply[2] and "no_object" in reply[2] for reply in gone):
                raise peer.defect(f"a session holds what it has released: {gone!r:.300}")


class Tickets(Attacker):
    """Shares up to the limit and beyond, claims of each too often, tickets made up and damaged, objects dropped under them."""

    rounds = 10

    def round(self, rng):
        with self.peer(client="hostile") as peer, self.peer(client="hostile") as other:
            target = peer.create("Pair", 0, 0)
            shares = peer.answered([peer.frame("soho.share", target, rng.choice((1, 5, 100, 1000)), {"uses": rng.randrange(1, 4)}) for _ in range(150)])
            tickets = [reply[3] for reply in shares if reply[2] is None]
            made_up = [ticket[:-1] + rng.choice("0123456789abcdefg") for ticket in tickets] + [ticket.split(".")[0] + "." + "0" * 32 for ticket in tickets[:3]]
            for end in (lambda: None, lambda: peer.do("soho.release", [target, 2**64 - 1])):
                end()
                for claim in other.answered([other.frame("soho.claim", ticket) for ticket in rng.choices(tickets + made_up, k=400)]):
                    if claim[2] is None and claim[3].get("$soho") != target:
                        raise other.defect(f"a ticket gave another object: {claim!r:.200}")


class Names(Attacker):
    """Names taken, taken again, given up, and of every wrong form; create-or-open of one name from two sides at once."""

    rounds = 10

    def round(self, rng):
        with self.peer(client="hostile") as peer, self.peer(client="hostile") as other:
            target = peer.create("Pair", 0, 0)
            names = [f"hostile.{target}.{number}" for number in range(20)] + ["", ".", "a..b", "soho", "soho.x", "x" * 10_000, "\0", "1", "a b", "ä"]
            for _ in range(3):
                frames = {peer: [], other: []}
                for _ in range(400):
                    side, name = rng.choice((peer, other)), rng.choice(names)
                    frames[side].append(side.frame(*rng.choice((
                        ("soho.publish", target, name, {"session": True}), ("soho.unpublish", name), ("soho.open", name), (f"{name}.get_x",),
                        ("soho.create", "Pair", [1, 2], {"name": name, "if_exists": rng.choice(("open", "fail"))})))))
                for side in rng.sample((peer, other), 2):
                    side.exchange(b"".join(data for _, data in frames[side][:200]))
                for side in (peer, other):
                    side.exchange(b"".join(data for _, data in frames[side][200:]), [msgid for msgid, _ in frames[side]])
            peer.answered([peer.frame("soho.unpublish", name) for name in names])


class Creates(Attacker):
    """Objects of every kind created and never asked for, up to the limit of handles and beyond; replies unread."""

    rounds = 3

    def round(self, rng):
        kinds = (("Pair", [1, 2]), ("list", [[1] * 50]), ("dict", []), ("Queue", []), ("Lock", []), ("Array", ["d", 100]), ("Barrier", [3]))
        with self.peer(client="hostile") as peer:
            frames = [peer.frame("soho.create", *rng.choice(kinds)) for _ in range(4000)]
            self.tally["inputs"] += len(frames)
            peer.send_unread(b"".join(data for _, data in frames))
            rng.choice((peer.close, peer.reset))()
        with self.peer(client="hostile") as peer:
            replies = peer.answered([peer.frame("soho.create", "Pair", [1, 2]) for _ in range(10_100)])
            # Those that must wait because others create, too, may be too many to wait.
            refused = sum(1 for reply in replies if reply[2] and reply[2].startswith(("limit: ", "overloaded: ")))
            if refused < 100 or len(replies) - refused > 10_000:
                raise peer.defect(f"no limit on what a session holds: {len(replies) - refused} of {len(replies)} were created")


class Unread(Attacker):
    """Large results, large echoes and large errors that nobody reads, until the host reads no more; some then are read."""

    rounds = 3

    def round(self, rng):
        with self.peer(client="hostile") as peer:
            target = peer.create("list", ["x" * 200_000] * 2)
            request = rng.choice((("soho.call", target, "copy"), ("soho.call", target, "__repr__"), ("soho.types",), ("soho.open", "y" * 60_000)))
            frames = [peer.frame(*request) for _ in range(100)]
            self.tally["inputs"] += len(frames)
            sent = peer.send_unread(b"".join(data for _, data in frames))
            if rng.random() < 0.4 and peer.open:
                data = b"".join(data for _, data in frames)
                peer.exchange(data[sent:], [msgid for msgid, _ in frames])
            rng.choice((peer.close, peer.reset))()


class OneWay(Attacker):
    """Notifications of everything, known and unknown, none of which is answered; results and errors that go nowhere."""

    rounds = 10

    def round(self, rng):
        with self.peer(client="hostile") as peer:
            target, queue = peer.create("list"), peer.create("Queue")
            given = peer.given
            choices = (("soho.call", target, "append", [1]), ("soho.call", target, "nothing"), ("soho.call", target, "pop", []), ("soho.call", queue, "get", []),
                       ("soho.call", queue, "put", [1]), ("soho.create", "Pair", [1, 2]), ("soho.create", "Nothing"), ("soho.types",), ("soho.share", target, 10),
                       ("soho.retain", target), ("pair.get_x",), ("no.such",), ("soho.hello", {}), ("soho.nothing", 1), ("soho.open", "pair"))
            data = b"".join(pack([2, method, params]) for method, *params in rng.choices(choices, k=1000))
            self.tally["inputs"] += 1000
            peer.exchange(data)
            peer.do("soho.ping")
            if peer.given != given + 1:
                raise peer.defect(f"{peer.given - given - 1} replies to notifications")


class Msgids(Attacker):
    """A msgid used again while it is in flight, which ends the connection; and again after its reply, which does not."""

    rounds = 10

    def round(self, rng):
        with self.peer(client="hostile") as peer:
            queue = peer.create("Queue")
            for msgid in rng.sample((0, 1, 5, 2**16, 2**31, 2**32 - 1), 6):
                for _ in range(3):
                    peer.answered([(msgid, pack([0, msgid, "soho.ping", []]))])
            waits = pack([0, 7, "soho.call", [queue, "get", []]])
            again = rng.choice((waits, pack([0, 7, "soho.ping", []]), pack([0, 7, "soho.types", []]), pack([0, 7, "soho.cancel", [7]])))
            peer.exchange(waits * rng.randrange(1, 3) + again)
            peer.ended()


class Waiters(Attacker):
    """As many calls that wait as a connection may have, and more; timeouts, deadlines and ends of every kind among them."""

    rounds = 2

    def round(self, rng):
        with self.peer(client="hostile") as peer:
            targets = [(peer.create("Queue"), "get"), (peer.create("Event"), "wait"), (peer.create("Barrier", 30_000), "wait")]
            frames = []
            for _ in range(11_000):
                target, method = rng.choice(targets)
                options = [{"timeout_ms": rng.choice((0.001, 1, 50))}] if rng.random() < 0.3 else []
                frames.append(peer.frame("soho.call", target, method, [], *options))
            peer.exchange(b"".join(data for _, data in frames))
            peer.do("soho.ping")
            if rng.random() < 0.5:
                peer.exchange(pack([2, "soho.call", [targets[1][0], "set", []]]) + pack([2, "soho.call", [targets[2][0], "abort", []]]))
            rng.choice((peer.close, peer.reset, peer.ended))()


FLOODS = [Cancels, Releases, Tickets, Names, Creates, Unread, OneWay, Msgids, Waiters]
