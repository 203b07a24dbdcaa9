"""A reactor looks for requests before it sleeps, where that pays off and a second processor is there; else it never does."""
import contextlib
import os
import pathlib
import re
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import PAIR, eventually, hosted

CALLS = 400
PROCESSORS = os.sched_getaffinity(0)


class Reactor:
    """The only one of a host."""

    def __init__(self, case, spin_us):
        self.host = hosted(case, PAIR, args=("--reactors", "1", "--spin-us", str(spin_us)))
        self.client = self.host.client()
        self.thread = eventually(self.find_thread, "a thread that has its name")

    def find_thread(self):
        found = []
        for task in pathlib.Path(f"/proc/{self.host.process.pid}/task").iterdir():
            with contextlib.suppress(OSError):  # it has just ended
                found += [task] * ((task / "comm").read_text().strip() == "sohod-0")
        return found[0] if len(found) == 1 else None

    def sleeps(self):
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (self.thread / "status").read_text(), re.M)[1])

    def processor_seconds(self):
        fields = (self.thread / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def sleeps_in_calls(self):
        before = self.sleeps()
        for _ in range(CALLS):
            self.client.do("pair.get_x")
        return self.sleeps() - before


class Spinning(unittest.TestCase):
    @unittest.skipIf(len(PROCESSORS) < 2, "a second processor is needed")
    def test_calls_that_follow_each_other_find_it_awake(self):
        reactor = Reactor(self, spin_us=10_000)
        eventually(lambda: reactor.sleeps_in_calls() < CALLS / 4, "a reactor that looks instead of sleeping")

    @unittest.skipIf(len(PROCESSORS) < 2, "a second processor is needed")
    def test_it_sleeps_when_nobody_calls(self):
        reactor = Reactor(self, spin_us=10_000)
        eventually(lambda: reactor.sleeps_in_calls() < CALLS / 4, "a reactor that looks instead of sleeping")

        def idle():
            before = reactor.processor_seconds()
            time.sleep(0.5)
            return reactor.processor_seconds() - before < 0.1

        eventually(idle, "a reactor that sleeps")

    def test_switched_off_it_sleeps_before_each_call(self):
        reactor = Reactor(self, spin_us=0)
        eventually(lambda: reactor.sleeps_in_calls() > CALLS / 2, "a reactor that sleeps")

    def test_on_one_processor_it_never_looks(self):
        os.sched_setaffinity(0, {min(PROCESSORS)})
        self.addCleanup(os.sched_setaffinity, 0, PROCESSORS)
        reactor = Reactor(self, spin_us=10_000)
        eventually(lambda: reactor.sleeps_in_calls() > CALLS / 2, "a reactor that sleeps")


if __name__ == "__main__":
    unittest.main()
