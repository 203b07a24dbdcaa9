"""What the end-to-end tests stand on: a sohod of this build on a socket of its own, and clients that speak raw msgpack-RPC.

No test asserts that something happens within a time. What must happen is waited for with a bound (PATIENCE) that only a
defect reaches.

Run as a program it is a client in a process of its own: `soho_e2e.py ADDRESS` reads one JSON array [method, param…] a line
and answers with one JSON object a line, {"result": …} or {"error": …}.
"""
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import msgpack

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SOHO_TEST_BUILD_DIR", ROOT / "build" / "release"))
BIN = pathlib.Path(os.environ.get("SOHO_TEST_BIN_DIR", BUILD / "bin"))
BUNDLED = pathlib.Path(os.environ.get("SOHO_TEST_BUNDLED_PLUGIN_DIR", BUILD / "plugins"))
PLUGINS = pathlib.Path(os.environ.get("SOHO_TEST_PLUGIN_DIR", BUILD / "test-plugins"))
BAD = PLUGINS / "bad"
PAIR = BUNDLED / "pair.so"

SANITIZED = BUILD.name.endswith("san")  # asan, gasan, tsan: which have handlers of their own for signals
PATIENCE = float(os.environ.get("SOHO_TEST_PATIENCE", 180 if SANITIZED else 60))  # seconds
IN_WORKERS = "SOHO_TEST_IN_WORKERS" in os.environ  # every plugin that a Host is started with has a worker process
CONFINED = os.environ.get("SOHO_TEST_CONFINED")  # … which may no more than that preset allows, and reaches no files
# For hosts with such workers: the leak sanitizer traces its own process at its end, which their confinement forbids.
NO_LEAK_SEARCH = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
HANDLE = 0x53
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed")


def landlock_abi():
    """What this kernel's Landlock can, as its number; 0: there is none."""
    return max(ctypes.CDLL(None).syscall(444, None, 0, 1), 0)


def needs_the_host_itself(why):
    """For tests of what is different where a plugin has a worker: they say what."""
    return unittest.skipIf(IN_WORKERS, why)


def patient_with_workers(config):
    """A sanitizer's worker on a busy machine may give no sign of life for long."""
    silent = "[limits]\nworker_silent_ms = 60000\n"
    return config.replace("[limits]\n", silent) if "[limits]\n" in config else f"{config}\n{silent}"


def plugin(name):
    return PLUGINS / f"{name}.so"


def eventually(condition, what="the condition"):
    """Waits until condition() is true, and returns what it gave."""
    until = time.monotonic() + PATIENCE
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"{what} did not come true; last: {value!r}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def freeze(process):
    """Stops every thread of that process. The signal alone is heard by one of them, and others may run on for a while."""
    def state_of(status):
        try:
            return re.search(r"^State:\s+(\S)", status.read_text(), re.M).group(1)
        except OSError:
            return "X"  # has ended meanwhile

    os.kill(process, signal.SIGSTOP)
    eventually(lambda: all(state_of(status) in "TZX" for status in pathlib.Path(f"/proc/{process}/task").glob("*/status")),
               f"process {process} to stand still")


def pack(value):
    return msgpack.packb(value, use_bin_type=True, unicode_errors="surrogateescape")


def unpack(data):
    return msgpack.unpackb(data, raw=False, strict_map_key=False, unicode_errors="surrogateescape")


def ext_handle(object_id, type_id):
    return msgpack.ExtType(HANDLE, pack([object_id, type_id]))


def id_of(handle):
    """The id in a handle of either form."""
    return unpack(handle.data)[0] if isinstance(handle, msgpack.ExtType) else handle["$soho"]


def type_of(handle):
    return unpack(handle.data)[1] if isinstance(handle, msgpack.ExtType) else handle["type"]


class Refused(Exception):
    """An error reply: `kind` is the code's name; `type` the error's own name, with `failed` only."""

    def __init__(self, error):
        if isinstance(error, str):
            self.kind, _, self.text = error.partition(": ")
            self.type, self.code, self.data, self.trace = None, None, None, None
            if self.kind == "failed":
                self.type, _, self.text = self.text.partition(": ")
        else:
            self.code, self.text, more = error
            self.kind, self.type = more["kind"], more.get("type")
            self.data, self.trace = more.get("data"), more.get("trace")
        super().__init__(f"{self.kind}: {self.type + ': ' if self.type else ''}{self.text}")


class Closed(Exception):
    """The host closed the connection."""


def connect(address):
    """A socket to "unix:PATH" or "tcp:HOST:PORT"."""
    transport, _, place = address.partition(":")
    if transport == "unix":
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(PATIENCE)
        connection.connect(place)
    else:
        name, _, port = place.rpartition(":")
        connection = socket.create_connection((name.strip("[]"), int(port)), PATIENCE)
    return connection


class Client:
    """One connection. Says hello only if it is given options for it."""

    def __init__(self, address, **hello):
        self.socket = connect(address)
        self.unpacker = msgpack.Unpacker(
            raw=False, strict_map_key=False, max_buffer_size=0, unicode_errors="surrogateescape")
        self.replies = {}
        self.last_msgid = 0
        self.greeting = None
        if hello:
            try:
                self.greeting = self.do("soho.hello", {"proto": 1, **hello})
            except BaseException:
                self.close()
                raise

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    # -- sending

    def raw(self, data):
        self.socket.sendall(data)

    def frame(self, method, *params):
        """A request as bytes, with the next msgid; the reply is fetched by that."""
        self.last_msgid += 1
        return self.last_msgid, pack([0, self.last_msgid, method, list(params)])

    def request(self, method, *params):
        msgid, data = self.frame(method, *params)
        self.raw(data)
        return msgid

    def notify(self, method, *params):
        self.raw(pack([2, method, list(params)]))

    # -- receiving

    def receive(self):
        """The next message, whatever it is; Closed at the end."""
        while True:
            try:
                return next(self.unpacker)
            except StopIteration:
                pass
            try:
                data = self.socket.recv(1 << 18)
            except (ConnectionResetError, BrokenPipeError):
                data = b""
            if not data:
                raise Closed()
            self.unpacker.feed(data)

    def reply(self, msgid):
        while msgid not in self.replies:
            message = self.receive()
            assert isinstance(message, list) and len(message) == 4 and message[0] == 1, message
            assert message[1] not in self.replies, f"two replies to {message[1]}"
            self.replies[message[1]] = message
        _, _, error, result = self.replies.pop(msgid)
        if error is not None:
            assert result is None, (error, result)
            raise Refused(error)
        return result

    def outcome(self, msgid):
        """The result, or the Refused."""
        try:
            return self.reply(msgid)
        except Refused as refused:
            return refused

    def closed(self):
        """Waits until the host has closed this connection; gives what came before, unread."""
        messages = []
        try:
            while True:
                messages.append(self.receive())
        except Closed:
            return messages

    # -- the protocol

    def do(self, method, *params):
        return self.reply(self.request(method, *params))

    def start(self, target, method, *args, **options):
        return self.request("soho.call", target, method, list(args), *([options] if options else []))

    def call(self, target, method, *args, **options):
        return self.reply(self.start(target, method, *args, **options))

    def create(self, type_id, *args, **options):
        return self.do("soho.create", type_id, list(args), *([options] if options else []))

    def release(self, handle, count=1):
        return self.do("soho.release", [id_of(handle), count])


class ClientProcess:
    """A client in another process: do() has it make one request."""

    def __init__(self, address):
        self.process = subprocess.Popen(
            [sys.executable, "-B", __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, method, *params):
        self.process.stdin.write(json.dumps([method, *params]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Host:
    """A sohod of this build, on a Unix socket in a directory of its own, until stop()."""

    def __init__(self, *plugins, args=(), config=None, directory=None, listen=None, ready=True, environment={},
                 prefix=(), sohod=BIN / "sohod"):
        self.owns_directory = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="soho-e2e-")
        self.path = os.path.join(self.directory, "sohod.sock")
        self.address = listen or "unix:" + self.path
        # False: where the config says. `prefix`: a program that starts it, as somebody else for instance.
        command = [*prefix, str(sohod)] + (["--listen", self.address] if listen is not False else [])
        for file in plugins:
            command += ["--plugin", str(file)]
            if IN_WORKERS:
                command += ["--isolate", pathlib.Path(file).stem]
            if CONFINED:
                table = f"plugin.{pathlib.Path(file).stem}"
                command += ["--set", f'{table}.worker_syscalls="{CONFINED}"']
                command += ["--set", f"{table}.worker_read_paths=[]"] if landlock_abi() else []
        if IN_WORKERS and "--config" not in args:
            config = patient_with_workers(config or "")
        if config is not None:
            file = os.path.join(self.directory, "sohod.toml")
            pathlib.Path(file).write_text(config)
            command += ["--config", file]
        elif "--config" not in args:
            command.append("--no-config")
        self.out = os.path.join(self.directory, "out")
        self.err = os.path.join(self.directory, "log")
        with open(self.out, "w") as out, open(self.err, "w") as err:
            self.process = subprocess.Popen(command + list(args), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            env={**os.environ, **(NO_LEAK_SEARCH if CONFINED else {}), **environment})
        self.connections = []
        self._admin = None
        if ready:
            self.wait_ready()

    def wait_ready(self):
        try:
            eventually(self._listens_or_ended, "that the host listens")
            if self.process.poll() is not None:
                raise AssertionError(f"the host ended with {self.process.returncode}:\n{self.log()}")
        except BaseException:
            self.kill()
            raise

    def _listens_or_ended(self):
        listening = re.search(r"listens on (\S+)\n", self.output())
        if listening:
            self.address = listening.group(1)  # with the port that the system chose
        return listening or self.process.poll() is not None

    def addresses(self):
        """Where it listens, in order."""
        return re.findall(r"listens on (\S+)\n", self.output())

    def output(self):
        return pathlib.Path(self.out).read_text(errors="replace")

    def log(self):
        return pathlib.Path(self.err).read_text(errors="replace")

    def logs(self, text):
        """Waits until its log has that: a line may come after what it tells of."""
        self.logs_like(re.escape(text))

    def logs_like(self, pattern):
        try:
            eventually(lambda: re.search(pattern, self.log()))
        except AssertionError:
            raise AssertionError(f"the host did not log {pattern!r}; it did:\n{self.log()[-10_000:]}") from None

    # -- clients

    def client(self, **hello):
        client = Client(self.address, **hello)
        self.connections.append(client)
        return client

    @property
    def admin(self):
        """A connection for looking on; it counts in the numbers that stats() gives."""
        if self._admin is None:
            self._admin = Client(self.address)
            self._admin.do("soho.whoami")  # a session begins with the first request that needs one
        return self._admin

    def stats(self, *keys):
        stats = self.admin.do("soho.stats")
        return {key: stats[key] for key in keys} if keys else stats

    GAUGES = ("connections", "sessions", "objects", "references", "names", "tickets", "calls_in_flight", "stuck_calls")

    def gauges(self):
        """What must be the same again when everybody has gone."""
        now = self._gauges()
        while IN_WORKERS:  # a call that has its reply may be counted for a moment more, by another thread
            before, now = now, self._gauges()
            if now == before:
                break
        return now

    def _gauges(self):
        stats = self.stats()
        living = stats["objects_created"] - stats["objects_destroyed"]
        return {**{key: stats[key] for key in self.GAUGES}, "living": living}

    def at_rest(self, clients):
        """The gauges, once what earlier tests left behind has gone: `clients` are connected, besides the admin."""
        seen = []

        def unchanged():
            seen.append(self.gauges())
            now = seen[-1]
            return (now["connections"] == clients + 1 and now["objects"] == now["living"]
                    and now["calls_in_flight"] == 0 and seen[-2:-1] == [now])

        eventually(unchanged)
        return seen[-1]

    def back_at(self, gauges):
        """Waits until the gauges are what they were."""
        try:
            eventually(lambda: self.gauges() == gauges)
        except AssertionError:
            raise AssertionError(f"before: {gauges}\n now:   {self.gauges()}") from None

    def memory(self):
        """Resident bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) << 10

    # -- the end

    def ended(self):
        """Waits for its exit code."""
        return self.process.wait(PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._tidy_up()

    def stop(self, code=0, dies_on_purpose=None):
        """Ends it as an operator would. Any complaint of a sanitizer fails the test, but those in the worker of that plugin."""
        for client in self.connections:
            client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            ended = self.ended()
        except subprocess.TimeoutExpired:
            log = self.log()
            self.kill()
            raise AssertionError("the host does not end:\n" + log)
        log = self.log()
        self._tidy_up()
        lines = (line for line in log.splitlines() if f" plugin.{dies_on_purpose}: " not in line)
        complaint = SANITIZER.search("\n".join(lines))
        assert ended == code and not complaint, f"the host ended with {ended}:\n{log[-20000:]}"
        return log

    def _tidy_up(self):
        if self._admin is not None:
            self._admin.close()
        for client in self.connections:
            client.close()
        if self.owns_directory:
            shutil.rmtree(self.directory, ignore_errors=True)


def hosted(case, *plugins, **options):
    """A host for one test case; it is stopped, and its end looked at, when the case is over."""
    host = Host(*plugins, **options)
    case.addCleanup(host.stop)
    return host


def serve_json(address):
    client = Client(address)
    for line in sys.stdin:
        method, *params = json.loads(line)
        _, _, error, result = (client.request(method, *params), client.receive())[1]
        print(json.dumps({"error": error} if error is not None else {"result": result}), flush=True)


if __name__ == "__main__":
    serve_json(sys.argv[1])
