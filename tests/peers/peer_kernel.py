"""Our TCP against the Linux kernel's, over a bridge that loses frames; no RPC in the way."""

import contextlib
import os
import random
import socket
import statistics
import struct
import subprocess
import threading
import time

import namespace
from check import Failed, check, expect
from lab import ip

CLIENT, OURS, LINUX = "10.135.0.1", "10.135.0.2", "10.135.0.3"
ECHO, DISCARD, CHARGEN = 7, 9, 19
SECONDS = 0.7  # of each transfer
ROUNDS = 3
GOAL = 0.6  # of what Linux reaches to Linux
CONNECTS = 10000
FLOOD, FLOOD_BURST = 60000, 200  # SYNs in all; at once, so that the TAP port can queue them
CHUNK = bytes(65536)
# What may not move in the kernel: connections that we reset or let die, segments it cannot read.
# (Tcp.InErrs would count our SYN-ACK when it must be sent again.)
UNWANTED = ("Tcp.EstabResets", "Tcp.AttemptFails", "Tcp.InCsumErrors", "TcpExt.TCPAbortOnTimeout")


class Ours:
    """tests/peers/bulk on a TAP port of the bridge."""

    def __init__(self, lab, *options):
        log = open(os.path.join(lab.directory, "bulk.log"), "wb")
        self.process = subprocess.Popen([lab.program("tests/peers/bulk"), "ptlk0", OURS, *options],
                                        stdout=subprocess.PIPE, stderr=log, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise Failed(f"bulk did not start; see {log.name}")
        # Both ends of a TAP have one address at first, and a bridge keeps to itself what is sent to
        # that of a port.
        ip("link", "set", "ptlk0", "address", "02:00:00:00:99:99")
        ip("link", "set", "ptlk0", "master", "bridge0", "up")
        offloads = ["tso", "off", "gso", "off", "gro", "off"]
        subprocess.run(["ethtool", "-K", "ptlk0", *offloads], capture_output=True, timeout=10)

    def counters(self):
        """Stops it. Its counters that are not 0."""
        self.process.terminate()
        lines = self.process.communicate(timeout=10)[0].splitlines()
        return {name: int(value) for name, value in (line.split() for line in lines)}

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def bridge(lab, *options):
    """A client's namespace and our stack on one bridge. The kernel must have nothing to regret."""
    ip("link", "add", "bridge0", "type", "bridge", "forward_delay", "0")
    ip("link", "set", "bridge0", "up")
    with contextlib.ExitStack() as stack:
        stack.callback(ip, "link", "del", "bridge0")
        client = namespace.Namespace("client", CLIENT)
        stack.callback(client.close)
        ours = Ours(lab, *options)
        stack.callback(ours.close)
        stack.callback(namespace.lose, 0)
        before = client.counters()
        yield client, ours
        after = client.counters()
        for name in UNWANTED:
            expect(after[name] - before[name], 0, f"the kernel's {name}")


def choose_cubic(socket_):
    """As our stack has it. Some kernels begin with BBR, which does not heed losses."""
    socket_.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")


def connect(client, address, port):
    with client.entered():
        connection = socket.socket()
    choose_cubic(connection)
    connection.settimeout(10)
    connection.connect((address, port))
    return connection


# ---- bulk

def push(connection):
    """Sends for a while; the peer's FIN says that all has arrived. Bytes per second."""
    start, sent = time.monotonic(), 0
    while time.monotonic() < start + SECONDS:
        sent += connection.send(CHUNK)
    connection.shutdown(socket.SHUT_WR)
    expect(connection.recv(1), b"", "what discard sends")
    return sent / (time.monotonic() - start)


def pull(connection):
    """Receives for a while, closes, and receives what is left. Bytes per second."""
    start, received, open_ = time.monotonic(), 0, True
    while octets := connection.recv(len(CHUNK)):
        received += len(octets)
        if open_ and time.monotonic() > start + SECONDS:
            connection.shutdown(socket.SHUT_WR)
            open_ = False
    return received / (time.monotonic() - start)


def send_without_end(connection):
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(CHUNK)


def serve_linux(connection, port):
    with connection:
        if port == CHARGEN:
            threading.Thread(target=send_without_end, args=(connection,), daemon=True).start()
        while connection.recv(len(CHUNK)):
            pass
        connection.shutdown(socket.SHUT_WR)


def listen_linux(port):
    listener = socket.create_server((LINUX, port))
    choose_cubic(listener)  # and whoever it accepts

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection = listener.accept()[0]
                threading.Thread(target=serve_linux, args=(connection, port), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener


def transfer(client, address, port):
    with connect(client, address, port) as connection:
        connection.settimeout(60)
        return (push if port == DISCARD else pull)(connection)


def figures(rates):
    """The median, and from where to where."""
    rates = [rate / 1e6 for rate in rates]
    return f"{statistics.median(rates):.1f} ({min(rates):.1f} to {max(rates):.1f}) MB/s"


def compare(client, port):
    """Both by turns: whatever else the machine does meets both. The ratio of the medians."""
    ours, linux = [], []
    for _ in range(ROUNDS):
        ours.append(transfer(client, OURS, port))
        linux.append(transfer(client, LINUX, port))
    ratio = statistics.median(ours) / statistics.median(linux)
    return ratio, f"{ratio:.0%}, {figures(ours)}; Linux to Linux {figures(linux)}"


@check("kernel")
def bulk_both_ways_under_loss(lab):
    below = 0
    with bridge(lab) as (client, _), contextlib.ExitStack() as stack:
        server = namespace.Namespace("server", LINUX, lab.program("tests/peers/wire"))
        stack.callback(server.close)
        with server.entered():
            for port in (DISCARD, CHARGEN):
                stack.enter_context(listen_linux(port))
        for loss in (0, 1, 5):
            namespace.lose(loss)
            for port, way in ((DISCARD, "to us"), (CHARGEN, "from us")):
                ratio, said = compare(client, port)
                below += ratio < GOAL
                print(f"     {loss} % lost, {way}: {said}", flush=True)
    return f"no byte missing, no reset; {below} of 6 below the goal of {GOAL:.0%}"


@check("kernel")
def bulk_in_large_frames(lab):
    with bridge(lab, "cut") as (client, ours):
        said = []
        for loss in (0, 1):
            namespace.lose(loss)
            said.append(f"{loss} % lost {transfer(client, OURS, CHARGEN) / 1e6:.1f} MB/s")
        counters = ours.counters()
    expect(counters.get("tcp_large_sent", 0) > 0, True, "whether large frames were sent")
    return f"no byte missing, no reset; {', '.join(said)}, {counters['tcp_large_sent']} large frames"


# ---- many connections

def converse(client, number):
    """One connection: a few bytes there and back, then an end in order."""
    with connect(client, OURS, ECHO) as connection:
        said = struct.pack("<I", number)
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)
        heard = b""
        while octets := connection.recv(16):
            heard += octets
    expect(heard, said, f"connection {number}: the echo")


@check("kernel")
def ten_thousand_connects_and_closes(lab):
    with bridge(lab) as (client, ours):
        start = time.monotonic()
        for number in range(CONNECTS):
            converse(client, number)
        took = time.monotonic() - start
        time.sleep(0.2)
        counters = ours.counters()
    expect(counters.get("tcp_connections", 0), 0, "our connections afterwards")
    # When the machine is busy the kernel sends its FIN again, and it comes when the connection has
    # ended in order: that is answered by RST (RFC 9293 3.10.7.1), and nobody is there to be hurt.
    late = counters.get("rx_drop_tcp_no_connection", 0)
    expect(max(counters.get("tcp_resets_sent", 0) - late, 0), 0, "our resets of connections")
    return f"{CONNECTS / took:.0f} connections a second"


# ---- floods

def checksum(octets):
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def syn(source_mac, our_mac, source, port):
    """A SYN to the echo port from an address that nobody has."""
    addresses = socket.inet_aton(source) + socket.inet_aton(OURS)
    tcp = struct.pack(">HHIIBBHHH4s", port, ECHO, random.getrandbits(32), 0, 6 << 4, 2, 65535, 0, 0,
                      b"\x02\x04\x05\xb4")
    sum_ = checksum(addresses + struct.pack(">HH", 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack(">H", sum_) + tcp[18:]
    ipv4 = struct.pack(">BBHHHBBH8s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, addresses)
    ipv4 = ipv4[:10] + struct.pack(">H", checksum(ipv4)) + ipv4[12:]
    return our_mac + source_mac + b"\x08\x00" + ipv4 + tcp


def macs(client):
    """The client's and ours, as its kernel knows them."""
    converse(client, 0)
    with client.entered():
        found = subprocess.run(["ip", "neigh", "show", OURS], capture_output=True, text=True,
                               timeout=10).stdout.split()
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind(("eth0", 0))
            mac = raw.getsockname()[4]
    return mac, bytes.fromhex(found[found.index("lladdr") + 1].replace(":", ""))


def flood(client, count):
    """`count` SYNs, some 20,000 a second."""
    source_mac, our_mac = macs(client)
    with client.entered():
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("eth0", 0))
    with raw:
        for number in range(count):
            source = f"10.135.0.{100 + number % 150}"
            with contextlib.suppress(OSError):
                raw.send(syn(source_mac, our_mac, source, 1024 + number // 150 % 60000))
            if number % FLOOD_BURST == 0:
                time.sleep(0.01)


@check("kernel")
def a_client_connects_during_a_flood_of_half_open_ones(lab):
    slowest = served = 0
    with bridge(lab) as (client, ours):
        attack = threading.Thread(target=flood, args=(client, FLOOD))
        attack.start()
        time.sleep(0.5)
        while attack.is_alive():
            start = time.monotonic()
            converse(client, served)
            slowest = max(slowest, time.monotonic() - start)
            served += 1
        attack.join()
        counters = ours.counters()
    if counters.get("tcp_cookies_accepted", 0) == 0:
        raise Failed(f"{served} connections during the flood, none of them by a cookie")
    return (f"{served} connections beside {FLOOD} SYNs, {counters['tcp_cookies_accepted']} of them "
            f"by cookies, the slowest in {slowest * 1000:.0f} ms")
