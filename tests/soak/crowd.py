"""Healthy clients of every kind beside each other, and what their tales must add up to."""
import json
import pathlib
import subprocess
import sys

from healthy import KINDS, SHARED_COUNTER, SHARED_LOCK, SHARED_PAIR, SHARED_QUEUE
from latencies import Latencies
from soho_e2e import PATIENCE

HEALTHY = pathlib.Path(__file__).with_name("healthy.py")
NUMBERS = {"workers": 2, "locks": 2}  # how many of a kind, if not one

SHARED = (("Pair", [5, 6], SHARED_PAIR), ("Queue", [], SHARED_QUEUE), ("Lock", [], SHARED_LOCK), ("Value", ["q", 0], SHARED_COUNTER))


class Crowd:
    """start() before use; finish() gives the sums, or says in an AssertionError what was wrong."""

    def __init__(self, host, seed=0):
        self.host, self.seed = host, seed
        self.clients = []
        self.said = None  # what the first that failed had to say

    def start(self):
        self.owner = self.host.client()
        for type_id, args, name in SHARED:
            self.owner.do("soho.create", type_id, args, {"name": name})
        for kind in KINDS:
            for number in range(NUMBERS.get(kind, 1)):
                command = [sys.executable, "-B", str(HEALTHY), kind, "--host", self.host.address, "--seed", str(self.seed + number), "--number", str(number)]
                self.clients.append((kind, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)))
        return self

    def phase(self, name):
        for kind, client in self.clients:
            try:
                client.stdin.write(name + "\n")
                client.stdin.flush()
            except BrokenPipeError:
                pass  # complaint() tells why

    def complaint(self):
        """What a client that has ended by itself says, or None."""
        for kind, client in self.clients:
            if self.said is None and client.poll() is not None:
                self.said = f"a healthy client of kind {kind} ended with {client.returncode}: {client.stderr.read()[-3000:]}"
        return self.said

    def finish(self):
        assert self.complaint() is None, self.said
        tales = [self.tale(*one) for one in self.clients]
        self.clients = []
        self.check_workers([tale for tale in tales if tale["kind"] == "workers"])
        self.check_counter([tale for tale in tales if tale["kind"] == "locks"])
        for _, _, name in SHARED:
            self.owner.do("soho.unpublish", name)
        self.owner.close()
        latencies = {}
        for tale in tales:
            assert tale["calls"], f"a healthy client of kind {tale['kind']} did nothing"
            for phase, counts in tale["latencies"].items():
                latencies.setdefault(phase, Latencies()).merge(Latencies(counts))
        return {"calls": sum(tale["calls"] for tale in tales), "clients": len(tales), "latencies": latencies}

    def tale(self, kind, client):
        out, errors = client.communicate(timeout=PATIENCE)
        assert client.returncode == 0, f"a healthy client of kind {kind} ended with {client.returncode}: {errors[-3000:]}"
        return json.loads(out)

    def check_workers(self, tales):
        left = {}
        while not self.owner.call(SHARED_QUEUE, "empty"):
            producer, number = self.owner.call(SHARED_QUEUE, "get")
            count, total = left.get(producer, (0, 0))
            left[producer] = (count + 1, total + number)
        for tale in tales:
            got = [of["got"].get(str(tale["worker"]), (0, 0)) for of in tales] + [left.get(tale["worker"], (0, 0))]
            count, total = (sum(numbers) for numbers in zip(*got))
            put = tale["put"]
            assert (count, total) == (put, put * (put + 1) // 2), f"worker {tale['worker']} put {put} items, {count} came out; the sum of their numbers is {total}"

    def check_counter(self, tales):
        added, counted = sum(tale["added"] for tale in tales), self.owner.call(SHARED_COUNTER, "get")
        assert added == counted, f"{added} were added under the lock, the counter has {counted}"

    def kill(self):
        for _, client in self.clients:
            client.kill()
            client.wait()
            for pipe in (client.stdin, client.stdout, client.stderr):
                pipe.close()
        self.clients = []
