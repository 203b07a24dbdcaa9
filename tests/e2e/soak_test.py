"""A soak of some seconds: that it would say what it is there to say. ./dev soak MINUTES is the real one."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]


class Soak(unittest.TestCase):
    def test_a_short_one_checks_and_reports(self):
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run([sys.executable, "-B", str(TESTS / "soak" / "soak.py"), "0.15", "--seed", "3", "--json", directory + "/report"],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr[-8000:])
            report = json.loads(pathlib.Path(directory, "report").read_text())
        self.assertGreater(report["healthy_calls"], 100)
        self.assertGreater(report["attackers"] + report["kills"], 0)
        self.assertEqual(set(report["latency"]), {"calm", "attack", "calm again"})
        self.assertRegex(done.stdout, r"answers checked, all right\n")


if __name__ == "__main__":
    unittest.main()
