"""Where a host listens."""
from __future__ import annotations

import os
import stat
from typing import NamedTuple, Tuple, Union

AnyAddress = Union[str, bytes, Tuple[str, int], None]

_FORMS = "unix:PATH, tcp:HOST:PORT, tcp:[V6]:PORT, or tls: in place of tcp:"


class Address(NamedTuple):
    transport: str  # "unix", "tcp", "tls"
    host: str  # or the path of a Unix socket
    port: int = 0

    @property
    def text(self) -> str:
        if self.transport == "unix":
            return f"unix:{self.host}"
        return f"{self.transport}:[{self.host}]:{self.port}" if ":" in self.host else f"{self.transport}:{self.host}:{self.port}"

    @property
    def plain(self) -> str | tuple[str, int]:
        """As the standard library has it: the path of a Unix socket, or (host, port)."""
        if self.transport == "unix":
            return self.host
        return self.text if self.transport == "tls" else (self.host, self.port)


def parse(address: str | bytes | tuple[str, int]) -> Address:
    """Takes soho's own form, a path, or (host, port), where an empty host is this machine."""
    if isinstance(address, tuple):
        host, port = address
        return Address("tcp", host or "127.0.0.1", port)
    text = os.fsdecode(address)
    transport, colon, rest = text.partition(":")
    if transport == "unix" and colon:
        if not rest:
            raise ValueError('"unix:" lacks the path of the socket: unix:PATH')
        return Address("unix", rest)
    if transport in ("tcp", "tls") and colon:
        host, colon, port_text = rest.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if colon and host and port_text.isascii() and port_text.isdigit() and int(port_text) < 65536 and (bracketed or ":" not in host):
            return Address(transport, host[1:-1] if bracketed else host, int(port_text))
        raise ValueError(f'"{text}" is not {transport}:HOST:PORT or {transport}:[V6]:PORT')
    if text.startswith("\0"):
        raise ValueError("a soho host does not listen at an abstract socket: give the path of one in a directory")
    if "/" in text:
        return Address("unix", text)
    raise ValueError(f'"{text}" is not an address: {_FORMS}')


def candidates(address: AnyAddress = None) -> list[Address]:
    """Where a client looks: there; else at $SOHO_HOST; else at the user's own socket, then at the machine's."""
    if address is not None:
        return [parse(address)]
    if named := os.environ.get("SOHO_HOST"):
        try:
            return [parse(named)]
        except ValueError as error:
            raise ValueError(f"SOHO_HOST: {error}") from None
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    directory = f"{runtime}/soho" if runtime else f"{os.environ.get('TMPDIR') or '/tmp'}/soho-{os.geteuid()}"
    own = Address("unix", f"{directory}/sohod.sock")
    machines = Address("unix", "/run/sohod/sohod.sock")
    return [own, machines] if _is_private(directory) else [machines]


def _is_private(directory: str) -> bool:
    """Whether nobody else can have put a socket there."""
    try:
        status = os.lstat(directory)
    except OSError:
        return True  # there is nothing to be fooled by
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
