"""The server under test, its TAP port and a capture of it, all in this network namespace."""

import json
import os
import shutil
import signal
import subprocess
import time

import check
import sample

READY_SECONDS = 20
STOP_SECONDS = 10


class Lab:
    def __init__(self, build, directory):
        self.directory = directory
        self.programs = build
        self.socket = os.path.join(directory, "control.sock")
        self.server = None
        self.counters_at_start = {}
        self.capture = None
        self.capture_file = None

    def program(self, name):
        return os.path.join(self.programs, name)

    # ---- server

    def start(self, phase, allow):
        """Starts portoland with the sample map and gives the kernel's side of ptl0 its address.

        The demo brings a map and the address of its own.
        """
        if phase == "demo":
            self._launch(phase, ["--demo", "--socket", self.socket])
            return
        limits = {"request": 262144} if phase == "echo" else None  # smbtorture echoes 200 KB
        self.start_with(phase, sample.configuration(self.socket, allow, limits=limits,
                                                    every=phase == "echo"))
        self.address_kernel_side("ptl0")
        self.counters_at_start = self.stats()

    def start_with(self, name, configuration, program="portoland"):
        """Starts portoland, or a program like it, with the text of a configuration."""
        path = os.path.join(self.directory, f"{name}.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(configuration)
        self._launch(name, ["-c", path], program)

    def address_kernel_side(self, interface):
        ip("addr", "add", f"{sample.CLIENT}/24", "dev", interface)
        ip("link", "set", interface, "up")
        time.sleep(0.2)  # the kernel's own first frames

    def _launch(self, name, options, program="portoland"):
        log = open(os.path.join(self.directory, f"portoland-{name}.log"), "wb")
        self.server = subprocess.Popen([self.program(program), *options], stdout=log,
                                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_SECONDS
        while self.portolan("status", check_exit=False).returncode != 0:
            if self.server.poll() is not None:
                raise check.Failed(f"portoland exited with {self.server.returncode}; "
                                   f"see {log.name}")
            if time.monotonic() > deadline:
                self.kill()
                raise check.Failed(f"not ready after {READY_SECONDS} s; see {log.name}")
            time.sleep(0.05)

    def is_running(self):
        return self.server is not None and self.server.poll() is None

    def stop(self):
        """SIGTERM. Returns the exit status, None when it had to be killed."""
        if self.server is None:
            return None
        self.server.send_signal(signal.SIGTERM)
        try:
            return self.server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        finally:
            self.server = None

    def kill(self):
        if self.is_running():
            self.server.kill()
            self.server.wait()
        self.server = None

    # ---- portolan

    def portolan(self, *words, check_exit=True, seconds=20):
        """Runs portolan; verbs of the control socket get this lab's socket."""
        command = [self.program("portolan"), *words]
        if words[0] not in ("dump", "map"):
            command += ["--socket", self.socket]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        if check_exit and done.returncode != 0:
            raise check.Failed(f"{' '.join(words)} exited with {done.returncode}: "
                               f"{done.stderr.strip()[:200]}")
        return done

    def stats(self):
        """Every counter as {"BLOCK.NAME": total over the workers}."""
        counters = json.loads(self.portolan("stats", "--json").stdout)["counters"]
        return {counter["name"]: counter["total"] for counter in counters}

    def wait_for_stats(self, condition, seconds=5):
        """Counters as soon as condition(counters) holds, or as they are when time is up."""
        deadline = time.monotonic() + seconds
        while True:
            counters = self.stats()
            if condition(counters) or time.monotonic() > deadline:
                return counters
            time.sleep(0.1)

    # ---- capture

    def start_capture(self, phase):
        self.capture_file = os.path.join(self.directory, f"{phase}.pcapng")
        self.capture = subprocess.Popen(
            ["dumpcap", "-q", "-i", "ptl0", "-B", "64", "-w", self.capture_file],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.capture.stderr:
            if line.startswith("File:"):
                return
        raise check.Failed("dumpcap did not start")

    def stop_capture(self):
        if self.capture is None:
            return
        time.sleep(0.2)  # what is still in the socket's ring
        self.capture.send_signal(signal.SIGINT)
        said = self.capture.communicate(timeout=STOP_SECONDS)[1]
        self.capture = None
        if " dropped" in said and "/0/" not in said and " 0 (" not in said:
            print(f"     dumpcap: {said.strip().splitlines()[-1]}")

    def tshark(self, *options):
        """Lines of tshark over the last capture, checksums verified."""
        done = subprocess.run(
            ["tshark", "-r", self.capture_file, "-n", "-o", "tcp.check_checksum:TRUE",
             "-o", "ip.check_checksum:TRUE", *options],
            capture_output=True, text=True, errors="replace", timeout=120)
        if done.returncode != 0:
            raise check.Failed(f"tshark: {done.stderr.strip()[-200:]}")
        return done.stdout.splitlines()

    def close(self):
        self.kill()
        self.stop_capture()


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=10)


def remove(directory):
    shutil.rmtree(directory, ignore_errors=True)
