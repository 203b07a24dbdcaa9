"""The process that has what a manager's callables make, and how it ends."""
from __future__ import annotations

import multiprocessing.pool
import os
import queue
import signal
import sys
import threading
import time
from multiprocessing import util
from typing import Any, Callable, Iterable, Sequence, Tuple

from soho._address import Address
from soho._hosted import Hosted
from soho._login import Login
from soho._provider import Provider
from soho._proxies import ManagerSpace, default_registry

# A type and what the host calls it, for each that a provider offers.
Offers = Sequence[Tuple[Hosted, str]]


def provider_of(address: str, door: Address | None, login: Login, allow_pickle: bool, offers: Offers) -> Provider:
    provider = Provider(address, login=login, space=lambda session: ManagerSpace(session, default_registry, allow_pickle))
    provider.go_by(door)
    for hosted, name in offers:
        provider.add(hosted, name)
    return provider


# Held while the process of a provider forks.
_forking = threading.Lock()


def _run(address: str, door: Address | None, login: Login, allow_pickle: bool, offers: Offers, initializer: Callable[..., Any] | None,
         initargs: Iterable[Any], patience: float | None, ready: Any) -> None:
    """The process that has a manager's Python objects; it ends with the host, with the program that has started it, and at SIGTERM."""
    import soho.managers  # noqa: F401  it registers what a host's plugins have
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what a terminal sends to the program is the program's
    if initializer is not None:
        initializer(*initargs)
    provider = provider_of(address, door, login, allow_pickle, offers)
    ends: queue.SimpleQueue[None] = queue.SimpleQueue()  # the one queue that a handler of signals may put into
    own = os.getpid()
    # Its end is an ordinary one if it can be: a pool's processes end with it.
    signal.signal(signal.SIGTERM, lambda *_: ends.put(None) if os.getpid() == own else sys.exit(0))
    util.Finalize(None, _end_pools, exitpriority=-1)  # the last
    os.register_at_fork(before=_forking.acquire, after_in_parent=_forking.release, after_in_child=_after_fork_in_child)
    threading.Thread(target=_end_with_parent, args=(ends,), name="soho-provider-parent", daemon=True).start()
    threading.Thread(target=_end, args=(provider, ends, patience), name="soho-provider-end", daemon=True).start()
    try:
        try:
            provider.start()
        except Exception as error:  # noqa: BLE001  the manager raises it
            ready.send(str(error))
            return
        ready.send(None)
        ready.close()
        provider.serve_forever()
    finally:
        ends.put(None)


def _after_fork_in_child() -> None:
    _forking.release()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end_with_parent(ends: queue.SimpleQueue[None]) -> None:
    """Its host may be another program's, and live on."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        ends.put(None)


def _end(provider: Provider, ends: queue.SimpleQueue[None], patience: float | None) -> None:
    """Sees to it that the process ends, whatever keeps it: a pool waits for ever for the lock that a worker of its held when it was killed."""
    ends.get()
    provider.stop()
    if patience is None:
        return
    time.sleep(patience)
    _kill_workers()
    os._exit(1)


def _pool_threads() -> list[Any]:
    return [thread for thread in threading.enumerate() if hasattr(thread, "_state")]


def _end_pools() -> None:
    """Those that are still ending: one that goes with its last proxy does so on a thread that nothing joins."""
    if _forking.locked() or _pool_threads() or multiprocessing.active_children():  # in this order: each brings the next
        _kill_workers()


def _kill_workers() -> None:
    """Of pools, and those that a pool's thread is just starting in the place of one that has ended: nothing is forked from here on, and what
    was forked is among the children a moment later."""
    for thread in _pool_threads():
        thread._state = multiprocessing.pool.TERMINATE  # it starts no more
    _forking.acquire(timeout=10)
    for look in range(6):
        if look != 0:
            time.sleep(0.1)
        for child in multiprocessing.active_children():
            if child.daemon:
                child.kill()


class ProviderProcess:
    """Started by the manager, in the way of its context."""

    def __init__(self, ctx: Any, *args: Any):
        there, here = ctx.Pipe(duplex=False)
        self.process = ctx.Process(target=_run, args=(*args, here), name="soho-provider")
        self.process.start()
        here.close()
        try:
            if (failure := there.recv()) is not None:
                raise RuntimeError(f"the objects of this manager cannot be hosted: {failure}")
        except BaseException:
            self.stop(1.0)
            raise
        finally:
            there.close()

    def stop(self, timeout: float) -> None:
        """Once the host has gone; it ends by itself then."""
        for end in (self.process.terminate, self.process.kill):
            self.process.join(timeout)
            if not self.process.is_alive():
                break
            end()
        self.process.join()

    def end(self, timeout: float) -> None:
        """While the host stays."""
        self.process.terminate()
        self.stop(timeout)
