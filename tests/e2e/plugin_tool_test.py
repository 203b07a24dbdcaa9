"""`soho plugin` for authors: inspect, run, new, how the shell command hands over, and how each says what it cannot do."""
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import soho_e2e as e2e

TOOL, SOHO = e2e.BIN / "soho-plugin", e2e.BIN / "soho"


def run(*words, stdin="", environment={}, cwd=None):
    """Exit code, standard output, standard error."""
    done = subprocess.run([str(word) for word in words], input=stdin, capture_output=True, text=True, cwd=cwd,
                          env={**os.environ, **environment})
    return done.returncode, done.stdout, done.stderr


class InTemporaryFolder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="soho-plugin-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)


class Inspect(unittest.TestCase):
    def test_types_are_what_a_host_says_of_them(self):
        for file, names in ((e2e.PAIR, None), (e2e.plugin("kinds"), None), (e2e.plugin("objects"), None), (e2e.plugin("pure_c"), None)):
            code, out, err = run(TOOL, "inspect", file, "--json")
            self.assertEqual((code, err), (0, ""))
            inspected = json.loads(out)
            host = e2e.hosted(self, file)
            for described in inspected["types"]:
                code, out, err = run(SOHO, "--host", host.address, "--json", "describe", described["type"])
                self.assertEqual((code, json.loads(out), err), (0, described, ""))
            self.assertEqual(len(inspected["types"]), len(host.admin.do("soho.types")))

    def test_the_note_is_told_although_the_plugin_cannot_be_loaded(self):
        for name, said in (("throws_in_load", "no such device"), ("undefined_symbol", "soho_test_function_that_nobody_has")):
            code, out, err = run(TOOL, "inspect", "--json", e2e.BAD / f"{name}.so")
            self.assertEqual(code, 1)
            self.assertIn(said, err)
            self.assertEqual(json.loads(out)["plugin"], {"name": name, "version": "1.0", "abi": 1, "sdk": "0.1.0"})

    def test_a_plugin_that_crashes_ends_only_a_child(self):
        code, out, err = run(TOOL, "inspect", e2e.plugin("planted/crash_in_load"))
        self.assertEqual(code, 1)
        self.assertIn("crash_in_load 1.0", out)
        # A sanitizer takes the signal for its report, and ends the process itself.
        self.assertIn("ABORTING" if "SOHO_TEST_SANITIZED" in os.environ else "SIGSEGV", err)

    def test_what_people_read(self):
        code, out, _ = run(TOOL, "inspect", e2e.PAIR)
        self.assertEqual(code, 0)
        for text in ("plugin pair 1.0, ABI 1", "publishes pair, a get_pair", "Pair(x: int64, y: int64)", "set_x(x: int64) -> nil",
                     "not exposed: set_x", "state of version 1: its objects live on"):
            self.assertIn(text, out)

    def test_which_types_have_state(self):
        for file, versions in ((e2e.plugin("pure_c"), {"CCounter": 1}), (e2e.plugin("reply"), {}),
                               (e2e.PAIR, {"Pair": 1, "get_pair": 1, "get_pair_ro": 1}),
                               (e2e.BUNDLED / "sync.so", dict.fromkeys(("list", "dict", "set", "deque", "Namespace", "Value", "Array"), 1))):
            registered = json.loads(run(TOOL, "inspect", file, "--json")[1])["registered"]
            self.assertEqual({name: said["state"] for name, said in registered.items() if "state" in said}, versions)

    def test_a_process_that_it_was_born_with_lives_on(self):
        for words in (f"inspect {e2e.PAIR}", f"check --time 0.2 {e2e.PAIR}"):
            # The shell's child is the tool's when the tool takes the shell's place.
            shell = subprocess.run(["sh", "-c", f'sleep 600 >/dev/null 2>&1 & echo $!; exec "{TOOL}" {words}'], capture_output=True, text=True)
            sleep = int(shell.stdout.splitlines()[0])
            os.kill(sleep, signal.SIGKILL)  # there is one
            self.assertIn("pair.so", shell.stdout)

    def test_a_file_that_is_no_plugin(self):
        code, out, err = run(TOOL, "inspect", e2e.BAD / "not_elf.so")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("not an ELF file", err)


class Terminal:
    """A program in a terminal of its own, with somebody who types."""

    def __init__(self, *words, environment):
        self.process, self.master = pty.fork()
        if self.process == 0:
            os.execve(words[0], [str(word) for word in words], environment)
        self.text = ""

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_for(self, text):
        """Until it is on the screen; what was before it is forgotten."""
        until = time.monotonic() + e2e.PATIENCE
        while text not in self.text:
            if not select.select([self.master], [], [], max(0, until - time.monotonic()))[0]:
                raise AssertionError(f"{text!r} did not come after {self.text!r}")
            try:
                self.text += os.read(self.master, 4096).decode()
            except OSError:
                raise AssertionError(f"it ended before {text!r}: {self.text!r}") from None
        self.text = self.text[self.text.index(text) + len(text):]

    def wait_for_prompt(self):
        """Until a line is edited: what is typed before that, between the prompt and then, is the terminal's to interpret."""
        self.wait_for("soho> ")
        e2e.eventually(lambda: not termios.tcgetattr(self.master)[3] & termios.ICANON, "that a line is edited")

    def wait(self):
        try:
            while os.read(self.master, 4096):
                pass
        except OSError:
            pass  # nobody has the terminal any more
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])

    def close(self):
        os.close(self.master)


class Run(InTemporaryFolder):
    def test_a_shell_to_a_host_that_ends_with_it(self):
        code, out, err = run(TOOL, "run", e2e.PAIR, stdin="p = create Pair 5 6\np.get_y\nstats\n", environment={"XDG_RUNTIME_DIR": str(self.folder)})
        self.assertEqual((code, out.splitlines()[0]), (0, "6"), err)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_the_exit_code_is_the_shells(self):
        self.assertEqual(run(TOOL, "run", e2e.PAIR, stdin="frobnicate\n")[0], 2)

    def test_further_arguments_are_the_hosts(self):
        code, out, _ = run(TOOL, "run", e2e.PAIR, "--", "--set", "plugin.pair.prefix=\"acme.\"", stdin="p = create acme.Pair 5 6\np.get_x\n")
        self.assertEqual((code, out), (0, "5\n"))

    def test_a_plugin_that_is_refused(self):
        code, out, err = run(TOOL, "run", e2e.BAD / "throws_in_load.so")
        self.assertEqual(code, 1)
        self.assertIn("no such device", err)
        self.assertIn("the host did not start", err)

    def test_what_the_plugin_prints_is_seen_and_never_stops_it(self):
        line = "x" * 99
        code, out, err = run(TOOL, "run", e2e.plugin("hazard"), stdin=f"hazard.print {line} 3000\nhazard.add 42\n")
        self.assertEqual(code, 0, err[-500:])
        lines = out.splitlines()
        self.assertEqual(lines.count(line), 3000)  # more than four times what a pipe holds
        self.assertEqual([other for other in lines if other != line], ["42"])  # and no greeting

    def test_a_reader_who_goes_stops_nothing(self):
        shell = subprocess.run(["bash", "-c", f'"{TOOL}" run "{e2e.plugin("hazard")}" | head -n1; exit ${{PIPESTATUS[0]}}'],
                               input="hazard.print hello 30000\nhazard.add 42\n", capture_output=True, text=True, env=self.private())
        self.assertEqual(shell.stdout, "hello\n")
        self.assertEqual(list(self.folder.iterdir()), [], shell.stderr[-500:])

    def private(self):
        return {**os.environ, "XDG_RUNTIME_DIR": str(self.folder)}

    def slow_to_start(self):
        """The tool beside a host that never comes to listen, nor to its senses."""
        place = self.folder / "bin"
        place.mkdir()
        shutil.copy(TOOL, place)
        (place / "soho").symlink_to(SOHO)
        (place / "sohod").write_text("#!/bin/sh\ntrap '' TERM\necho it loads\nwhile :; do sleep 0.05; done\n")
        (place / "sohod").chmod(0o755)
        return place / "soho-plugin"

    def test_a_signal_ends_all_and_leaves_nothing(self):
        here = self.folder / "run"
        here.mkdir()
        tool = self.slow_to_start()
        for number in (signal.SIGQUIT, signal.SIGHUP):  # whoever runs this test may ignore them, and the tool would, too
            self.addCleanup(signal.signal, number, signal.signal(number, signal.SIG_DFL))
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            process = subprocess.Popen([tool, "run", e2e.PAIR], stdout=subprocess.PIPE, text=True, process_group=0,
                                       env={**os.environ, "XDG_RUNTIME_DIR": str(here)})
            self.addCleanup(process.stdout.close)
            self.assertEqual(process.stdout.readline(), "it loads\n")
            self.assertEqual(len(list(here.iterdir())), 1)
            process.send_signal(number)
            self.assertEqual(process.wait(e2e.PATIENCE), -number)
            self.assertEqual(process.stdout.read(), "")  # nobody has it open any more: the host is gone, too
            self.assertEqual(list(here.iterdir()), [])

    def test_so_it_does_while_the_shell_runs(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            process = subprocess.Popen([TOOL, "run", e2e.PAIR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.private())
            self.addCleanup(process.stdout.close)
            self.addCleanup(process.stdin.close)
            process.stdin.write("pair.get_x\n")
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), "5\n")
            self.assertEqual(len(list(self.folder.iterdir())), 1)
            process.send_signal(number)
            self.assertEqual(process.wait(e2e.PATIENCE), -number)
            self.assertEqual(process.stdout.read(), "")
            self.assertEqual(list(self.folder.iterdir()), [])

    def test_ctrl_c_at_the_prompt_clears_the_line(self):
        terminal = Terminal(TOOL, "run", e2e.PAIR, environment=self.private())
        self.addCleanup(terminal.close)
        terminal.wait_for_prompt()
        terminal.type("p = create Pair 41 6\r")
        terminal.wait_for_prompt()
        terminal.type("p.set_x 9\x03p.get_x\r")
        terminal.wait_for("\n41\r\n")
        terminal.wait_for_prompt()
        terminal.type("\x03\x04")  # and so where there is nothing to clear; then the end
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_ctrl_c_while_a_call_runs_ends_the_shell_and_the_host(self):
        terminal = Terminal(TOOL, "run", e2e.plugin("hazard"), environment=self.private())
        self.addCleanup(terminal.close)
        terminal.wait_for_prompt()
        terminal.type("hazard.add 7\r")
        terminal.wait_for("\n7\r\n")
        terminal.wait_for_prompt()
        terminal.type("hazard.sleep\r")
        terminal.wait_for("hazard.sleep\r\n")
        time.sleep(0.3)  # until the call is on its way; earlier is well, too
        terminal.type("\x03")
        self.assertEqual(terminal.wait(), 128 + signal.SIGINT)  # as the shell's
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_no_place_for_the_socket(self):
        code, out, err = run(TOOL, "run", e2e.PAIR, environment={"XDG_RUNTIME_DIR": "/nonexistent/place"})
        self.assertEqual((code, out), (1, ""))
        self.assertIn("in /nonexistent/place: No such file or directory", err)

    def test_under_the_debugger_nothing_watches_the_host(self):
        # Stands for gdb: shows how it was called, and checks the config that the host is given.
        gdb = self.folder / "gdb"
        gdb.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nenv | grep -c "^NOTIFY_SOCKET=\\|^WATCHDOG_"\nexit 0\n')
        gdb.chmod(0o755)
        code, out, err = run(TOOL, "run", "--gdb", e2e.PAIR, environment={
            "PATH": f"{self.folder}:{os.environ['PATH']}", "WATCHDOG_USEC": "1000000", "NOTIFY_SOCKET": "/run/nobody"})
        self.assertEqual(code, 0, err)
        words = out.splitlines()
        self.assertEqual(words.pop(), "0")
        host = words[words.index("--args") + 1:]
        off = dict(zip(host, host[1:]))
        self.assertEqual([off[name] for name in ("--stuck-ms", "--slow-call-ms", "--idle-ms")], ["0", "0", "0"])
        self.assertIn("shell", err)
        # sohod takes all of them.
        checked = run(*host[:1], *[word for word in host[1:] if word != "--no-config"], "--check-config")
        self.assertIn("which file?", checked[2])

    def test_a_host_that_is_told_so_calls_no_method_stuck(self):
        said = "has kept a reactor"
        for stuck_ms in (10, 0):
            host = e2e.Host(e2e.plugin("stall"), args=["--stuck-ms", str(stuck_ms), "--reactors", "1"])
            self.addCleanup(host.kill)
            client = host.client()
            client.start(client.create("Stall"), "hold0", "text")
            if stuck_ms != 0:
                e2e.eventually(lambda: said in host.log())
            else:
                time.sleep(0.5)  # fifty times what was enough before
                self.assertNotIn(said, host.log())

    @unittest.skipUnless(shutil.which("gdb") and "SOHO_TEST_SANITIZED" not in os.environ, "there is no gdb")
    def test_the_host_really_runs_under_it(self):
        process = subprocess.Popen([TOOL, "run", "--gdb", e2e.PAIR], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        address, said = None, ""
        for line in process.stdout:
            said += line
            found = re.search(r"listens on (unix:\S+)", line)
            if found:
                address = found.group(1)
                break
            if "ptrace" in line:
                process.kill()
                self.skipTest("this machine lets nobody trace: " + line)
        self.assertIsNotNone(address, said)
        with e2e.Client(address) as client:
            self.assertEqual(client.do("pair.get_x"), 5)
            client.do("soho.shutdown")
        process.communicate("quit\n")
        self.assertEqual(process.returncode, 0)


class New(InTemporaryFolder):
    def new(self, *words):
        return run(TOOL, "new", *words, cwd=self.folder)

    def test_writes_a_whole_project(self):
        code, out, err = self.new("my_counter")
        self.assertEqual((code, err), (0, ""))
        files = sorted(str(path.relative_to(self.folder / "my_counter")) for path in (self.folder / "my_counter").rglob("*") if path.is_file())
        self.assertEqual(files, [".gitignore", "CMakeLists.txt", "README.md", "src/my_counter.cpp", "src/my_counter.hpp",
                                 "tests/CMakeLists.txt", "tests/host_test", "tests/my_counter_test.cpp"])
        for file in files:
            self.assertIn(f"my_counter/{file}\n", out)
            self.assertNotRegex((self.folder / "my_counter" / file).read_text(), "plugin_name|PluginClass|soho_sdk_version")
        self.assertTrue(os.access(self.folder / "my_counter" / "tests" / "host_test", os.X_OK))
        self.assertIn("class MyCounter", (self.folder / "my_counter/src/my_counter.hpp").read_text())

    def test_into_another_folder(self):
        self.assertEqual(self.new("counter", "--dir", "some/where")[0], 0)
        self.assertTrue((self.folder / "some/where/src/counter.cpp").exists())

    def test_names_that_are_none(self):
        for name, said in (("my-counter", "'my_counter' would be one"), ("1st", "begins with a letter"), ("class", "take another name"),
                           ("a/b", "begins with a letter"), ("soho", "take another name"), ("", "begins with a letter")):
            code, out, err = self.new("--", name)
            self.assertEqual((code, out), (2, ""), name)
            self.assertIn(said, err)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_folder_that_is_there_is_left_alone(self):
        (self.folder / "counter").mkdir()
        code, _, err = self.new("counter")
        self.assertEqual(code, 2)
        self.assertIn("counter is there already", err)
        self.assertEqual(list((self.folder / "counter").iterdir()), [])

    def test_a_place_that_cannot_be_written(self):
        (self.folder / "file").write_text("")
        code, _, err = self.new("counter", "--dir", "file/below")
        self.assertEqual(code, 2)
        self.assertIn("cannot be written", err)


class HandOver(InTemporaryFolder):
    def test_soho_plugin_is_soho_plugin(self):
        self.assertEqual(run(SOHO, "plugin", "inspect", e2e.PAIR, "--json")[1].replace("load_ms", "")[:40],
                         run(TOOL, "inspect", e2e.PAIR, "--json")[1].replace("load_ms", "")[:40])
        self.assertEqual(run(SOHO, "plugin", "check", e2e.BAD / "no_note.so")[0], 1)
        self.assertEqual(run(SOHO, "plugin", "new")[0], 2)

    def test_help_and_what_is_wrong_name_the_words_of_both(self):
        code, out, err = run(SOHO, "plugin", "--help")
        self.assertEqual((code, err), (0, ""))
        for word in ("list", "reload", "new", "run", "inspect", "check"):
            self.assertRegex(out, rf"\b{word}\b")
        for words in ([], ["bogus"], ["list", "more"], ["reload"]):
            code, out, err = run(SOHO, "--host", "unix:/nonexistent", "plugin", *words)
            self.assertEqual((code, out, err.count("\n")), (2, "", 1), words)  # and not that there is no host
            self.assertIn("plugin", err)
        for words in (["check", "--bogus"], ["check", "--help"], ["new"]):
            self.assertEqual(run(SOHO, "plugin", *words), run(TOOL, *words), words)

    def test_what_is_about_a_host_stays_with_soho(self):
        host = e2e.hosted(self, e2e.PAIR)
        for words in (["plugin", "list"], ["--json", "plugin", "list"], ["plugin", "--json", "list"]):
            code, out, err = run(SOHO, *words, environment={"SOHO_HOST": host.address})
            self.assertEqual((code, err), (0, ""), words)
            self.assertIn("pair", out)

    def test_options_of_sohos_in_front_are_named(self):
        for words in (["--json"], ["--timeout", "2"], ["--host", "unix:/nowhere", "--json"]):
            code, out, err = run(SOHO, *words, "plugin", "check", "x.so")
            self.assertEqual((code, out), (2, ""), words)
            self.assertIn(f"{words[0]} stands in front of plugin check", err)

    def test_the_shell_says_that_it_is_no_command_of_its_own(self):
        code, out, err = run(TOOL, "run", e2e.PAIR, stdin="plugin check x.so\n")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("plugin check is no command of a shell", err)

    def test_without_it_a_sentence_says_which_package_brings_it(self):
        alone = shutil.copy(SOHO, self.folder)
        library = {"LD_LIBRARY_PATH": str(e2e.BUILD / "lib")}
        code, _, err = run(alone, "plugin", "check", "x.so", environment={"PATH": "/nonexistent", **library})
        self.assertEqual(code, 2)
        self.assertIn("the package soho-sdk brings it", err)
        (self.folder / "elsewhere").mkdir()
        (self.folder / "elsewhere" / "soho-plugin").symlink_to(TOOL)
        code, out, _ = run(alone, "plugin", "check", "--list", environment={"PATH": str(self.folder / "elsewhere"), **library})
        self.assertEqual(code, 0)
        self.assertIn("kept_reply: ", out)


class Usage(unittest.TestCase):
    def test_what_is_wrong_is_said_in_one_line(self):
        for words in ([], ["check"], ["bogus"], ["check", "x.so", "--time", "soon"], ["check", "x.so", "--create", "Pair"],
                      ["check", "x.so", "--seed", "0"], ["check", "x.so", "--seed", "-1"], ["check", "x.so", "--seed", "1.5"],
                      ["check", "x.so", "--time", "nan"], ["check", "x.so", "--patience", "nan"], ["check", "x.so", "--time", "inf"],
                      ["check", "x.so", "--create", "A=[]", "--create", "A=[1]"], ["check", "--list", "x.so"],
                      ["inspect"], ["inspect", "a.so", "--bogus"]):
            code, out, err = run(TOOL, *words)
            self.assertEqual((code, out, err.count("\n")), (2, "", 1), (words, err))
            self.assertTrue(err.startswith("soho-plugin: "), err)

    def test_help(self):
        for words in (["--help"], ["check", "--help"], ["new", "--help"], ["run", "--help"], ["inspect", "--help"], ["--version"]):
            code, out, err = run(TOOL, *words)
            self.assertEqual((code, err), (0, ""))
            self.assertTrue(out)

    def test_the_manual_page_has_every_option_and_check(self):
        page = (e2e.ROOT / "packaging/man/soho-plugin.1").read_text().replace("\\-", "-")
        for words in (["check"], ["new"], ["run"], ["inspect"]):
            for option in re.findall(r"(--[a-z]+)", run(TOOL, *words, "--help")[1]):
                if option not in ("--help", "--"):
                    self.assertIn(option, page)
        listed = json.loads(run(TOOL, "check", "--list", "--json")[1])
        self.assertEqual([check["check"] for check in listed],
                         [line.split(":")[0] for line in run(TOOL, "check", "--list")[1].splitlines() if not line.startswith(" ")])
        for check in listed:
            # Sentences begin with a capital letter, but for names.
            word = check["looks_for"].split()[0]
            said = check["looks_for"] if re.search(r"[_(]", word) else check["looks_for"][0].upper() + check["looks_for"][1:]
            self.assertIn(f'.B {check["check"]}\n{said}.\n', page)


if __name__ == "__main__":
    unittest.main(verbosity=2)
