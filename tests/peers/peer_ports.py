"""Ports and workers other than the usual one: each check runs a server of its own."""

import os
import subprocess

import lab as labs
import sample
from check import Failed, check, expect, expect_same_list
from peer_portolan import dump

CONNECTIONS = 12  # enough that every worker gets some


def serve(lab, name, **configuration):
    lab.start_with(name, sample.configuration(lab.socket, False, **configuration))


def stop(lab):
    expect(lab.stop(), 0, "exit status after SIGTERM")


@check("ports")
def two_workers_share_a_port_with_one_queue(lab):
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        return "not run: one core"
    serve(lab, "two-workers", workers=cores)
    lab.address_kernel_side("ptl0")
    for _ in range(CONNECTIONS):
        expect_same_list(dump(lab), sample.ENTRIES, "portolan dump")
    found = lab.stats()
    expect(found["rpc.binds"], CONNECTIONS, "rpc.binds")
    if not 0 < found["worker.spread_out"] < found["worker.port_rx"] + found["worker.port_tx"]:
        raise Failed(f"frames passed between the workers: {found['worker.spread_out']}")
    stop(lab)
    return f"{found['worker.spread_out']} frames crossed"


@check("ports")
def af_packet_serves_a_kernel_interface(lab):
    labs.ip("link", "add", "ptlv0", "type", "veth", "peer", "name", "ptlv1")
    labs.ip("link", "set", "ptlv1", "up")
    # A veth leaves checksums to the other end, which here is not the kernel.
    subprocess.run(["ethtool", "-K", "ptlv0", "tx", "off"], check=True, capture_output=True,
                   timeout=10)
    serve(lab, "af-packet", device="net_af_packet0,iface=ptlv1")
    lab.address_kernel_side("ptlv0")
    try:
        expect_same_list(dump(lab), sample.ENTRIES, "portolan dump")
        stop(lab)
    finally:
        labs.ip("link", "del", "ptlv0")


@check("ports")
def ring_and_memif_start_and_stop_without_a_peer(lab):
    memif = os.path.join(lab.directory, "memif.sock")
    for name, device in (("ring", "net_ring0"),
                         ("memif", f"net_memif0,role=server,socket={memif}")):
        serve(lab, name, device=device)
        stop(lab)


@check("ports")
def a_port_that_is_not_there_is_said_so(lab):
    path = os.path.join(lab.directory, "no-port.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(sample.configuration(lab.socket, False, device="0000:ff:1f.7"))
    done = subprocess.run([lab.program("portoland"), "-c", path], capture_output=True, text=True,
                          timeout=20)
    expect(done.returncode, 69, "exit status")
    if "dataplane.ports" not in done.stderr:
        raise Failed(f"said {done.stderr.strip()[-200:]!r}, without the key to look at")
