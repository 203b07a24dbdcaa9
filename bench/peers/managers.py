#!/usr/bin/python3 -B
"""multiprocessing.managers as a peer: a server process that shares a Pair, and the client that drives it, with the load generator's
arguments and the line that it expects (bench/peers/peer.hpp)."""
import os
import sys
import time
from multiprocessing.managers import BaseManager

CALL, WINDOW, PAIRS, MANY, THREADS, ECHO = range(6)


class Pair:
    def __init__(self, x=5, y=6):
        self.x, self.y = x, y

    def get_x(self):
        return self.x

    def echo(self, value):
        return value


shared = Pair()


class Manager(BaseManager):
    pass


Manager.register("pair", callable=lambda: shared, exposed=("get_x", "echo"))
Manager.register("Pair", callable=Pair, exposed=("get_x", "echo"))


def manager_at(address):
    kind, _, rest = address.partition(":")
    return Manager(rest if kind == "unix" else ("127.0.0.1", int(rest)), authkey=b"bench")


def cpu_ns(pid):
    return time.clock_gettime_ns((~pid << 3) | 2)


def busy_ns(cpus):
    tick = 10**9 // os.sysconf("SC_CLK_TCK")
    total = 0
    with open("/proc/stat") as lines:
        for line in lines:
            words = line.split()
            if words[0][:3] == "cpu" and words[0][3:].isdigit() and int(words[0][3:]) in cpus:
                user, nice, system, _, _, irq, softirq, steal = map(int, words[1:9])
                total += (user + nice + system + irq + softirq + steal) * tick
    return total


def drive(address, pid, work, size, seconds, where):
    usable = sorted(os.sched_getaffinity(0))
    cpus = usable if where == 2 else usable[:1] if where == 0 else usable[:2]
    if where != 2:
        os.sched_setaffinity(0, usable[:1])

    def stepper():
        manager = manager_at(address)
        manager.connect()
        pair = manager.pair()
        if work == ECHO:
            payload = b"x" * size
            return lambda: pair.echo(payload)
        if work == PAIRS:
            return lambda: manager.Pair(5, 6)
        return pair.get_x

    step = stepper()
    clock = time.perf_counter_ns
    end = clock() + int(seconds / 5 * 1e9)
    while clock() < end:
        step()
    times = []
    busy, host, client, start = busy_ns(cpus), cpu_ns(pid), time.process_time_ns(), clock()
    last, end = start, start + int(seconds * 1e9)
    while last < end:
        step()
        now = clock()
        times.append(now - last)
        last = now
    elapsed = last - start
    host, client, busy = cpu_ns(pid) - host, time.process_time_ns() - client, busy_ns(cpus) - busy
    times.sort()
    foreign = max(0.0, (busy - host - client) / (elapsed * len(cpus)))
    print(len(times), elapsed / 1e9, host, client, times[len(times) // 2], times[len(times) * 99 // 100], foreign)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        manager_at(sys.argv[2]).get_server().serve_forever()
    else:
        address, pid, work, size, seconds, where = sys.argv[2:]
        drive(address, int(pid), int(work), int(size), float(seconds), int(where))
