"""A host under a service manager: what it says (sd_notify), the watchdog, and sockets that were open before it."""
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

import msgpack

sys.path.insert(0, __file__.rpartition("/tests/")[0] + "/tests/support")
from soho_e2e import BIN, PAIR, PATIENCE, Client, Refused, eventually, hosted, plugin  # noqa: E402


class Manager:
    """The service manager's end of NOTIFY_SOCKET."""

    def __init__(self, case):
        directory = case.enterContext(tempfile.TemporaryDirectory())
        self.path = os.path.join(directory, "notify")
        self.socket = case.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.socket.bind(self.path)
        self.socket.settimeout(PATIENCE)

    def hears(self, line):
        """Waits for a message that has this line; gives it."""
        while True:
            message = self.socket.recv(4096).decode()
            if line in message.split("\n"):
                return message


class Notified(unittest.TestCase):
    def test_it_is_told_of_each_turn(self):
        manager = Manager(self)
        file = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "sohod.toml"
        file.write_text("[limits]\nhandles = 3\n")
        host = hosted(self, PAIR, args=("--config", str(file)), environment={"NOTIFY_SOCKET": manager.path})
        self.assertIn(f"STATUS=1 plugins, at {host.address}", manager.hears("READY=1"))
        host.process.send_signal(signal.SIGHUP)
        self.assertRegex(manager.hears("RELOADING=1"), r"\nMONOTONIC_USEC=\d+")
        manager.hears("READY=1")
        host.process.send_signal(signal.SIGTERM)
        manager.hears("STOPPING=1")

    def test_what_comes_before_it_is_ready_is_done_then(self):
        manager = Manager(self)
        directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        loaded, file = directory / "loaded", directory / "sohod.toml"
        file.write_text('[[access]]\nwho = "key:somebody"\nrights = ["call"]\n')
        host = hosted(self, plugin("stall"), args=("--config", str(file)), ready=False,
                      environment={"NOTIFY_SOCKET": manager.path, "SOHO_TEST_STALL_LOAD": str(loaded)})
        eventually(lambda: "config " in host.log())
        file.write_text("[limits]\nhandles = 3\n")
        host.process.send_signal(signal.SIGHUP)
        eventually(lambda: "SIGHUP: the config is read again as soon as" in host.log())
        loaded.touch()
        self.assertIn("READY=1", manager.socket.recv(4096).decode().split("\n"))
        manager.hears("RELOADING=1")
        manager.hears("READY=1")
        host.wait_ready()
        self.assertEqual(host.admin.do("soho.access", "key:somebody", "Stall", "echo")["allowed"], False)
        host.logs("the config was reloaded; changed: access, limits.handles")

    def test_once_it_is_stopping_nothing_is_read_any_more(self):
        manager = Manager(self)
        host = hosted(self, plugin("reply"), config="[host]\ndrain_ms = 60000\n", environment={"NOTIFY_SOCKET": manager.path})
        client = host.client()
        waits = client.start(client.create("Mailbox"), "get")
        client.do("soho.ping")
        host.process.send_signal(signal.SIGTERM)
        manager.hears("STOPPING=1")
        host.process.send_signal(signal.SIGHUP)
        with self.assertRaisesRegex(Refused, "^not_started: the host is shutting down"):
            client.do("soho.reload")
        client.notify("soho.cancel", waits)
        self.assertEqual(host.ended(), 0)
        manager.socket.settimeout(0.05)
        with self.assertRaises(TimeoutError):
            manager.hears("READY=1")

    def test_the_watchdog_is_fed_while_a_reactor_turns(self):
        manager = Manager(self)
        host = hosted(self, PAIR, environment={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"})
        for _ in range(3):
            manager.hears("WATCHDOG=1")
        host.process.send_signal(signal.SIGSTOP)
        manager.socket.settimeout(0.05)
        with self.assertRaises(TimeoutError):
            while True:
                manager.hears("WATCHDOG=1")
        host.process.send_signal(signal.SIGCONT)
        manager.socket.settimeout(PATIENCE)
        manager.hears("WATCHDOG=1")


# Becomes the program given, with the descriptors given as its 3, 4, …: LISTEN_PID must be the program's own.
PASS_ON = """
import os, sys
descriptors = [os.dup(int(word)) for word in sys.argv[1].split(",")]
high = [os.dup2(descriptor, 200 + at) for at, descriptor in enumerate(descriptors)]
for at, descriptor in enumerate(high):
    os.dup2(descriptor, 3 + at)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Passed(unittest.TestCase):
    """Sockets as LISTEN_FDS brings them."""

    def start(self, *sockets, args=(), config=None):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        descriptors = [each.fileno() for each in sockets]
        words = [str(BIN / "sohod"), "--plugin", str(PAIR), *args]
        if config is None:
            words.append("--no-config")
        else:
            file = pathlib.Path(directory) / "sohod.toml"
            file.write_text(config)
            words += ["--config", str(file)]
        out = pathlib.Path(directory) / "out"
        err = pathlib.Path(directory) / "err"
        with open(out, "w") as stdout, open(err, "w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-c", PASS_ON, ",".join(map(str, descriptors)), *words], stdin=subprocess.DEVNULL,
                stdout=stdout, stderr=stderr, pass_fds=descriptors)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        eventually(lambda: "Try, in" in out.read_text() or process.poll() is not None, "that the host listens")
        return process, re.findall(r"listens on (\S+)\n", out.read_text()), err

    def listening(self, path):
        waiting = self.enterContext(socket.socket(socket.AF_UNIX))
        waiting.bind(path)
        waiting.listen()
        return waiting

    def test_a_client_may_come_before_the_host(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        path = directory + "/soho.sock"
        passed = self.listening(path)
        os.chmod(path, 0o666)
        early = Client("unix:" + path)
        self.addCleanup(early.close)
        msgid = early.request("soho.ping")
        process, addresses, _ = self.start(passed)
        self.assertEqual(addresses, ["unix:" + path])
        self.assertIsNone(early.reply(msgid))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o666, "the socket is its maker's")

    def test_a_passed_socket_is_the_listeners_of_that_address(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        first, second = self.listening(directory + "/a.sock"), self.listening(directory + "/b.sock")
        config = f'[[listener]]\naddress = "unix:{directory}/b.sock"\nlimits = {{ handles = 5 }}\n'
        _, addresses, _ = self.start(first, second, config=config)
        self.assertEqual(addresses, [f"unix:{directory}/b.sock", f"unix:{directory}/a.sock"])
        for address, handles in zip(addresses, (5, 10_000)):
            with Client(address, errors="full") as client:
                self.assertEqual(client.greeting["limits"]["handles"], handles)

    def test_tcp_wants_a_login_here_too(self):
        waiting = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(waiting.close)
        port = waiting.getsockname()[1]
        process, _, err = self.start(waiting)
        self.assertEqual(process.wait(PATIENCE), 1)
        self.assertIn(f"cannot listen on tcp:127.0.0.1:{port}: nothing says who may use it", err.read_text())
        _, addresses, _ = self.start(waiting, args=("--insecure-no-login",))
        self.assertEqual(addresses, [f"tcp:127.0.0.1:{port}"])
        with Client(addresses[0]) as client:
            self.assertIsNone(client.do("soho.ping"))

    def test_what_is_no_listening_socket_is_refused(self):
        pair = socket.socketpair()
        for each in pair:
            self.addCleanup(each.close)
        process, _, err = self.start(pair[0])
        self.assertEqual(process.wait(PATIENCE), 1)
        self.assertIn("cannot use descriptor 3, which was passed (LISTEN_FDS): it is no listening stream socket",
                      err.read_text())


class KeptByAProgram(unittest.TestCase):
    """--end-with-stdin: a host that ends with the program that started it, however that ends."""

    def start(self, stdin, *args, file=PAIR):
        path = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "s")
        process = subprocess.Popen([BIN / "sohod", "--no-config", "--plugin", file, "--listen", f"unix:{path}", "--end-with-stdin", *args],
                                   stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process, f"unix:{path}"

    def test_it_ends_in_order_when_the_input_does(self):
        process, address = self.start(subprocess.PIPE)
        self.assertIn("listens on", process.stdout.readline())
        process.stdin.write("what comes here is ignored\n" * 1000)
        process.stdin.flush()
        with Client(address) as client:
            self.assertEqual(client.do("pair.get_x"), 5)
        process.stdin.close()
        process.stdin = None
        _, log = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0, log)
        self.assertIn("standard input has ended: ending", log)

    def test_it_ends_when_its_parent_is_killed(self):
        program = ("import subprocess, sys, time\n"
                   "process = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)\n"
                   "time.sleep(1000)\n")
        path = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "s")
        parent = subprocess.Popen([sys.executable, "-c", program, BIN / "sohod", "--no-config", "--listen", f"unix:{path}",
                                   "--end-with-stdin"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(parent.stdout.close)
        self.assertIn("listens on", parent.stdout.readline())
        parent.kill()
        parent.wait()
        parent.stdout.read()  # to its end: the host, which has the same output, has ended
        self.assertFalse(os.path.exists(path))

    def test_clients_wait_until_it_is_prepared(self):
        second = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "second")
        process, first = self.start(subprocess.PIPE, "--listen", f"unix:{second}", "--accept-on-stdin")
        self.assertEqual([line.split()[-1] for line in (process.stdout.readline(), process.stdout.readline())], [first, f"unix:{second}"])
        early = socket.socket(socket.AF_UNIX)
        self.addCleanup(early.close)
        early.connect(second)
        early.sendall(msgpack.packb([0, 7, "pair.get_x", []]))
        with Client(first) as preparing:
            self.assertEqual(preparing.do("pair.set_x", 6), None)
            self.assertFalse(select.select([early], [], [], 0.3)[0])
        process.stdin.write("\n")
        process.stdin.flush()
        early.settimeout(PATIENCE)
        self.assertEqual(msgpack.unpackb(early.recv(100)), [1, 7, None, 6])

    def test_what_waits_when_it_ends_is_closed(self):
        second = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "second")
        process, _ = self.start(subprocess.PIPE, "--listen", f"unix:{second}", "--accept-on-stdin")
        self.assertIn("listens on", process.stdout.readline())
        early = socket.socket(socket.AF_UNIX)
        self.addCleanup(early.close)
        early.connect(second)
        process.stdin.close()
        process.stdin = None
        self.assertEqual(process.wait(PATIENCE), 0)
        early.settimeout(PATIENCE)
        self.assertRaises(ConnectionResetError, early.recv, 1)

    def test_it_lets_nobody_in_once_it_ends(self):
        second = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "second")
        process, first = self.start(subprocess.PIPE, "--listen", f"unix:{second}", "--accept-on-stdin", file=plugin("reply"))
        self.assertIn("listens on", process.stdout.readline())
        with Client(first) as client:
            client.start(client.create("Slow"), "sleep", 3000)
            eventually(lambda: client.call(client.create("Slow"), "sleeping") == 1, "a method that runs")
            process.send_signal(signal.SIGTERM)
            eventually(lambda: not os.path.exists(second), "its end")
            process.stdin.write("\n")
            _, log = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0, log)
        self.assertNotIn("cannot wait", log)

    def test_it_waits_only_for_who_can_tell_it(self):
        refused = subprocess.run([BIN / "sohod", "--no-config", "--accept-on-stdin"], stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--accept-on-stdin requires --end-with-stdin", refused.stderr)

    def test_without_any_input_it_ends_at_once(self):
        process, _ = self.start(subprocess.DEVNULL)
        self.assertEqual(process.wait(PATIENCE), 0)


if __name__ == "__main__":
    unittest.main()
