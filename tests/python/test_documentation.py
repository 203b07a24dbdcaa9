"""The examples of the standard library's documentation of managers and proxies, with nothing but their imports changed.

They are read from the documentation of the Python that runs this (Debian: python3.11-doc), so they are programs that nobody here wrote.
"""
import ast
import doctest
import pathlib
import re
import socket
import subprocess
import sys
import textwrap

import pytest
from soho_e2e import PATIENCE, eventually

import soho.managers

SOURCE = pathlib.Path(f"/usr/share/doc/python{sys.version_info[0]}.{sys.version_info[1]}/html/_sources/library/multiprocessing.rst.txt")
# What only a process that runs Python could serve, or prints of the inside of the standard library's own server.
NOT_FOR_A_HOST = re.compile(r"callable=|MathsClass|get_server|m\.connect|logging|proxy\._callmethod\(methodname")


def examples():
    """Each block of code, by the number of its first line."""
    lines = SOURCE.read_text().split("\n")
    number = 0
    while number < len(lines):
        line = lines[number]
        indentation = len(line) - len(line.lstrip())
        start = number
        if line.rstrip().endswith("::") and not line.lstrip().startswith(".. "):
            number += 1
            while number < len(lines) and (not lines[number].strip() or len(lines[number]) - len(lines[number].lstrip()) > indentation):
                number += 1
            yield start + 2, textwrap.dedent("\n".join(lines[start + 1:number])).strip() + "\n"
        elif line.lstrip().startswith(">>>"):
            while lines[number].strip():
                number += 1
            yield start + 1, textwrap.dedent("\n".join(lines[start:number])) + "\n"
        else:
            number += 1


def moved(code):
    """The same, with its imports changed."""
    code = re.sub(r"from multiprocessing import Process, Manager", "from multiprocessing import Process; from soho.managers import Manager", code)
    code = code.replace("from multiprocessing import Manager", "from soho.managers import Manager")
    code = code.replace("from multiprocessing.managers import", "from soho.managers import")
    return code.replace("multiprocessing.Manager(", "soho.managers.Manager(")


if not SOURCE.exists():
    pytest.skip(f"the documentation is not here: {SOURCE}", allow_module_level=True)

ABOUT_MANAGERS = [(line, code) for line, code in examples() if re.search(r"anager|proxy", code)]
SERVED = [(line, code) for line, code in ABOUT_MANAGERS if not NOT_FOR_A_HOST.search(code)]


def test_there_are_examples():
    assert len(ABOUT_MANAGERS) >= 15 and len(SERVED) >= 7


@pytest.mark.parametrize("line, code", [each for each in SERVED if each[1].startswith(">>>")], ids=lambda each: each if type(each) is int else "")
def test_sessions(manager, line, code):
    test = doctest.DocTestParser().get_doctest(moved(code), {"manager": manager, "multiprocessing": __import__("multiprocessing"), "soho": soho},
                                               f"line {line}", str(SOURCE), line)
    assert test.examples
    output = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=output.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(output)


@pytest.mark.parametrize("line, code", [each for each in SERVED if not each[1].startswith(">>>")], ids=lambda each: each if type(each) is int else "")
def test_programs(manager, tmp_path, line, code):
    if "import" not in code:  # a piece of one
        exec(compile(moved(code), str(SOURCE), "exec"), {"manager": manager})
        return
    file = tmp_path / "example.py"
    file.write_text(moved(code))
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    expected = SOURCE.read_text().split("\n")
    printed = [ast.literal_eval(text) for text in done.stdout.strip().split("\n")]
    shown = [text.strip() for text in expected[line:line + 40] if text.strip()[:1] in ("{", "[")]
    assert printed == [ast.literal_eval(text) for text in shown]  # the order of a dict's items is an old Python's there


def test_a_server_and_its_client():
    server = next(code for _, code in ABOUT_MANAGERS if "serve_forever" in code and "register" not in code)
    client = next(code for _, code in ABOUT_MANAGERS if "connect()" in code and "register" not in code)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]

    def statements(code):
        code, ports = re.subn(r"50\d\d\d", str(port), moved(code))  # which others may use
        assert ports == 1
        return re.sub(r"^(>>>|\.\.\.) ?", "", code, flags=re.MULTILINE)

    process = subprocess.Popen([sys.executable, "-c", statements(server)], stderr=subprocess.PIPE, text=True)
    try:
        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0 or process.poll() is not None

        eventually(listens)
        if process.poll() is not None and "Address already in use" in process.stderr.read():
            pytest.skip(f"somebody else has taken port {port}")
        names = {}
        exec(statements(client), names)
        names["m"]._space.request("soho.shutdown")
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.communicate()
