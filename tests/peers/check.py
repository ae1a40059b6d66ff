"""What a check is, and what becomes of it."""

import traceback

# open: registrations over the network allowed, captured. closed: as configured by default.
# echo: every interface served, activation denied, ncacn_http as well. demo: portoland --demo.
# hostile: bad input, captured by itself. fault: rules that make the server misbehave, captured by
# itself. ports: each check starts and stops a server of its own, with another port, more workers or
# another program. kernel: our TCP against the kernel's, without a server.
PHASES = ("open", "closed", "echo", "demo", "load", "hostile", "fault", "ports", "kernel")

_checks = []
passed = 0
failed = 0


class Failed(Exception):
    """A check found something other than it expected."""


def check(phase, stopped=False):
    """Registers a function of one argument, the lab, as a check of that phase.

    `stopped` ones run when the server is down again and the capture is complete. The function
    raises Failed (any exception is a failure), or returns the detail to show.
    """
    assert phase in PHASES

    def register(function):
        _checks.append((phase, stopped, function))
        return function
    return register


def selected(phase, stopped, only):
    """The checks of a phase whose name, or whose file's name, contains one of the words `only`."""
    for in_phase, when, function in _checks:
        names = (function.__name__, function.__module__, phase)
        if in_phase == phase and when == stopped and (
                not only or any(word in name for word in only for name in names)):
            yield function


def report(name, detail, ok=True):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
    print(f"{'ok  ' if ok else 'FAIL'} {name}: {detail}", flush=True)


def run(function, lab):
    name = f"{function.__module__.removeprefix('peer_')}.{function.__name__}"
    try:
        report(name, function(lab) or "as expected")
    except Failed as failure:
        report(name, failure, ok=False)
    except Exception as error:  # whatever a peer's library raises
        where = traceback.extract_tb(error.__traceback__)[-1]
        report(name, f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})",
               ok=False)


def expect(found, expected, what):
    if found != expected:
        raise Failed(f"{what}: found {found!r}, expected {expected!r}")


def expect_same_list(found, expected, what):
    """Compares two lists as sets with multiplicity and names the first differences."""
    found, expected = sorted(found), sorted(expected)
    if found != expected:
        missing = [row for row in expected if row not in found]
        extra = [row for row in found if row not in expected]
        raise Failed(f"{what}: found {len(found)}, expected {len(expected)}; "
                     f"missing {missing[:3]}, extra {extra[:3]}")
