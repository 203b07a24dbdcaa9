"""The proxies of managers: what the standard library's are to a program, standing for objects of a host."""
from __future__ import annotations

import array
import time
from multiprocessing import context, current_process
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Callable, ClassVar, Iterable, Mapping, Sequence

import msgpack

from soho import _address, _session
from soho._login import Key, Login
from soho._proxy import ObjectProxy, Space, forwarding, is_usable_name
from soho._session import Reference, Session

if TYPE_CHECKING:
    from soho.managers import BaseManager

NEEDS_PYTHON = "needs a process that runs Python where the object is: register a class of your own, with its callable, for that"


# ---- tokens

# Before the names of types that Python hosts where a plugin has, or may have, a type of that name: "python.PriorityQueue", "python.pool.Pool".
HOSTED_IN_PYTHON = "python."


def shown(typeid: str) -> str:
    """A typeid of the host's as the program has registered it."""
    name = typeid.rpartition(".")[2]
    return name if typeid.startswith(HOSTED_IN_PYTHON) and name in default_registry else typeid


class Token:
    """Names an object: its type, where its host listens, and its id there."""

    __slots__ = ("typeid", "address", "id", "_there", "_space", "_reference")

    def __init__(self, typeid: str, address: Any, id: int):  # noqa: A002  the standard library's name
        self.typeid, self.address, self.id = shown(typeid), address, id
        self._there = typeid  # what the host calls it
        self._space: Space | None = None
        self._reference: Reference | None = None

    def __getstate__(self) -> tuple[str, Any, int]:
        return self._there, self.address, self.id

    def __setstate__(self, state: tuple[str, Any, int]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(typeid={self.typeid!r}, address={self.address!r}, id={self.id!r})"


class Entry:
    """What register() was told of a typeid."""

    __slots__ = ("exposed", "method_to_typeid", "proxytype", "callable", "create_method")

    def __init__(self, exposed: Sequence[str] | None, method_to_typeid: Mapping[str, str] | None, proxytype: Callable[..., Any],
                 callable: Callable[..., Any] | None = None, create_method: bool = True):  # noqa: A002
        self.exposed, self.method_to_typeid, self.proxytype = exposed, method_to_typeid, proxytype
        self.callable, self.create_method = callable, create_method


class ManagerSpace(Space):
    """Handles become proxies as a manager has registered their types, else as the host describes them."""

    def __init__(self, session: Session, registry: Mapping[str, Entry], allow_pickle: bool, manager: BaseManager | None = None):
        super().__init__(session, allow_pickle)
        self.registry = registry
        self.manager = manager

    def make_proxy(self, reference: Reference, typeid: str, as_typeid: str | None = None) -> Any:
        token = Token(typeid, self.session.address.plain, reference.id)
        token._space, token._reference = self, reference
        entry = self.registry.get(as_typeid or token.typeid)
        if entry is not None:
            return entry.proxytype(token, "soho", manager=self.manager, exposed=entry.exposed)
        proxytype = NAMED_PROXIES.get(self.describe(typeid)["proxytype"], AutoProxy)
        return proxytype(token, "soho", manager=self.manager)


# SyncManager's: for proxies that came without a manager.
default_registry: dict[str, Entry] = {}


def _space_at(address: Any, login: Login | None, allow_pickle: bool, authkey: bytes | None = None) -> ManagerSpace:
    """For them, with the host at an address."""
    if login is None and authkey is not None and not _is_unix(address):
        login = Login(Key.from_authkey(authkey))
    session = _session.session_at(address, login)
    return ManagerSpace(session, default_registry, allow_pickle)


def _is_unix(address: Any) -> bool:
    return _address.parse(address).transport == "unix"


# ---- proxies


class BaseProxy(ObjectProxy):
    """A base for proxies of shared objects."""

    _exposed_: ClassVar[Sequence[str] | None] = None
    _method_to_typeid_: ClassVar[Mapping[str, str] | None] = None

    def __init__(self, token: Token, serializer: str = "soho", manager: BaseManager | None = None, authkey: bytes | None = None,
                 exposed: Sequence[str] | None = None, incref: bool = True, manager_owned: bool = False):
        space, reference = token._space, token._reference
        if space is None or reference is None:  # one that the program made: it names an object that somebody has
            space = manager._space if manager is not None and manager._space is not None else _space_at(token.address, None, False, authkey)
            reference = Reference(space.session, space.session.take(token.id, None)[0])
        token._space = token._reference = None
        self._soho_bind(space, reference, token._there)
        set_own = object.__setattr__
        set_own(self, "_token", token)
        set_own(self, "_id", token.id)
        set_own(self, "_manager", manager)
        set_own(self, "_serializer", serializer)
        set_own(self, "_exposed", exposed)
        entry = space.registry.get(token.typeid) if isinstance(space, ManagerSpace) else None
        set_own(self, "_results", entry.method_to_typeid if entry is not None else None)

    def _callmethod(self, methodname: str, args: Iterable[Any] = (), kwds: Mapping[str, Any] = {}) -> Any:  # noqa: B006
        """Calls a method of the object, and returns a copy of its result, or a proxy where that is an object of the host."""
        result = self._soho_call(methodname, args, kwds)
        results = self._results  # type: ignore[attr-defined]
        if results is not None and methodname in results and isinstance(result, BaseProxy):
            wanted = results[methodname]
            if wanted != result._token.typeid and wanted in self._soho_space.registry:  # type: ignore[attr-defined]
                return self._soho_space.make_proxy(result._soho_reference, result._soho_typeid, wanted)  # type: ignore[call-arg]
        return result

    def _getvalue(self) -> Any:
        """A copy of the object's value, of those types that can be copied."""
        methods = self._methods()
        for method, args in (("__getvalue__", ()), ("copy", ()), ("__getitem__", (slice(None),)), ("get", ()), ("getvalue", ())):
            if method in methods and not (method == "get" and "put" in methods):  # what is got from a queue is in it no more
                return self._callmethod(method, args)
        raise TypeError(f"the type {self._soho_typeid} has nothing that gives a copy of its value (a method copy, get or getvalue)")

    def _methods(self) -> Iterable[str]:
        methods: Mapping[str, Any] = self._soho_space.describe(self._soho_typeid)["methods"]
        return methods

    def __reduce__(self) -> Any:
        session = self._soho_session
        ticket = session.share(self._soho_reference.id)
        keywords: dict[str, Any] = {"exposed": self._exposed} if self._exposed else {}  # type: ignore[attr-defined]
        login = session.login if context.get_spawning_popen() is not None else None
        automatic = getattr(self, "_isauto", False)
        return _rebuild_proxy, (AutoProxy if automatic else type(self), self._soho_typeid, session.address.text, self._soho_reference.id,
                                ticket, self._soho_space.allow_pickle, login, keywords)

    def __copy__(self) -> Any:
        session = self._soho_session
        reference = Reference(session, session.take(self._soho_reference.id, None)[0])
        return self._soho_space.make_proxy(reference, self._soho_typeid)

    def __deepcopy__(self, memo: Any) -> Any:
        return self._getvalue()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object, typeid {shown(self._soho_typeid)!r} at {id(self):#x}>"

    def __str__(self) -> str:
        """The text of the object; if that fails, of the proxy."""
        try:
            text: str = self._callmethod("__repr__")
            return text
        except Exception:  # noqa: BLE001
            return repr(self)[:-1] + "; '__str__()' failed>"


def _rebuild_proxy(proxytype: Callable[..., Any], typeid: str, address: str, object_id: int, ticket: str | None, allow_pickle: bool,
                   login: Login | None, keywords: dict[str, Any]) -> Any:
    """What a pickled proxy becomes."""
    authkey = None if login is not None or address in _session._logins else bytes(current_process().authkey)
    space = _space_at(address, login, allow_pickle, authkey)
    reference = Reference(space.session, space.session.take(object_id, ticket)[0])
    token = Token(typeid, space.session.address.plain, object_id)
    token._space, token._reference = space, reference
    return proxytype(token, "soho", **keywords)


def RebuildProxy(func: Callable[..., Any], token: Token, serializer: str, kwds: dict[str, Any]) -> Any:  # noqa: N802
    """For programs that pickle proxies by a function of their own."""
    return func(token, serializer, **kwds)


def MakeProxyType(name: str, exposed: Iterable[str], _cache: dict[Any, type] = {}) -> type[BaseProxy]:  # noqa: B006, N802
    """A class of proxies with a method for each exposed name."""
    exposed = tuple(exposed)
    try:
        return _cache[name, exposed]
    except KeyError:
        pass
    methods: dict[str, Any] = {method: forwarding(method) for method in exposed}
    made = type(name, (BaseProxy,), {"_exposed_": exposed, **methods})
    _cache[name, exposed] = made
    return made


def AutoProxy(token: Token, serializer: str = "soho", manager: BaseManager | None = None, authkey: bytes | None = None,  # noqa: N802
              exposed: Sequence[str] | None = None, incref: bool = True, manager_owned: bool = False) -> Any:
    """A proxy that has the exposed methods, as the host describes them."""
    space = token._space or (manager._space if manager is not None and manager._space is not None
                             else _space_at(token.address, None, False, authkey))
    description = space.describe(token._there)
    offered: dict[str, Any] = description["methods"]
    if exposed is None and description.get("open") and token._reference is not None:  # each object decides
        said = space.session.call(space, token._reference, msgpack.packb(token.id) + msgpack.packb("__exposed__"), (token.typeid, "__exposed__"),
                                  [], None)
        exposed = tuple(name for name in said if is_usable_name(name))
    names = tuple(offered if exposed is None else exposed)
    key = (id(space.session.types), token._there, names)
    made = _auto_types.get(key)
    if made is None:
        methods = {name: forwarding(name, offered.get(name)) for name in names if exposed is not None or is_usable_name(name)}
        methods.pop("__init__", None)
        made = type(f"AutoProxy[{token.typeid}]", (BaseProxy,), {"_exposed_": names, **methods, "__doc__": description.get("doc") or None})
        if len(_auto_types) > 1000:
            _auto_types.clear()
        _auto_types[key] = made
    proxy = made(token, serializer, manager=manager, authkey=authkey, exposed=exposed, incref=incref, manager_owned=manager_owned)
    object.__setattr__(proxy, "_isauto", True)
    return proxy


_auto_types: dict[Any, Any] = {}


class IteratorProxy(BaseProxy):
    _exposed_ = ("__next__", "send", "throw", "close")

    def __iter__(self) -> IteratorProxy:
        return self

    def __next__(self, *args: Any) -> Any:
        return self._callmethod("__next__", args)

    def send(self, *args: Any) -> Any:
        return self._callmethod("send", args)

    def throw(self, *args: Any) -> Any:
        return self._callmethod("throw", args)

    def close(self, *args: Any) -> Any:
        return self._callmethod("close", args)


class AcquirerProxy(BaseProxy):
    _exposed_: ClassVar[Sequence[str]] = ("acquire", "release", "locked")

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        args = (blocking,) if timeout is None else (blocking, timeout)
        acquired: bool = self._callmethod("acquire", args)
        return acquired

    def release(self) -> None:
        self._callmethod("release")

    def locked(self) -> bool:
        locked: bool = self._callmethod("locked")
        return locked

    def __enter__(self) -> bool:
        acquired: bool = self._callmethod("acquire")
        return acquired

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self._callmethod("release")


class PoolProxy(BaseProxy):
    _exposed_ = ("apply", "apply_async", "close", "imap", "imap_unordered", "join", "map", "map_async", "starmap", "starmap_async", "terminate")
    _method_to_typeid_ = {"apply_async": "AsyncResult", "map_async": "AsyncResult", "starmap_async": "AsyncResult", "imap": "Iterator",
                          "imap_unordered": "Iterator"}
    for _name in _exposed_:
        locals()[_name] = forwarding(_name)
    del _name

    def __enter__(self) -> PoolProxy:
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self._callmethod("terminate")


class ConditionProxy(AcquirerProxy):
    _exposed_ = ("acquire", "release", "wait", "notify", "notify_all", "locked")

    def wait(self, timeout: float | None = None) -> bool:
        notified: bool = self._callmethod("wait", (timeout,))
        return notified

    def notify(self, n: int = 1) -> None:
        self._callmethod("notify", (n,))

    def notify_all(self) -> None:
        self._callmethod("notify_all")

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        result = predicate()
        if result:
            return result
        end = None if timeout is None else time.monotonic() + timeout
        while not result:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
            result = predicate()
        return result


class EventProxy(BaseProxy):
    _exposed_ = ("is_set", "set", "clear", "wait")

    def is_set(self) -> bool:
        is_set: bool = self._callmethod("is_set")
        return is_set

    def set(self) -> None:
        self._callmethod("set")

    def clear(self) -> None:
        self._callmethod("clear")

    def wait(self, timeout: float | None = None) -> bool:
        was_set: bool = self._callmethod("wait", (timeout,))
        return was_set


class BarrierProxy(BaseProxy):
    _exposed_ = ("wait", "abort", "reset", "parties", "n_waiting", "broken")

    def wait(self, timeout: float | None = None) -> int:
        index: int = self._callmethod("wait", (timeout,))
        return index

    def abort(self) -> None:
        self._callmethod("abort")

    def reset(self) -> None:
        self._callmethod("reset")

    @property
    def parties(self) -> int:
        parties: int = self._callmethod("parties")
        return parties

    @property
    def n_waiting(self) -> int:
        waiting: int = self._callmethod("n_waiting")
        return waiting

    @property
    def broken(self) -> bool:
        broken: bool = self._callmethod("broken")
        return broken


class Namespace:
    """What the value of a Namespace's proxy is, and str() of it looks like."""

    def __init__(self, /, **kwds: Any):
        self.__dict__.update(kwds)

    def __repr__(self) -> str:
        items = sorted(f"{name}={value!r}" for name, value in self.__dict__.items() if not name.startswith("_"))
        return f"{type(self).__name__}({', '.join(items)})"


class NamespaceProxy(BaseProxy):
    """Its attributes are the object's, but for those that begin with an underscore: these are the proxy's own."""

    _exposed_ = ("__getattribute__", "__setattr__", "__delattr__")

    def __getattr__(self, key: str) -> Any:
        if key[0] == "_":
            return object.__getattribute__(self, key)
        return object.__getattribute__(self, "_callmethod")("__getattribute__", (key,))

    def __setattr__(self, key: str, value: Any) -> None:
        if key[0] == "_":
            return object.__setattr__(self, key, value)
        object.__getattribute__(self, "_callmethod")("__setattr__", (key, value))

    def __delattr__(self, key: str) -> None:
        if key[0] == "_":
            return object.__delattr__(self, key)
        object.__getattribute__(self, "_callmethod")("__delattr__", (key,))

    def _getvalue(self) -> Namespace:
        return Namespace(**{name: self._callmethod("__getattribute__", (name,)) for name in self._callmethod("__dir__")})


class ValueProxy(BaseProxy):
    _exposed_ = ("get", "set")

    def get(self) -> Any:
        return self._callmethod("get")

    def set(self, value: Any) -> None:
        self._callmethod("set", (value,))

    def add(self, delta: Any = 1) -> Any:
        """Adds, and returns the sum, in one step: `value += 1` is two, between which others may come."""
        return self._callmethod("add", (delta,))

    value = property(get, set)

    @classmethod
    def __class_getitem__(cls, item: Any) -> Any:
        return GenericAlias(cls, item)


BaseListProxy = MakeProxyType("BaseListProxy", (
    "__add__", "__contains__", "__delitem__", "__getitem__", "__len__", "__mul__", "__reversed__", "__rmul__", "__setitem__", "append",
    "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort", "__imul__"))


class ListProxy(BaseListProxy):  # type: ignore[valid-type, misc]
    def __iadd__(self, value: Iterable[Any]) -> ListProxy:
        self._callmethod("extend", (as_sequence(value),))
        return self

    def __imul__(self, value: int) -> ListProxy:
        self._callmethod("__imul__", (value,))
        return self

    def extend(self, iterable: Iterable[Any], /) -> None:
        self._callmethod("extend", (as_sequence(iterable),))

    def __setitem__(self, index: Any, value: Any) -> None:
        self._callmethod("__setitem__", (index, as_sequence(value) if isinstance(index, slice) else value))

    def sort(self, /, *, key: None = None, reverse: bool = False) -> None:
        if key is not None:
            raise TypeError(f"a key function {NEEDS_PYTHON}: sort a copy, as in `shared[:] = sorted(shared[:], key=…)`")
        self._callmethod("sort", (), {"reverse": reverse} if reverse else {})


_BaseDictProxy = MakeProxyType("DictProxy", (
    "__contains__", "__delitem__", "__getitem__", "__ior__", "__iter__", "__len__", "__or__", "__reversed__", "__ror__", "__setitem__",
    "clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"))


class DictProxy(_BaseDictProxy):  # type: ignore[valid-type, misc]
    _method_to_typeid_ = {"__iter__": "Iterator"}

    def update(self, /, *args: Any, **kwds: Any) -> None:
        given = args[0] if len(args) == 1 and isinstance(args[0], BaseProxy) and not kwds else dict(*args, **kwds)
        self._callmethod("update", (given,))

    def __ior__(self, value: Any) -> DictProxy:
        self._callmethod("update", (value if isinstance(value, BaseProxy) else dict(value),))
        return self


_BaseSetProxy = MakeProxyType("SetProxy", (
    "__and__", "__contains__", "__iand__", "__ior__", "__isub__", "__iter__", "__ixor__", "__len__", "__or__", "__rand__", "__ror__",
    "__rsub__", "__rxor__", "__sub__", "__xor__", "add", "clear", "copy", "difference", "difference_update", "discard", "intersection",
    "intersection_update", "isdisjoint", "issubset", "issuperset", "pop", "remove", "symmetric_difference",
    "symmetric_difference_update", "union", "update"))


class SetProxy(_BaseSetProxy):  # type: ignore[valid-type, misc]
    _method_to_typeid_ = {"__iter__": "Iterator"}

    def _in_place(self, name: str, value: Any) -> SetProxy:
        self._callmethod(name, (value,))
        return self

    def __ior__(self, value: Any) -> SetProxy:
        return self._in_place("__ior__", value)

    def __iand__(self, value: Any) -> SetProxy:
        return self._in_place("__iand__", value)

    def __isub__(self, value: Any) -> SetProxy:
        return self._in_place("__isub__", value)

    def __ixor__(self, value: Any) -> SetProxy:
        return self._in_place("__ixor__", value)


class ArrayProxy(BaseProxy):
    _exposed_ = ("__len__", "__getitem__", "__setitem__")

    def __len__(self) -> int:
        length: int = self._callmethod("__len__")
        return length

    def __getitem__(self, index: Any) -> Any:
        found = self._callmethod("__getitem__", (index,))
        return array.array(self._typecode(), found) if isinstance(index, slice) else found

    def __setitem__(self, index: Any, value: Any) -> None:
        self._callmethod("__setitem__", (index, list(value) if isinstance(index, slice) else value))

    def _typecode(self) -> str:
        typecode: str | None = self.__dict__.get("_its_typecode")
        if typecode is None:
            typecode = self.__dict__["_its_typecode"] = self._callmethod("typecode")
        return typecode

    def _getvalue(self) -> array.array[Any]:
        return array.array(self._typecode(), self._callmethod("tolist"))


def as_sequence(value: Any) -> Any:
    """What the host can go through: values and proxies as they are, what only Python can go through as a list."""
    return value if isinstance(value, (list, tuple, set, frozenset, dict, str, bytes, range, BaseProxy)) else list(value)


NAMED_PROXIES: dict[str, Callable[..., Any]] = {
    "AcquirerProxy": AcquirerProxy, "ArrayProxy": ArrayProxy, "BarrierProxy": BarrierProxy, "ConditionProxy": ConditionProxy,
    "DictProxy": DictProxy, "EventProxy": EventProxy, "IteratorProxy": IteratorProxy, "ListProxy": ListProxy,
    "NamespaceProxy": NamespaceProxy, "PoolProxy": PoolProxy, "SetProxy": SetProxy, "ValueProxy": ValueProxy}
