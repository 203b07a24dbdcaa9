#!/usr/bin/env python3
"""The sync plugin beside Python's SyncManager: the same work from the same number of client processes, in turns.

    soho_sync [--rounds N] [--seconds S] [--json FILE]

Work: acquire and release a lock; put and get through a queue; set and get a key of a dict. Each client process has an object
of its own. Both servers listen on Unix sockets. soho's clients are C++ programs, SyncManager's are Python's own. All processes
run on one CPU, or on all: there, waking another CPU for each call costs both sides the same, which can be most of a call.
"""
import argparse
import itertools
import json
import multiprocessing
import multiprocessing.managers
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ.get("SOHO_BENCH_BUILD_DIR", pathlib.Path(__file__).resolve().parents[1]))
WORKS = {"lock": "acquire + release", "queue": "put + get", "dict": "set + get"}


class Soho:
    """A sohod with the sync plugin."""
    name = "soho, C++ client"

    def __init__(self, folder):
        self.address = f"unix:{folder}/s"
        self.process = subprocess.Popen(
            [BUILD / "bin/sohod", "--plugin", BUILD / "plugins/sync.so", "--listen", self.address],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(500):
            if os.path.exists(f"{folder}/s"):
                return
            if self.process.poll() is not None:
                sys.exit(f"soho_sync: sohod ended:\n{self.process.stderr.read()}")
            time.sleep(0.01)
        sys.exit("soho_sync: sohod does not listen")

    def client(self, work, seconds):
        return SohoClient(self.address, work, seconds)

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stderr.close()


class SohoClient:
    def __init__(self, address, work, seconds):
        self.process = subprocess.Popen([BUILD / "bench/parts/soho_sync_client", address, work, str(seconds)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            sys.exit("soho_sync: a client did not get ready")

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def rate(self):
        pairs, seconds = self.process.stdout.readline().split()
        self.process.communicate()
        return int(pairs) / float(seconds)


class Python:
    """A SyncManager."""
    name = "Python's SyncManager"

    def __init__(self, folder):
        self.manager = multiprocessing.managers.SyncManager(address=f"{folder}/p", authkey=b"bench")
        self.manager.start()

    def client(self, work, seconds):
        return PythonClient(self.manager.address, work, seconds)

    def stop(self):
        self.manager.shutdown()


class PythonClient:
    def __init__(self, address, work, seconds):
        self.pipe, other = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.run, args=(other, address, work, seconds))
        self.process.start()
        if self.pipe.recv() != "ready":
            sys.exit("soho_sync: a client did not get ready")

    @staticmethod
    def run(pipe, address, work, seconds):
        multiprocessing.current_process().authkey = b"bench"
        manager = multiprocessing.managers.SyncManager(address=address, authkey=b"bench")
        manager.connect()
        target = {"lock": manager.Lock, "queue": manager.Queue, "dict": manager.dict}[work]()
        pair = {"lock": lambda: (target.acquire(), target.release()),
                "queue": lambda: (target.put(1), target.get()),
                "dict": lambda: (target.__setitem__("key", 1), target.get("key"))}[work]
        pair()
        pipe.send("ready")
        pipe.recv()
        start, pairs = time.monotonic(), 0
        while time.monotonic() - start < seconds:
            pair()
            pairs += 1
        pipe.send(pairs / (time.monotonic() - start))

    def go(self):
        self.pipe.send("go")

    def rate(self):
        rate = self.pipe.recv()
        self.process.join()
        return rate


def measure(server, work, processes, cpus, seconds):
    """Pairs per second of all clients together."""
    os.sched_setaffinity(0, cpus)  # what is started from here on has the same
    with tempfile.TemporaryDirectory() as folder:
        served = server(folder)
        try:
            clients = [served.client(work, seconds) for _ in range(processes)]
            for client in clients:
                client.go()
            return sum(client.rate() for client in clients)
        finally:
            served.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.4, help="for each measurement")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 4], help="client processes")
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures there")
    options = parser.parse_args()

    figures = []
    every = os.sched_getaffinity(0)
    places = {"one": {min(every)}, "all": every}
    print(f"soho_sync: {options.rounds} rounds of {options.seconds} s for each, in turns; medians (min to max)")
    print(f"{'work':<20}{'CPUs':>5}{'clients':>8}{Python.name + ', pairs/s':>34}{Soho.name + ', pairs/s':>34}{'ratio':>8}")
    for work, title in WORKS.items():
        for place, processes in itertools.product(places, options.processes):
            rates = {Python: [], Soho: []}
            for _ in range(options.rounds):
                for server in rates:
                    rates[server].append(measure(server, work, processes, places[place], options.seconds))
            medians = {server: statistics.median(values) for server, values in rates.items()}
            cells = [f"{medians[server]:,.0f} ({min(values):,.0f} to {max(values):,.0f})" for server, values in rates.items()]
            ratio = medians[Soho] / medians[Python]
            print(f"{title:<20}{place:>5}{processes:>8}{cells[0]:>34}{cells[1]:>34}{ratio:>7.1f}×", flush=True)
            figures.append({"work": work, "cpus": place, "clients": processes, "ratio": ratio, "python": rates[Python], "soho": rates[Soho]})
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
