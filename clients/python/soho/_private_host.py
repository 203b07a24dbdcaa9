"""A host of one's own: a sohod that ends with this program."""
from __future__ import annotations

import errno
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import weakref
from typing import Any, Callable, Iterable, Sequence

from soho import _address
from soho._address import Address
from soho._login import AUTHKEY_NAME, Key

# Those of a program that shares its own objects among its own processes, and not of a host for strangers.
_LIMITS = ["--tickets", "1000000", "--handles", "10000000", "--connections", "16000", "--principal-connections", "16000",
           "--principal-objects", "100000000", "--frame-bytes", "1073741824", "--items", "1073741824", "--waiting-bytes", "1099511627776",
           "--unsent-bytes", "1073741824"]
_RIGHTS = f'access = [{{ who = "key:{AUTHKEY_NAME}", rights = ["create", "call", "share", "publish", "provide", "admin"] }}]'

# The system takes 107 bytes of a socket's path, and mkdtemp() makes eight up.
SOCKET_FOLDER_MAX = 107 - len("/soho-") - 8 - len("/sohod.sock")

_hosts: weakref.WeakSet[PrivateHost] = weakref.WeakSet()


def find_sohod() -> pathlib.Path:
    """The program: $SOHOD, else the `sohod` of $PATH."""
    named = os.environ.get("SOHOD")
    found = named if named else shutil.which("sohod")
    if found is None:
        raise FileNotFoundError("there is no sohod in $PATH, and a manager that starts its own host needs it: install soho, or set SOHOD "
                                "to where it is (build/release/bin/sohod in a build tree)")
    if not os.access(found, os.X_OK):
        raise FileNotFoundError(f"SOHOD names {found}, which is no program")
    return pathlib.Path(found).resolve()


def find_plugin(name: str) -> pathlib.Path:
    """A plugin by its file, or one that came with soho by its name: in $SOHO_PLUGINS, else where sohod's are."""
    if "/" in name:
        return pathlib.Path(name)
    named = os.environ.get("SOHO_PLUGINS")
    prefix = find_sohod().parents[1]
    folders = [pathlib.Path(named)] if named else [prefix / "plugins", *sorted(prefix.glob("lib/**/soho/plugins")), prefix / "lib/soho"]
    for folder in folders:
        if (file := folder / f"{name}.so").exists():
            return file
    raise FileNotFoundError(f"there is no plugin {name}.so in {', '.join(map(str, folders))}: set SOHO_PLUGINS to the folder that has it")


def _own_directory() -> str:
    """For this user alone; with room for a socket's path, whatever $TMPDIR is."""
    folder = tempfile.gettempdir()
    return tempfile.mkdtemp(prefix="soho-", dir=folder if len(os.fsencode(folder)) <= SOCKET_FOLDER_MAX else "/tmp")


class PrivateHost:
    """Runs until stop(), or until this process ends, however that ends. Raises OSError or RuntimeError if it does not start. What it logs
    is printed when it is stopped.

    closed: whoever comes to the address waits until let_in(); until then, and after, `door` is another address, which only this program
    and its children know.
    """

    def __init__(self, plugins: Iterable[str], address: _address.AnyAddress = None, authkey: bytes | None = None,
                 args: Sequence[str] = (), prepare: Callable[[], Any] | None = None, closed: bool = False):
        self.directory = _own_directory()
        wanted = Address("unix", f"{self.directory}/sohod.sock") if address is None else _address.parse(address)
        self.door = Address("unix", f"{self.directory}/door.sock") if closed else None
        command = [str(find_sohod()), "--no-config", "--strict", "--end-with-stdin", "--log-level", "warning"]
        if self.door is not None:
            command += ["--accept-on-stdin", "--listen", self.door.text]
        command += ["--listen", wanted.text]
        for plugin in plugins:
            command += ["--plugin", str(find_plugin(plugin))]
        command += _LIMITS
        if wanted.transport != "unix":
            command += ["--keys", self._write_key(authkey or b""), "--set", _RIGHTS]
        self._log = open(f"{self.directory}/log", "w+b", buffering=0)  # noqa: SIM115
        try:
            # A session of its own: what a terminal sends to this program (Ctrl-C) is not for the host, which ends after it.
            self.process = subprocess.Popen(command + list(args), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
                                            start_new_session=True, preexec_fn=prepare)
        except BaseException:
            self._log.close()
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        self._pid = os.getpid()
        self.address = self._wait_until_ready()
        _hosts.add(self)

    def _write_key(self, authkey: bytes) -> str:
        file = f"{self.directory}/keys"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as lines:
            print(Key.from_authkey(authkey).line, file=lines)
        return file

    def _wait_until_ready(self) -> Address:
        assert self.process.stdout is not None
        listens: list[Address] = []
        for line in self.process.stdout:
            if (found := re.search(rb"listens on (.+)\n", line)) is not None:
                listens.append(_address.parse(found[1].decode()))
            if len(listens) == (1 if self.door is None else 2):
                return listens[-1]
        code = self.process.wait()
        said = self._said()
        self._tidy_up()
        text = f"sohod has not started (exit code {code}){': ' + said if said else ''}"
        if "Address already in use" in said or "another host listens there" in said:
            raise OSError(errno.EADDRINUSE, text)
        raise RuntimeError(text)

    def let_in(self) -> None:
        """Has it serve whoever comes to its address."""
        if os.getpid() != self._pid:
            raise RuntimeError("only the process that has started this host can have it serve: its Python objects are there")
        assert self.process.stdin is not None
        if self.door is None or self.process.stdin.closed:
            return
        try:
            os.write(self.process.stdin.fileno(), b"\n")
        except BrokenPipeError:
            pass  # it has ended, as its process says

    def stop(self, timeout: float) -> None:
        """Has it end in order; after the timeout, kills it."""
        if os.getpid() != self._pid or self._log.closed:
            return
        try:
            assert self.process.stdin is not None
            self.process.stdin.close()
        except OSError:
            pass
        for end in (self.process.terminate, self.process.kill):
            try:
                self.process.wait(timeout)
                break
            except subprocess.TimeoutExpired:
                end()
        self.process.wait()
        if said := self._said():
            print(said, file=sys.stderr)
        self._tidy_up()

    def _said(self) -> str:
        """What the host has logged: warnings and worse."""
        self._log.seek(0)
        return self._log.read(1 << 20).decode(errors="replace").strip()

    def _tidy_up(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout, self._log):
            if pipe is not None:
                pipe.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def after_fork_in_child(self) -> None:
        """The host shall end with this process's parent, whatever this child still does."""
        if self.process.stdin is not None:
            self.process.stdin.close()


def _after_fork_in_child() -> None:
    for host in list(_hosts):
        try:
            host.after_fork_in_child()
        except OSError:
            pass


os.register_at_fork(after_in_child=_after_fork_in_child)
