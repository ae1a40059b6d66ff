"""portolan-load against portoland over memif: every answer right, and both sides count the same."""

import json
import os
import socket
import struct
import subprocess

import sample
import wire
from check import Failed, check, expect

INTERFACE = "@".join(sample.SPICE)
SECONDS = 60  # for a generator run to end in


def serve(lab, every=False):
    """A server behind a memif socket; returns the generator's end of it, or None on one core.

    `every`: with rpcecho, too.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return None
    memif = os.path.join(lab.directory, "generator.sock")
    how = f"socket={memif},socket-abstract=no"
    lab.start_with("generator", sample.configuration(
        lab.socket, False, device=f"net_memif0,role=server,{how}", workers=[cores[1]], every=every))
    return [lab.program("portolan-load"), "--port", f"net_memif0,role=client,{how}",
            "--address", f"{sample.CLIENT}/24", "--target", sample.SERVER, "--lcore", str(cores[0]),
            "--hugepages", "off", "--interface", INTERFACE, "--json"]


def generate(base, *options, status=0):
    done = subprocess.run([*base, *options], capture_output=True, text=True, timeout=SECONDS)
    if done.returncode != status:
        raise Failed(f"{' '.join(options)}: exit status {done.returncode}, expected {status}: "
                     f"{done.stderr.strip()[-200:]}")
    return json.loads(done.stdout)


def good_run(base, *options):
    found = generate(base, "--duration", "0.5", "--warmup", "0.1", *options)
    expect(found["schema"], 1, "schema")
    expect(found["passed"], True, "passed")
    if not found["answered_per_s"] > 0:
        raise Failed(f"{' '.join(options)}: nothing was answered")
    times = found["latency_ns"]
    curve = [value for _, value in times["curve"]]
    if curve != sorted(curve) or not times["min"] <= times["p50"] <= times["p99"] <= times["max"]:
        raise Failed(f"{' '.join(options)}: percentiles that do not rise: {times}")
    return found


@check("ports")
def every_answer_is_right_and_both_sides_count_the_same(lab):
    base = serve(lab)
    if base is None:
        return "not run: one core"
    runs = [good_run(base, "--connections", "50", "--depth", "4"),
            good_run(base, "--connections", "50", "--rate", "2000"),
            good_run(base, "--connections", "20", "--mix", "mixed"),
            good_run(base, "--connections", "10", "--mix", "connect"),
            good_run(base, "--connections", "10", "--mix", "bind")]
    expect(runs[1]["settings"]["loop"], "open", "loop of a run with --rate")
    counters = lab.stats()
    sums = {name: sum(run["counters"][name] for run in runs) for name in runs[0]["counters"]}
    expect(counters["rpc.binds"], sums["bound"], "rpc.binds")
    # Malformed requests are answered with faults before they are calls.
    binds_only = runs[4]["counters"]["answers"]
    expect(counters["rpc.replies"] + counters["rpc.faults"], sums["answers"] - binds_only,
           "answers of the server")
    expect(lab.stop(), 0, "exit status after SIGTERM")
    return f"{sums['answers']} answers"


@check("ports")
def echo_beside_other_kinds_is_answered_on_one_connection(lab):
    base = serve(lab, every=True)
    if base is None:
        return "not run: one core"
    mix = os.path.join(lab.directory, "mix.yaml")
    with open(mix, "w", encoding="ascii") as file:
        file.write("calls: [{kind: map, share: 3}, {kind: echo, size: 20000}, {kind: echo, size: 8}]\n")
    run = good_run(base, "--connections", "8", "--depth", "4", "--mix", mix)
    for kind in ("map", "echo"):
        if run["answered_by_kind"][kind] == 0:
            raise Failed(f"no {kind} was answered")
    expect(run["counters"]["bound"], 8, "bound")
    expect(lab.stop(), 0, "exit status after SIGTERM")


def write_capture(path, client_says, server_says):
    """One connection to port 135 as raw IPv4 in a pcap file, a segment per PDU."""
    ends = [(socket.inet_aton("192.0.2.1"), 40000), (socket.inet_aton("192.0.2.2"), 135)]
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
        for (source, destination), pdus in ((ends, client_says), (ends[::-1], server_says)):
            sequence = 1
            for pdu in pdus:
                tcp = struct.pack(">HHIIBBHHH", source[1], destination[1], sequence, 1, 5 << 4, 0x18,
                                  65535, 0, 0)
                ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(pdu), 0, 0, 64, 6, 0, source[0],
                                 destination[0])
                frame = ip + tcp + pdu
                file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
                sequence += len(pdu)


@check("ports")
def recorded_requests_are_asked_again_in_either_byte_order(lab):
    base = serve(lab)
    if base is None:
        return "not run: one core"
    capture = os.path.join(lab.directory, "recorded.pcap")
    fault = wire.header(3, struct.pack("<IHHII", 0, 0, 0, 0x1c010002, 0), call=3)
    asked = [wire.bind([wire.context(4, order=wire.BIG)], order=wire.BIG),
             wire.request(3, wire.map_stub(order=wire.BIG), 4, call=2, order=wire.BIG),
             wire.request(99, b"", 4, call=3),
             wire.request(2, wire.lookup_stub(max_ents=3), 4, call=9)]
    write_capture(capture, asked, [fault])
    run = good_run(base, "--connections", "4", "--depth", "3", "--pcap", capture)
    expect(run["settings"]["mix"], "recorded", "mix")
    expect(sum(run["answered_by_kind"].values()), run["answered_by_kind"]["recorded"], "kinds")
    counters = lab.stats()
    thirds = [counters[f"rpc.{name}"]
              for name in ("ept_map", "drop_unknown_opnum", "ept_lookup")]
    if max(thirds) - min(thirds) > 4 * 3:
        raise Failed(f"calls of one recording are not asked in turn: {thirds}")
    write_capture(capture, asked, [wire.header(3, struct.pack("<IHHII", 0, 0, 0, 5, 0), call=3)])
    wrong = generate(base, "--duration", "0.2", "--warmup", "0", "--connections", "4", "--pcap",
                     capture, status=1)
    expect(wrong["counters"]["wrong_fault"] > 0, True, "another fault than the recorded one is wrong")
    expect(lab.stop(), 0, "exit status after SIGTERM")


@check("ports")
def two_ports_are_loaded_by_a_worker_each(lab):
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return "not run: one core"
    servers, clients = ([f"net_memif{i},id={i},role={role},socket-abstract=no,socket="
                         + os.path.join(lab.directory, f"generator-{i}.sock") for i in range(2)]
                        for role in ("server", "client"))
    lab.start_with("generator", sample.configuration(
        lab.socket, False, device="\n    - device: ".join(servers), workers=[cores[1]]))
    base = [lab.program("portolan-load"), "--port", clients[0], "--port", clients[1], "--address",
            f"{sample.CLIENT}/24,10.135.0.3/24", "--target", sample.SERVER, "--lcore",
            f"{cores[0]},{cores[0]}", "--hugepages", "off", "--interface", INTERFACE, "--json"]
    run = good_run(base, "--connections", "20", "--depth", "2")
    expect(run["counters"]["bound"], 20, "bound")
    expect(run["settings"]["ports"], clients, "ports")
    alone = good_run([*base[:1], *base[3:]], "--connections", "20", "--lcore", str(cores[0]))
    expect(alone["settings"]["port"], clients[1], "port")
    expect(lab.stats()["rpc.binds"], 40, "rpc.binds")
    expect(lab.stop(), 0, "exit status after SIGTERM")


@check("ports")
def a_generator_says_what_is_wrong(lab):
    base = serve(lab)
    if base is None:
        return "not run: one core"
    short = ("--duration", "0.2", "--warmup", "0", "--connections", "4", "--timeout", "0.5")
    wrong = generate(base, *short, "--interface", sample.SPICE[0] + "@9.0", status=1)
    expect(wrong["passed"], False, "passed")
    expect(wrong["counters"]["wrong_status"], wrong["counters"]["calls"], "wrong_status")
    done = subprocess.run([*base, *short, "--target", "10.135.0.77"], capture_output=True,
                          text=True, timeout=SECONDS)
    expect(done.returncode, 75, "exit status when nobody answers")
    expect(lab.stop(), 0, "exit status after SIGTERM")


@check("ports")
def a_server_outlives_peers_that_misbehave(lab):
    base = serve(lab)
    if base is None:
        return "not run: one core"
    for how in ("syn-only", "silent", "half-request", "no-ack", "no-close"):
        found = generate(base, "--misbehave", how, "--connections", "40", "--duration", "0.3")
        expect(found["counters"]["connects"], 40, f"{how}: connections begun")
        expect(found["counters"]["opened"], 0 if how == "syn-only" else 40, f"{how}: opened")
    good_run(base, "--connections", "20")
    expect(lab.stop(), 0, "exit status after SIGTERM")
