"""Who one is to a host, and what a connection says first."""
from __future__ import annotations

import dataclasses
import hashlib
import hmac
import os
import ssl
import stat
from typing import Any, Generator, Union

from soho._address import Address, AnyAddress, candidates

CLIENT = "soho-python/0.1.0"
# The name of the key that the standard library's authkey, which has none, becomes.
AUTHKEY_NAME = "python"


@dataclasses.dataclass(frozen=True)
class Key:
    """A key to log in with: the host knows the same one. `soho keygen NAME` makes a file of one."""

    name: str
    secret: bytes = dataclasses.field(repr=False)

    @classmethod
    def from_file(cls, file: str | os.PathLike[str], name: str | None = None) -> Key:
        """The key of that name in a file of keys; the first if no name is given."""
        return cls(*_read_secret(file, name, bytes.fromhex))

    @classmethod
    def from_authkey(cls, authkey: bytes) -> Key:
        """What stands for an authkey of any length: a host that shall take it has this key under the name "python"."""
        return cls(AUTHKEY_NAME, hashlib.sha256(b"soho authkey 1\0" + bytes(authkey)).digest())

    @property
    def line(self) -> str:
        """As a file of keys has it."""
        return f"{self.name} {self.secret.hex()}"


@dataclasses.dataclass(frozen=True)
class Token:
    """A token to log in with: over a Unix socket, on this machine, or in TLS."""

    text: str = dataclasses.field(repr=False)

    @classmethod
    def from_file(cls, file: str | os.PathLike[str], name: str | None = None) -> Token:
        return cls(_read_secret(file, name, str)[1])


Secret = Union[Key, Token, None]


@dataclasses.dataclass(frozen=True)
class Login:
    """All that says who one is, and whom one takes for the host."""

    secret: Secret = None
    tls_ca: str | None = None  # a file; None: $SOHO_TLS_CA, else the system's authorities
    tls_name: str | None = None  # in the host's certificate, where it is not the address's
    tls_certificate: str | None = None  # a file: the client's own
    tls_key: str | None = None

    def tls_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.tls_ca or os.environ.get("SOHO_TLS_CA") or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.tls_certificate:
            context.load_cert_chain(self.tls_certificate, self.tls_key)
        return context


def default_secret() -> Secret:
    """The first key of the file that $SOHO_KEY names."""
    file = os.environ.get("SOHO_KEY")
    return Key.from_file(file) if file else None


def login_of(address: AnyAddress, key: Key | None, token: Token | None, tls_ca: str | None, tls_name: str | None,
             tls_certificate: str | None, tls_key: str | None) -> Login:
    """What the arguments of a client or a provider say."""
    if key is not None and token is not None:
        raise TypeError("either a key or a token, not both")
    for name, given, kind in (("key", key, Key), ("token", token, Token)):
        if given is not None and not isinstance(given, kind):
            raise TypeError(f"{name} must be a soho.{kind.__name__}, such as soho.{kind.__name__}.from_file(FILE) gives, not {type(given).__name__}")
    secret: Secret = key or token
    if secret is None and candidates(address)[0].transport == "tcp" and os.environ.get("SOHO_KEY"):
        secret = default_secret()
    return Login(secret, tls_ca, tls_name, tls_certificate, tls_key)


def _read_secret(file: str | os.PathLike[str], name: str | None, read: Any) -> tuple[str, Any]:
    with open(file, encoding="utf-8") as lines:
        if stat.S_IMODE(os.fstat(lines.fileno()).st_mode) & 0o077:
            raise PermissionError(f"{os.fspath(file)} can be read by other users, so it is no secret: chmod 600 it")
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            found, _, secret = line.partition(" ")
            if name is not None and found != name:
                continue
            try:
                return found, read(secret.strip())
            except ValueError:
                raise ValueError(f"{os.fspath(file)}:{number}: not NAME and a secret, as soho keygen makes it") from None
    raise KeyError(f"{os.fspath(file)} has no key" + (f' "{name}"' if name else ""))


class Refused(Exception):
    """The host did not do a request of the greeting; `error` is as in its reply."""

    def __init__(self, error: Any):
        super().__init__(error)
        self.error = error


@dataclasses.dataclass
class Welcome:
    """What a host said to hello."""

    session: int
    secret: bytes
    instance: str
    limits: dict[str, int]
    principal: str
    features: list[str]


def greeting(login: Login, address: Address, join: tuple[int, bytes] | None = None, name: str = "",
             features: list[str] = []) -> Generator[tuple[str, list[Any]], Any, Welcome]:  # noqa: B006
    """What to send first: yields (method, params), is sent each result, and returns what came of it. Raises PermissionError where the
    host is not who it should be."""
    secret = login.secret
    nonce = os.urandom(32)
    options: dict[str, Any] = {"proto": 1, "client": f"{name} ({CLIENT})" if name else CLIENT, "errors": "full", "handles": "ext"}
    if features:
        options["features"] = features
    if secret is not None:
        options.update(nonce=nonce, login=True)
    if join is not None:
        options["join"] = list(join)
    hello = yield "soho.hello", [options]
    if secret is None:
        return _welcome(hello, hello)
    if isinstance(secret, Token):
        return _welcome(hello, (yield "soho.auth", ["token", secret.text]))
    if address.transport == "tls":
        raise PermissionError("Python cannot log in with a key inside TLS, for its ssl module does not export what binds the login to the "
                              "connection (RFC 9266): use a token or a certificate")
    if "hmac-sha256-1" not in hello.get("mechs", ()):
        raise PermissionError(f"the host at {address.text} takes no login with a key (it offers: {', '.join(hello.get('mechs', ())) or 'none'})")

    nonces = nonce + hello["nonce"]
    answer = yield "soho.auth", ["hmac-sha256-1", secret.name, _proof(secret, b"client", nonces)]
    if not hmac.compare_digest(answer.get("proof", b""), _proof(secret, b"host", nonces)):
        raise PermissionError(f"who answers at {address.text} does not know the key {secret.name}: it is not the host it should be")
    return _welcome(hello, answer)


def _proof(key: Key, side: bytes, nonces: bytes) -> bytes:
    return hmac.digest(key.secret, b"soho-login-1 " + side + b"\0" + nonces + b"\0" + key.name.encode(), "sha256")


def _welcome(hello: dict[str, Any], login: dict[str, Any]) -> Welcome:
    if "session" not in login:
        raise PermissionError(f"the host wants a login, and takes here: {', '.join(hello.get('mechs', ())) or 'none'}")
    return Welcome(login["session"], login["secret"], hello["instance"], hello["limits"], login["principal"], hello.get("features", []))
