"""What all proxies have in common: a reference to an object, and calls to it."""
from __future__ import annotations

import inspect
import keyword
import threading
from typing import Any, Callable, Iterable, Mapping

import msgpack

from soho._session import Reference, Session
from soho._values import Remote

# What Python itself calls methods by, where a host may offer them to it. None of the others: a host that could say what `__reduce__`
# or `__class__` do would run this program.
OPERATORS = frozenset(f"__{name}__" for name in (
    "len contains getitem setitem delitem iter next reversed length_hint add radd iadd sub rsub isub mul rmul imul or ror ior and rand iand "
    "xor rxor ixor lt le gt ge bool int float index enter exit call").split())


def is_usable_name(name: Any) -> bool:
    """Whether a name that a host sent may become an attribute."""
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        return False
    return not name.startswith("_") or name in OPERATORS


class Space:
    """A session, and how its handles become proxies."""

    def __init__(self, session: Session, allow_pickle: bool = False):
        self.session = session
        self.allow_pickle = allow_pickle

    # -- for the codec

    def handle_of(self, proxy: Any) -> tuple[int, str] | None:
        other = proxy._soho_session
        if other is not self.session:
            mine, theirs = self.session.welcome, other.welcome
            if mine is None or theirs is None or mine.instance != theirs.instance:
                return None
        return proxy._soho_reference.id, proxy._soho_typeid

    def proxy(self, object_id: int, typeid: str) -> Any:
        return self.make_proxy(Reference(self.session, object_id), typeid)

    def let_go(self, proxy: Any) -> None:
        proxy._soho_reference.give_back()

    def make_proxy(self, reference: Reference, typeid: str) -> Any:
        raise NotImplementedError

    # -- requests

    def request(self, method: str, *params: Any) -> Any:
        return self.session.request(self, method, list(params))

    def describe(self, typeid: str) -> dict[str, Any]:
        """The host's description of a type; asked for once in a session."""
        description: dict[str, Any] | None = self.session.types.get(typeid)
        if description is None:
            description = self.session.types[typeid] = self.request("soho.types", typeid)
        return description


class ObjectProxy(Remote):
    """Calls methods of an object that a host keeps."""

    _soho_space: Space
    _soho_session: Session
    _soho_reference: Reference
    _soho_typeid: str
    _soho_tails: dict[str, bytes]

    def _soho_bind(self, space: Space, reference: Reference, typeid: str) -> None:
        # Not by plain assignment: a proxy may hand on what it is assigned.
        set_own = object.__setattr__
        set_own(self, "_soho_space", space)
        set_own(self, "_soho_session", space.session)
        set_own(self, "_soho_reference", reference)
        set_own(self, "_soho_typeid", typeid)
        set_own(self, "_soho_tails", {})

    def _soho_call(self, name: str, args: Iterable[Any], keywords: Mapping[str, Any], options: dict[str, Any] | None = None) -> Any:
        tail = self._soho_tails.get(name)
        if tail is None:
            tail = self._soho_tails[name] = msgpack.packb(self._soho_reference.id) + msgpack.packb(name)
        if keywords:
            options = {"kw": dict(keywords), **options} if options else {"kw": dict(keywords)}
        chosen = _options.chosen
        if chosen is not None and chosen[0] is self:
            options = {**chosen[1], **options} if options else chosen[1]
        return self._soho_session.call(self._soho_space, self._soho_reference, tail, (self._soho_typeid, name), list(args), options)


class _Options(threading.local):
    chosen: tuple[ObjectProxy, dict[str, Any]] | None = None


_options = _Options()


class Chosen:
    """A proxy whose calls have options; see options()."""

    def __init__(self, proxy: ObjectProxy, options: dict[str, Any]):
        self._proxy, self._options = proxy, options

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._proxy, name)

        def call(*args: Any, **keywords: Any) -> Any:
            before, _options.chosen = _options.chosen, (self._proxy, self._options)
            try:
                return method(*args, **keywords)
            finally:
                _options.chosen = before

        return call

    def __repr__(self) -> str:
        return f"<{self._proxy!r} with {self._options}>"


def options(proxy: Any, *, timeout: float | None = None, owner: str | None = None, trace: str | None = None) -> Any:
    """The same proxy, whose calls have options: `soho.options(cache, timeout=0.05).get("key")`.

    timeout: seconds until the call fails with TimeoutError (it may have run). owner: who a lock belongs to, in place of the calling
    thread. trace: appears in the host's log, and in errors.
    """
    chosen: dict[str, Any] = {}
    if timeout is not None:
        if not timeout > 0:
            raise ValueError(f"timeout must be a positive number of seconds, not {timeout!r}")
        chosen["timeout_ms"] = timeout * 1000
    if owner is not None:
        chosen["owner"] = owner
    if trace is not None:
        chosen["trace"] = trace
    return Chosen(proxy, chosen)


def forwarding(name: str, description: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    """A method that forwards to the object; it shows what the host says about it."""

    def method(self: ObjectProxy, /, *args: Any, **kwds: Any) -> Any:
        return self._callmethod(name, args, kwds)  # type: ignore[attr-defined]

    method.__name__ = name
    if description is not None:
        method.__doc__ = documentation(name, description)
        if signature := _signature(description):
            method.__signature__ = signature  # type: ignore[attr-defined]
    return method


def documentation(name: str, description: Mapping[str, Any]) -> str:
    """The text of help() and IPython's `?`."""
    lines = [description.get("doc") or ""]
    for argument in description.get("args", ()):
        if argument.get("doc"):
            lines.append(f"{argument['name']}: {argument['doc']}")
    returns = description.get("returns_typeid") or description.get("returns")
    if returns and returns != "nil":
        lines.append(f"Returns {returns}.")
    return "\n".join(line for line in lines if line)


_KINDS = {"args": inspect.Parameter.VAR_POSITIONAL, "kwargs": inspect.Parameter.VAR_KEYWORD}


def _signature(description: Mapping[str, Any]) -> inspect.Signature | None:
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]
    for argument in description.get("args", ()):
        name = argument["name"]
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            return None
        parameters.append(inspect.Parameter(name, _KINDS.get(argument.get("kind"), inspect.Parameter.POSITIONAL_OR_KEYWORD),
                                            default=argument["default"] if "default" in argument else inspect.Parameter.empty))
    try:
        return inspect.Signature(parameters)
    except ValueError:
        return None
