"""CPython's own tests of what managers share, with soho.managers in their place.

    cpython_suite.py fork|spawn|forkserver [unittest's arguments]

They are those of the Python that runs this (Debian: libpython3.11-testsuite).
"""
import inspect
import multiprocessing
import multiprocessing.context
import multiprocessing.managers
import os
import sys
import tempfile
import textwrap
import unittest

METHOD = sys.argv.pop(1) if __name__ == "__main__" else "fork"

import conftest  # noqa: E402, F401  where sohod is, and soho
import soho.managers  # noqa: E402
from soho_e2e import PATIENCE  # noqa: E402

_processes = []


def Manager(context=None):  # noqa: N802
    manager = soho.managers.SyncManager(shutdown_timeout=PATIENCE)
    manager.start()
    _processes.append(manager._process)
    return manager


multiprocessing.Manager = Manager
multiprocessing.context.BaseContext.Manager = Manager

for _name in ("BaseManager", "BaseProxy", "SyncManager", "RemoteError"):  # what the suite makes its own classes of
    setattr(multiprocessing.managers, _name, getattr(soho.managers, _name))

try:
    import test._test_multiprocessing as suite  # noqa: E402
except ImportError as missing:
    sys.exit(f"CPython's tests are not here ({missing}): install libpython3.11-testsuite")

# It looks into the server that get_server() gives.
LEFT_OUT = {"WithManagerTestManagerRestart"}
if METHOD == "forkserver":  # whose server has imported the suite as it is
    LEFT_OUT.add("WithManagerTestRemoteManager")
suite._TestRemoteManager.result = tuple(suite._TestRemoteManager.values)  # xmlrpclib makes a list of it

# Bounds that a process misses when it has to wait for the processor, and what this suite has in their place.
suite.SHUTDOWN_TIMEOUT = suite._TestBarrier.defaultTimeout = PATIENCE
PATIENT = {
    ("_TestCondition", "_test_waitfor_timeout_f"): ("expected * 0.6 < dt < expected * 10.0", "expected * 0.6 < dt"),
    ("_TestBarrier", "_test_timeout_f"): ("time.sleep(1.0)", "while not barrier.broken: _wait()"),
    ("_TestBarrier", "_test_default_timeout_f"): ("time.sleep(1.0)", "while not barrier.broken: _wait()"),
    ("_TestPool", "test_async_timeout"): ("TIMEOUT2 + 1.0", "TIMEOUT2 + support.LONG_TIMEOUT"),
    ("_TestPool", "test_terminate"): ("assertLess(join.elapsed, 2.0)", "assertLess(join.elapsed, 60.0)"),
    ("_TestQueue", "test_no_import_lock_contention"): ("timeout=3", "timeout=60"),
}
for (case, test), (hasty, patient) in PATIENT.items():
    case, made = getattr(suite, case), {}
    exec(textwrap.dedent(inspect.getsource(getattr(case, test))).replace(hasty, patient), vars(suite), made)
    setattr(case, test, made[test])

suite.install_tests_in_module_dict(globals(), METHOD)
for name, case in list(globals().items()):
    if isinstance(case, type) and issubclass(case, unittest.TestCase) and (not name.startswith("WithManager") or name in LEFT_OUT):
        del globals()[name]


def _an_action_is_refused(self):
    """In place of the one test whose barrier calls a Python function."""
    with self.assertRaisesRegex(NotImplementedError, "wait\\(\\) returns 0"):
        self.Barrier(self.N, action=list)


globals()["WithManagerTestBarrier"].test_action = _an_action_is_refused


def _a_wrong_number_is_its_own_error(self):
    """In place of the one test that wants RemoteError for what is a ValueError everywhere else."""
    for processes in (-1, 0):
        with self.assertRaises(ValueError):
            self.Pool(processes)


globals()["WithManagerTestPool"].test_make_pool = _a_wrong_number_is_its_own_error

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        program = unittest.main(exit=False)
        os.chdir("/")
    ended = [process.exitcode for process in _processes]
    print(f"{len(ended)} hosts ended with {ended}")
    sys.exit(not (program.result.wasSuccessful() and program.result.testsRun >= 70 and ended and not any(ended)))
