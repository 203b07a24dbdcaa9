#!/usr/bin/env -S /usr/bin/python3 -B
"""Calls from Node beside a plain echo in Node, of the same bytes over the same kind of socket, in turns.

    soho_node [--rounds N] [--seconds S] [--json FILE]

Calls: `get_x()` of a Pair through a proxy, awaited: one in flight, then 64. Hosted in Node: the same of an object in a provider, another
Node process, which the host calls for the client. Echo: a server in another Node process writes back what it reads; its client sends as
many requests' bytes as it has room for in flight, in one write, and no codec, promise or object is on its way: it is the floor, not a peer.
Every server has its own process; all run on one CPU, or on all. CPU is what the client's process takes for a call: it says more than
the rate where others use the machine.
"""
import argparse
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve()
BUILD = pathlib.Path(os.environ.get("SOHO_BENCH_BUILD_DIR", HERE.parents[1]))
SOURCE = next(folder for folder in HERE.parents if (folder / "clients" / "node" / "prepare.py").is_file())
sys.path.insert(0, str(SOURCE / "clients" / "node"))
from prepare import debians_or_any  # noqa: E402

KINDS = {"tcp": "TCP", "unix": "Unix"}
CLIENT = SOURCE / "bench" / "node" / "calls.mjs"


def sohod(socket):
    """A host, and where it listens: at a Unix socket, and over TCP, where nobody may provide."""
    process = subprocess.Popen([BUILD / "bin" / "sohod", "--no-config", "--end-with-stdin", "--plugin-dir", BUILD / "plugins",
                                "--listen", f"unix:{socket}", "--listen", "tcp:127.0.0.1:0", "--insecure-no-login"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    addresses = {}
    for line in process.stdout:
        if " listens on " in line:
            address = line.split()[-1]
            addresses[address.partition(":")[0]] = address
        if len(addresses) == 2:
            return process, addresses
    sys.exit("sohod has not started")


def measure(package, address, own, options):
    done = subprocess.run([debians_or_any("node"), CLIENT, package, address, own, str(options.seconds), str(options.rounds)],
                          stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("the client failed")
    return json.loads(done.stdout)


def row(title, soho, echo):
    """Medians of the rounds, and what part of the floor's rate it is."""
    medians = [{name: statistics.median(each[name] for each in rounds) for name in ("rate", "p50_us", "cpu_us")} for rounds in (soho, echo)]
    cells = "".join(f"{each['rate']:>13,.0f}/s{each['p50_us']:>9.1f} µs{each['cpu_us']:>9.2f} µs" for each in medians)
    ratio = medians[0]["rate"] / medians[1]["rate"]
    print(f"{title:<44}{cells}{ratio:>9.2f}", flush=True)
    return {"what": title, "medians": dict(zip(("soho", "echo"), medians)), "ratio": ratio, "soho": soho, "echo": echo}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="for each measurement")
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures there")
    options = parser.parse_args()
    prepared = subprocess.run([sys.executable, "-B", SOURCE / "clients" / "node" / "prepare.py", BUILD], stdout=subprocess.PIPE, text=True)
    if prepared.returncode != 0:
        sys.exit(prepared.returncode)
    package = pathlib.Path(prepared.stdout.strip())
    version = subprocess.run([debians_or_any("node"), "--version"], stdout=subprocess.PIPE, text=True).stdout.strip()
    print(f"soho_node: {options.rounds} rounds of {options.seconds} s for each, in turns; medians; Node {version}; load before: {os.getloadavg()[0]:.1f}")
    print(f"{'':<44}{'soho':>15}{'p50':>12}{'CPU':>12}{'echo':>15}{'p50':>12}{'CPU':>12}{'of echo':>9}")
    report, every = [], os.sched_getaffinity(0)
    places = {"one CPU": {max(every)}, "all CPUs": every}
    for place, kind in itertools.product(places, KINDS):
        os.sched_setaffinity(0, places[place])  # what is started from here on has the same
        process, addresses = sohod(package / "bench.sock")
        try:
            figures = measure(package, addresses[kind], addresses["unix"], options)
        finally:
            process.stdin.close()
            process.wait()
        for flight in ("1", "64"):
            for where in ("call", "hosted"):
                what = "" if where == "call" else ", hosted in Node"
                report.append(row(f"{place}, {KINDS[kind]}, {flight} in flight{what}", figures[where][flight], figures["echo"][flight]))
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
