"""CPython's own tests of what managers share, with soho.managers in their place.

    cpython_suite.py fork|spawn|forkserver [unittest's arguments]

They are those of the Python that runs this (Debian: libpython3.11-testsuite). What needs Python inside the host is left out.
"""
import multiprocessing
import multiprocessing.context
import os
import sys
import tempfile
import unittest

METHOD = sys.argv.pop(1) if __name__ == "__main__" else "fork"

import conftest  # noqa: E402, F401  where sohod is, and soho
import soho.managers  # noqa: E402

_processes = []


def Manager(context=None):  # noqa: N802
    manager = soho.managers.Manager()
    _processes.append(manager._process)
    return manager


multiprocessing.Manager = Manager
multiprocessing.context.BaseContext.Manager = Manager

try:
    import test._test_multiprocessing as suite  # noqa: E402
except ImportError as missing:
    sys.exit(f"CPython's tests are not here ({missing}): install libpython3.11-testsuite")

# A pool and these managers' types are Python functions, which no host can run. All others are run.
LEFT_OUT = {"WithManagerTestPool", "WithManagerTestMyManager", "WithManagerTestRemoteManager", "WithManagerTestManagerRestart"}

suite.install_tests_in_module_dict(globals(), METHOD)
for name, case in list(globals().items()):
    if isinstance(case, type) and issubclass(case, unittest.TestCase) and (not name.startswith("WithManager") or name in LEFT_OUT):
        del globals()[name]


def _an_action_is_refused(self):
    """In place of the one test whose barrier calls a Python function."""
    with self.assertRaisesRegex(NotImplementedError, "wait\\(\\) returns 0"):
        self.Barrier(self.N, action=list)


globals()["WithManagerTestBarrier"].test_action = _an_action_is_refused

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        program = unittest.main(exit=False)
        os.chdir("/")
    ended = [process.exitcode for process in _processes]
    print(f"{len(ended)} hosts ended with {ended}")
    sys.exit(not (program.result.wasSuccessful() and program.result.testsRun >= 40 and ended and not any(ended)))
