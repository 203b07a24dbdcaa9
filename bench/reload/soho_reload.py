#!/usr/bin/env -S /usr/bin/python3 -B
"""A plugin that is reloaded a thousand times while clients call it: what they notice, and what it takes.

    soho_reload [--reloads N] [--clients N] [--json FILE]

Once in the host's process and once in a worker. Each client is a process of its own with one connection and no pause: it adds to one
Counter that all share, then makes a Counter of its own, adds to it, reads it and lets it go. Meanwhile the plugin is reloaded again and
again, two versions in turns. In the host the shared Counter moves to each new version (soho.state/1); in a worker it stays in the
first worker, and the others end. Printed: reloads, calls made meanwhile, calls that failed, the longest that any call took, whether the
shared Counter has all that was added, what a reload takes, and memory before and after: the host's (resident), the host's
code of the plugin (mapped), and the workers' own. Left out: the compiler, and plugins with much to load.
"""
import argparse
import json
import multiprocessing
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve()
BUILD = pathlib.Path(os.environ.get("SOHO_BENCH_BUILD_DIR", HERE.parents[1]))
PARTS = pathlib.Path(os.environ.get("SOHO_BENCH_PARTS_DIR", BUILD / "bench" / "parts"))
PACKAGE = next(folder / "clients" / "python" for folder in HERE.parents if (folder / "clients" / "python" / "soho").is_dir())
sys.path.insert(0, str(PACKAGE))

import soho  # noqa: E402

fork = multiprocessing.get_context("fork")


class Host:
    def __init__(self, folder, *args):
        self.address = f"unix:{folder}/sohod.sock"
        self.file = folder / "reload_counter.so"
        self.versions = [PARTS / f"reload_counter_{version}.so" for version in (1, 2)]
        self.put(0)
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen(
            [BUILD / "bin" / "sohod", "--no-config", "--listen", self.address, "--plugin", self.file, "--plugin-copies-dir",
             folder / "copies", "--publish", "sum=Counter", *args], stdout=subprocess.DEVNULL, stderr=self.log)
        while not os.path.exists(f"{folder}/sohod.sock"):
            if self.process.poll() is not None:
                raise SystemExit((folder / "log").read_text())
            time.sleep(0.01)

    def put(self, number):
        beside = self.file.with_suffix(".new")
        shutil.copy(self.versions[number % 2], beside)
        beside.chmod(0o755)
        beside.rename(self.file)

    def resident_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


def client(pipe, address, over):
    calls = added = 0
    longest = 0.0
    failures = []
    clock = time.perf_counter

    def timed(call, *args):
        nonlocal calls, longest
        before = clock()
        result = call(*args)
        longest = max(longest, clock() - before)
        calls += 1
        return result

    with soho.Client(address) as host:
        shared = host.open("sum")
        while not over.is_set():
            try:
                timed(shared.add, 1)
                added += 1
                own = timed(host.create, "Counter")
                timed(own.add, 2)
                if timed(own.get) != 2:
                    failures.append("a Counter of one's own has another value than was added")
                del own
            except Exception as failure:
                failures.append(repr(failure))
    pipe.send((calls, added, longest, failures))


def measure(place, options):
    with tempfile.TemporaryDirectory(prefix="soho-reload-") as folder:
        args = ["--isolate", "reload_counter"] if place == "in a worker" else []
        host = Host(pathlib.Path(folder), *args, "--plugin-generations", str(options.reloads + 2))
        try:
            return measure_of(host, place, options)
        finally:
            host.stop()


def measure_of(host, place, options):
    with soho.Client(host.address) as admin:
        def memory():
            plugin, = admin.request("soho.plugins")
            workers = admin.stats().get("workers", [])
            return {"host resident": host.resident_mb(),
                    "code mapped": sum(each["mapped_bytes"] for each in plugin["generations"]) / (1 << 20),
                    "worker that serves": sum(each["memory_bytes"] for each in workers if each["state"] == "running") / (1 << 20),
                    "generations": len(plugin["generations"]), "workers": len(workers)}

        over = fork.Event()
        clients = []
        for _ in range(options.clients):
            ours, theirs = fork.Pipe()
            process = fork.Process(target=client, args=(theirs, host.address, over))
            process.start()
            clients.append((process, ours))
        time.sleep(0.5)
        times, pauses = [], []
        before = None
        for number in range(options.reloads):
            host.put(number + 1)
            told = admin.request("soho.reload_plugin", "reload_counter", None, {"force": True})
            times.append(told["took_us"] / 1000)
            pauses.append(told["longest_pause_us"] / 1000)
            if number + 1 == min(20, options.reloads):
                before = memory()
        over.set()
        results = [ours.recv() for _, ours in clients]
        for process, _ in clients:
            process.join()
        time.sleep(0.5)
        total = admin.open("sum").get()
        plugin, = admin.request("soho.plugins")
        return {"place": place, "reloads": plugin["reloads"], "calls": sum(each[0] for each in results),
                "failures": [text for each in results for text in each[3]], "longest_ms": max(each[2] for each in results) * 1000,
                "added": sum(each[1] for each in results), "sum": total, "reload_ms": times, "move_ms": pauses,
                "memory after 20": before, "memory at the end": memory()}


def show(row):
    exact = "exact" if row["added"] == row["sum"] else f"WRONG: {row['sum']:,} instead of {row['added']:,}"
    print(f"{row['place']}: {row['reloads']:,} reloads, {row['calls']:,} calls meanwhile, {len(row['failures'])} of them failed; the sum is {exact}")
    for text in row["failures"][:3]:
        print(f"    {text}")
    times = sorted(row["reload_ms"])
    print(f"    the longest that a caller waited: {row['longest_ms']:.1f} ms; a reload: {statistics.median(times):.1f} ms,"
          f" the longest {times[-1]:.1f} ms; an object that moved could not be called for at most {max(row['move_ms']):.2f} ms")
    for when in ("memory after 20", "memory at the end"):
        memory = row[when]
        worker = f", the worker that serves {memory['worker that serves']:.1f} MiB of its own" if memory["workers"] else ""
        print(f"    {when} reloads: host {memory['host resident']:.1f} MiB, plugin's code in it {memory['code mapped']:.1f} MiB"
              f" ({memory['generations']} generations){worker}".replace("end reloads", "end"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reloads", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures there")
    options = parser.parse_args()
    rows = []
    for place in ("in the host", "in a worker"):
        rows.append(measure(place, options))
        show(rows[-1])
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    if any(row["failures"] or row["added"] != row["sum"] or row["reloads"] != options.reloads for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
