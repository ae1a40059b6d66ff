"""Fault rules: what each makes of the server's answers, and what real clients make of those."""

import contextlib
import json
import os
import socket
import statistics
import struct
import subprocess
import time

from impacket.dcerpc.v5 import epm
from impacket.dcerpc.v5.rpcrt import DCERPCException
from impacket.uuid import uuidtup_to_bin

import peer_impacket
import sample
import wire
from check import Failed, check, expect, expect_same_list
from peer_portolan import dump

TOO_BUSY = 0x1c010014
ports = {}  # check -> the client's TCP port, for the capture


@contextlib.contextmanager
def rule(lab, *words):
    """The rule while in the `with`; yields its id. Afterwards none is left."""
    try:
        yield lab.portolan("fault", "add", *words).stdout.strip()
    finally:
        lab.portolan("fault", "clear")


def hits(lab, number):
    rules = json.loads(lab.portolan("fault", "list", "--json").stdout)["rules"]
    listed = [row["hits"] for row in rules if str(row["id"]) == number]
    counted = lab.stats()[f"fault.{number}"]
    expect(listed, [counted], f"hits of rule {number} in the list and among the counters")
    return counted


@contextlib.contextmanager
def bound(seconds=5, **how):
    with wire.Connection(seconds=seconds) as connection:
        connection.send(wire.bind(**how))
        expect(connection.receive().ptype, wire.BIND_ACK, "answer to the bind")
        yield connection


def port_of(connection):
    return connection.socket.getsockname()[1]


def serve(lab):
    """Without rules all is as ever."""
    with bound() as connection:
        answer = connection.call(wire.EPT_MAP, wire.map_stub())
        expect((answer.ptype, answer.call, answer.stub_status()), (wire.RESPONSE, 2, 0), "ept_map")
    expect_same_list(dump(lab), sample.ENTRIES, "portolan dump")


def impacket_map():
    dce = peer_impacket.connect()
    try:
        return epm.hept_map(sample.SERVER, uuidtup_to_bin(sample.LSA), protocol="ncacn_ip_tcp",
                            dce=dce)
    finally:
        dce.disconnect()


def impacket_error(kind=DCERPCException):
    try:
        impacket_map()
    except kind as error:
        return str(error)
    raise Failed("impacket noticed nothing")


def rpcclient():
    done = subprocess.run(["rpcclient", "-U%", f"ncacn_ip_tcp:{sample.SERVER}[135]", "-c",
                           "epmlookup"], capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


@check("fault")
def a_fault(lab):
    with rule(lab, "fault=nca_s_server_too_busy", "interface=epmapper", "operation=3") as number:
        with bound() as connection:
            answer = connection.call(wire.EPT_MAP, wire.map_stub())
            expect(answer.octets.hex(), "05000323100000002000000002000000"
                   "18000000000000001400" "011c00000000", "fault PDU")
            answer = connection.call(wire.EPT_LOOKUP, wire.lookup_stub(), call=3)
            expect(answer.ptype, wire.RESPONSE, "another operation")
        expect(hits(lab, number), 1, "hits")
        said = impacket_error()
        if "too_busy" not in said:
            raise Failed(f"impacket: {said}")
        expect(lab.portolan("map", sample.SERVER, "@".join(sample.LSA),
                            check_exit=False).returncode, 76, "exit status of portolan map")
        expect(hits(lab, number), 3, "hits")
    serve(lab)
    return f"impacket: {said}"


@check("fault")
def rpcclient_sees_the_fault(lab):
    with rule(lab, "fault=access_denied", "operation=2"):
        said = rpcclient()
    if "DENIED" not in said and "denied" not in said:
        raise Failed(f"rpcclient: {said[-200:]}")
    serve(lab)
    return said.strip().splitlines()[-1]


@check("fault")
def a_delay(lab):
    with rule(lab, "delay=300ms") as number, bound() as connection:
        begin = time.monotonic()
        answer = connection.call(wire.EPT_MAP, wire.map_stub())
        took = time.monotonic() - begin
        expect((answer.ptype, answer.stub_status()), (wire.RESPONSE, 0), "ept_map")
        if not 0.3 <= took < 2:
            raise Failed(f"answered after {took:.3f} s, expected 0.3")
        expect(hits(lab, number), 1, "hits")
        expect(impacket_map(), "ncacn_ip_tcp:10.135.0.2[135]", "impacket")
    serve(lab)
    return f"{took * 1000:.1f} ms"


@check("fault")
def exponential_delays(lab):
    with rule(lab, "delay=exponential:5ms"), bound() as connection:
        times = []
        for _ in range(200):
            begin = time.monotonic()
            connection.call(wire.EPT_MAP, wire.map_stub())
            times.append(time.monotonic() - begin)
    mean, median = statistics.mean(times), statistics.median(times)
    if not 0.003 < mean < 0.05 or not median < mean:
        raise Failed(f"mean {mean * 1000:.1f} ms, median {median * 1000:.1f} ms")
    return f"mean {mean * 1000:.1f} ms, median {median * 1000:.1f} ms"


@check("fault")
def clients_that_leave_take_their_delayed_calls_along(lab):
    before = lab.stats()
    with rule(lab, "delay=30s"):
        with contextlib.ExitStack() as stack:
            for _ in range(50):
                connection = stack.enter_context(bound())
                connection.send(wire.request(wire.EPT_MAP, wire.map_stub()))
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                             struct.pack("ii", 1, 0))  # leave by a reset
            lab.wait_for_stats(lambda found: found["rpc.deferred"]
                               - before["rpc.deferred"] == 50)
        after = lab.wait_for_stats(lambda found: found["rpc.drop_orphan_reply"]
                                   - before["rpc.drop_orphan_reply"] == 50)
    expect(after["rpc.drop_orphan_reply"] - before["rpc.drop_orphan_reply"], 50, "dropped")
    expect(after["rpc.associations"], 0, "associations left")
    serve(lab)


@check("fault")
def a_call_that_is_never_answered(lab):
    with rule(lab, "never_answer", "operation=3") as number:
        with bound(seconds=0.5) as connection:
            connection.send(wire.request(wire.EPT_MAP, wire.map_stub()))
            try:
                raise Failed(f"found {connection.receive().describe()}, expected nothing")
            except socket.timeout:
                pass
            answer = connection.call(wire.EPT_LOOKUP, wire.lookup_stub(), call=3)
            expect((answer.ptype, answer.call), (wire.RESPONSE, 3), "the next call")
        done = lab.portolan("map", sample.SERVER, "@".join(sample.LSA), "--timeout", "0.5",
                            check_exit=False)
        expect(done.returncode, 75, "exit status of portolan map")
        expect(hits(lab, number), 2, "hits")
    serve(lab)
    return done.stderr.strip()


@check("fault")
def a_wrong_call_id(lab):
    with rule(lab, "wrong_call_id"):
        with bound() as connection:
            answer = connection.call(wire.EPT_MAP, wire.map_stub(), call=41)
            expect((answer.ptype, answer.call), (wire.RESPONSE, 42), "answer")
        said = rpcclient()
    if "NT_STATUS" not in said and "rror" not in said:
        raise Failed(f"rpcclient noticed nothing: {said[-200:]}")
    serve(lab)
    return f"rpcclient: {said.strip().splitlines()[-1][:100]}"


@check("fault")
def small_fragments(lab):
    with rule(lab, "fragment=16"):
        with bound() as connection:
            ports["fragment"] = port_of(connection)
            connection.send(wire.request(wire.EPT_MAP, wire.map_stub()))
            parts = [connection.receive()]
            while not parts[-1].flags & wire.LAST:
                parts.append(connection.receive())
        expect([len(part.stub) for part in parts[:-1]], [16] * (len(parts) - 1), "stub octets")
        expect([part.flags for part in parts], [wire.FIRST] + [0] * (len(parts) - 2) + [wire.LAST],
               "flags")
        expect(parts[-1].stub_status(), 0, "status")
        expect_same_list(peer_impacket.entries(), sample.ENTRIES, "hept_lookup")
        expect_same_list(dump(lab), sample.ENTRIES, "portolan dump")
    serve(lab)
    return f"{len(parts)} fragments"


@check("fault")
def one_byte_a_segment(lab):
    with rule(lab, "byte_per_segment"):
        with bound() as connection:
            ports["bytes"] = port_of(connection)
            answer = connection.call(wire.EPT_MAP, wire.map_stub())
            expect((answer.ptype, answer.stub_status()), (wire.RESPONSE, 0), "ept_map")
            ports["size"] = answer.length
        expect_same_list(peer_impacket.entries(), sample.ENTRIES, "hept_lookup")
        if "LSA" not in rpcclient():
            raise Failed("rpcclient did not get the list")
    serve(lab)
    return f"{ports['size']} bytes"


@check("fault")
def a_reset_after_the_bind_ack(lab):
    with rule(lab, "reset_after_bind_ack", "source=10.135.0.0/24") as number:
        with wire.Connection() as connection:
            connection.send(wire.bind())
            expect(connection.receive().ptype, wire.BIND_ACK, "answer to the bind")
            try:
                raise Failed(f"found {connection.receive()}, expected a reset")
            except wire.Reset:
                pass
        expect(hits(lab, number), 1, "hits")
        said = impacket_error(Exception)
    serve(lab)
    return f"impacket: {said}"


@check("fault")
def a_bind_nak(lab):
    with rule(lab, "bind_nak=local_limit"):
        with wire.Connection() as connection:
            connection.send(wire.bind())
            answer = connection.receive()
            expect((answer.ptype, answer.reason), (wire.BIND_NAK, 2), "answer to the bind")
            expect(connection.receive(), None, "what follows")
        said = impacket_error()
        expect(lab.portolan("dump", sample.SERVER, check_exit=False).returncode, 76,
               "exit status of portolan dump")
    serve(lab)
    return f"impacket: {said}"


@check("fault")
def a_stale_port(lab):
    with rule(lab, "stale_port=49999"):
        expect(impacket_map(), "ncacn_ip_tcp:10.135.0.2[49999]", "hept_map of impacket")
        expect(lab.portolan("map", sample.SERVER, "@".join(sample.LSA)).stdout.strip(),
               "ncacn_ip_tcp:10.135.0.2[49999]", "portolan map")
    with rule(lab, "stale_port"):
        expect(impacket_map(), "ncacn_ip_tcp:10.135.0.2[1]", "without a port")
    expect(impacket_map(), "ncacn_ip_tcp:10.135.0.2[135]", "without the rule")
    serve(lab)


@check("fault")
def other_sources_and_rare_chances_are_left_alone(lab):
    with rule(lab, "fault=5", "source=10.135.1.0/24"), bound() as connection:
        expect(connection.call(wire.EPT_MAP, wire.map_stub()).ptype, wire.RESPONSE, "other source")
    with rule(lab, "fault=5", "probability=30%") as number, bound() as connection:
        faults = sum(connection.call(wire.EPT_MAP, wire.map_stub()).ptype == wire.FAULT
                     for _ in range(500))
        expect(hits(lab, number), faults, "hits")
    if not 100 <= faults <= 200:
        raise Failed(f"{faults} of 500 at 30%")
    serve(lab)
    return f"{faults} of 500"


@check("fault")
def rules_that_make_no_sense_are_refused(lab):
    for words, code in ((["delay=20"], 64), (["fault=5", "delay=1ms"], 64), (["color=blue"], 64)):
        done = lab.portolan("fault", "add", *words, check_exit=False)
        expect(done.returncode, code, " ".join(words))
    expect(lab.portolan("fault", "clear", "4711", check_exit=False).returncode, 1, "an unknown id")
    expect(lab.portolan("fault", "list").stdout, "", "rules left")


@check("fault", stopped=True)
def the_capture_has_the_small_fragments(lab):
    lines = lab.tshark("-Y", f"dcerpc.pkt_type == 2 && tcp.dstport == {ports['fragment']}",
                       "-T", "fields", "-e", "dcerpc.cn_frag_len")
    lengths = [int(length) for line in lines for length in line.split(",")]
    expect(set(lengths[:-1]), {40}, "frag_length of all but the last")
    return f"{len(lengths)} fragments"


@check("fault", stopped=True)
def the_capture_has_a_segment_for_each_byte(lab):
    lines = lab.tshark("-Y", f"tcp.len > 0 && tcp.dstport == {ports['bytes']}", "-T", "fields",
                       "-e", "tcp.len")
    expect(lines.count("1"), ports["size"], "segments of one byte")
    expect(len(lines), ports["size"] + 1, "segments, that of the bind_ack among them")


@check("fault", stopped=True)
def every_packet_buffer_came_back(lab):
    with open(os.path.join(lab.directory, "portoland-fault.log"), encoding="utf-8") as log:
        said = log.read()
    if "did not come back" in said:
        raise Failed(said.strip()[-200:])
