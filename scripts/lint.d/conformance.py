"""Documents that say what proves what: functions and tests that their tables name must exist."""

import os
import re

import text

# Document -> the folders whose functions it may name; none: that column is prose.
DOCUMENTS = {
    "docs/tcp.md": ("tcpstack/",),
    "docs/security.md": (),
    "docs/rpc.md": ("rpc/", "ndr/", "mapper/", "exporter/", "control/", "dataplane/"),
}
NAME = re.compile(r"`([A-Za-z_]\w*)`")
FILE = re.compile(r"`([\w/]+\.[ch])`")
PYTHON = re.compile(r"^def (\w+)\(", re.M)


def python_tests():
    for folder, _, names in os.walk("tests"):
        for name in names:
            if name.endswith(".py"):
                yield from PYTHON.findall(text.read(os.path.join(folder, name)))


def rows(document):
    """(line, cells) of every table row that is no head."""
    for number, line in enumerate(text.read(document).splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[-1] != "test" and not cells[0].startswith("---"):
            yield number, cells


def check(tags):
    tests = {tag["name"] for tag in tags if tag["path"].startswith("tests/")} | {*python_tests()}
    for document, folders in DOCUMENTS.items():
        if os.path.exists(document):
            yield from check_document(document, tests, folders and [
                (tag["path"], tag["name"]) for tag in tags if tag["path"].startswith(folders)])


def check_document(document, tests, ours):
    for number, cells in rows(document):
        place = f"{document}:{number}"
        if len(cells) != 4:
            yield f"{place}: {len(cells)} cells; expected number, requirement, function, test"
            continue
        if cells[2] == "missing" or cells[2].startswith("left out: "):
            continue
        files = FILE.findall(cells[2])  # named or not; when they are, the functions stand there
        kinds = [(cells[3], tests, "test")]
        if ours:
            functions = {name for path, name in ours if not files or path in files}
            kinds.insert(0, (cells[2], functions, "function"))
        for cell, known, kind in kinds:
            if cell == "missing":
                continue
            names = NAME.findall(cell)
            if not names:
                yield f"{place}: {cells[0]} names no {kind}; or write 'missing' or 'left out: why'"
            for name in names:
                if name not in known:
                    where = f" in {', '.join(files)}" if files and kind == "function" else ""
                    yield f"{place}: no {kind} is called {name}{where}"
