"""The sync plugin's queues."""
import pathlib
import queue
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import eventually, id_of, needs_the_host_itself  # noqa: E402
from sync_waiting import Waiting

TYPES = {"Queue": queue.Queue, "JoinableQueue": queue.Queue, "LifoQueue": queue.LifoQueue,
         "PriorityQueue": queue.PriorityQueue}


class Queues(Waiting):
    def test_items_come_in_their_order(self):
        for type_id, expected in (("Queue", [3, 1, 2]), ("JoinableQueue", [3, 1, 2]), ("LifoQueue", [2, 1, 3]),
                                  ("PriorityQueue", [1, 2, 3])):
            items = self.create(type_id)
            for item in (3, 1, 2):
                self.assertIsNone(self.one.call(items, "put", item))
            self.assertEqual([self.two.call(items, "get") for _ in range(3)], expected)

    def test_full_and_empty(self):
        for type_id in TYPES:
            items = self.create(type_id, maxsize=1)
            self.raises("Empty", "", self.one.call, items, "get_nowait")
            self.raises("Empty", "", self.one.call, items, "get", False)
            self.raises("Empty", "", self.one.call, items, "get", True, 0.01)
            self.raises("ValueError", "'timeout' must be a non-negative number", self.one.call, items, "get", True, -1)
            self.assertIs(self.one.call(items, "empty"), True)
            self.one.call(items, "put_nowait", 1)
            self.raises("Full", "", self.one.call, items, "put_nowait", 2)
            self.raises("Full", "", self.one.call, items, "put", 2, kw={"block": False})
            self.raises("Full", "", self.one.call, items, "put", 2, True, 0.01)
            self.raises("ValueError", "'timeout' must be a non-negative number",
                        self.one.call, items, "put", 2, True, -1)
            self.assertEqual((self.one.call(items, "full"), self.one.call(items, "qsize")), (True, 1))

    def test_a_timeout_counts_only_where_there_is_something_to_wait_for(self):
        items = self.create("Queue")
        self.assertIsNone(self.one.call(items, "put", 1, True, -1))
        self.assertIsNone(self.one.call(items, "put", 1, False, -1))

    def test_who_waits_for_an_item_is_served_in_turn(self):
        items = self.create("Queue")
        clients = [self.client() for _ in range(4)]
        calls = []
        for number, client in enumerate(clients):
            calls.append(client.start(items, "get"))
            self.waiting(number + 1)
        clients[1].do("soho.cancel", calls[1])
        for number in range(3):
            self.one.call(items, "put", number)
        self.assertEqual([clients[i].reply(calls[i]) for i in (0, 2, 3)], [0, 1, 2])

    def test_who_waits_for_room_is_served_in_turn(self):
        items = self.create("Queue", 1)
        self.one.call(items, "put", 0)
        calls = []
        for number in range(1, 5):
            calls.append(self.two.start(items, "put", number))
            self.waiting(number)
        self.two.do("soho.cancel", calls[1])
        self.waiting(3)
        self.assertEqual([self.one.call(items, "get") for _ in range(4)], [0, 1, 3, 4])
        for msgid in (calls[0], *calls[2:]):
            self.assertIsNone(self.two.reply(msgid))

    def test_an_item_of_a_putter_that_goes_is_not_put(self):
        items = self.create("Queue", 1)
        self.one.call(items, "put", 0)
        gone = self.client()
        gone.start(items, "put", 1)
        self.waiting(1)
        gone.close()
        self.waiting(0)
        self.assertEqual(self.one.call(items, "get"), 0)
        self.raises("Empty", "", self.one.call, items, "get_nowait")

    @needs_the_host_itself("what is on its way from a worker comes back later than the rest")
    def test_an_item_that_did_not_reach_who_took_it_is_at_the_front_again(self):
        for type_id in ("Queue", "PriorityQueue"):
            with self.subTest(type_id):
                items = self.create(type_id)
                gone = self.client()
                gone.call(items, "qsize")
                large = "x" * 1_000_000
                for number in range(8):
                    self.one.call(items, "put", [number, large])
                for _ in range(8):
                    gone.start(items, "get")  # more than a socket takes, and nobody reads
                eventually(lambda: self.one.call(items, "empty"), "all items on their way")
                self.one.call(items, "put", [8, ""] if type_id == "Queue" else "of another order")
                gone.close()
                sizes = []

                def all_are_back():
                    sizes.append(self.one.call(items, "qsize"))
                    return sizes[-1] > 1 and sizes[-5:] == sizes[-1:] * 5

                eventually(all_are_back, "items to come back")
                # The replies that the kernel took whole are lost with their reader.
                left = []
                while not self.one.call(items, "empty"):
                    left.append(self.one.call(items, "get")[0])
                if type_id == "PriorityQueue":
                    self.assertEqual(left.pop(), "o")
                    left.append(8)
                self.assertEqual(left, list(range(9 - len(left), 9)))

    def test_tasks(self):
        items = self.create("JoinableQueue")
        self.assertIsNone(self.one.call(items, "join"))
        for item in range(3):
            self.one.call(items, "put", item)
        joins = self.two.start(items, "join")
        self.waiting(1)
        for _ in range(3):
            self.waiting(1)
            self.one.call(items, "get")
            self.one.call(items, "task_done")
        self.assertIsNone(self.two.reply(joins))
        self.raises("ValueError", "task_done() called too many times", self.one.call, items, "task_done")

    def test_items_without_an_order_are_refused(self):
        items = self.create("PriorityQueue", 2)
        self.one.call(items, "put", 1)
        self.raises("TypeError", "'<' not supported between instances of 'str' and 'int'",
                    self.one.call, items, "put", "one")
        self.one.call(items, "put", 2)
        waits = self.two.start(items, "put", "three")
        self.waiting(1)
        self.assertEqual(self.one.call(items, "get"), 1)
        self.assertRegex(str(self.two.outcome(waits)), "TypeError: '<' not supported")
        self.assertEqual((self.one.call(items, "get"), self.one.call(items, "qsize")), (2, 0))

    @needs_the_host_itself("what its objects refer to, a worker alone knows")
    def test_objects_inside_live_as_long_as_they_are_inside(self):
        items = self.create("Queue")
        inner = self.one.create("list", [1])
        self.one.call(items, "put", {"inner": inner})
        self.one.release(inner)
        taken = self.two.call(items, "get")["inner"]
        self.assertEqual(id_of(taken), id_of(inner))
        self.two.call(taken, "append", 2)
        self.assertEqual(self.two.call(taken, "copy"), [1, 2])
        self.two.release(taken)
        self.assertRegex(str(self.two.outcome(self.two.start(inner, "copy"))), "^no_object")

    @needs_the_host_itself("a worker's objects have ids of their own")
    def test_text(self):
        items = self.create("LifoQueue")
        self.assertEqual(self.one.call(items, "__repr__"), f"<queue.LifoQueue object at {items:#x}>")

    def test_random_operations_as_in_python(self):
        for type_id, python in TYPES.items():
            with self.subTest(type_id):
                ours, theirs = self.create(type_id, 5), python(5)
                for step in range(600):
                    method, args = random.choice([
                        ("put", (random.randrange(1000), False)), ("put_nowait", (random.random(),)), ("get", (False,)),
                        ("get_nowait", ()), ("qsize", ()), ("empty", ()), ("full", ()), ("task_done", ())])
                    try:
                        expected = getattr(theirs, method)(*args)
                    except Exception as error:
                        self.raises(type(error).__name__, str(error), self.one.call, ours, method, *args)
                    else:
                        self.assertEqual(self.one.call(ours, method, *args), expected)


class Quota(Waiting):
    config = "[limits]\nobject_bytes = 100000\n"

    def test_bytes_are_counted_while_items_are_inside(self):
        items = self.create("Queue")
        for _ in range(9):
            self.one.call(items, "put", b"x" * 10_000)
        self.raises("MemoryError", "the host's quota for the bytes of one object is reached (object_bytes)",
                    self.one.call, items, "put", b"x" * 20_000)
        for _ in range(9):
            self.one.call(items, "get")
        for _ in range(100):
            self.one.call(items, "put", b"x" * 60_000)
            self.assertEqual(len(self.one.call(items, "get")), 60_000)


if __name__ == "__main__":
    unittest.main(verbosity=2)
