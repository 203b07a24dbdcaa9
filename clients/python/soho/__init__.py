"""soho: calls the objects that a soho host keeps.

`soho.managers` is a drop-in for multiprocessing.managers, `soho.Client` the plain way to all of a host, `soho.aio` the same for asyncio.
"""
from soho._client import Client, Proxy
from soho._login import Key, Token
from soho._provider import Provider, cancelled
from soho._proxy import options
from soho._values import Opaque
from soho.errors import NoObject, NotStarted, RemoteError, SessionLost, Unavailable

__all__ = ["Client", "Key", "NoObject", "NotStarted", "Opaque", "Provider", "Proxy", "RemoteError", "SessionLost", "Token", "Unavailable",
           "cancelled", "options"]
__version__ = "0.1.0"
