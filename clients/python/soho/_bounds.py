"""What a host lets a frame be. One that passes a limit would end the connection: so it is not sent."""
from __future__ import annotations

from typing import Any

from soho._login import Welcome
from soho._values import VIEWS

# What holds values that the host looks at; and how many there may be in what is an extension type.
_HOLDERS: tuple[type, ...] = (list, dict, tuple, set, *VIEWS)
_BODY_ITEMS_MAX = 1 << 20


class Bounds:
    def __init__(self, welcome: Welcome, allow_pickle: bool):
        self._frame, self._depth, self._items = (welcome.limits[limit] for limit in ("frame_bytes", "depth", "items"))
        self._allow_pickle = allow_pickle

    def passed_by(self, frame: bytes, value: Any) -> str:
        """Which one the frame passes with that value, or nothing."""
        if len(frame) <= self._depth:  # a level takes a byte or more
            return ""
        if len(frame) > self._frame:
            return f"{len(frame)} bytes (frame_bytes)"
        if self._is_too_deep(value):
            return f"nested deeper than {self._depth} (depth)"
        if len(frame) > min(self._items, _BODY_ITEMS_MAX) and (most := self._most_passed(value)):  # as does a value
            return f"more than {most} values (items)"
        return ""

    def _is_too_deep(self, value: Any) -> bool:
        values: list[Any] = [value]
        for _ in range(self._depth):
            if not (values := self._elements([value for value in values if isinstance(value, _HOLDERS)])):
                return False
        return True

    def _most_passed(self, value: Any) -> int:
        """How many there may be where there are more; a tuple's or a set's are counted by themselves. Else 0."""
        bodies: list[tuple[list[Any], int, int]] = [([value], 4, self._items)]
        for values, items, most in bodies:
            while values:
                items += len(values)
                if items > most:
                    return most
                holders = [value for value in values if isinstance(value, _HOLDERS)]
                bodies.extend((list(value), 1, _BODY_ITEMS_MAX) for value in holders if isinstance(value, (tuple, set)))
                values = self._elements([value for value in holders if not isinstance(value, (tuple, set))])
        return 0

    def _elements(self, holders: list[Any]) -> list[Any]:
        """Of all of them, but for those that are sent as pickles."""
        elements: list[Any] = []
        for holder in holders:
            if self._allow_pickle and type(holder) not in _HOLDERS:
                continue
            elements.extend(holder)
            if isinstance(holder, dict):
                elements.extend(holder.values())
        return elements
