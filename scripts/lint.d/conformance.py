"""docs/tcp.md: the functions and the tests that its tables name must exist."""

import os
import re

import text

DOCUMENT = "docs/tcp.md"
NAME = re.compile(r"`([A-Za-z_]\w*)`")
PYTHON = re.compile(r"^def (\w+)\(", re.M)


def python_tests():
    for folder, _, names in os.walk("tests"):
        for name in names:
            if name.endswith(".py"):
                yield from PYTHON.findall(text.read(os.path.join(folder, name)))


def rows():
    """(line, cells) of every table row that is no head."""
    for number, line in enumerate(text.read(DOCUMENT).splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[-1] != "test" and not cells[0].startswith("---"):
            yield number, cells


def check(tags):
    if not os.path.exists(DOCUMENT):
        return
    ours = {tag["name"] for tag in tags if tag["path"].startswith("tcpstack/")}
    tests = {tag["name"] for tag in tags if tag["path"].startswith("tests/")} | {*python_tests()}
    for number, cells in rows():
        place = f"{DOCUMENT}:{number}"
        if len(cells) != 4:
            yield f"{place}: {len(cells)} cells; expected number, requirement, function, test"
            continue
        if cells[2] == "missing" or cells[2].startswith("left out: "):
            continue
        for cell, known, kind in ((cells[2], ours, "function"), (cells[3], tests, "test")):
            if cell == "missing":
                continue
            names = NAME.findall(cell)
            if not names:
                yield f"{place}: {cells[0]} names no {kind}; or write 'missing' or 'left out: why'"
            for name in names:
                if name not in known:
                    yield f"{place}: no {kind} is called {name}"
