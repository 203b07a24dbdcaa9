"""Runs modules of tests:  run.py test_values.py …"""
import pathlib
import sys

import pytest

if __name__ == "__main__":  # and not in the processes that tests spawn
    sys.dont_write_bytecode = True
    sys.stdout.reconfigure(line_buffering=True)
    folder = pathlib.Path(__file__).resolve().parent
    hangs = ["-o", "faulthandler_timeout=100"]  # a test that hangs says where
    sys.exit(pytest.main(["-v", "-p", "no:cacheprovider", *hangs, "--rootdir", str(folder), *(str(folder / name) for name in sys.argv[1:])]))
