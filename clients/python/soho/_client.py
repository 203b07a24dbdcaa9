"""The plain way to a host: every type it has, every object by name, and proxies that tell what they can do."""
from __future__ import annotations

from typing import Any, TypeVar, overload

from soho import _address, _session
from soho._login import Key, Token, login_of
from soho._proxy import OPERATORS, ObjectProxy, Space, documentation, forwarding, is_usable_name
from soho._session import Reference, Session


class Proxy(ObjectProxy):
    """Stands for an object of a host; its methods are the object's.

    It keeps the object alive. It can be passed to other objects' methods, put into their containers, pickled, and inherited by fork.
    Classes that `soho gen python` writes derive from it: see Client.use().
    """

    _typeid: str  # of a class that was written for one type: which, and for which version of it
    _version: tuple[int, int]

    def _callmethod(self, name: str, args: Any = (), keywords: Any = {}) -> Any:  # noqa: B006
        return self._soho_call(name, args, keywords)

    def __reduce__(self) -> Any:
        session = self._soho_session
        ticket = session.share(self._soho_reference.id)
        return _rebuild, (self._soho_typeid, session.address.text, self._soho_reference.id, ticket, self._soho_space.allow_pickle)

    def __repr__(self) -> str:
        return f"<{self._soho_typeid} {self._soho_reference.id} at {self._soho_session.address.text}>"

    def __str__(self) -> str:
        methods = self._soho_space.describe(self._soho_typeid)["methods"]
        return str(self._callmethod("__str__")) if "__str__" in methods else repr(self)

    def __dir__(self) -> list[str]:
        return sorted({*(name for name in type(self).__dict__ if not name.startswith("_") or name in OPERATORS), *object.__dir__(self)})


P = TypeVar("P", bound=Proxy)


def _rebuild(typeid: str, address: str, object_id: int, ticket: str | None, allow_pickle: bool) -> Any:
    space = ProxySpace(_session.session_at(address), allow_pickle)
    reference = Reference(space.session, space.session.take(object_id, ticket)[0])
    return space.make_proxy(reference, typeid)


def _any_method(self: Proxy, name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
    return forwarding(name).__get__(self)


class ProxySpace(Space):
    def make_proxy(self, reference: Reference, typeid: str) -> Proxy:
        proxy = object.__new__(self._class_of(typeid))
        proxy._soho_bind(self, reference, typeid)
        return proxy

    def _class_of(self, typeid: str) -> type[Proxy]:
        description = self.describe(typeid)
        made: type[Proxy] | None = description.get("_class")
        if made is None:
            methods = {name: forwarding(name, method) for name, method in description["methods"].items() if is_usable_name(name)}
            methods.pop("__eq__", None)
            if description.get("open"):  # each object decides
                methods["__getattr__"] = _any_method
            made = type(typeid, (Proxy,), {**methods, "__doc__": description.get("doc") or None, "__module__": "soho"})
            description["_class"] = made
        return made


class Client:
    """A connection to a host; `with` closes it.

        with soho.Client() as client:
            pair = client.open("pair")
            print(pair.get_x())

    address: "unix:PATH", "tcp:HOST:PORT" or "tls:HOST:PORT"; None: $SOHO_HOST, else the user's own host, else the machine's. key, token:
    who to log in as, from Key.from_file() or Token.from_file(); a key of $SOHO_KEY's file if there is neither, and the transport is
    TCP. tls_*: files; tls_name is the name in the host's certificate, where it is not the address's. allow_pickle: whether arbitrary
    Python objects may be values; only for hosts all whose clients you trust, for whoever makes a pickle decides what unpickling runs.
    Its methods may be called by any number of threads.
    """

    def __init__(self, address: _address.AnyAddress = None, *, key: Key | None = None, token: Token | None = None,
                 tls_ca: str | None = None, tls_name: str | None = None, tls_certificate: str | None = None, tls_key: str | None = None,
                 name: str = "", allow_pickle: bool = False):
        login = login_of(address, key, token, tls_ca, tls_name, tls_certificate, tls_key)
        self._session = Session(address, login, name)
        self._space = ProxySpace(self._session, allow_pickle)
        self._session.connect()
        _session._logins.setdefault(self._session.address.text, login)

    def use(self, *classes: type[Proxy]) -> None:
        """Has all objects of these classes' types be of these classes, which `soho gen python` writes; create() and open() do so with
        the class that they are given. TypeError where the host's type has another major version than the class was written for."""
        for proxy_class in classes:
            description = self._space.describe(proxy_class._typeid)
            if description.get("_class") is proxy_class:
                continue
            major, minor = description["version"]
            if major != proxy_class._version[0]:
                raise TypeError(f"the type {proxy_class._typeid} has version {major}.{minor}, but its class {proxy_class.__name__} was written "
                                f"for version {proxy_class._version[0]}.{proxy_class._version[1]}: the major versions must be the same")
            description["_class"] = proxy_class

    @property
    def address(self) -> str:
        """Where the host listens."""
        return self._session.address.text

    def create(self, typeid: str | type[Proxy], /, *args: Any, **keywords: Any) -> Any:
        """A new object of a type, or of a class's; it lives while a proxy of any process does."""
        return self._create(typeid, args, keywords, {})

    def create_named(self, name: str, typeid: str | type[Proxy], /, *args: Any, open_existing: bool = False, **keywords: Any) -> Any:
        """A new object, published under a name; with open_existing the object of that name and type, if there is one."""
        return self._create(typeid, args, keywords, {"name": name, "if_exists": "open" if open_existing else "fail"})

    def _create(self, typeid: str | type[Proxy], args: Any, keywords: Any, options: dict[str, Any]) -> Any:
        if isinstance(typeid, type):
            self.use(typeid)
            typeid = typeid._typeid
        if keywords:
            options["kw"] = keywords
        return self._session.request(self._space, "soho.create", [typeid, list(args), options], f"{typeid}()")

    @overload
    def open(self, name: str) -> Any: ...
    @overload
    def open(self, name: str, of: type[P]) -> P: ...

    def open(self, name: str, of: type[Proxy] | None = None) -> Any:
        """The object that is published under a name; TypeError where a class is given and the object is not of its type."""
        if of is None:
            return self._space.request("soho.open", name)
        self.use(of)
        proxy = self._space.request("soho.open", name)
        if not isinstance(proxy, of):
            raise TypeError(f"{name!r} is a {proxy._soho_typeid}, not a {of._typeid}")
        return proxy

    def publish(self, proxy: Any, name: str, *, session: bool = False) -> None:
        """Publishes an object under a name: until unpublish(), or, with `session`, for as long as this client is connected."""
        self._space.request("soho.publish", proxy, name, {"session": session})

    def unpublish(self, name: str) -> None:
        """Takes a name away."""
        self._space.request("soho.unpublish", name)

    def types(self) -> list[str]:
        """The typeids that this client may know of."""
        return sorted(description["type"] for description in self._space.request("soho.types"))

    def describe(self, typeid: str) -> str:
        """A type's methods and their documentation, as text."""
        description = self._space.describe(typeid)
        lines = [f"{typeid} {'.'.join(map(str, description['version']))}, of the plugin {description['plugin']}"]
        if description.get("doc"):
            lines.append(f"    {description['doc']}")
        for name, method in sorted(description["methods"].items()):
            words = ", ".join(argument["name"] + (f"={argument['default']!r}" if "default" in argument else "") for argument in method["args"])
            lines.append(f"{name}({words})")
            lines += [f"    {line}" for line in documentation(name, method).splitlines()]
        return "\n".join(lines)

    def names(self) -> dict[str, str]:
        """The published names, and the type of each."""
        return {each["name"]: each["type"] for each in self._space.request("soho.names")}

    def stats(self) -> dict[str, Any]:
        """The host's counters and gauges."""
        stats: dict[str, Any] = self._space.request("soho.stats")
        return stats

    def request(self, method: str, *params: Any) -> Any:
        """Any request of the protocol, such as request("soho.whoami")."""
        return self._space.request(method, *params)

    def ping(self) -> None:
        """Returns when the host has answered."""
        self._space.request("soho.ping")

    def close(self) -> None:
        """Ends the session: the host takes back what its proxies refer to."""
        self._session.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<soho.Client of {self.address}>"
