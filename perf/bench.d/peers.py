"""One client over the kernel's sockets against three servers: portoland over TAP, the same RPC code
behind epoll, and Samba's endpoint mapper. Client and server have a core each, Samba's processes
together the one.
"""

import contextlib
import os
import re
import socket
import subprocess

import sample
from check import Failed
from lab import Lab
from series import Series, rows
from serving import pinned, serving

LOADS = ((16, 1), (64, 16))  # connections, calls under way on each
LOCAL = "127.0.0.1"
INTERFACE = "@".join(sample.LSA)  # Samba registers it, too
TAPLOAD = re.compile(r": (?P<rate>\d+) \(.* (?P<answers>\d+) answers, all right\)")
SAMBA_EPM = os.path.join(os.path.dirname(sample.__file__), "samba-epm")


def listens():
    try:
        socket.create_connection((LOCAL, 135), timeout=1).close()
        return True
    except OSError:
        return False


class Peers:
    def __init__(self, bench):
        self.bench = bench
        self.lab = Lab(bench.build, bench.directory)
        self.seconds = 1 if bench.quick else 2

    def file(self, name):
        return os.path.join(self.bench.directory, name)

    def load(self, address, connections, depth):
        done = subprocess.run(
            pinned(self.bench.cores[0], self.lab.program("tests/peers/tapload"), "-c",
                   str(connections), "-d", str(depth), "-s", str(self.seconds), "-i", INTERFACE,
                   address), capture_output=True, text=True, timeout=60)
        found = TAPLOAD.search(done.stdout)
        if done.returncode != 0 or not found:
            raise Failed(done.stderr.strip() or f"tapload exited with {done.returncode}")
        return int(found["rate"])

    @contextlib.contextmanager
    def portoland(self):
        try:
            self.lab.start_with("tap", sample.configuration(self.lab.socket, False,
                                                            workers=[self.bench.cores[1]]))
            self.lab.address_kernel_side("ptl0")
            yield sample.SERVER
            if self.lab.stop() != 0:
                raise Failed("portoland did not stop cleanly")
        finally:
            self.lab.close()

    @contextlib.contextmanager
    def epoll(self):
        command = pinned(self.bench.cores[1], os.path.join(self.bench.build, "perf/epoll_server"),
                         "--interface", INTERFACE)
        with serving(command, self.file("epoll.log"), listens):
            yield LOCAL

    @contextlib.contextmanager
    def samba(self):
        command = pinned(self.bench.cores[1], SAMBA_EPM, self.file("samba"))
        with serving(command, self.file("samba.log"), listens):
            yield LOCAL

    def round(self, server, loads):
        """One run of each load, {(connections, depth): series}, against one server."""
        try:
            with server() as address:
                for load, series in loads.items():
                    series.measure(self.bench.placement,
                                   lambda load=load: self.load(address, *load))
        except (Failed, OSError) as failure:
            for series in loads.values():
                series.fail(failure)


def run(bench):
    peers = Peers(bench)
    servers = {"epoll server of the same code": peers.epoll, "portoland over TAP": peers.portoland,
               "samba-dcerpcd": peers.samba}
    series = {name: {(connections, depth): Series(
        "peers", f"{name}, {connections} connections, depth {depth}", "requests/s",
        settings={"connections": connections, "depth": depth, "seconds": peers.seconds})
        for connections, depth in LOADS} for name in servers}
    for _ in bench.rounds("peers"):
        for name, server in servers.items():
            peers.round(server, series[name])
    same, ours, _ = series.values()
    everything = sorted((one for loads in series.values() for one in loads.values()),
                        key=lambda one: one.more["settings"]["connections"])
    return rows(everything, {ours[load]: (same[load], "requests/s by epoll") for load in LOADS})
