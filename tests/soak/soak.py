"""Healthy clients whose every answer is checked, beside hostile ones and clients that are killed:  soak.py MINUTES [--seed N] [--json FILE]

A sixth of the time is calm, four are under attack, and the last is calm again. Ends with a report, and with 1 and the reason if a promise is
broken: a wrong answer, a host that falls, something left behind, memory that stays. Memory and time are told, not judged by the clock.
"""
import argparse
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
TESTS = pathlib.Path(__file__).resolve().parents[1]
for folder in ("support", "hostile"):
    sys.path.insert(0, str(TESTS / folder))

import attack
from crowd import Crowd
from soho_e2e import SANITIZER, Client, eventually, plugin
from target import Target

HANDLES = 9_000  # that a client holds when it is killed: nearly as many as it may
GROWTH_MAX = 32 << 20  # bytes resident that may stay, in what the allocator cannot give back, however long it takes; a sanitizer keeps much more
GROWTH_MAX_SANITIZED = 512 << 20
BEFORE_LOGIN = [name for name, kind in attack.ATTACKERS.items() if not kind.needs_rights]


def shortened(text, beginning=3000, end=1000):
    """What was sent last may be long: what happened stands before it."""
    return text if len(text) <= beginning + end else f"{text[:beginning]}\n… {len(text) - beginning - end} characters …\n{text[-end:]}"


class Broken(Exception):
    """A promise that was not kept."""


class Sampler:
    """The most that the host had of each, by phase."""

    def __init__(self, target):
        self.target = target
        self.most = {}

    def sample(self, phase):
        now = {"memory": self.target.memory(), "descriptors": self.target.descriptors(), "threads": self.target.threads(),
               **self.target.stats("objects", "sessions", "connections")}
        most = self.most.setdefault(phase, dict(now))
        for key, value in now.items():
            most[key] = max(most[key], value)
        return now


class Attack:
    """Attackers in rotation, a few at a time, and clients that are killed holding all they may."""

    def __init__(self, target, rng, parallel=2):
        self.target, self.rng, self.parallel = target, rng, parallel
        self.running = []
        self.tally = {"attackers": 0, "sessions": 0, "inputs": 0, "replies": 0, "kills": 0}
        self.order = []

    def step(self):
        """Starts and gathers what is due."""
        for process in [each for each in self.running if each.poll() is not None]:
            self.gather(process)
        while len(self.running) < self.parallel:
            self.start()

    def start(self):
        if not self.order:
            self.order = [(name, "unix") for name in attack.ATTACKERS] + [(name, "tcp") for name in BEFORE_LOGIN] + [("killed", "unix")] * 6
            self.rng.shuffle(self.order)
        name, transport = self.order.pop()
        address, seed = self.target.addresses[transport], str(self.rng.randrange(2**32))
        if name == "killed":
            command = [__file__, "--hold", address]
        else:
            command = [attack.__file__, name, "--host", address, "--seed", seed]
        self.running.append(subprocess.Popen([sys.executable, "-B", *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                             stderr=subprocess.PIPE, text=True))

    def gather(self, process):
        self.running.remove(process)
        out, err = process.communicate()
        if process.returncode == -signal.SIGKILL:
            self.tally["kills"] += 1
            return
        if process.returncode != 0:
            raise Broken(f"an attacker found a defect:\n{shortened(err)}")
        self.tally["attackers"] += 1
        for key, value in json.loads(out).items():
            if key in self.tally:
                self.tally[key] += value

    def end(self):
        for process in list(self.running):
            process.wait()
            self.gather(process)

    def kill(self):
        for process in self.running:
            process.kill()
            process.communicate()


def hold_and_be_killed(address):
    """A client that has as many objects as it may, calls that wait and half a frame on the way when it is killed."""
    client = Client(address, client="soak-killed")
    pairs = [client.request("soho.create", "Pair", [1, 2]) for _ in range(HANDLES)]
    for msgid in pairs:
        client.reply(msgid)
    queue = client.create("Queue")
    for _ in range(50):
        client.start(queue, "get")
    _, frame = client.frame("soho.call", queue, "put", ["x" * 10_000])
    client.raw(frame[:random.randrange(1, len(frame))])
    os.kill(os.getpid(), signal.SIGKILL)


def soak(target, seconds, seed):
    rng = random.Random(seed)
    target.wake()
    names = target.names()
    before = target.at_rest(0)
    descriptors, memory = target.descriptors(), target.memory()
    sampler, crowd, assault = Sampler(target), Crowd(target, seed), Attack(target, rng)
    try:
        crowd.start()
        for phase, share in (("calm", 1 / 6), ("attack", 4 / 6), ("calm again", 1 / 6)):
            crowd.phase(phase)
            until = time.monotonic() + share * seconds
            while time.monotonic() < until:
                if phase == "attack":
                    assault.step()
                if target.process.poll() is not None:
                    raise Broken(f"the host has ended with {target.process.returncode}:\n{target.log()[-20000:]}")
                if said := crowd.complaint():
                    raise Broken(said)
                sampler.sample(phase)
                time.sleep(0.2)
            assault.end()
            target.sweep(names | {entry for entry in target.names() if entry.startswith("soak.")})
        crowd.phase("end")
        healthy = crowd.finish()
        target.sweep(names)
        target.back_at(before)
        eventually(lambda: target.descriptors() <= descriptors, "that the descriptors are closed")
        growth_max = GROWTH_MAX_SANITIZED if re.search("/(g?asan|tsan)/", str(plugin("kinds"))) else GROWTH_MAX
        eventually(lambda: target.memory() - memory < growth_max, f"that no more than {growth_max >> 20} MiB stay")
    except AssertionError as wrong:
        raise Broken(str(wrong)) from None
    finally:
        assault.kill()
        crowd.kill()
    after = target.memory()
    if complaint := SANITIZER.search(target.log()):
        raise Broken(f"{complaint.group()}:\n{target.log()[-20000:]}")
    latencies = {phase: {"p50_us": each.quantile(0.5), "p99_us": each.quantile(0.99), "calls": len(each)}
                 for phase, each in healthy["latencies"].items() if phase in sampler.most}
    return {"seconds": seconds, "seed": seed, "healthy_clients": healthy["clients"], "healthy_calls": healthy["calls"], "latency": latencies,
            **assault.tally, "memory_before": memory, "memory_after": after, "most": sampler.most, "limits_hit": target.stats("limits_hit")["limits_hit"]}


def tell(report):
    print(f"{report['healthy_clients']} healthy clients, {report['healthy_calls']} answers checked, all right")
    print(f"{report['attackers']} attacks, {report['sessions']} hostile connections, {report['inputs']} inputs; {report['kills']} clients killed, "
          f"each with {HANDLES} objects")
    for phase, each in report["latency"].items():
        print(f"  {phase:12} p50 {each['p50_us']:>9.1f} us   p99 {each['p99_us']:>9.1f} us   {each['calls']} calls")
    for phase, most in report["most"].items():
        print(f"  {phase:12} at most " + ", ".join(f"{value >> 20 if key == 'memory' else value} {'MiB' if key == 'memory' else key}" for key, value in most.items()))
    print(f"memory: {report['memory_before'] >> 10} KiB before, {report['memory_after'] >> 10} KiB after")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", nargs="?", type=float)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--json", metavar="FILE", help="write the report there")
    parser.add_argument("--hold", metavar="ADDRESS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hold:
        hold_and_be_killed(options.hold)
    if options.minutes is None or options.minutes <= 0:
        parser.error("say for how many minutes")
    target = Target(plugin("kinds"))
    try:
        report = soak(target, options.minutes * 60, options.seed)
        target.stop()
    except Broken as broken:
        target.kill()
        sys.exit(f"soak: seed {options.seed}: {broken}")
    except AssertionError as wrong:
        sys.exit(f"soak: seed {options.seed}: {wrong}")
    tell(report)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
