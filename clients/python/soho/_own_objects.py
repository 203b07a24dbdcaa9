"""A provider's own objects: those that the host has handles of, and those that came in as arguments and go out as themselves."""
from __future__ import annotations

import contextlib
import sys
import threading
import weakref
from typing import Any, Mapping

import msgpack

from soho._hosted import Hosted
from soho._packed import OWN
from soho._values import IMMUTABLE, VIEWS


class Held:
    """One that the host has handles of."""

    __slots__ = ("thing", "hosted", "exposed", "count")

    def __init__(self, thing: Any, hosted: Hosted):
        self.thing, self.hosted, self.exposed, self.count = thing, hosted, hosted.exposed_by(thing), 0


class _Given(threading.local):
    """Numbers of those whose handles are in the frame that this thread makes."""

    def __init__(self) -> None:
        self.numbers: list[int] = []


class OwnObjects:
    """`names`: of each typeid, what the host calls it."""

    def __init__(self, names: Mapping[str, str]):
        self._names = names
        self.held: dict[int, Held] = {}
        self._numbers: dict[tuple[int, str], int] = {}
        self._last_number = 0
        # Those that came in, by id(): the type as which they did, and what says when they go. A list or a dict has nothing that would say
        # that: without a handle it is kept, for as long as something else has it.
        self.came_in: dict[int, Hosted] = {}
        self.watched: dict[int, weakref.ref[Any]] = {}
        self.kept: dict[int, Any] = {}
        self._gone = 0  # since it was looked at what is kept
        self._given = _Given()
        self._lock = threading.Lock()

    def hold(self, thing: Any, hosted: Hosted) -> msgpack.ExtType:
        """A handle of it."""
        key = id(thing), hosted.typeid
        number = self._count(key) or self._count(key, Held(thing, hosted))
        return msgpack.ExtType(OWN, msgpack.packb((number, self._names[hosted.typeid])))

    def _count(self, key: tuple[int, str], made: Held | None = None) -> int:
        """One more for what is held, else for what was made; 0 where there is neither."""
        with self._lock:
            number = self._numbers.get(key, 0)
            if not number:
                if made is None:
                    return 0
                number = self._numbers[key] = self._last_number = self._last_number + 1
                self.held[number] = made
            self.held[number].count += 1
        return number

    def release(self, number: int, count: int) -> list[Held]:
        """What is to go, without the lock: this has the only reference of the provider's to it."""
        with self._lock:
            held = self.held.get(number)
            if held is None:
                return []
            held.count -= count
            if held.count > 0:
                return []
            key = id(held.thing)
            del self.held[number], self._numbers[key, held.hosted.typeid]
            if key in self.came_in and key not in self.watched:
                self.kept[key] = held.thing
        return [held]

    # -- those that came in

    def own(self, number: int) -> Any:
        """One that comes in: it is itself here, and goes out with a handle again."""
        held = self.held[number]
        thing, key = held.thing, id(held.thing)
        if key not in self.came_in and type(thing) not in IMMUTABLE:
            with self._lock, contextlib.suppress(TypeError):
                self.came_in[key] = held.hosted
                self.watched[key] = weakref.ref(thing, lambda _: self._forget(key))
        return thing

    def _forget(self, key: int) -> None:
        self.came_in.pop(key, None)
        self.watched.pop(key, None)

    def drop_kept(self) -> None:
        """What nothing else has."""
        if not self.kept:
            return
        self._gone += 1
        if self._gone * 8 < len(self.kept):
            return
        self._gone = 0
        with self._lock:
            alone = [key for key in self.kept if sys.getrefcount(self.kept[key]) == 2]
            gone = [self.kept.pop(key) for key in alone]
            for key in alone:
                del self.came_in[key]
        gone.clear()

    # -- as they go out

    def handle_of(self, thing: Any) -> msgpack.ExtType | None:
        """For the frame that this thread makes: after it, sent() or take_back()."""
        hosted = self.came_in.get(id(thing))
        if hosted is None:
            return None
        handle = self.hold(thing, hosted)
        self._given.numbers.append(self._numbers[id(thing), hosted.typeid])
        return handle

    def outgoing(self, value: Any, copied: Any = None) -> Any:
        """With handles for the lists and dicts that came in, which a codec does not ask about; `copied` goes out as a copy."""
        if len(self.came_in) == len(self.watched):
            return value
        kind = type(value)
        if (kind is list or kind is dict) and value is not copied and (handle := self.handle_of(value)) is not None:
            return handle
        if kind is dict:
            return {key: self.outgoing(each) for key, each in value.items()}
        if kind is list or kind is tuple or kind in VIEWS:
            elements = [self.outgoing(each) for each in value]
            return tuple(elements) if kind is tuple else elements
        return value

    def sent(self) -> None:
        self._given.numbers.clear()

    def take_back(self) -> None:
        """The handles in a frame that is not sent."""
        while self._given.numbers:
            self.release(self._given.numbers.pop(), 1)
