"""Replies that come later, or not; methods that block; the caps; cancel, deadlines, and the order of calls."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import PAIR, Refused, eventually, hosted, needs_the_host_itself, pack, plugin  # noqa: E402


class Replies(unittest.TestCase):
    """With a host and a Mailbox for each test: what the plugin counts is this test's alone."""

    options = {"args": ["--strict"]}

    def setUp(self):
        self.host = hosted(self, plugin("reply"), plugin("objects"), PAIR, **self.options)
        self.client = self.host.client()
        self.mailbox = self.client.create("Mailbox")
        self.slow = self.client.create("Slow")
        counts = self.host.admin.create("Counts")
        self.counts = lambda: self.host.admin.call(counts["$soho"], "get")

    def refused(self, pattern, function, *args, **options):
        with self.assertRaisesRegex(Refused, pattern) as refused:
            function(*args, **options)
        return refused.exception

    def call(self, method, *args, **options):
        return self.client.call(self.mailbox, method, *args, **options)

    def start(self, method, *args, **options):
        return self.client.start(self.mailbox, method, *args, **options)

    def together(self, *requests):
        """Their msgids. The host reads them at once: no time goes by between them."""
        frames = [self.client.frame(*request) for request in requests]
        self.client.raw(b"".join(frame for _, frame in frames))
        return [msgid for msgid, _ in frames]

    def counted(self, **numbers):
        eventually(lambda: {key: self.counts()[key] for key in numbers} == numbers, f"{numbers}")

    def waiting(self, count):
        eventually(lambda: self.host.admin.call(self.mailbox["$soho"], "waiting") == count, f"{count} waiting")

    def sleeping(self, count):
        watcher = self.client.create("Slow")
        eventually(lambda: self.client.call(watcher, "sleeping") == count, f"{count} methods that sleep")

    def nothing_in_flight(self):
        eventually(lambda: self.host.stats("calls_in_flight") == {"calls_in_flight": 0}, "calls_in_flight 0")


class Later(Replies):
    def test_completed_from_another_thread(self):
        self.assertEqual(self.call("later", {"a": [1]}, 5), {"a": [1]})
        self.counted(completed=1, late=0, discarded=0)

    def test_replies_come_as_they_are_ready(self):
        late, soon = self.together(("soho.call", self.mailbox, "later", ["late", 1000]),
                                   ("soho.call", self.mailbox, "later", ["soon", 1]))
        self.assertEqual(self.client.reply(soon), "soon")
        self.assertNotIn(late, self.client.replies)
        self.assertEqual(self.client.reply(late), "late")

    def test_a_pending_reply_does_not_hold_the_object(self):
        waiting = self.start("get")
        self.assertEqual(self.call("waiting"), 1)
        self.host.client().call(self.mailbox["$soho"], "put", "item")
        self.assertEqual(self.client.reply(waiting), "item")
        self.nothing_in_flight()

    def test_thousands_pending_are_all_answered_once(self):
        msgids = [self.start("get") for _ in range(3000)]
        self.waiting(3000)
        putter = self.host.client()
        for number in range(3000):
            putter.notify("soho.call", self.mailbox, "put", [number])
        self.assertEqual([self.client.reply(msgid) for msgid in msgids], list(range(3000)))
        self.nothing_in_flight()

    def test_failing_later(self):
        self.refused("^failed: KeyError: as asked, later", self.call, "fail_later", "KeyError", 1)

    def test_dropped_at_once_or_later_the_call_fails_by_itself(self):
        for method, args in (("drop", []), ("drop_later", [5])):
            refused = self.refused("^(failed|internal|unavailable): ", self.call, method, *args)
            self.assertIn("Mailbox." + method, str(refused))
        self.nothing_in_flight()

    def test_completed_twice_the_first_counts(self):
        self.assertEqual(self.call("twice"), 1)
        self.assertEqual(self.call("twice_later", 1), 1)
        self.counted(late=2, completed=0)
        for _ in range(200):
            self.assertIn(self.call("race"), (1, 2))
        self.counted(late=202, completed=200)
        self.nothing_in_flight()

    def test_a_pending_call_pins_its_object_until_it_ends(self):
        pending = self.start("get")
        self.waiting(1)
        self.client.release(self.mailbox)
        self.refused("^no_object", self.call, "waiting")
        self.assertEqual(self.counts()["destroyed"], 0)
        self.client.do("soho.cancel", pending)
        self.refused("^cancelled", self.client.reply, pending)
        self.counted(destroyed=1, cancelled=1)
        self.nothing_in_flight()


class Cancelled(Replies):
    def test_a_pending_call_answers_cancelled_and_tells_the_plugin(self):
        msgid = self.start("get")
        self.waiting(1)
        self.client.do("soho.cancel", msgid)
        self.refused("^cancelled: .*Mailbox.get", self.client.reply, msgid)
        self.counted(cancelled=1)
        self.waiting(0)
        self.nothing_in_flight()

    def test_a_running_call_answers_at_once_while_its_method_runs_on(self):
        slow = self.client.start(self.slow, "sleep", 2000)
        self.sleeping(1)
        self.client.do("soho.cancel", slow)
        self.refused("^cancelled: ", self.client.reply, slow)
        self.nothing_in_flight()  # once the method has returned
        self.assertEqual(self.client.call(self.slow, "quick"), 2)

    def test_a_queued_call_never_starts(self):
        running, queued, _ = self.together(("soho.call", self.slow, "sleep", [1000]), ("soho.call", self.slow, "quick", []),
                                           ("soho.cancel", self.client.last_msgid + 2))
        self.refused("^cancelled: ", self.client.reply, queued)
        self.assertEqual(self.client.reply(running), 1)
        self.assertEqual(self.client.call(self.slow, "quick"), 2)

    def test_an_unknown_msgid_is_fine(self):
        for msgid in (12345, 0, 2**32 - 1, 2**40):
            self.assertIsNone(self.client.do("soho.cancel", msgid))
        done = self.start("size")
        self.client.reply(done)
        self.assertIsNone(self.client.do("soho.cancel", done))
        self.refused("^bad_arguments", self.client.do, "soho.cancel", "1")

    def test_another_connections_calls_are_out_of_reach(self):
        msgid = self.start("get")
        self.waiting(1)
        self.host.client().do("soho.cancel", msgid)
        self.call("put", "item")
        self.assertEqual(self.client.reply(msgid), "item")

    def test_a_completion_that_comes_too_late_is_discarded(self):
        msgid, _ = self.together(("soho.call", self.mailbox, "later", [1, 1000]),
                                 ("soho.cancel", self.client.last_msgid + 1))
        self.refused("^cancelled: ", self.client.reply, msgid)
        self.counted(cancelled=1, discarded=1, late=0)
        self.nothing_in_flight()

    def test_the_msgid_can_be_used_again(self):
        msgid = self.start("get")
        self.client.do("soho.cancel", msgid)
        self.refused("^cancelled: ", self.client.reply, msgid)
        self.client.raw(pack([0, msgid, "soho.ping", []]))
        self.assertIsNone(self.client.reply(msgid))

    def test_a_msgid_in_flight_must_not_be_used_again(self):
        self.host.admin.do("soho.retain", self.mailbox["$soho"])
        msgid = self.start("get")
        self.waiting(1)
        self.client.raw(pack([0, msgid, "soho.ping", []]))
        self.client.closed()
        self.waiting(0)
        self.counted(cancelled=1)


class Deadlines(Replies):
    def test_a_pending_call_fails_and_tells_the_plugin(self):
        self.refused("^deadline: .*Mailbox.get", self.call, "get", timeout_ms=500)
        self.counted(cancelled=1)
        self.waiting(0)

    def test_a_running_or_queued_call_fails_at_once(self):
        running = self.client.start(self.slow, "sleep", 3000, timeout_ms=20)
        queued = self.client.start(self.slow, "quick", timeout_ms=20.5)
        self.refused("^deadline: .*Slow.sleep", self.client.reply, running)
        self.refused("^deadline: .*Slow.quick", self.client.reply, queued)
        self.nothing_in_flight()
        self.assertLessEqual(self.client.call(self.slow, "quick"), 2)  # the queued one never ran

    @needs_the_host_itself("a worker's calls do not hold up its host's")
    def test_time_runs_from_arrival(self):
        _, first = self.client.frame("soho.call", self.slow, "spin", [40])
        msgid, second = self.client.frame("soho.call", self.mailbox, "put", [1], {"timeout_ms": 10})
        self.client.raw(first + second)
        self.refused("^deadline: the time of Mailbox.put.* was over before it could start", self.client.reply, msgid)
        self.assertEqual(self.call("size"), 0)

    def test_one_that_is_kept_changes_nothing(self):
        self.assertEqual(self.call("later", 7, 5, timeout_ms=100_000), 7)

    def test_a_late_create_fails_and_leaves_no_object(self):
        before = self.host.stats("objects")
        self.refused("^deadline: .*LateMailbox", self.client.create, "LateMailbox", 300, timeout_ms=10)
        self.refused("^deadline: .*SlowCreate", self.client.create, "SlowCreate", 300, timeout_ms=10)
        self.nothing_in_flight()
        eventually(lambda: self.host.stats("objects") == before, "no object left")
        self.counted(constructed=2, destroyed=1)


class Discarded(Replies):
    def test_an_item_for_a_client_that_has_gone_returns_to_the_queue(self):
        gone = self.host.client()
        gone.start(self.mailbox["$soho"], "get")
        self.waiting(1)
        gone.close()
        self.waiting(0)
        self.call("put", "item")
        self.assertEqual(self.call("get"), "item")

    @needs_the_host_itself("what is on its way from a worker comes back later than the rest")
    def test_an_item_whose_reply_the_kernel_never_took_returns_to_the_queue(self):
        gone = self.host.client()
        handle = gone.do("soho.retain", self.mailbox["$soho"])
        large = "x" * 1_000_000
        for _ in range(6):
            self.call("put", large)
        self.call("put", "last")
        for _ in range(7):
            gone.start(handle, "get")  # more than a socket takes, and nobody reads
        eventually(lambda: self.host.admin.call(self.mailbox["$soho"], "size") == 0, "all items on their way")
        gone.close()
        # The replies that the kernel took whole are lost with their reader; all others come back, in their order.
        eventually(lambda: self.host.admin.call(self.mailbox["$soho"], "size") > 0, "items to come back")
        returned = self.counts()["discarded"]
        self.assertGreaterEqual(returned, 4)
        items = [self.call("get") for _ in range(self.call("size"))]
        self.assertEqual(items[-1], "last")
        self.assertEqual(len(items), self.counts()["discarded"])

    def test_a_result_on_its_way_is_told_of_its_loss_too(self):
        gone = self.host.client()
        handle = gone.do("soho.retain", self.mailbox["$soho"])
        for _ in range(8):
            gone.start(handle, "precious", "x" * 1_000_000)
        eventually(lambda: self.host.stats("bytes_in")["bytes_in"] > 8_000_000, "all requests read")
        gone.close()
        eventually(lambda: self.counts()["discarded"] > 0, "discarded")

    def test_a_session_that_ends_is_heard_of_in_turn(self):
        gone = self.host.client()
        gone.call(self.mailbox["$soho"], "watch_session")
        self.call("watch_session")
        gone.close()
        self.counted(sessions_ended=1)

    def test_a_method_sees_that_its_caller_has_gone(self):
        gone = self.host.client()
        gone.start(self.mailbox["$soho"], "wait_until_gone", 100_000, timeout_ms=50)
        self.assertIs(self.host.client().call(self.slow["$soho"], "quick") > 0, True)
        self.nothing_in_flight()


class Order(Replies):
    def test_calls_of_a_session_on_an_object_run_in_their_order(self):
        account = self.client.create("Account")
        msgids, expected = [], 0
        for number in range(2000):
            msgids.append(self.client.start(account, "deposit", number))
        for number, msgid in enumerate(msgids):
            expected += number
            self.assertEqual(self.client.reply(msgid), expected)

    def test_also_behind_one_that_takes_its_time(self):
        first = self.client.start(self.slow, "sleep", 200)
        msgids = [self.client.start(self.slow, method, *args)
                  for _ in range(20) for method, args in (("quick", []), ("sleep", [1]), ("quick", []))]
        self.assertEqual(self.client.reply(first), 1)
        self.assertEqual([self.client.reply(msgid) for msgid in msgids], list(range(2, 62)))

    def test_release_takes_effect_after_earlier_calls(self):
        slow = self.client.create("Slow")
        msgid = self.client.start(slow, "sleep", 100)
        after = self.client.start(slow, "quick")
        released = self.client.request("soho.release", [slow["$soho"], 1])
        self.assertEqual([self.client.reply(msgid), self.client.reply(after)], [1, 2])
        self.client.reply(released)
        self.refused("^no_object", self.client.call, slow, "quick")

    def test_one_object_never_runs_two_calls_at_a_time(self):
        clients = [self.host.client() for _ in range(8)]
        account, other = self.client.create("Account", 10**9), self.client.create("Account", 10**9)
        census = self.client.create("Census")
        msgids = []
        for round_ in range(200):
            for client in clients:
                a, b = (account, other) if round_ % 2 else (other, account)
                msgids.append((client, client.start(a["$soho"], "transfer", b, 1)))
                msgids.append((client, client.start(a["$soho"], "deposit", 1)))
        for client, msgid in msgids:
            client.reply(msgid)
        self.assertEqual(self.client.call(census, "get")["beside"], 0)
        self.assertEqual(self.client.call(account, "get") + self.client.call(other, "get"), 2 * 10**9 + 1600)

    def test_an_object_passed_to_itself_is_no_deadlock(self):
        account = self.client.create("Account", 10)
        self.client.outcome(self.client.start(account, "transfer", account, 1))
        self.assertEqual(self.client.call(account, "get"), 10)


class Blocking(Replies):
    def test_a_declared_one_runs_on_the_pool_while_the_connection_goes_on(self):
        slow, *others = self.together(("soho.call", self.slow, "sleep", [1000]), *[("pair.get_x",)] * 10)
        for msgid in others:
            self.assertEqual(self.client.reply(msgid), 5)
        self.assertNotIn(slow, self.client.replies)
        self.assertEqual(self.client.reply(slow), 1)

    @needs_the_host_itself("the threads are a worker's")
    def test_several_objects_block_beside_each_other(self):
        slows = [self.client.create("Slow") for _ in range(20)]
        msgids = [self.client.start(slow, "sleep", 2000) for slow in slows]
        eventually(lambda: self.host.stats("pool_threads")["pool_threads"] >= 20, "20 threads at once")
        self.assertEqual([self.client.reply(msgid) for msgid in msgids], [1] * 20)

    def test_an_undeclared_one_is_logged_by_name_and_moved_to_the_pool(self):
        calls = 0
        while "Slow.sleep_undeclared" not in self.host.log():  # the watchdog may not have been there, and a line may come later
            calls = self.client.call(self.slow, "sleep_undeclared", 400)
            self.assertLess(calls, 50, "the log to name it")
        # From then on the connection goes on beside it.
        slow, other = self.together(("soho.call", self.slow, "sleep_undeclared", [1000]), ("pair.get_x",))
        self.assertEqual(self.client.reply(other), 5)
        self.assertNotIn(slow, self.client.replies)
        self.assertEqual(self.client.reply(slow), calls + 1)

    def test_a_destructor_that_blocks_is_logged_by_its_type(self):
        handle = self.client.create("SlowEnd")
        self.client.release(handle)
        eventually(lambda: "the destructor of type SlowEnd has kept a reactor" in self.host.log(), "the watchdog's word")

    def test_one_beyond_its_deadline_shows_as_stuck_until_it_returns(self):
        slow = self.client.start(self.slow, "sleep", 3000, timeout_ms=1000)
        self.sleeping(1)
        self.refused("^deadline", self.client.reply, slow)
        self.assertEqual(self.host.stats()["stuck_calls"], {"Slow.sleep": 1})
        eventually(lambda: self.host.stats()["stuck_calls"] == {}, "nothing stuck")


class Caps(Replies):
    options = {"args": ["--strict"], "config": "[limits]\ncalls_running = 4\ncalls_waiting = 50\n"}

    def test_blocking_calls_beyond_the_cap_are_overloaded_and_never_start(self):
        slows = [self.client.create("Slow") for _ in range(6)]
        msgids = self.together(*(("soho.call", slow, "sleep", [1000]) for slow in slows))
        for msgid in msgids[4:]:
            self.refused("^overloaded: .*calls_running", self.client.reply, msgid)
        self.client.do("soho.ping")
        self.assertEqual(self.client.do("pair.get_x"), 5)
        self.assertEqual([self.client.reply(msgid) for msgid in msgids[:4]], [1] * 4)
        self.nothing_in_flight()
        self.assertEqual([self.client.call(slow, "sleep", 1) for slow in slows], [2] * 4 + [1] * 2)

    def test_waiting_calls_beyond_the_cap_are_overloaded_and_the_one_that_frees_them_is_served(self):
        msgids = [self.start("get") for _ in range(52)]
        for msgid in msgids[50:]:
            self.refused("^overloaded: .*calls_waiting", self.client.reply, msgid)
        self.client.do("soho.ping")
        self.assertEqual(self.call("waiting"), 50)
        for number in range(50):
            self.call("put", number)
        self.assertEqual([self.client.reply(msgid) for msgid in msgids[:50]], list(range(50)))
        self.nothing_in_flight()

    def test_at_the_cap_a_call_can_be_cancelled(self):
        msgids = [self.start("get") for _ in range(50)]
        for msgid in msgids:
            self.client.do("soho.cancel", msgid)
        for msgid in msgids:
            self.refused("^cancelled", self.client.reply, msgid)
        self.nothing_in_flight()
        late = self.start("get")
        self.call("put", 1)
        self.assertEqual(self.client.reply(late), 1)

    def test_the_caps_are_each_connections_own(self):
        for _ in range(50):
            self.start("get")
        other = self.host.client()
        msgid = other.start(self.mailbox["$soho"], "get")
        self.waiting(51)
        for number in range(51):
            other.call(self.mailbox["$soho"], "put", number)
        self.assertEqual(other.reply(msgid), 50)

    def test_notifications_count_toward_them(self):
        for _ in range(60):
            self.client.notify("soho.call", self.mailbox, "get")
        self.client.do("soho.ping")
        self.assertEqual(self.call("waiting"), 50)
        self.assertGreaterEqual(self.host.stats("oneway_failures")["oneway_failures"], 10)


class DefaultCaps(Replies):
    def test_128_blocking_calls_run_and_10000_wait(self):
        limits = self.host.client(client="caps").greeting["limits"]
        self.assertEqual((limits["calls"], limits["waiting"]), (128, 10_000))
        frames = [self.client.frame("soho.call", self.mailbox, "get", []) for _ in range(10_001)]
        self.client.raw(b"".join(frame for _, frame in frames))
        self.refused("^overloaded: .*calls_waiting", self.client.reply, frames[-1][0])
        self.assertEqual(self.call("waiting"), 10_000)
        self.call("put", "one")  # is still served
        self.assertEqual(self.client.reply(frames[0][0]), "one")


class Calls(Replies):
    """Objects that call objects."""

    def setUp(self):
        super().setUp()
        self.nodes = [self.client.create("Node", name) for name in ("a", "b", "c")]

    def link(self, *pairs):
        for source, target in pairs:
            self.client.call(self.nodes[source], "link", "next", self.nodes[target])

    def test_a_method_calls_another_object_and_replies_when_that_has(self):
        self.link((0, 1))
        self.assertEqual(self.client.call(self.nodes[0], "ask", "next", "name"), "b")
        self.assertEqual(self.client.call(self.nodes[0], "ask_and_wait", "next", "name"), "b")
        self.refused("^(failed|no_method): ", self.client.call, self.nodes[0], "ask", "next", "no_such_method")

    @needs_the_host_itself("a worker's objects have ids of their own")
    def test_a_circle_that_would_wait_for_itself_is_refused_at_once(self):
        self.link((0, 1), (1, 0))
        self.assertEqual(self.client.call(self.nodes[0], "ask_in_a_circle", 0), 0)
        self.assertEqual(self.client.call(self.nodes[0], "ask_in_a_circle", 1), 1)
        refused = self.refused("", self.client.call, self.nodes[0], "ask_in_a_circle", 2)
        self.assertIn(str(self.nodes[0]["$soho"]), str(refused))
        self.nothing_in_flight()

    def test_a_call_on_the_object_itself_that_waits_is_refused(self):
        self.link((0, 0))
        self.refused("", self.client.call, self.nodes[0], "ask_and_wait", "next", "name")
        self.assertEqual(self.client.call(self.nodes[0], "ask", "next", "name"), "a")  # this one does not wait

    def test_a_childs_deadline_is_its_parents(self):
        self.client.call(self.nodes[0], "link", "next", self.mailbox)
        self.refused("^deadline", self.client.call, self.nodes[0], "ask", "next", "get", timeout_ms=50)
        self.waiting(0)
        self.nothing_in_flight()

    def test_cancelling_the_parent_lets_the_child_go(self):
        self.client.call(self.nodes[0], "link", "next", self.mailbox)
        msgid = self.client.start(self.nodes[0], "ask", "next", "get")
        self.waiting(1)
        self.client.do("soho.cancel", msgid)
        self.refused("^cancelled", self.client.reply, msgid)
        self.call("put", "item")
        self.nothing_in_flight()

    def test_chains_end_at_32(self):
        nodes = [self.client.create("Node", str(number)) for number in range(40)]
        for source, target in zip(nodes, nodes[1:]):
            self.client.call(source, "link", "next", target)
        self.assertEqual(self.client.call(nodes[0], "ask_in_a_circle", 30), 30)
        self.refused("", self.client.call, nodes[0], "ask_in_a_circle", 39)
        self.nothing_in_flight()


class Timers(Replies):
    def test_a_timer_ticks_in_the_turn_of_its_object_until_it_is_stopped_or_the_object_goes(self):
        clock = self.client.create("Clock")
        self.client.call(clock, "start", 1)
        eventually(lambda: self.client.call(clock, "ticks") >= 5, "five ticks")
        self.client.call(clock, "stop")
        ticks = self.client.call(clock, "ticks")
        self.assertEqual(self.client.call(clock, "ticks"), ticks)
        self.client.call(clock, "start", 1)
        before = self.host.gauges()
        self.client.release(clock)
        self.host.back_at({**before, "objects": before["objects"] - 1, "references": before["references"] - 1,
                           "living": before["living"] - 1})


if __name__ == "__main__":
    unittest.main(verbosity=2)
