"""The command `soho` against a real host: each command, what it prints, and its exit code."""
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

BIN = os.environ["SOHO_TEST_BIN_DIR"]
BUNDLED = os.environ["SOHO_TEST_BUNDLED_PLUGIN_DIR"]
PLUGINS = os.environ["SOHO_TEST_PLUGIN_DIR"]
PATIENCE = 60  # seconds, for things that happen at once


class Host:
    """A host of its own, with plugins, until stop()."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="soho-cli-")
        self.address = "unix:" + self.directory + "/sohod.sock"
        plugins = [BUNDLED + "/pair.so"] + [f"{PLUGINS}/{name}.so" for name in ("kinds", "objects", "reply")]
        command = [BIN + "/sohod", "--listen", self.address]
        for plugin in plugins:
            command += ["--plugin", plugin]
        self.log = open(self.directory + "/log", "w+")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        until = time.monotonic() + PATIENCE
        while soho("ping", host=self.address)[0] != 0:
            if self.process.poll() is not None or time.monotonic() > until:
                self.log.seek(0)
                raise RuntimeError("the host did not start:\n" + self.log.read())
            time.sleep(0.02)

    def freeze(self):
        """Stops every thread of it, until it is continued or stop() ends it."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)
        self.log.close()
        shutil.rmtree(self.directory)


def environment(host):
    return {**os.environ, "SOHO_HOST": host}


def soho(*words, host, stdin=""):
    """Exit code, standard output, standard error."""
    data = stdin if isinstance(stdin, bytes) else stdin.encode()
    done = subprocess.run([BIN + "/soho", *words], input=data, capture_output=True, env=environment(host), timeout=PATIENCE)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode()


class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host()

    @classmethod
    def tearDownClass(cls):
        cls.host.stop()

    def run_soho(self, *words, stdin=""):
        return soho(*words, host=self.host.address, stdin=stdin)

    def good(self, *words, stdin=""):
        code, out, err = self.run_soho(*words, stdin=stdin)
        self.assertEqual((code, err), (0, ""), words)
        return out

    def json(self, *words, stdin=""):
        return json.loads(self.good("--json", *words, stdin=stdin))

    def refused(self, expected_code, *words, stdin=""):
        """The sentence, which is one line on standard error; nothing is on standard output."""
        code, out, err = self.run_soho(*words, stdin=stdin)
        self.assertEqual((code, out), (expected_code, ""), (words, err))
        self.assertRegex(err, r"\Asoho: [^\n]+\n\Z")
        return err

    def create(self, name, *words):
        self.good("create", "--as", name, *words)
        self.addCleanup(self.run_soho, "unpublish", name)
        return name


class ObjectsAndCalls(Cli):
    def test_call_prints_a_result_and_nothing_for_nil(self):
        self.assertEqual(self.good("call", "pair", "set_x", "7"), "")
        self.assertEqual(self.good("call", "pair", "get_x"), "7\n")
        self.assertEqual(self.good("call", "pair", "set_x", "-5"), "")
        self.assertEqual(self.json("call", "pair", "get_x"), -5)
        self.assertIsNone(self.json("call", "pair", "set_x", "x=5"))

    def test_create_publishes_and_prints_the_object(self):
        self.create("mine", "Pair", "1", "y=2")
        self.assertEqual(self.good("call", "mine", "get_y"), "2\n")
        self.assertRegex(self.good("open", "mine"), r"\A#\d+ \(Pair\)\n\Z")
        self.assertRegex(self.refused(1, "create", "--as", "mine", "Pair", "1", "2"), r"exists: .*mine")
        out = self.good("create", "--as", "other", "Pair", "1", "2")
        self.assertRegex(out, r"\Aother = #\d+ \(Pair\)\n\Z")
        self.assertEqual(self.good("unpublish", "other"), "")
        self.assertRegex(self.refused(1, "call", "other", "get_x"), "no_object")

    def test_create_without_a_name_is_refused_and_says_what_to_do(self):
        before = self.json("stats")["objects_created"]
        self.assertIn("--as NAME", self.refused(2, "create", "Pair", "1", "2"))
        self.assertEqual(self.json("stats")["objects_created"], before)

    def test_a_target_is_a_name_or_an_id(self):
        self.create("target", "Pair", "3", "4")
        number = self.json("open", "target")["$soho"]
        self.assertEqual(self.good("call", f"#{number}", "get_x"), "3\n")
        self.assertEqual(self.good("call", str(number), "get_x"), "3\n")
        self.assertRegex(self.refused(1, "call", "#1", "get_x"), "no_object")
        self.assertRegex(self.refused(2, "call", "#x", "get_x"), "#NUMBER")

    def test_publish_gives_one_more_name(self):
        self.create("first", "Pair", "1", "2")
        self.good("publish", "first", "second")
        self.good("unpublish", "first")
        self.assertEqual(self.good("call", "second", "get_x"), "1\n")
        self.good("unpublish", "second")

    def test_call_as_publishes_a_result_that_is_an_object(self):
        self.create("numbers", "List")
        self.good("call", "numbers", "append", "5")
        self.assertRegex(self.good("call", "--as", "first", "numbers", "first_number"), r"\Afirst = #\d+ \(Number\)\n\Z")
        self.assertEqual(self.good("call", "first", "get"), "5\n")
        self.good("unpublish", "first")
        self.assertIn("no object", self.refused(1, "call", "--as", "size", "numbers", "size"))

    def test_an_object_can_be_an_argument(self):
        self.create("a", "Account", "100")
        self.create("b", "Account")
        self.good("call", "a", "transfer", "@b", "30")
        self.assertEqual(self.good("call", "b", "get"), "30\n")
        number = self.json("open", "b")["$soho"]
        self.good("call", "a", "transfer", f"to=#{number}", "n=5")
        self.assertEqual(self.good("call", "b", "get"), "35\n")
        self.create("bank", "Bank")
        handles = json.dumps([self.json("open", name) for name in ("a", "b")])
        self.assertEqual(self.good("call", "bank", "sum", handles), "100\n")
        self.assertIn("expected Account: an object", self.refused(2, "call", "a", "transfer", "b", "30"))
        self.assertRegex(self.refused(1, "call", "a", "transfer", "@b", "300"), r"NotEnough: the balance is 65")

    def test_drop_takes_an_object_away(self):
        self.create("doomed", "Pair", "1", "2")
        number = self.json("open", "doomed")["$soho"]
        self.assertEqual(self.good("drop", f"#{number}"), "")
        self.assertRegex(self.refused(1, "call", "doomed", "get_x"), "no_object")


class Arguments(Cli):
    def setUp(self):
        self.create("kinds", "Kinds")

    def echo(self, kind, *words, stdin=""):
        return self.json("call", "kinds", "echo_" + kind, *words, stdin=stdin)

    def test_are_read_by_their_declared_type(self):
        self.assertEqual(self.echo("int64", "-9223372036854775808"), -(2**63))
        self.assertEqual(self.echo("uint64", "18446744073709551615"), 2**64 - 1)
        self.assertEqual(self.echo("float64", "2"), 2.0)
        self.assertIs(self.echo("bool", "true"), True)
        self.assertEqual(self.echo("str", "5"), "5")
        self.assertEqual(self.echo("str", "--json"), "--json")
        self.assertEqual(self.echo("str", ""), "")
        self.assertEqual(self.echo("bytes", "ab"), {"$bytes": "YWI="})
        self.assertEqual(self.echo("list", "[1,2]"), [1, 2])
        self.assertEqual(self.echo("map", '{"a": 1}'), {"a": 1})
        self.assertEqual(self.echo("tuple", '[1, "x", false]'), [1, "x", False])
        self.assertIsNone(self.echo("optional", "null"))
        self.assertEqual(self.echo("optional", "3"), 3)
        self.assertEqual(self.echo("variant", "3"), 3)
        self.assertEqual(self.echo("variant", "three"), "three")
        self.assertEqual(self.echo("struct", '{"x": 1, "y": 2}'), {"x": 1, "y": 2})
        self.assertEqual(self.echo("value", '{"deep": [1, {"er": null}]}'), {"deep": [1, {"er": None}]})
        self.assertEqual(self.echo("value", "bare"), "bare")

    def test_that_do_not_fit_are_wrong_usage(self):
        self.assertEqual(self.refused(2, "call", "kinds", "echo_int8", "128"), "soho: argument value: expected int8, got '128'\n")
        self.assertIn("expected bool", self.refused(2, "call", "kinds", "echo_bool", "1").replace("true or false", "bool"))
        self.assertIn("as JSON", self.refused(2, "call", "kinds", "echo_list", "[1,"))

    def test_may_be_the_standard_input(self):
        self.assertEqual(self.echo("str", "-", stdin="two\nlines\n"), "two\nlines\n")
        self.assertEqual(self.echo("int64", "-", stdin="12\n"), 12)
        self.assertEqual(self.echo("str", "\\-"), "-")

    def test_may_be_keywords_and_more_than_are_declared(self):
        self.assertEqual(self.json("call", "kinds", "point", "label=a=b", "x=1"), [1, 7, "a=b"])
        self.assertEqual(
            self.json("call", "kinds", "variadic", "1", "two", "k=[3]"), {"first": 1, "args": ["two"], "kwargs": {"k": [3]}}
        )

    def test_bytes_come_out_as_they_are(self):
        data = bytes(range(256))
        done = subprocess.run(
            [BIN + "/soho", "call", "kinds", "echo_bytes", "-"], input=data, capture_output=True, env=environment(self.host.address)
        )
        self.assertEqual(done.stdout, data)

    def test_errors_of_the_method_and_the_host_exit_with_1(self):
        self.assertEqual(self.refused(1, "call", "kinds", "raise", "KeyError", "no key 'k'"), "soho: KeyError: no key 'k'\n")
        self.assertRegex(self.refused(1, "call", "kinds", "nosuch"), r"no_method: .*Kinds.*nosuch")
        self.assertRegex(self.refused(1, "call", "kinds", "echo_str"), "bad_arguments")
        self.assertRegex(self.refused(1, "describe", "Nosuch"), "no_type")
        sentence = self.refused(1, "call", "kinds", "raise", "E", "two\nlines")
        self.assertEqual(sentence, "soho: E: two lines\n")

    def test_a_timeout_ends_a_call(self):
        self.create("box", "Mailbox")
        self.assertRegex(self.refused(1, "--timeout", "2s", "call", "box", "get"), "deadline")


class Reports(Cli):
    def test_types_and_describe(self):
        self.assertRegex(self.good("types"), r"(?m)^Pair +1\.0 +pair +yes +get_x ")
        by_name = {each["type"]: each for each in self.json("types")}
        self.assertEqual(by_name["get_pair_ro"]["methods"].keys(), {"get_x"})
        text = self.good("describe", "Kinds")
        self.assertIn("Kinds 1.2, of the plugin kinds\n  Every type of argument and result.\n", text)
        self.assertIn("point(x: int64, y: int64 = 7, label: str = \"none\")", text)
        self.assertIn("Two numbers and a label", text)
        self.assertIn("not to be created by name", self.good("describe", "Number"))
        self.assertEqual(self.json("describe", "Pair")["version"], [1, 0])

    def test_names_objects_and_sessions(self):
        self.create("reported", "Pair", "1", "2")
        self.assertRegex(self.good("names"), r"(?m)^reported +Pair +\d+$")
        self.assertIn({"name": "pair", "type": "get_pair"}, [{k: each[k] for k in ("name", "type")} for each in self.json("names")])
        rows = [each for each in self.json("objects") if each["names"] == ["reported"]]
        self.assertEqual(rows[0]["type"], "Pair")
        self.assertRegex(self.good("objects"), r"name reported")
        self.assertEqual(self.json("sessions")[0]["client"].split()[0], "soho")
        self.assertRegex(self.good("sessions"), r"\ASESSION +PRINCIPAL")

    def test_objects_referrers(self):
        self.create("node", "Node", "n")
        self.create("held", "Pair", "1", "2")
        self.good("call", "node", "link", "key", "@held")
        number = self.json("open", "held")["$soho"]
        self.assertEqual([each["type"] for each in self.json("objects", "--referrers", f"#{number}")], ["Node"])

    def test_stats_health_plugins_ping_whoami(self):
        self.assertGreater(self.json("stats")["requests"], 0)
        self.assertRegex(self.good("stats"), r"(?m)^objects_created +\d+$")
        self.assertEqual(self.json("health")["status"], "ok")
        self.assertRegex(self.good("health"), r"\Aok: sohod/")
        self.assertIn("pair", [each["name"] for each in self.json("plugins")])
        self.assertRegex(self.good("plugins"), r"(?m)^pair +1\.0 +loaded")
        self.assertRegex(self.good("ping"), r"answers in [\d.]+ ms\n\Z")
        self.assertGreaterEqual(self.json("ping"), 0)
        self.assertIn(f"uid:{os.getuid()}", self.good("whoami"))
        self.assertIn("admin", self.json("whoami")["rights"])

    def test_log_level(self):
        self.good("log-level", "debug")
        self.good("log-level", "info")
        self.assertRegex(self.refused(1, "log-level", "loud"), "bad_arguments")

    def test_help_and_version(self):
        for words in (["--help"], ["call", "--help"], ["shell", "--help"], ["--version"]):
            self.assertIn("soho", self.good(*words))
        self.assertIn("say a command", self.refused(2))
        self.assertIn("no command 'bogus'", self.refused(2, "bogus"))
        self.assertIn("soho call TARGET METHOD", self.refused(2, "call", "pair"))

    def test_wrong_options_are_named(self):
        for words in (["--bogus", "types"], ["--bogus", "5", "types"]):
            self.assertEqual(self.refused(2, *words), "soho: there is no option '--bogus'; see soho --help\n")
        self.assertEqual(self.refused(2, "ping", "--bogus"), "soho: ping has no option '--bogus'; see soho ping --help\n")
        self.assertIn("at most about 30 years", self.refused(2, "--timeout", "1e13", "ping"))


class Finding(unittest.TestCase):
    def test_no_host_exits_with_3_and_names_what_was_tried(self):
        code, out, err = soho("ping", host="unix:/nonexistent/socket")
        self.assertEqual((code, out), (3, ""))
        self.assertIn("unix:/nonexistent/socket", err)
        with tempfile.TemporaryDirectory() as directory:
            variables = {key: value for key, value in os.environ.items() if key != "SOHO_HOST"}
            variables["XDG_RUNTIME_DIR"] = directory
            done = subprocess.run([BIN + "/soho", "ping"], capture_output=True, env=variables)
            self.assertIn(f"unix:{directory}/soho/sohod.sock", done.stderr.decode())
            # The machine may have a host of its own; else its socket was tried, too.
            self.assertTrue(done.returncode == 0 or b"unix:/run/sohod/sohod.sock" in done.stderr)

    def test_a_malformed_address_is_wrong_usage(self):
        for words in (["--host", "nonsense", "ping"], ["ping"]):
            code, _, err = soho(*words, host="nonsense")
            self.assertEqual(code, 2)
            self.assertIn("is not an address", err)

    def test_host_option_comes_before_the_environment(self):
        host = Host()
        self.addCleanup(host.stop)
        self.assertEqual(soho("--host", host.address, "ping", host="unix:/nonexistent")[0], 0)

    def test_a_host_that_dies_exits_with_3(self):
        host = Host()
        self.addCleanup(host.stop)
        self.assertEqual(soho("create", "--as", "box", "Mailbox", host=host.address)[0], 0)
        waiting = subprocess.Popen(
            [BIN + "/soho", "call", "box", "get"], stderr=subprocess.PIPE, env=environment(host.address), text=True
        )
        until = time.monotonic() + PATIENCE
        while json.loads(soho("--json", "call", "box", "waiting", host=host.address)[1]) != 1:
            self.assertLess(time.monotonic(), until)
        host.process.send_signal(signal.SIGKILL)
        _, err = waiting.communicate(timeout=PATIENCE)
        self.assertEqual(waiting.returncode, 3)
        self.assertRegex(err, r"\Asoho: the connection to .* is lost: .*; the call may have run\n\Z")

    def test_a_host_that_is_stopped_exits_with_3_after_the_timeout(self):
        host = Host()
        self.addCleanup(host.stop)
        host.freeze()
        code, out, err = soho("--timeout", "0.3", "call", "pair", "get_x", host=host.address)
        self.assertEqual((code, out), (3, ""))
        self.assertEqual(err, f"soho: no host answers at {host.address} (deadline: it did not answer in time)\n")

    def test_a_host_that_stops_in_the_middle_exits_with_1_after_the_timeout(self):
        host = Host()
        self.addCleanup(host.stop)
        shell = subprocess.Popen(
            [BIN + "/soho", "--timeout", "3", "shell"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment(host.address), text=True,
        )
        shell.stdin.write("pair.get_x\n")
        shell.stdin.flush()
        shell.stdout.readline()
        host.freeze()
        out, err = shell.communicate("pair.get_x\n", timeout=PATIENCE)
        self.assertEqual((shell.returncode, out), (1, ""))
        self.assertEqual(
            err, f"soho: line 2: deadline: the host at {host.address} did not answer in time; the call may have run\n")

    def test_a_host_that_hangs_up_before_the_login_exits_with_3(self):
        with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(directory + "/sock")
            listener.listen()

            def hang_up():
                connection, _ = listener.accept()
                connection.recv(1)  # some of the hello; what is unread makes this a reset
                connection.close()

            hanging = threading.Thread(target=hang_up)
            hanging.start()
            code, out, err = soho("call", "box", "get", host=f"unix:{directory}/sock")
            hanging.join()
        self.assertEqual((code, out), (3, ""))
        why = "(the host closed the connection|Connection reset by peer)"
        self.assertRegex(err, rf"\Asoho: no host answers at unix:\S+ \({why} before the login ended\)\n\Z")

    def test_shutdown_ends_the_host(self):
        host = Host()
        self.addCleanup(host.stop)
        self.assertEqual(soho("shutdown", host=host.address), (0, "", ""))
        self.assertEqual(host.process.wait(PATIENCE), 0)
        self.assertEqual(soho("ping", host=host.address)[0], 3)


class Shell(Cli):
    def shell(self, *lines):
        return self.good("shell", stdin="\n".join(lines) + "\n")

    def test_keeps_objects_in_variables(self):
        out = self.shell("# a comment", "p = create Pair 5 6", "p.set_x 7", "p.get_x", "x = p.get_x", "p.set_y @x", "p.get_y", "vars", "p")
        self.assertRegex(out, r"\A7\n7\np = #\d+ \(Pair\)\nx = 7\n#\d+ \(Pair\)\n\Z")

    def test_objects_go_with_their_variables(self):
        until = time.monotonic() + PATIENCE
        while not all(each["names"] for each in self.json("objects")):  # those of the shell before this one may be ending yet
            self.assertLess(time.monotonic(), until)
        before = self.json("stats")["objects"]
        out = self.shell("p = create Pair 5 6", "q=create Pair 1 2", "--json stats", "unset p q", "--json stats")
        counts = [json.loads(line)["objects"] for line in out.splitlines()]
        self.assertEqual(counts, [before + 2, before])

    def test_calls_published_objects_and_runs_every_command(self):
        out = self.shell("pair.set_x 41", "pair.get_x", "call pair get_x", "names", "ping", "help", "describe Pair")
        self.assertTrue(out.startswith("41\n41\n"))
        self.assertIn("Pair 1.0", out)

    def test_takes_json_and_quoted_words(self):
        out = self.shell("k = create Kinds", 'k.echo_value {"a b": [1, 2]}', "k.echo_str 'two words'", "k.text_of null")
        self.assertEqual(out, '{"a b": [1, 2]}\ntwo words\nnull\n')

    def test_passes_objects_from_variables(self):
        out = self.shell("a = create Account 100", "b = create Account", "a.transfer @b 30", "b.get")
        self.assertEqual(out, "30\n")

    def test_prints_json(self):
        self.assertEqual(self.good("--json", "shell", stdin="pair.set_y 3\npair.get_y\n"), "null\n3\n")

    def test_ends_at_the_first_line_that_fails(self):
        for line, expected, sentence in (
            ("pair.nosuch", 1, "no_method"),
            ("bogus", 2, "'bogus' is no command"),
            ("create Pair 1 2", 2, "p = create"),
            ("call pair", 2, "call lacks something"),
            ("pair.set_x 'a", 2, "is not closed"),
            ("x =", 2, "'x'"),
            ("ping = create Pair 1 2", 2, "'ping' is a command: the variable needs another name"),
            ("vars=create Pair 1 2", 2, "'vars' is a command: the variable needs another name"),
        ):
            code, out, err = self.run_soho("shell", stdin="ping\n" + line + "\nping\n")
            self.assertEqual(code, expected, line)
            self.assertIn("soho: line 2: ", err)
            self.assertIn(sentence, err)
            self.assertEqual(out.count("answers"), 1)

    def test_exit_ends_it(self):
        self.assertEqual(self.shell("exit", "bogus"), "")

    def test_completes_on_a_terminal(self):
        terminal, other = pty.openpty()
        shell = subprocess.Popen(
            [BIN + "/soho", "shell"], stdin=other, stdout=other, stderr=other, start_new_session=True,
            env={**environment(self.host.address), "TERM": "vt100"},
        )
        os.close(other)
        self.addCleanup(os.close, terminal)
        self.addCleanup(shell.kill)
        seen = ""

        def wait_for(pattern):
            nonlocal seen
            until = time.monotonic() + PATIENCE
            while not re.search(pattern, seen):
                self.assertLess(time.monotonic(), until, repr(seen))
                if select.select([terminal], [], [], 1)[0]:
                    seen += os.read(terminal, 4096).decode(errors="replace")
            seen = ""

        wait_for("soho> ")
        for typed, shown in (
            (b"descr\tKin\t\n", r"Kinds 1\.2, of the plugin kinds"),  # commands and types
            (b"p = cre\tPair 5 6\n", r"soho> \Z"),
            (b"p.set_x 77\n", r"soho> \Z"),
            (b"p.get_x\n", r"77"),
            (b"call pai\tget_y\n", r"\d\r?\n"),  # names
            (b"pair.set_y\t 12\n", r"soho> \Z"),  # methods
            (b"nonsense\n", r"soho: 'nonsense' is no command"),  # and it goes on
            (b"vars\n", r"p = #\d+ \(Pair\)"),
        ):
            os.write(terminal, typed)
            wait_for(shown)
        os.write(terminal, b"exit\n")
        self.assertEqual(shell.wait(PATIENCE), 0)


del Cli  # only its heirs are to be run

if __name__ == "__main__":
    unittest.main()
