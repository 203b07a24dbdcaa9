"""System calls and allocations of a running host fail. It refuses a request or closes a connection, and says why; whoever comes
afterwards is served as ever, and nothing is left behind."""
import mmap
import pathlib
import random
import resource
import sys
import threading
import unittest

sys.path.insert(0, __file__.rpartition("/tests/")[0] + "/tests/support")
from soho_e2e import BUNDLED, PAIR, Client, Closed, Refused, eventually, ext_handle, hosted, id_of, plugin  # noqa: E402
from soho_faults import LIBRARY, faulty_host, has_memory  # noqa: E402

CONFIG = "[host]\nreactors = 2\n[limits]\nstuck_ms = 20\n[plugin.objects]\nprefix = \"my.\"\n"


def host_of(case, **options):
    return faulty_host(case, PAIR, BUNDLED / "sync.so", plugin("reply"), plugin("objects"), config=CONFIG, **options)


def story(client):
    """A little of everything that a host does. Raises Closed, or AssertionError where an answer is wrong; refusals are allowed."""

    def may_be_refused(expected, method, *params):
        reply = client.outcome(client.request(method, *params))
        if not isinstance(reply, Refused) and expected is not None:
            assert reply == expected, (method, params, reply)
        return None if isinstance(reply, Refused) else reply

    def call(expected, target, method, *args):
        return None if target is None else may_be_refused(expected, "soho.call", target, method, list(args))

    may_be_refused(None, "soho.hello", {"proto": 1, "ext": True})
    mailbox = may_be_refused(None, "soho.create", "Mailbox", [])
    if mailbox is not None:
        waits = client.start(mailbox, "get")
        put = call(None, mailbox, "put", {"item": [1, "two"]})
        gone = call(0, mailbox, "waiting") is None
        client.notify("soho.cancel", waits)
        got = client.outcome(waits)
        assert isinstance(got, Refused) or got == {"item": [1, "two"]}, (got, put, gone)
        call("later", mailbox, "later", "later", 1)
        call("x" * 5_000, mailbox, "precious", "x" * 5_000)
    here = may_be_refused(None, "soho.create", "list", [[3, 1, 2]])
    call(None, here, "sort")
    numbers = may_be_refused(None, "soho.create", "my.List", [])
    call(None, numbers, "append", 7)
    iterator = call(None, numbers, "iterate")
    call(7, iterator, "next")
    call(7, call(None, numbers, "first_number"), "get")
    length = call(None, call(None, numbers, "length"), "get")
    assert length in (None, 0, 1), length  # 0: what was to be appended was refused
    account, bank = (may_be_refused(None, "soho.create", type_id, []) for type_id in ("my.Account", "my.Bank"))
    if account is not None and bank is not None:
        call(None, bank, "add", ext_handle(id_of(account), "my.Account"))
        call(None, bank, "look", ext_handle(id_of(account), "my.Account"))
    if account is not None:
        ticket = may_be_refused(None, "soho.share", account, 10)
        if ticket is not None:
            may_be_refused(None, "soho.claim", ticket)
        if may_be_refused(None, "soho.publish", account, "of.faults", {"session": True}) is not None:
            may_be_refused(None, "soho.open", "of.faults")
    may_be_refused(None, "soho.stats", {"methods": True})
    if here is not None:
        may_be_refused(None, "soho.release", [id_of(here), 1])
    may_be_refused(None, "soho.nonsense")


def tell(host):
    """The story, on a connection of its own."""
    try:
        with Client(host.address) as client:
            story(client)
    except (Closed, ConnectionError):
        pass


def is_well(case, host):
    with Client(host.address) as client:
        case.assertEqual(client.do("pair.get_x"), 5)
        mailbox = client.create("Mailbox")
        waits = client.start(mailbox, "get")
        client.call(mailbox, "put", "x" * 300_000)
        case.assertEqual(client.reply(waits), "x" * 300_000)
        case.assertEqual(client.call(mailbox, "later", 5, 1), 5)


@unittest.skipUnless(LIBRARY.exists(), "a sanitizer has an allocator of its own")
class Faults(unittest.TestCase):
    def settled(self, host):
        """The gauges before anything has failed."""
        tell(host)
        is_well(self, host)
        return host.at_rest(0)

    def test_sockets_fail(self):
        host, faults = host_of(self, seed=20)
        gauges = self.settled(host)
        broken = []

        def storm(rounds):
            try:
                for _ in range(rounds):
                    tell(host)
            except BaseException as failure:
                broken.append(failure)

        with faults.ordered(receive=0.05, send=0.05, accept=0.2, watch=0.1):
            threads = [threading.Thread(target=storm, args=(25,)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(broken, [])
        for kind in ("receive", "send", "accept", "watch"):
            self.assertGreater(faults[kind + "_failed"], 5, kind)
        is_well(self, host)
        host.back_at(gauges)

    def test_who_cannot_be_accepted_waits(self):
        host, faults = host_of(self)
        with faults.ordered(accept=0.5):
            for _ in range(20):
                with Client(host.address) as client:
                    self.assertEqual(client.do("pair.get_x"), 5)
        self.assertGreater(faults["accept_failed"], 5)
        host.logs("cannot accept a connection")

    def test_threads_fail(self):
        host, faults = host_of(self)
        client = host.client()
        slow = [client.create("Slow") for _ in range(8)]
        with faults.ordered(thread=1):
            asked = [client.start(each, "sleep", 5) for each in slow]
            for outcome in map(client.outcome, asked):
                if isinstance(outcome, Refused):
                    self.assertEqual(outcome.kind, "overloaded")
            stuck = client.start(slow[0], "sleep_undeclared", 200)  # nobody can take over
            self.assertNotIsInstance(client.outcome(stuck), Refused)
        self.assertGreater(faults["thread_failed"], 0)
        self.assertGreater(client.call(slow[0], "sleep", 1), 0)
        is_well(self, host)

    def test_a_place_that_nobody_could_take_is_taken_once_there_is_a_thread(self):
        host, faults = host_of(self)
        client = host.client()
        with faults.ordered(thread=1):
            stuck = client.start(client.create("Slow"), "undeclared_copy", 3_000, "x")
            eventually(lambda: "no thread can take the place of the one that is stuck in method Slow.undeclared_copy" in host.log())
        self.assertEqual(client.do("pair.get_x"), 5)
        self.assertNotIn(stuck, client.replies)
        self.assertEqual(client.reply(stuck), "x")
        eventually(lambda: "a thread has taken the place" in host.log())

    def test_each_allocation_fails_in_turn(self):
        host, faults = host_of(self)
        gauges = self.settled(host)
        at = 0
        while True:
            at += 1
            before = faults["allocation_failed"]
            with faults.ordered(allocation_at=at):
                tell(host)
            if faults["allocation_failed"] == before:
                break
            has_memory(host)
        self.assertGreater(at, 100)
        is_well(self, host)
        host.back_at(gauges)

    def test_large_allocations_fail(self):
        host, faults = host_of(self)
        gauges = self.settled(host)
        client, beside = host.client(ext=True), host.client()
        mailbox, small = client.create("Mailbox"), beside.create("Mailbox")
        numbers = client.create("my.List")
        large = "x" * 3_000_000
        client.call(mailbox, "put", large)
        client.call(numbers, "append", large)
        ways = [
            lambda with_large: with_large.call(with_large.create("Mailbox"), "put", large),
            lambda with_large: with_large.call(with_large.create("Mailbox"), "precious", large),
            lambda with_large: with_large.call(with_large.create("Mailbox"), "later", large, 1),
            lambda with_large: with_large.create("list", [large]),
            lambda with_large: with_large.do("soho.publish", id_of(small), large),
            lambda with_large: with_large.raw(b"\x94\x00\x01\xa9soho.ping\xdb\x00\x30\x00\x00" + b"x" * 2_000_000),
            lambda with_large: client.call(numbers, "copy"),
        ]
        with faults.ordered(allocation_bytes_min=300_000, allocation=1):
            for number, way in enumerate(ways):
                with self.subTest(way=number), Client(host.address) as with_large:
                    failed = faults["allocation_failed"]
                    try:
                        way(with_large)
                        with_large.closed()
                    except Refused as refused:
                        self.assertIn(refused.kind, ("overloaded", "failed", "internal", "limit"), refused)
                    except (Closed, ConnectionError):
                        pass
                    self.assertGreater(faults["allocation_failed"], failed)
                    self.assertEqual(beside.call(small, "later", "fine", 1), "fine")
        self.assertEqual(client.call(mailbox, "get"), large)
        client.close(), beside.close()
        is_well(self, host)
        host.back_at(gauges)

    def test_a_name_is_free_again_when_its_create_found_no_memory(self):
        host, faults = host_of(self)
        gauges = self.settled(host)
        other = host.client()
        at, failed = 0, -1
        while faults["allocation_failed"] != failed:
            at, failed = at + 1, faults["allocation_failed"]
            with Client(host.address) as client:
                client.do("soho.ping")
                msgid, frame = client.frame("soho.create", "list", [["x" * 1_500_000]], {"name": f"n{at}"})
                client.raw(frame[:-20])
                eventually(lambda: host.stats("bytes_in")["bytes_in"] >= 1_500_000 * at)
                with faults.ordered(allocation_at=at):
                    client.raw(frame[-20:])
                    try:
                        made = not isinstance(client.outcome(msgid), Refused)
                    except (Closed, ConnectionError):
                        made = False
            has_memory(host)
            if not made:
                other.create("list", [], name=f"n{at}")
            other.do("soho.unpublish", f"n{at}")
        self.assertGreater(at, 5)
        other.close()
        is_well(self, host)
        host.back_at(gauges)

    def test_a_stuck_call_is_answered_without_memory(self):
        host, faults = host_of(self)
        gauges = self.settled(host)
        client = host.client()
        slow = client.create("Slow")
        client.call(slow, "undeclared_copy", 0, "x" * 400_000)
        held = client.start(slow, "undeclared_copy", 500, "x" * 400_000)
        eventually(lambda: "has kept a reactor" in host.log())
        with faults.ordered(allocation_bytes_min=300_000, allocation=1):
            self.assertIsInstance(client.outcome(held), Refused)
        self.assertGreater(faults["allocation_failed"], 0)
        client.close()
        is_well(self, host)
        host.back_at(gauges)

    def test_large_allocations_fail_now_and_then(self):
        host, faults = host_of(self)
        gauges = self.settled(host)
        rng = random.Random(11)
        tally = {"right": 0, "refused": 0, "closed": 0}
        with faults.ordered(allocation_bytes_min=270_000, allocation=0.1):
            for _ in range(60):
                try:
                    with Client(host.address) as client:
                        for _ in range(10):
                            text = rng.choice("abc") * rng.randrange(600_000)
                            outcome = client.outcome(client.start(client.create("Mailbox"), "precious", text))
                            if isinstance(outcome, Refused):
                                tally["refused"] += 1
                                # Of the host, or of the plugin.
                                said = (outcome.kind, outcome.text) == ("internal", "out of memory")
                                self.assertTrue(said or outcome.type == "MemoryError", outcome)
                            else:
                                tally["right"] += 1
                                self.assertEqual(outcome, text)
                except (Closed, ConnectionError):
                    tally["closed"] += 1
        self.assertGreater(min(tally.values()), 5, tally)
        is_well(self, host)
        host.back_at(gauges)

    def test_memory_runs_out_and_comes_back(self):
        host, faults = host_of(self)
        gauges = self.settled(host)
        clients = [host.client() for _ in range(4)]
        rng = random.Random(3)
        mailboxes = [client.create("Mailbox") for client in clients]
        refused = 0
        with faults.ordered(bytes_max=faults["bytes"] + (24 << 20)):
            for _ in range(4000):
                client, mailbox = rng.choice(list(zip(clients, mailboxes)))
                if rng.random() < 0.5:
                    outcome = client.outcome(client.start(mailbox, "put", "y" * rng.choice((10, 1000, 60_000))))
                else:
                    outcome = client.outcome(client.request("soho.create", "Mailbox", []))
                if isinstance(outcome, Refused):
                    refused += 1
                    self.assertIn(outcome.kind, ("overloaded", "failed", "internal", "limit"), outcome)
            self.assertGreater(refused, 100)
            self.assertEqual(host.stats("memory_is_short"), {"memory_is_short": 1})
            host.logs("memory has run out")
            for client in clients:
                client.close()
            has_memory(host)  # what they had is enough
        host.logs("there is memory again")
        is_well(self, host)
        host.back_at(gauges)

    def test_the_system_gives_no_more_memory(self):
        """As the one before, with the kernel in the faults' place."""
        host = hosted(self, PAIR, plugin("reply"), config=CONFIG)
        gauges = self.settled(host)
        client = host.client()
        mailbox = client.create("Mailbox")
        mapped = int(pathlib.Path(f"/proc/{host.process.pid}/statm").read_text().split()[0]) * mmap.PAGESIZE
        _, most = resource.prlimit(host.process.pid, resource.RLIMIT_AS)
        resource.prlimit(host.process.pid, resource.RLIMIT_AS, (mapped + (80 << 20), most))
        while True:
            outcome = client.outcome(client.start(mailbox, "put", "y" * 50_000))
            if isinstance(outcome, Refused):
                break
        self.assertIn(outcome.kind, ("overloaded", "failed", "internal"), outcome)
        self.assertEqual(host.client().do("soho.ping"), None)
        client.close()
        has_memory(host)
        is_well(self, host)
        resource.prlimit(host.process.pid, resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    unittest.main()
