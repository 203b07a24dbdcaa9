#!/usr/bin/env -S /usr/bin/python3 -B
"""Instructions of a call's steady path, counted by callgrind: more than 5 % off what instructions.json says fails. Unlike times, they repeat.

    instructions_test.py LOOP COMPILER             LOOP: the program soho_loop; COMPILER: its own, as in "GNU 12.2.0 Release"
    instructions_test.py LOOP COMPILER --record    writes what is counted into instructions.json, for a change that has its reason

Where there is no baseline for the compiler and the processor's kind (the C library picks its functions by that), it reports only.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

BASELINE = pathlib.Path(__file__).with_name("instructions.json")
CALLS = {"id": 1, "name": 1, "set": 1, "batch": 128}  # in a request
REQUESTS = 200
TOLERANCE = 0.05
FEATURES = ("avx2", "bmi2", "erms")


def processor():
    words = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    return " ".join([os.uname().machine, *(feature for feature in FEATURES if feature in words)])


def instructions_of(loop, what):
    """Of one call."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=soho_counted_loop", loop, what, str(REQUESTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or collected is None:
        sys.exit(f"callgrind failed ({done.returncode}):\n{done.stderr}")
    return int(collected[1]) / REQUESTS / CALLS[what]


def main():
    loop, compiler, *options = sys.argv[1:]
    known = json.loads(BASELINE.read_text(encoding="utf-8"))
    key = f"{compiler}, {processor()}"
    counts = {what: round(instructions_of(loop, what)) for what in CALLS}
    if options == ["--record"]:
        known[key] = counts
        BASELINE.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
        return
    before = known.get(key)
    print(f"{key}: " + ("no baseline, so this is a report only" if before is None else "instructions of a call"))
    failures = 0
    for what, count in counts.items():
        if before is None:
            print(f"  {what}: {count}")
            continue
        change = count / before[what] - 1
        is_off = abs(change) > TOLERANCE
        failures += is_off
        print(f"  {what}: {count}, was {before[what]} ({change:+.1%})" + (" <- more than 5 % off" if is_off else ""))
    if failures:
        sys.exit(f"If this change is worth it, or made it better: {sys.argv[0]} {loop} '{compiler}' --record, and say why in the commit.")


if __name__ == "__main__":
    main()
