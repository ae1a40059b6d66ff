"""Bad input: what the server must answer to it, whether the connection stays, and that the next
client is served. Expected answers are those of C706, [MS-RPCE] and what Windows and Samba do."""

import struct

import hostile
import sample
import wire
from check import Failed, check

SHOWN = 12  # of the wrong answers of one table


def serve_one(connection):
    """A connection that should still be good: an ept_map on context 0 is answered."""
    answer = connection.call(wire.EPT_MAP, wire.map_stub(), call=777)
    if answer is None or answer.ptype != wire.RESPONSE or answer.stub_status() != 0:
        raise Failed(f"the connection is of no use afterwards: "
                     f"{answer.describe() if answer else 'closed'}")


def serve_next():
    with wire.Connection() as connection:
        connection.send(wire.bind())
        connection.receive()
        serve_one(connection)


def judge(case, connection):
    """Compares the answers with those of the case, in order, and then how the connection ends."""
    for position, accepts in enumerate(case.answers):
        answer = connection.receive()
        said = answer.describe() if answer else "an orderly end"
        if not any(accept(answer) for accept in accepts):
            raise Failed(f"answer {position + 1}: {said}, expected "
                         + " or ".join(accept.text for accept in accepts))
        if answer is None:
            return  # a silent close was one of the acceptable answers
    if case.stays:
        serve_one(connection)
        return
    answer = connection.receive()
    if answer is not None:
        raise Failed(f"found {answer.describe()}, expected an orderly end")


def play(case):
    with wire.Connection() as connection:
        if case.after_bind is not None:
            connection.send(case.after_bind)
            answer = connection.receive()
            if answer is None or answer.ptype != wire.BIND_ACK:
                raise Failed("the bind before it was not acknowledged")
        for octets in case.sends:
            connection.send(octets)
        if case.finishes:
            connection.finish()
        judge(case, connection)


def play_all(lab, cases):
    wrong = []
    for case in cases:
        try:
            play(case)
            serve_next()
        except (Failed, wire.Reset, OSError) as failure:
            wrong.append(f"{case.name}: {failure or type(failure).__name__}")
            if not lab.is_running():
                raise Failed(f"{case.name}: the server is gone")
    if wrong:
        raise Failed(f"{len(wrong)} of {len(cases)}:\n       " + "\n       ".join(wrong[:SHOWN]))
    return f"{len(cases)} cases"


@check("open")
def handles_that_nobody_frees_do_not_use_up_the_connection(lab):
    """Where more endpoints match than max_towers, ept_map gives a handle to continue with. No known
    client continues or frees it."""
    calls = 1000
    stub = wire.map_stub(interface=wire.identity(sample.AMBER))
    with wire.Connection() as connection:
        connection.send(wire.bind())
        connection.receive()
        for number in range(calls):
            answer = connection.call(wire.EPT_MAP, stub, call=number)
            if answer.ptype != wire.RESPONSE or answer.stub_status() != 0:
                raise Failed(f"call {number + 1}: {answer.describe()}")
    return f"{calls} calls"


@check("hostile")
def before_the_bind(lab):
    return play_all(lab, hostile.BEFORE_BIND)


@check("hostile")
def binds(lab):
    return play_all(lab, hostile.BINDS)


@check("hostile")
def headers_after_the_bind(lab):
    return play_all(lab, hostile.HEADERS)


@check("hostile")
def fragments(lab):
    return play_all(lab, hostile.FRAGMENTS)


@check("hostile")
def alter_context(lab):
    return play_all(lab, hostile.ALTERS)


@check("hostile")
def stubs(lab):
    return play_all(lab, hostile.STUBS)


@check("hostile")
def a_bind_cut_short_at_every_byte(lab):
    """Then FIN: no answer, an orderly end."""
    whole = wire.bind()
    return play_all(lab, [hostile.Case(f"{size} bytes", [whole[:size]], finishes=True,
                                       after_bind=None) for size in range(len(whole))])


@check("hostile")
def a_request_cut_short_at_every_byte(lab):
    whole = wire.request(wire.EPT_MAP, wire.map_stub())
    return play_all(lab, [hostile.Case(f"{size} bytes", [whole[:size]], finishes=True)
                          for size in range(len(whole))])


@check("hostile")
def a_stub_cut_short_at_every_byte(lab):
    """Each a whole PDU of a shorter stub: bad stub data, and the connection stays."""
    stub = wire.map_stub()
    with wire.Connection() as connection:
        connection.send(wire.bind())
        connection.receive()
        for size in range(len(stub)):
            answer = connection.call(wire.EPT_MAP, stub[:size], call=size)
            if not hostile.fault(0x6f7, flags=(0x03,), call=size)(answer):
                raise Failed(f"{size} bytes: {answer.describe() if answer else 'closed'}, "
                             "expected fault 0x6f7")
        serve_one(connection)
    return f"{len(stub)} stubs"


@check("hostile")
def a_request_is_answered_however_it_is_cut_into_segments(lab):
    octets = wire.request(wire.EPT_MAP, wire.map_stub())
    for size in (1, 7, 16, 24, len(octets) - 1):
        with wire.Connection() as connection:
            connection.send(wire.bind())
            connection.receive()
            for at in range(0, len(octets), size):
                connection.send(octets[at:at + size])
            answer = connection.receive()
            if answer is None or answer.ptype != wire.RESPONSE or answer.stub_status() != 0:
                raise Failed(f"pieces of {size} bytes: "
                             f"{answer.describe() if answer else 'closed'}")


@check("hostile")
def little_and_big_endian_get_the_same_tower(lab):
    towers = []
    for order in (wire.LITTLE, wire.BIG):
        with wire.Connection() as connection:
            connection.send(wire.bind(order=order))
            connection.receive()
            answer = connection.call(wire.EPT_MAP, wire.map_stub(order=order), order=order)
            at = 24 + struct.calcsize("<20x4I1I2I")
            towers.append(answer.octets[at:at + 75])
    if towers[0] != towers[1]:
        raise Failed(f"{towers[0].hex()} and {towers[1].hex()}")
