"""Where the two cores were when something was measured on them.

build/perf/placement measures a cache line's round trip. Cores that share an L3 take 56 to 130 ns on
the machines seen so far, cores that do not 310 ns and more: FAR_NS lies between. Two hardware
threads of a core take 64 ns over one line, as neighbours do, but 48 ns over a line for each way,
for which neighbours take twice what they take over one: SMT_NS lies between.
"""

import collections
import json
import subprocess

from check import Failed

FAR_NS = 170
SMT_NS = 80
SHARED = 0.5  # both threads had their core for less of the time than this: others run there, too
ATTEMPTS = 3
GOOD = ("near", "near shared")


def label(measured):
    """"near", "far" or "smt", and " shared" behind it when other programs take the cores, too."""
    one, two = measured["one_line"], measured["two_lines"]
    if one["median"] >= FAR_NS:
        where = "far"
    else:
        where = "smt" if two["median"] < SMT_NS else "near"
    return where + (" shared" if min(one["together"], two["together"]) < SHARED else "")


def over(before, after):
    """The label of what ran between two others."""
    if before.split()[0] != after.split()[0]:
        return "moved"
    return max(before, after)  # the one with " shared", if either has it


def summary(labels):
    """Labels of all runs of a row: "near", or "near 5, far 2"."""
    counts = collections.Counter(labels).most_common()
    if len(counts) == 1:
        return counts[0][0]
    return ", ".join(f"{name} {count}" for name, count in counts)


class Placement:
    """Asks, runs, asks again, and repeats a run that had bad luck with its cores."""

    def __init__(self, program, attempts=ATTEMPTS):
        self.program = program
        self.attempts = attempts

    def ask(self):
        done = subprocess.run([self.program, "--json"], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise Failed(done.stderr.strip() or f"placement exited with {done.returncode}")
        return label(json.loads(done.stdout))

    def run(self, measure):
        """(what measure() returned last, its label); the last of several is kept, good or bad."""
        before = self.ask()
        for _ in range(self.attempts):
            value = measure()
            after = self.ask()
            found = over(before, after)
            if found in GOOD:
                break
            before = after
        return value, found
