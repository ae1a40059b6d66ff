"""Rows that programs of build/perf print themselves, one JSON object a line."""

import json
import re
import subprocess
import sys

import figures

# What `cycles` printed before it knew --json; --against meets such revisions.
PLAIN = re.compile(r"^ept_map, (?P<count>\d+) per segment, .*: median .* = (?P<median>\d+) ns per "
                   r"request \(range (?P<low>\d+) to (?P<high>\d+) ns, (?P<rounds>\d+) rounds\)$")


def parse(text):
    """The rows in a program's output."""
    rows = []
    for line in text.splitlines():
        if line.startswith("{"):
            found = json.loads(line)
            if found.get("schema") != figures.SCHEMA:
                raise ValueError(f"found schema {found.get('schema')}, expected {figures.SCHEMA}")
            rows.append(found)
        elif match := PLAIN.match(line):
            rows.append({"schema": figures.SCHEMA, "group": "cycles", "unit": "ns/request",
                         "row": f"ept_map {match['count']} per segment", "correct": True,
                         **{member: int(match[member])
                            for member in ("median", "low", "high", "rounds")}})
    return rows


def run(program, *options, seconds):
    """The rows of one run; a row called after the program when it failed beyond them."""
    name = program.rsplit("/", 1)[-1]
    try:
        done = subprocess.run([program, "--json", *options], capture_output=True, text=True,
                              timeout=seconds)
        rows = parse(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return [figures.failed(name, name, error)]
    sys.stderr.write(done.stderr)
    if done.returncode != 0 and all(row["correct"] for row in rows):
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        rows.append(figures.failed(name, name, f"exit status {done.returncode}, said {said}"))
    return rows or [figures.failed(name, name, "printed no row")]
