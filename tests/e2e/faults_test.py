"""System calls that fail, and memory that is not there: the request or the connection that it hits suffers, and nobody else; afterwards
everything is as it was."""
import mmap
import os
import random
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rpartition("/tests/")[0] + "/tests/support")
from soho_e2e import PAIR, PLUGINS, Client, Closed, Refused, hosted, plugin  # noqa: E402

FAULTS = PLUGINS / "preload" / "soho_faults.so"
RATES = struct.Struct("9I")


@unittest.skipUnless(FAULTS.exists(), "not in a sanitizer build")
class Faults(unittest.TestCase):
    def setUp(self):
        file = self.enterContext(tempfile.NamedTemporaryFile())
        file.write(bytes(RATES.size))
        file.flush()
        self.rates = mmap.mmap(file.fileno(), RATES.size)
        self.addCleanup(self.rates.close)
        self.host = hosted(self, plugin("kinds"), plugin("objects"), PAIR, environment={"LD_PRELOAD": str(FAULTS), "SOHO_FAULTS": file.name})
        self.gauges = self.host.at_rest(0)

    def have_fail(self, accept=0, recv=0, send=0, allocation=0, allocation_bytes_min=0):
        """In a million calls."""
        RATES.pack_into(self.rates, 0, accept, recv, send, allocation, allocation_bytes_min, 0, 0, 0, 0)

    def failed(self):
        return RATES.unpack_from(self.rates, 0)[5:]

    def storm(self, rounds, size_max):
        """Clients that come, create, call and go. An answer is right, a refusal, or a connection's end."""
        rng = random.Random(11)
        tally = {"right": 0, "refused": 0, "closed": 0}
        for _ in range(rounds):
            try:
                with Client(self.host.address, errors="full") as client:
                    for _ in range(10):
                        text = rng.choice("abc") * rng.randrange(size_max)
                        try:
                            account = client.create("Account")
                            echoed = client.call(client.create("Kinds"), "echo_str", text)
                            client.release(account)
                        except Refused as refused:
                            # Of the host, or of the plugin.
                            self.assertTrue((refused.kind, refused.text) == ("internal", "out of memory") or refused.type == "MemoryError", refused)
                            tally["refused"] += 1
                            continue
                        self.assertEqual(echoed, text)
                        tally["right"] += 1
            except (Closed, ConnectionError):
                tally["closed"] += 1
        return tally

    def all_is_well_again(self):
        RATES.pack_into(self.rates, 0, *(0 for _ in range(9)))
        self.assertIsNone(self.host.process.poll(), self.host.log()[-5000:])
        self.assertEqual(self.storm(20, 1000), {"right": 200, "refused": 0, "closed": 0})
        self.host.back_at(self.gauges)

    def test_accept(self):
        self.have_fail(accept=300_000)
        tally = self.storm(60, 100)
        self.assertEqual(tally, {"right": 600, "refused": 0, "closed": 0})  # they wait in the backlog
        self.assertGreater(self.failed()[0], 5)
        self.assertIn("cannot accept a connection", self.host.log())
        self.all_is_well_again()

    def test_read_and_write(self):
        self.have_fail(recv=60_000, send=60_000)
        tally = self.storm(150, 50_000)
        self.assertGreater(tally["right"], 100)
        self.assertGreater(tally["closed"], 5)
        self.assertGreater(min(self.failed()[1:3]), 5)
        self.all_is_well_again()

    def test_memory_for_what_is_large(self):
        self.have_fail(allocation=200_000, allocation_bytes_min=16_384)
        tally = self.storm(150, 200_000)
        self.assertGreater(tally["right"], 50)
        self.assertGreater(tally["refused"] + tally["closed"], 20)
        self.assertGreater(self.failed()[3], 20)
        self.all_is_well_again()


if __name__ == "__main__":
    unittest.main()
