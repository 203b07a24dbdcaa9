"""What the host logs: as text or JSON, of each subsystem and plugin as much as is asked for, with whom and what each call's line is
about; and that nobody can hold it up by not reading."""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rpartition("/tests/")[0] + "/tests/support")
from soho_e2e import BIN, PAIR, Client, Refused, eventually, hosted, plugin  # noqa: E402


class Lines(unittest.TestCase):
    def lines(self, host, **wanted):
        """The JSON lines that have these members."""
        lines = [json.loads(line) for line in host.log().splitlines()]
        return [line for line in lines if all(line.get(key) == value for key, value in wanted.items())]

    def test_each_call_is_a_line_where_that_is_asked_for(self):
        host = hosted(self, PAIR, plugin("reply"), args=["--log-format", "json", "--log-levels", "call=debug"])
        client = host.client()
        session = client.do("soho.whoami")["session"]
        client.call("pair", "set_x", 7, trace="t-1")
        with self.assertRaises(Refused):
            client.call("pair", "set_x", "seven")
        box = client.create("Mailbox")
        client.reply(client.start(box, "later", "done", 1))
        client.call(client.create("Slow"), "sleep", 1)
        who = {"session": session, "principal": f"uid:{os.getuid()}", "subsystem": "call", "level": "debug"}
        line, = self.lines(host, type="get_pair", method="set_x", code="ok", **who)
        self.assertEqual((line["trace"], line["message"]), ("t-1", "a call"))
        self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertGreaterEqual(line["duration_ms"], 0)
        eventually(lambda: self.lines(host, type="Mailbox", method="later", code="ok", **who), "the late one's")
        eventually(lambda: self.lines(host, type="Slow", method="sleep", code="ok", **who), "the pool's")
        self.assertTrue(self.lines(host, type="Mailbox", method="(create)", **who))
        self.assertNotIn("seven", host.log())

    def test_calls_that_are_refused_are_lines(self):
        host = hosted(self, PAIR, plugin("reply"), args=["--log-format", "json", "--log-levels", "call=debug"])
        client = host.client()
        session = client.do("soho.whoami")["session"]
        for act in (lambda: client.call("pair", "set_z", 7, trace="t-1"), lambda: client.call("pair", "set_x", 1, 2), lambda: client.call("pear", "get_x"),
                    lambda: client.do("pair.get_z"), lambda: client.create("Mailboxes")):
            with self.assertRaises(Refused):
                act()
        who = {"session": session, "principal": f"uid:{os.getuid()}", "subsystem": "call", "level": "debug", "message": "a refused call"}
        self.assertEqual([(line.get("type"), line.get("method"), line.get("request"), line["code"]) for line in self.lines(host, **who)],
                         [(None, None, "soho.call", "no_method"), ("get_pair", "set_x", None, "bad_arguments"),
                          (None, None, "soho.call", "no_object"), (None, None, "pair.get_z", "no_method"), (None, None, "soho.create", "no_type")])
        first = self.lines(host, **who)[0]
        self.assertEqual(first["trace"], "t-1")
        self.assertIn('type get_pair exposes no method "set_z"', first["reason"])

    def test_a_peer_writes_no_fields(self):
        forged = 'x\x1ensession\x1f7\x1etprincipal\x1froot\x1d\x1et\x1e'
        host = hosted(self, plugin("reply"), args=["--log-format", "json", "--log-level", "debug"])
        client = host.client()
        waits = client.start(client.create("Mailbox"), "get")
        client.last_msgid = waits - 1
        client.request(forged)
        client.closed()
        eventually(lambda: "was used for" in host.log())
        line, = [json.loads(line) for line in host.log().splitlines() if "was used for" in line]
        self.assertEqual(set(line), {"time", "level", "subsystem", "message"})
        self.assertIn(forged, line["message"])

    def test_calls_of_objects_on_objects_are_lines_and_counted(self):
        host = hosted(self, plugin("objects"), args=["--log-format", "json", "--log-levels", "call=debug"])
        client = host.client()
        session = client.do("soho.whoami")["session"]
        one, other = client.create("Node", "one"), client.create("Node", "other")
        client.call(one, "link", "next", other)
        for method in ("ask", "ask_and_wait"):
            client.call(one, method, "next", "name", trace="t-2")
        inner = {"principal": "plugin:objects", "session": session, "type": "Node", "method": "name", "code": "ok", "trace": "t-2"}
        eventually(lambda: len(self.lines(host, **inner)) == 2, "the lines of the inner calls")
        self.assertTrue(all(0 <= line["duration_ms"] < 60_000 for line in self.lines(host, **inner)))
        counted = {each["method"]: each for each in client.do("soho.stats", {"methods": True})["methods"]}
        self.assertEqual((counted["name"]["calls"], counted["name"]["errors"]), (2, 0))

    def test_slow_calls_are_lines_and_late_replies_are_not_slow(self):
        host = hosted(self, plugin("reply"), config="[host]\nslow_call_ms = 200\n[limits]\nstuck_ms = 60000\n")
        client = host.client()
        slow, box = client.create("Slow"), client.create("Mailbox")
        client.call(slow, "quick")
        client.call(slow, "sleep", 400, trace="abc")
        client.call(slow, "spin", 400)
        client.call(box, "later", "done", 400)
        pattern = (r"warning call: a slow call session=\d+ principal=uid:\d+ type=Slow method=(\w+) "
                   r"duration_ms=(\d+)\.\d{3} code=ok( trace=abc)?\n")
        eventually(lambda: len(re.findall(pattern, host.log())) == 2, "two lines")
        self.assertEqual([(method, trace) for method, _, trace in re.findall(pattern, host.log())],
                         [("sleep", " trace=abc"), ("spin", "")])
        self.assertTrue(all(int(ms) >= 400 for _, ms, _ in re.findall(pattern, host.log())))
        self.assertNotIn("Mailbox", host.log().replace("plugin", ""))

    def test_levels_change_while_it_runs(self):
        host = hosted(self, PAIR)
        client = host.client()

        def soho(*words):
            return subprocess.run([BIN / "soho", "--host", host.address, *words], capture_output=True, text=True)

        client.do("pair.get_x")
        self.assertNotIn("a call", host.log())
        self.assertEqual(soho("log-level", "debug", "call").returncode, 0)
        client.do("pair.get_x")
        self.assertEqual(host.log().count("debug call: a call "), 1)
        self.assertEqual(soho("log-level", "warning", "call").returncode, 0)
        client.do("pair.get_x")
        self.assertEqual(host.log().count("debug call: a call "), 1)
        refused = soho("log-level", "debug", "cal")
        self.assertEqual(refused.returncode, 1)
        self.assertIn('nothing that is called "cal" logs: host, session, call, plugin or plugin.NAME does', refused.stderr)

    def test_a_plugin_has_a_level_of_its_own_and_its_lines_stay_lines(self):
        for levels, there in (({}, True), ({"plugin.chatter": "error"}, False), ({"plugin": "error"}, False),
                              ({"plugin": "error", "plugin.chatter": "info"}, True)):
            with self.subTest(levels=levels):
                rows = "".join(f'"{name}" = "{level}"\n' for name, level in levels.items())
                host = hosted(self, plugin("chatter"), config="[host.log_levels]\n" + rows)
                client = host.client()
                client.call(client.create("Chatter"), "say", "one\nwarning call: two\x1e\x1f")
                client.do("soho.ping")
                self.assertEqual("info plugin.chatter: one warning call: two  \n" in host.log(), there)

    def test_a_wrong_name_or_level_is_refused(self):
        for config, sentence in (
                ('[host.log_levels]\ncal = "debug"\n', 'log_levels: nothing that is called "cal" logs; did you mean "call"?'),
                ('[host.log_levels]\ncall = "loud"\n', "debug, info, warning, error"),
                ('[host]\nlog_format = "yaml"\n', "sohod.toml:2:14: must be one of text, json")):
            with self.subTest(config):
                directory = self.enterContext(tempfile.TemporaryDirectory())
                with open(directory + "/sohod.toml", "w") as file:
                    file.write(config)
                checked = subprocess.run([BIN / "sohod", "--check-config", "--config", directory + "/sohod.toml"],
                                         capture_output=True, text=True)
                self.assertEqual(checked.returncode, 2)
                self.assertIn(sentence, checked.stderr)

    def test_a_log_that_nobody_reads_holds_nobody_up(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        host = subprocess.Popen([BIN / "sohod", "--no-config", "--plugin", PAIR, "--listen", f"unix:{directory}/s",
                                 "--log-levels", "call=debug"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(host.stdout.close)
        self.addCleanup(host.stderr.close)
        self.addCleanup(host.wait)
        self.addCleanup(host.kill)
        self.assertIn(b"listens on", host.stdout.readline())
        with Client(f"unix:{directory}/s") as client:
            for _ in range(3000):  # at 100 bytes and more a line the pipe is full long before
                client.do("pair.get_x")
            text = b""
            while b"lines are missing here: nobody read the log" not in text:
                text += os.read(host.stderr.fileno(), 65536)
                client.do("pair.get_x")
        self.assertRegex(text.decode(), r"\n\S+ \S+ warning (\d+) lines are missing here: nobody read the log\n")
        self.assertTrue(all(re.match(r"\d{4}-\d\d-\d\d ", line) for line in text.decode().splitlines()[:-1]))


if __name__ == "__main__":
    unittest.main()
