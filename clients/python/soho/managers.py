"""A drop-in for multiprocessing.managers whose objects live in a soho host.

    from soho.managers import SyncManager

    with SyncManager() as manager:
        shared = manager.dict()

`SyncManager().start()` runs a host of its own; `BaseManager(address=…).connect()` reaches one that runs already, and its registered
typeids are the types of that host's plugins.
"""
from __future__ import annotations

import itertools
import multiprocessing.pool
import subprocess
from multiprocessing import ProcessError, current_process, get_context, util
from typing import Any, Callable, ClassVar, Iterable, Mapping, NoReturn, Sequence

from soho import _address, _session
from soho._hosted import Hosted
from soho._login import Key, Login, Secret, default_secret
from soho._private_host import PrivateHost
from soho._provider_process import Offers, ProviderProcess, provider_of
from soho._proxies import (HOSTED_IN_PYTHON, NEEDS_PYTHON, AcquirerProxy, ArrayProxy, AutoProxy, BarrierProxy, BaseProxy, ConditionProxy, DictProxy, Entry,
                           EventProxy, IteratorProxy, ListProxy, MakeProxyType, ManagerSpace, Namespace, NamespaceProxy, PoolProxy,
                           RebuildProxy, SetProxy, Token, ValueProxy, as_sequence, default_registry)
from soho._session import Session
from soho.errors import NoObject, NotStarted, RemoteError, SessionLost

__all__ = ["AcquirerProxy", "ArrayProxy", "AutoProxy", "BarrierProxy", "BaseManager", "BaseProxy", "ConditionProxy", "DictProxy",
           "EventProxy", "IteratorProxy", "ListProxy", "MakeProxyType", "Manager", "Namespace", "NamespaceProxy", "NoObject", "NotStarted",
           "PoolProxy", "RebuildProxy", "RemoteError", "SessionLost", "SetProxy", "SyncManager", "Token", "ValueProxy"]


def Manager() -> SyncManager:  # noqa: N802
    """A SyncManager that is started, as multiprocessing.Manager()."""
    manager = SyncManager()
    manager.start()
    return manager


class State:
    __slots__ = ["value"]
    INITIAL = 0
    STARTED = 1
    SHUTDOWN = 2


class _Process:
    """The host's process, as a manager's `_process`."""

    def __init__(self, host: PrivateHost):
        self._popen = host.process
        self.pid = host.process.pid
        self.name = "sohod"

    @property
    def exitcode(self) -> int | None:
        return self._popen.poll()

    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def join(self, timeout: float | None = None) -> None:
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            pass

    def terminate(self) -> None:
        self._popen.terminate()

    def kill(self) -> None:
        self._popen.kill()


def _types(space: ManagerSpace) -> set[str]:
    return {description["type"] for description in space.request("soho.types")}


class Server:
    """What get_server() returns: a host, and the objects that Python makes, in this process. It runs until serve_forever() returns; who
    comes to the manager's address before that is called waits for it, as long as connecting may take: 5 s."""

    def __init__(self, manager: BaseManager):
        all_offers = [offers for offers in (manager._offers(), manager._more_offers()) if offers]
        self._host = manager._start_host(None, (), closed=bool(all_offers))
        self.address = self._host.address.plain
        try:
            login, allow_pickle = manager._login_there(self._host.address, own=True), manager._allow_pickle is not False
            self._providers = [provider_of(self._host.address.text, self._host.door, login, allow_pickle, offers) for offers in all_offers]
            for provider in self._providers:
                provider.start()
        except BaseException:
            self._host.stop(5.0)
            raise

    def serve_forever(self) -> NoReturn:
        """Returns as the standard library's does: by SystemExit, when a client shuts the host down, or at Ctrl-C."""
        current_process()._manager_server = self  # type: ignore[attr-defined]
        try:
            self._host.let_in()
            self._host.process.wait()
        except (KeyboardInterrupt, SystemExit):
            pass
        finally:
            self._host.stop(5.0)
        raise SystemExit(0)


class BaseManager:
    """A manager of shared objects: starts a host, or connects to one, and creates objects of the types that it registers.

    address: None, a path, (host, port), or soho's own forms: "unix:PATH", "tcp:HOST:PORT", "tls:HOST:PORT". authkey: bytes, as in the
    standard library; or a soho.Key or soho.Token. allow_pickle: whether arbitrary Python objects may be values: None means for a host
    that this manager starts, and not after connect(). plugins: what a host that it starts has loaded: files, or names of plugins that
    come with soho. ctx: how the Python process is started that has the objects which Python callables make; there is none without such.
    """

    _registry: ClassVar[dict[str, Entry]] = {}
    _plugins: ClassVar[Sequence[str]] = ()

    def __init__(self, address: Any = None, authkey: bytes | Secret = None, serializer: str = "pickle", ctx: Any = None, *,
                 shutdown_timeout: float = 1.0, allow_pickle: bool | None = None, plugins: Sequence[str] | None = None,
                 login: Login | None = None):
        if serializer not in ("pickle", "soho", "xmlrpclib"):
            raise ValueError(f"serializer {serializer!r}: values travel as MessagePack, whatever it is; leave it out")
        if serializer == "xmlrpclib" and allow_pickle is None:  # who says so wants no pickles
            allow_pickle = False
        if authkey is not None and not isinstance(authkey, (bytes, Key, Token)):
            raise TypeError(f"authkey must be bytes, or a soho.Key or soho.Token, not {type(authkey).__name__}")
        self._address = address
        self._secret: Any = current_process().authkey if authkey is None else authkey
        self._authkey = bytes(self._secret) if isinstance(self._secret, bytes) else b""
        self._has_authkey = authkey is not None
        self._serializer = serializer
        self._shutdown_timeout = shutdown_timeout
        self._allow_pickle = allow_pickle
        self._own_plugins = tuple(plugins) if plugins is not None else None
        self._login = login
        self._ctx = ctx or get_context()
        self._providers: list[ProviderProcess] = []
        self._names: dict[str, str] = {}  # of types in the host, where they are not as registered
        self._state = State()
        self._state.value = State.INITIAL  # type: ignore[attr-defined]
        self._process: _Process | None = None
        self._space: ManagerSpace | None = None
        self.shutdown: Callable[[], None]

    # -- lifecycle

    def _check_initial(self) -> None:
        state = self._state.value  # type: ignore[attr-defined]
        if state == State.STARTED:
            raise ProcessError("Already started server")
        if state == State.SHUTDOWN:
            raise ProcessError("Manager has shut down")
        assert state == State.INITIAL, f"Unknown state {state!r}"

    def _start_host(self, initializer: Callable[..., Any] | None, initargs: Iterable[Any], closed: bool) -> PrivateHost:
        prepare = None if initializer is None else lambda: initializer(*initargs)
        plugins = self._own_plugins if self._own_plugins is not None else self._plugins
        return PrivateHost(plugins, self._address, self._authkey, prepare=prepare, closed=closed)

    def _login_there(self, address: _address.Address, own: bool) -> Login:
        """own: to a host that this manager has started."""
        if self._login is not None:
            return self._login
        if address.transport == "unix" and not isinstance(self._secret, (Key,)):
            return Login()  # the system says who is there
        if isinstance(self._secret, bytes):
            if not self._has_authkey and not own:
                return Login(default_secret() or Key.from_authkey(self._secret))
            return Login(Key.from_authkey(self._secret))
        return Login(self._secret)

    def start(self, initializer: Callable[..., Any] | None = None, initargs: Iterable[Any] = ()) -> None:
        """Starts a host for this manager alone, and a Python process for what the registered callables make. `initializer` runs in that
        process first; without one, in the host's before the host does."""
        self._check_initial()
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        offers = self._offers()
        host = self._start_host(None if offers else initializer, initargs, closed=bool(offers) and self._address is not None)
        self._address = host.address.plain
        self._process = _Process(host)
        session = Session(self._address, self._login_there(host.address, own=True))
        _session._by_address[(tuple(session._candidates), session.login)] = session
        _session._logins[session.address.text] = session.login
        self._space = ManagerSpace(session, self._registry, self._allow_pickle is not False)
        end = util.Finalize(self, type(self)._finalize_manager, args=(host, self._providers, session, self._state, self._shutdown_timeout),
                            exitpriority=0)
        self.shutdown = end
        try:
            if offers:
                self._provide(offers, initializer, initargs, host.door)
            host.let_in()
        except BaseException:
            end()
            raise
        self._state.value = State.STARTED  # type: ignore[attr-defined]

    def _offers(self) -> Offers:
        """What Python has to host: the types with a callable, and those that their methods' results are taken as."""
        wanted = [typeid for typeid, entry in self._registry.items() if entry.callable is not None]
        return self._offers_of(self._registry, wanted)

    def _offers_of(self, registry: Mapping[str, Entry], wanted: Iterable[str], own: str = "") -> Offers:
        """What a plugin has has a name of its own in the host then, and all have one with `own`."""
        plugins = self._own_plugins if self._own_plugins is not None else self._plugins
        taken = default_registry if "sync" in plugins else {}
        offers: dict[str, tuple[Hosted, str]] = {}
        rest = list(wanted)
        while rest:
            typeid = rest.pop(0)
            entry = registry.get(typeid)
            if typeid in offers or entry is None:
                continue
            hosted = Hosted(typeid, entry.callable, entry.proxytype, entry.exposed, entry.method_to_typeid, entry.create_method)
            offers[typeid] = hosted, HOSTED_IN_PYTHON + own + typeid if own or typeid in taken else typeid
            rest += hosted.method_to_typeid.values()
        return list(offers.values())

    def _more_offers(self) -> Offers:
        """Of a manager's own, in a provider of their own."""
        return ()

    def _provide(self, offers: Offers, initializer: Callable[..., Any] | None = None, initargs: Iterable[Any] = (),
                 door: _address.Address | None = None) -> None:
        """Has a Python process host them."""
        assert self._space is not None
        session = self._space.session
        # It ends itself, and its children, before shutdown() would kill it and leave them.
        patience = None if self._shutdown_timeout is None else 1.5 * self._shutdown_timeout
        self._providers.append(ProviderProcess(self._ctx, session.address.text, door, session.login, self._space.allow_pickle, offers,
                                                initializer, tuple(initargs), patience))

    @staticmethod
    def _finalize_manager(host: PrivateHost, providers: list[ProviderProcess], session: Session, state: State, timeout: float) -> None:
        session.end()
        host.stop(timeout)
        for provider in providers:
            provider.stop(timeout)
        state.value = State.SHUTDOWN  # type: ignore[attr-defined]

    def connect(self) -> None:
        """Connects to a host that runs."""
        address = None if self._address is None else _address.parse(self._address)
        login = self._login_there(address or _address.candidates()[0], own=self._process is not None)
        session = _session.session_at(None if address is None else address.text, login)
        session.connect()
        self._space = ManagerSpace(session, self._registry, bool(self._allow_pickle))
        self._state.value = State.STARTED  # type: ignore[attr-defined]

    def get_server(self) -> Server:
        """A host for this manager's address, to be run by serve_forever()."""
        self._check_initial()
        return Server(self)

    def join(self, timeout: float | None = None) -> None:
        """Waits for the host's process, if this manager has started it."""
        if self._process is not None:
            self._process.join(timeout)
            if not self._process.is_alive():
                self._process = None

    def __enter__(self) -> Any:
        if self._state.value == State.INITIAL:  # type: ignore[attr-defined]
            self.start()
        if self._state.value != State.STARTED:  # type: ignore[attr-defined]
            raise ProcessError("Manager has shut down" if self._state.value == State.SHUTDOWN else "Unable to start server")  # type: ignore[attr-defined]
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        shutdown = self.__dict__.get("shutdown")
        if shutdown is not None:
            shutdown()

    @property
    def address(self) -> Any:
        return self._address

    # -- objects

    def _create(self, typeid: str, /, *args: Any, **kwds: Any) -> Any:
        """Creates an object; returns its proxy."""
        assert self._state.value == State.STARTED and self._space is not None, "server not yet started"  # type: ignore[attr-defined]
        params: list[Any] = [self._name_there(typeid), list(args)]
        if kwds:
            params.append({"kw": kwds})
        try:
            return self._space.session.request(self._space, "soho.create", params, f"{typeid}()")
        except RemoteError as error:
            ended = [provider.process.exitcode for provider in self._providers if provider.process.exitcode is not None]
            if error.kind == "no_type" and ended:
                error.args = (f"{error.args[0]}: the process of this manager's Python objects has ended (exit code {ended[0]}), and what it "
                              "had with it; start another manager",)
            raise

    def _name_there(self, typeid: str) -> str:
        """What the host calls a type. One that a program has registered instead of SyncManager's has a name of its own, if Python hosts it."""
        if typeid not in default_registry or self._registry.get(typeid) is default_registry[typeid]:
            return self._names.get(typeid, typeid)
        name = self._names.get(typeid)
        if name is None:
            assert self._space is not None
            hosted = HOSTED_IN_PYTHON + typeid
            name = self._names[typeid] = hosted if hosted in _types(self._space) else typeid
        return name

    def open(self, name: str) -> Any:
        """A proxy of the object that the host has published under a name."""
        assert self._state.value == State.STARTED and self._space is not None, "server not yet started"  # type: ignore[attr-defined]
        return self._space.request("soho.open", name)

    def _debug_info(self) -> str:
        """One line for each object that clients refer to."""
        assert self._space is not None, "server not yet started"
        objects = {each["id"]: each for each in self._space.request("soho.objects")}
        return "\n".join(f"  {id}:       refcount={each['references']}\n    {each['type']}" for id, each in sorted(objects.items()))

    def _number_of_objects(self) -> int:
        """How many objects clients refer to."""
        assert self._space is not None, "server not yet started"
        return sum(1 for each in self._space.request("soho.objects") if each["references"])

    @classmethod
    def register(cls, typeid: str, callable: Callable[..., Any] | None = None, proxytype: Callable[..., Any] | None = None,  # noqa: A002
                 exposed: Sequence[str] | None = None, method_to_typeid: Mapping[str, str] | None = None, create_method: bool = True) -> None:
        """Registers a type with this class of managers: one of the host's plugins, or one that a Python callable makes objects of.

        typeid: its name in the host, and of the manager's method that creates one. callable: what makes an object, in the process that
        start() or serve_forever() has for that; a manager that connects does not look at it. None: a plugin of the host does.
        proxytype: the class of its proxies; AutoProxy if there is none. exposed: the methods that its proxies have; what the host
        exposes if there is none, and never more. method_to_typeid: as which typeid, of those registered, the results of methods that
        return objects are taken. create_method: whether the manager gets that method.
        """
        if "_registry" not in cls.__dict__:
            cls._registry = cls._registry.copy()
        if isinstance(exposed, str):
            raise TypeError(f"exposed must be a sequence of method names, not the one text {exposed!r}")
        proxytype = proxytype or AutoProxy
        exposed = exposed if exposed is not None else getattr(proxytype, "_exposed_", None)
        method_to_typeid = method_to_typeid or getattr(proxytype, "_method_to_typeid_", None)
        for key, value in (method_to_typeid or {}).items():
            assert type(key) is str, f"{key!r} is not a string"
            assert type(value) is str, f"{value!r} is not a string"
        cls._registry[typeid] = Entry(exposed, method_to_typeid, proxytype, callable, create_method)
        if create_method:

            def create(self: BaseManager, /, *args: Any, **kwds: Any) -> Any:
                return self._create(typeid, *args, **kwds)

            create.__name__ = typeid
            setattr(cls, typeid, create)


class SyncManager(BaseManager):
    """Shares what Python's SyncManager does: lists, dicts, namespaces, values, arrays, queues, locks and all that; and sets."""

    _plugins = ("sync",)

    def list(self, sequence: Iterable[Any] = (), /) -> ListProxy:
        made: ListProxy = self._create("list", as_sequence(sequence))
        return made

    def dict(self, /, *args: Any, **kwds: Any) -> DictProxy:
        given = args[0] if len(args) == 1 and isinstance(args[0], BaseProxy) and not kwds else dict(*args, **kwds)
        made: DictProxy = self._create("dict", given)
        return made

    def set(self, iterable: Iterable[Any] = (), /) -> SetProxy:
        made: SetProxy = self._create("set", as_sequence(iterable))
        return made

    def Array(self, typecode: str, sequence: Any, lock: bool = True) -> ArrayProxy:  # noqa: N802
        made: ArrayProxy = self._create("Array", typecode, sequence if isinstance(sequence, (int, BaseProxy)) else list(sequence))
        return made

    def Value(self, typecode: str, value: Any, lock: bool = True) -> ValueProxy:  # noqa: N802
        made: ValueProxy = self._create("Value", typecode, value)
        return made

    def Barrier(self, parties: int, action: None = None, timeout: float | None = None) -> BarrierProxy:  # noqa: N802
        if action is not None:
            raise NotImplementedError(f"Barrier(action=…): a function that is called at the barrier {NEEDS_PYTHON}. Have the one whose wait() "
                                      "returns 0 call it")
        made: BarrierProxy = self._create("Barrier", parties) if timeout is None else self._create("Barrier", parties, None, timeout)
        return made

    _pools: ProviderProcess | None = None  # that it has started for its own

    def _more_offers(self) -> Offers:
        return self._offers_of(_POOL_TYPES, ["Pool"], _OF_ALL)

    def _pool_type(self, space: ManagerSpace) -> str:
        """Its name in the host. Pools are hosted by a process of the program that has started the host; where there is none (yet), this
        program has one of its own for its own pools."""
        shared = HOSTED_IN_PYTHON + _OF_ALL + "Pool"
        if shared in _types(space):
            return shared
        if self._process is not None:
            self._provide(self._offers_of(_POOL_TYPES, ["Pool"], _OF_ALL))
            self._pools = self._providers[-1]
            return shared
        # The first name that nobody has now: a host keeps each offer that was ever made, and takes the same again.
        for number in itertools.count(1):
            own = f"pool_{number}."
            typeid = HOSTED_IN_PYTHON + own + "Pool"
            if typeid in _types(space):
                continue
            try:
                self._provide(self._offers_of(_POOL_TYPES, ["Pool"], own))
                break
            except RuntimeError:
                if typeid not in _types(space):
                    raise
                # somebody was faster
        self._pools = self._providers[-1]
        util.Finalize(self, self._pools.end, args=(self._shutdown_timeout,), exitpriority=0)
        return typeid

    def Pool(self, *args: Any, **kwds: Any) -> PoolProxy:  # noqa: N802
        """A pool of worker processes, children of a Python process that the first of them has started. TypeError where pickles are not
        allowed: a pool is sent the functions that it calls."""
        if self._space is not None and self._registry["Pool"] is default_registry["Pool"]:
            if not self._space.allow_pickle:
                raise TypeError("a pool is sent the functions that it calls, as pickles, and allow_pickle is off: it is on only for hosts that "
                                "this program starts itself, or where it says so (SyncManager(address, allow_pickle=True), if you trust all "
                                "clients of that host: each of them could have this program run anything)")
            # Another program's may have the name meanwhile.
            has_ended = self._pools is not None and self._pools.process.exitcode is not None
            if has_ended or self._names.get("Pool") not in _types(self._space):
                self._names["Pool"] = self._pool_type(self._space)
        made: PoolProxy = self._create("Pool", *args, **kwds)
        return made


def _register(typeid: str, proxytype: Callable[..., Any] | None = None, **keywords: Any) -> None:
    """Under a method of SyncManager's own, if it has one."""
    SyncManager.register(typeid, None, proxytype, create_method=keywords.pop("create_method", typeid not in SyncManager.__dict__), **keywords)


for _typeid in ("Queue", "JoinableQueue", "LifoQueue", "PriorityQueue", "deque"):
    _register(_typeid)
for _typeid in ("Lock", "RLock", "Semaphore", "BoundedSemaphore"):
    _register(_typeid, AcquirerProxy)
for _typeid, _proxytype in (("Event", EventProxy), ("Condition", ConditionProxy), ("Barrier", BarrierProxy), ("list", ListProxy),
                            ("dict", DictProxy), ("set", SetProxy), ("Value", ValueProxy), ("Array", ArrayProxy),
                            ("Namespace", NamespaceProxy)):
    _register(_typeid, _proxytype)
_register("Iterator", IteratorProxy, create_method=False)
_register("Pool", PoolProxy)
_register("AsyncResult", create_method=False)
_OF_ALL = "pool."  # so begin, after "python.", the names of the types of pools that all may use
_POOL_TYPES = {"Pool": Entry(None, None, PoolProxy, multiprocessing.pool.Pool), "AsyncResult": Entry(None, None, AutoProxy),
               "Iterator": Entry(None, None, IteratorProxy)}
default_registry.update(SyncManager._registry)
for _name in __all__:  # they are seen, and pickled, as this module's
    if getattr(globals()[_name], "__module__", "") == "soho._proxies":
        globals()[_name].__module__ = __name__
