"""Rules that need only the text of a file: comments, header guards, length of files."""

import re

FILE_LINES_MAX = 1000
# A string, a character or a line comment: what a block comment's opening may stand in.
OPAQUE = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*')


def without_opaque(source):
    """The source with strings and line comments blanked, line numbers kept."""
    return OPAQUE.sub(lambda match: " " * len(match.group()), source)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def check(files):
    for path in files:
        source = read(path)
        for number, line in enumerate(without_opaque(source).splitlines(), 1):
            if "/*" in line:
                yield f"{path}:{number}: block comment; write // comments"
        if path.endswith(".h") and "#pragma once\n" not in source:
            yield f"{path}:1: no #pragma once"
        lines = source.count("\n")
        if lines > FILE_LINES_MAX:
            yield f"{path}:{lines}: {lines} lines; at most {FILE_LINES_MAX}: divide it by its nouns"
