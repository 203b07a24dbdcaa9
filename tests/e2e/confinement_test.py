"""Workers that may do less than their user: a plugin that tries it all, in a host that an ordinary user has started."""
import contextlib
import errno
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rpartition("/tests/")[0] + "/tests/support")
from soho_e2e import BIN, BUNDLED, NO_LEAK_SEARCH, PAIR, SANITIZED, Host, Refused, eventually, id_of, landlock_abi, plugin  # noqa: E402

INTRUDER, OBJECTS, SYNC = plugin("intruder"), plugin("objects"), BUNDLED / "sync.so"
ORDINARY = 65534
# A fatal signal is its handler's to report, by threads and programs that it starts.
needs_signals = unittest.skipIf(SANITIZED, "a sanitizer has handlers of its own")


class Confined(unittest.TestCase):
    """Where root runs the tests, the host is somebody else's: of a copy, as builds may lie where that user cannot go."""

    dies_on_purpose = None
    user = ORDINARY

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="soho-confinement-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.open, self.closed, self.run = (self.make(name) for name in ("open", "closed", "run"))
        for folder in (self.open, self.closed):
            self.own(folder / "text", "some text")

    def own(self, file, text):
        file.write_text(text)
        self.give(file)
        return file

    def make(self, name):
        folder = self.folder / name
        folder.mkdir()
        self.give(folder)
        return folder

    def give(self, path):
        if os.getuid() == 0:
            os.chown(path, self.user, self.user)

    def copy(self, file):
        target = self.folder / file.name
        if not target.exists():
            shutil.copy(file, target)
            target.chmod(0o755)
        return target

    def host_of(self, *plugins, config, **options):
        """A host that may be refused what it is told."""
        prefix, sohod = (), BIN / "sohod"
        if os.getuid() == 0:
            prefix = ("setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups")
            plugins, sohod = [self.copy(file) for file in plugins], self.copy(sohod)
        return Host(*plugins, config=config, directory=str(self.run), prefix=prefix, sohod=sohod, environment=NO_LEAK_SEARCH, **options)

    def start(self, *lines, plugins=(INTRUDER,), more=""):
        """A worker with these lines in the plugin's table; each plugin has them."""
        if any("_paths" in line for line in lines) and not landlock_abi():
            self.skipTest("this kernel has no Landlock")
        tables = [f"[plugin.{file.stem}]\nisolation = \"worker\"\n" + "\n".join(lines) for file in plugins]
        self.host = self.host_of(*plugins, config="\n".join(tables) + "\n" + more)
        self.addCleanup(lambda: self.host.stop(dies_on_purpose=self.dies_on_purpose))
        self.assertEqual(self.host.stats()["workers"][0]["state"], "running", self.host.log())
        self.client = self.host.client(errors="full")
        if INTRUDER in plugins:
            self.intruder = self.client.create("Intruder")

    def does(self, method, *args):
        return self.client.call(self.intruder, method, *args)

    def fails(self, number, method, *args):
        with self.assertRaises(Refused, msg=f"{method}{args}") as caught:
            self.does(method, *args)
        self.assertEqual((caught.exception.type, caught.exception.text.split(":")[-1].strip()), ("OSError", errno.errorcode[number]),
                         f"{method}{args}: {caught.exception}")

    def cannot(self, method, *args):
        """By its system calls."""
        self.fails(errno.EPERM, method, *args)

    def unreachable(self, method, *args):
        """By its paths."""
        self.fails(errno.EACCES, method, *args)

    def worker(self):
        return self.host.stats()["workers"][0]

    def port(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        return listener.getsockname()[1]

    def abstract(self):
        name = "@" + self.folder.name
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("\0" + name[1:])
        listener.listen()
        self.addCleanup(listener.close)
        return name

    # -- what holds for more than one preset

    def lives(self):
        """All that a plugin may do in any case."""
        self.assertEqual(self.does("threads", 20), 210)
        self.assertEqual(self.does("later", 20), 20)
        self.assertEqual(self.does("memory"), 0)
        self.assertEqual(self.does("local_time")[:2], "19")
        self.assertEqual(self.does("library", "libpthread.so.0"), "")
        self.does("signal_itself")
        self.does("limit", 0)
        self.does("limit", self.worker()["process"])
        self.does("pair_of", socket.SOCK_STREAM)
        self.assertIn("Name:", self.does("read", "/proc/self/status"))

    def does_nothing_of_administrators(self):
        for name in ("mount", "unshare", "setns", "chroot", "pivot_root", "bpf", "keyctl", "add_key", "init_module", "finit_module",
                     "kexec_load", "reboot", "perf_event_open", "userfaultfd", "io_uring_setup", "seccomp", "pidfd_open",
                     "pidfd_getfd", "personality", "setuid", "setsid", "capset", "shmget", "mq_open", "process_madvise",
                     "fanotify_init", "open_by_handle_at", "clock_settime", "vfork"):
            with self.subTest(name):
                self.cannot("call", self.does("number", name))
        for name in ("clone3", "of_tomorrow"):  # as if the kernel were older
            self.fails(errno.ENOSYS, "call", self.does("number", name))
        self.fails(errno.ENOSYS, "open_newly", "/dev/null")

    def leaves_other_processes_alone(self):
        host = self.host.process.pid
        self.cannot("fork")
        self.cannot("exec", "/bin/true")
        self.cannot("spawn", "/bin/true")
        self.cannot("trace", host)
        self.cannot("peek", host, 0)
        if landlock_abi() >= 2:
            self.unreachable("open", f"/proc/{host}/mem", os.O_RDONLY)
        for process in (host, 0, -1, 1):
            self.cannot("signal", process, 0)
        self.cannot("own_signals", host)
        self.cannot("limit", host)

    def has_no_sockets(self):
        for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                self.cannot("socket", family, kind)
        self.cannot("pair_of", socket.SOCK_DGRAM)  # which may send to others
        self.cannot("connect", self.port())
        self.cannot("bind")
        self.cannot("connect_unix", self.host.path)

    def reaches_only_what_is_open(self):
        shut = self.closed / "text"
        for method, *args in (("read", str(shut)), ("list", str(self.closed)), ("list", "/"), ("read", "/etc/passwd"),
                              ("read", f"/proc/{self.host.process.pid}/status")):
            self.unreachable(method, *args)
        self.unreachable("read", str(self.open / ".." / "closed" / "text"))
        self.unreachable("read", f"/proc/self/root{shut}")
        lead = self.open / "lead"
        lead.symlink_to(shut)
        self.unreachable("read", str(lead))



class Processes(Confined):
    dies_on_purpose = "hazard"
    user = 200_000 + os.getpid()  # who has nothing else

    @unittest.skipUnless(os.getuid() == 0, "the limit counts all that a user has, so that it takes another one")
    def test_are_bounded_by_their_number(self):
        self.start("worker_processes = 30", plugins=(plugin("hazard"),))
        hazard = self.client.create("Hazard")
        strays = []
        while len(strays) < 31 and -1 not in strays:  # there is room for its parent, but none for it
            try:
                strays.append(self.client.call(hazard, "fork_a_stray"))
            except Refused as refused:
                self.assertEqual((refused.kind, refused.type), ("failed", "OSError"))
                break
        self.assertTrue(5 < len(strays) < 30, strays)
        self.assertEqual(self.host.stats()["workers"][0]["deaths"], 0)


class Presets(Confined):
    def test_without_one_the_worker_may_what_its_user_may(self):
        """What the other tests see fail would not fail by itself."""
        self.start()
        self.assertEqual(self.does("read", str(self.closed / "text")), "some text")
        self.does("write", str(self.closed / "more"), "text")
        self.assertEqual((self.closed / "more").read_text(), "text")
        self.does("connect", self.port())
        self.assertGreater(self.does("bind"), 0)
        self.does("connect_unix", self.host.path)
        self.does("connect_abstract", self.abstract())
        self.assertEqual(self.does("fork"), 7)
        self.assertEqual(self.does("spawn", "/bin/true"), 0)
        self.does("signal", self.host.process.pid, 0)
        self.does("own_signals", self.host.process.pid)
        self.does("limit", self.host.process.pid)
        self.does("open", f"/proc/{self.host.process.pid}/mem", os.O_RDONLY)
        self.does("pair_of", socket.SOCK_DGRAM)
        self.does("change", "chmod", str(self.closed / "text"))
        self.lives()
        worker = self.worker()
        self.assertEqual((worker["syscalls"], worker["read_paths"], worker["write_paths"]), ("all", None, None))

    def test_network(self):
        self.start('worker_syscalls = "network"')
        self.lives()
        self.does_nothing_of_administrators()
        self.leaves_other_processes_alone()
        self.does("connect", self.port())
        self.assertGreater(self.does("bind"), 0)
        self.does("socket", socket.AF_INET6, socket.SOCK_DGRAM)
        self.cannot("connect_unix", self.host.path)
        self.cannot("connect_abstract", self.abstract())
        self.cannot("socket", socket.AF_INET, socket.SOCK_RAW)
        self.cannot("socket", socket.AF_PACKET, socket.SOCK_DGRAM)
        self.cannot("pair_of", socket.SOCK_DGRAM)
        self.changes_files()

    def test_files(self):
        self.start('worker_syscalls = "files"')
        self.lives()
        self.does_nothing_of_administrators()
        self.leaves_other_processes_alone()
        self.has_no_sockets()
        self.changes_files()

    def changes_files(self):
        new = str(self.open / "new")
        self.does("write", new, "text")
        self.assertEqual(self.does("read", new), "text")
        self.does("change_opened", new)
        for how in ("truncate", "chmod", "chown", "utime", "link", "rename"):
            self.does("change", how, new)
        self.does("change", "unlink", new + ".moved")
        for how, undone in (("mkdir", "rmdir"), ("mkfifo", "unlink"), ("symlink", "unlink")):
            self.does("change", how, new)
            self.does("change", undone, new)
        self.cannot("change", "mknod", new)

    def test_compute(self):
        self.start('worker_syscalls = "compute"')
        self.lives()
        self.does_nothing_of_administrators()
        self.leaves_other_processes_alone()
        self.has_no_sockets()
        text = str(self.open / "text")
        self.assertEqual(self.does("read", text), "some text")
        self.cannot("write", text, "other text")
        for flags in (os.O_RDWR, os.O_WRONLY, os.O_RDWR | os.O_CREAT, os.O_RDONLY | os.O_TRUNC, os.O_RDONLY | os.O_CREAT,
                      os.O_RDWR | os.O_TMPFILE, os.O_WRONLY | os.O_APPEND, os.O_ACCMODE):
            self.cannot("open", text, flags)
        for how in ("truncate", "unlink", "rmdir", "mkdir", "mkfifo", "mknod", "symlink", "link", "rename", "chmod", "chown", "utime",
                    "setxattr"):
            self.cannot("change", how, text)
        self.assertEqual((self.open / "text").read_text(), "some text")
        self.assertEqual(sorted(os.listdir(self.open)), ["text"])

    def test_all_of_its_threads_are_confined(self):
        self.start('worker_syscalls = "compute"')
        self.does("threads", 3)
        texts = []
        for status in pathlib.Path(f"/proc/{self.worker()['process']}/task").glob("*/status"):
            with contextlib.suppress(OSError):  # of a thread that has just ended
                texts.append(status.read_text())
        self.assertTrue(texts)
        for text in texts:
            self.assertIn("NoNewPrivs:\t1", text)
            self.assertIn("Seccomp:\t2", text)
        # The host itself, and who starts the workers, are not.
        self.assertIn("Seccomp:\t0", pathlib.Path(f"/proc/{self.host.process.pid}/status").read_text())

    def test_what_is_forbidden_is_logged_once(self):
        self.start('worker_syscalls = "files"')
        for _ in range(5):
            self.cannot("connect", 1)
            self.cannot("exec", "/bin/true")
        line = r'warning worker of plugin intruder tried a system call that worker_syscalls = "files" forbids: {}; it failed with EPERM'
        for call in ("socket of family 2", "execve"):
            eventually(lambda: re.search(line.format(call), self.host.log()), f"a line about {call}")
            self.assertEqual(len(re.findall(line.format(call), self.host.log())), 1)

    def test_a_thread_that_hears_no_signals_sees_the_error_as_well(self):
        self.start('worker_syscalls = "compute"')
        self.assertEqual(self.does("in_a_quiet_thread"), "EPERM")
        self.assertEqual(self.worker()["deaths"], 0)

    def test_forbidden_calls_from_many_threads_hold_up_nobody(self):
        self.start('worker_syscalls = "compute"', plugins=(INTRUDER, PAIR))
        mount = self.does("number", "mount")
        requests = [self.client.start(self.client.create("Intruder"), "call", mount) for _ in range(300)]
        pair = self.host.client().create("Pair", 5, 6)
        self.assertEqual(self.client.call(pair, "get_x"), 5)
        self.assertEqual({self.client.outcome(request).text.split()[-1] for request in requests}, {"EPERM"})


    def test_a_flood_of_them_drowns_nobody(self):
        self.start('worker_syscalls = "compute"', plugins=(INTRUDER, PAIR))
        self.does("flood", 4)
        pair = self.client.create("Pair", 5, 6)
        for number in range(200):
            self.client.call(pair, "set_x", number)
            self.assertEqual(self.client.call(pair, "get_x"), number)
        os.kill(self.host.stats()["workers"][1]["process"], signal.SIGKILL)  # whom the same thread looks after
        eventually(lambda: self.host.stats()["workers"][1]["starts"] == 2, "the other worker to be there again")
        self.assertEqual(self.does("threads", 3), 6)
        self.assertEqual(self.host.log().count("forbids: mount"), 1)


class OnlySome(Confined):
    """Paths, whatever the calls."""

    def test_reading(self):
        self.start(f'worker_read_paths = ["{self.open}"]')
        self.lives()
        self.assertEqual(self.does("read", str(self.open / "text")), "some text")
        self.assertGreater(self.does("list", str(self.open)), 0)
        self.reaches_only_what_is_open()
        self.unreachable("write", str(self.open / "new"), "text")
        self.unreachable("open", str(self.open / "text"), os.O_WRONLY)
        self.unreachable("change", "unlink", str(self.open / "text"))
        self.does("open", "/dev/null", os.O_RDWR)
        self.does("open", "/dev/urandom", os.O_RDONLY)

    def test_writing(self):
        self.start(f'worker_write_paths = ["{self.open}"]')
        self.lives()
        new = str(self.open / "new")
        self.does("write", new, "text")
        self.assertEqual(self.does("read", new), "text")
        self.does("change_opened", new)
        for how in ("truncate", "link", "rename"):
            self.does("change", how, new)
        for how, undone in (("mkdir", "rmdir"), ("mkfifo", "unlink"), ("symlink", "unlink")):
            self.does("change", how, new)
            self.does("change", undone, new)
        self.reaches_only_what_is_open()
        self.stays_out_of(self.closed / "text")

    def stays_out_of(self, file):
        before = file.stat()
        self.unreachable("write", str(file), "other text")
        for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC):
            self.unreachable("open", str(file), flags)
        for how in ("truncate", "unlink", "rename"):
            self.unreachable("change", how, str(file))
        for how in ("mkdir", "mkfifo", "symlink"):
            self.unreachable("change", how, str(file) + ".new")
        for how in ("chmod", "chown", "utime", "setxattr"):  # Landlock looks away
            self.cannot("change", how, str(file))
        after = file.stat()
        self.assertEqual((after.st_mode, after.st_mtime, after.st_size), (before.st_mode, before.st_mtime, before.st_size))
        self.assertEqual(os.listdir(file.parent), [file.name])

    def test_a_single_file(self):
        self.start(f'worker_read_paths = "{self.open}/text"', 'worker_write_paths = []')
        self.assertEqual(self.does("read", str(self.open / "text")), "some text")
        self.unreachable("list", str(self.open))

    def test_what_proc_has_stays_within_reach(self):
        """It is made anew when the kernel has forgotten it, which Landlock takes for another file."""
        forget = pathlib.Path("/proc/sys/vm/drop_caches")
        if not os.access(forget, os.W_OK):
            self.skipTest("needs a machine whose kernel may be told to forget")
        self.start("worker_read_paths = []")
        system = ("/proc/self/status", "/proc/self/maps", "/proc/meminfo", "/proc/sys/vm/overcommit_memory")
        forget.write_text("2")  # names and inodes
        for path in system:
            self.does("read", path)

    def test_none_at_all(self):
        self.start("worker_read_paths = []")
        self.lives()
        self.unreachable("read", str(self.open / "text"))
        self.unreachable("write", str(self.open / "text"), "other text")
        self.does("connect", self.port())
        worker = self.worker()
        self.assertEqual((worker["syscalls"], worker["read_paths"], worker["write_paths"]), ("all", [], []))

    def test_with_a_preset(self):
        self.start('worker_syscalls = "files"', f'worker_write_paths = ["{self.open}"]')
        self.lives()
        self.does_nothing_of_administrators()
        self.leaves_other_processes_alone()
        self.has_no_sockets()
        self.does("write", str(self.open / "text"), "other text")
        self.does("change_opened", str(self.open / "text"))
        self.reaches_only_what_is_open()
        self.stays_out_of(self.closed / "text")
        worker = self.worker()
        self.assertEqual((worker["syscalls"], worker["read_paths"], worker["write_paths"]), ("files", [], [str(self.open)]))
        (reported,) = self.host.admin.do("soho.plugins")
        self.assertEqual(reported["worker"], {key: worker[key] for key in ("state", "syscalls", "read_paths", "write_paths")})
        shown = subprocess.run([BIN / "soho", "--host", self.host.address, "plugins"], capture_output=True, text=True).stdout
        self.assertRegex(shown, rf"intruder +1\.0 +loaded +\d+ +running, files, reads nothing, writes {self.open} ")
        self.host.logs('1 types, in a worker process (worker_syscalls = "files", with worker_write_paths)')

    def test_programs_come_from_the_paths_to_read_alone(self):
        true = os.path.realpath("/bin/true")
        loader = re.search(r"\n\s*(/\S*ld\S*) ", "\n" + subprocess.run(["ldd", true], capture_output=True, text=True).stdout)[1]
        shutil.copy(true, self.closed / "true")
        self.start(f'worker_read_paths = ["{true}", "{loader}"]', f'worker_write_paths = ["{self.closed}"]')
        self.assertEqual(self.does("spawn", true), 0)
        self.assertTrue(os.access(self.closed / "true", os.X_OK))
        self.unreachable("spawn", str(self.closed / "true"))
        self.unreachable("spawn", os.path.realpath("/bin/sh"))

    def test_and_their_loader_has_to_be_named(self):
        true = os.path.realpath("/bin/true")
        self.start(f'worker_read_paths = ["{true}"]')
        self.unreachable("spawn", true)

    def test_other_processes_are_out_of_reach_even_where_all_calls_are_allowed(self):
        self.start("worker_read_paths = []")
        host = self.host.process.pid
        self.cannot("trace", host)
        self.cannot("peek", host, 0)
        if landlock_abi() >= 6:
            self.cannot("signal", host, 0)
            self.cannot("connect_abstract", self.abstract())
        self.assertEqual(self.does("fork"), 7)


class Lives(Confined):
    """What a confined plugin is to its clients: a plugin."""
    dies_on_purpose = "intruder"

    @needs_signals
    def test_after_a_crash_it_is_confined_as_before(self):
        self.start('worker_syscalls = "compute"', f'worker_read_paths = ["{self.open}"]')
        with self.assertRaisesRegex(Refused, r"died: signal 11 \(SIGSEGV\) in Intruder\.segv"):
            self.does("segv")
        eventually(lambda: self.worker()["state"] == "running" and self.worker()["starts"] == 2, "the worker to be there again")
        self.host.logs_like(r"plugin\.intruder: .*crashed by SIGSEGV")  # the whole report
        self.intruder = self.client.create("Intruder")
        self.lives()
        self.leaves_other_processes_alone()
        self.unreachable("read", str(self.closed / "text"))
        self.assertEqual(self.does("read", str(self.open / "text")), "some text")

    def test_bundled_plugins_work_as_ever(self):
        self.start('worker_syscalls = "compute"', "worker_read_paths = []", plugins=(PAIR, SYNC))
        pair = self.client.create("Pair", 3, 4)
        self.client.call(pair, "set_x", 30)
        self.assertEqual(self.client.call(pair, "get_x"), 30)
        made = self.client.create("dict")
        self.client.call(made, "__setitem__", "key", [1, 2])
        self.assertEqual(self.client.call(made, "__getitem__", "key"), [1, 2])
        lock, queue = self.client.create("Lock"), self.client.create("Queue")
        self.assertTrue(self.client.call(lock, "acquire"))
        other = self.host.client()
        waiting = other.start(queue, "get")
        self.client.call(queue, "put", "late")
        self.assertEqual(other.reply(waiting), "late")
        with self.assertRaises(Refused):
            self.client.do("soho.call", queue, "get", [True, 0.05])
        self.assertNotIn("forbids", self.host.log())

    def test_objects_that_call_each_other(self):
        self.start('worker_syscalls = "compute"', "worker_read_paths = []", plugins=(PAIR, OBJECTS))
        node, pair = self.client.create("Node", "first"), self.client.create("Pair", 3, 4)
        self.client.call(node, "link", "pair", pair)
        self.assertEqual(self.client.call(node, "ask", "pair", "get_x"), 3)
        self.client.call(node, "ask", "pair", "set_x", 30)
        self.assertEqual(self.client.call(node, "ask_and_wait", "pair", "get_x"), 30)
        self.assertEqual(id_of(self.client.call(node, "follow", "pair")), id_of(pair))
        self.assertNotIn("forbids", self.host.log())

    def test_each_plugin_has_its_own(self):
        self.start('worker_syscalls = "compute"', more='[plugin.pair]\nisolation = "worker"\nworker_syscalls = "files"\n', plugins=(INTRUDER,))
        self.cannot("bind")


class Refusals(Confined):
    """Nothing is unconfined by mistake."""

    def refused(self, lines, pattern):
        host = self.host_of(INTRUDER, config=f"[plugin.intruder]\n{lines}\n", ready=False)
        self.assertEqual(host.ended(), 2)
        self.assertRegex(host.log(), pattern)

    def test_a_preset_that_there_is_not(self):
        self.refused('isolation = "worker"\nworker_syscalls = "file"',
                     r'sohod\.toml:3:\d+: must be one of all, network, files, compute; did you mean \"?files')

    def test_a_path_that_is_not_absolute(self):
        for key in ("worker_read_paths", "worker_write_paths"):
            self.refused(f'isolation = "worker"\n{key} = ["/tmp", "data"]', r"sohod\.toml:3:\d+: must be an absolute path")

    def test_a_plugin_without_a_worker(self):
        for key, value in (("worker_syscalls", '"files"'), ("worker_read_paths", "[]"), ("worker_write_paths", '["/tmp"]')):
            self.refused(f"{key} = {value}", rf'\[plugin\.intruder\] has {key}, but that plugin has no worker.*isolation = "worker"')

    @unittest.skipIf(landlock_abi(), "of kernels that have no Landlock")
    def test_a_kernel_without_landlock(self):
        host = self.host_of(INTRUDER, config='[plugin.intruder]\nisolation = "worker"\nworker_read_paths = []\n')
        self.addCleanup(host.stop)
        (refused,) = host.admin.do("soho.health")["refused_plugins"]
        self.assertIn("its worker refused it: this kernel has no Landlock", refused["reason"])

    @unittest.skipUnless(landlock_abi(), "this kernel has no Landlock")
    def test_a_path_that_is_not_there(self):
        host = self.host_of(INTRUDER, config='[plugin.intruder]\nisolation = "worker"\nworker_read_paths = ["/nonexistent/folder"]\n')
        self.addCleanup(host.stop)
        (refused,) = host.admin.do("soho.health")["refused_plugins"]
        self.assertRegex(refused["reason"], "its worker refused it: worker_read_paths names /nonexistent/folder: No such file or directory")
        self.assertEqual(host.stats().get("workers", []), [])

    def test_a_path_that_goes_while_the_worker_is_away(self):
        folder = self.make("passing")
        self.dies_on_purpose = "intruder"
        self.start(f'worker_read_paths = ["{folder}"]')
        folder.rmdir()
        process = self.worker()["process"]
        os.kill(process, signal.SIGKILL)
        eventually(lambda: "worker_read_paths names" in self.worker()["last_death"], "the refusal")
        with self.assertRaisesRegex(Refused, "worker_read_paths names .*passing"):
            self.client.create("Intruder")
        self.make("passing")
        self.host.admin.do("soho.reload")
        eventually(lambda: self.worker()["state"] == "running", "the worker to be there again")

    def test_a_change_takes_a_restart(self):
        self.start('worker_syscalls = "compute"')
        config = self.run / "sohod.toml"
        config.write_text(config.read_text().replace('"compute"', '"files"') + "worker_read_paths = []\n")
        reloaded = self.host.admin.do("soho.reload")
        self.assertEqual(sorted(reloaded["needs_restart"]), ["plugin.intruder.worker_read_paths", "plugin.intruder.worker_syscalls"])
        self.cannot("write", str(self.open / "text"), "other text")

    @unittest.skipIf(os.getuid() != 0, "needs root, to be somebody else")
    def test_the_host_was_an_ordinary_users(self):
        self.start('worker_syscalls = "compute"')
        for process in (self.host.process.pid, self.worker()["process"]):
            status = pathlib.Path(f"/proc/{process}/status").read_text()
            self.assertRegex(status, rf"Uid:\t{ORDINARY}\t{ORDINARY}\t{ORDINARY}\t{ORDINARY}\n")
            self.assertRegex(status, r"CapEff:\t0+\n")


if __name__ == "__main__":
    unittest.main()
