"""What a call can end with, besides its result.

A method's own exception arrives as the Python exception that it names (`KeyError`, `queue.Empty`, ...); where both sides allow pickles,
as the very exception, of whatever class. What the host refuses arrives as
the exception that Python would raise for it: `AttributeError` for a method that is not exposed, `TypeError` for wrong arguments,
`PermissionError`, `TimeoutError`. `RemoteError` is their cause, and all the rest.
"""
from __future__ import annotations

import builtins
import multiprocessing
import queue
import threading
from typing import Any

__all__ = ["NoObject", "NotExposed", "NotStarted", "RemoteError", "SessionLost", "Unavailable"]

_KINDS = {1: "protocol", 2: "no_object", 3: "no_method", 4: "bad_arguments", 5: "denied", 6: "unauthenticated", 7: "deadline",
          8: "cancelled", 9: "overloaded", 10: "limit", 11: "unavailable", 12: "moved", 13: "fenced", 14: "not_started",
          15: "internal", 16: "failed", 17: "exists", 18: "no_type"}


class RemoteError(Exception):
    """A request that the host, or an object's method, did not do.

    `kind` is the code's name in the protocol ("no_type", "failed", ...; "" where no host said it), `type` the name of the error that
    a method raised, `data` what it attached, `trace` the trace option of the call.
    """

    kind: str = ""
    type: str | None = None
    data: Any = None
    trace: str | None = None

    def __init__(self, text: str = "", *, kind: str = "", type: str | None = None, data: Any = None, trace: str | None = None):
        super().__init__(text)
        self.kind, self.type, self.data, self.trace = kind, type, data, trace

    def __reduce__(self) -> Any:
        return _rebuild, (self.__class__, self.args, {**self.__dict__})


def _rebuild(kind: type[RemoteError], args: tuple[Any, ...], attributes: dict[str, Any]) -> RemoteError:
    error = kind(*args)
    error.__dict__.update(attributes)
    return error


class NoObject(RemoteError, LookupError):
    """The object does not exist (any more), or is not this user's."""


class NotStarted(RemoteError):
    """The host had no room for the call, or is about to end. The method did not run: it is safe to call again."""


class Unavailable(RemoteError):
    """The worker or the provider that the object lived in has ended, and the object with it, and a call that was on its way may have run;
    or the worker of a type is not there just now. The text says which."""


class NotExposed(RemoteError, AttributeError):
    """A method that the object's type does not expose."""


class SessionLost(RemoteError, ConnectionError, EOFError):
    """The connection to the host is lost, and with it the objects of this session. A call that was on its way may have run."""


_REFUSALS: dict[str, type[Exception]] = {"no_method": NotExposed, "bad_arguments": TypeError, "denied": PermissionError,
                                         "deadline": TimeoutError}
_REMOTE: dict[str, type[RemoteError]] = {"no_object": NoObject, "overloaded": NotStarted, "not_started": NotStarted,
                                       "unavailable": Unavailable}
# Those that a method may name: what takes one text, and does not end a program.
_NAMED: dict[str, type[Exception]] = {
    name: kind for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
    and not issubclass(kind, (UnicodeError, builtins.BaseExceptionGroup)) and name == kind.__name__}
_NAMED.update(UnicodeError=UnicodeError, Empty=queue.Empty, Full=queue.Full, BrokenBarrierError=threading.BrokenBarrierError)
_NAMED["multiprocessing.TimeoutError"] = multiprocessing.TimeoutError  # which is not the built-in one


def exception_from(error: Any, where: str) -> Exception:
    """The exception to raise for the error of a reply, in its full form."""
    if isinstance(error, str):  # from before the hello was done
        kind, _, text = error.partition(": ")
        return _refusal(kind, text, where, RemoteError(f"{where}: {text}", kind=kind))
    code, text, more = error
    kind = more.get("kind") or _KINDS.get(code, "internal")
    if kind == "failed":
        name = more.get("type") or "Error"
        remote = RemoteError(f"{where}: {name}: {text}" if text else f"{where}: {name}", kind=kind, type=name,
                             data=more.get("data"), trace=more.get("trace"))
        raised = _NAMED.get(name)
        exception: Exception
        if isinstance(remote.data, Exception):  # only where pickles are allowed
            exception, remote.data = remote.data, None
        elif raised is None:
            return remote
        elif raised is KeyError and isinstance(remote.data, list) and len(remote.data) == 1:
            exception = KeyError(remote.data[0])
        else:
            exception = raised(text) if text else raised()
        exception.__cause__ = remote
        return exception
    remote = _REMOTE.get(kind, RemoteError)(f"{where}: {text}", kind=kind, data=more.get("data"), trace=more.get("trace"))
    return _refusal(kind, text, where, remote)


def is_said(error: BaseException, name: str, text: str) -> bool:
    """Whether exception_from() makes the same of its name, its text, and the key of a KeyError."""
    if _NAMED.get(name) is not type(error):
        return False
    args: tuple[Any, ...] = (text,) if text else ()
    if type(error) is KeyError and len(error.args) == 1 and type(error.args[0]) in (str, int, bytes, float, bool):
        args = error.args
    return error.__reduce__() == (type(error), args) and [*map(type, error.args)] == [*map(type, args)]


def _refusal(kind: str, text: str, where: str, remote: RemoteError) -> Exception:
    refusal: type[Exception] | None = _REFUSALS.get(kind)
    if kind == "unauthenticated":
        from multiprocessing import AuthenticationError as refusal  # noqa: N813

        text = f"{where}: {text}"
    if refusal is None:
        return remote
    exception = refusal(text)
    if isinstance(exception, RemoteError):
        exception.kind = kind
    exception.__cause__ = remote
    return exception
