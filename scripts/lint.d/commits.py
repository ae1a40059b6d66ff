"""Subjects and bodies of the last commits."""

import re
import subprocess

COMMITS = 30
SUBJECT = re.compile(r"^[a-z0-9][a-z0-9_./-]*(, [a-z0-9_./-]+)*: \S.*[^.\s]$")
SUBJECT_LENGTH_MAX = 64
TRAILER = re.compile(r"^[A-Z][A-Za-z-]+: \S")


def check_commit(commit, subject, body):
    if not SUBJECT.match(subject):
        yield f'{commit}: subject "{subject}"; expected "folder: what", without a full stop'
    if len(subject) > SUBJECT_LENGTH_MAX:
        yield f"{commit}: subject of {len(subject)} characters; at most {SUBJECT_LENGTH_MAX}"
    if not any(line.strip() and not TRAILER.match(line) for line in body.splitlines()):
        yield f'{commit}: "{subject}" has no body; say why'


def check():
    done = subprocess.run(
        ["git", "log", "--no-merges", f"-{COMMITS}", "--format=%h%x1f%s%x1f%b%x1e"],
        capture_output=True, text=True)
    if done.returncode != 0:  # not a git tree, or no commit yet
        return
    for record in done.stdout.split("\x1e"):
        if record.strip():
            yield from check_commit(*record.strip("\n").split("\x1f"))
