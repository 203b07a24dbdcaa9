"""Attacks a host by hand, or from the soak:  attack.py NAME --host unix:PATH --seed N [--rounds N | --seconds S] [--first ROUND]

The host needs the plugins pair and sync; `kinds` of the tests makes it harder. Ends with a line of JSON that says what was tried, and
with 1 if the host did what it must not: then the seed and the round that repeat it are told, and the last bytes sent.
"""
import argparse
import json
import os
import random
import sys

sys.dont_write_bytecode = True

from attacker import Defect
from bombs import BOMBS
from floods import FLOODS
from held_open import HELD_OPEN
from mutations import MUTATIONS
from shapes import SHAPES
from strangers import STRANGERS

ATTACKERS = {attacker.name(): attacker for attacker in SHAPES + MUTATIONS + BOMBS + HELD_OPEN + FLOODS + STRANGERS}
NOBODY = 65534


def told(attacker, defect):
    """What it takes to have this again."""
    return (f"{attacker.name()}: {defect}\n  again: attack.py {attacker.name()} --host {attacker.address} --seed {attacker.seed} "
            f"--first {attacker.number} --rounds 1\n  the last {len(defect.sent)} bytes sent: {defect.sent[-4096:].hex()}")


def read_options(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="\n".join(f"  {name:20} {kind.__doc__}" for name, kind in ATTACKERS.items()))
    parser.add_argument("name", choices=ATTACKERS, metavar="NAME")
    parser.add_argument("--host", required=True, metavar="ADDRESS")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--rounds", type=int, help="how many rounds; by default a short test's")
    parser.add_argument("--seconds", type=float, help="for how long, instead")
    parser.add_argument("--first", type=int, default=0, metavar="ROUND", help="the first round's number")
    parser.add_argument("--as-nobody", action="store_true", help="as the user nobody (root only)")
    return parser.parse_args(arguments)


def main():
    options = read_options(sys.argv[1:])
    if options.as_nobody:
        os.setgroups([])
        os.setresuid(NOBODY, NOBODY, NOBODY)
    attacker = ATTACKERS[options.name](options.host, options.seed)
    attacker.number = options.first
    rounds = None if options.seconds is not None else options.rounds or attacker.rounds
    try:
        attacker.run(rounds, options.seconds, options.first)
    except Defect as defect:
        sys.exit(told(attacker, defect))
    except ValueError as wrong:
        if attacker.tally:
            raise
        sys.exit(f"attack.py: {wrong}")
    print(json.dumps({"attacker": options.name, "seed": options.seed, **attacker.tally}))


if __name__ == "__main__":
    main()
