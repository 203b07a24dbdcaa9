#!/usr/bin/python3 -B
"""multiprocessing.managers: a server process that shares a Pair."""
from multiprocessing.managers import BaseManager

from driving import ECHO, PAIRS, Pair, peer_main

shared = Pair()


class Manager(BaseManager):
    pass


Manager.register("pair", callable=lambda: shared, exposed=("get_x", "echo"))
Manager.register("Pair", callable=Pair, exposed=("get_x", "echo"))


def manager_at(kind, place):
    return Manager(place if kind == "unix" else ("127.0.0.1", int(place)), authkey=b"bench")


def serve(kind, place):
    manager_at(kind, place).get_server().serve_forever()


def stepper(kind, place, work, size):
    manager = manager_at(kind, place)
    manager.connect()
    pair = manager.pair()
    if work == ECHO:
        payload = b"x" * size
        return lambda: pair.echo(payload)
    if work == PAIRS:
        def make():
            manager.Pair(5, 6)

        return make
    return pair.get_x


if __name__ == "__main__":
    peer_main(serve, stepper)
