"""A host of one's own: a sohod that ends with this program."""
from __future__ import annotations

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
           "--principal-objects", "100000000"]
_RIGHTS = f'access = [{{ who = "key:{AUTHKEY_NAME}", rights = ["create", "call", "share", "publish", "provide", "admin"] }}]'

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


class PrivateHost:
    """Runs until stop(), or until this process ends, however that ends. Raises OSError or RuntimeError if it does not start. What it logs
    is printed when it is stopped."""

    def __init__(self, plugins: Iterable[str], address: _address.AnyAddress = None, authkey: bytes | None = None,
                 args: Sequence[str] = (), prepare: Callable[[], Any] | None = None):
        self.directory = tempfile.mkdtemp(prefix="soho-")  # mode 0700
        wanted = Address("unix", f"{self.directory}/sohod.sock") if address is None else _address.parse(address)
        command = [str(find_sohod()), "--no-config", "--strict", "--end-with-stdin", "--log-level", "warning", "--listen", wanted.text]
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
        for line in self.process.stdout:
            if (found := re.search(rb"listens on (\S+)\n", line)) is not None:
                return _address.parse(found[1].decode())
        code = self.process.wait()
        said = self._said()
        self._tidy_up()
        raise RuntimeError(f"sohod has not started (exit code {code}){': ' + said if said else ''}")

    def stop(self, timeout: float) -> None:
        """Has it end in order; after the timeout, kills it."""
        if os.getpid() != self._pid:
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
