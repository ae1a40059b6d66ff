"""Many connections at once, every answer checked; and what the counters say afterwards."""

import selectors
import socket
import struct
import subprocess
import time

import sample
import wire
from check import Failed, check, expect

CONNECTIONS = 1000
CALLS = 100
SECONDS = 90


class Client:
    """One of many connections: sends its calls at once, then checks the answers as they come."""

    def __init__(self, number, expected):
        self.number = number
        self.expected = expected
        self.done = 0
        self.buffer = bytearray()
        self.socket = socket.socket()
        self.socket.setblocking(False)

    def take(self):
        """Checks what arrived. True when all calls are answered."""
        octets = self.socket.recv(1 << 18)
        if not octets:
            raise Failed(f"connection {self.number} ended after {self.done} answers")
        self.buffer += octets
        at = 0
        while len(self.buffer) - at >= 16:
            length = struct.unpack_from("<H", self.buffer, at + 8)[0]
            if len(self.buffer) - at < length:
                break
            self.judge(bytes(self.buffer[at:at + length]))
            at += length
        del self.buffer[:at]
        return self.done == CALLS

    def judge(self, pdu):
        call = struct.unpack_from("<I", pdu, 12)[0]
        expect(call, call_id(self.done), f"connection {self.number}: call id")
        kind = self.done % 2
        if without_call_id(pdu) != self.expected[kind]:
            raise Failed(f"connection {self.number}, call {call}: {wire.Pdu(pdu).describe()}, "
                         f"{len(pdu)} bytes; expected {len(self.expected[kind]) + 4} others")
        self.done += 1


def call_id(index):
    return 10 + index


def without_call_id(pdu):
    return pdu[:12] + pdu[16:]


def calls():
    """ept_map and ept_lookup in turn, all calls of a connection in one piece."""
    stubs = [(wire.EPT_MAP, wire.map_stub()), (wire.EPT_LOOKUP, wire.lookup_stub())]
    return b"".join(wire.request(*stubs[index % 2], call=call_id(index)) for index in range(CALLS))


def learn_answers():
    """The two right answers, each read field by field once."""
    with wire.Connection() as connection:
        connection.send(wire.bind())
        connection.receive()
        found = connection.call(wire.EPT_MAP, wire.map_stub())
        listed = connection.call(wire.EPT_LOOKUP, wire.lookup_stub())
    expect(found.stub_status(), 0, "ept_map: status")
    octets = found.stub[48:48 + 75]  # handle 20, counts 16, referent 4, max_count and length 8
    expect(octets, wire.tower(wire.identity(sample.LSA), 135, socket.inet_aton(sample.SERVER)),
           "ept_map: tower")
    expect(listed.stub_status(), 0, "ept_lookup: status")
    expect(struct.unpack_from("<I", listed.stub, 20)[0], len(sample.ENTRIES), "ept_lookup: entries")
    expect(listed.flags, wire.WHOLE, "ept_lookup: one fragment")
    return [without_call_id(found.octets), without_call_id(listed.octets)]


def connect_all(expected):
    clients = [Client(number, expected) for number in range(CONNECTIONS)]
    with selectors.DefaultSelector() as selector:
        for client in clients:
            client.socket.connect_ex((sample.SERVER, 135))
            selector.register(client.socket, selectors.EVENT_WRITE, client)
        drive(selector, connected)
    return clients


def drive(selector, step):
    """Calls step(client) for every ready one until it returned True for each."""
    deadline = time.monotonic() + SECONDS
    while selector.get_map():
        if time.monotonic() > deadline:
            raise Failed(f"{len(selector.get_map())} connections not done after {SECONDS} s")
        for key, _ in selector.select(1):
            if step(key.data):
                selector.unregister(key.fileobj)


def connected(client):
    error = client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise Failed(f"connection {client.number}: connect failed with errno {error}")
    client.socket.setblocking(True)
    client.socket.settimeout(10)
    client.socket.sendall(wire.bind())
    return True


def bound(client):
    answer = wire.Pdu(client.socket.recv(4096))
    expect(answer.ptype, wire.BIND_ACK, f"connection {client.number}: answer to bind")
    return True


def every(clients, step):
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        drive(selector, step)


@check("load")
def a_thousand_connections_with_a_hundred_calls_each(lab):
    expected = learn_answers()
    clients = connect_all(expected)
    try:
        every(clients, bound)
        open_now = lab.stats()["tcpstack.tcp_connections"]
        if open_now < CONNECTIONS:
            raise Failed(f"{open_now} connections open in the server, expected {CONNECTIONS}")
        start = time.monotonic()
        burst = calls()
        for client in clients:
            client.socket.sendall(burst)
        every(clients, Client.take)
        took = time.monotonic() - start
    finally:
        for client in clients:
            client.socket.close()
    return f"{CONNECTIONS * CALLS} answers, all right, in {took:.1f} s"


@check("load")
def requests_per_second_over_tap(lab):
    lines = []
    for connections, depth in ((16, 1), (64, 16)):
        done = subprocess.run(
            [lab.program("tests/peers/tapload"), "-c", str(connections), "-d", str(depth),
             "-s", "3", "-i", "@".join(sample.LSA), sample.SERVER],
            capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise Failed(f"{connections} connections, depth {depth}: {done.stderr.strip()}")
        lines.append(done.stdout.strip())
    print("\n".join(lines), flush=True)
    return "every answer right"


def account(lab):
    """No association open, every mbuf back in its pool, and a reason for every frame."""
    whole = lab.counters_at_start["worker.mbufs_free"]
    counters = lab.wait_for_stats(lambda now: now["rpc.associations"] == 0
                                  and now["worker.mbufs_free"] == whole)
    expect(counters["rpc.associations"], 0, "associations")
    expect(counters["worker.mbufs_free"], whole, "free mbufs")
    dropped = sum(value for name, value in counters.items() if name.startswith("tcpstack.rx_drop"))
    expect(counters["tcpstack.rx_accepted"] + dropped, counters["tcpstack.rx_frames"],
           "frames accepted and dropped")
    return counters, f"{counters['tcpstack.rx_frames']} frames, {dropped} dropped with a reason"


@check("load")
def after_the_load_every_frame_is_accounted_for(lab):
    counters, detail = account(lab)
    expect(counters["tcpstack.tcp_connections"], 0, "connections")
    return detail


@check("hostile")
def after_bad_input_every_frame_is_accounted_for(lab):
    return account(lab)[1]
