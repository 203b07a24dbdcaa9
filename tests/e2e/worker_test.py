"""Plugins in worker processes: how they start, what their deaths look like from outside, and that nothing of them stays."""
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, __file__.rpartition("/tests/")[0] + "/tests/support")
from soho_e2e import (BAD, BIN, BUNDLED, PAIR, PATIENCE, SANITIZED, Closed, Host, Refused, eventually,  # noqa: E402
                      freeze, id_of, plugin, type_of)

SYNC = BUNDLED / "sync.so"


def runs(process):
    """Whether there is a process of that number, and not only its remains."""
    try:
        state = re.search(r"^State:\s+(\S)", pathlib.Path(f"/proc/{process}/status").read_text(), re.M).group(1)
    except OSError:
        return False
    return state != "Z"


def parent_of(process):
    return int(re.search(r"^PPid:\s+(\d+)", pathlib.Path(f"/proc/{process}/status").read_text(), re.M).group(1))


class Workers(unittest.TestCase):
    dies_on_purpose = None

    def start(self, *plugins, isolate=("hazard",), args=(), **options):
        flags = [flag for name in isolate for flag in ("--isolate", name)]
        self.host = Host(*plugins, args=[*flags, *args], **options)
        self.addCleanup(self.end)
        self.client = self.host.client(errors="full")

    def end(self):
        processes = [worker["process"] for worker in self.workers()] if self.host.process.poll() is None else []
        self.host.stop(dies_on_purpose=self.dies_on_purpose)
        for process in processes:
            eventually(lambda: not runs(process), "its workers to have ended with it")

    def workers(self):
        return self.host.stats().get("workers", [])

    def worker(self, name="hazard"):
        return next(worker for worker in self.workers() if worker["plugin"] == name)

    def there_again(self, starts=2, name="hazard"):
        return eventually(lambda: (self.worker(name)["state"] == "running" and self.worker(name)["starts"] >= starts
                                   and self.worker(name)), "the worker to be there again")

    def hazard(self):
        return self.client.create("Hazard")

    def shell(self, *words):
        return subprocess.run([BIN / "soho", "--host", self.host.address, *words], capture_output=True, text=True).stdout

    def fails(self, pattern, handle, method, *args):
        with self.assertRaisesRegex(Refused, pattern):
            self.client.call(handle, method, *args)


class Starting(Workers):
    def test_as_the_flag_says(self):
        self.start(PAIR, plugin("hazard"))
        worker = self.worker()
        self.assertEqual((worker["state"], worker["starts"], worker["deaths"], worker["last_death"]), ("running", 1, 0, ""))
        self.assertEqual(self.client.call(self.hazard(), "process"), worker["process"])
        self.assertNotEqual(worker["process"], self.host.process.pid)
        self.assertGreater(worker["memory_bytes"], 0)
        self.assertEqual([each["plugin"] for each in self.workers()], ["hazard"])  # pair is in the host
        for words in (["stats"], ["stats", "--methods"]):
            self.assertRegex(self.shell(*words), r"(?m)^WORKER OF  STATE +PROCESS .*\n"
                                                 rf"hazard +running +{worker['process']} +1 +0 +- +[\d.]+ MiB  \S+ +all +all$")
        self.host.logs_like(r"plugin hazard 1.0 from \S+hazard.so: 2 types, in a worker process")
        self.assertEqual(self.client.do("hazard.add", 2), 2)  # what the plugin publishes
        plugins = {each["name"]: each for each in self.host.admin.do("soho.plugins")}
        self.assertEqual(plugins["hazard"]["file"], str(plugin("hazard")))

    def test_as_the_config_says_with_its_settings_and_prefix(self):
        self.start(plugin("kinds"), isolate=(), config="""
            [plugin.kinds]
            isolation = "worker"
            prefix = "my."
            settings = {x = 8}
        """)
        self.assertEqual(self.worker("kinds")["state"], "running")
        self.assertEqual(self.client.call(self.client.create("my.Kinds"), "settings"), {"x": 8})

    def test_a_name_of_no_plugin_is_not_passed_over(self):
        self.start(plugin("hazard"), isolate=("hazrad",))
        self.host.logs('error isolate names "hazrad", but there is no plugin of that name; did you mean "hazard"')
        strict = subprocess.run([BIN / "sohod", "--no-config", "--plugin", plugin("hazard"), "--isolate", "hazrad", "--strict",
                                 "--listen", f"unix:{self.enterContext(tempfile.TemporaryDirectory())}/s"], capture_output=True, text=True)
        self.assertEqual(strict.returncode, 1)
        self.assertIn("(--strict)", strict.stderr)

    def test_again_with_the_limits_that_hold_by_then(self):
        file = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "sohod.toml"
        file.write_text("[limits]\nframe_bytes = 65536\n")
        self.start(plugin("kinds"), isolate=("kinds",), args=["--config", str(file)])
        file.write_text("[limits]\nframe_bytes = 1048576\n")
        self.assertEqual(self.host.admin.do("soho.reload")["changed"], ["limits.frame_bytes"])
        os.kill(self.worker("kinds")["process"], signal.SIGKILL)
        self.there_again(name="kinds")
        with self.host.client(errors="full") as client:
            long = 200_000 * "x"
            self.assertEqual(client.call(client.create("Kinds"), "echo_str", long), long)

    def test_with_no_privileges_to_gain_and_in_a_session_of_its_own(self):
        self.start(plugin("hazard"))
        process = self.worker()["process"]
        status = pathlib.Path(f"/proc/{process}/status").read_text()
        self.assertIn("NoNewPrivs:\t1", status)
        self.assertEqual(os.getsid(process), process)
        launcher = parent_of(process)
        self.assertEqual(parent_of(launcher), self.host.process.pid)
        tasks = os.listdir(f"/proc/{launcher}/task")
        self.assertEqual(len(tasks), 1)

    def test_a_plugin_that_is_refused(self):
        host = Host(plugin("kinds"), BAD / "duplicate_types.so", BAD / "taken_typeid.so", BAD / "throws_in_load.so",
                    args=["--isolate", "duplicate_types", "--isolate", "taken_typeid", "--isolate", "throws_in_load"])
        self.addCleanup(host.stop)
        reasons = {pathlib.Path(refused["file"]).name: refused["reason"]
                   for refused in host.admin.do("soho.health")["refused_plugins"]}
        self.assertEqual(len(reasons), 3)
        for name in reasons:
            self.assertIn("its worker refused it: ", reasons[name])
        self.assertRegex(reasons["taken_typeid.so"], r"typeid \"\w+\" is taken by plugin kinds")
        self.assertEqual(host.stats().get("workers", []), [])

    def test_one_that_dies_while_it_loads(self):
        with tempfile.NamedTemporaryFile() as there:
            host = Host(plugin("hazard"), args=["--isolate", "hazard"], environment={"SOHO_TEST_HAZARD_LOAD": there.name})
            self.addCleanup(host.stop, dies_on_purpose="hazard")
            (refused,) = host.admin.do("soho.health")["refused_plugins"]
            self.assertIn("its worker ", refused["reason"])
            if not SANITIZED:
                self.assertIn("died: signal 11 (SIGSEGV)", refused["reason"])

    def test_one_that_does_not_come_to_an_end_with_loading(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        host = Host(plugin("stall"), args=["--isolate", "stall", "--worker-start-ms", "300"],
                    environment={"SOHO_TEST_STALL_LOAD": f"{folder}/never"})
        self.addCleanup(host.stop)
        (refused,) = host.admin.do("soho.health")["refused_plugins"]
        self.assertIn("was killed: it had not loaded its plugin after 300 ms (worker_start_ms)", refused["reason"])

    def test_strict(self):
        host = Host(BAD / "duplicate_types.so", args=["--isolate", "duplicate_types", "--strict"], ready=False)
        self.assertEqual(host.ended(), 1)
        host.logs("its worker refused it")
        host._tidy_up()


class Dying(Workers):
    dies_on_purpose = "hazard"

    def setUp(self):
        self.start(PAIR, plugin("hazard"), plugin("reply"), isolate=("hazard", "reply"))
        self.pair = self.client.create("Pair", 3, 4)

    def dies(self, how, method, *args, said=None):
        """In that call; whatever else there is goes on, and all is well again after it."""
        waiting, hazard, other = self.host.client(errors="full"), self.hazard(), self.hazard()
        slow = waiting.create("Hazard")
        pending = waiting.start(slow, "sleep")
        waiting.do("soho.ping")
        beside = self.client.create("Slow")
        starts = self.worker()["starts"]
        died = r"^unavailable: worker of plugin hazard (was killed: )?" + ("" if SANITIZED else how)
        self.fails(died + r".*Hazard\.\w+|" + died, hazard, method, *args)
        with self.assertRaisesRegex(Refused, died + r".*: sleep may have run$"):
            waiting.reply(pending)
        self.fails(died + r".*: add was not started$", other, "add", 1)  # its object went with it
        self.assertEqual(self.client.call(self.pair, "get_x"), 3)
        self.assertEqual(self.client.call(beside, "sleeping"), 0)
        worker = self.there_again(starts + 1)
        self.assertRegex(worker["last_death"], how if not SANITIZED else ".")
        self.assertEqual(self.client.call(self.hazard(), "add", 5), 5)
        eventually(lambda: self.published() == 7, "what it publishes to be there again")
        self.host.logs("it starts again in")

    def published(self):
        try:
            return self.client.do("hazard.add", 7)
        except Refused:
            return None

    def test_of_a_signal(self):
        self.dies(r"died: signal 11 \(SIGSEGV\) in Hazard\.segv", "segv")
        self.host.logs_like(r"plugin.hazard: .*SIGSEGV|Sanitizer")  # its report

    def test_of_abort(self):
        self.dies(r"died: signal 6 \(SIGABRT\) in Hazard\.abort", "abort")

    def test_of_exit(self):
        self.dies(r"ended by itself with exit code 3 in Hazard\.exit", "exit", 3)

    def test_of_a_kill(self):
        self.dies(r"died: signal 9 \(SIGKILL\)", "raise", 9)

    def test_of_an_exception_that_nobody_catches(self):
        self.dies(r"died: signal 6 \(SIGABRT\)", "throw_in_a_thread")

    def test_of_its_heap(self):
        self.dies(r"died: signal (6|11)", "corrupt_heap")

    def test_of_descriptors_that_it_closed(self):
        hazard = self.hazard()
        self.fails("^unavailable: worker of plugin hazard ", hazard, "close_all")
        self.there_again()
        self.assertEqual(self.client.call(self.hazard(), "add", 1), 1)

    def test_in_a_destructor(self):
        handle = self.client.create("HazardEnd")
        self.client.release(handle)
        worker = self.there_again()
        if not SANITIZED:
            self.assertIn("died: signal 7 (SIGBUS)", worker["last_death"])

    def test_each_of_its_calls_is_answered_and_says_whether_it_may_have_run(self):
        hazard = self.hazard()
        requests = [self.client.start(hazard, "add", 1) for _ in range(50)]
        requests.append(self.client.start(hazard, "raise", 9))
        requests += [self.client.start(hazard, "add", 1) for _ in range(50)]
        answers = []
        for request in requests:
            try:
                answers.append(self.client.reply(request))
            except Refused as refused:
                self.assertEqual(refused.kind, "unavailable")
                answers.append(None)
        done = [answer for answer in answers if answer is not None]
        self.assertEqual(done, list(range(1, len(done) + 1)))
        self.assertLessEqual(len(done), 50)

    def test_its_objects_elsewhere(self):
        """In a list of another plugin, or under a name."""
        hazard = self.hazard()
        self.client.do("soho.publish", hazard, "kept")
        self.fails("^unavailable", hazard, "raise", 9)
        self.there_again()
        with self.assertRaisesRegex(Refused, "^unavailable: worker of plugin hazard died.*, and this object with it: add was not started"):
            self.client.do("kept.add", 1)
        # By its id, as counts change meanwhile: what the plugin publishes itself is made anew with its worker.
        living = lambda: {entry["id"] for entry in self.host.admin.do("soho.objects")}  # noqa: E731
        self.client.do("soho.unpublish", "kept")
        self.assertIn(hazard["$soho"], living())
        self.client.release(hazard)
        eventually(lambda: hazard["$soho"] not in living(), "the end of the object")


    def test_the_name_of_a_lost_object_is_free_for_who_gave_it(self):
        create = {"name": "counts", "if_exists": "open"}
        lost = self.client.do("soho.create", "Hazard", [], create)
        self.client.do("soho.publish", lost, "again")
        self.client.call(lost, "add", 5)
        self.fails("^unavailable", lost, "raise", 9)
        self.assertEqual({each["name"] for each in self.client.do("soho.names") if each.get("lost")} - {"hazard"}, {"counts", "again"})
        self.assertTrue(next(each for each in self.client.do("soho.objects") if each["id"] == id_of(lost))["lost"])
        shown = self.shell("names")
        self.assertRegex(shown, r"counts +Hazard +\S+ +lost\n")
        self.there_again()
        anew = self.client.do("soho.create", "Hazard", [], create)
        self.assertNotEqual(anew, lost)
        self.assertEqual(self.client.do("counts.add", 1), 1)
        self.assertEqual(self.client.do("soho.create", "Hazard", [], create), anew)
        self.client.do("soho.publish", anew, "again")
        self.assertEqual(self.client.do("again.add", 1), 2)
        with self.assertRaisesRegex(Refused, '^exists: the name "again" is taken'):
            self.client.do("soho.publish", anew, "again")


class Hanging(Workers):
    def test_a_method_that_never_returns_holds_up_nobody_else(self):
        self.start(PAIR, plugin("hazard"))
        self.client.start(self.hazard(), "spin")
        pair = self.client.create("Pair", 5, 6)
        self.assertEqual(self.client.call(pair, "get_x"), 5)
        # Nor another object of its plugin: the worker's reactor gets another thread.
        self.assertEqual(self.client.call(self.hazard(), "add", 1), 1)
        self.assertEqual(self.worker()["deaths"], 0)

    def test_one_that_was_stopped(self):
        self.start(PAIR, plugin("hazard"), args=["--worker-silent-ms", "1000"])
        hazard = self.hazard()
        freeze(self.worker()["process"])
        self.fails("was killed: it gave no sign of life for 1000 ms", hazard, "add", 1)
        self.there_again()
        self.assertEqual(self.client.call(self.hazard(), "add", 1), 1)

    def test_a_cancelled_call_keeps_its_slot_until_it_has_returned(self):
        self.start(plugin("hazard"), plugin("reply"), isolate=("hazard", "reply"))
        slow, watcher = self.client.create("Slow"), self.client.create("Slow")
        msgid = self.client.start(slow, "sleep", 3000, timeout_ms=1000)
        eventually(lambda: self.client.call(watcher, "sleeping") == 1, "a method that runs")
        with self.assertRaisesRegex(Refused, "^deadline"):
            self.client.reply(msgid)
        self.assertEqual(self.host.stats("stuck_calls"), {"stuck_calls": {"Slow.sleep": 1}})
        eventually(lambda: self.host.stats("stuck_calls") == {"stuck_calls": {}})


class Loops(Workers):
    dies_on_purpose = "hazard"

    def test_one_that_dies_again_and_again_rests(self):
        self.start(plugin("hazard"), args=["--worker-deaths", "3", "--worker-rest-ms", "3600000"])
        for number in (1, 2, 3):
            self.there_again(number)
            self.fails("^unavailable", self.hazard(), "raise", 9)
        eventually(lambda: self.worker()["state"] == "resting", "that it rests")
        worker = self.worker()
        self.assertEqual((worker["state"], worker["deaths"], worker["process"]), ("resting", 3, 0))
        self.assertRegex(self.shell("stats"), r"(?m)^hazard +resting +- ")  # no 0, which kill(1) takes for its own group
        self.assertGreater(worker["next_start_ms"], 3_000_000)
        with self.assertRaisesRegex(Refused, r"unavailable: worker of plugin hazard died: signal 9 \(SIGKILL\)[^;]*; it "
                                             r"starts again in \d+ ms \(it has died too often; a reload starts it at once\): "
                                             "Hazard was not started"):
            self.hazard()
        self.host.logs("3 times in a row, so it is left alone")
        health = self.host.admin.do("soho.health")
        (absent,) = health["absent_workers"]
        self.assertEqual((health["status"], absent["plugin"], absent["state"]), ("degraded", "hazard", "resting"))
        self.assertIn("died: signal 9", absent["last_death"])
        told = self.shell("health")
        self.assertRegex(told, r"worker of plugin hazard: resting, as it died: signal 9 .*; a reload starts it at once")
        self.assertEqual(self.host.admin.do("soho.reload_plugin", "hazard")["status"], "unchanged")
        self.there_again(4)
        self.assertEqual(self.host.admin.do("soho.health")["absent_workers"], [])
        self.assertEqual(self.client.call(self.hazard(), "add", 1), 1)
        self.assertEqual(self.host.admin.do("soho.health")["status"], "ok")

    def test_one_whose_plugin_does_not_load_any_more(self):
        there = tempfile.NamedTemporaryFile(delete=False)
        os.unlink(there.name)
        self.start(plugin("hazard"), environment={"SOHO_TEST_HAZARD_LOAD": there.name})
        pathlib.Path(there.name).touch()
        self.fails("^unavailable", self.hazard(), "raise", 9)
        eventually(lambda: self.worker()["deaths"] >= 3, "it to be tried again and again")
        os.unlink(there.name)
        self.there_again(4)
        self.assertEqual(self.client.call(self.hazard(), "add", 1), 1)

    def test_the_launcher_may_die_too(self):
        self.start(PAIR, plugin("hazard"))
        launcher = parent_of(self.worker()["process"])
        os.kill(launcher, signal.SIGKILL)
        self.there_again()
        self.assertEqual(self.client.call(self.hazard(), "add", 1), 1)
        self.assertNotEqual(parent_of(self.worker()["process"]), launcher)


class Output(Workers):
    def test_its_lines_are_the_hosts_under_the_plugins_name(self):
        self.start(plugin("hazard"))
        self.client.call(self.hazard(), "print", "a line\tof mine", 2)
        self.client.call(self.hazard(), "log", "what it logs")
        for line in (r"info plugin\.hazard: a line of mine\n", r"warning plugin\.hazard: a line of mine \(error\)\n",
                     r"error plugin\.hazard: what it logs\n"):
            eventually(lambda: re.search(line, self.host.log()), line)

    def test_a_flood_of_them_drowns_nobody(self):
        self.start(PAIR, plugin("hazard"))
        self.client.start(self.hazard(), "print", "x" * 1000, 1_000_000)
        pair = self.client.create("Pair", 5, 6)
        for _ in range(200):
            self.assertEqual(self.client.call(pair, "get_x"), 5)
            time.sleep(0.005)
        self.assertLess(len(self.host.log()), 4_000_000)


class Limits(Workers):
    dies_on_purpose = "hazard"

    @unittest.skipIf(SANITIZED, "a sanitizer takes more than any limit")
    def test_of_memory(self):
        self.start(PAIR, plugin("hazard"), isolate=(), config="""
            [plugin.hazard]
            isolation = "worker"
            worker_memory_bytes = 300_000_000
        """)
        hazard = self.hazard()
        with self.assertRaises(Refused):
            for _ in range(100):
                self.client.call(hazard, "leak", 10_000_000)
        self.assertLess(self.worker()["memory_bytes"], 400_000_000)
        self.assertEqual(self.client.call(self.client.create("Pair", 5, 6), "get_x"), 5)

    @unittest.skipIf(SANITIZED, "a sanitizer has handlers of its own")
    def test_of_processor_time(self):
        self.start(plugin("hazard"), isolate=(), config="""
            [plugin.hazard]
            isolation = "worker"
            worker_cpu_s = 1
        """)
        self.fails(r"worker of plugin hazard was ended: it has used 1 s of processor time \(worker_cpu_s\): spin may have run", self.hazard(), "spin")

    def test_of_descriptors(self):
        self.start(plugin("hazard"), isolate=(), config="""
            [plugin.hazard]
            isolation = "worker"
            worker_files = 50
        """)
        self.assertLess(self.client.call(self.hazard(), "open_files"), 50)


class Orphans(Workers):
    def setUp(self):
        self.start(PAIR, plugin("hazard"), plugin("reply"), isolate=("hazard", "reply"), args=["--drain-ms", "60000"])
        self.processes = [worker["process"] for worker in self.workers()]
        self.processes.append(parent_of(self.processes[0]))
        self.stray = self.client.call(self.hazard(), "fork_a_stray")
        self.assertTrue(runs(self.stray))
        self.processes.append(self.stray)

    def end(self):
        if self.host.process.poll() is None:
            self.host.stop()

    def none_left(self):
        for process in self.processes:
            eventually(lambda: not runs(process), f"process {process} to be gone")

    def test_when_the_host_is_killed(self):
        self.client.start(self.client.create("Slow"), "sleep", 3_600_000)
        self.client.start(self.hazard(), "spin")
        self.host.kill()
        self.none_left()

    def test_when_the_host_is_killed_and_a_worker_is_stopped(self):
        freeze(self.processes[0])
        self.host.kill()
        self.none_left()

    def test_when_the_host_ends(self):
        self.host.stop()
        self.none_left()

    def test_when_a_worker_dies(self):
        with self.assertRaises(Refused):
            self.client.call(self.hazard(), "raise", 9)
        eventually(lambda: not runs(self.stray), "what it had forked to be gone")

    def test_but_not_when_another_worker_dies(self):
        another = next(worker["process"] for worker in self.workers() if worker["plugin"] == "reply")
        os.kill(another, signal.SIGKILL)
        eventually(lambda: not runs(another), "the end of the other worker")
        self.there_again(name="reply")
        self.assertTrue(runs(self.stray))

    def test_when_the_launcher_is_killed_first(self):
        os.kill(self.processes[2], signal.SIGKILL)
        self.there_again()
        for process in self.processes[:3]:
            eventually(lambda: not runs(process), f"process {process} to be gone")
        os.kill(self.stray, signal.SIGKILL)  # which only the launcher knew

    def test_at_a_signal_for_all_of_them(self):
        """As a service manager sends it: the host decides when its workers end."""
        request = self.client.start(self.client.create("Slow"), "sleep", 3000)
        eventually(lambda: self.host.stats()["calls_in_flight"] == 1, "that it runs")
        for process in (*self.processes[:3], self.host.process.pid):
            os.kill(process, signal.SIGTERM)
        self.client.reply(request)
        self.host.ended()
        self.none_left()


class Relays(Workers):
    """Objects of one process that are called by, kept by and given back by those of another."""

    def relay(self, isolate):
        self.start(PAIR, SYNC, plugin("objects"), isolate=isolate, args=["--set", 'plugin.sync.prefix="s."'])
        node, pair = self.client.create("Node", "first"), self.client.create("Pair", 3, 4)
        self.client.call(node, "link", "pair", pair)
        self.assertEqual(self.client.call(node, "ask", "pair", "get_x"), 3)
        self.client.call(node, "ask", "pair", "set_x", 30)
        self.assertEqual(self.client.call(node, "ask_and_wait", "pair", "get_x"), 30)
        with self.assertRaisesRegex(Refused, "no_method: type Pair exposes no method \"get_z\".*did you mean"):
            self.client.call(node, "ask", "pair", "get_z")
        with self.assertRaisesRegex(Refused, r"bad_arguments: .*Pair.set_x\(x\)"):
            self.client.call(node, "ask", "pair", "set_x", "wide")
        self.assertEqual(id_of(self.client.call(node, "follow", "pair")), id_of(pair))
        self.client.release(pair, 2)  # the node keeps it
        again = self.client.call(node, "follow", "pair")
        self.assertEqual(self.client.call(again, "get_x"), 30)
        self.client.release(again)
        return node

    def test_from_a_worker_to_the_host(self):
        self.relay(["objects"])

    def test_from_the_host_to_a_worker(self):
        self.relay(["pair"])

    def test_from_a_worker_to_a_worker(self):
        self.relay(["pair", "objects"])

    def test_from_a_worker_to_itself(self):
        self.start(plugin("objects"), isolate=["objects"])
        node, other = self.client.create("Node", "a"), self.client.create("Node", "b")
        self.client.call(node, "link", "other", other)
        self.client.call(other, "keep", [1, {"node": node}])
        self.assertEqual(self.client.call(node, "ask", "other", "kept")[0], 1)
        self.assertEqual(id_of(self.client.call(other, "kept")[1]["node"]), id_of(node))
        child = self.client.call(node, "spawn", "child")
        self.assertEqual(type_of(child), "Node")

    def test_on_behalf_of_who_called(self):
        node = self.relay(["objects"])
        lock = self.client.create("s.RLock")
        self.client.call(node, "link", "lock", lock)
        self.assertTrue(self.client.do("soho.call", node, "ask", ["lock", "acquire"], {"owner": "mine"}))
        self.assertTrue(self.client.do("soho.call", lock, "acquire", [False], {"owner": "mine"}))
        self.assertFalse(self.client.do("soho.call", lock, "acquire", [False], {"owner": "another's"}))
        with self.assertRaisesRegex(Refused, "^deadline"):  # … and in the time that it gave
            self.client.do("soho.call", node, "ask", ["lock", "acquire"], {"owner": "another's", "timeout_ms": 50})
        for _ in range(2):
            self.client.do("soho.call", lock, "release", [], {"owner": "mine"})
        self.assertFalse(self.client.call(lock, "locked"))

    def test_what_is_gone_there_is_said_here(self):
        node = self.relay(["pair", "objects"])
        pair = self.client.create("Pair", 1, 2)
        self.client.call(node, "link", "other", pair)
        os.kill(self.worker("pair")["process"], signal.SIGKILL)
        self.there_again(name="pair")
        with self.assertRaisesRegex(Refused, r"unavailable: worker of plugin pair died: signal 9 \(SIGKILL\).*get_x"):
            self.client.call(node, "ask", "other", "get_x")
        self.assertEqual(self.worker("objects")["deaths"], 0)

    def test_large_values(self):
        self.start(SYNC, isolate=["sync"])
        made = self.client.create("list")
        large = "x" * 15_000_000
        self.client.call(made, "append", large)
        self.assertEqual(self.client.call(made, "__getitem__", 0), large)
        with self.assertRaises((Refused, Closed, OSError)):
            self.client.call(made, "append", "x" * 17_000_000)
        other = self.host.client()
        self.assertEqual(other.call(other.create("list"), "__len__"), 0)


class Storm(Workers):
    """Healthy clients of other plugins check each answer; those of the victims get theirs, or are told."""
    dies_on_purpose = "hazard"
    silent_ms = "10000"  # far from what a worker needs that has to share its processors

    def setUp(self):
        self.seed = int(os.environ.get("SOHO_TEST_SEED", random.randrange(1 << 32)))
        self.chance = random.Random(self.seed)
        config = "" if SANITIZED else "worker_memory_bytes = 400_000_000"
        self.start(PAIR, plugin("hazard"), plugin("reply"), isolate=("hazard", "reply"),
                   args=["--worker-silent-ms", self.silent_ms, "--worker-deaths", "1000000"], config=f"[plugin.hazard]\n{config}\n")
        self.over = threading.Event()
        self.failures, self.healthy_answers, self.answers, self.told = [], 0, 0, 0
        self.threads = [threading.Thread(target=self.guarded, args=(scenario, self.host.client(errors="full")))
                        for scenario in (self.healthy, self.healthy, self.of_a_worker, self.of_the_victim, self.of_the_victim)]
        for thread in self.threads:
            thread.start()

    def guarded(self, scenario, client):
        try:
            scenario(client)
        except BaseException as failure:
            self.failures.append(failure)

    def healthy(self, client):
        pair, number = client.create("Pair", 1, 2), 0
        while not self.over.is_set():
            number += 1
            client.call(pair, "set_x", number)
            if client.call(pair, "get_x") != number:
                raise AssertionError("a wrong answer")
            self.healthy_answers += 1

    def of_a_worker(self, client):
        """Of one that nobody harms."""
        mailbox, number = client.create("Mailbox"), 0
        while not self.over.is_set():
            number += 1
            client.call(mailbox, "put", number)
            if client.call(mailbox, "get") != number:
                raise AssertionError("a wrong item")
            self.healthy_answers += 1

    def of_the_victim(self, client):
        while not self.over.is_set():
            try:
                hazard = client.create("Hazard")
                for number in range(1, 200):
                    if client.call(hazard, "add", 1) != number:
                        raise AssertionError("a wrong sum")
                    self.answers += 1
                client.release(hazard)
            except Refused as refused:
                if refused.kind not in ("unavailable", "overloaded"):
                    raise
                self.told += 1
                time.sleep(0.01)

    def calm(self):
        eventually(self.running, "the worker to run")
        self.over.set()
        for thread in self.threads:
            thread.join(PATIENCE)
        self.assertEqual([str(failure) for failure in self.failures], [], f"seed {self.seed}")
        self.assertGreater(self.healthy_answers, 100)
        self.assertGreater(self.told, 0)
        self.assertEqual(self.worker("reply")["deaths"], 0)
        eventually(self.works, "all to be well again")

    def works(self):
        try:
            return self.client.call(self.hazard(), "add", 5) == 5
        except Refused:
            return self.running() and False

    def test_workers_that_are_killed_and_stopped_at_random(self):
        for number in range(12):
            time.sleep(self.chance.random() * 0.3)
            worker = eventually(self.running, "the worker to run")
            try:
                os.kill(worker["process"], self.chance.choice([signal.SIGKILL] * 5 + [signal.SIGSTOP] * (number == 3)))
            except ProcessLookupError:  # it died of what came before
                pass
        self.calm()

    def test_a_plugin_that_does_all_that_it_must_not(self):
        deeds = [("segv",), ("abort",), ("exit", 3), ("raise", 9), ("throw_in_a_thread",), ("corrupt_heap",), ("close_all",),
                 ("spin",), ("sleep",), ("leak", 50_000_000), ("leak", 50_000_000), ("fork_a_stray",), ("print", "x" * 500, 2000)]
        client = self.host.client(errors="full")
        for deed in self.chance.sample(deeds * 2, 2 * len(deeds)):
            try:
                eventually(self.running, "the worker to run")
                hazard = client.create("Hazard")
                client.do("soho.call", hazard, deed[0], list(deed[1:]), {"timeout_ms": 2000 if deed[0] not in ("spin", "sleep") else 50})
            except Refused as refused:
                self.assertIn(refused.kind, ("unavailable", "deadline", "failed", "overloaded", "internal"), deed)
        self.calm()

    def running(self):
        """Without the pauses that grow from death to death: a reload starts it at once."""
        worker = self.worker()
        if worker["state"] == "waiting":
            self.host.admin.do("soho.reload")
        return worker["state"] == "running" and worker["process"] and worker


if __name__ == "__main__":
    unittest.main()
