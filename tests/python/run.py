"""Runs modules of tests:  run.py test_values.py …"""
import pathlib
import sys

import pytest

sys.dont_write_bytecode = True
folder = pathlib.Path(__file__).resolve().parent
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(folder), *(str(folder / name) for name in sys.argv[1:])]))
