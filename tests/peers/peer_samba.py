"""Samba's clients: rpcclient and smbtorture, in both byte orders."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import unittest

import peer_portolan
import sample
from check import Failed, check, expect, expect_same_list

BINDING = "ncacn_ip_tcp:{}[135{}]"
# object binding[endpoint,abstract_syntax=UUID/0xVERSION]: annotation
EPMLOOKUP = re.compile(
    r"^(?P<object>[0-9a-f-]{36}) (?P<protseq>\w+):(?P<host>[^\[]*)\[(?P<endpoint>.*),"
    r"abstract_syntax=(?P<interface>[0-9a-f-]{36})/0x(?P<version>[0-9a-f]{8})\]: ?"
    r"(?P<annotation>.*)$")
SUBUNIT = re.compile(r"^(success|failure|error|skip): (\S+)")
SAMBA_ADDRESS = "127.0.0.1"


def epmlookup(address=sample.SERVER):
    """The whole list as rpcclient gets it, one entry a call, in the common form."""
    done = subprocess.run(["rpcclient", "-U%", BINDING.format(address, ""), "-c", "epmlookup"],
                          capture_output=True, text=True, timeout=30)
    if "no more entries" not in done.stderr:
        raise Failed(f"rpcclient ended without 'no more entries': {done.stderr.strip()[-200:]}")
    return [to_entry(line) for line in done.stdout.splitlines()]


def to_entry(line):
    match = EPMLOOKUP.match(line)
    if not match:
        raise Failed(f"rpcclient printed {line!r}")
    version = int(match["version"], 16)
    return sample.Entry(match["interface"], f"{version & 0xffff}.{version >> 16}", match["object"],
                        f"{match['protseq']}:{match['host']}[{match['endpoint']}]",
                        match["annotation"])


def without_minor(entries):
    """rpcclient shows no minor versions."""
    return [entry._replace(version=entry.version.split(".")[0]) for entry in entries]


def smbtorture(suite, expected, options="", seconds=90, more=()):
    """Runs a suite and compares the set of tests that succeeded with `expected`."""
    done = subprocess.run(
        ["smbtorture", "-U%", *more, BINDING.format(sample.SERVER, options), suite],
        capture_output=True, text=True, errors="replace", timeout=seconds)
    results = dict((name, result) for result, name in
                   (m.groups() for m in map(SUBUNIT.match, done.stdout.splitlines()) if m))
    if set(results) != set(expected):
        raise Failed(f"{suite} ran {sorted(results)}, expected {sorted(expected)}: "
                     f"{done.stderr.strip()[-200:]}")
    bad = [f"{name}: {result}" for name, result in results.items() if result != "success"]
    if bad:
        at = done.stdout.find("failure:")
        raise Failed(f"{', '.join(bad)}: {done.stdout[at:at + 300]!r}")
    return f"{len(results)} of {suite}"


EPMAPPER_TESTS = ["epmapper." + name for name in (
    "Map_simple", "Map_full", "Lookup_simple", "Lookup_terminate_search", "Insert_noreplace")]


@check("open")
def rpcclient_lists_the_configured_map(lab):
    found = epmlookup()
    expect_same_list(without_minor(found), without_minor(sample.ENTRIES), "epmlookup")
    return f"{len(found)} entries"


@check("open")
def smbtorture_epmapper(lab):
    return smbtorture("rpc.epmapper", EPMAPPER_TESTS)


@check("open")
def smbtorture_epmapper_big_endian(lab):
    return smbtorture("rpc.epmapper", EPMAPPER_TESTS, ",bigendian")


@check("open")
def smbtorture_mgmt(lab):
    return smbtorture("rpc.mgmt", ["mgmt"])


@check("open")
def smbtorture_mgmt_big_endian(lab):
    return smbtorture("rpc.mgmt", ["mgmt"], ",bigendian")


ECHO_TESTS = ["echo." + name for name in (
    "addone", "sinkdata", "sourcedata", "echodata", "testcall", "testcall2", "enum", "surrounding",
    "doublepointer", "sleep")]
ORDERS = ("", ",bigendian")


@check("echo")
def smbtorture_echo(lab):
    return smbtorture("rpc.echo", ECHO_TESTS)


@check("echo")
def smbtorture_echo_big_endian(lab):
    return smbtorture("rpc.echo", ECHO_TESTS, ",bigendian")


# The other tests of the suite need an activation that succeeds.
@check("echo")
def smbtorture_oxidresolve(lab):
    for name in ("ServerAlive", "ServerAlive2"):
        for order in ORDERS:
            smbtorture(f"rpc.oxidresolve.oxidresolver.{name}", [f"oxidresolver.{name}"], order)


@check("echo")
def smbtorture_countcalls(lab):
    """Calls one operation after another until one is out of range: the whole table answers."""
    for interface in ("epmapper", "mgmt", "rpcecho", "IOXIDResolver", "IRemoteActivation",
                      "ISystemActivator"):
        for order in ORDERS:
            smbtorture("rpc.countcalls", ["countcalls"], order,
                       more=[f"--option=countcalls:interface={interface}"])


@check("echo")
def smbtorture_asyncbind(lab):
    for order in ORDERS:
        smbtorture("rpc.asyncbind", ["asyncbind"], order)


@check("open")
def smbtorture_handles_cross_connections_of_a_group(lab):
    return smbtorture("rpc.bind.assoc_group_handles_external", ["assoc_group_handles_external"])


@check("open")
def smbtorture_handles_cross_connections_of_a_group_big_endian(lab):
    return smbtorture("rpc.bind.assoc_group_handles_external", ["assoc_group_handles_external"],
                      ",bigendian")


# Sends each operation 1,000 bytes of 0xff.
@check("hostile")
def smbtorture_scanner(lab):
    return smbtorture("rpc.scanner", ["scanner"])


@check("hostile")
def smbtorture_scanner_big_endian(lab):
    return smbtorture("rpc.scanner", ["scanner"], ",bigendian")


# ... but for rpcecho: its TestSleep takes them for 136 years, and the scanner waits for an answer.
@check("ports")
def smbtorture_scanner_of_the_other_interfaces(lab):
    configuration = sample.configuration(lab.socket, False, every=True)
    lab.start_with("scanner", configuration.replace("rpcecho: true", "rpcecho: false"))
    lab.address_kernel_side("ptl0")
    for order in ORDERS:
        smbtorture("rpc.scanner", ["scanner"], order)
    expect(lab.stop(), 0, "exit status")


NETLOGON = ("12345678-1234-abcd-ef00-01234567cffb", "1.0")
HERE = os.path.dirname(os.path.abspath(__file__))
RAW_PROTOCOL_TESTS = 194


def skipped_tests(path):
    """The names in a list of "NAME  WHY" under a heading each; "#" begins a comment."""
    with open(path, encoding="utf-8") as file:
        lines = [line.split("#")[0].split(maxsplit=1) for line in file]
    for line in lines:
        if line and len(line) != 2:
            raise Failed(f"{path}: {line[0]} stands there without a reason")
    return [line[0] for line in lines if line]


def start_testifd(lab):
    """portoland with netlogon's one operation, and the limits that Windows has."""
    extra = sample.Entry(*NETLOGON, sample.NIL, "ncacn_ip_tcp:10.135.0.2[135]", "netlogon")
    lab.start_with("testifd", sample.configuration(lab.socket, False, entries=[extra],
                                                   limits={"request": 0x400000}),
                   "tests/peers/testifd")
    lab.address_kernel_side("ptl0")


@check("ports")
def raw_protocol(lab):
    """Samba's own table of protocol behaviour, learnt from Windows. The tests in raw_protocol.skip
    must fail, and all others must not."""
    configuration_file = os.path.join(lab.directory, "client-smb.conf")
    with open(configuration_file, "w", encoding="utf-8") as file:
        file.write("[global]\n")
    os.environ.update(SERVER=sample.SERVER, TARGET_HOSTNAME=sample.SERVER, USERNAME="nobody",
                      PASSWORD="none", DOMAIN="NONE", REALM="NONE.TEST",
                      SMB_CONF_PATH=configuration_file)
    from samba.tests.dcerpc import raw_protocol as suite  # reads the environment
    names = unittest.defaultTestLoader.getTestCaseNames(suite.TestDCERPC_BIND)
    expect(len(names), RAW_PROTOCOL_TESTS, "tests in Samba's suite")
    skipped = skipped_tests(os.path.join(HERE, "raw_protocol.skip"))
    expect(sorted(set(skipped) - set(names)), [], "tests in raw_protocol.skip that there are not")
    start_testifd(lab)
    result = unittest.TestResult()
    with open(os.path.join(lab.directory, "raw_protocol.log"), "w", encoding="utf-8") as log:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            unittest.TestSuite(map(suite.TestDCERPC_BIND, names)).run(result)
        for test, trace in result.failures + result.errors:
            print(f"{test.id()}\n{trace}", file=log)
    expect(lab.is_running(), True, "the server runs on")
    wrong = {test.id().split(".")[-1] for test, _ in
             result.failures + result.errors + result.skipped}
    expect(sorted(wrong - set(skipped)), [], "failed, and not in raw_protocol.skip")
    expect(sorted(set(skipped) - wrong), [], "in raw_protocol.skip, but passed")
    expect(lab.stop(), 0, "exit status")
    return f"{len(names) - len(wrong)} of {len(names)} tests"


class SambaMapper:
    """Samba's own endpoint mapper on this namespace's other addresses, while in a `with`."""

    def __init__(self, directory):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "samba-epm")
        self.log = open(os.path.join(directory, "samba.log"), "wb")
        self.process = subprocess.Popen([script, os.path.join(directory, "samba")],
                                        stdout=self.log, stderr=self.log)

    def __enter__(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection((SAMBA_ADDRESS, 135), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.1)
        self.__exit__()
        raise Failed("Samba's endpoint mapper did not start")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@check("closed")
def portolan_lists_what_rpcclient_lists_of_samba(lab):
    """All but one: Samba gives the last entry together with "no more entries", and rpcclient then
    forgets it."""
    with SambaMapper(lab.directory):
        seen = without_minor(epmlookup(SAMBA_ADDRESS))
        found = without_minor(peer_portolan.dump(lab, SAMBA_ADDRESS))
    expect_same_list([entry for entry in found if entry in seen], seen, "portolan dump of Samba")
    expect(len(found), len(seen) + 1, "entries")
    return f"{len(found)} entries"


@check("demo")
def rpcclient_and_portolan_list_the_same_demo(lab):
    found = without_minor(epmlookup())
    expect_same_list(found, without_minor(peer_portolan.dump(lab)), "epmlookup")
    if not found:
        raise Failed("the demo's map is empty")
    return f"{len(found)} entries"
