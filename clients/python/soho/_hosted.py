"""What a provider says of a type: Python's classes and functions as the host describes them."""
from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

# What every object answers, whatever it exposes: for str(), _getvalue() and AutoProxy.
_ALWAYS = ("__repr__", "__str__", "__getvalue__", "__exposed__")
_ANY_ARGUMENTS = [{"name": "args", "kind": "args"}, {"name": "kwargs", "kind": "kwargs"}]


def public_methods(thing: Any) -> list[str]:
    """Those that are exposed where nobody says which."""
    return [name for name in dir(thing) if not name.startswith("_") and _is_method(thing, name)]


def _is_method(thing: Any, name: str) -> bool:
    try:
        return callable(getattr(thing, name))
    except Exception:  # noqa: BLE001  a property that has nothing to say (yet)
        return False


class Hosted:
    """A type that a provider offers."""

    def __init__(self, typeid: str, callable: Callable[..., Any] | None = None, proxytype: Any = None,  # noqa: A002
                 exposed: Sequence[str] | None = None, method_to_typeid: Mapping[str, str] | None = None, create_method: bool = True):
        self.typeid = typeid
        self.callable = callable
        self.proxytype = getattr(proxytype, "__name__", None) if isinstance(proxytype, type) else None
        exposed = exposed if exposed is not None else getattr(proxytype, "_exposed_", None)
        self.is_open = exposed is None  # each object decides
        self.exposed = tuple(exposed if exposed is not None else public_methods(callable) if isinstance(callable, type) else ())
        self.method_to_typeid = dict(method_to_typeid or getattr(proxytype, "_method_to_typeid_", None) or {})
        self.create_method = create_method

    def exposed_by(self, thing: Any) -> dict[str, None]:
        """In order. It may run the program's code."""
        return dict.fromkeys((*(public_methods(thing) if self.is_open else self.exposed), *self.method_to_typeid))

    def description(self, names: Mapping[str, str]) -> dict[str, Any]:
        """For the host; `names` are the typeids as the host has them."""
        methods = {}
        for name in dict.fromkeys((*self.exposed, *self.method_to_typeid, *_ALWAYS)):
            method: dict[str, Any] = {"args": _ANY_ARGUMENTS}
            if documentation := getattr(getattr(self.callable, name, None), "__doc__", None) if isinstance(self.callable, type) else None:
                method["doc"] = documentation
            if (returned := names.get(self.method_to_typeid.get(name, ""))) is not None:
                method["returns_typeid"] = returned
            methods[name] = method
        description = {"type": names[self.typeid], "args": _ANY_ARGUMENTS, "methods": methods, "exposed": list(methods),
                       "create_method": self.create_method, "open": self.is_open}
        if self.proxytype is not None and self.proxytype.isidentifier():
            description["proxytype"] = self.proxytype
        if isinstance(self.callable, type) and self.callable.__doc__:
            description["doc"] = self.callable.__doc__
        return description
