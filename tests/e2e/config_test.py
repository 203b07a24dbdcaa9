"""The config of a host that runs: what a reload takes over, what it says takes a restart, and that a wrong config changes
nothing."""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rpartition("/tests/")[0] + "/tests/support")
from soho_e2e import BIN, PAIR, Client, Refused, eventually, hosted  # noqa: E402

BEFORE = """
[limits]
handles = 3
pool_threads = 8
[plugin.pair]
prefix = ""
"""


class Reloaded(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory())
        self.file = pathlib.Path(self.directory) / "sohod.toml"
        self.write(BEFORE)

    def write(self, text):
        self.file.write_text(text)

    def host(self, *args):
        return hosted(self, PAIR, args=("--config", str(self.file), *args))

    def handles(self, host):
        with Client(host.address, errors="full") as client:
            return client.greeting["limits"]["handles"]

    def test_what_can_change_does_and_the_rest_is_named(self):
        host = self.host()
        living = host.client()
        held = [living.create("Pair", 1, 2) for _ in range(3)]
        with self.assertRaises(Refused):
            living.create("Pair", 1, 2)
        self.write(BEFORE.replace("handles = 3", "handles = 4").replace("pool_threads = 8", "pool_threads = 9")
                   .replace('prefix = ""', 'prefix = "x."') + "[host]\nlog_level = 'debug'\ndrain_ms = 100\nreactors = 3\n")
        answer = host.admin.do("soho.reload")
        self.assertEqual(answer, {"changed": ["host.log_level", "host.drain_ms", "limits.handles"],
                                  "needs_restart": ["host.reactors", "limits.pool_threads", "plugin.pair.prefix"]})
        self.assertEqual(self.handles(host), 4)
        held.append(living.create("Pair", 1, 2))  # of a session that was there before
        with self.assertRaises(Refused):
            living.create("Pair", 1, 2)
        # What takes a restart is said for as long as it does; what is done is done.
        self.assertEqual(host.admin.do("soho.reload"), {"changed": [], "needs_restart": answer["needs_restart"]})
        self.write(BEFORE)
        self.assertEqual(host.admin.do("soho.reload"), {"changed": answer["changed"], "needs_restart": []})
        self.assertEqual(self.handles(host), 3)

    def test_a_signal_reloads(self):
        host = self.host()
        self.write(BEFORE.replace("handles = 3", "handles = 5"))
        host.process.send_signal(signal.SIGHUP)
        eventually(lambda: "the config was reloaded; changed: limits.handles\n" in host.log())
        self.assertEqual(self.handles(host), 5)

    def test_the_command_line_stays_over_the_config(self):
        host = self.host("--handles", "7")
        self.write(BEFORE.replace("handles = 3", "handles = 5"))
        self.assertEqual(host.admin.do("soho.reload"), {"changed": [], "needs_restart": []})
        self.assertEqual(self.handles(host), 7)

    def test_a_wrong_config_changes_nothing(self):
        host = self.host()
        wrong = {"[limits]\nhandels = 9\n": ':2:1: no key "handels" in [limits]; did you mean "handles"?',
                 "[limits]\nhandles = 0\n": ":2:11: must be a whole number from 1",
                 "[limits\n": ":1:",
                 '[limits]\nhandles = 9\n[login]\nkeys = "no-such-keys"\n': "no-such-keys",
                 '[limits]\nhandles = 9\n[tls]\ncertificate = "no-such-c"\nkey = "no-such-k"\n': "no-such-c"}
        for text, sentence in wrong.items():
            with self.subTest(text):
                self.write(text)
                with self.assertRaises(Refused) as caught:
                    host.admin.do("soho.reload")
                self.assertIn(sentence, caught.exception.text)
                host.logs("the config was not reloaded, all is as it was")
                self.assertEqual(self.handles(host), 3)
        self.file.unlink()
        host.process.send_signal(signal.SIGHUP)
        eventually(lambda: "sohod.toml: No such file" in host.log())
        self.assertEqual(self.handles(host), 3)
        self.write(BEFORE)
        self.assertEqual(host.admin.do("soho.reload"), {"changed": [], "needs_restart": []})

    def test_what_cannot_be_read_changes_nothing(self):
        host = self.host()
        folder = pathlib.Path(self.directory) / "sohod.d"
        (folder / "10-a-folder.toml").mkdir(parents=True)
        with self.assertRaisesRegex(Refused, "10-a-folder.toml: Is a directory"):
            host.admin.do("soho.reload")
        host.process.send_signal(signal.SIGHUP)
        eventually(lambda: host.log().count("10-a-folder.toml: Is a directory") == 2)
        self.assertEqual(self.handles(host), 3)

    def test_a_listener_keeps_its_limits_while_it_listens(self):
        listener = f'[[listener]]\naddress = "unix:{self.directory}/NAME.sock"\nlimits = {{ handles = 2 }}\n'
        self.write(listener.replace("NAME", "one"))
        host = hosted(self, PAIR, listen=False, args=("--config", str(self.file)))
        self.write(listener.replace("NAME", "other").replace("handles = 2", "handles = 4"))
        self.assertEqual(len(host.admin.do("soho.reload")["needs_restart"]), 2)
        self.assertEqual(self.handles(host), 2)
        self.write(listener.replace("NAME", "one").replace("handles = 2", "handles = 4"))
        host.admin.do("soho.reload")
        self.assertEqual(self.handles(host), 4)
        self.write("")
        host.admin.do("soho.reload")
        self.assertEqual(self.handles(host), 4)

    def test_what_a_start_would_refuse_is_refused(self):
        keys = pathlib.Path(self.directory) / "keys"
        keys.write_text(subprocess.run([BIN / "soho", "keygen", "me"], capture_output=True, text=True, check=True).stdout)
        keys.chmod(0o600)
        listen = f'[host]\nlisten = ["unix:{self.directory}/s.sock", "tcp:127.0.0.1:0"]\n'
        self.write(listen + f'[login]\nkeys = "{keys}"\n')
        host = hosted(self, PAIR, listen=False, args=("--config", str(self.file)))
        self.write(listen)
        with self.assertRaisesRegex(Refused, r"tcp:127\.0\.0\.1:\d+ is open: nothing says who may use it"):
            host.admin.do("soho.reload")

    def test_rules_and_drop_ins_come_and_go(self):
        self.write(BEFORE + f"""
[host]
listen = ["unix:{self.directory}/s.sock", "tcp:127.0.0.1:0"]
insecure_no_login = true
""")
        host = hosted(self, PAIR, listen=False, args=("--config", str(self.file)))
        tcp = host.addresses()[1]
        folder = pathlib.Path(self.directory) / "sohod.d"
        folder.mkdir()
        (folder / "10-more.toml").write_text("[limits]\nhandles = 6\n")
        (folder / "20-principals.toml").write_text(f'[principal."uid:{os.getuid()}"]\nlimits = {{ handles = 8 }}\n'
                                                   '[[access]]\nwho = "key:nobody-here"\nrights = ["call"]\n')
        answer = host.admin.do("soho.reload")
        self.assertEqual(answer["changed"], ["access", "limits.handles", f"principal.uid:{os.getuid()}.limits"])
        self.assertEqual(self.handles(host), 8)
        with Client(tcp, errors="full") as client:
            self.assertEqual(client.greeting["limits"]["handles"], 6)
        (folder / "20-principals.toml").unlink()
        host.admin.do("soho.reload")
        self.assertEqual(self.handles(host), 6)

    def test_the_command_says_what_came_of_it(self):
        host = self.host()

        def soho(*words):
            return subprocess.run([BIN / "soho", "--host", host.address, *words], capture_output=True, text=True)

        self.assertEqual(soho("reload").stdout, "nothing has changed\n")
        self.write(BEFORE.replace("handles = 3", "handles = 5").replace("pool_threads = 8", "pool_threads = 9"))
        self.assertEqual(soho("reload").stdout, "changed: limits.handles\ntake a restart: limits.pool_threads\n")
        self.write("nonsense")
        refused = soho("reload")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("sohod.toml:1:", refused.stderr)


if __name__ == "__main__":
    unittest.main()
