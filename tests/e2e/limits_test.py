"""What one client, one principal or all of them can make the host hold, and what happens at each limit: a sentence that names
it, a count, one line in the log for each session, and everybody else is served on."""
import os
import re
import resource
import sys
import tempfile
import time
import unittest

sys.path.insert(0, __file__.rpartition("/tests/")[0] + "/tests/support")
from soho_e2e import PAIR, Client, Closed, Refused, connect, eventually, hosted, needs_the_host_itself, plugin  # noqa: E402


def hits(host):
    return host.stats("limits_hit")["limits_hit"]


class Counted(unittest.TestCase):
    def refused(self, kind, limit, act):
        with self.assertRaises(Refused) as caught:
            act()
        self.assertEqual(caught.exception.kind, kind)
        self.assertIn(f"({limit})", caught.exception.text)

    def test_each_hit_is_named_counted_and_logged_once_for_a_session(self):
        host = hosted(self, plugin("objects"), config="[limits]\nhandles = 3\ntickets = 1\n")
        one, other = host.client(), host.client()
        held = [one.create("Account") for _ in range(3)]
        for _ in range(4):
            self.refused("limit", "handles", lambda: one.create("Account"))
        one.do("soho.share", held[0], 1000)
        self.refused("limit", "tickets", lambda: one.do("soho.share", held[0], 1000))
        for _ in range(3):
            other.create("Account")
        self.refused("limit", "handles", lambda: other.create("Account"))
        self.assertEqual(hits(host), {"handles": 5, "tickets": 1})
        lines = re.findall(r"session (\d+) \(uid:\d+\) has hit the limit (\w+)", host.log())
        sessions = [str(client.do("soho.whoami")["session"]) for client in (one, other)]
        self.assertEqual(sorted(lines), sorted([(sessions[0], "handles"), (sessions[0], "tickets"), (sessions[1], "handles")]))

    def test_a_frame_past_a_limit_is_counted_by_that_limit(self):
        host = hosted(self, PAIR, config="[limits]\nframe_bytes = 4096\nitems = 256\ndepth = 8\n")
        deep = []
        for _ in range(10):
            deep = [deep]
        for limit, arguments in (("frame_bytes", ["x" * 5000]), ("items", [1] * 300), ("depth", deep)):
            client = host.client()
            msgid = client.request("soho.call", "pair", "set_x", arguments)
            self.refused("limit", limit, lambda: client.reply(msgid))
            self.assertEqual(client.closed(), [])
        self.assertEqual(hits(host), {"frame_bytes": 1, "items": 1, "depth": 1})

    def test_a_connections_calls_are_limited(self):
        host = hosted(self, plugin("reply"), config="[limits]\ncalls_running = 1\ncalls_waiting = 3\n")
        client = host.client()
        slow, box = client.create("SlowConcurrent"), client.create("Mailbox")
        client.start(slow, "sleep", 2_000)
        self.refused("overloaded", "calls_running", lambda: client.call(slow, "sleep", 1))
        client.start(box, "get"), client.start(box, "get")
        self.refused("overloaded", "calls_waiting", lambda: client.call(box, "get"))
        self.assertEqual(hits(host), {"calls_running": 1, "calls_waiting": 1})


class OfListenersAndPrincipals(unittest.TestCase):
    def test_a_listeners_limits_are_its_own(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        host = hosted(self, PAIR, listen=False, config=f"""
[host]
listen = ["unix:{directory}/all.sock"]
[[listener]]
address = "unix:{directory}/team.sock"
limits = {{ handles = 2, frame_bytes = 8192 }}
""")
        greetings = []
        for address in host.addresses():
            with Client(address, errors="full") as client:
                greetings.append(client.greeting)
        self.assertEqual([(g["limits"]["handles"], g["limits"]["frame_bytes"]) for g in greetings],
                         [(10_000, 16 << 20), (2, 8192)])

    def test_a_principals_limits_come_after_its_listeners(self):
        me = f"uid:{os.getuid()}"
        host = hosted(self, PAIR, config=f'[limits]\nhandles = 4\n[principal."{me}"]\nlimits = {{ handles = 2 }}\n')
        limits = host.client(errors="full").greeting["limits"]
        self.assertEqual((limits["handles"], limits["calls"]), (2, 128))

    def test_a_principal_makes_no_more_objects_than_it_may_in_all_its_sessions(self):
        host = hosted(self, plugin("objects"), config="[limits]\nprincipal_objects = 3\n")
        one, other = host.client(), host.client()
        before = host.stats("objects")["objects"]
        first = one.create("List")
        other.create("Account"), other.create("Account")
        for act in (lambda: one.create("Account"), lambda: one.call(first, "iterate")):
            with self.assertRaises(Refused) as caught:
                act()
            self.assertEqual(caught.exception.kind, "limit")
            self.assertIn("3 objects already (principal_objects)", caught.exception.text)
        other.close()
        eventually(lambda: host.stats("objects")["objects"] == before + 1)
        one.call(first, "iterate")

    def test_a_principal_has_no_more_connections_than_it_may(self):
        host = hosted(self, PAIR, config="[limits]\nprincipal_connections = 3\n")
        host.admin
        first, second = host.client(), host.client()
        first.do("soho.ping"), second.do("soho.ping")
        with self.assertRaises((Closed, BrokenPipeError)):
            host.client().do("soho.ping")
        self.assertEqual(hits(host), {"principal_connections": 1})
        first.close()
        eventually(lambda: host.stats("connections")["connections"] == 2)
        host.client().do("soho.ping")


class Time(unittest.TestCase):
    def test_a_client_that_never_asks_anything_is_closed(self):
        host = hosted(self, PAIR, config="[limits]\nlogin_ms = 2000\n")
        busy = host.client()
        busy.do("soho.ping")
        silent = [self.enterContext(connect(host.address)) for _ in range(2)]
        silent[1].sendall(b"\x94\x00")
        for connection in silent:
            self.assertEqual(connection.recv(1), b"")
        self.assertEqual(hits(host), {"login_ms": 2})
        busy.do("soho.ping")

    def test_a_first_request_that_keeps_its_reactor_has_come_in_time(self):
        host = hosted(self, plugin("stall"), config="[host]\nreactors = 1\n[limits]\nlogin_ms = 2000\nstuck_ms = 10\n")
        other = host.client()
        door = other.create("Door")
        other.do("soho.publish", other.create("Stall"), "stall")
        first = host.client()
        held = first.request("stall.hold0", "x")
        eventually(lambda: other.call(door, "waiting") == 1)
        with connect(host.address) as silent:
            self.assertEqual(silent.recv(1), b"", "whose time is over later than that of the first")
        other.call(door, "open")
        self.assertEqual(first.reply(held), "x")

    @needs_the_host_itself("a worker keeps no reactor of the host's")
    def test_a_first_request_that_its_reactor_has_had_no_time_for_has_come_in_time(self):
        host = hosted(self, plugin("stall"), config="[host]\nreactors = 2\n[limits]\nlogin_ms = 2000\nstuck_ms = 60000\n")
        other, holder = host.client(), host.client()
        door = other.create("Door")
        other.do("soho.publish", other.create("Stall"), "stall")
        held = holder.request("stall.hold0", "x")
        eventually(lambda: other.call(door, "waiting") == 1)
        firsts = [host.client(), host.client()]  # one of them at the reactor that is held
        pings = [first.request("soho.ping") for first in firsts]
        time.sleep(3)
        other.call(door, "open")
        for first, ping in zip(firsts, pings):
            first.reply(ping)
        holder.reply(held)
        self.assertEqual(hits(host), {})

    def test_an_idle_connection_is_closed_but_none_with_a_call_that_waits(self):
        host = hosted(self, plugin("reply"), config="[limits]\nidle_ms = 2000\n")
        idle, waiting = host.client(), host.client()
        box = waiting.create("Mailbox", name="box")
        msgid = waiting.start(box, "get")
        idle.do("soho.ping")
        self.assertEqual(idle.closed(), [])
        other = host.client()
        other.call("box", "put", 7)
        self.assertEqual(waiting.reply(msgid), 7)
        self.assertEqual(waiting.closed(), [], "it idles from its last reply on")

    def test_a_reply_that_comes_when_the_time_is_over_is_not_lost(self):
        host = hosted(self, plugin("reply"), config="[limits]\nidle_ms = 10\n")

        def counts():
            with host.client() as client:
                return client.call(client.create("Counts"), "get")

        answered = 0
        for _ in range(60):
            waiting = []
            for number in range(10):
                try:
                    client = host.client()
                    waiting.append((client, client.start(client.create("Mailbox"), "later", "done", 9 + number % 4)))
                except (Closed, OSError):
                    pass  # it idled, before it asked
            for client, msgid in waiting:
                try:
                    answered += client.reply(msgid) == "done"
                except (Closed, OSError):
                    pass  # so did this one: below, no reply that there was may be lost
                client.close()
        self.assertGreater(answered, 100)
        for _ in range(20):
            try:
                self.assertEqual(counts()["discarded"], 0)
                break
            except (Closed, OSError):
                pass

    def test_a_client_that_reads_nothing_is_closed(self):
        host = hosted(self, PAIR, plugin("kinds"), config="[limits]\nunsent_bytes = 4096\nslow_reader_ms = 200\n")
        slow = host.client()
        kinds = slow.create("Kinds")
        text = "x" * 100_000
        slow.socket.settimeout(1)
        try:
            while True:
                slow.raw(slow.frame("soho.call", kinds, "echo_str", [text])[1])
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass
        eventually(lambda: hits(host).get("slow_reader_ms") == 1)
        self.assertGreaterEqual(hits(host)["unsent_bytes"], 1)
        host.client().do("soho.ping")


class Connections(unittest.TestCase):
    def test_some_are_kept_for_those_who_can_see_what_is_wrong(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        host = hosted(self, PAIR, config="[limits]\nconnections = 4\nconnections_reserved = 2\n",
                      listen="tcp:127.0.0.1:0", args=["--insecure-no-login", "--listen", f"unix:{directory}/s"])
        tcp, unix = host.addresses()
        strangers = [host.client() for _ in range(2)]
        for client in strangers:
            client.do("soho.ping")
        with connect(tcp) as refused:
            self.assertEqual(refused.recv(1), b"")
        host.address = unix
        self.assertEqual(hits(host), {"connections": 1})
        host.client().do("soho.ping")
        with connect(unix) as third:
            self.assertEqual(third.recv(1), b"", "none is kept beyond the limit itself")

    def test_a_peer_that_vanishes_is_looked_for(self):
        host = hosted(self, PAIR, listen="tcp:127.0.0.1:0", args=["--insecure-no-login"])
        client = host.client()
        client.do("soho.ping")
        port = client.socket.getsockname()[1]
        shown = os.popen(f"ss -Hnto state established '( dport = :{port} )'").read()
        if not shown:
            self.skipTest("ss is not here")
        self.assertRegex(shown, r"timer:\(keepalive,")

    def test_the_host_takes_the_descriptors_that_it_may_have(self):
        host = hosted(self, PAIR)
        soft, hard = resource.prlimit(host.process.pid, resource.RLIMIT_NOFILE)
        self.assertEqual(soft, hard)

    def test_without_descriptors_it_waits_and_does_not_spin(self):
        # UBSan looks at a virtual table through a pipe, and takes it for a broken one when there is no descriptor left for that.
        suppressions = tempfile.NamedTemporaryFile("w", suffix=".supp")
        self.addCleanup(suppressions.close)
        print("vptr:*", file=suppressions, flush=True)
        host = hosted(self, PAIR, environment={"UBSAN_OPTIONS": f"{os.environ.get('UBSAN_OPTIONS', '')}:suppressions={suppressions.name}"})
        served = host.client()
        served.do("soho.ping")
        limit = resource.prlimit(host.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(host.process.pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{host.process.pid}/fd")), limit[1]))
        begun = time.monotonic()
        waiting = [connect(host.address) for _ in range(3)]

        def failures():
            return host.log().count("cannot accept a connection")

        eventually(lambda: failures() >= 3)
        served.do("soho.ping")
        seen = failures()
        self.assertLessEqual(seen, (time.monotonic() - begun) / 0.1 + 2, "it tries again no more often than every 100 ms")
        resource.prlimit(host.process.pid, resource.RLIMIT_NOFILE, limit)
        for connection in waiting:
            connection.sendall(b"\x94\x00\x07\xa9soho.ping\x90")
            self.assertEqual(connection.recv(100), b"\x94\x01\x07\xc0\xc0")
            connection.close()


if __name__ == "__main__":
    unittest.main()
