"""The sync plugin's locks, conditions, semaphores, events and barriers."""
import pathlib
import random
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import Refused, eventually, needs_the_host_itself  # noqa: E402
from sync_waiting import Waiting

METHODS = {
    "Lock": ("AcquirerProxy", "acquire release locked recovered __enter__ __exit__ __repr__ __str__"),
    "RLock": ("AcquirerProxy", "acquire release locked recovered __enter__ __exit__ __repr__ __str__"),
    "Semaphore": ("AcquirerProxy", "acquire release __enter__ __exit__ __repr__ __str__"),
    "BoundedSemaphore": ("AcquirerProxy", "acquire release __enter__ __exit__ __repr__ __str__"),
    "Condition": ("ConditionProxy",
                  "acquire release wait notify notify_all locked recovered __enter__ __exit__ __repr__ __str__"),
    "Event": ("EventProxy", "is_set set clear wait __repr__ __str__"),
    "Barrier": ("BarrierProxy", "wait abort reset parties n_waiting broken __repr__ __str__"),
    "Queue": ("AutoProxy", "put get put_nowait get_nowait qsize empty full task_done join __repr__ __str__"),
    "JoinableQueue": ("AutoProxy", "put get put_nowait get_nowait qsize empty full task_done join __repr__ __str__"),
    "LifoQueue": ("AutoProxy", "put get put_nowait get_nowait qsize empty full task_done join __repr__ __str__"),
    "PriorityQueue": ("AutoProxy", "put get put_nowait get_nowait qsize empty full task_done join __repr__ __str__"),
}


class Registered(Waiting):
    def test_each_type_has_its_methods_and_their_words(self):
        for type_id, (proxytype, methods) in METHODS.items():
            with self.subTest(type_id):
                described = self.one.do("soho.types", type_id)
                self.assertEqual(described["proxytype"], proxytype)
                self.assertEqual(set(described["methods"]), set(methods.split()))
                self.assertTrue(described["doc"])
                for name, method in described["methods"].items():
                    self.assertTrue(method["doc"], name)


class Locks(Waiting):
    def test_acquire_and_release(self):
        lock = self.create("Lock")
        self.assertIs(self.one.call(lock, "acquire"), True)
        self.assertIs(self.one.call(lock, "acquire", False), False)
        self.assertIs(self.two.call(lock, "acquire", True, 0.01), False)
        self.assertIs(self.one.call(lock, "locked"), True)
        self.assertIsNone(self.two.call(lock, "release"))  # anybody may
        self.assertIs(self.one.call(lock, "locked"), False)
        self.raises("RuntimeError", "release unlocked lock", self.one.call, lock, "release")
        self.assertIs(self.one.call(lock, "__enter__"), True)
        self.assertIsNone(self.one.call(lock, "__exit__", None, None, None))

    def test_timeouts_are_pythons(self):
        for type_id in ("Lock", "RLock"):
            lock = self.create(type_id)
            self.raises("ValueError", "can't specify a timeout for a non-blocking call",
                        self.one.call, lock, "acquire", False, 1)
            self.raises("ValueError", "timeout value must be positive",
                        self.one.call, lock, "acquire", True, -2)
            self.raises("OverflowError", "timeout value is too large", self.one.call, lock, "acquire", True, 1e12)
            self.assertIs(self.one.call(lock, "acquire", True, -1), True)
            self.assertIs(self.two.call(lock, "acquire", timeout_ms=5000, kw={"timeout": 0}), False)

    def test_who_asked_first_has_it_first(self):
        lock = self.create("Lock")
        self.one.call(lock, "acquire")
        clients = [self.client() for _ in range(5)]
        calls = []
        for number, client in enumerate(clients):
            calls.append(client.start(lock, "acquire"))
            self.waiting(number + 1)
        given_up = clients[1]
        given_up.do("soho.cancel", calls[1])
        self.assertRegex(str(given_up.outcome(calls[1])), "^cancelled")
        for number in (0, 2, 3, 4):
            self.one.call(lock, "release")
            self.assertIs(clients[number].reply(calls[number]), True)
        self.waiting(0)

    def test_an_rlock_belongs_to_an_owner_within_a_session(self):
        lock = self.create("RLock")
        for _ in range(3):
            self.assertIs(self.one.call(lock, "acquire", owner="thread 1"), True)
        self.assertIs(self.one.call(lock, "acquire", False, owner="thread 2"), False)
        self.assertIs(self.two.call(lock, "acquire", False, owner="thread 1"), False)
        self.raises("RuntimeError", "cannot release un-acquired lock", self.one.call, lock, "release", owner="thread 2")
        waits = self.one.start(lock, "acquire", owner="thread 2")
        for left in (2, 1, 0):
            self.assertIs(self.two.call(lock, "locked"), True)
            self.one.call(lock, "release", owner="thread 1")
        self.assertIs(self.one.reply(waits), True)
        self.raises("RuntimeError", "cannot release un-acquired lock", self.one.call, lock, "release", owner="thread 1")

    def test_the_lock_of_a_session_that_ended_is_recovered(self):
        for type_id in ("Lock", "RLock", "Condition"):
            with self.subTest(type_id):
                lock = self.create(type_id)
                owner = self.client()
                for _ in range(1 if type_id == "Lock" else 2):
                    owner.call(lock, "acquire")
                self.assertIs(owner.call(lock, "recovered"), False)
                waits = self.two.start(lock, "acquire")
                self.waiting(1)
                owner.close()
                self.assertIs(self.two.reply(waits), True)
                self.assertIs(self.two.call(lock, "recovered"), True)
                self.two.call(lock, "release")
                self.assertIs(self.one.call(lock, "acquire"), True)
                self.assertIs(self.one.call(lock, "recovered"), False)
        self.host.logs_like(r"session \d+ ended while it held lock #\d+")

    def test_it_is_recovered_also_when_nobody_waits(self):
        lock = self.create("Lock")
        owner = self.client()
        owner.call(lock, "acquire")
        owner.close()
        eventually(lambda: not self.one.call(lock, "locked"), "the lock to be free")
        self.assertIs(self.one.call(lock, "acquire"), True)
        self.assertIs(self.one.call(lock, "recovered"), True)

    def test_one_that_was_passed_on_is_not_recovered_from_its_first_owner(self):
        lock = self.create("Lock")
        owner = self.client()
        owner.call(lock, "acquire")
        self.two.call(lock, "release")
        self.two.call(lock, "acquire")
        before = self.host.at_rest(3)
        owner.close()
        self.host.back_at({**before, "connections": before["connections"] - 1, "sessions": before["sessions"] - 1})
        self.assertIs(self.one.call(lock, "locked"), True)

    def test_a_lock_for_a_caller_that_goes_is_for_the_next(self):
        lock = self.create("Lock")
        for _ in range(50):
            self.one.call(lock, "acquire")
            gone = self.client()
            gone.start(lock, "acquire")
            waits = self.two.start(lock, "acquire")
            self.waiting(2)
            self.one.start(lock, "release")  # at the same time
            gone.close()
            self.assertIs(self.two.reply(waits), True)
            self.two.call(lock, "release")

    @needs_the_host_itself("a worker's objects have ids of their own")
    def test_text(self):
        lock, rlock = self.create("Lock"), self.create("RLock")
        self.assertEqual(self.one.call(lock, "__str__"), f"<unlocked _thread.lock object at {lock:#x}>")
        self.one.call(rlock, "acquire")
        self.assertRegex(self.one.call(rlock, "__repr__"),
                         rf"^<locked _thread.RLock object owner=\d+ count=1 at {rlock:#x}>$")

    def test_counting_under_a_lock_from_many_threads(self):
        lock, counter = self.create("RLock"), self.create("list", [0])
        clients = [self.client() for _ in range(4)]

        def work(client):
            for _ in range(50):
                client.call(lock, "acquire")
                client.call(counter, "__setitem__", 0, client.call(counter, "__getitem__", 0) + 1)
                client.call(lock, "release")

        threads = [threading.Thread(target=work, args=[client]) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.one.call(counter, "__getitem__", 0), 200)


class Conditions(Waiting):
    def test_wait_and_notify_take_the_lock(self):
        condition = self.create("Condition")
        self.raises("RuntimeError", "cannot wait on un-acquired lock", self.one.call, condition, "wait")
        self.raises("RuntimeError", "cannot notify on un-acquired lock", self.one.call, condition, "notify")
        self.one.call(condition, "acquire")
        self.raises("RuntimeError", "cannot notify on un-acquired lock", self.two.call, condition, "notify_all")
        self.assertIs(self.one.call(condition, "wait", 0.01), False)
        self.assertIs(self.one.call(condition, "locked"), True)  # it has the lock again

    def test_those_who_wait_longest_are_woken_first_and_have_the_lock_one_by_one(self):
        condition = self.create("Condition")
        clients = [self.client() for _ in range(4)]
        calls = []
        for number, client in enumerate(clients):
            client.call(condition, "acquire")
            calls.append(client.start(condition, "wait"))
            self.waiting(number + 1)
        self.one.call(condition, "acquire")
        self.one.call(condition, "notify", 3)
        self.waiting(4)  # notified, but the lock is taken
        self.one.call(condition, "release")
        for number in range(3):
            self.assertIs(clients[number].reply(calls[number]), True)
            self.assertIs(self.one.call(condition, "acquire", False), False)
            clients[number].call(condition, "release")
        self.waiting(1)
        self.one.call(condition, "acquire")
        self.one.call(condition, "notify_all")
        self.one.call(condition, "release")
        self.assertIs(clients[3].reply(calls[3]), True)

    def test_it_comes_back_as_deep_as_it_was(self):
        condition = self.create("Condition")
        for _ in range(3):
            self.one.call(condition, "acquire")
        waits = self.one.start(condition, "wait")
        self.assertIs(self.two.call(condition, "acquire"), True)
        self.two.call(condition, "notify")
        self.two.call(condition, "release")
        self.assertIs(self.one.reply(waits), True)
        for left in (2, 1, 0):
            self.assertIs(self.two.call(condition, "acquire", False), False)
            self.one.call(condition, "release")
        self.assertIs(self.two.call(condition, "acquire", False), True)

    def test_a_notification_for_a_caller_that_goes_is_for_the_next(self):
        condition = self.create("Condition")
        gone = self.client()
        gone.call(condition, "acquire")
        gone.start(condition, "wait")
        self.waiting(1)
        self.two.call(condition, "acquire")
        waits = self.two.start(condition, "wait")
        self.waiting(2)
        self.one.call(condition, "acquire")
        self.one.call(condition, "notify")
        gone.close()
        self.waiting(1)
        self.one.call(condition, "release")
        self.assertIs(self.two.reply(waits), True)

    def test_a_lock_that_is_given(self):
        for type_id in ("Lock", "RLock"):
            with self.subTest(type_id):
                lock = self.one.create(type_id)
                condition = self.create("Condition", lock)
                other = self.create("Condition", lock=lock)
                self.one.call(lock, "acquire")
                self.assertIs(self.two.call(condition, "acquire", False), False)
                waits = self.one.start(condition, "wait")
                self.waiting(1)
                self.assertIs(self.two.call(other, "acquire"), True)
                self.two.call(other, "notify")
                self.two.call(condition, "notify")
                self.waiting(1)
                self.two.call(lock, "release")
                self.assertIs(self.one.reply(waits), True)
                self.one.call(lock, "release")
                self.one.release(lock)  # the conditions keep it
                self.assertIs(self.one.call(condition, "acquire"), True)
        self.raises("TypeError", "lock must be a Lock or an RLock of this host, not int",
                    self.one.create, "Condition", 5)


class Semaphores(Waiting):
    @needs_the_host_itself("a worker's objects have ids of their own")
    def test_counting(self):
        semaphore = self.create("Semaphore", 2)
        self.assertEqual([self.one.call(semaphore, "acquire", False) for _ in range(3)], [True, True, False])
        self.raises("ValueError", "can't specify timeout for non-blocking acquire",
                    self.one.call, semaphore, "acquire", False, 1)
        self.assertIs(self.one.call(semaphore, "acquire", True, 0.01), False)
        calls = [self.two.start(semaphore, "acquire") for _ in range(3)]
        self.waiting(3)
        self.one.call(semaphore, "release", 2)
        self.assertEqual([self.two.reply(msgid) for msgid in calls[:2]], [True, True])
        self.one.call(semaphore, "release")
        self.assertIs(self.two.reply(calls[2]), True)
        self.raises("ValueError", "n must be one or more", self.one.call, semaphore, "release", 0)
        self.raises("ValueError", "semaphore initial value must be >= 0", self.one.create, "Semaphore", -1)
        self.assertEqual(self.one.call(semaphore, "__repr__"), f"<threading.Semaphore at {semaphore:#x}: value=0>")

    @needs_the_host_itself("a worker's objects have ids of their own")
    def test_a_bound(self):
        semaphore = self.create("BoundedSemaphore", 2)
        self.raises("ValueError", "Semaphore released too many times", self.one.call, semaphore, "release")
        self.one.call(semaphore, "acquire")
        self.raises("ValueError", "Semaphore released too many times", self.one.call, semaphore, "release", 2)
        self.one.call(semaphore, "release")
        self.assertEqual(self.one.call(semaphore, "__str__"), f"<threading.BoundedSemaphore at {semaphore:#x}: value=2/2>")


class Events(Waiting):
    @needs_the_host_itself("a worker's objects have ids of their own")
    def test_waiting(self):
        event = self.create("Event")
        self.assertIs(self.one.call(event, "wait", 0.01), False)
        self.assertIs(self.one.call(event, "wait", 0), False)
        calls = [(client, client.start(event, "wait")) for client in (self.one, self.two) for _ in range(10)]
        self.waiting(20)
        self.assertIsNone(self.client().call(event, "set"))
        self.assertEqual([client.reply(msgid) for client, msgid in calls], [True] * 20)
        self.assertIs(self.one.call(event, "is_set"), True)
        self.assertIs(self.one.call(event, "wait"), True)
        self.assertEqual(self.one.call(event, "__str__"), f"<threading.Event at {event:#x}: set>")
        self.one.call(event, "clear")
        self.assertIs(self.one.call(event, "is_set"), False)


class Barriers(Waiting):
    @needs_the_host_itself("a worker's objects have ids of their own")
    def test_all_go_together_and_again(self):
        barrier = self.create("Barrier", 3)
        for _ in range(3):
            calls = [self.one.start(barrier, "wait") for _ in range(2)]
            self.waiting(2)
            self.assertEqual(self.two.call(barrier, "n_waiting"), 2)
            self.assertEqual(self.two.call(barrier, "wait"), 2)
            self.assertEqual([self.one.reply(msgid) for msgid in calls], [0, 1])
        self.assertEqual(self.two.call(barrier, "parties"), 3)
        self.assertEqual(self.one.call(barrier, "__str__"), f"<threading.Barrier at {barrier:#x}: waiters=0/3>")

    def broken(self, client, msgid):
        outcome = client.outcome(msgid)
        self.assertIsInstance(outcome, Refused)
        self.assertEqual(outcome.type, "BrokenBarrierError")

    def test_whoever_gives_up_breaks_it_until_it_is_reset(self):
        def time_out(barrier):
            self.raises("BrokenBarrierError", "", self.two.call, barrier, "wait", 0.01)

        def not_wait(barrier):
            self.raises("BrokenBarrierError", "", self.two.call, barrier, "wait", 0)

        def cancel(barrier):
            msgid = self.two.start(barrier, "wait")
            self.waiting(2)
            self.two.do("soho.cancel", msgid)

        def die(barrier):
            gone = self.client()
            gone.start(barrier, "wait")
            self.waiting(2)
            gone.close()

        def abort(barrier):
            self.two.call(barrier, "abort")

        for give_up in (time_out, not_wait, cancel, die, abort):
            with self.subTest(give_up.__name__):
                barrier = self.create("Barrier", 3)
                waits = self.one.start(barrier, "wait")
                self.waiting(1)
                give_up(barrier)
                self.broken(self.one, waits)
                self.assertIs(self.two.call(barrier, "broken"), True)
                self.raises("BrokenBarrierError", "", self.one.call, barrier, "wait")
                self.two.call(barrier, "reset")
                waits = self.one.start(barrier, "wait")
                self.one.do("soho.ping")  # that is in flight now, whatever else still is
                self.waiting(1)
                self.two.call(barrier, "reset")
                self.broken(self.one, waits)
                self.assertIs(self.two.call(barrier, "broken"), False)

    def test_a_timeout_of_its_own(self):
        barrier = self.create("Barrier", 2, timeout=0.01)
        self.raises("BrokenBarrierError", "", self.one.call, barrier, "wait")
        self.raises("ValueError", "parties must be > 0", self.one.create, "Barrier", 0)
        self.assertIn("cannot travel", self.one.outcome(self.one.request("soho.create", "Barrier", [2, "f"])).text)


class Oracle(Waiting):
    """Whatever one thread does to Python's own, without waiting, has the same results here."""

    def same(self, ours, theirs, method, *args):
        try:
            expected = getattr(theirs, method)(*args)
        except Exception as error:
            self.raises(type(error).__name__, str(error), self.one.call, ours, method, *args)
        else:
            self.assertEqual(self.one.call(ours, method, *args), expected)

    def test_random_operations(self):
        for type_id, args, moves in (
                ("Lock", (), [("acquire", False), ("release",), ("acquire", False, 1), ("acquire", True, -3)]),
                ("RLock", (), [("acquire",), ("release",), ("acquire", False, 1)]),
                ("Semaphore", (1,), [("acquire", False), ("release",), ("release", 2), ("release", 0)]),
                ("BoundedSemaphore", (2,), [("acquire", False), ("release",), ("acquire", False, 2)]),
                ("Event", (), [("set",), ("clear",), ("is_set",), ("wait", 0)])):
            with self.subTest(type_id):
                ours, theirs = self.create(type_id, *args), getattr(threading, type_id)(*args)
                for _ in range(300):
                    self.same(ours, theirs, *random.choice(moves))


if __name__ == "__main__":
    unittest.main(verbosity=2)
