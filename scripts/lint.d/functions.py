"""Rules about functions, found by ctags: length, names, and what the fast path may call."""

import fnmatch
import json
import re
import subprocess

import text

FUNCTION_LINES_MAX = 120

# Runs between two bursts of frames: allocates nothing, logs nothing, takes no lock.
FAST_PATH = ["ndr/*.[ch]", "mapper/replica.[ch]", "mapper/log.[ch]", "tcpstack/*.[ch]",
             "rpc/*.[ch]", "dataplane/worker*.[ch]", "load/worker.[ch]", "load/generator.[ch]",
             "load/connection.[ch]", "load/exchange.[ch]", "load/misbehave.[ch]", "load/answer.[ch]",
             "load/arrivals.[ch]"]
# A function with one of these in its name runs before the first burst or after the last.
NOT_RUNNING = re.compile(r"create|destroy|init")
FORBIDDEN = re.compile(
    r"\b(malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|free|strdup|asprintf"
    r"|rte_\w*alloc(?:_socket)?|rte_free|printf|fprintf|puts|fputs|perror|syslog|RTE_LOG|rte_log"
    r"|base_log|base_error|base_warning|base_info|base_debug|pthread_\w+|rte_spinlock_\w+"
    r"|rte_rwlock_\w+|mtx_\w+)\s*\(")
# Named like an allocation, but takes from a pool made at start.
ALLOWED = re.compile(r"rte_pktmbuf_alloc|rte_mbuf_raw_alloc")

PREFIXES = {
    "base": ("base_",),
    "ndr": ("ndr_",),
    "mapper": ("mapper_",),
    "tcpstack": ("tcpstack_", "tcp_"),
    "rpc": ("rpc_",),
    "control": ("control_",),
    "cli": ("cli_",),
    "load": ("load_",),
}


def read_tags(files):
    """Every function definition: path, name, first line, last line, static."""
    if not files:
        return []
    done = subprocess.run(
        ["ctags", "--output-format=json", "--languages=C", "--langmap=C:.c.h", "--kinds-C=f",
         "--fields=+nef", "-f", "-", *files], capture_output=True, text=True, check=True)
    tags = [json.loads(line) for line in done.stdout.splitlines()]
    return [tag for tag in tags if tag.get("_type") == "tag" and "end" in tag]


def length(tag):
    return tag["end"] - tag["line"] + 1


def check_length(tag):
    if length(tag) > FUNCTION_LINES_MAX:
        yield (f"{tag['path']}:{tag['line']}: {tag['name']} has {length(tag)} lines; "
               f"at most {FUNCTION_LINES_MAX}")


def check_name(tag):
    prefixes = PREFIXES.get(tag["path"].split("/")[0])
    if not prefixes or tag.get("file") or tag["name"] == "main":
        return
    if not tag["name"].startswith(prefixes):
        yield (f"{tag['path']}:{tag['line']}: {tag['name']} is exported; "
               f"name it {prefixes[0]}... or make it static")


def check_fast_path(tag, lines):
    if NOT_RUNNING.search(tag["name"]):
        return
    for number in range(tag["line"], tag["end"] + 1):
        for call in FORBIDDEN.finditer(lines[number - 1]):
            if not ALLOWED.match(call.group(1)):
                yield (f"{tag['path']}:{number}: {tag['name']} calls {call.group(1)}; the fast "
                       "path neither allocates, logs nor locks")


def check(tags):
    sources = {}
    for tag in tags:
        yield from check_length(tag)
        yield from check_name(tag)
        path = tag["path"]
        if any(fnmatch.fnmatch(path, pattern) for pattern in FAST_PATH):
            if path not in sources:
                sources[path] = text.without_opaque(text.read(path)).splitlines()
            yield from check_fast_path(tag, sources[path])


def report(tags):
    if not tags:
        return "functions: none"
    lengths = sorted(length(tag) for tag in tags)
    longest = max(tags, key=length)
    return (f"functions: {len(tags)}, median {lengths[len(lengths) // 2]}, "
            f"p90 {lengths[len(lengths) * 9 // 10]}, "
            f"over 60: {sum(n > 60 for n in lengths)}, over 100: {sum(n > 100 for n in lengths)}, "
            f"longest {length(longest)} ({longest['name']} in {longest['path']})")
