"""The Python programs of the READMEs print what these say."""
import os
import pathlib
import re
import subprocess
import sys

import pytest
from soho_e2e import BUNDLED, PATIENCE, Host

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = (ROOT / "clients" / "python" / "README.md").read_text() + (ROOT / "README.md").read_text()
PROGRAMS = re.findall(r"```python run\n(.*?)```\n```output\n(.*?)```", TEXT, re.S)


@pytest.fixture(scope="module")
def bundled():
    host = Host(*sorted(BUNDLED.glob("*.so")))
    yield host
    host.stop()


def test_there_are_programs():
    assert len(PROGRAMS) == TEXT.count("```python") == 6


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_program(bundled, tmp_path, number):
    program, output = PROGRAMS[number]
    file = tmp_path / "program.py"
    file.write_text(program)
    done = subprocess.run([sys.executable, "-W", "error", file], capture_output=True, text=True, timeout=PATIENCE,
                          env={**os.environ, "SOHO_HOST": bundled.address})
    assert (done.returncode, done.stderr, done.stdout) == (0, "", output)


def test_idioms_of_the_migration_page():
    host = Host(BUNDLED / "sync.so", args=["--publish", "jobs=Queue"])
    try:
        from soho.managers import BaseManager, SyncManager

        producer, consumer = BaseManager(host.address), SyncManager(host.address)
        producer.connect()
        consumer.connect()
        producer.open("jobs").put("hello")
        assert consumer.open("jobs").get() == "hello"
        assert consumer.Value("O", "anything").value == "anything"
        d = consumer.dict(a=[1])
        d["a"].append(2)
        assert d["a"] == [1]
        d["a"] = consumer.list([1])
        d["a"].append(2)
        assert d["a"][:] == [1, 2]
    finally:
        host.stop()
