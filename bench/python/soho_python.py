#!/usr/bin/env -S /usr/bin/python3 -B
"""soho.managers beside multiprocessing.managers: the same Python programs, with the one import and with the other, in turns.

    soho_python [--rounds N] [--seconds S] [--clients N…] [--json FILE]

Calls: `get()` of a Value through a proxy, over a Unix socket, from client processes that each have a Value of their own. All processes
run on one CPU, or on all. Hosted in Python: the same of an object whose class is Python's, in a provider process. Objects: create a list and drop it. Fork: a child that inherits 500 proxies, starts, makes a call and ends.
Memory: of the server's process (PSS), for each of 1,000 clients that have made a call and are idle.
"""
import argparse
import gc
import importlib
import json
import multiprocessing
import os
import pathlib
import statistics
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve()
BUILD = pathlib.Path(os.environ.get("SOHO_BENCH_BUILD_DIR", HERE.parents[1]))
PACKAGE = next(folder / "clients" / "python" for folder in HERE.parents if (folder / "clients" / "python" / "soho").is_dir())
os.environ["SOHOD"] = str(BUILD / "bin" / "sohod")
os.environ["SOHO_PLUGINS"] = str(BUILD / "plugins")
os.environ["PYTHONPATH"] = str(PACKAGE)
sys.path.insert(0, str(PACKAGE))

SIDES = {"multiprocessing": "multiprocessing.managers", "soho": "soho.managers"}
IDLE_CLIENTS = 1000
fork = multiprocessing.get_context("fork")


def calls(pipe, value, seconds):
    """One client's latencies, in seconds."""
    value.get()
    pipe.send("ready")
    pipe.recv()
    latencies, clock = [], time.perf_counter
    end = clock() + seconds
    before = clock()
    while before < end:
        value.get()
        after = clock()
        latencies.append(after - before)
        before = after
    pipe.send(latencies)


class Hosted:
    def __init__(self, value):
        self.value = value

    def get(self):
        return self.value


def call_figures(manager, clients, seconds, make=lambda manager: manager.Value("i", 1)):
    """Calls per second of all, and the median latency in µs."""
    pipes, values = [], [make(manager) for _ in range(clients)]  # kept here: multiprocessing loses what only a child has
    for value in values:
        ours, theirs = fork.Pipe()
        fork.Process(target=calls, args=(theirs, value, seconds), daemon=True).start()
        pipes.append(ours)
    for pipe in pipes:
        pipe.recv()
    for pipe in pipes:
        pipe.send("go")
    latencies = [latency for pipe in pipes for latency in pipe.recv()]
    return len(latencies) / seconds, statistics.median(latencies) * 1e6


def object_rate(manager, seconds):
    """Lists created and dropped per second."""
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        manager.list()
        count += 1
    return count / seconds


def fork_ms(manager):
    """Until a child that has inherited 500 proxies, and calls one, has ended."""
    kept = [manager.list() for _ in range(500)]
    begun = time.perf_counter()
    process = fork.Process(target=kept[0].append, args=(1,))
    process.start()
    process.join()
    taken = (time.perf_counter() - begun) * 1e3
    del kept
    return taken


def pss_kb(pid):
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise RuntimeError("no Pss")


def idle_kb(side, manager):
    """Memory of the server for each idle client."""
    pid = manager._process.pid
    value = manager.Value("i", 1)
    value.get()
    before = pss_kb(pid)
    if side == "soho":
        import soho

        address, gate, clients = manager.address, None, []
        for _ in range(IDLE_CLIENTS):
            client = soho.Client(f"unix:{address}")
            client.ping()
            clients.append(client)
        after = pss_kb(pid)
        for client in clients:
            client.close()
    else:  # a thread's connection is a client to it
        gate, ready = threading.Event(), threading.Semaphore(0)

        def client():
            value.get()
            ready.release()
            gate.wait()

        threading.stack_size(256 * 1024)
        threads = [threading.Thread(target=client) for _ in range(IDLE_CLIENTS)]
        for thread in threads:
            thread.start()
        for _ in threads:
            ready.acquire()
        after = pss_kb(pid)
        gate.set()
        for thread in threads:
            thread.join()
    return (after - before) / IDLE_CLIENTS


def make_hosted(manager):
    return manager.Hosted(1)


def with_manager(side, cpus, measure, *args):
    os.sched_setaffinity(0, cpus)  # what is started from here on has the same
    base = importlib.import_module(SIDES[side]).SyncManager
    kind = type("Manager", (base,), {"__module__": __name__})
    if any(arg is make_hosted for arg in args):
        kind.register("Hosted", Hosted)
    manager = kind()
    manager.start()
    try:
        return measure(manager, *args)
    finally:
        manager.shutdown()
        gc.collect()


def row(title, figures, unit, better):
    """One line: both medians, and how many times better soho is."""
    medians = {side: statistics.median(values) for side, values in figures.items()}
    ratio = medians["soho"] / medians["multiprocessing"] if better == "more" else medians["multiprocessing"] / medians["soho"]
    cells = [f"{medians[side]:,.1f} ({min(values):,.1f} to {max(values):,.1f}) {unit}" for side, values in figures.items()]
    print(f"{title:<52}{cells[0]:>38}{cells[1]:>38}{ratio:>7.1f}×", flush=True)
    return {"what": title, "unit": unit, "ratio": ratio, **figures}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="for each measurement")
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8], help="client processes")
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures there")
    options = parser.parse_args()
    every = os.sched_getaffinity(0)
    places = {"one CPU": {min(every)}, "all CPUs": every}
    print(f"soho_python: {options.rounds} rounds of {options.seconds} s for each, in turns; medians (min to max); Python {sys.version.split()[0]}")
    print(f"{'':<52}{'multiprocessing.managers':>38}{'soho.managers':>38}{'better':>8}")
    report = []
    for place, cpus in places.items():
        for clients, *hosted in [(clients, *hosted) for hosted in ([], [make_hosted]) for clients in options.clients]:
            rates, latencies = {side: [] for side in SIDES}, {side: [] for side in SIDES}
            for _ in range(options.rounds):
                for side in SIDES:
                    rate, latency = with_manager(side, cpus, call_figures, clients, options.seconds, *hosted)
                    rates[side].append(rate)
                    latencies[side].append(latency)
            title = f"{place}, {clients} client{'s' if clients > 1 else ''}{', hosted in Python' if hosted else ''}"
            report.append(row(f"{title}: calls", rates, "/s", "more"))
            report.append(row(f"{title}: latency, p50", latencies, "µs", "less"))
    for title, measure, unit, better in (("create and drop a list", lambda manager: object_rate(manager, options.seconds), "/s", "more"),
                                         ("fork with 500 proxies, call one", fork_ms, "ms", "less")):
        figures = {side: [] for side in SIDES}
        for _ in range(options.rounds):
            for side in SIDES:
                figures[side].append(with_manager(side, every, measure))
        report.append(row(title, figures, unit, better))
    memory = {side: [with_manager(side, every, lambda manager, side=side: idle_kb(side, manager))] for side in SIDES}
    report.append(row("the server's memory, per idle client", memory, "KB", "less"))
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
