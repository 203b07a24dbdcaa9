"""Strangers cannot knock the host over: every attacker of tests/hostile does a bounded amount of work, beside clients whose every answer is
checked. Afterwards nothing is left of the attackers."""
import os
import pathlib
import signal
import subprocess
import sys
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
for folder in ("support", "hostile", "soak"):
    sys.path.insert(0, str(TESTS / folder))
import attack
import methods
from attacker import Defect
from crowd import Crowd
from soho_e2e import eventually, plugin
from target import NOBODY, Target

SEED = int(os.environ.get("SOHO_TEST_SEED", 1))
GROWTH_MAX = 256 << 20  # bytes, resident; a sanitizer keeps so much of what was freed
BEFORE_LOGIN = [name for name, kind in attack.ATTACKERS.items() if not kind.needs_rights]


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.target = Target(plugin("kinds"))
        cls.addClassCleanup(cls.target.stop)
        cls.target.wake()
        cls.names = cls.target.names()
        cls.before = cls.target.at_rest(0)
        cls.descriptors = cls.target.descriptors()

    def gather(self):
        """Healthy clients; call this first."""
        self.crowd = Crowd(self.target, SEED).start()
        self.addCleanup(self.crowd.kill)
        self.memory = self.target.memory()

    def attacks(self, names, address):
        for name in names:
            with self.subTest(name, address=address):
                attacker = attack.ATTACKERS[name](address, SEED)
                attacker.number = 0
                try:
                    attacker.run(attacker.rounds)
                except Defect as defect:
                    self.fail(attack.told(attacker, defect) + "\n" + self.target.log()[-3000:])
                self.assertTrue(attacker.tally["inputs"])
                self.assertIsNone(self.target.process.poll(), f"the host has ended (seed {SEED}):\n{self.target.log()[-20000:]}")
                self.assertIsNone(self.crowd.complaint(), f"seed {SEED}")

    def at_the_baseline(self):
        """Every healthy answer was right, and the host has nothing more than before."""
        self.crowd.phase("end")
        self.assertGreater(self.crowd.finish()["calls"], 100)
        self.target.sweep(self.names)
        self.target.back_at(self.before)
        eventually(lambda: self.target.descriptors() == self.descriptors, "that the descriptors are closed")
        self.assertLess(self.target.memory() - self.memory, GROWTH_MAX)

    def test_clients_of_the_owner(self):
        self.gather()
        self.attacks(attack.ATTACKERS, self.target.addresses["unix"])
        self.at_the_baseline()

    def test_clients_before_a_login(self):
        self.gather()
        self.attacks(BEFORE_LOGIN, self.target.addresses["tcp"])
        self.attacks(["connects", "handshakes"], self.target.addresses["tls"])
        self.at_the_baseline()

    @unittest.skipIf(os.geteuid() != 0, "only root can be somebody else")
    def test_clients_of_another_user_with_some_rights(self):
        self.gather()
        for name in ("params", "mutations", "knots", "churn", "names", "tickets", "creates", "guesses", "neighbours", "logins"):
            with self.subTest(name):
                done = subprocess.run([sys.executable, "-B", attack.__file__, name, "--host", self.target.addresses["unix"], "--seed", str(SEED), "--as-nobody"],
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr[-6000:])
                self.assertIsNone(self.crowd.complaint(), f"seed {SEED}")
        self.at_the_baseline()

    def test_the_kit_itself(self):
        self.assertLess({"soho.hello", "soho.call", "soho.create", "soho.release", "soho.shutdown"}, methods.control_methods().keys())
        self.assertEqual(methods.control_methods()["soho.call"], ["target", "method", "args", "options"])
        self.assertGreater(len(methods.golden_requests()), 15)
        address = self.target.addresses["unix"]

        class Liar(attack.ATTACKERS["releases"]):
            """Finds a defect where there is none."""

            def round(self, rng):
                with self.peer() as peer:
                    peer.exchange(b"\x94\0\1\xa9soho.ping\x90", [1])
                    peer.take([1, 1, "internal: x", None])

        liar = Liar(address, 5)
        with self.assertRaises(Defect) as defect:
            liar.run(1, first=3)
        self.assertRegex(attack.told(liar, defect.exception), r"liar: two replies to 1.*\n.*--seed 5 --first 3 --rounds 1\n.*sent: 940001")


if __name__ == "__main__":
    unittest.main(verbosity=2)
