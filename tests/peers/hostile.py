"""The table of bad input: bytes, and what they must be answered with.

Where the specifications leave a choice, every allowed answer stands in the row.
"""

import struct
from typing import NamedTuple, Optional

import sample
import wire

OP_RANGE, UNKNOWN_IF, PROTOCOL_ERROR = 0x1c010002, 0x1c010003, 0x1c01000b
BAD_STUB, NO_CALL_ACTIVE, ACCESS_DENIED, CONTEXT_MISMATCH = 0x6f7, 0x6bd, 5, 0x1c00001a
SECURITY_PACKAGE = 0x721
INVALID_ENTRY = 0x16c9a0d3
STAYS, CLOSES = True, False


class Case(NamedTuple):
    name: str
    sends: list
    answers: list = []  # for each answer: the acceptable ones
    stays: bool = CLOSES
    finishes: bool = False  # FIN after the last byte
    after_bind: Optional[bytes] = wire.bind()  # None: nothing was bound before


# ---- what an answer may be

def named(text):
    def name(function):
        function.text = text
        return function
    return name


def nak(*reasons):
    @named(f"bind_nak {reasons}")
    def accept(pdu):
        return (pdu is not None and pdu.ptype == wire.BIND_NAK and pdu.reason in reasons
                and pdu.octets[18:] == bytes([1, 5, 0, 0, 0, 0]))  # [MS-RPCE]: 5.0, three zero
    return accept


def fault(status, flags=(0x03, 0x23), context=0, call=2):
    @named(f"fault {status:#x} flags {[hex(f) for f in flags]} context {context} call {call}")
    def accept(pdu):
        return (pdu is not None and pdu.ptype == wire.FAULT and pdu.length == 32
                and pdu.hint != 0 and pdu.status == status and pdu.flags in flags
                and pdu.context == context and pdu.call == call)
    return accept


def ack(*results, ptype=wire.BIND_ACK, flags=None):
    @named(f"{'bind_ack' if ptype == wire.BIND_ACK else 'alter_resp'} {list(results)}"
           + (f" flags {flags:#x}" if flags else ""))
    def accept(pdu):
        return (pdu is not None and pdu.ptype == ptype and pdu.results == list(results)
                and (flags is None or pdu.flags == flags) and pdu.group != 0
                and pdu.secondary == (b"135\0" if ptype == wire.BIND_ACK else b""))
    return accept


def response(status=0, call=2):
    @named(f"response with status {status:#x} to call {call}")
    def accept(pdu):
        return (pdu is not None and pdu.ptype == wire.RESPONSE and pdu.call == call
                and pdu.stub_status() == status)
    return accept


@named("an orderly end")
def ended(pdu):
    return pdu is None


ACCEPTED, NO_ABSTRACT, NO_TRANSFER = (0, 0), (2, 1), (2, 2)
MAP = wire.map_stub()
CALL = wire.request(wire.EPT_MAP, MAP)
MPX_BIND = wire.bind(flags=wire.WHOLE | wire.CONC_MPX)
ONE_BIND = wire.bind_body([wire.context(0)])


def trailer(kind, level, token=bytes(8)):
    """sec_trailer and token (C706 13.2.6.1)."""
    return bytes([kind, level, 0, 0]) + bytes(4) + token


# ---- the first PDU

BEFORE_BIND = [
    Case("a request first", [CALL], [[nak(4)]], after_bind=None),
    Case("alter_context first", [wire.bind(ptype=wire.ALTER)], [[nak(4)]], after_bind=None),
    Case("version 4", [wire.bind(version=(4, 0))], [[nak(4)]], after_bind=None),
    Case("minor version 1", [wire.bind(version=(5, 1))], [[nak(4)]], after_bind=None),
    Case("EBCDIC", [wire.bind(drep=b"\x11\0\0\0")], [[nak(4)]], after_bind=None),
    Case("VAX floats", [wire.bind(drep=b"\x10\1\0\0")], [[nak(4)]], after_bind=None),
    Case("frag_length 0", [wire.bind(frag_length=0)], after_bind=None),
    Case("frag_length 15", [wire.bind(frag_length=15)], after_bind=None),
    Case("frag_length 16", [wire.bind(frag_length=16)], [[ended, nak(4)]], after_bind=None),
    Case("frag_length 73, one byte never comes", [wire.bind(frag_length=73)], finishes=True,
         after_bind=None),
    Case("frag_length 65535, and the end", [wire.bind(frag_length=65535)], finishes=True,
         after_bind=None),
    Case("type 99", [wire.header(99, bytes(56))], after_bind=None),
    Case("nothing but FIN", [], finishes=True, after_bind=None),
    Case("1000 zero bytes", [bytes(1000)], after_bind=None),
    Case("an HTTP request", [b"GET / HTTP/1.1\r\nHost: portolan\r\n\r\n"], [[ended, nak(4)]],
         finishes=True, after_bind=None),
]


# ---- bind

def long_bind():
    """65,535 bytes: 12 contexts of 255 transfer syntaxes each, NDR last, and what is left over."""
    others = [(f"{n:08x}-0000-4000-8000-000000000000", 1, 0) for n in range(254)]
    body = wire.bind_body([wire.context(n, transfers=(*others, wire.NDR)) for n in range(12)])
    return wire.header(wire.BIND, body + bytes(65535 - 16 - len(body)))


def bind_with(trailing, **how):
    return wire.header(wire.BIND, ONE_BIND + trailing, **how)


BINDS = [
    Case("no contexts", [wire.bind([])], [[nak(0, 4)]], after_bind=None),
    Case("a context without transfer syntaxes", [wire.bind([wire.context(0, transfers=())])],
         [[nak(0)]], after_bind=None),
    Case("three contexts announced, one there",
         [wire.bind([wire.context(0)], count=3)], [[ended, nak(4)]], after_bind=None),
    Case("255 contexts announced, one there",
         [wire.bind([wire.context(0)], count=255)], [[ended, nak(4)]], after_bind=None),
    Case("two feature contexts", [wire.bind([wire.context(n, transfers=(wire.FEATURES,))
                                             for n in range(2)])], [[nak(0)]], after_bind=None),
    Case("auth_length 8 without a trailer", [wire.bind(auth_length=8)], [[nak(4)]],
         after_bind=None),
    Case("auth_length 65535", [wire.bind(auth_length=65535)], [[nak(4)]], after_bind=None),
    *[Case(f"authentication level {level}", [bind_with(trailer(10, level), auth_length=8)],
           [[nak(0)]], after_bind=None) for level in (0, 1, 7, 255)],
    *[Case(f"authentication type {kind}", [bind_with(trailer(kind, 5), auth_length=8)],
           [[nak(8)]], after_bind=None) for kind in (0, 9, 10, 16, 255)],
    Case("unknown association group", [wire.bind(group=0x7fffff01)], [[nak(0)]], after_bind=None),
    Case("an interface nobody serves, then a call on it",
         [wire.bind([wire.context(0, abstract=wire.UNKNOWN)]), CALL],
         [[ack(NO_ABSTRACT)], [fault(UNKNOWN_IF, (0x23,))]], CLOSES, finishes=True,
         after_bind=None),
    Case("epmapper in a version not served",
         [wire.bind([wire.context(0, abstract=(wire.EPMAPPER[0], 9, 0))])],
         [[ack(NO_ABSTRACT)]], CLOSES, finishes=True, after_bind=None),
    Case("only unknown transfer syntaxes",
         [wire.bind([wire.context(0, transfers=(wire.UNKNOWN,))])], [[ack(NO_TRANSFER)]], CLOSES,
         finishes=True, after_bind=None),
    Case("an unknown transfer syntax before NDR",
         [wire.bind([wire.context(0, transfers=(wire.UNKNOWN, wire.NDR))])], [[ack(ACCEPTED)]],
         STAYS, after_bind=None),
    Case("two new contexts: only one a PDU",
         [wire.bind([wire.context(0), wire.context(1, abstract=wire.MGMT)])],
         [[ack(ACCEPTED, NO_TRANSFER)]], STAYS, after_bind=None),
    Case("features beside NDR",
         [wire.bind([wire.context(0), wire.context(1, transfers=(wire.FEATURES,))])],
         [[ack(ACCEPTED, (3, 3)), ack(ACCEPTED, (3, 0)), ack(ACCEPTED, (3, 1)),
           ack(ACCEPTED, (3, 2))]], STAYS, after_bind=None),
    Case("no flags", [wire.bind(flags=0)], [[ack(ACCEPTED, flags=0x03)]], STAYS, after_bind=None),
    Case("all flags", [wire.bind(flags=0xff)], [[ack(ACCEPTED, flags=0x17)]], CLOSES,
         finishes=True, after_bind=None),
    Case("65,535 bytes", [long_bind()], [[ack(ACCEPTED, *[NO_TRANSFER] * 11), nak(0, 2, 4)]],
         CLOSES, finishes=True, after_bind=None),
    Case("a second bind", [wire.bind(call=3)], [[nak(0)]]),
]


# ---- headers after the bind

def pad_request(size):
    """A good ept_map followed by zeroes to `size` bytes in all: extra stub bytes are ignored."""
    return wire.request(wire.EPT_MAP, MAP + bytes(size - 24 - len(MAP)))


HEADERS = [
    Case("minor version 1", [wire.request(wire.EPT_MAP, MAP, version=(5, 1))],
         [[fault(PROTOCOL_ERROR, (0x23,))]]),
    Case("version 4", [wire.request(wire.EPT_MAP, MAP, version=(4, 0))],
         [[fault(PROTOCOL_ERROR, (0x23,))]]),
    Case("EBCDIC", [wire.request(wire.EPT_MAP, MAP, drep=b"\x11\0\0\0")],
         [[fault(PROTOCOL_ERROR, (0x23,))]]),
    Case("frag_length 0", [wire.request(wire.EPT_MAP, MAP, frag_length=0)]),
    Case("frag_length 15", [wire.request(wire.EPT_MAP, MAP, frag_length=15)]),
    Case("frag_length 16", [wire.request(wire.EPT_MAP, MAP, frag_length=16)],
         [[ended, fault(PROTOCOL_ERROR)]]),
    Case("frag_length 23", [wire.header(wire.REQUEST, bytes(7), call=2)],
         [[ended, fault(PROTOCOL_ERROR)]]),
    Case("one byte never comes",
         [wire.request(wire.EPT_MAP, MAP, frag_length=24 + len(MAP) + 1)], finishes=True),
    Case("5,840 bytes", [pad_request(5840)], [[response()]], STAYS),
    Case("5,841 bytes", [pad_request(5841)], [[fault(PROTOCOL_ERROR, (0x03,))]]),
    Case("65,535 bytes", [pad_request(65535)], [[fault(PROTOCOL_ERROR, (0x03,))]]),
    Case("5,841 bytes announced, and the end",
         [wire.request(wire.EPT_MAP, MAP, frag_length=5841)],
         [[fault(PROTOCOL_ERROR, (0x03,)), ended]], finishes=True),
    Case("auth_length without a trailer", [wire.request(wire.EPT_MAP, b"", auth_length=8)],
         [[fault(PROTOCOL_ERROR)]]),
    Case("auth_length 65535", [wire.request(wire.EPT_MAP, MAP, auth_length=65535)],
         [[fault(PROTOCOL_ERROR)]]),
    Case("a trailer on a connection without authentication",
         [wire.request(wire.EPT_MAP, MAP + trailer(10, 5), auth_length=8)],
         [[fault(ACCESS_DENIED, (0x03,))]]),
    Case("unknown context", [wire.request(wire.EPT_MAP, MAP, number=12345)],
         [[fault(UNKNOWN_IF, (0x23,))]], STAYS),
    Case("operation 9", [wire.request(9, MAP)], [[fault(OP_RANGE, (0x23,))]], STAYS),
    Case("operation 65535", [wire.request(0xffff, b"")], [[fault(OP_RANGE, (0x23,))]], STAYS),
    Case("alloc_hint 0", [wire.request(wire.EPT_MAP, MAP, hint=0)], [[response()]], STAYS),
    Case("alloc_hint 1", [wire.request(wire.EPT_MAP, MAP, hint=1)], [[response()]], STAYS),
    Case("alloc_hint 0xffffffff", [wire.request(wire.EPT_MAP, MAP, hint=0xffffffff)],
         [[response()]], STAYS),
    Case("MAYBE", [wire.request(wire.EPT_MAP, MAP, flags=0x43)], [[response()]], STAYS),
    Case("object UUID", [wire.header(wire.REQUEST, struct.pack("<IHH", len(MAP), 0, wire.EPT_MAP)
                                     + bytes(16) + MAP, flags=0x83, call=2)],
         [[response()]], STAYS),
    Case("object UUID flag, and no room for one",
         [wire.header(wire.REQUEST, struct.pack("<IHH", 0, 0, wire.EPT_MAP) + bytes(8),
                      flags=0x83, call=2)], [[ended, fault(PROTOCOL_ERROR), fault(BAD_STUB)]]),
    *[Case(f"a client sends {name}", [wire.header(ptype, bytes(16), call=2)],
           [[fault(PROTOCOL_ERROR, (0x23,))]])
      for name, ptype in (("response", wire.RESPONSE), ("fault", wire.FAULT),
                          ("bind_ack", wire.BIND_ACK), ("bind_nak", wire.BIND_NAK),
                          ("shutdown", wire.SHUTDOWN), ("RTS", wire.RTS), ("ping", 1),
                          ("auth3 with nothing to continue", wire.AUTH3))],
    Case("type 99", [wire.header(99, bytes(16), call=2)]),
    Case("type 255", [wire.header(255, bytes(16), call=2)]),
    Case("co_cancel of nothing", [wire.header(wire.CO_CANCEL, call=2), CALL], [[response()]],
         STAYS),
    Case("orphaned of nothing", [wire.header(wire.ORPHANED, call=2), CALL], [[response()]], STAYS),
    Case("the last call id", [wire.request(wire.EPT_MAP, MAP, call=0xffffffff)],
         [[response(call=0xffffffff)]], STAYS),
    Case("three calls in one segment",
         [b"".join(wire.request(wire.EPT_MAP, MAP, call=n) for n in (5, 6, 7))],
         [[response(call=n)] for n in (5, 6, 7)], STAYS),
]


# ---- fragments

def first(call=2, **how):
    return wire.request(wire.EPT_MAP, MAP[:64], flags=wire.FIRST | how.pop("also", 0), call=call,
                        **how)


def middle(call=2, **how):
    return wire.request(wire.EPT_MAP, MAP[64:96], flags=how.pop("flags", 0), call=call, **how)


def last(call=2, **how):
    return wire.request(wire.EPT_MAP, MAP[96:], flags=wire.LAST | how.pop("also", 0), call=call,
                        **how)


def call_of(size):
    """A call whose whole stub has `size` bytes, the arguments at the front, in fragments."""
    stub, room = MAP + bytes(size - len(MAP)), 5840 - 24
    pieces = [stub[at:at + room] for at in range(0, size, room)]
    return b"".join(
        wire.request(wire.EPT_MAP, piece, hint=0, flags=(wire.FIRST if n == 0 else 0)
                     | (wire.LAST if n == len(pieces) - 1 else 0))
        for n, piece in enumerate(pieces))


FRAGMENTS = [
    Case("three fragments", [first(), middle(), last()], [[response()]], STAYS),
    Case("later fragments' context, operation and hint are not looked at",
         [first(), middle(number=9), last(hint=7)], [[response()]], STAYS),
    Case("FIRST, then FIRST", [first(), first(call=3)], [[fault(PROTOCOL_ERROR, (0x03,))]]),
    Case("FIRST, then a whole call", [first(), wire.request(wire.EPT_MAP, MAP, call=3)],
         [[fault(PROTOCOL_ERROR, (0x03,))]]),
    Case("FIRST, then another call's LAST", [first(), last(call=3)],
         [[fault(PROTOCOL_ERROR, (0x03,))]]),
    Case("LAST of nothing", [last()], [[fault(PROTOCOL_ERROR, (0x03,))]]),
    Case("a middle of nothing", [middle()], [[fault(PROTOCOL_ERROR, (0x03,))]]),
    Case("FIRST with PENDING_CANCEL", [first(also=wire.PENDING_CANCEL)],
         [[fault(NO_CALL_ACTIVE, (0x23,))]]),
    Case("PENDING_CANCEL later", [first(), middle(), last(also=wire.PENDING_CANCEL)],
         [[response()]], STAYS),
    Case("co_cancel amid", [first(), wire.header(wire.CO_CANCEL, call=2), middle(), last()],
         [[response()]], STAYS),
    Case("orphaned amid: LAST completes it all the same",
         [first(), wire.header(wire.ORPHANED, call=2), middle(), last()], [[response()]], STAYS),
    Case("orphaned amid, then a new call",
         [first(), wire.header(wire.ORPHANED, call=2), wire.request(wire.EPT_MAP, MAP, call=3)],
         [[fault(PROTOCOL_ERROR, (0x03,))]]),
    Case("byte order changes", [first(), middle(order=wire.BIG)],
         [[fault(PROTOCOL_ERROR, (0x23,))]]),
    Case("alter_context amid",
         [first(), wire.bind([wire.context(1, abstract=wire.MGMT)], ptype=wire.ALTER, call=9),
          middle(), last()],
         [[ack(ACCEPTED, ptype=wire.ALTER_RESP)], [response()]], STAYS),
    Case("FIRST, and the end", [first()], finishes=True),
    Case("multiplexed: FIRST of another call", [first(), first(call=3)],
         [[fault(PROTOCOL_ERROR, (0x03,), call=3)]], after_bind=MPX_BIND),
    Case("multiplexed: FIRST of the same call", [first(), first()],
         [[fault(PROTOCOL_ERROR, (0x03,))]], after_bind=MPX_BIND),
    Case("multiplexed: LAST of nothing", [last()], [[fault(PROTOCOL_ERROR, (0x03,))]],
         after_bind=MPX_BIND),
    Case("multiplexed: LAST of nothing on an unknown context", [last(number=77)],
         [[fault(UNKNOWN_IF, (0x23,))]], STAYS, after_bind=MPX_BIND),
    Case("first hint above 4 MiB", [first(hint=0x400001)], [[fault(ACCESS_DENIED, (0x03,))]]),
    Case("64 KiB", [call_of(0x10000)], [[response()]], STAYS),
    Case("more than 4 MiB", [call_of(0x400001)], [[fault(ACCESS_DENIED, (0x03,))]]),
]


# ---- alter_context

ALTERS = [
    Case("adds mgmt", [wire.bind([wire.context(1, abstract=wire.MGMT)], ptype=wire.ALTER)],
         [[ack(ACCEPTED, ptype=wire.ALTER_RESP)]], STAYS),
    Case("a context again", [wire.bind(ptype=wire.ALTER)],
         [[ack(ACCEPTED, ptype=wire.ALTER_RESP)]], STAYS),
    Case("a context again, unknown transfer syntax",
         [wire.bind([wire.context(0, transfers=(wire.UNKNOWN,))], ptype=wire.ALTER)],
         [[ack(NO_TRANSFER, ptype=wire.ALTER_RESP)]], STAYS),
    Case("an interface nobody serves",
         [wire.bind([wire.context(1, abstract=wire.UNKNOWN)], ptype=wire.ALTER)],
         [[ack(NO_ABSTRACT, ptype=wire.ALTER_RESP)]], STAYS),
    Case("no contexts", [wire.bind([], ptype=wire.ALTER, call=2)],
         [[fault(PROTOCOL_ERROR, (0x23,))]]),
    Case("a context becomes another interface",
         [wire.bind([wire.context(0, abstract=wire.MGMT)], ptype=wire.ALTER, call=2)],
         [[fault(PROTOCOL_ERROR, (0x23,))]]),
    Case("a context without transfer syntaxes",
         [wire.bind([wire.context(1, transfers=())], ptype=wire.ALTER, call=2)],
         [[fault(PROTOCOL_ERROR, (0x23,))]]),
    Case("a trailer", [wire.header(wire.ALTER, ONE_BIND + trailer(10, 5), auth_length=8, call=2)],
         [[fault(ACCESS_DENIED, (0x23,)), fault(SECURITY_PACKAGE, (0x23,))]]),
]


# ---- stubs of the endpoint mapper

LSA_TOWER = wire.tower(wire.identity(sample.LSA))
BAD_TOWER = [response(INVALID_ENTRY), response(wire.NOT_REGISTERED), fault(BAD_STUB, (0x03,))]
FOREIGN_HANDLE = bytes(4) + bytes(range(16))


def map_with(pointed):
    return wire.request(wire.EPT_MAP, wire.map_stub(pointed=pointed))


def tower_with_floor_5(right):
    return LSA_TOWER[:-6] + struct.pack("<H", len(right)) + right


STUBS = [
    Case("max_count below tower_length", [map_with(wire.twr(LSA_TOWER, max_count=74))],
         [[fault(BAD_STUB, (0x03,))]], STAYS),
    Case("max_count above tower_length", [map_with(wire.twr(LSA_TOWER, max_count=76))],
         [[fault(BAD_STUB, (0x03,))]], STAYS),
    Case("a tower longer than the stub",
         [map_with(wire.twr(LSA_TOWER, max_count=60000, length=60000))],
         [[fault(BAD_STUB, (0x03,))]], STAYS),
    Case("a tower of 4 GiB",
         [map_with(wire.twr(LSA_TOWER, max_count=0xffffffff, length=0xffffffff))],
         [[fault(BAD_STUB, (0x03,))]], STAYS),
    Case("a tower of 2,001 bytes", [map_with(wire.twr(LSA_TOWER + bytes(2001 - 75)))],
         [[fault(BAD_STUB, (0x03,))]], STAYS),
    Case("an empty tower", [map_with(wire.twr(b""))], [BAD_TOWER], STAYS),
    Case("no floors", [map_with(wire.twr(wire.tower(wire.identity(sample.LSA), floors=0)))],
         [BAD_TOWER], STAYS),
    Case("65,535 floors", [map_with(wire.twr(wire.tower(wire.identity(sample.LSA), floors=65535)))],
         [BAD_TOWER], STAYS),
    Case("six floors, five there",
         [map_with(wire.twr(wire.tower(wire.identity(sample.LSA), floors=6)))], [BAD_TOWER], STAYS),
    Case("a left side longer than the tower",
         [map_with(wire.twr(LSA_TOWER[:2] + b"\xff\xff" + LSA_TOWER[4:]))], [BAD_TOWER], STAYS),
    Case("a right side longer than the tower",
         [map_with(wire.twr(LSA_TOWER[:-6] + b"\xff\xff" + LSA_TOWER[-4:]))], [BAD_TOWER], STAYS),
    Case("no tower", [wire.request(wire.EPT_MAP, bytes(8) + bytes(20) + struct.pack("<I", 1))],
         [BAD_TOWER], STAYS),
    Case("no object is a nil object",
         [wire.request(wire.EPT_MAP, bytes(4) + MAP[20:])], [[response()]], STAYS),
    Case("floor 3 with an empty right side",
         [map_with(wire.twr(wire.tower(wire.identity(sample.LSA), rpc_minor=b"")))],
         [[response()]], STAYS),
    Case("a host name where an address belongs",
         [map_with(wire.twr(tower_with_floor_5(b"portolan\0")))], [[response()]], STAYS),
    Case("max_towers 501", [wire.request(wire.EPT_MAP, wire.map_stub(max_towers=501))],
         [[fault(BAD_STUB, (0x03,)), response()]], STAYS),
    Case("max_towers 0xffffffff",
         [wire.request(wire.EPT_MAP, wire.map_stub(max_towers=0xffffffff))],
         [[fault(BAD_STUB, (0x03,)), response()]], STAYS),
    Case("max_ents 0xffffffff",
         [wire.request(wire.EPT_LOOKUP, wire.lookup_stub(max_ents=0xffffffff))],
         [[fault(BAD_STUB, (0x03,)), response()]], STAYS),
    *[Case(f"a handle nobody gave, in {name}", [wire.request(opnum, stub)],
           [[fault(CONTEXT_MISMATCH)]], STAYS)
      for name, opnum, stub in (
          ("ept_lookup", wire.EPT_LOOKUP, wire.lookup_stub(handle=FOREIGN_HANDLE)),
          ("ept_map", wire.EPT_MAP, wire.map_stub(handle=FOREIGN_HANDLE)),
          ("ept_lookup_handle_free", wire.EPT_HANDLE_FREE, FOREIGN_HANDLE))],
    Case("freeing a null handle", [wire.request(wire.EPT_HANDLE_FREE, wire.NO_HANDLE)],
         [[response()]], STAYS),
    Case("an insert that announces 500 entries and brings none",
         [wire.request(wire.EPT_INSERT, struct.pack("<III", 500, 500, 0))],
         [[fault(BAD_STUB), fault(0x6d8), response(0x16c9a0cd)]], STAYS),
    Case("1,000 bytes of 0xff", [wire.request(wire.EPT_MAP, b"\xff" * 1000)],
         [[fault(BAD_STUB, (0x03,))]], STAYS),
    Case("1,000 bytes of 0xff to ept_lookup", [wire.request(wire.EPT_LOOKUP, b"\xff" * 1000)],
         [[fault(BAD_STUB, (0x03,)), fault(CONTEXT_MISMATCH)]], STAYS),
]
