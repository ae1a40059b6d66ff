"""DCE/RPC byte by byte: crafts the PDUs of a client, right or wrong, and reads a server's.

Deliberately independent of every RPC library, so that nothing is repaired on the way out.
"""

import socket
import struct
import uuid

import sample

REQUEST, RESPONSE, FAULT = 0, 2, 3
BIND, BIND_ACK, BIND_NAK, ALTER, ALTER_RESP, AUTH3 = 11, 12, 13, 14, 15, 16
SHUTDOWN, CO_CANCEL, ORPHANED, RTS = 17, 18, 19, 20
FIRST, LAST, PENDING_CANCEL, CONC_MPX, DNE = 0x01, 0x02, 0x04, 0x10, 0x20
WHOLE = FIRST | LAST

EPMAPPER = ("e1af8308-5d1f-11c9-91a4-08002b14a0fa", 3, 0)
MGMT = ("afa8bd80-7d8a-11c9-bef4-08002b102989", 1, 0)
UNKNOWN = ("deadbeef-0000-4000-8000-000000000001", 1, 0)
NDR = ("8a885d04-1ceb-11c9-9fe8-08002b104860", 2, 0)
FEATURES = ("6cb71c2c-9812-4540-0300-000000000000", 1, 0)
EPT_INSERT, EPT_LOOKUP, EPT_MAP, EPT_HANDLE_FREE = 0, 2, 3, 4
NOT_REGISTERED = 0x16c9a0d6
NO_HANDLE = bytes(20)
LITTLE, BIG = "<", ">"


# ---- building

def header(ptype, body=b"", flags=WHOLE, call=1, order=LITTLE, version=(5, 0), drep=None,
           frag_length=None, auth_length=0):
    """The common header (C706 12.6.3.1) and the body behind it."""
    if drep is None:
        drep = bytes([0x10 if order == LITTLE else 0, 0, 0, 0])
    length = 16 + len(body) if frag_length is None else frag_length
    return (bytes([*version, ptype, flags]) + drep
            + struct.pack(order + "HHI", length, auth_length, call) + body)


def uuid_bytes(text, order=LITTLE):
    value = uuid.UUID(text)
    return value.bytes_le if order == LITTLE else value.bytes


def syntax(identity, order=LITTLE):
    text, major, minor = identity
    version = minor << 16 | major
    return uuid_bytes(text, order) + struct.pack(order + "I", version)


def context(number, abstract=EPMAPPER, transfers=(NDR,), order=LITTLE):
    return (struct.pack(order + "HBB", number, len(transfers), 0) + syntax(abstract, order)
            + b"".join(syntax(one, order) for one in transfers))


def bind_body(contexts, order=LITTLE, sizes=(5840, 5840), group=0, count=None):
    return (struct.pack(order + "HHIBBH", *sizes, group,
                        len(contexts) if count is None else count, 0, 0) + b"".join(contexts))


def bind(contexts=None, ptype=BIND, flags=WHOLE, call=1, order=LITTLE, **how):
    contexts = [context(0, order=order)] if contexts is None else contexts
    shape = {key: how.pop(key) for key in ("sizes", "group", "count") if key in how}
    return header(ptype, bind_body(contexts, order, **shape), flags, call, order, **how)


def request(opnum, stub, number=0, flags=WHOLE, call=2, order=LITTLE, hint=None, **how):
    hint = len(stub) if hint is None else hint
    return header(REQUEST, struct.pack(order + "IHH", hint, number, opnum) + stub, flags, call,
                  order, **how)


def floor(left, right):
    return struct.pack("<H", len(left)) + left + struct.pack("<H", len(right)) + right


def syntax_floor(identity):
    text, major, minor = identity
    return floor(b"\x0d" + uuid_bytes(text) + struct.pack("<H", major), struct.pack("<H", minor))


def tower(interface, port=135, address=bytes(4), rpc_minor=b"\0\0", floors=5):
    """Octets of an ncacn_ip_tcp tower: always little-endian, port and address in network order."""
    return (struct.pack("<H", floors) + syntax_floor(interface) + syntax_floor(NDR)
            + floor(b"\x0b", rpc_minor) + floor(b"\x07", struct.pack(">H", port))
            + floor(b"\x09", address))


def twr(octets, order=LITTLE, max_count=None, length=None):
    return struct.pack(order + "II", len(octets) if max_count is None else max_count,
                       len(octets) if length is None else length) + octets


def pad4(stub):
    return stub + bytes(-len(stub) % 4)


def map_stub(interface=None, order=LITTLE, handle=NO_HANDLE, max_towers=1, pointed=None):
    """ept_map in. `pointed`: the referent of map_tower instead of a right one, None for that."""
    if pointed is None:
        pointed = twr(tower(interface or identity(sample.LSA)), order)
    stub = struct.pack(order + "I", 1) + bytes(16) + struct.pack(order + "I", 2) + pointed
    return pad4(stub) + handle + struct.pack(order + "I", max_towers)


def lookup_stub(order=LITTLE, inquiry=0, vers_option=1, handle=NO_HANDLE, max_ents=500):
    return struct.pack(order + "IIII", inquiry, 0, 0, vers_option) + handle + struct.pack(
        order + "I", max_ents)


def insert_stub(interface, port, replace=0):
    """ept_insert of one entry with a nil object and the annotation "peer"."""
    entry = bytes(16) + struct.pack("<III", 3, 0, 5) + b"peer\0"
    return (struct.pack("<II", 1, 1) + pad4(entry) + pad4(twr(tower(interface, port)))
            + struct.pack("<I", replace))


def identity(named):
    """("uuid", "MAJOR.MINOR") -> ("uuid", major, minor)."""
    text, version = named
    return (text, *(int(part) for part in version.split(".")))


# ---- reading

class Pdu:
    """A PDU of the server, decoded as far as every check needs it."""

    def __init__(self, octets):
        self.octets = octets
        self.ptype, self.flags = octets[2], octets[3]
        self.order = LITTLE if octets[4] & 0xf0 else BIG
        self.length, self.auth_length, self.call = self.unpack("HHI", 8)
        if self.ptype in (RESPONSE, FAULT):
            self.hint, self.context = self.unpack("IH", 16)
            self.stub = octets[24:]
        if self.ptype == FAULT:
            self.status, = self.unpack("I", 24)
        if self.ptype == BIND_NAK:
            self.reason, = self.unpack("H", 16)
        if self.ptype in (BIND_ACK, ALTER_RESP):
            self._read_ack()

    def unpack(self, fields, at):
        return struct.unpack_from(self.order + fields, self.octets, at)

    def _read_ack(self):
        self.sizes = self.unpack("HH", 16)
        self.group, size = self.unpack("IH", 20)
        self.secondary = self.octets[26:26 + size]
        at = 26 + size + (-(26 + size) % 4)
        self.results = [self.unpack("HH", at + 4 + 24 * i) for i in range(self.octets[at])]

    def stub_status(self):
        """The error_status_t that ends every response of the endpoint mapper."""
        return struct.unpack(self.order + "I", self.stub[-4:])[0]

    def describe(self):
        if self.ptype == FAULT:
            return (f"fault {self.status:#010x} flags {self.flags:#04x} context {self.context} "
                    f"call {self.call}")
        if self.ptype == BIND_NAK:
            return f"bind_nak {self.reason}"
        if self.ptype in (BIND_ACK, ALTER_RESP):
            return f"{'bind_ack' if self.ptype == BIND_ACK else 'alter_resp'} {self.results}"
        if self.ptype == RESPONSE:
            return f"response call {self.call} status {self.stub_status():#x}"
        return f"ptype {self.ptype}"


class Reset(Exception):
    """The server answered with RST where an orderly end or an answer belongs."""


class Connection:
    """A TCP connection to the mapper. Reads whole PDUs; tells an orderly end from a reset."""

    def __init__(self, address=sample.SERVER, seconds=5, port=135):
        self.socket = socket.create_connection((address, port), timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, octets):
        try:
            self.socket.sendall(octets)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Reset("RST while sending") from error

    def finish(self):
        self.socket.shutdown(socket.SHUT_WR)

    def _more(self):
        try:
            octets = self.socket.recv(65536)
        except ConnectionResetError as error:
            raise Reset("RST") from error
        self.buffer += octets
        return len(octets) > 0

    def greeting(self):
        """The 14 bytes with which a server of ncacn_http begins."""
        while len(self.buffer) < 14 and self._more():
            pass
        said, self.buffer = self.buffer[:14], self.buffer[14:]
        return said

    def receive(self):
        """The next PDU, or None at an orderly end."""
        while len(self.buffer) < 16 or len(self.buffer) < self._length():
            if not self._more():
                if self.buffer:
                    raise Reset(f"the stream ended inside a PDU, after {len(self.buffer)} bytes")
                return None
        length = self._length()
        pdu, self.buffer = Pdu(self.buffer[:length]), self.buffer[length:]
        return pdu

    def _length(self):
        order = LITTLE if self.buffer[4] & 0xf0 else BIG
        return max(16, struct.unpack_from(order + "H", self.buffer, 8)[0])

    def call(self, opnum, stub, **how):
        self.send(request(opnum, stub, **how))
        return self.receive()
