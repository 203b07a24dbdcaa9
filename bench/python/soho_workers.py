#!/usr/bin/env -S /usr/bin/python3 -B
"""One method at each place where an object can live: in the host, in a worker process, in a Python provider; and in multiprocessing.managers.

    soho_workers [--rounds N] [--seconds S] [--json FILE]

Calls: `get_x()` of a Pair, from one client process over a Unix socket, one call at a time, in calls per second and the median latency.
"by proxy" is what a Python program sees, most of it the client's own work; "bare" sends one ready-made request again and again and looks
at the reply's first bytes only, so that the places differ by what they cost. multiprocessing has no bare form. "raw epoll" is the floor of
that: in the place of the host a server in C++ that answers as many bytes and does nothing else, in the place of the worker the same
behind a relay that passes bytes on and does nothing else. The places take turns in
each round, all processes on one CPU, then on all. The Pair of the host and of its worker is the plugin `pair`; the others' is the Python
class here. Start: until a host answers, without and with the plugin in a worker. Memory: of the worker, as `soho.stats` has it, and PSS
of the processes that have the Python object. Left out: several clients, large values.
"""
import argparse
import contextlib
import json
import multiprocessing
import multiprocessing.managers
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve()
BUILD = pathlib.Path(os.environ.get("SOHO_BENCH_BUILD_DIR", HERE.parents[1]))
PACKAGE = next(folder / "clients" / "python" for folder in HERE.parents if (folder / "clients" / "python" / "soho").is_dir())
os.environ["SOHOD"] = str(BUILD / "bin" / "sohod")
os.environ["SOHO_PLUGINS"] = str(BUILD / "plugins")
os.environ["PYTHONPATH"] = str(PACKAGE)
sys.path.insert(0, str(PACKAGE))

import soho  # noqa: E402
import soho.managers  # noqa: E402
from soho._private_host import PrivateHost  # noqa: E402

fork = multiprocessing.get_context("fork")
PLACES = ("in the host", "in a worker", "Python provider", "multiprocessing")
REQUEST_BYTES, REPLY = 30, b"\x94\x01\x01\xc0\x05"  # of get_x() of 5, bare


class Pair:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def get_x(self):
        return self.x


class OfSoho(soho.managers.BaseManager):
    pass


class OfPython(multiprocessing.managers.BaseManager):
    pass


for manager_class in (OfSoho, OfPython):
    manager_class.register("Pair", Pair)


@contextlib.contextmanager
def host(*args):
    started = PrivateHost(("pair",), args=args)
    try:
        yield started
    finally:
        started.stop(5.0)


@contextlib.contextmanager
def pair_at(place):
    """A proxy of a Pair there."""
    if place in ("in the host", "in a worker"):
        with host(*(("--isolate", "pair") if place == "in a worker" else ())) as started, soho.Client(started.address.text) as client:
            yield client.create("Pair", 5, 6)
    else:
        with (OfSoho if place == "Python provider" else OfPython)() as manager:
            yield manager.Pair(5, 6)


def connected(path):
    for _ in range(2000):
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(path)
            return client
        except OSError:
            client.close()
            time.sleep(0.005)
    raise RuntimeError(f"nobody listens at {path}")


@contextlib.contextmanager
def raw_at(place):
    """A connection to the raw server, or to the relay before it."""
    with tempfile.TemporaryDirectory(prefix="soho_workers-") as folder, contextlib.ExitStack() as programs:
        def start(*arguments):
            program = programs.enter_context(subprocess.Popen([BUILD / "bench" / "parts" / "raw_epoll", *arguments]))
            programs.callback(program.kill)

        path = f"{folder}/server"
        start(f"unix:{path}", f"{REQUEST_BYTES}:{len(REPLY)}")
        connected(path).close()
        if place == "in a worker":
            upstream, path = path, f"{folder}/relay"
            start(f"--relay-to=unix:{upstream}", f"unix:{path}")
        with connected(path) as client:
            yield client


def raw(client):
    request, send, receive = b"\x94\x00\x01".ljust(REQUEST_BYTES, b"."), client.sendall, client.recv

    def call():
        send(request)
        if len(receive(4096)) != len(REPLY):
            raise RuntimeError("a wrong answer")

    return call


def by_proxy(pair):
    assert pair.get_x() == 5
    return pair.get_x


def bare(pair):
    assert pair.get_x() == 5
    connection = pair._soho_session.borrow()
    request = connection.request("soho.call", [pair._soho_reference.id, "get_x", []])
    send, receive = connection.socket.sendall, connection.socket.recv

    def call():
        send(request)
        if receive(4096) != REPLY:
            raise RuntimeError("a wrong answer")

    return call


def measured(pipe, there, way, seconds):
    """Calls per second, and the median latency in µs."""
    call, clock, latencies = way(there), time.perf_counter, []
    for _ in range(200):  # what is slow at first is not measured
        call()
    begun = before = clock()
    while before < begun + seconds:
        call()
        after = clock()
        latencies.append(after - before)
        before = after
    pipe.send((len(latencies) / (before - begun), statistics.median(latencies) * 1e6))


def figures_at(place, way, seconds):
    with (raw_at if way is raw else pair_at)(place) as there:
        ours, theirs = fork.Pipe()
        client = fork.Process(target=measured, args=(theirs, there, way, seconds))
        client.start()
        theirs.close()
        figures = ours.recv()
        client.join()
        return figures


def calls(where, cpus, options):
    os.sched_setaffinity(0, cpus)  # what is started from here on has the same
    for title, way, places in (("by proxy", by_proxy, PLACES), ("bare", bare, PLACES[:3]), ("raw epoll", raw, PLACES[:2])):
        rounds = [{place: figures_at(place, way, options.seconds) for place in places} for _ in range(options.rounds)]
        for number, what, unit in ((0, "calls", "/s"), (1, "latency, p50", "µs")):
            yield {"what": f"{where}, {title}: {what}", "unit": unit,
                   "figures": {place: [of_round[place][number] for of_round in rounds] for place in places}}


def start_ms(*args):
    begun = time.perf_counter()
    with host(*args) as started, soho.Client(started.address.text) as client:
        client.create("Pair", 5, 6).get_x()
        return (time.perf_counter() - begun) * 1e3


def starts(options):
    rounds = [{"in the host": start_ms(), "in a worker": start_ms("--isolate", "pair")} for _ in range(options.rounds)]
    return {"what": "start, until a call is answered", "unit": "ms",
            "figures": {place: [of_round[place] for of_round in rounds] for place in rounds[0]}}


def pss_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no Pss")


def memory():
    with host("--isolate", "pair") as started, soho.Client(started.address.text) as client:
        client.create("Pair", 5, 6).get_x()
        worker, = client.stats()["workers"]
    figures = {"in a worker": [worker["memory_bytes"] / (1 << 20)]}
    with OfSoho() as manager:
        manager.Pair(5, 6).get_x()
        figures["Python provider"] = [pss_mb(manager._providers[0].process.pid)]
    with OfPython() as manager:
        manager.Pair(5, 6).get_x()
        figures["multiprocessing"] = [pss_mb(manager._process.pid)]
    return {"what": "memory of the object's process", "unit": "MB", "figures": figures}


def show(row):
    """Medians, and each as a multiple of the host's own, or of the first that there is."""
    medians = {place: statistics.median(values) for place, values in row["figures"].items()}
    first = next(iter(medians.values()))
    row["ratios"] = {place: median / first for place, median in medians.items()}
    cells = [f"{medians[place]:,.1f} {row['unit']} ({row['ratios'][place]:.2f}×)" if place in medians else "" for place in PLACES]
    print(f"{row['what']:<38}" + "".join(f"{cell:>27}" for cell in cells), flush=True)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="for each measurement")
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures there, of each round")
    options = parser.parse_args()
    every = os.sched_getaffinity(0)
    print(f"soho_workers: {options.rounds} rounds of {options.seconds} s for each, in turns; medians; Python {sys.version.split()[0]}")
    print(f"{'':<38}" + "".join(f"{place:>27}" for place in PLACES))
    report = [show(row) for where, cpus in (("one CPU", {min(every)}), ("all CPUs", every)) for row in calls(where, cpus, options)]
    report += [show(starts(options)), show(memory())]
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
