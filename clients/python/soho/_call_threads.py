"""The threads of a provider. The one that reads a call runs it, as that is fastest. One that takes long gets another thread to read on in
its place, and calls of that method have threads of their own from then on."""
from __future__ import annotations

import queue
import threading
import time
from typing import Any, Callable

# How long a call may keep the thread that reads, in seconds; and how long a thread waits for work before it ends.
_LONG = 0.005
_IDLE = 10.0
# Threads for methods that take long: each may wait for what another call brings, so that a call beyond them is refused, not kept waiting
# for them. A thread takes about 30 KB; the systems that we know let a user have several times as many.
_THREADS_MAX = 2000


class Reader:
    """The thread that reads, until another one does."""

    __slots__ = ("busy_since", "called", "lost")

    def __init__(self) -> None:
        self.busy_since = 0.0
        self.called: Any = None
        self.lost = False


class CallThreads:
    """`read` reads, and hands to run() or hand_on() what it has read, until run() says that another thread reads."""

    def __init__(self, read: Callable[[Reader], None]):
        self._read = read
        self._reader = Reader()
        self._local = threading.local()
        self.slow: set[tuple[str, str]] = set()  # of what the calls have threads of their own: typeid and method
        self._work: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.count = self._idle = 0  # of those that do not read
        self._lock = threading.Lock()
        self._is_watching = False
        self._wake = threading.Event()
        self._ended = False

    def start(self) -> None:
        threading.Thread(target=self._read, args=(self._reader,), name="soho-provider", daemon=True).start()
        threading.Thread(target=self._watch, name="soho-provider-watch", daemon=True).start()

    def end(self) -> None:
        """Nobody is watched any more; what runs runs on."""
        self._ended = True
        self._wake.set()

    # -- on the thread that reads

    def run(self, reader: Reader, called: tuple[str, str], run: Callable[..., None], *args: Any) -> bool:
        """Here, and whether this thread reads on."""
        reader.called = called
        reader.busy_since = time.monotonic()
        if not self._is_watching:
            self._wake.set()
        self._local.reader = reader
        run(*args)
        self._local.reader = None
        with self._lock:
            reader.busy_since = 0.0
            return not reader.lost

    def hand_on(self, *call: Any) -> bool:
        """To another thread. False: there is none for it."""
        with self._lock:
            is_idle = self._idle > 0
            self._idle -= is_idle
            if not is_idle and self.count >= _THREADS_MAX:
                return False
            self.count += not is_idle
        if not is_idle and not _started(self._run_others, "soho-provider-call"):
            with self._lock:
                self.count -= 1
            return False
        self._work.put(call)
        return True

    # -- on any thread

    def let_another_read(self) -> bool:
        """So that this one may wait: the thread that reads cannot wait for what it would read itself. False: there is no other."""
        reader = getattr(self._local, "reader", None)
        if reader is None:
            return True
        with self._lock:
            return reader.lost or self._replace(reader)

    def _replace(self, reader: Reader) -> bool:
        """Has another thread read, and calls like this one's begin elsewhere at once. Under the lock."""
        following = Reader()
        if not _started(self._read, "soho-provider", following):
            return False
        self.slow.add(reader.called)
        reader.lost = True
        self._reader = following
        return True

    def _run_others(self) -> None:
        while True:
            try:
                call = self._work.get(timeout=_IDLE)
            except queue.Empty:
                with self._lock:
                    if self._idle == 0:  # one is on its way to this thread
                        continue
                    self._idle -= 1
                    self.count -= 1
                return
            run, *args = call
            run(*args)
            del call, run, args
            with self._lock:
                self._idle += 1

    def _watch(self) -> None:
        """Has another thread read where a call takes long."""
        while not self._ended:
            self._wake.clear()
            self._is_watching = False
            if not self._reader.busy_since and not self._ended:
                self._wake.wait()
            self._is_watching = True
            seen = -1.0
            while seen != 0.0 and not self._ended:
                time.sleep(_LONG)
                with self._lock:
                    reader = self._reader
                    since = reader.busy_since
                    if since and time.monotonic() - since > _LONG:
                        self._replace(reader)  # else at the next look
                seen = since


def _started(run: Callable[..., None], name: str, *args: Any) -> bool:
    """False: the system has no thread to give."""
    try:
        threading.Thread(target=run, args=args, name=name, daemon=True).start()
    except RuntimeError:
        return False
    return True
