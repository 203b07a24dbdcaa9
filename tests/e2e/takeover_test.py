"""A reactor whose thread is stuck in a plugin gets another thread (RULES 9). These hosts have one reactor only: whatever is served
while a method stands at the door (tests/plugins/stall.cpp) is served by a thread that took over."""
import random
import signal
import sys
import unittest

sys.path.insert(0, __file__.rpartition("/tests/")[0] + "/tests/support")
from soho_e2e import PAIR, Refused, eventually, ext_handle, hosted, id_of, plugin  # noqa: E402


def as_ext(handle):
    return ext_handle(id_of(handle), "Stall")


class Stuck(unittest.TestCase):
    def setUp(self):
        self.host = hosted(self, plugin("stall"), PAIR,
                           config="[host]\nreactors = 1\ndrain_ms = 50\n[limits]\nstuck_ms = 10\n")
        self.watcher = self.host.client()
        self.door = self.watcher.create("Door")
        self.client = self.host.client()

    def at_the_door(self, count=1):
        eventually(lambda: self.watcher.call(self.door, "waiting") == count, f"{count} at the door")

    def open(self):
        self.watcher.call(self.door, "open")

    def close(self):
        self.watcher.call(self.door, "close")

    def test_others_are_served_and_the_result_comes(self):
        stall = self.client.create("Stall")
        held = self.client.start(stall, "hold0", "x")
        self.at_the_door()
        with_others = self.host.client()
        self.assertEqual(with_others.do("pair.get_y"), 6)
        self.assertEqual(self.client.do("pair.get_x"), 5)  # on the connection that is stuck, too
        self.assertNotIn(held, self.client.replies)
        self.open()
        self.assertEqual(self.client.reply(held), "x")
        self.host.logs("method Stall.hold0 has kept a reactor for 10 ms")
        self.assertEqual(self.host.stats("reactor_stalls"), {"reactor_stalls": 1})

    def test_in_a_batch_what_is_in_front_and_behind_is_answered(self):
        for at, (before, behind) in enumerate(((0, 5), (5, 0), (5, 5), (200, 200))):
            with self.subTest(before=before, behind=behind):
                self.close()
                stall, echo = self.client.create("Stall"), self.client.create("Stall")
                frames, fronts, behinds = [], [], []
                for i in range(before):
                    msgid, frame = self.client.frame("soho.call", echo, "echo", [["front", i, "." * i]])
                    fronts.append(msgid), frames.append(frame)
                held, frame = self.client.frame("soho.call", stall, f"hold{at + 10}", ["held", 3])
                frames.append(frame)
                for i in range(behind):
                    msgid, frame = self.client.frame("soho.call", echo, "echo", [["behind", i, "." * i]])
                    behinds.append(msgid), frames.append(frame)
                waits, frame = self.client.frame("soho.call", stall, "echo", ["for its turn"])
                frames.append(frame)
                self.client.raw(b"".join(frames))
                self.at_the_door()
                for i, msgid in enumerate(fronts):
                    self.assertEqual(self.client.reply(msgid), ["front", i, "." * i])
                for i, msgid in enumerate(behinds):
                    self.assertEqual(self.client.reply(msgid), ["behind", i, "." * i])
                self.assertEqual(self.client.do("pair.get_x"), 5)
                self.assertFalse({held, waits} & self.client.replies.keys())
                self.open()
                self.assertEqual(self.client.reply(held), "heldheldheld")
                self.assertEqual(self.client.reply(waits), "for its turn")

    def test_a_frame_behind_it_may_still_be_torn(self):
        stall = self.client.create("Stall")
        held, first = self.client.frame("soho.call", stall, "hold0", ["x"])
        torn, second = self.client.frame("soho.call", self.client.create("Stall"), "echo", ["y" * 100_000])
        self.client.raw(first + second[:50_000])
        self.at_the_door()
        self.client.raw(second[50_000:])
        self.assertEqual(self.client.reply(torn), "y" * 100_000)
        self.open()
        self.assertEqual(self.client.reply(held), "x")

    def test_large_results_failures_and_late_replies_come_whole(self):
        stalls = [self.client.create("Stall") for _ in range(3)]
        echo = self.client.create("Stall")
        front, frame = self.client.frame("soho.call", echo, "echo", ["front" * 20_000])
        large, more = self.client.frame("soho.call", stalls[0], "hold0", ["0123456789", 100_000])
        self.client.raw(frame + more)  # the reply in front is in the buffer that this result has grown
        failed = self.client.start(stalls[1], "fail0", "so it is")
        late = self.client.start(stalls[2], "later0", "later")
        self.at_the_door(3)
        self.assertEqual(self.client.reply(front), "front" * 20_000)
        self.open()
        self.assertEqual(self.client.reply(large), "0123456789" * 100_000)
        self.assertEqual(str(self.client.outcome(failed)), "failed: Stalled: so it is")
        self.assertEqual(self.client.reply(late), "later")

    def test_cancel_and_deadline_answer_at_once_and_the_slot_stays(self):
        stall, other = self.client.create("Stall"), self.client.create("Stall")
        cancelled = self.client.start(stall, "precious0", 1)
        late = self.client.start(other, "hold0", "x", timeout_ms=2000)
        self.at_the_door(2)
        self.client.notify("soho.cancel", cancelled)
        self.assertEqual(self.client.outcome(cancelled).kind, "cancelled")
        self.assertEqual(self.client.outcome(late).kind, "deadline")
        self.assertEqual(self.host.stats("calls_in_flight"), {"calls_in_flight": 2})
        self.assertEqual(self.host.stats()["stuck_calls"], {"Stall.precious0": 1, "Stall.hold0": 1})
        self.open()
        eventually(lambda: self.host.stats("calls_in_flight") == {"calls_in_flight": 0}, "the slots")
        eventually(lambda: self.watcher.call(self.door, "discarded") == 1, "the result to go back")
        self.assertEqual(self.client.call(other, "calls"), 1)

    def test_a_client_that_goes_meanwhile_leaves_nothing(self):
        gauges = self.host.at_rest(2)
        gone = self.host.client()
        gone.start(gone.create("Stall"), "precious1", "mine")
        self.at_the_door()
        gone.close()
        eventually(lambda: self.host.stats("connections") == {"connections": 3}, "the connection's end")
        self.open()
        self.host.back_at(gauges)
        self.assertEqual(self.watcher.call(self.door, "discarded"), 1)

    def test_the_msgid_is_taken_until_the_reply(self):
        stall = self.client.create("Stall")
        held = self.client.start(stall, "hold0", "x")
        self.at_the_door()
        self.client.last_msgid = held - 1
        self.client.request("soho.ping")
        self.assertEqual(self.client.closed(), [])
        self.open()

    def test_notifications_creates_destructors_and_cancellations_get_stuck_as_well(self):
        gauges = self.host.at_rest(2)
        client = self.host.client()
        stall = client.create("Stall")
        self.client.do("soho.ping")
        client.notify("soho.call", stall, "hold0", ["x"])
        self.at_the_door(1)
        created = client.request("soho.create", "StallCreate0", [])
        self.at_the_door(2)
        other = client.create("Stall")
        waits = client.start(other, "cancel_stalls")
        client.notify("soho.cancel", waits)
        self.assertEqual(client.outcome(waits).kind, "cancelled")
        self.at_the_door(3)
        client.release(client.create("StallEnd"))
        self.at_the_door(4)
        named = client.request("soho.create", "StallCreate1", [], {"name": "late"})
        self.at_the_door(5)
        self.open()
        self.assertEqual(client.call(client.reply(created), "calls"), 0)
        self.assertEqual(client.call(client.reply(named), "calls"), 0)
        self.assertEqual(client.do("late.calls"), 0)
        eventually(lambda: client.call(stall, "calls") == 1, "the notification")
        client.do("soho.unpublish", "late")
        client.close()
        self.host.back_at(gauges)

    def test_code_that_belongs_to_no_object_gets_stuck_as_well(self):
        for count, (method, args) in enumerate((("timer", ()), ("task", ()), ("reply_of", (self.client.create("Stall"),)),
                                                ("session_end", ())), 1):
            client = self.host.client(ext=True)
            client.call(client.create("Stall"), method, *map(as_ext, args))
            if method == "session_end":
                client.close()
            self.at_the_door(count)
            self.assertEqual(self.client.do("pair.get_x"), 5)
        self.open()
        self.at_the_door(0)
        log = self.host.log()
        for part in ("a timer", "a task", "a continuation", "what a session's end does"):
            self.assertIn(f"{part} of plugin stall has kept a reactor for 10 ms", log)

    def test_one_inside_another_does_not_hide_it(self):
        held = self.client.start(self.client.create("Stall"), "make_twice")
        self.at_the_door()
        self.assertEqual(self.client.do("pair.get_x"), 5)
        self.open()
        self.assertEqual(self.client.reply(held), "made")
        self.host.logs("method Stall.make_twice has kept a reactor for 10 ms")

    def test_one_that_waited_for_its_turn_gets_stuck_on_the_thread_that_left_it(self):
        stall = self.client.create("Stall")
        first = self.client.start(stall, "hold0", "first")
        self.at_the_door()
        rest = [self.client.start(stall, f"hold{i}", str(i)) for i in range(1, 6)]
        last = self.client.start(stall, "calls")
        self.open()
        self.assertEqual(self.client.reply(first), "first")
        self.assertEqual([self.client.reply(msgid) for msgid in rest], list("12345"))
        self.assertEqual(self.client.reply(last), 6)

    def test_many_in_a_row_and_their_threads_are_used_again(self):
        rounds, width = 4, 20
        for turn in range(rounds):
            self.close()
            stalls = [self.client.create("Stall") for _ in range(width)]
            held = [self.client.start(stall, f"hold{turn * width + i}", str(i)) for i, stall in enumerate(stalls)]
            self.at_the_door(width)
            self.assertEqual(self.client.do("pair.get_x"), 5)
            self.open()
            self.assertEqual([self.client.reply(msgid) for msgid in held], [str(i) for i in range(width)])
        self.assertEqual(self.host.stats("reactor_stalls"), {"reactor_stalls": rounds * width})

    def test_more_than_may_be_stuck_wait(self):
        stalls = [self.client.create("Stall") for _ in range(64)]
        held = [self.client.start(stall, f"hold{i}", str(i)) for i, stall in enumerate(stalls[:63])]
        self.at_the_door(63)
        held.append(self.client.start(stalls[63], "hold63", "63"))
        eventually(lambda: "no thread can take the place of the one that is stuck in method Stall" in self.host.log(), "the word")
        self.host.process.send_signal(signal.SIGTERM)  # nobody is there to open the door
        self.assertEqual(self.host.ended(), 0)

    def test_a_host_ends_around_threads_that_stay(self):
        for i in range(3):
            self.client.start(self.client.create("Stall"), f"hold{i}", "x")
        self.at_the_door(3)
        self.host.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.host.ended(), 0)


class AtTheEdge(unittest.TestCase):
    def test_methods_that_return_just_then_are_answered_once(self):
        """The watch decides after 2 to 3 ms; these take about that long."""
        host = hosted(self, plugin("stall"), config="[host]\nreactors = 1\n[limits]\nstuck_ms = 2\n")
        rng = random.Random(7)
        clients = [host.client() for _ in range(4)]
        stalls = [[client.create("Stall") for _ in range(3)] for client in clients]
        briefs = iter(range(1000))
        for _ in range(50):
            asked = []
            for client, mine in zip(clients, stalls):
                frames = []
                for _ in range(5):
                    msgid, frame = client.frame("soho.call", rng.choice(mine), f"brief{next(briefs)}", [rng.randrange(1500, 4500)])
                    frames.append(frame), asked.append((client, msgid))
                    msgid, frame = client.frame("soho.call", mine[0], "echo", [msgid])
                    frames.append(frame), asked.append((client, msgid))
                client.raw(b"".join(frames))
            for client, msgid in asked:  # reply() refuses a second one
                self.assertNotIsInstance(client.outcome(msgid), Refused)
        total = sum(client.call(stall, "calls") for client, mine in zip(clients, stalls) for stall in mine)
        self.assertEqual(total, 1000)
        self.assertTrue(all(client.replies == {} for client in clients))


if __name__ == "__main__":
    unittest.main()
