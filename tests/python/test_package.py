"""Installed from the build tree, and as a wheel that was built offline; typed."""
import os
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / "clients" / "python"
PROGRAM = """
import soho, soho.aio, soho.managers, sys
assert sys.argv[1] in soho.__file__, soho.__file__
with soho.managers.SyncManager() as manager:
    print(manager.list([1, 2]))
"""


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def source(tmp_path):
    """A copy, for setuptools builds beside the sources."""
    copy = tmp_path / "source"
    run("cp", "-r", PACKAGE, copy)
    return copy


@pytest.fixture
def environment(tmp_path):
    """A new one that has the system's msgpack; its python."""
    run(sys.executable, "-m", "venv", "--system-site-packages", tmp_path / "venv")
    return tmp_path / "venv" / "bin" / "python"


OFFLINE = ["--no-index", "--no-build-isolation", "--no-deps", "--disable-pip-version-check", "-q"]


def works_in(python, tmp_path):
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    assert run(python, "-c", PROGRAM, str(tmp_path / "venv"), env=clean, cwd="/") == "[1, 2]\n"


def test_from_the_source_tree(tmp_path, source, environment):
    run(environment, "-m", "pip", "install", *OFFLINE, source)
    works_in(environment, tmp_path)


def test_as_a_wheel(tmp_path, source, environment):
    run(environment, "-m", "pip", "wheel", *OFFLINE, "-w", tmp_path / "wheels", source)
    wheel, = (tmp_path / "wheels").glob("soho-*-py3-none-any.whl")
    names = run(sys.executable, "-m", "zipfile", "-l", wheel)
    assert "soho/py.typed" in names and "soho/managers.py" in names and "test" not in names
    run(environment, "-m", "pip", "install", *OFFLINE, wheel)
    works_in(environment, tmp_path)
    assert "Requires: msgpack" in run(environment, "-m", "pip", "show", "--disable-pip-version-check", "soho")


def test_versions_agree():
    import soho
    from soho._login import CLIENT

    assert CLIENT == f"soho-python/{soho.__version__}"
    assert f'version = "{soho.__version__}"' in (PACKAGE / "pyproject.toml").read_text()


def test_types(tmp_path):
    """mypy finds nothing in the package, nor in a program that uses it as its README says."""
    mypy = pytest.importorskip("mypy.api", reason="mypy is not here")
    program = tmp_path / "program.py"
    program.write_text("import soho\nfrom soho.managers import SyncManager\n"
                       "with SyncManager() as manager:\n    value: int = len(manager.list([1]))\n    locked: bool = manager.Lock().acquire()\n"
                       "client = soho.Client('unix:/s')\nnames: dict[str, str] = client.names()\nprint(value, locked)\n")
    os.environ["MYPYPATH"] = str(PACKAGE)
    out, err, code = mypy.run(["--config-file", str(PACKAGE / "pyproject.toml"), "--cache-dir", str(tmp_path / "cache"), "-p", "soho"])
    assert code == 0, out + err
    out, err, code = mypy.run(["--config-file", str(PACKAGE / "pyproject.toml"), "--cache-dir", str(tmp_path / "cache"), str(program)])
    assert code == 0, out + err
