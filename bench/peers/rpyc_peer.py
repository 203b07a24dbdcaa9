#!/usr/bin/python3 -B
"""RPyC: a service in its threaded server, with its own client."""
import collections

import rpyc
from rpyc.utils.factory import unix_connect
from rpyc.utils.server import ThreadedServer

from driving import ECHO, PAIRS, WINDOW, WINDOW_CALLS, Pair, peer_main

shared = Pair()


class Shared(rpyc.Service):
    def exposed_pair(self):
        return shared

    def exposed_make(self, x, y):
        return Pair(x, y)


CONFIG = {"allow_public_attrs": True, "sync_request_timeout": None}


def serve(kind, place):
    where = {"socket_path": place} if kind == "unix" else {"hostname": "127.0.0.1", "port": int(place)}
    ThreadedServer(Shared, protocol_config=CONFIG, **where).start()


def stepper(kind, place, work, size):
    connection = (unix_connect(place, config=CONFIG) if kind == "unix"
                  else rpyc.connect("127.0.0.1", int(place), config=CONFIG))
    pair = connection.root.pair()
    if work == ECHO:
        payload = b"x" * size
        return lambda: pair.echo(payload)
    if work == PAIRS:
        def make():
            connection.root.make(5, 6)

        return make
    if work == WINDOW:
        get_x = rpyc.async_(pair.get_x)
        in_flight = collections.deque(get_x() for _ in range(WINDOW_CALLS))

        def step():
            in_flight.append(get_x())
            return in_flight.popleft().value

        return step
    get_x = pair.get_x  # one name looked up at the server, not one for each call
    return lambda: get_x()


if __name__ == "__main__":
    peer_main(serve, stepper)
