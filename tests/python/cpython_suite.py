"""CPython's own tests of what managers share, with soho.managers in their place.

    cpython_suite.py fork|spawn|forkserver [unittest's arguments]

They are those of the Python that runs this (Debian: libpython3.11-testsuite). What needs Python inside the host is left out.
"""
import multiprocessing
import multiprocessing.context
import sys
import unittest

METHOD = sys.argv.pop(1) if __name__ == "__main__" else "fork"

import conftest  # noqa: E402, F401  where sohod is, and soho
from soho.managers import Manager  # noqa: E402

multiprocessing.Manager = Manager
multiprocessing.context.BaseContext.Manager = lambda self: Manager()

import test._test_multiprocessing as suite  # noqa: E402

# These have no object of a manager, or one that a Python function makes in the host.
LEFT_OUT = {
    "WithManagerTestPool": "a pool runs Python functions in the host",
    "WithManagerTestMyManager": "its types are Python callables",
    "WithManagerTestRemoteManager": "its types are Python callables",
    "WithManagerTestManagerRestart": "its types are Python callables",
}
# One reason each, in a word or two of the migration page.
DIFFERENT = {
    "WithManagerTestBarrier.test_action": "an action is a Python function",
    "WithManagerTestCondition.test_notify_all": "",
}

suite.install_tests_in_module_dict(globals(), METHOD)
for name, case in list(globals().items()):
    if isinstance(case, type) and issubclass(case, unittest.TestCase) and (not name.startswith("WithManager") or name in LEFT_OUT):
        del globals()[name]

if __name__ == "__main__":
    unittest.main()
