"""The sync plugin when clients are killed, and when very many wait."""
import os
import pathlib
import random
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import Client, eventually
from sync_waiting import Waiting

KILLS = int(os.environ.get("SOHO_TEST_KILLS", "560")) // 10  # client processes
MANY = 10_000


class Killed(Waiting):
    """Every item that was put is got once, or still there; but for what a killed client had taken and not passed on. No lock is
    held by the dead."""

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("SOHO_TEST_SEED", random.SystemRandom().randrange(2**32)))
        self.random = random.Random(self.seed)

    def victim(self, work):
        """A process that works until it is killed; it writes what it has done, a line for each."""
        read, write = os.pipe()
        seed = self.random.randrange(2**32)
        child = os.fork()
        if child == 0:
            try:
                os.close(read)
                work(Client(self.host.address), random.Random(seed), lambda line: os.write(write, f"{line}\n".encode()))
            finally:
                os._exit(1)
        os.close(write)
        return child, read

    def kill(self, child, read):
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        self.assertTrue(os.WIFSIGNALED(status), "the client ended by itself")
        with os.fdopen(read) as lines:
            return lines.read().splitlines()

    def test_items(self):
        items = self.create("Queue", 20)

        def work(client, chance, say):
            for number in range(1 << 30):
                if chance.random() < 0.5:
                    item = f"{os.getpid()}.{number}"
                    say(f"putting {item}")
                    client.call(items, "put", item)
                    say(f"put {item}")
                else:
                    say("getting")
                    say(f"got {client.call(items, 'get')}")

        lines = []
        for _ in range(max(1, KILLS // 8)):
            victims = [self.victim(work) for _ in range(4)]
            time.sleep(self.random.random() * 0.1)
            for child, read in victims:
                lines.append(self.kill(child, read))
        self.waiting(0)
        self.host.at_rest(2)
        left = []
        while not self.one.call(items, "empty"):
            left.append(self.one.call(items, "get"))
        got = [line[4:] for told in lines for line in told if line.startswith("got ")] + left
        put = {line[4:] for told in lines for line in told if line.startswith("put ")}
        perhaps_put = {line[8:] for told in lines for line in told if line.startswith("putting ")}
        perhaps_lost = sum(1 for told in lines if told and told[-1] == "getting")
        self.assertEqual(len(got), len(set(got)), f"an item was got twice (seed {self.seed})")
        self.assertLessEqual(set(got), perhaps_put, f"an item that nobody put (seed {self.seed})")
        self.assertLessEqual(len(put - set(got)), perhaps_lost, f"items were lost (seed {self.seed})")
        self.assertTrue(put)

    def test_locks(self):
        lock, rlock, inside = self.create("Lock"), self.create("RLock"), self.create("list")

        def work(client, chance, say):
            while True:
                for held in chance.sample((lock, rlock), 1):
                    client.call(held, "acquire")
                    # Whoever was inside and died cannot have said that it went.
                    client.call(inside, "append", [held, os.getpid()])
                    client.call(inside, "remove", [held, os.getpid()])
                    client.call(held, "release")
                    say("had it")

        dead, rounds = set(), 0
        for _ in range(max(1, KILLS // 8)):
            victims = [self.victim(work) for _ in range(4)]
            time.sleep(self.random.random() * 0.1)
            for child, read in victims:
                rounds += len(self.kill(child, read))
                dead.add(child)
        self.waiting(0)
        self.host.at_rest(2)
        for held in (lock, rlock):
            self.assertIs(self.one.call(held, "acquire", True, 30), True, f"held by the dead (seed {self.seed})")
            self.one.call(held, "release")
        self.assertLessEqual({pid for _, pid in self.one.call(inside, "copy")}, dead)
        self.assertGreater(rounds, 0)


class Many(Waiting):
    config = f"[limits]\ncalls_waiting = {MANY + 10}\n"

    def test_ten_thousand_wait_on_one_object(self):
        for type_id, args, method, free in (
                ("Lock", (), "acquire", lambda target: self.one.call(target, "release")),
                ("Queue", (), "get", lambda target: self.one.call(target, "put", 1)),
                ("Barrier", (MANY + 1,), "wait", None)):
            with self.subTest(type_id):
                target = self.create(type_id, *args)
                if type_id == "Lock":
                    self.one.call(target, "acquire")
                threads = len(os.listdir(f"/proc/{self.host.process.pid}/task"))
                before = self.host.memory()
                calls = [self.two.start(target, method) for _ in range(MANY)]
                self.waiting(MANY)
                each = (self.host.memory() - before) / MANY
                # Measured well only for the first: the others may use its memory again.
                print(f"{type_id}: {each:.0f} bytes for each of {MANY} waiting callers", file=sys.stderr)
                self.assertLess(each, 20_000)
                self.assertLessEqual(len(os.listdir(f"/proc/{self.host.process.pid}/task")), threads)
                if free is None:
                    self.assertEqual(self.one.call(target, method), MANY)
                    self.assertEqual(self.two.reply(calls[0]), 0)
                    self.assertEqual(self.two.reply(calls[-1]), MANY - 1)
                else:
                    for msgid in calls[:20]:
                        free(target)
                        self.assertTrue(self.two.reply(msgid))
                    self.two.do("soho.cancel", calls[-1])
                    self.waiting(MANY - 21)
                self.two.close()
                self.waiting(0)
                self.two = self.client()

    def test_how_soon_the_lock_of_the_dead_is_free(self):
        lock = self.create("Lock")
        child = os.fork()
        if child == 0:
            client = Client(self.host.address)  # which lives as long as its name
            client.call(lock, "acquire")
            time.sleep(1000)
            os._exit(1)
        self.addCleanup(self.end_child, child)
        eventually(lambda: self.one.call(lock, "locked"), "the lock to be taken")
        waits = self.one.start(lock, "acquire")
        self.waiting(1)
        killed = time.monotonic()
        os.kill(child, signal.SIGKILL)
        self.assertIs(self.one.reply(waits), True)
        print(f"the lock was free {(time.monotonic() - killed) * 1000:.1f} ms after SIGKILL", file=sys.stderr)

    @staticmethod
    def end_child(child):
        os.kill(child, signal.SIGKILL)  # it may be dead already, but nobody has waited for it
        os.waitpid(child, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
