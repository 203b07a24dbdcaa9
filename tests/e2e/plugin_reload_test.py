"""Plugins that are reloaded while the host runs: what serves, what stays, what is refused, and that no caller notices."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, __file__.rpartition("/tests/")[0] + "/tests/support")
from soho_e2e import BIN, BUNDLED, PAIR, PLUGINS, SANITIZER, Client, Closed, Host, Refused, eventually, id_of  # noqa: E402

RELOADED = (PLUGINS / "reloaded").resolve()


class Reloads(unittest.TestCase):
    isolated = False
    dies_on_purpose = None

    def start(self, *plugins, version="first", args=(), config=None, copies_mode=None, linked=False, **options):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="soho-reload-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.file = self.directory / "reloaded.so"
        self.put(version)
        if linked:
            self.link_to("one.so")
        self.copies = self.directory / "copies"
        if copies_mode is not None:
            self.copies.mkdir(mode=copies_mode)
        flags = ["--isolate", "reloaded"] if self.isolated else []
        self.host = Host(self.file, *plugins, args=[*flags, "--plugin-copies-dir", str(self.copies), *args], config=config,
                         **options)
        self.addCleanup(self.end)
        self.client = self.host.client(errors="full")

    def end(self):
        self.host.stop(dies_on_purpose=self.dies_on_purpose)

    def put(self, version, mode=0o755):
        """Has another version where the host found the plugin; as install(1) does it, with a file of its own."""
        beside = self.directory / "new.so"
        shutil.copy(RELOADED / f"{version}.so", beside)
        beside.chmod(mode)
        beside.rename(self.file)

    def link_to(self, name):
        """Has what is there under another name, and a link to it where the host finds the plugin."""
        self.file.rename(self.directory / name)
        self.file.symlink_to(name)

    def reload(self, version=None, file=None, **options):
        if version is not None:
            self.put(version)
        return self.host.admin.do("soho.reload_plugin", "reloaded", file, options)

    def refused(self, pattern, *args, **options):
        before = self.serving()
        with self.assertRaisesRegex(Refused, pattern):
            self.reload(*args, **options)
        self.assertEqual(self.serving(), before)  # the one before serves on
        self.assertRegex(self.plugin()["last_failure"], pattern.partition(": ")[2] or pattern)

    def serving(self):
        return self.code(self.client.create("Counter"))

    def code(self, counter):
        return self.client.call(counter, "code")

    def plugin(self, name="reloaded"):
        return next(each for each in self.host.admin.do("soho.plugins") if each.get("name") == name)

    def generations(self):
        return {each["generation"]: each for each in self.plugin()["generations"]}

    def states(self):
        return {number: each["state"] for number, each in self.generations().items()}


class InTheHost(Reloads):
    def test_what_is_made_from_then_on(self):
        self.start()
        before = self.client.create("Counter")
        self.client.call(before, "add", 5)
        told = self.reload("second")
        self.assertEqual((told["status"], told["version"], told["version_before"], told["generation"], told["objects_left"]),
                         ("reloaded", "1.1", "1.0", 2, 1))
        self.assertGreater(told["took_us"], 0)
        after = self.client.create("Counter")
        self.assertEqual((self.code(before), self.code(after)), (1, 2))
        self.assertEqual(self.client.call(before, "get"), 5)
        self.assertEqual(self.client.call(after, "twice"), 0)
        with self.assertRaisesRegex(Refused, "no_method"):  # what made it knows no such method
            self.client.call(before, "twice")
        self.assertIn("twice", self.host.admin.do("soho.types", "Counter")["methods"])
        self.assertEqual(self.client.do("second.code"), 2)  # what it publishes that nobody did before

    def test_what_is_shown_of_it(self):
        self.start()
        counter = self.client.create("Counter", name="mine")
        self.client.create("Counter")
        self.reload("second")
        plugin, generations = self.plugin(), self.generations()
        self.assertEqual((plugin["version"], plugin["generation"], plugin["reloads"], plugin["last_failure"], plugin["isolation"],
                          plugin["file"], plugin["objects"]), ("1.1", 2, 1, "", "none", str(self.file), 3))
        self.assertEqual({
number: (each["state"], each["version"], each["objects"]) for number, each in generations.items()},
                         {1: ("draining", "1.0", 2), 2: ("serving", "1.1", 1)})
        session = self.client.do("soho.whoami")["session"]
        self.assertEqual(generations[1]["holders"], ["name mine", f"session {session}"])
        self.assertNotIn("holders", generations[2])
        self.assertEqual(generations[1]["copy"], "")
        copy = pathlib.Path(generations[2]["copy"])
        self.assertEqual(copy.parent.parent, self.copies)
        self.assertEqual(copy.read_bytes(), self.file.read_bytes())
        self.assertEqual(copy.stat().st_mode & 0o777, 0o500)
        self.assertEqual(self.copies.stat().st_mode & 0o077, 0)
        self.assertIn(copy.stem, generations[2]["sha256"])
        for each in generations.values():
            self.assertGreater(each["mapped_bytes"], 4096)
        self.assertEqual(id_of(self.client.do("soho.open", "mine")), id_of(counter))

    def test_the_end_of_the_one_before(self):
        self.start(config=f'[plugin.reloaded]\nsettings = {{ends = "{tempfile.gettempdir()}/soho-reload-ends-{os.getpid()}"}}\n')
        ends = pathlib.Path(f"{tempfile.gettempdir()}/soho-reload-ends-{os.getpid()}")
        self.addCleanup(ends.unlink, missing_ok=True)
        counter = self.client.create("Counter")
        self.reload("second")
        self.assertEqual(self.states(), {1: "draining", 2: "serving"})
        self.assertFalse(ends.exists())
        self.client.release(counter)
        eventually(lambda: self.states() == {1: "ended", 2: "serving"}, "the end of generation 1")
        self.assertEqual(ends.read_text(), "stop 1\nunload 1\n")
        self.assertEqual(self.serving(), 2)
        self.host.logs_like(r"generation 1 of plugin reloaded \(1.0\) has ended")

    def test_a_call_that_runs_meanwhile_ends_on_the_code_where_it_began(self):
        self.start()
        slow = self.client.create("Slow")
        msgid = self.client.start(slow, "sleep", 5000)
        self.client.release(slow)
        self.reload("second")
        self.assertEqual(self.states(), {1: "draining", 2: "serving"})
        self.assertIsNone(self.client.reply(msgid))
        eventually(lambda: self.states()[1] == "ended", "the end of generation 1")

    def test_create_or_open_of_what_an_earlier_generation_made(self):
        self.start()
        made = self.client.create("Counter", name="mine")
        self.reload("second")
        self.assertEqual(id_of(self.client.create("Counter", name="mine", if_exists="open")), id_of(made))

    def test_one_that_has_not_changed(self):
        self.start()
        self.assertEqual(self.reload()["status"], "unchanged")
        os.utime(self.file)
        self.assertEqual(self.reload()["status"], "unchanged")
        self.assertEqual(self.host.admin.do("soho.reload"), {"changed": [], "needs_restart": []})
        self.assertEqual(self.states(), {1: "serving"})
        self.assertEqual(list(self.copies.glob("*/*.so")), [])
        told = self.reload(force=True)
        self.assertEqual((told["status"], told["generation"]), ("reloaded", 2))
        told = self.reload(force=True)  # a copy of its own again: code of the same content is not shared
        self.assertEqual(len({each["copy"] for each in self.generations().values()}), 3)

    def test_from_another_file_and_back(self):
        self.start()
        self.assertEqual(self.reload(file=str(RELOADED / "second.so"))["version"], "1.1")
        self.assertEqual(self.plugin()["file"], str(RELOADED / "second.so"))
        self.assertEqual(self.serving(), 2)
        self.refused("bad_arguments: .*twice has gone", file=str(self.file))
        self.assertEqual(self.reload(file=str(self.file), force=True)["version"], "1.0")
        self.assertEqual(self.serving(), 1)

    def test_its_settings_and_prefix_are_those_it_had(self):
        self.start(config='[plugin.reloaded]\nprefix = "my."\n')
        self.reload("second")
        self.assertEqual(self.code(self.client.create("my.Counter")), 2)

    def test_a_hangup(self):
        self.start(PAIR)
        self.put("second")
        self.host.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.plugin()["generation"] == 2, "the reload")
        self.assertEqual(self.serving(), 2)
        self.assertEqual(self.plugin("pair")["generation"], 1)
        self.put("throws")
        self.host.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.plugin()["last_failure"], "the refusal")
        told = self.host.admin.do("soho.reload")  # it is not tried again and again
        self.assertNotIn("plugins", told)
        self.assertEqual(len(self.generations()), 3)
        self.put("second")
        self.assertNotIn("plugins", self.host.admin.do("soho.reload"))

    def test_what_a_reload_of_the_config_says(self):
        self.start()
        self.put("second")
        told, = self.host.admin.do("soho.reload")["plugins"]
        self.assertEqual((told["plugin"], told["status"], told["version"]), ("reloaded", "reloaded", "1.1"))
        self.put("unfit")
        told, = self.host.admin.do("soho.reload")["plugins"]
        self.assertEqual((told["status"], set(told)), ("failed", {"plugin", "status", "reason"}))
        self.assertIn("its self-test failed", told["reason"])

    def test_a_cap_on_what_stays_in_memory(self):
        self.start(args=["--plugin-generations", "3"])
        self.reload("second")
        self.refused("there is no database", "throws")
        self.refused(r"limit: 3 generations of plugin reloaded are in memory, \d+\.\d MiB \(plugin_generations\).*worker", "second",
                     force=True)
        self.assertEqual(self.states()[3], "failed")
        self.assertIn("there is no database", self.generations()[3]["why"])

    def test_one_that_does_not_come_back_is_told_of_and_keeps_nobody_waiting(self):
        self.start(PAIR)
        stuck = self.host.admin.request("soho.reload_plugin", "reloaded", str(RELOADED / "sleeps.so"))
        eventually(lambda: "plugin reloaded: its load() has not returned for 5 s; no plugin is reloaded" in self.host.log(),
                   "that it is told of")
        with self.assertRaisesRegex(Refused, r"not started, as plugin reloaded keeps the loader: its load\(\) has not returned"):
            self.host.client(errors="full").do("soho.reload_plugin", "pair", None, {"force": True})
        self.assertEqual(self.serving(), 1)
        self.assertIsNotNone(stuck)


class Refusals(Reloads):
    """In the host and, below, in a worker; what is wrong with a file is found the same way."""

    def test_a_plugin_that_is_not_loaded(self):
        self.start()
        with self.assertRaisesRegex(Refused, 'no_object: no plugin "reloade" is loaded; did you mean "reloaded"'):
            self.host.admin.do("soho.reload_plugin", "reloade")

    def test_a_file_that_is_not_there(self):
        self.start()
        self.refused("No such file", file=str(self.directory / "nowhere.so"))
        with self.assertRaisesRegex(Refused, "must be an absolute path"):
            self.reload(file="reloaded.so")

    def test_a_file_that_is_no_plugin(self):
        self.start()
        self.file.unlink()
        self.file.write_bytes(b"\x7fELF, and nothing more")
        self.refused("bad_arguments: .*reloaded.so: ")
        self.file.unlink()
        shutil.copy(PLUGINS / "bad" / "no_note.so", self.file)
        self.refused("note")

    def test_one_of_another_abi(self):
        self.start()
        for name in ("wrong_abi", "wrong_table_abi"):
            with self.assertRaisesRegex(Refused, f'is the plugin "{name}", not "reloaded"'):
                self.reload(file=str((PLUGINS / "bad" / f"{name}.so").resolve()))

    def test_one_of_another_name(self):
        self.start()
        self.refused('is the plugin "pair", not "reloaded"', file=str(PAIR.resolve()))

    def test_one_that_others_can_write(self):
        self.start()
        self.put("second", mode=0o777)
        self.refused("can be written by other users: chmod go-w")

    def test_one_that_throws_in_load(self):
        self.start()
        self.refused("there is no database", "throws")

    def test_one_that_fails_its_self_test(self):
        self.start()
        self.refused("its self-test failed: RuntimeError: the sum of 1 and 1 is not 3", "unfit")
        self.refused("its self-test failed", "unfit", force=True)  # which is not about that

    def test_one_with_a_typeid_that_is_taken(self):
        self.start(PAIR)
        self.refused('typeid "Pair" is taken by plugin pair', "taken")

    def test_another_major_version(self):
        self.start()
        self.refused("clients of version 1.0 may fail with it: type Counter has the version 2.0, and had 1.0; .*--force", "major")
        self.assertEqual(self.reload(force=True)["version"], "2.0")
        self.assertEqual(self.serving(), 3)

    def test_what_clients_use_and_it_lacks(self):
        self.start()
        self.refused(r"Counter.add has gone; Counter.get takes \(more\), and took \(\); .*; type Slow has gone; reload", "less")
        counter = self.client.create("Counter")
        slow = self.client.create("Slow")
        self.assertEqual(self.reload(force=True)["status"], "reloaded")
        with self.assertRaisesRegex(Refused, 'no_type: no type "Slow"'):
            self.client.create("Slow")
        self.client.call(slow, "sleep", 1)
        self.assertEqual(self.client.call(counter, "get"), 0)

    def test_a_folder_where_copies_may_not_be(self):
        self.start()
        self.copies.mkdir(mode=0o755)
        self.put("second")
        self.refused(r"copies of plugins: \S+copies is open to other users .*plugin_copies_dir")
        self.copies.chmod(0o700)
        self.assertEqual(self.reload()["status"], "reloaded")

    def test_a_folder_on_a_file_system_without_code(self):
        self.start()
        self.copies.mkdir(mode=0o700)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec,mode=700", "none", self.copies], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("nothing can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.copies], check=True)
        self.put("second")
        self.refused("is on a file system that is mounted noexec.*plugin_copies_dir")

    def test_a_link_that_leads_elsewhere(self):
        self.start(linked=True)
        self.put("second")
        self.link_to("two.so")
        self.assertEqual([each["status"] for each in self.host.admin.do("soho.reload")["plugins"]], ["reloaded"])

    def test_who_may(self):
        self.start()
        with self.assertRaisesRegex(Refused, "bad_arguments: .*no option"):
            self.reload(forced=True)
        with self.assertRaisesRegex(Refused, "bad_arguments: .*takes"):
            self.host.admin.do("soho.reload_plugin")


class Crashes(Reloads):
    def end(self):
        self.host.kill()

    def test_one_that_crashes_is_named(self):
        self.start()
        with self.assertRaises(Closed):
            self.reload("dies")
        code = self.host.ended()
        if not SANITIZER.search(self.host.log()):
            self.assertEqual(code, -signal.SIGABRT)
            self.host.logs("in plugin reloaded: the load of its next version")


class Meetings(Reloads):
    """Objects that are arguments for each other, as anything may be one: a version's never meet another's where they could move."""

    def test_lists_that_are_compared_while_their_plugin_is_reloaded(self):
        sync = BUNDLED / "sync.so"
        self.start(sync)
        over, wrong = threading.Event(), []

        def compare():
            client = self.host.client()
            one, other = (client.create("list", [1, 2, 3]) for _ in range(2))
            while not over.is_set():
                if client.call(one, "__eq__", other) is not True or len(client.call(one, "__add__", other)) != 6:
                    wrong.append("a list was not known as one")

        threads = [threading.Thread(target=compare) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            told = self.host.admin.do("soho.reload_plugin", "sync", None, {"force": True})
            self.assertEqual(told["status"], "reloaded")
        over.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertTrue(told["objects_moved"] or told["objects_left"] == 0 or told["why_left"])

    def test_no_thread_of_methods_is_needed_to_move(self):
        self.start(version="stateful", args=["--pool-threads", "1", "--plugin-move-ms", "60000", "--drain-ms", "50"])
        counter = self.client.create("Counter")
        self.client.call(counter, "add", 1)
        self.client.start(self.client.create("Slow"), "sleep", 3_600_000)
        eventually(lambda: self.host.stats()["calls_in_flight"] == 1, "that it has the only one")
        self.assertEqual(self.reload("moved")["objects_moved"], 1)
        self.assertEqual(self.client.call(counter, "get"), 1)


class RefusalsOfWorkers(Refusals):
    isolated = True

    # Of a worker the first version is a copy, too.
    def test_a_folder_where_copies_may_not_be(self):
        self.start(copies_mode=0o755)
        self.host.logs_like(r"the worker of plugin reloaded loads \S+reloaded.so itself, .* is open to other users")
        self.put("second")
        self.refused(r"copies of plugins: \S+copies is open to other users .*plugin_copies_dir")

    def test_a_folder_on_a_file_system_without_code(self):
        self.skipTest("as for a plugin in the host")

    def test_a_changed_file_is_not_loaded_by_a_crash(self):
        self.start()
        code = self.serving()
        self.put("less")
        self.refused("has gone")
        worker = self.host.stats()["workers"][0]
        os.kill(worker["process"], signal.SIGKILL)
        eventually(lambda: self.host.stats()["workers"][0]["starts"] == 2 and self.host.stats()["workers"][0]["state"] == "running")
        self.assertEqual(self.serving(), code)

    def test_one_that_dies_in_load(self):
        self.dies_on_purpose = "reloaded"
        self.start()
        self.refused("its worker died: signal 6", "dies")
        self.assertEqual([each["state"] for each in self.host.stats()["workers"]], ["running"])

    def test_one_that_dies_in_its_self_test(self):
        self.dies_on_purpose = "reloaded"
        self.start()
        self.refused("its worker died: signal 6", "dies_in_test")

    def test_one_that_never_loads(self):
        self.start(args=["--worker-start-ms", "5000"])  # the first must be there by then, on a slow machine, too
        self.refused(r"its worker was killed: it had not loaded its plugin after 5000 ms \(worker_start_ms\)", "sleeps")


class InWorkers(Reloads):
    isolated = True

    def processes(self):
        return {each["process"]: each["state"] for each in self.host.stats()["workers"]}

    def test_a_new_worker_beside_the_old(self):
        self.start()
        before = self.client.create("Counter")
        self.client.call(before, "add", 5)
        told = self.reload("second")
        self.assertEqual((told["status"], told["version"], told["generation"], told["objects_left"]), ("reloaded", "1.1", 2, 1))
        after = self.client.create("Counter")
        self.assertEqual((self.code(before), self.code(after)), (1, 2))
        self.assertEqual(self.client.call(before, "get"), 5)
        old, new = (self.client.call(each, "process") for each in (before, after))
        self.assertEqual(self.processes(), {old: "draining", new: "running"})
        self.assertEqual(self.host.admin.do("soho.health")["status"], "ok")
        generations = self.generations()
        self.assertEqual({
number: (each["state"], each["objects"], each["mapped_bytes"]) for number, each in generations.items()},
                         {1: ("draining", 1, 0), 2: ("serving", 2, 0)})  # with what it publishes
        session = self.client.do("soho.whoami")["session"]
        self.assertEqual(generations[1]["holders"], [f"session {session}"])
        self.client.release(before)
        eventually(lambda: self.processes() == {new: "running"}, "the end of the worker before")
        eventually(lambda: not pathlib.Path(f"/proc/{old}").exists(), "the end of its process")
        eventually(lambda: self.states() == {2: "serving"}, "that it is not listed any more")
        self.assertNotIn("died", self.host.log())

    def test_the_same_types_again(self):
        self.start()
        counters = [self.client.create("Counter")]
        for _ in range(3):
            self.assertEqual(self.reload(force=True)["status"], "reloaded")
            counters.append(self.client.create("Counter"))
        processes = [self.client.call(each, "process") for each in counters]
        self.assertEqual(len(set(processes)), 4)
        self.assertEqual([self.client.call(each, "add", 1) for each in counters], [1, 1, 1, 1])
        for counter in counters[:-1]:
            self.client.release(counter)
        eventually(lambda: self.processes() == {processes[-1]: "running"}, "the end of the workers before")
        eventually(lambda: len(list(self.copies.glob("*/*.so"))) == 1, "that their copies are removed")

    def test_one_that_dies_after_it_was_replaced(self):
        self.dies_on_purpose = "reloaded"
        self.start()
        before = self.client.create("Counter")
        self.reload("second")
        with self.assertRaisesRegex(Refused, "unavailable: worker of plugin reloaded died: signal 6"):
            self.client.call(before, "crash")
        eventually(lambda: list(self.processes().values()) == ["running"], "that only the new one is there")
        self.host.logs("a reload had replaced it, so it does not start again")
        self.assertEqual(self.serving(), 2)
        eventually(lambda: self.states() == {2: "serving"}, "that it is not listed any more")

    def test_what_one_that_rests_had_published_is_the_new_ones(self):
        self.dies_on_purpose = "reloaded"
        self.start(args=["--worker-deaths", "1", "--worker-rest-ms", "3600000", "--publish", "code=Counter"])
        self.assertEqual(self.client.do("code.code"), 1)
        with self.assertRaises(Refused):
            self.client.call(self.client.create("Counter"), "crash")
        eventually(lambda: self.host.stats()["workers"][0]["state"] == "resting")
        with self.assertRaisesRegex(Refused, "unavailable: worker of plugin reloaded died: signal 6"):
            self.client.do("code.code")
        self.reload("second")

        def published():
            try:
                return self.client.do("code.code") == 2
            except Refused:
                return False
        eventually(published, "that it can be had by its name")

    def test_one_that_dies_after_it_took_the_place_starts_again_with_the_same_code(self):
        self.dies_on_purpose = "reloaded"
        self.start()
        self.reload("second")
        self.put("throws")  # which nobody asked for
        with self.assertRaises(Refused):
            self.client.call(self.client.create("Counter"), "crash")
        eventually(lambda: [each["starts"] for each in self.host.stats()["workers"]] == [2]
                   and list(self.processes().values()) == ["running"], "that it is there again")
        self.assertEqual(self.serving(), 2)
        self.assertEqual(self.reload("first", force=True)["status"], "reloaded")
        self.assertEqual(self.serving(), 1)

    def test_a_cap_on_worker_processes(self):
        self.start(args=["--plugin-generations", "2"])
        before = self.client.create("Counter")
        self.reload("second")
        self.refused("limit: 2 worker processes of plugin reloaded are there", force=True)
        self.client.release(before)
        eventually(lambda: self.states() == {2: "serving"}, "the end of the one before")
        self.assertEqual(self.reload(force=True)["status"], "reloaded")


class Moves(Reloads):
    """Objects of types that offer state go over to the new version."""

    def start(self, *plugins, args=(), **options):
        """A slow machine may take longer than the default to get at what is free."""
        patient = () if "--plugin-move-ms" in args else ("--plugin-move-ms", "60000")
        super().start(*plugins, args=[*args, *patient], **options)

    def moves(self, version="moved", **options):
        told = self.reload(version, **options)
        self.assertEqual(told["status"], "reloaded")
        return told["objects_moved"], told["objects_left"], told["why_left"]

    def test_what_moves_and_what_stays(self):
        self.start(version="stateful")
        counters = [self.client.create("Counter") for _ in range(100)]
        for number, counter in enumerate(counters):
            self.client.call(counter, "add", number)
        slow = self.client.create("Slow")
        named = self.client.create("Counter", name="mine")
        other = self.host.client(errors="full")
        held = other.do("soho.open", "mine")
        self.assertEqual(self.moves(), (101, 1, "1 object: type Slow offers no state"))
        for number, counter in enumerate(counters):
            self.assertEqual(self.client.call(counter, "get"), number)
            self.assertEqual(self.client.call(counter, "twice"), 2 * number)  # a method that the first did not have
            self.assertEqual(self.code(counter), 12)
        self.assertEqual(other.call(held, "add", 3), 3)
        self.assertEqual(self.client.do("mine.get"), 3)
        self.assertEqual(id_of(named), id_of(self.client.do("soho.open", "mine")))
        self.assertEqual(self.generations()[1]["why"], "1 object: type Slow offers no state")
        self.client.release(slow)
        eventually(lambda: self.states() == {1: "ended", 2: "serving"}, "the end of generation 1")
        for counter in counters:
            self.client.release(counter)
        eventually(lambda: self.host.stats()["objects"] == 1, "that they are destroyed")
        self.assertEqual(self.moves("stateful", force=True)[:2], (1, 0))  # and back

    def test_what_is_shared_with_everybody_is_loaded_before_anybody_gets_it(self):
        self.start(version="stateful", args=["--plugin-generations", "30"])
        one = self.client.create("OneSum")
        self.client.call(one, "add", 7)
        over = threading.Event()
        seen, failures = [], []

        def create():
            try:
                with Client(self.host.address, errors="full") as client:
                    while not over.is_set():
                        handle = client.create("OneSum")
                        seen.append(client.call(handle, "get"))
                        client.release(handle)
            except Exception as failure:
                failures.append(failure)

        threads = [threading.Thread(target=create) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for number in range(20):
                self.assertEqual(self.moves(("moved", "stateful")[number % 2], force=True), (1, 0, ""))
        finally:
            over.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(set(seen), {7})
        self.assertEqual(id_of(self.client.create("OneSum")), id_of(one))

    def test_objects_that_are_arguments_of_each_other_move_together(self):
        self.start(version="stateful")
        one, other = (self.client.create("Sum") for _ in range(2))
        self.client.call(one, "add", 2)
        self.client.call(other, "add", 3)
        self.assertEqual(self.moves()[:2], (2, 0))
        self.assertEqual(self.client.call(one, "add_from", other), 5)
        self.assertEqual(self.client.call(one, "add_from", self.client.create("Sum")), 5)
        self.client.call(self.client.create("Sum", name="even"), "add", 4)
        moved, left, why = self.moves("bad_load", force=True)  # one of them fails: all stay
        self.assertEqual((moved, left), (0, 4))
        self.assertRegex(why, r"^4 objects: reloaded 1.1 Sum does not load state of version 1: ValueError: an odd value$")
        self.assertEqual(self.client.call(one, "add_from", other), 8)

    def test_objects_in_lists_of_arguments_move_together(self):
        self.start(version="stateful")
        one, other = (self.client.create("Listed") for _ in range(2))
        self.client.call(one, "add", 2)
        self.client.call(other, "add", 3)
        self.assertEqual(self.moves(), (2, 0, ""))
        self.assertEqual(self.client.call(one, "add_all", [other, other]), 8)
        moved, left, why = self.moves("bad_load", force=True)  # one of them fails: both stay
        self.assertEqual((moved, left), (0, 2))
        self.assertRegex(why, "^2 objects: reloaded 1.1 Listed does not load state of version 1: ValueError: an odd value$")
        self.assertEqual(self.client.call(one, "add_all", [other]), 11)

    def test_what_is_kept_by_an_object_that_stays_stays_with_it(self):
        self.start(version="stateful", args=["--plugin-generations", "9"])
        keeper = self.client.create("Keeper")
        kept = self.client.call(keeper, "give")
        self.client.call(kept, "add", 2)
        self.assertEqual(self.moves(), (0, 2, "2 objects: type Keeper offers no state"))
        self.assertEqual(id_of(self.client.call(keeper, "give")), id_of(kept))
        self.assertEqual(self.client.call(kept, "add", 2), 4)
        self.client.release(keeper)
        self.client.create("Listed")
        self.assertEqual(self.moves("stateful", force=True)[0], 2)  # where nobody keeps them they move

    def test_what_a_create_that_is_not_over_may_give_does_not_move(self):
        self.start(version="stateful", args=["--plugin-move-ms", "300"])
        one = self.client.create("OneSum")
        waiter = self.client.create("Waiter")
        msgid = self.client.request("soho.create", "LateSum")
        eventually(lambda: self.host.stats()["calls_in_flight"] == 1, "that it waits")
        self.assertEqual(self.moves(), (0, 2, "creates of it took too long to be waited for (plugin_move_ms)"))
        self.client.call(waiter, "finish")
        late = self.client.reply(msgid)
        self.client.call(late, "add", 7)
        self.assertEqual(self.client.call(one, "get"), 7)  # they are one still

    def test_one_that_fails_to_load_stays_what_it_was(self):
        self.start(version="stateful")
        counters = [self.client.create("Counter") for _ in range(4)]
        for number, counter in enumerate(counters):
            self.client.call(counter, "add", number)
        moved, left, why = self.moves("bad_load")
        self.assertEqual((moved, left), (2, 2))
        self.assertIn("2 objects: reloaded 1.1 Counter does not load state of version 1: ValueError: an odd value", why)
        self.assertEqual([self.client.call(counter, "get") for counter in counters], [0, 1, 2, 3])
        self.assertEqual([self.code(counter) for counter in counters], [13, 11, 13, 11])
        self.host.logs_like("2 objects moved; 2 objects stay on generation 1 .*an odd value")

    def test_one_that_owes_a_reply_stays(self):
        self.start(version="stateful")
        waiter = self.client.create("Waiter")
        idle = self.client.create("Waiter")
        msgid = self.client.start(waiter, "wait")
        self.host.admin.do("soho.stats")
        eventually(lambda: self.host.stats()["calls_in_flight"] == 1, "that it waits")
        self.assertEqual(self.moves(), (1, 1, "1 object: a reply is pending"))
        self.client.call(waiter, "wake")
        self.assertEqual(self.client.reply(msgid), 11)
        other = self.client.start(idle, "wait")
        self.client.call(idle, "wake")
        self.assertEqual(self.client.reply(other), 12)

    def test_what_is_busy_for_long_stays_and_is_not_waited_for(self):
        self.start(version="stateful", args=["--plugin-move-ms", "2000"])
        counter = self.client.create("Counter")
        msgid = self.client.start(counter, "nap", 8000)
        eventually(lambda: self.host.stats()["calls_in_flight"] == 1, "that it runs")
        queued = self.client.start(counter, "add", 1)
        self.assertEqual(self.moves(), (0, 1, "1 object: it was busy, and could not be waited for (plugin_move_ms)"))
        self.assertIsNone(self.client.reply(msgid))
        self.assertEqual(self.client.reply(queued), 1)
        self.assertEqual(self.code(counter), 11)
        self.assertEqual(self.generations()[1]["why"], "1 object: it was busy, and could not be waited for (plugin_move_ms)")
        self.assertEqual(self.moves("stateful", force=True), (1, 0, ""))  # with the next one
        eventually(lambda: self.states() == {1: "ended", 2: "ended", 3: "serving"}, "the end of those before")
        self.assertFalse([each["why"] for each in self.generations().values() if "why" in each])

    def test_calls_that_wait_are_made_of_the_new_version(self):
        self.start(version="stateful", args=["--plugin-move-ms", "30000"])
        counter = self.client.create("Counter")
        msgid = self.client.start(counter, "nap", 3000)
        eventually(lambda: self.host.stats()["calls_in_flight"] == 1, "that it runs")
        queued = [self.client.start(counter, "add", 1) for _ in range(5)]
        reloading = self.host.admin.request("soho.reload_plugin", "reloaded", str(RELOADED / "moved.so"))
        behind = [self.client.start(counter, "add", 1) for _ in range(5)]
        self.assertEqual(self.host.admin.reply(reloading)["objects_moved"], 1)
        self.assertIsNone(self.client.reply(msgid))
        self.assertEqual([self.client.reply(each) for each in queued + behind], list(range(1, 11)))
        self.assertEqual(self.code(counter), 12)

    def test_calls_that_wait_run_where_and_as_the_new_version_says(self):
        self.start(version="stateful")
        counter = self.client.create("Reads")
        self.assertRegex(self.client.call(counter, "thread"), "^sohod-[0-9]+$")
        msgid = self.client.start(counter, "nap", 5000)
        eventually(lambda: self.host.stats()["calls_in_flight"] == 1, "that it runs")
        reloading = self.host.admin.request("soho.reload_plugin", "reloaded", str(RELOADED / "apart.so"), {"force": True})
        with self.host.client(errors="full") as other:
            eventually(lambda: "amount" in str(other.do("soho.types", "Counter")), "that the new version is there")
        time.sleep(0.2)  # and its move waits for the nap
        # Readers of the old version, side by side; of the new one each is alone, and the last blocks.
        reads = [self.client.start(counter, "read") for _ in range(20)]
        thread = self.client.start(counter, "thread")
        refused = self.client.start(counter, "add", 1)
        self.assertEqual(self.host.admin.reply(reloading)["objects_moved"], 1)
        self.assertIsNone(self.client.reply(msgid))
        self.assertEqual([self.client.reply(each) for each in reads], list(range(1, 21)))
        self.assertEqual(self.client.reply(thread), "sohod-pool")
        with self.assertRaisesRegex(Refused, r"not_started.*Reads.add\(amount\) has other arguments since"):
            self.client.reply(refused)
        self.assertEqual(self.client.call(counter, "add", 1), 1)

    def test_arguments_of_other_names_are_for_those_who_say_so(self):
        self.start(version="stateful")
        self.refused(r"Counter.add takes \(amount\), and took \(by\)", "apart")

    def test_nothing_moves_if_it_may_not_take_any_time(self):
        self.start(version="stateful", args=["--plugin-move-ms", "0"])
        self.client.create("Counter")
        self.assertEqual(self.moves(), (0, 1, ""))

    def test_two_typeids_of_one_instance(self):
        self.start(version="stateful")
        one = self.client.create("OneSum")
        other = self.client.create("OneSumToo")
        self.client.call(one, "add", 7)
        self.assertEqual(self.client.call(other, "get"), 7)
        self.assertEqual(self.moves()[:2], (2, 0))
        self.assertEqual(self.client.call(other, "add", 1), 8)
        self.assertEqual(self.client.call(one, "get"), 8)
        self.client.release(one)
        self.assertEqual(self.client.call(other, "add", 1), 9)
        self.client.release(other)
        eventually(lambda: self.states() == {1: "ended", 2: "serving"}, "the end of generation 1")


class Load:
    """Clients that create, call and release without a pause, and one object that all add to; no call may fail."""

    def __init__(self, address, threads=3):
        self.address, self.calls, self.added, self.longest, self.failures = address, 0, 0, 0.0, []
        self.over = threading.Event()
        self.mutex = threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self):
        calls, added, longest = 0, 0, 0.0
        try:
            with Client(self.address, errors="full") as client:
                while not self.over.is_set():
                    before = time.monotonic()
                    client.do("sum.add", 1)
                    added += 1
                    counter = client.create("Counter")
                    total = sum(client.call(counter, "add", 1) for _ in range(3))
                    assert total == 6, total
                    client.release(counter)
                    calls += 6
                    longest = max(longest, time.monotonic() - before)
        except Exception as failure:
            self.failures.append(failure)
        with self.mutex:
            self.calls, self.added, self.longest = self.calls + calls, self.added + added, max(self.longest, longest)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


class UnderLoad(Reloads):
    reloads = 30
    versions = ("second", "first")

    def test_no_call_fails_and_no_addition_is_lost(self):
        self.start(version=self.versions[1], args=["--plugin-generations", "100", "--plugin-move-ms", "60000"])
        self.client.create("Counter", name="sum")
        load = Load(self.host.address)
        try:
            for number in range(self.reloads):
                self.reload(self.versions[number % 2], force=True)
        finally:
            load.stop()
        self.assertEqual(load.failures, [])
        self.assertEqual(self.client.do("sum.get"), load.added)
        self.assertGreater(load.added, 0)
        self.assertEqual(self.plugin()["reloads"], self.reloads)


class UnderLoadAndMoving(UnderLoad):
    versions = ("moved", "stateful")

    def test_no_call_fails_and_no_addition_is_lost(self):
        super().test_no_call_fails_and_no_addition_is_lost()
        eventually(lambda: list(self.states().values()) == ["ended"] * self.reloads + ["serving"], "the end of those before")


class UnderLoadInWorkers(UnderLoad):
    isolated = True

    def test_no_call_fails_and_no_addition_is_lost(self):
        super().test_no_call_fails_and_no_addition_is_lost()
        self.host.admin.do("soho.unpublish", "second")  # which the second version published
        # The first has "sum"; between it and the last all have ended.
        eventually(lambda: self.states() == {1: "draining", self.reloads + 1: "serving"}, "the end of those between")
        eventually(lambda: len(self.host.stats()["workers"]) == 2, "the end of their processes")


class CommandLine(Reloads):
    def soho(self, *words, good=True):
        ran = subprocess.run([BIN / "soho", "--host", self.host.address, *words], capture_output=True, text=True,
                             cwd=self.directory)
        self.assertEqual(ran.returncode == 0, good, ran)
        return ran.stdout if good else ran.stderr

    def test_list_and_reload(self):
        self.start()
        self.client.create("Counter")
        self.assertIn("reloaded is unchanged", self.soho("plugin", "reload", "reloaded"))
        shutil.copy(RELOADED / "second.so", self.directory / "other.so")
        self.assertRegex(self.soho("plugin", "reload", "reloaded", "other.so"),
                         r"^reloaded 1.1 took the place of 1.0 in \d+\.\d ms: generation 2\n1 objects stay")
        self.assertRegex(self.soho("plugin", "list"),
                         r"(?ms)^PLUGIN +GENERATION +STATE .*^reloaded +1 +draining +1.0 +none +1 .*session \d+ +none of its types offers state$"
                         r".*^reloaded +2 +serving +1.1")
        self.assertIn("--force", self.soho("plugin", "reload", "reloaded", self.file, good=False))
        self.assertRegex(self.soho("plugin", "list"), "the last reload of reloaded failed: .*twice has gone")
        told = json.loads(self.soho("--json", "plugin", "reload", "--force", "reloaded", self.file))
        self.assertEqual((told["status"], told["version"]), ("reloaded", "1.0"))
        self.assertEqual(json.loads(self.soho("--json", "plugin", "list"))[0]["reloads"], 2)
        self.put("second")
        self.assertIn("plugin reloaded was reloaded, version 1.1", self.soho("reload"))
        self.put("throws")
        told = subprocess.run([BIN / "soho", "--host", self.host.address, "reload"], capture_output=True, text=True)
        self.assertEqual(told.returncode, 1)
        self.assertRegex(told.stdout, "^plugin reloaded was not reloaded: .*there is no database")

    def test_objects_that_their_type_does_not_describe_any_more(self):
        self.start()
        self.client.create("Counter", name="mine")
        self.client.create("Slow", name="slow")
        self.reload("less", force=True)
        self.assertEqual(self.soho("call", "mine", "add", "5"), "5\n")
        self.assertEqual(self.soho("call", "slow", "sleep", "1"), "")

    def test_what_is_wrong_with_the_words(self):
        self.start()
        self.assertIn("which one?", self.soho("plugin", "reload", good=False))
        self.assertIn("plugin knows list and reload", self.soho("plugin", "lst", good=False))
        self.assertIn('no plugin "pear"', self.soho("plugin", "reload", "pear", good=False))


class Copies(Reloads):
    def test_those_of_hosts_that_have_ended_are_removed_but_for_the_last(self):
        folders = []
        self.start()
        directory, file, copies = self.directory, self.file, self.copies
        self.reload("second")
        for _ in range(5):
            self.host.kill()
            self.host = Host(file, args=["--plugin-copies-dir", str(copies)])
            self.client = self.host.client(errors="full")
            self.reload(force=True)
            folders.append(set(copies.iterdir()))
        self.assertEqual(len(folders[-1]), 4)  # its own, and three
        self.assertTrue(pathlib.Path(self.generations()[2]["copy"]).exists())
        self.assertEqual(directory, self.directory)


if __name__ == "__main__":
    unittest.main()
