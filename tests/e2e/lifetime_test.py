"""Who keeps an object alive, and what is left when its holders go: real client processes, killed at random instants."""
import os
import pathlib
import random
import signal
import sys
import time
import traceback
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import (  # noqa: E402
    PAIR, Client, Host, Refused, eventually, hosted, needs_the_host_itself, pack, plugin)

KILLS = int(os.environ.get("SOHO_TEST_KILLS", "560"))  # client processes, over all scenarios


class Lifetime(unittest.TestCase):
    def setUp(self):
        self.host = hosted(self, plugin("objects"), plugin("reply"), plugin("kinds"), PAIR, args=["--strict"],
                           config="[limits]\ntickets = 4\n")
        self.client, self.other = self.host.client(), self.host.client()
        self.number = self.client.create("new_number")
        self.id = self.number["$soho"]

    def refused(self, pattern, function, *args, **options):
        with self.assertRaisesRegex(Refused, pattern) as refused:
            function(*args, **options)
        return refused.exception

    def gone(self, object_id):
        self.refused("^no_object", self.client.call, object_id, "get")
        # Nobody reaches it; a thread that ends the last call may hold it for a moment more.
        eventually(lambda: object_id not in {entry["id"] for entry in self.host.admin.do("soho.objects")}, "its end")


class References(Lifetime):
    def test_a_session_keeps_what_it_was_given_until_it_gives_all_back(self):
        self.client.do("soho.retain", self.number)
        self.client.do("soho.retain", self.id)
        self.client.release(self.number, 2)
        self.assertEqual(self.client.call(self.number, "get"), 5)
        self.client.release(self.number)
        self.gone(self.id)

    def test_releasing_more_than_is_held_is_clamped_and_counted(self):
        before = self.host.stats("releases_clamped")["releases_clamped"]
        self.other.do("soho.retain", self.id)
        self.client.do("soho.release", [self.id, 1000])
        self.client.do("soho.release", [self.id, 1], [987654321, 1])
        self.assertEqual(self.other.call(self.id, "get"), 5)
        self.assertEqual(self.host.stats("releases_clamped")["releases_clamped"], before + 3)
        self.other.release(self.number)
        self.gone(self.id)

    def test_malformed_releases_change_nothing(self):
        for pairs in ([1], [[self.id]], [[self.id, -1]], [[self.id, 1, 1]], [[self.id, 1], ["x", 1]], [[self.id, 1.0]]):
            self.refused("^bad_arguments: .*soho.release", self.client.do, "soho.release", *pairs)
        self.assertEqual(self.client.call(self.number, "get"), 5)

    def test_release_as_a_notification_and_in_bulk(self):
        numbers = [self.client.create("new_number")["$soho"] for _ in range(500)]
        before = self.host.stats("objects")["objects"]
        self.client.notify("soho.release", *([number, 1] for number in numbers))
        self.client.do("soho.ping")
        self.assertEqual(self.host.stats("objects")["objects"], before - 500)

    def test_another_session_of_the_same_principal_may_use_an_id_and_retain_it(self):
        self.assertEqual(self.other.call(self.id, "get"), 5)
        self.other.call(self.number, "set", 6)
        self.other.do("soho.retain", self.id)
        self.client.close()
        self.assertEqual(self.other.call(self.id, "get"), 6)
        self.other.release(self.number)
        eventually(lambda: self.id not in {entry["id"] for entry in self.host.admin.do("soho.objects")})

    def test_using_an_id_does_not_hold_it(self):
        self.other.call(self.id, "get")
        self.client.close()
        eventually(lambda: self.id not in {entry["id"] for entry in self.host.admin.do("soho.objects")})
        self.refused("^no_object", self.other.call, self.id, "get")

    def test_the_end_of_a_session_gives_all_back(self):
        before = self.host.at_rest(clients=2)
        third = self.host.client()
        for _ in range(1000):
            third.request("soho.create", "Account")
        third.do("soho.ping")
        third.close()
        self.host.back_at(before)
        census = self.client.call(self.client.create("Census"), "get")
        self.assertEqual((census["made"] - census["destroyed"], census["beside"]), (0, 0))

    def test_too_many_handles_are_refused_by_the_name_of_the_limit(self):
        host = hosted(self, plugin("objects"), config="[limits]\nhandles = 10\n")
        client = host.client()
        numbers = [client.create("new_number") for _ in range(10)]
        before = host.gauges()
        self.refused("^limit: .*handles", client.create, "new_number")
        host.back_at(before)  # what was made for nothing is gone
        client.release(numbers[0])
        client.create("new_number")


class Join(Lifetime):
    def test_connections_of_one_session_share_its_references(self):
        first = self.host.client(client="join")
        second = self.host.client(client="join", join=[first.greeting["session"], first.greeting["secret"]])
        self.assertEqual(second.greeting["session"], first.greeting["session"])
        number = first.create("new_number")
        before = self.host.stats("references")["references"]
        first.close()
        self.assertEqual(second.call(number, "get"), 5)
        self.assertEqual(self.host.stats("references")["references"], before)
        second.release(number)
        self.assertEqual(self.host.stats("references")["references"], before - 1)
        second.close()
        eventually(lambda: first.greeting["session"] not in
                   {entry["session"] for entry in self.host.admin.do("soho.sessions")})

    def test_only_with_its_secret_and_while_it_lives(self):
        first = self.host.client(client="join")
        session, secret = first.greeting["session"], first.greeting["secret"]
        for join in ([session, b"\0" * len(secret)], [session, b""], [session + 1000, secret], [session, secret[:-1]]):
            self.refused("^denied", self.host.client, join=join)
        self.refused("^bad_arguments", self.host.client, join=[session])
        first.close()
        eventually(lambda: session not in {entry["session"] for entry in self.host.admin.do("soho.sessions")})
        self.refused("^denied", self.host.client, join=[session, secret])

    def test_hello_comes_once_and_first(self):
        client = self.host.client(errors="full")
        self.refused("^(protocol|bad_arguments)", client.do, "soho.hello", {"proto": 1})
        late = self.host.client()
        late.do("soho.ping")
        self.refused("^(protocol|bad_arguments)", late.do, "soho.hello", {"proto": 1})
        self.refused("^protocol: .*1.*2", self.host.client, proto=2)


class Tickets(Lifetime):
    def test_another_session_claims_it_once(self):
        ticket = self.client.do("soho.share", self.number, 60_000)
        self.client.close()  # the ticket keeps the object
        self.assertEqual(self.other.do("soho.claim", ticket), self.number)
        self.assertEqual(self.other.call(self.number, "get"), 5)
        self.refused("^no_object: .*claimed", self.other.do, "soho.claim", ticket)
        self.assertEqual(self.host.stats("tickets")["tickets"], 0)

    def test_several_uses(self):
        ticket = self.client.do("soho.share", self.number, 60_000, {"uses": 3})
        for _ in range(3):
            self.assertEqual(self.other.do("soho.claim", ticket), self.number)
        self.refused("^no_object", self.other.do, "soho.claim", ticket)
        self.refused("^bad_arguments", self.client.do, "soho.share", self.number, 1000, {"uses": 0})

    def test_it_keeps_the_object_until_its_time_is_over(self):
        ticket = self.client.do("soho.share", self.number, 200)
        self.client.release(self.number)
        eventually(lambda: self.host.stats("tickets")["tickets"] == 0, "expiry")
        self.gone(self.id)
        self.refused("^no_object: .*time", self.client.do, "soho.claim", ticket)

    def test_bounds(self):
        for ttl in (0, 60_001, 2**64 - 1, -1, "x"):
            self.refused("^bad_arguments", self.client.do, "soho.share", self.number, ttl)
        for _ in range(4):
            self.client.do("soho.share", self.number, 60_000)
        self.refused("^limit: .*tickets", self.client.do, "soho.share", self.number, 60_000)
        self.other.do("soho.share", self.number, 60_000)  # the cap is each session's own
        self.refused("^no_object", self.other.do, "soho.claim", "made.up")
        self.refused("^bad_arguments", self.other.do, "soho.claim", 5)

    def test_tickets_cannot_be_guessed(self):
        tickets = [self.client.do("soho.share", self.number, 60_000) for _ in range(4)]
        self.assertEqual(len(set(tickets)), 4)
        for ticket in tickets:
            self.assertGreaterEqual(len(ticket.rpartition(".")[2]), 32)  # 128 bits, in hex


class Names(Lifetime):
    def test_a_name_keeps_its_object_when_its_session_has_gone(self):
        self.client.do("soho.publish", self.number, "kept")
        self.client.call(self.number, "set", 8)
        self.client.close()
        self.assertEqual(self.other.do("kept.get"), 8)
        self.other.do("soho.unpublish", "kept")
        self.refused("^no_object", self.other.do, "kept.get")
        eventually(lambda: self.id not in {entry["id"] for entry in self.host.admin.do("soho.objects")})

    def test_a_name_bound_to_the_session_goes_with_it(self):
        self.client.do("soho.publish", self.number, "bound", {"session": True})
        self.assertEqual(self.other.do("bound.get"), 5)
        self.client.close()

        def refused():
            try:
                self.other.do("bound.get")
            except Refused as error:
                return error.kind == "no_object"
        eventually(refused, "the name to go")
        self.other.create("new_number", name="bound")

    def test_unpublishing_what_is_not_there(self):
        self.refused("^no_object: .*pairs.*pair", self.client.do, "soho.unpublish", "pairs")

    def test_one_object_may_have_several_names(self):
        for name in ("one", "two"):
            self.client.do("soho.publish", self.number, name)
        entry = [entry for entry in self.host.admin.do("soho.objects") if entry["id"] == self.id][0]
        self.assertEqual(sorted(entry["names"]), ["one", "two"])
        self.client.do("soho.unpublish", "one")
        self.client.release(self.number)
        self.assertEqual(self.client.do("two.get"), 5)
        self.client.do("soho.unpublish", "two")
        self.gone(self.id)


class Graph(Lifetime):
    """Objects that hold objects."""

    @needs_the_host_itself("what its objects refer to, a worker alone knows")
    def test_an_object_lives_while_another_refers_to_it(self):
        node = self.client.create("Node", "holder")
        self.client.call(node, "link", "x", self.number)
        self.client.release(self.number)
        holders = {entry["id"]: entry["holders"] for entry in self.host.admin.do("soho.objects")}
        self.assertIn(f"object #{node['$soho']}", holders[self.id])
        referrers = self.host.admin.do("soho.objects", {"referrers": self.id})
        self.assertEqual([entry["id"] for entry in referrers], [node["$soho"]])
        again = self.client.call(node, "follow", "x")
        self.assertEqual(again, self.number)
        self.client.release(again)
        self.client.call(node, "unlink", "x")
        self.gone(self.id)

    def test_a_chain_goes_with_its_head(self):
        before = self.host.at_rest(clients=2)
        nodes = [self.client.create("Node", str(number)) for number in range(300)]
        for holder, held in zip(nodes, nodes[1:]):
            self.client.call(holder, "link", "next", held)
        for node in reversed(nodes):
            self.client.release(node)
        self.host.back_at(before)

    @needs_the_host_itself("what its objects refer to, a worker alone knows")
    def test_a_cycle_stays_until_it_is_dropped(self):
        before = self.host.at_rest(clients=2)
        a, b = self.client.create("Node", "a"), self.client.create("Node", "b")
        self.client.call(a, "link", "b", b)
        self.client.call(b, "link", "a", a)
        self.client.release(a)
        self.client.release(b)
        self.assertEqual(self.host.stats("objects")["objects"], before["objects"] + 2)
        self.host.admin.do("soho.drop", a["$soho"])
        self.host.back_at(before)

    def test_objects_that_a_method_makes(self):
        node = self.client.create("Node", "parent")
        child = self.client.call(node, "spawn", "child")
        self.assertEqual(self.client.call(child, "name"), "child")
        self.client.release(child)
        self.assertEqual(self.client.call(node, "ask", "child", "name"), "child")


class Drop(Lifetime):
    def test_takes_an_object_away_from_all_who_hold_it(self):
        self.client.do("soho.publish", self.number, "dropped")
        self.other.do("soho.retain", self.id)
        ticket = self.client.do("soho.share", self.number, 60_000)
        node = self.client.create("Node")
        self.client.call(node, "link", "x", self.number)
        before = self.host.stats("objects")["objects"]
        self.host.admin.do("soho.drop", self.id)
        for client in (self.client, self.other):
            self.refused("^no_object", client.call, self.id, "get")
        self.refused("^no_object", self.client.do, "dropped.get")
        self.refused("^no_object", self.client.do, "soho.claim", ticket)
        self.assertEqual(self.host.stats("objects")["objects"], before - 1)
        # Those who held it are none the worse for it.
        self.client.release(self.number)
        self.assertEqual(self.client.call(node, "name"), "")
        self.client.outcome(self.client.start(node, "follow", "x"))
        self.client.call(node, "unlink", "x")
        self.client.do("soho.ping")
        self.refused("^no_object", self.host.admin.do, "soho.drop", self.id)


class Restart(Lifetime):
    def test_ids_of_an_earlier_host_are_noticed(self):
        again = hosted(self, plugin("objects"))
        client = again.client()
        self.assertNotEqual(client.do("soho.whoami")["instance"], self.client.do("soho.whoami")["instance"])
        ticket = self.client.do("soho.share", self.number, 60_000)
        self.refused("^no_object: .*earlier host", client.call, self.id, "get")
        self.refused("^no_object: .*earlier host", client.call, self.number, "get")
        self.refused("^no_object: .*earlier host", client.do, "soho.claim", ticket)
        self.assertLess(client.create("new_number")["$soho"], 2**53)


# ---- clients that are killed

def drain(client):
    """Reads without end."""
    while True:
        client.receive()


def holding_many(address, rng):
    """Has handles of 10,000 objects, or is on the way there."""
    client = Client(address)
    frames = [client.frame("soho.create", "Account", [1])[1] for _ in range(10_000)]
    client.raw(b"".join(frames))
    drain(client)


def in_the_middle_of_frames(address, rng):
    client = Client(address)
    node = None
    while node is None:
        try:
            node = client.create("Node", "x")
        except Refused as refused:  # where others' frames are more than a worker takes, nothing was started
            if refused.kind != "overloaded":
                raise
    while True:
        data = client.frame("soho.call", node, "keep", [["x" * rng.randrange(100_000)] * rng.randrange(1, 4)])[1]
        while data:
            size = rng.randrange(1, len(data) + 1)
            client.raw(data[:size])
            data = data[size:]


def in_the_middle_of_calls(address, rng):
    client = Client(address)
    slow, concurrent, account = client.create("Slow"), client.create("SlowConcurrent"), client.create("Account")
    while True:
        method = rng.choice(("sleep", "spin", "sleep_undeclared"))
        client.start(rng.choice((slow, concurrent)), method, rng.randrange(10))
        for _ in range(rng.randrange(10)):
            client.start(account, "deposit", 1)
        if rng.random() < 0.2:
            client.start(client.create("SlowCreate", 1), "quick")


def with_replies_pending(address, rng):
    client = Client(address)
    mailbox = client.create("Mailbox")
    while True:
        for _ in range(rng.randrange(30)):
            client.start(mailbox, "get")
        client.start(mailbox, "later", "x", rng.randrange(30))
        client.request("soho.create", "LateMailbox", [rng.randrange(20)])
        for _ in range(rng.randrange(10)):
            client.start(mailbox, "put", "y" * rng.randrange(10_000))
        if rng.random() < 0.3:
            client.do("soho.cancel", rng.randrange(1, client.last_msgid + 1))
        if rng.random() < 0.3:
            client.start(mailbox, "watch_session")
        client.do("soho.ping")


def with_graphs(address, rng):
    client = Client(address)
    nodes = [client.create("Node", str(number)) for number in range(20)]
    items = client.create("List")
    while True:
        a, b = rng.sample(nodes, 2)
        a, b = sorted((a, b), key=lambda node: node["$soho"])
        client.start(a, "link", str(rng.randrange(3)), b)  # from low to high: no cycles
        client.start(a, "ask", str(rng.randrange(3)), "name")
        client.start(b, "ask_and_wait", str(rng.randrange(3)), "name")
        client.start(a, "spawn", "child")
        client.start(items, "append", 1)
        client.start(items, rng.choice(("iterate", "copy", "length", "first_number")))
        client.start(client.create("Account", 5), "transfer", client.create("Account"), 1)
        client.notify("soho.release", [rng.choice(nodes)["$soho"], 0])


def with_names_and_tickets(address, rng):
    client = Client(address, client="names")
    second = Client(address, join=[client.greeting["session"], client.greeting["secret"]])
    while True:
        number = client.create("new_number")
        client.do("soho.publish", number, f"name_{os.getpid()}_{client.last_msgid}", {"session": True})
        ticket = second.outcome(second.request("soho.share", number, rng.randrange(1, 50)))
        if isinstance(ticket, str) and rng.random() < 0.3:
            second.outcome(second.request("soho.claim", ticket))
        client.request("soho.release", [number["$soho"], 1])


def never_reading(address, rng):
    client = Client(address)
    kinds, mailbox = client.create("Kinds"), client.create("Mailbox")
    while True:
        client.start(kinds, "long_text", rng.randrange(200_000))
        client.start(mailbox, "precious", "x" * rng.randrange(10_000))
        client.request("soho.create", "Account")


SCENARIOS = (holding_many, in_the_middle_of_frames, in_the_middle_of_calls, with_replies_pending, with_graphs,
             with_names_and_tickets, never_reading)


class Killed(unittest.TestCase):
    """However a client dies, everything is as it was before, and each destructor ran exactly once, never beside a method."""

    def setUp(self):
        self.host = hosted(self, plugin("objects"), plugin("reply"), plugin("kinds"), PAIR, args=["--strict"])
        self.seed = int(os.environ.get("SOHO_TEST_SEED", random.SystemRandom().randrange(2**32)))
        self.random = random.Random(self.seed)
        self.census, self.counts = self.host.admin.create("Census"), self.host.admin.create("Counts")

    def victim(self, scenario):
        seed = self.random.randrange(2**32)
        child = os.fork()
        if child == 0:
            try:
                scenario(self.host.address, random.Random(seed))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        return child

    def kill_some(self, scenario, rounds, at_once, longest):
        try:
            before = self.host.at_rest(clients=0)
            for _ in range(rounds):
                children = [self.victim(scenario) for _ in range(at_once)]
                time.sleep(self.random.random() * longest)
                for child in self.random.sample(children, len(children)):
                    os.kill(child, signal.SIGKILL)
                statuses = [os.waitpid(child, 0)[1] for child in children]
                for status in statuses:
                    self.assertTrue(os.WIFSIGNALED(status), "the client ended by itself")
                self.assertIsNone(self.host.process.poll(), "the host has gone")
            self.host.back_at(before)
            def all_destroyed():
                census = self.host.admin.call(self.census, "get")
                counts = self.host.admin.call(self.counts, "get")
                return census["made"] == census["destroyed"] and counts["constructed"] == counts["destroyed"] and census

            census = eventually(all_destroyed, "all that was made to be destroyed")
            self.assertEqual(census["beside"], 0)
            self.assertEqual(self.host.admin.do("pair.get_x"), 5)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n(seed {self.seed}: run with SOHO_TEST_SEED={self.seed})") from None


def add_scenarios():
    # Each pass of a scenario kills several at a time, so that they also die beside each other.
    at_once = 4
    rounds = max(1, KILLS // (len(SCENARIOS) * at_once))
    for scenario in SCENARIOS:
        longest = 0.6 if scenario is holding_many else 0.25

        def test(self, scenario=scenario, longest=longest):
            self.kill_some(scenario, rounds, at_once, longest)
        setattr(Killed, f"test_{scenario.__name__}", test)


add_scenarios()

if __name__ == "__main__":
    unittest.main(verbosity=2)
