"""The stream is never corrupted and the host never falls: torn frames, garbage, bombs, floods, readers that do not read; how a
host begins and ends."""
import os
import pathlib
import random
import re
import resource
import signal
import socket
import struct
import sys
import tempfile
import unittest

import msgpack

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import PAIR, Client, Closed, Host, Refused, eventually, hosted, pack, plugin


class Stream(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host(PAIR, plugin("kinds"), plugin("objects"), plugin("reply"), args=["--strict"])

    @classmethod
    def tearDownClass(cls):
        cls.host.stop()

    def setUp(self):
        self.client = self.open()

    def open(self, **hello):
        client = Client(self.host.address, **hello)
        self.addCleanup(client.close)
        return client

    def refused(self, pattern, function, *args, **options):
        with self.assertRaisesRegex(Refused, pattern) as refused:
            function(*args, **options)
        return refused.exception

    def serves(self):
        """Somebody who comes now is served."""
        with Client(self.host.address) as client:
            self.assertEqual(client.do("pair.get_y"), 6)

    def closed_after(self, data, with_replies=None):
        """The host closes a connection that sends this, perhaps after replies; everybody else is served."""
        client = self.open()
        try:
            client.raw(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # closed before it had all
        replies = client.closed()
        client.close()
        if with_replies is not None:
            self.assertEqual(len(replies), with_replies, (data[:40], replies))
        self.serves()
        return replies


class Frames(Stream):
    def test_split_at_every_byte(self):
        kinds = self.client.create("Kinds")
        data, msgids = b"", []
        for method, args in (("echo_int64", [-70000]), ("echo_str", ["grüß"]), ("echo_bytes", [b"\0" * 40]),
                             ("echo_value", [{"a": [1.5, None, {"b": kinds}]}])):
            msgid, frame = self.client.frame("soho.call", kinds, method, args)
            msgids.append(msgid)
            data += frame
        expected = [-70000, "grüß", b"\0" * 40, {"a": [1.5, None, {"b": kinds}]}]
        for split in range(1, len(data)):
            self.client.raw(data[:split])
            if split % 3 == 0:
                self.serves()  # by then the host has read the first part
            self.client.raw(data[split:])
            self.assertEqual([self.client.reply(msgid) for msgid in msgids], expected, split)

    def test_byte_by_byte(self):
        msgid, frame = self.client.frame("soho.call", "pair", "get_y", [], {"trace": "byte by byte"})
        for byte in frame:
            self.client.raw(bytes([byte]))
        self.assertEqual(self.client.reply(msgid), 6)

    def test_at_random_places(self):
        rng = random.Random(7)
        kinds = self.client.create("Kinds")
        expected, data = {}, b""
        for _ in range(300):
            value = "x" * rng.choice((0, 5, 200, 70_000))
            msgid, frame = self.client.frame("soho.call", kinds, "echo_str", [value])
            expected[msgid] = value
            data += frame
        while data:
            size = min(len(data), rng.choice((1, 10, 1000, 100_000)))
            self.client.raw(data[:size])
            data = data[size:]
        for msgid, value in expected.items():
            self.assertEqual(self.client.reply(msgid), value)

    def test_thousands_in_one_go(self):
        kinds = self.client.create("Kinds")
        frames = [self.client.frame("soho.call", kinds["$soho"], "echo_int64", [number]) for number in range(20_000)]
        self.client.raw(b"".join(frame for _, frame in frames))
        self.assertEqual([self.client.reply(msgid) for msgid, _ in frames], list(range(20_000)))

    def test_long_forms_of_every_header(self):
        # A client may write a small value in a wide form.
        long_request = (b"\xdd\0\0\0\4" b"\xd3\0\0\0\0\0\0\0\0" b"\xce\0\0\0\x63" b"\xdb\0\0\0\x0a" b"pair.get_y" b"\xdc\0\0")
        self.client.raw(long_request)
        self.assertEqual(self.client.reply(0x63), 6)

    def test_a_method_name_may_be_binary_and_params_nil(self):
        self.client.raw(b"\x94\0\x07" + pack(b"pair.get_y") + b"\xc0")
        self.assertEqual(self.client.reply(7), 6)

    def test_every_msgid_of_32_bits(self):
        for msgid in (0, 127, 128, 2**31, 2**32 - 1):
            self.client.raw(pack([0, msgid, "soho.ping", []]))
            self.assertIsNone(self.client.reply(msgid))

    def test_unknown_notifications_are_ignored(self):
        self.client.notify("nvim_set_client_info", "x", {}, "remote", {}, {})
        self.client.notify("soho.no_such", 1)
        self.client.do("soho.ping")
        self.assertEqual(self.client.replies, {})


class Garbage(Stream):
    def test_bytes_that_are_no_messagepack(self):
        rng = random.Random(11)
        self.closed_after(b"\xc1", with_replies=0)
        self.closed_after(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", with_replies=0)
        self.closed_after(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", with_replies=0)  # TLS
        for _ in range(100):
            data = b"\xc1" + rng.randbytes(rng.randrange(3000))
            self.closed_after(data)

    def test_garbage_behind_good_requests_leaves_their_replies(self):
        replies = self.closed_after(pack([0, 1, "pair.get_y", []]) + pack([0, 2, "soho.ping", []]) + b"\xc1")
        self.assertEqual(replies[:2], [[1, 1, None, 6], [1, 2, None, None]])

    def test_wrong_shapes_close_where_no_msgid_can_be_read(self):
        for wrong in (1, None, "soho.ping", {}, [], [0], [3, 1, "soho.ping", []], ["0", 1, "soho.ping", []], [0, -1, "soho.ping", []],
                      [0, 2**32, "soho.ping", []], [0, "1", "soho.ping", []], [0, None, "soho.ping", []], [-1, 1, 2, 3]):
            with self.subTest(frame=wrong):
                self.closed_after(pack(wrong), with_replies=0)

    def test_wrong_shapes_are_answered_where_one_can(self):
        for wrong in ([0, 5], [0, 5, "soho.ping"], [0, 5, 1, []], [0, 5, None, []], [0, 5, "soho.ping", {}], [0, 5, "soho.ping", 1],
                      [0, 5, "soho.ping", [], 1], [0, 5, ["soho.ping"], []]):
            with self.subTest(frame=wrong):
                self.client.raw(pack(wrong))
                self.refused("^protocol: ", self.client.reply, 5)
                self.client.do("soho.ping")  # the connection goes on

    def test_replies_that_nobody_asked_for_do_no_harm(self):
        client = self.open()
        try:
            client.raw(pack([1, 5, None, 1]))
            client.raw(pack([2, 5, []]))
            client.do("soho.ping")
        except (Closed, BrokenPipeError, ConnectionResetError):
            pass
        self.serves()

    def test_control_methods_with_wrong_params(self):
        rng = random.Random(13)
        names = ("hello", "call", "create", "open", "publish", "unpublish", "retain", "release", "share", "claim", "cancel", "types",
                 "names", "ping", "whoami", "objects", "stats", "health", "sessions", "plugins", "no_such", "", ".", "call.x")
        values = (None, 0, -1, 2**64 - 1, 1.5, "", "pair", "Pair", b"\xff", [], [1], {}, {"$soho": 1, "type": "Pair"}, {"name": 1},
                  [[]], {"kw": {}}, msgpack.ExtType(0x53, b"\x92\x01"), "x" * 3000, "get_x", {"timeout_ms": 1e-9}, {"proto": 1})
        client = self.open()
        for _ in range(3000):
            name = "soho." + rng.choice(names)
            params = [rng.choice(values) for _ in range(rng.randrange(5))]
            if name == "soho.unpublish" and "pair" in params[:1]:
                continue
            outcome = client.outcome(client.request(name, *params))
            if isinstance(outcome, Refused):
                self.assertNotEqual(outcome.kind, "internal", (name, params, outcome))
        client.do("soho.ping")

    def test_mutated_requests(self):
        rng = random.Random(17)
        base = [pack([0, 1, "soho.create", ["Pair", [1, 2]]]), pack([0, 2, "soho.call", ["pair", "get_x", [], {"kw": {}}]]),
                pack([0, 3, "soho.hello", [{"proto": 1, "handles": "ext"}]]), pack([2, "soho.release", [[5, 1]]]),
                pack([0, 4, "soho.types", []])]
        for _ in range(400):
            data = bytearray(b"".join(rng.sample(base, 3)))
            for _ in range(rng.randrange(1, 6)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            client = self.open()
            try:
                client.raw(bytes(data))
            except (BrokenPipeError, ConnectionResetError):
                pass
            client.close()
        self.serves()
        eventually(lambda: self.host.stats("calls_in_flight")["calls_in_flight"] == 0)


class Bombs(Stream):
    def test_depth(self):
        for data in (b"\x91" * 1_000_000, b"\x81\x01" * 1_000_000, b"\xdd\0\0\0\1" * 100_000):
            self.closed_after(data)

    def test_depth_with_a_msgid_is_answered_by_the_name_of_the_limit(self):
        replies = self.closed_after(b"\x94\0\x09\xa9soho.call" + b"\x91" * 100)
        self.assertEqual(len(replies), 1)
        self.assertEqual(replies[0][1], 9)
        self.assertRegex(replies[0][2], "^limit: .*depth")

    def test_from_a_client_that_goes_before_the_answer(self):
        # The connection ends while a frame that came in two parts is refused.
        for _ in range(20):
            client = self.open()
            client.raw(b"\x94\0\x09\xa9soho.call")
            self.serves()  # by then the host has read the first part
            client.raw(b"\x91" * 100)
            client.close()
        self.serves()

    def test_headers_that_promise_much(self):
        # Each is refused when its header is there, before anything is stored for it.
        before = self.host.memory()
        for header in (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff",
                       b"\xc9\xff\xff\xff\xff\x05", b"\xdd\x01\0\0\1", b"\xc6\x01\0\0\1"):
            self.closed_after(header)
            replies = self.closed_after(b"\x94\0\x09\xa9soho.call" + header)
            self.assertRegex(replies[0][2], "^limit: .*(frame_bytes|items)")
        self.assertLess(self.host.memory() - before, 64 << 20)

    def test_width(self):
        items = 1 << 20
        client = self.open()
        try:
            client.raw(b"\x94\0\x09\xa9soho.call\x91" + b"\xdd" + struct.pack(">I", items + 10) + b"\xc0" * (items + 10))
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assertRegex(client.closed()[0][2], "^limit: .*items")
        self.serves()

    def test_a_frame_of_exactly_the_limit_is_served_and_one_byte_more_is_not(self):
        kinds = self.client.create("Kinds")["$soho"]
        frame = lambda size: pack([0, 7, "soho.call", [kinds, "text_of", ["x" * size]]])
        room = (16 << 20) - len(frame(1 << 20)) + (1 << 20)
        self.client.raw(frame(room))
        self.assertEqual(len(frame(room)), 16 << 20)
        self.client.outcome(7)  # text_of may have bounds of its own
        self.client.do("soho.ping")
        self.assertRegex(self.closed_after(frame(room + 1))[0][2], "^limit: .*frame_bytes")

    def test_many_large_headers_at_a_time_take_no_memory(self):
        before = self.host.memory()
        clients = [self.open() for _ in range(100)]
        for client in clients:
            client.raw(b"\x94\0\x09\xa9soho.call\x91\xc6\x00\xf0\0\0" + b"x" * 10)
        self.serves()
        self.assertLess(self.host.memory() - before, 64 << 20)


class Floods(Stream):
    def test_half_open_frames_hold_up_nobody(self):
        clients = [self.open() for _ in range(200)]
        for number, client in enumerate(clients):
            client.raw(pack([0, 1, "soho.call", ["pair", "get_y", []]])[:1 + number % 20])
        for _ in range(20):
            self.serves()
        for number, client in enumerate(clients):
            client.raw(pack([0, 1, "soho.call", ["pair", "get_y", []]])[1 + number % 20:])
        self.assertEqual([client.reply(1) for client in clients], [6] * 200)

    def test_replies_that_are_never_read_stop_the_reading_and_memory_stays_bounded(self):
        kinds = self.client.create("Kinds")["$soho"]
        before = self.host.memory()
        flooders = [self.open() for _ in range(4)]
        for client in flooders:
            client.socket.setblocking(False)
            sent = 0
            data = b"".join(pack([0, number, "soho.call", [kinds, "long_text", [100_000]]]) for number in range(20_000))
            while sent < len(data):
                try:
                    sent += client.socket.send(data[sent:])
                except BlockingIOError:
                    # The socket is full: what is between us and the host is bounded, too. Look whether it moves on.
                    read = self.host.stats("bytes_in")["bytes_in"]
                    for _ in range(5):
                        self.serves()
                    if self.host.stats("bytes_in")["bytes_in"] - read < 4096:
                        break
        for _ in range(20):
            self.serves()
        # 20,000 replies of 100 kB each were asked for by each; 8 MiB may be unsent, and one batch beyond.
        self.assertLess(self.host.memory() - before, 4 * (8 << 20) * 3)
        # Whoever starts to read is served on, and no byte is wrong.
        reader = flooders[0]
        reader.socket.settimeout(60)
        for number in range(300):
            self.assertEqual(reader.reply(number), "x" * 100_000)

    def test_small_replies_that_are_never_read(self):
        client = self.open()
        client.socket.setblocking(False)
        ping = pack([0, 1, "soho.types", []]) * 1000
        before = self.host.memory()
        blocked = 0
        while blocked < 20:
            try:
                client.socket.send(ping)
            except BlockingIOError:
                blocked += 1
                self.serves()
        self.assertLess(self.host.memory() - before, 64 << 20)

    def test_many_connections(self):
        before = self.host.at_rest(1)
        clients = [self.open() for _ in range(500)]
        msgids = [client.request("soho.create", "Pair", [number, 0]) for number, client in enumerate(clients)]
        handles = [client.reply(msgid) for client, msgid in zip(clients, msgids)]
        self.assertEqual([client.call(handle, "get_x") for client, handle in zip(clients, handles)], list(range(500)))
        for client in clients:
            client.close()
        self.host.back_at(before)

    def test_a_connection_that_is_closed_in_the_middle_leaves_nothing_to_the_next(self):
        # Requests of one client must never run, or be answered, for another. Each batch is cut short by its client's death.
        kinds = self.client.create("Kinds")["$soho"]
        bystanders = [self.open() for _ in range(4)]
        for client in bystanders:
            client.last_msgid = 1_000_000
        for _ in range(100):
            dying = self.open()
            dying.raw(b"".join(pack([0, number, "soho.call", [kinds, "long_text", [60_000]]]) for number in range(100)))
            dying.close()
            for client in bystanders:
                self.assertEqual(client.do("pair.get_y"), 6)
        for client in bystanders:
            client.do("soho.ping")
            self.assertEqual(client.replies, {})

    def test_the_client_that_stops_sending_gets_the_replies_so_far(self):
        client = self.open()
        client.raw(pack([0, 1, "pair.get_y", []]))
        self.assertEqual(client.reply(1), 6)
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(client.closed(), [])

    def test_the_client_that_stops_sending_gives_up_what_is_not_done(self):
        mailbox = self.client.create("Mailbox")
        counts = self.client.create("Counts")
        cancelled = self.client.call(counts, "get")["cancelled"]
        client = self.open()
        client.raw(pack([0, 1, "soho.call", [mailbox, "get"]]) + pack([0, 2, "pair.get_y", []]))
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(client.closed(), [[1, 2, None, 6]])
        eventually(lambda: self.client.call(counts, "get")["cancelled"] == cancelled + 1, "that the plugin is told")
        self.assertEqual(self.client.call(mailbox, "waiting"), 0)


class WaitingBytes(unittest.TestCase):
    """What a connection makes the host keep for calls that wait is bounded (limits.waiting_bytes)."""

    def host_with(self, waiting_bytes):
        config = f"[host]\ndrain_ms = 1\n[limits]\nwaiting_bytes = {waiting_bytes}\n"
        return hosted(self, plugin("reply"), config=config)

    def occupied(self, host):
        """A Mailbox whose turn a thread of the pool keeps, and the client and msgid to cancel that."""
        client = host.client()
        mailbox = client.create("Mailbox")["$soho"]

        def runs_on_the_pool():
            client.call(mailbox, "wait_until_gone", 200)
            return "wait_until_gone has kept a reactor" in host.log()

        eventually(runs_on_the_pool, "that the method is found to block")
        held = client.start(mailbox, "wait_until_gone", 3_600_000)
        client.do("soho.ping")  # by now it has the turn, or is the first to get it
        return mailbox, client, held

    def test_results_that_nobody_reads_go_back_to_the_plugin(self):
        host = self.host_with(64 << 20)
        deaf, feeder = host.client(), host.client()
        mailbox = feeder.create("Mailbox")["$soho"]
        gets = [deaf.start(mailbox, "get") for _ in range(100)]
        eventually(lambda: feeder.call(mailbox, "waiting") == 100, "that all wait")
        before = host.memory()
        item = b"x" * (15 << 20)
        puts = 0
        while feeder.call(mailbox, "waiting") != 0:
            feeder.call(mailbox, "put", item)
            puts += 1
            self.assertLessEqual(puts, 100)
        # 100 items are 1.5 GB; a sanitizer keeps some hundred MB of what was freed.
        self.assertLess(host.memory() - before, 960 << 20)
        outcomes = [deaf.outcome(msgid) for msgid in gets]
        refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        self.assertTrue(refused)
        for refusal in refused:
            self.assertRegex(str(refusal), r"^limit: Mailbox.get\(\) ran, but its reply .*waiting_bytes")
        self.assertEqual(100 - len(refused) + feeder.call(mailbox, "size"), puts)  # and none is lost

    def test_arguments_of_calls_whose_replies_come_later(self):
        host = self.host_with(1_000_000)
        client = host.client()
        mailbox = client.create("Mailbox")["$soho"]
        for _ in range(3):
            client.start(mailbox, "later", "x" * 300_000, 3_600_000)
        with self.assertRaisesRegex(Refused, "^overloaded: .*waiting_bytes.*not started"):
            client.call(mailbox, "later", "x" * 300_000, 3_600_000)
        self.assertEqual(client.call(mailbox, "later", "small", 1), "small")
        self.assertEqual(host.client().call(mailbox, "later", "x" * 300_000, 1), "x" * 300_000)  # each connection has its own

    def test_arguments_of_queued_calls_and_a_cancelled_one_gives_its_own_back(self):
        host = self.host_with(1_000_000)
        mailbox, holder, held = self.occupied(host)
        client = host.client()
        queued = [client.start(mailbox, "put", "x" * 300_000) for _ in range(3)]
        with self.assertRaisesRegex(Refused, "^overloaded: .*waiting_bytes.*not started"):
            client.call(mailbox, "put", "x" * 300_000)
        client.do("soho.cancel", queued[1])
        with self.assertRaisesRegex(Refused, "^cancelled"):
            client.reply(queued[1])
        queued[1] = client.start(mailbox, "put", "x" * 300_000)
        client.do("soho.ping")
        holder.do("soho.cancel", held)
        self.assertEqual([client.reply(msgid) for msgid in queued], [None] * 3)
        self.assertEqual(holder.call(mailbox, "size"), 3)

    def test_a_queued_call_keeps_nothing_once_its_caller_has_gone(self):
        host = self.host_with(64 << 20)
        mailbox, holder, held = self.occupied(host)
        before = host.gauges()
        client = host.client()
        client.start(mailbox, "put", client.create("Mailbox"))
        client.start(client.create("Mailbox"), "put", [{"$soho": mailbox, "type": "Mailbox"}])
        client.do("soho.ping")
        self.assertEqual(host.stats("objects")["objects"], before["objects"] + 2)
        client.close()
        eventually(lambda: host.stats("objects")["objects"] == before["objects"], "that what it was given has gone")
        holder.do("soho.cancel", held)
        eventually(lambda: host.stats("calls_in_flight")["calls_in_flight"] == 0)
        self.assertEqual(holder.call(mailbox, "size"), 0)

    def test_owner_and_trace_are_short(self):
        client = hosted(self, PAIR).client()
        for option in ("owner", "trace"):
            self.assertEqual(client.call("pair", "get_x", **{option: "x" * 256}), 5)
            with self.assertRaisesRegex(Refused, f"^bad_arguments: .*{option}.*at most 256 bytes"):
                client.call("pair", "get_x", **{option: "x" * 257})


class Scarcity(unittest.TestCase):
    def leave_room(self, host, room):
        """Lets the host map so many bytes more; None: as many as it likes."""
        limit = resource.RLIM_INFINITY
        if room is not None:
            status = pathlib.Path(f"/proc/{host.process.pid}/status").read_text()
            mapped = int(re.search(r"VmSize:\s+(\d+) kB", status).group(1)) << 10
            if mapped > 1 << 40:
                self.skipTest("a sanitizer's shadow leaves nothing to limit")
            limit = mapped + room
        resource.prlimit(host.process.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))

    def test_a_system_without_threads_for_the_pool_loses_no_call(self):
        # Room for a few stacks more: some calls get a thread, the others wait for one of those.
        host = hosted(self, plugin("reply"), PAIR)
        client = host.client()
        objects = [client.create("Slow") for _ in range(120)]
        self.leave_room(host, 40 << 20)
        msgids = [client.start(slow, "sleep", 20) for slow in objects]
        self.assertEqual([client.reply(msgid) for msgid in msgids], [1] * 120)
        self.assertEqual(host.client().do("pair.get_x"), 5)

    def test_calls_that_no_thread_can_run_are_refused_and_not_started(self):
        host = hosted(self, plugin("reply"), PAIR)
        client = host.client()
        slow = client.create("Slow")
        self.leave_room(host, 0)
        with self.assertRaisesRegex(Refused, "^overloaded: .*no thread for Slow.sleep.*not started"):
            client.call(slow, "sleep", 1)
        self.leave_room(host, None)
        self.assertEqual(client.call(slow, "sleep", 1), 1)


class Ends(unittest.TestCase):
    """How a host begins and ends."""

    def test_sigterm_lets_what_runs_finish_and_says_what_never_started(self):
        host = hosted(self, plugin("reply"), PAIR, config="[host]\ndrain_ms = 60000\n")
        client = host.client()
        slow, mailbox = client.create("Slow"), client.create("Mailbox")
        holds = client.start(mailbox, "get")  # the host does not end before this is cancelled
        running = client.start(slow, "sleep", 3000)
        queued = client.start(slow, "quick")
        later = client.start(mailbox, "later", "done", 500)
        watcher = client.create("Slow")
        eventually(lambda: client.call(watcher, "sleeping") == 1, "a method that runs")
        host.process.send_signal(signal.SIGTERM)
        eventually(lambda: client.do("soho.health")["status"] == "draining", "draining")
        refused = client.outcome(client.start(mailbox, "size"))
        self.assertIsInstance(refused, Refused)
        self.assertEqual(refused.kind, "not_started")
        self.assertEqual(client.reply(running), 1)
        self.assertEqual(client.reply(later), "done")
        outcome = client.outcome(queued)
        self.assertTrue(outcome == 2 or outcome.kind == "not_started", outcome)
        client.do("soho.cancel", holds)
        self.assertEqual(client.outcome(holds).kind, "cancelled")
        client.closed()
        self.assertEqual(host.ended(), 0)
        self.assertFalse(os.path.exists(host.path))

    def test_what_waits_is_refused_at_once_and_safe_to_try_again(self):
        for drain_ms in (60_000, 0):
            with self.subTest(drain_ms=drain_ms):
                host = hosted(self, plugin("reply"), PAIR, config=f"[host]\ndrain_ms = {drain_ms}\n")
                client, beside = host.client(), host.client()
                slow, watcher = client.create("Slow"), client.create("Slow")
                running = client.start(slow, "sleep", 3_000)
                queued = [client.start(slow, "quick") for _ in range(3)]
                made = beside.request("soho.create", "SlowCreate", [3_000], {"name": "made"})
                eventually(lambda: client.call(watcher, "sleeping") == 2, "a method and a create that run")
                eventually(lambda: host.stats("calls_in_flight") == {"calls_in_flight": 5})
                opens = client.request("soho.create", "SlowCreate", [1_000], {"name": "made", "if_exists": "open"})
                client.do("soho.ping")
                host.process.send_signal(signal.SIGTERM)
                for msgid in (*queued, opens):
                    self.assertEqual(client.outcome(msgid).kind, "not_started")
                if drain_ms:
                    self.assertNotIn(running, client.replies)
                    self.assertEqual(client.reply(running), 1)
                    self.assertNotIsInstance(beside.outcome(made), Refused)
                self.assertEqual(host.ended(), 0)

    def test_clients_that_asked_are_told_and_no_others(self):
        host = hosted(self, plugin("reply"), config="[host]\ndrain_ms = 60000\n")
        asked = host.client(errors="full", features=["draining", "of a later version"])
        other = host.client(errors="full", features=["of a later version"])
        plain = host.client()
        greeted_late = host.client()
        plain.do("soho.ping")
        self.assertEqual((asked.greeting["features"], other.greeting["features"]), (["draining"], []))
        slow = asked.create("Slow")
        holds = asked.start(asked.create("Mailbox"), "get")  # the host does not end before this is cancelled
        running = asked.start(slow, "sleep", 3000)
        eventually(lambda: plain.call(plain.create("Slow"), "sleeping") == 1, "a method that runs")
        host.process.send_signal(signal.SIGTERM)
        kind, method, (left_ms,) = asked.receive()
        self.assertEqual((kind, method), (2, "soho.draining"))
        self.assertTrue(0 < left_ms <= 60_000, left_ms)
        hello = greeted_late.request("soho.hello", {"proto": 1, "features": ["draining"]})
        greeted_late.reply(hello)
        self.assertEqual(greeted_late.receive()[:2], [2, "soho.draining"])
        self.assertEqual(asked.reply(running), 1)
        asked.do("soho.cancel", holds)
        self.assertEqual(asked.outcome(holds).kind, "cancelled")
        self.assertEqual((other.closed(), plain.closed(), asked.closed()), ([], [], []))

    def test_a_call_that_never_ends_does_not_keep_the_host(self):
        host = hosted(self, plugin("reply"), config="[host]\ndrain_ms = 100\n")
        client = host.client()
        mailbox = client.create("Mailbox")
        pending = client.start(mailbox, "get")
        client.call(mailbox, "waiting")
        host.process.send_signal(signal.SIGTERM)
        try:
            self.assertIsInstance(client.outcome(pending), Refused)
        except Closed:
            pass
        self.assertEqual(host.ended(), 0)

    def test_a_second_signal_ends_it_at_once(self):
        host = hosted(self, plugin("reply"), config="[host]\ndrain_ms = 3600000\n")
        client = host.client()
        client.start(client.create("Mailbox"), "get")
        client.do("soho.ping")
        host.process.send_signal(signal.SIGTERM)
        eventually(lambda: client.do("soho.health")["status"] == "draining", "draining")
        host.process.send_signal(signal.SIGTERM)
        self.assertEqual(host.ended(), 0)

    def test_a_thread_stuck_in_a_plugin_does_not_keep_the_host(self):
        host = hosted(self, plugin("reply"), config="[host]\ndrain_ms = 50\n")
        client = host.client()
        client.start(client.create("Slow"), "sleep", 3_600_000)
        client.do("soho.ping")
        host.process.send_signal(signal.SIGTERM)
        self.assertEqual(host.ended(), 0)

    def stuck(self, **options):
        """A host of two reactors, one of which sits in a method that never said that it blocks."""
        host = hosted(self, plugin("reply"), PAIR, args=["--reactors", "2"], **options)
        client = host.client()
        client.start(client.create("Slow"), "sleep_undeclared", 3_600_000)
        eventually(lambda: "Slow.sleep_undeclared has kept a reactor" in host.log(), "the watchdog's word")
        return host

    def test_a_reactor_stuck_in_a_plugin_does_not_keep_the_host(self):
        for _ in range(2):  # the first connection has either reactor
            host = self.stuck(config="[host]\ndrain_ms = 50\n")
            host.process.send_signal(signal.SIGTERM)
            self.assertEqual(host.ended(), 0)
            self.assertFalse(os.path.exists(host.path))

    def test_new_connections_go_to_the_reactor_that_is_free(self):
        host = self.stuck()
        for _ in range(10):
            self.assertEqual(host.client().do("pair.get_y"), 6)

    def test_a_second_signal_ends_a_host_that_hangs_in_a_publication(self):
        host = Host(plugin("reply"), config='[publish]\nslow = "SlowForever"\n', ready=False)
        self.addCleanup(host.stop, code=1)
        eventually(lambda: "plugin reply" in host.log(), "that the plugin is loaded")
        host.process.send_signal(signal.SIGTERM)
        eventually(lambda: "SIGTERM: ending" in host.log(), "the first signal")
        host.process.send_signal(signal.SIGTERM)
        self.assertEqual(host.ended(), 1)

    def test_of_hosts_that_start_together_on_a_stale_socket_one_stays(self):
        for _ in range(5):
            first = Host(PAIR)
            self.addCleanup(first.kill)
            first.process.kill()
            first.process.wait()
            hosts = [Host(PAIR, listen=first.address, ready=False) for _ in range(6)]
            for host in hosts:
                self.addCleanup(host.kill)
            eventually(lambda: sum(host.process.poll() is None for host in hosts) == 1, "that one host is left")
            left = next(host for host in hosts if host.process.poll() is None)
            eventually(lambda: "listens on" in left.output(), "that it listens")
            with Client(first.address) as client:
                self.assertEqual(client.do("pair.get_x"), 5)

    def test_shutdown_from_a_client(self):
        host = hosted(self, PAIR)
        client = host.client()
        self.assertIsNone(client.do("soho.shutdown"))
        client.closed()
        self.assertEqual(host.ended(), 0)
        self.assertFalse(os.path.exists(host.path))

    def test_the_socket_is_its_users_alone(self):
        host = hosted(self, PAIR)
        self.assertEqual(os.stat(host.path).st_mode & 0o777, 0o600)

    def test_a_stale_socket_is_taken_over(self):
        first = Host(PAIR)
        self.addCleanup(first.kill)
        first.process.kill()
        first.process.wait()
        self.assertTrue(os.path.exists(first.path))
        second = hosted(self, PAIR, directory=first.directory)
        self.assertEqual(second.client().do("pair.get_x"), 5)

    def test_a_second_host_on_the_same_socket_is_refused(self):
        first = hosted(self, PAIR)
        second = Host(PAIR, listen=first.address, ready=False)
        self.assertEqual(second.ended(), 1)
        self.assertRegex(second.log(), "another host listens there")
        second.stop(code=1)
        self.assertEqual(first.client().do("pair.get_x"), 5)

    def test_what_is_no_socket_is_left_alone(self):
        first = hosted(self, PAIR)
        file = pathlib.Path(first.directory) / "precious"
        file.write_text("data")
        second = Host(PAIR, listen=f"unix:{file}", ready=False)
        self.assertEqual(second.ended(), 1)
        second.stop(code=1)
        self.assertEqual(file.read_text(), "data")

    def test_wrong_options_end_with_2_and_a_sentence(self):
        for args in (["--no-such"], ["--listen", "nonsense"], ["--publish", "x"], ["--config", "/nonexistent.toml"], ["--reactors", "257"], ["--strikt"], ["--strict=perhaps"]):
            host = Host(args=args, ready=False)
            self.assertEqual(host.ended(), 2, args)
            self.assertNotEqual(host.log() + host.output(), "")
            host.stop(code=2)
        host = Host(config="[limits]\ndepht = 5\n", ready=False)
        self.assertEqual(host.ended(), 2)
        self.assertRegex(host.log(), r"sohod.toml:2:1: no key .depht. .*depth")
        host.stop(code=2)
        for line, sentence in (("plugin.pair.isolation=worker", "plugin.pair.isolation=worker:1:23: .*; text takes quotes: NAME='text'"),
                               ("limits.depht=5", "--set limits.depht=5:1:.*depth")):
            host = Host(PAIR, args=["--set", line], ready=False)
            self.assertEqual(host.ended(), 2)
            self.assertRegex(host.log(), sentence)
            host.stop(code=2)


class Tcp(unittest.TestCase):
    def refused(self, listen, pattern, *args):
        host = Host(PAIR, listen=listen, args=args, ready=False)
        self.assertEqual(host.ended(), 1)
        self.assertRegex(host.log(), pattern)
        host.stop(code=1)

    def test_is_refused_without_the_ugly_flag(self):
        self.refused("tcp:127.0.0.1:0", "--insecure-no-login")

    def test_beyond_loopback_takes_another(self):
        self.refused("tcp:0.0.0.0:0", "--insecure-plaintext", "--insecure-no-login")

    def test_works_with_it_and_its_clients_are_no_admins(self):
        host = hosted(self, PAIR, listen="tcp:127.0.0.1:0", args=["--insecure-no-login"])
        client = host.client()
        self.assertEqual(client.do("pair.get_x"), 5)
        self.assertEqual(client.do("soho.whoami")["principal"], "anonymous")
        for method, params in (("soho.shutdown", []), ("soho.sessions", []), ("soho.plugins", []), ("soho.drop", [1])):
            with self.assertRaisesRegex(Refused, "^denied"):
                client.do(method, *params)

    def test_ids_of_others_are_out_of_reach_without_a_ticket(self):
        folder = tempfile.TemporaryDirectory(prefix="soho-e2e-")
        self.addCleanup(folder.cleanup)
        address = f"unix:{folder.name}/sohod.sock"
        host = hosted(self, PAIR, listen="tcp:127.0.0.1:0", args=["--insecure-no-login", "--listen", address])
        owner, stranger = Client(address), host.client()
        self.addCleanup(owner.close)
        pair = owner.create("Pair", 1, 2)
        with self.assertRaisesRegex(Refused, "^no_object"):
            stranger.call(pair, "get_x")
        with self.assertRaisesRegex(Refused, "^no_object"):
            stranger.do("soho.retain", pair["$soho"])
        self.assertNotIn(pair["$soho"], {entry["id"] for entry in stranger.do("soho.objects")})
        ticket = owner.do("soho.share", pair, 60_000)
        self.assertEqual(stranger.do("soho.claim", ticket), pair)
        self.assertEqual(stranger.call(pair, "get_x"), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
