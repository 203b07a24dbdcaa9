"""A sohod whose system calls and allocations fail as a test orders (tests/faults/faults.cpp)."""
import contextlib
import mmap
import os
import struct
import tempfile

from soho_e2e import PLUGINS, Host, eventually

LIBRARY = PLUGINS / "preload" / "soho_faults.so"
KINDS = ("receive", "send", "accept", "watch", "thread", "allocation")
FIELDS = ("seed", *(f"{kind}{part}" for kind in KINDS for part in ("", "_failed")),
          "allocation_bytes_min", "allocation_at", "bytes_max", "bytes")


class Faults:
    """The orders, and what came of them."""

    def __init__(self, seed):
        with tempfile.NamedTemporaryFile(prefix="soho-faults-", delete=False) as file:
            file.write(bytes(8 * len(FIELDS)))
        self.path = file.name
        with open(self.path, "r+b") as opened:
            self.orders = mmap.mmap(opened.fileno(), 0)
        self["seed"] = seed

    def __getitem__(self, field):
        return struct.unpack_from("<Q", self.orders, 8 * FIELDS.index(field))[0]

    def __setitem__(self, field, value):
        struct.pack_into("<Q", self.orders, 8 * FIELDS.index(field), value)

    @contextlib.contextmanager
    def ordered(self, **orders):
        """Kinds as chances from 0 to 1, the rest as numbers. Nothing fails afterwards."""
        for field, value in orders.items():
            self[field] = int(value * 2**32) if field in KINDS else value
        try:
            yield self
        finally:
            for field in orders:
                self[field] = 0


def faulty_host(case, *plugins, seed=1, **options):
    """A host, stopped after the test, and its faults."""
    faults = Faults(seed)
    case.addCleanup(os.unlink, faults.path)
    host = Host(*plugins, environment={"LD_PRELOAD": str(LIBRARY), "SOHO_FAULTS": faults.path}, **options)
    case.addCleanup(host.stop)
    return host, faults


def has_memory(host):
    eventually(lambda: host.stats("memory_is_short") == {"memory_is_short": 0}, "that there is memory again")
