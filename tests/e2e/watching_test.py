"""What an operator sees: counters by method, metrics, health, soho top."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import pathlib
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import BIN, PAIR, Refused, eventually, hosted, plugin

SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')


def soho(host, *words, code=0):
    done = subprocess.run([BIN / "soho", "--host", host.address, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def get(address, path):
    """(status, type, body)"""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=60) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as failure:
        with failure:
            return failure.code, failure.headers["Content-Type"], failure.read().decode()


def samples(text):
    """{(name, labels): value} of the exposition format; every line must be one."""
    found = {}
    for line in text.splitlines():
        if line.startswith(("# HELP soho_", "# TYPE soho_")):
            continue
        name, labels, value = SAMPLE.match(line).groups()
        found[name, labels] = float(value)
    return found


class Methods(unittest.TestCase):
    def setUp(self):
        self.host = hosted(self, PAIR, plugin("reply"))
        self.client = self.host.client()

    def counted(self):
        callees = self.host.admin.do("soho.stats", {"methods": True})["methods"]
        return {f'{callee["type"]}.{callee["method"]}': callee for callee in callees}

    def test_each_is_counted_with_its_failures_and_times(self):
        for _ in range(10):
            self.client.do("pair.get_x")
        slow = self.client.create("Slow")
        self.client.call(slow, "sleep", 30)
        mailbox = self.client.create("Mailbox")
        self.client.call(mailbox, "later", 1, 20)
        with self.assertRaises(Refused):
            self.client.call(mailbox, "fail_later", "KeyError", 1)
        counted = self.counted()
        self.assertEqual({name: (callee["calls"], callee["errors"]) for name, callee in counted.items()},
                         {"get_pair.get_x": (10, 0), "Slow.(create)": (1, 0), "Slow.sleep": (1, 0),
                          "Mailbox.(create)": (1, 0), "Mailbox.later": (1, 0), "Mailbox.fail_later": (1, 1)})
        for callee in counted.values():
            self.assertEqual(sum(count for _, count in callee["latency"]), callee["calls"])
        (bound, count), = counted["Slow.sleep"]["latency"]
        self.assertEqual(count, 1)
        self.assertGreater(bound, 30_000)
        self.assertGreaterEqual(counted["Mailbox.later"]["total_us"], 20_000)

    def test_what_never_reached_a_method_is_not(self):
        with self.assertRaises(Refused):
            self.client.do("pair.set_x", 1, 2)
        with self.assertRaises(Refused):
            self.client.do("pair.nope")
        self.assertNotIn("get_pair.set_x", self.counted())

    def test_only_on_request(self):
        self.assertNotIn("methods", self.host.admin.do("soho.stats"))
        with self.assertRaisesRegex(Refused, 'soho.stats has no option "method"; did you mean "methods"'):
            self.host.admin.do("soho.stats", {"method": True})


class Metrics(unittest.TestCase):
    def setUp(self):
        self.host = hosted(self, PAIR, plugin("reply"), args=["--metrics", "tcp:127.0.0.1:0", "--drain-ms", "60000"])
        self.place = re.search(r"metrics at tcp:(\S+)", self.host.output()).group(1)

    def test_are_served_in_the_text_format(self):
        client = self.host.client()
        for _ in range(5):
            client.do("pair.get_x")
        status, kind, text = get(self.place, "/metrics")
        self.assertEqual((status, kind.split(";")[0]), (200, "text/plain"))
        found = samples(text)
        labels = 'type="get_pair",method="get_x"'
        self.assertEqual(found["soho_calls_total", labels], 5)
        self.assertEqual(found["soho_call_errors_total", labels], 0)
        self.assertEqual(found["soho_call_duration_seconds_count", labels], 5)
        self.assertEqual(found["soho_call_duration_seconds_bucket", labels + ',le="+Inf"'], 5)
        self.assertGreater(found["soho_call_duration_seconds_sum", labels], 0)
        self.assertEqual(found["soho_healthy", None], 1)
        self.assertEqual(found["soho_objects", None], self.host.stats()["objects"])
        self.assertGreaterEqual(found["soho_bytes_in_total", None], 5 * len(b"pair.get_x"))
        buckets = [value for (name, labels_), value in found.items() if name == "soho_call_duration_seconds_bucket" and labels in labels_]
        self.assertEqual(buckets, sorted(buckets))

    def test_health_says_when_the_host_drains(self):
        self.assertEqual(get(self.place, "/healthz")[::2], (200, '{"status": "ok"}\n'))
        client = self.host.client()
        client.start(client.create("Mailbox"), "get")
        client.do("soho.ping")
        self.host.process.send_signal(signal.SIGTERM)
        eventually(lambda: get(self.place, "/healthz")[0] == 503, "that it drains")

    def test_nothing_else_is(self):
        self.assertEqual(get(self.place, "/")[0], 404)
        self.assertEqual(get(self.place, "/metric")[0], 404)

    def test_beyond_this_machine_it_must_be_wanted(self):
        done = subprocess.run([BIN / "sohod", "--listen", "unix:" + self.host.path + "2", "--metrics", "tcp:0.0.0.0:0"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("listen on 127.0.0.1, or add --insecure-metrics", done.stderr)

    def test_a_unix_socket_serves_them_as_well(self):
        path = os.path.join(self.host.directory, "metrics.sock")
        hosted(self, PAIR, args=["--metrics", "unix:" + path])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            self.assertIn(b"soho_healthy 1", connection.makefile("rb").read())

    def test_a_file_that_is_no_socket_is_left_alone(self):
        path = pathlib.Path(self.host.directory) / "precious"
        path.write_text("x")
        done = subprocess.run([BIN / "sohod", "--listen", "unix:" + self.host.path + "2", "--metrics", f"unix:{path}"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"cannot serve metrics on unix:{path}: ", done.stderr)
        self.assertEqual(path.read_text(), "x")


class Top(unittest.TestCase):
    def setUp(self):
        self.host = hosted(self, PAIR)
        client = self.host.client()
        for _ in range(7):
            client.do("pair.get_x")
        client.do("pair.set_x", 5)

    def test_prints_once_for_scripts(self):
        lines = soho(self.host, "top", "--once", "--interval", "0.05", "--sort", "calls").splitlines()
        self.assertRegex(lines[0], r"^1 objects, \d+ sessions, .* requests/s")
        self.assertEqual(lines[1].split(), ["TYPE.METHOD", "CALLS/s", "P50", "P99", "ERRORS", "CALLS"])
        self.assertEqual([line.split()[0] for line in lines[2:4]], ["get_pair.get_x", "get_pair.set_x"])
        self.assertEqual(lines[2].split()[-1], "7")
        top = json.loads(soho(self.host, "--json", "top", "--once", "--interval", "0.05", "--filter", "*.set_*"))
        self.assertEqual([(row["target"], row["calls"]) for row in top["rows"]], [("get_pair.set_x", 1)])

    def test_goes_on_until_it_is_interrupted(self):
        top = subprocess.Popen([BIN / "soho", "--host", self.host.address, "top", "--interval", "0.05"], stdout=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, text=True)
        self.addCleanup(top.stdout.close)
        for _ in range(3):
            while "TYPE.METHOD" not in top.stdout.readline():
                pass
        top.send_signal(signal.SIGINT)
        self.assertEqual(top.wait(60), 0)

    def test_says_what_it_does_not_understand(self):
        self.assertIn("top sorts by rate, calls", soho(self.host, "top", "--once", "--sort", "beauty", code=2))
        self.assertIn("'x' is no interval", soho(self.host, "top", "--once", "--interval", "x", code=2))

    def test_stats_shows_the_methods_too(self):
        self.assertRegex(soho(self.host, "stats", "--methods"), r"get_pair\.get_x +[\d.]+ +[\d.]+ .s +[\d.]+ .s +0 +7\n")


if __name__ == "__main__":
    unittest.main()
