"""Who may include whom, and in which order a file includes."""

import os
import re

INCLUDE = re.compile(r'^#include (["<])([^">]+)[">]', re.MULTILINE)

# folder -> folders and single headers it may include. ARCHITECTURE.md draws the same arrows.
MAY_INCLUDE = {
    "base": ["base"],
    "ndr": ["ndr", "base"],
    "mapper": ["mapper", "ndr", "base"],
    "exporter": ["exporter", "ndr", "base"],
    "tcpstack": ["tcpstack", "base"],
    "rpc": ["rpc", "mapper", "exporter", "ndr", "base"],
    "control": ["control", "rpc/inject.h", "mapper", "exporter", "ndr", "base"],
    "dataplane": ["dataplane", "rpc", "tcpstack", "control", "mapper", "exporter", "ndr",
                  "base"],
    "cli": ["cli", "rpc/client.h", "rpc/pdu.h", "ndr", "base"],
    "load": ["load", "dataplane/eal.h", "dataplane/port.h", "rpc/client.h", "rpc/pdu.h", "tcpstack",
             "ndr", "base"],
    "perf": ["perf", "load", "dataplane", "rpc", "tcpstack", "mapper", "ndr", "base"],
}


def allowed(folder, header):
    return any(header == target or header.startswith(target + "/")
               for target in MAY_INCLUDE[folder])


def check_direction(path, includes):
    folder = path.split("/")[0]
    if folder not in MAY_INCLUDE:
        return
    for line, quote, header in includes:
        if quote == "<":
            continue
        if "/" not in header:
            yield f'{path}:{line}: includes "{header}"; write "folder/file.h"'
        elif not allowed(folder, header):
            yield (f'{path}:{line}: includes "{header}"; {folder} may include '
                   + ", ".join(MAY_INCLUDE[folder]))


def check_own_header_first(path, includes):
    own = path[:-2] + ".h"
    if path.split("/")[0] not in MAY_INCLUDE or not path.endswith(".c") or not os.path.exists(own):
        return
    if includes and includes[0][2] != own:
        yield f'{path}:{includes[0][0]}: first include is {includes[0][2]}; expected "{own}"'


def check(files):
    for path in files:
        with open(path, encoding="utf-8") as file:
            source = file.read()
        includes = [(source.count("\n", 0, match.start()) + 1, match.group(1), match.group(2))
                    for match in INCLUDE.finditer(source)]
        yield from check_direction(path, includes)
        yield from check_own_header_first(path, includes)
