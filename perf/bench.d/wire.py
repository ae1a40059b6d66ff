"""portoland and portolan-load over memif, a core each, against what testpmd makes of the same port.

All start without huge pages, so that nothing has to be reserved. The server spins, as testpmd does.

DPDK 22.11's memif driver may read a ring that its control thread unmaps at that moment because the
peer left: whoever polls then, testpmd or portoland, dies of it. So each run has its own server,
and one whose server did not live to tell its counters is repeated.
"""

import json
import os
import signal
import subprocess

import sample
from check import Failed
from lab import Lab
from series import Series, rows
from serving import serving

FRAME = 222  # an ept_map request of one segment, with timestamps and without FCS
CONNECTIONS = 1000
DEPTHS = (1, 16)
DRIVER_CRASHES = 5  # runs in a row that may end so
INTERFACE = "@".join(sample.SPICE)


def configuration(socket, device, core):
    text = sample.configuration(socket, False, device=device, workers=[core])
    return text.replace("  hugepages: off\n", "  hugepages: off\n  idle: spin\n")


def checked(found, served):
    """The generator's rate, if the server sent as many answers as it took, all of them right."""
    answers = found["counters"]["answers"]
    if not found["passed"] or served != answers:
        raise Failed(f"the server sent {served} answers, the generator took {answers}"
                     + ("" if found["passed"] else " and found some lost or wrong"))
    return found["answered_per_s"]


class Wire:
    def __init__(self, bench):
        self.bench = bench
        self.lab = Lab(bench.build, bench.directory)
        self.seconds, self.warmup = (0.3, "0.1") if bench.quick else (1, "0.3")

    def device(self, name, role):
        path = os.path.join(self.bench.directory, f"{name}.sock")
        return f"net_memif0,role={role},socket={path},socket-abstract=no"

    def client(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise Failed(f"{os.path.basename(command[0])} exited with {done.returncode}: {said}")
        return json.loads(done.stdout)

    def generate(self, depth):
        """Requests per second, if both sides counted the same answers."""
        for _ in range(DRIVER_CRASHES):
            self.lab.start_with("serve", configuration(
                self.lab.socket, self.device("serve", "server"), self.bench.cores[1]))
            try:
                found = self.client(
                    self.lab.program("portolan-load"), "--port", self.device("serve", "client"),
                    "--address", f"{sample.CLIENT}/24", "--target", sample.SERVER,
                    "--lcore", str(self.bench.cores[0]), "--hugepages", "off",
                    "--interface", INTERFACE, "--connections", str(CONNECTIONS),
                    "--depth", str(depth), "--duration", str(self.seconds),
                    "--warmup", self.warmup, "--json")
                served = self.served()
            finally:
                self.lab.close()
            if served is not None:
                return checked(found, served)
        raise Failed(f"the memif driver crashed {DRIVER_CRASHES} times when the generator left")

    def served(self):
        """Answers that the server counted in its life, which ends; None when the driver crashed."""
        server = self.lab.server
        try:
            if server.wait(0.2) == -signal.SIGSEGV:
                return None
        except subprocess.TimeoutExpired:
            pass
        try:
            counted, status = self.lab.stats()["rpc.replies"], self.lab.stop()
        except Failed:
            if server.poll() == -signal.SIGSEGV:
                return None
            raise
        if status not in (0, -signal.SIGSEGV):
            raise Failed(f"portoland ended with {status} after SIGTERM")
        return counted if status == 0 else None

    def swap(self):
        with self.testpmd():
            return self.client(
                os.path.join(self.bench.build, "perf", "frames"),
                "--port", self.device("swap", "client"), "--lcore", str(self.bench.cores[0]),
                "--size", str(FRAME), "--outstanding", str(CONNECTIONS), "--duration",
                str(self.seconds), "--warmup", self.warmup, "--json")["frames_per_s"]

    def testpmd(self):
        main, core = self.bench.cores
        path = os.path.join(self.bench.directory, "swap.sock")
        if os.path.exists(path):
            os.unlink(path)
        return serving(
            ["dpdk-testpmd", f"--lcores=0@{main},1@{core}", "--main-lcore=0", "--no-huge", "-m",
             "256", "--no-shconf", "--no-pci", "--no-telemetry", "--log-level=*:error",
             f"--vdev={self.device('swap', 'server')}", "--", "--total-num-mbufs=16384",
             "--rxd=512", "--txd=512", "--nb-cores=1", "--forward-mode=macswap", "--auto-start"],
            os.path.join(self.bench.directory, "testpmd.log"), lambda: os.path.exists(path),
            stop=signal.SIGINT)


def run(bench):
    wire = Wire(bench)
    settings = {"connections": CONNECTIONS, "device": "net_memif", "frame": FRAME,
                "seconds": wire.seconds}
    swap = Series("wire", f"testpmd macswap, {FRAME} octets, {CONNECTIONS} under way", "frames/s",
                  settings=settings)
    loads = {depth: Series("wire", f"ept_map over memif, {CONNECTIONS} connections, depth {depth}",
                           "requests/s", settings={**settings, "depth": depth})
             for depth in DEPTHS}
    for _ in bench.rounds("wire"):
        swap.measure(bench.placement, wire.swap)
        for depth, series in loads.items():
            series.measure(bench.placement, lambda depth=depth: wire.generate(depth))
    return rows([swap, *loads.values()],
                {series: (swap, "frames/s by macswap") for series in loads.values()})
