"""A plugin that crashes the host: the report names it, its method and every other thread's, and the process ends by the signal."""
import os
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rpartition("/tests/")[0] + "/tests/support")
from soho_e2e import BIN, SANITIZER, Client, Closed, Host, eventually, plugin  # noqa: E402


def fill(pipe):
    """To the last byte. The host's end keeps waiting for room: what is set here is not set there."""
    mine = os.open(f"/proc/self/fd/{pipe}", os.O_WRONLY | os.O_NONBLOCK)
    for size in (4096, 1):
        try:
            while True:
                os.write(mine, b"." * size)
        except BlockingIOError:
            pass
    os.close(mine)


class Crashes(unittest.TestCase):
    def crash(self, act, number, *lines):
        host = Host(plugin("crash"), plugin("reply"))
        self.addCleanup(host.kill)
        beside, client = host.client(), host.client()
        beside.start(beside.create("Slow"), "sleep", 3_600_000)
        eventually(lambda: client.call(client.create("Slow"), "sleeping") == 1, "a method that runs beside")
        with self.assertRaises(Closed):
            act(client)
        code = host.ended()
        log = host.log()
        if SANITIZER.search(log) or "AddressSanitizer" in log:
            return  # which has a report of its own
        self.assertEqual(code, -number)
        self.assertIn(f"sohod: crashed by {signal.Signals(number).name} in thread ", log)
        for line in lines:
            self.assertRegex(log, line)
        self.assertRegex(log, r"  thread \d+ in plugin reply: Slow\.sleep\n")

    def call(self, method, *args):
        return lambda client: client.call(client.create("Crash"), method, *args)

    def test_a_method(self):
        self.crash(self.call("segv"), signal.SIGSEGV, r"thread \d+, at address 0x0\n",
                   r"  thread \d+ in plugin crash: Crash\.segv  <- crashed\n", r"crash\.so")

    def test_a_method_on_the_pool(self):
        self.crash(self.call("segv_on_pool"), signal.SIGSEGV, r"in plugin crash: Crash\.segv_on_pool  <- crashed\n")

    def test_an_abort(self):
        self.crash(self.call("abort"), signal.SIGABRT, r"in plugin crash: Crash\.abort  <- crashed\n")

    @unittest.skipIf("tsan" in str(BIN), "its runtime's handlers stand around ours")
    def test_a_report_that_crashes_itself(self):
        self.crash(self.call("abort_on_a_broken_stack", 64), signal.SIGABRT,
                   r"in plugin crash: Crash\.abort_on_a_broken_stack  <- crashed\n")

    def test_a_report_that_nobody_reads(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        directory = self.enterContext(tempfile.TemporaryDirectory())
        host = subprocess.Popen([BIN / "sohod", "--no-config", "--plugin", plugin("crash"), "--listen",
                                 f"unix:{directory}/s"], stdout=subprocess.PIPE, stderr=writer)
        self.addCleanup(host.stdout.close)
        self.addCleanup(host.wait)
        self.addCleanup(host.kill)
        self.assertIn(b"listens on", host.stdout.readline())
        with Client(f"unix:{directory}/s") as client:
            crash = client.create("Crash")
            fill(writer)
            client.start(crash, "abort")
            self.assertEqual(host.wait(60), -signal.SIGABRT)

    def test_a_stack_that_is_full(self):
        self.crash(self.call("overflow"), signal.SIGSEGV, r"in plugin crash: Crash\.overflow  <- crashed\n")

    def test_an_exception_in_a_thread_of_the_plugin(self):
        self.crash(self.call("in_a_thread"), signal.SIGABRT, r"nobody catches this",
                   r"in plugin crash: Crash\.in_a_thread\n")

    def test_a_destructor(self):
        def act(client):
            client.release(client.create("CrashEnd"))
            client.closed()
            raise Closed()

        self.crash(act, signal.SIGFPE, r"in plugin crash: the destructor of CrashEnd  <- crashed\n")


if __name__ == "__main__":
    unittest.main()
