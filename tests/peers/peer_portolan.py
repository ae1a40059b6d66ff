"""portolan itself, and registrations: over the control socket, over the network, refused."""

import json
import struct
import subprocess

import sample
import wire
from check import Failed, check, expect, expect_same_list

NEW = ("c0ffee00-0001-4000-8000-00000000000a", "3.1")
NEW_ENTRY = sample.Entry(*NEW, sample.NIL, "ncacn_ip_tcp:10.135.0.2[50123]", "from the socket")
FAULT_CANT_PERFORM, STATUS_CANT_PERFORM, STATUS_OK = 0x6d8, 0x16c9a0cd, 0


def dump(lab, address=sample.SERVER):
    """The whole list as `portolan dump --json` gives it, in the common form."""
    listed = json.loads(lab.portolan("dump", "--json", address).stdout)["entries"]
    return [sample.Entry(row["interface"], row["version"], row["object"] or sample.NIL,
                         row["binding"], row["annotation"] or "") for row in listed]


@check("open")
def dump_lists_the_configured_map(lab):
    found = dump(lab)
    expect_same_list(found, sample.ENTRIES, "portolan dump")
    return f"{len(found)} entries"


@check("demo")
def dump_lists_the_demo_over_ipv6(lab):
    found = dump(lab, f"[{sample.SERVER_IPV6}]")
    expect_same_list(found, dump(lab), "portolan dump over IPv6")
    return f"{len(found)} entries"


@check("demo")
def ping_is_answered_over_both_families(lab):
    for address in (sample.SERVER, sample.SERVER_IPV6):
        subprocess.run(["ping", "-c", "3", "-i", "0.2", "-W", "2", address], check=True,
                       capture_output=True, timeout=20)


@check("open")
def map_finds_the_endpoint_and_says_when_there_is_none(lab):
    found = lab.portolan("map", sample.SERVER, "@".join(sample.SPICE))
    if "49200" not in found.stdout:
        raise Failed(f"map printed {found.stdout!r}, without port 49200")
    unknown = lab.portolan("map", sample.SERVER, "deadbeef-0000-4000-8000-000000000001@1.0",
                           check_exit=False)
    expect(unknown.returncode, 1, "exit status for an interface that is not registered")


@check("closed")
def a_registration_appears_and_disappears(lab):
    words = ["@".join(NEW), NEW_ENTRY.binding]
    lab.portolan("register", *words, "--annotation", NEW_ENTRY.annotation)
    expect_same_list(dump(lab), [*sample.ENTRIES, NEW_ENTRY], "dump after register")
    lab.portolan("unregister", *words)
    expect_same_list(dump(lab), sample.ENTRIES, "dump after unregister")
    again = lab.portolan("unregister", *words, check_exit=False)
    expect(again.returncode, 1, "exit status of unregister for what is not there")


def network_insert():
    """What ept_insert over the network is answered with: ("fault" or "status", number)."""
    with wire.Connection() as connection:
        connection.send(wire.bind())
        connection.receive()
        answer = connection.call(wire.EPT_INSERT, wire.insert_stub(wire.identity(NEW), 50124))
        if answer.ptype == wire.FAULT:
            return "fault", answer.status
        return "status", struct.unpack("<I", answer.stub[-4:])[0]


@check("closed")
def a_network_insert_is_refused_by_default(lab):
    found = network_insert()
    if found not in (("fault", FAULT_CANT_PERFORM), ("status", STATUS_CANT_PERFORM)):
        raise Failed(f"ept_insert: {found[0]} {found[1]:#x}")
    expect_same_list(dump(lab), sample.ENTRIES, "dump after the refusal")
    return f"{found[0]} {found[1]:#x}"


@check("open")
def a_network_insert_is_taken_from_an_allowed_source(lab):
    expect(network_insert(), ("status", STATUS_OK), "ept_insert")
    added = sample.Entry(*NEW, sample.NIL, "ncacn_ip_tcp:0.0.0.0[50124]", "peer")
    found = [entry for entry in dump(lab) if entry.interface == NEW[0]]
    expect(len(found), 1, "entries of the new interface")
    expect(found[0].annotation, added.annotation, "annotation")
    lab.portolan("unregister", "@".join(NEW), found[0].binding)
    expect_same_list(dump(lab), sample.ENTRIES, "dump after unregister")


@check("closed")
def trace_follows_what_happens(lab):
    command = [lab.program("portolan"), "trace", "--follow", "--count", "2", "--json", "--last",
               "1", "--socket", lab.socket]
    dump(lab)  # so that there is a record to begin with
    following = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        following.stdout.readline()
        with wire.Connection():
            line = following.communicate(timeout=10)[0]
    finally:
        following.kill()
    expect(following.returncode, 0, "exit status of portolan trace --follow")
    expect(json.loads(line)["event"], "opened", "the record that followed")
