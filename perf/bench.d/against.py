"""Is this tree slower than another revision? Both builds of `cycles` in turn, and a verdict.

A row is slower when the median of its differences, round by round, is over THRESHOLD, and it was
slower in at least AGREEING of the rounds. One slow round, or all of them by a hair, is noise: by
chance alone six of seven rounds agree once in sixteen times.
"""

import os
import shutil
import subprocess
import sys

import figures
import programs
from check import Failed

THRESHOLD = 0.03
AGREEING = 6 / 7
ROUNDS = 7
RUN_SECONDS = 300
BUILD_SECONDS = 900


def differences(unit, before, after):
    """How much slower each round was, as a share of what it was: 0.1 is a tenth slower."""
    if figures.less_is_better(unit):
        return [new / old - 1 for old, new in zip(before, after)]
    return [old / new - 1 for old, new in zip(before, after)]


def is_slower(found):
    agreeing = sum(difference > 0 for difference in found) / len(found)
    return figures.median(found) > THRESHOLD and agreeing >= AGREEING


def build(root, revision, directory):
    """The program `cycles` of a revision, in a worktree that is the caller's to remove."""
    steps = (["git", "-C", root, "worktree", "add", "--detach", "--force", directory, revision],
             ["meson", "setup", os.path.join(directory, "build"), directory],
             ["ninja", "-C", os.path.join(directory, "build"), "perf/cycles"])
    for step in steps:
        done = subprocess.run(step, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=BUILD_SECONDS)
        if done.returncode != 0:
            tail = "\n".join(done.stdout.strip().splitlines()[-5:])
            raise Failed(f"{' '.join(step[:3])} exited with {done.returncode}:\n{tail}")
    return os.path.join(directory, "build", "perf", "cycles")


def remove(root, directory):
    subprocess.run(["git", "-C", root, "worktree", "remove", "--force", directory],
                   capture_output=True)
    shutil.rmtree(directory, ignore_errors=True)


def medians(program, options):
    """{row: (unit, median)} of one run."""
    rows = programs.run(program, *options, seconds=RUN_SECONDS)
    for row in rows:
        if not row["correct"]:
            raise Failed(f"{program}: {row['row']}: {row.get('why', 'an answer was wrong')}")
    return {row["row"]: (row["unit"], row["median"]) for row in rows}


def compare(before, after):
    """Rows out of [{row: (unit, median)}] of both, round by round; of those that both have."""
    rows = []
    for name, (unit, _) in after[0].items():
        if not all(name in found for found in (*before, *after)):
            continue
        old, new = ([found[name][1] for found in side] for side in (before, after))
        found = differences(unit, old, new)
        rows.append({"schema": figures.SCHEMA, "row": name, "group": "against", "unit": unit,
                     "before": figures.spread(old), "after": figures.spread(new),
                     "rounds": len(found), "difference": figures.spread(found),
                     "slower": is_slower(found)})
    return rows


def lines(rows):
    yield f"{'':40}  {'before':>10}  {'after':>10}  slower by, of {rows[0]['rounds']} rounds"
    for row in rows:
        found = row["difference"]
        yield (f"{row['row']:40}  {row['before']['median']:10.1f}  {row['after']['median']:10.1f}  "
               f"{100 * found['median']:+.1f}% ({100 * found['low']:+.1f} to "
               f"{100 * found['high']:+.1f}){'  SLOWER' if row['slower'] else ''}  {row['unit']}")


def run(bench, root, revision, prefix):
    """The rows; raises Failed when there is nothing to compare."""
    commit = subprocess.run(["git", "-C", root, "rev-parse", "--verify", revision + "^{commit}"],
                            capture_output=True, text=True)
    if commit.returncode != 0:
        raise Failed(f"--against {revision}: found no such revision, expected a commit of {root}")
    directory = os.path.join(root, "build", "against", commit.stdout.strip()[:12])
    ours = os.path.join(bench.build, "perf", "cycles")
    options = ["--quick"] * bench.quick + ["--rows", prefix]
    before, after = [], []
    remove(root, directory)
    try:
        print(f"against: building {revision}", file=sys.stderr)
        theirs = build(root, revision, directory)
        for number in bench.rounds("against"):
            # Who goes first takes turns, too.
            for side, program in ((before, theirs), (after, ours))[::-1 if number % 2 else 1]:
                side.append(medians(program, options))
    finally:
        remove(root, directory)
    rows = compare(before, after)
    if not rows:
        raise Failed(f"--against {revision}: found no row that both revisions print; "
                     f"expected some that begin with {prefix!r}")
    return rows
