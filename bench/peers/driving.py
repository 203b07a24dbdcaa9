"""What Python peers drive their servers with: the load generator's arguments, its measure, and the line that it expects
(bench/peers/peer.hpp)."""
import os
import sys
import time

CALL, WINDOW, PAIRS, MANY, THREADS, ECHO = range(6)
WINDOW_CALLS = 128
ONE_CPU, TWO_CPUS, ANYWHERE = range(3)


class Pair:
    def __init__(self, x=5, y=6):
        self.x, self.y = x, y

    def get_x(self):
        return self.x

    def echo(self, value):
        return value


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


def measure(pid, seconds, cpus, step):
    """step() makes one call, and returns what it gave: it is the same each time."""
    clock = time.perf_counter_ns
    right = step()
    end = clock() + int(seconds / 5 * 1e9)
    while clock() < end:
        step()
    times = []
    busy, host, client, start = busy_ns(cpus), cpu_ns(pid), time.process_time_ns(), clock()
    last, end = start, start + int(seconds * 1e9)
    while last < end:
        if step() != right:
            raise RuntimeError("a wrong answer")
        now = clock()
        times.append(now - last)
        last = now
    elapsed = last - start
    host, client, busy = cpu_ns(pid) - host, time.process_time_ns() - client, busy_ns(cpus) - busy
    times.sort()
    foreign = max(0.0, (busy - host - client) / (elapsed * len(cpus)))
    print(len(times), elapsed / 1e9, host, client, times[len(times) // 2], times[len(times) * 99 // 100], foreign)


def peer_main(serve, stepper):
    """serve(kind, place) does not return; stepper(kind, place, work, size) connects, and gives step()."""
    kind, _, place = sys.argv[2].partition(":")
    if sys.argv[1] == "serve":
        serve(kind, place)
    else:
        pid, work, size, seconds, where = sys.argv[3:]
        usable = sorted(os.sched_getaffinity(0))
        cpus = {str(ONE_CPU): usable[:1], str(TWO_CPUS): usable[:2], str(ANYWHERE): usable}[where]
        if int(where) != ANYWHERE:
            os.sched_setaffinity(0, usable[:1])
        measure(int(pid), float(seconds), cpus, stepper(kind, place, int(work), int(size)))
