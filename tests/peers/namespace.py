"""Network namespaces of our own beside the lab's, and a bridge between them that loses frames."""

import contextlib
import ctypes
import os
import subprocess
import time

from lab import ip

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A kernel of its own, as far as TCP can see: one interface, joined to the lab's bridge.

    By veth, or when `wire` names that program by two TAP interfaces with a process between them:
    that is what our stack's link costs too, a system call for every frame. By veth, a segment and
    its ACK are one call from kernel to kernel, in a few microseconds: no link is like that.
    """

    def __init__(self, name, address, wire=None):
        self.name = name
        self.address = address
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        while os.readlink(f"/proc/{self.holder.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            time.sleep(0.01)
        self.wire = None
        if wire is None:
            ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns",
               str(self.holder.pid))
        else:
            self.wire = subprocess.Popen([wire, name, "tap"], stdout=subprocess.PIPE, text=True)
            self.wire.stdout.readline()
            ip("link", "set", "tap", "netns", str(self.holder.pid), "name", "eth0")
        ip("link", "set", name, "master", "bridge0", "up")
        offloads_off(name)
        with self.entered():
            offloads_off("eth0")
            ip("addr", "add", f"{address}/24", "dev", "eth0")
            ip("link", "set", "eth0", "up")
            ip("link", "set", "lo", "up")

    @contextlib.contextmanager
    def entered(self):
        """This thread is inside; sockets made meanwhile stay there."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        inside = os.open(f"/proc/{self.holder.pid}/ns/net", os.O_RDONLY)
        try:
            enter(inside)
            yield
        finally:
            enter(before)
            os.close(before)
            os.close(inside)

    def counters(self):
        """The kernel's TCP counters: {"Tcp.EstabResets": 0, ...}."""
        found = {}
        with self.entered():
            for path in ("snmp", "netstat"):
                with open(f"/proc/thread-self/net/{path}", encoding="ascii") as file:
                    lines = [line.split() for line in file]
                for names, values in zip(lines[::2], lines[1::2]):
                    group = names[0].rstrip(":")
                    found.update((f"{group}.{name}", int(value))
                                 for name, value in zip(names[1:], values[1:]))
        return found

    def close(self):
        if self.wire is not None:
            self.wire.kill()
            self.wire.wait()
        else:
            ip("link", "del", self.name)
        self.holder.kill()
        self.holder.wait()


def enter(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def offloads_off(interface):
    """A wire carries segments, each with its checksum, not 64 KiB of anything."""
    subprocess.run(["ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off",
                    "tx", "off"], check=True, capture_output=True, timeout=10)


def lose(per_cent):
    """From now on the bridge drops so many of the frames that it forwards, at random."""
    rules = ["add table bridge loss", "delete table bridge loss"]
    if per_cent:
        rules += ["table bridge loss {", "chain forward {",
                  "type filter hook forward priority 0",
                  f"ether type ip numgen random mod 100 < {per_cent} drop", "}", "}"]
    subprocess.run(["nft", "-f", "-"], input="\n".join(rules) + "\n", text=True, check=True,
                   capture_output=True, timeout=10)
