"""rpcecho as impacket marshals it, in NDR 2.0 and in NDR64; Samba's clients speak no NDR64."""

from impacket.dcerpc.v5.dtypes import LPWSTR, ULONG, USHORT, WSTR
from impacket.dcerpc.v5.ndr import (NDRCALL, NDRENUM, NDRPOINTER, NDRSTRUCT, NDRUHYPER,
                                    NDRUniConformantArray, NDRUNION, NDRUSMALL)
from impacket.uuid import uuidtup_to_bin

import sample
from check import Failed, check, expect
from peer_impacket import NDR, NDR64, connect

ECHO = uuidtup_to_bin((sample.ECHO.interface, sample.ECHO.version))
LARGE = 100_000  # octets: many fragments both ways


# ---- what the interface's definition says, in impacket's terms

class Octets(NDRUniConformantArray):
    item = "c"


class AddOne(NDRCALL):
    opnum = 0
    structure = (("in_data", ULONG),)


class AddOneResponse(NDRCALL):
    structure = (("out_data", ULONG),)


class EchoData(NDRCALL):
    opnum = 1
    structure = (("len", ULONG), ("in_data", Octets))


class EchoDataResponse(NDRCALL):
    structure = (("out_data", Octets),)


class SinkData(NDRCALL):
    opnum = 2
    structure = (("len", ULONG), ("data", Octets))


class SinkDataResponse(NDRCALL):
    structure = ()


class SourceData(NDRCALL):
    opnum = 3
    structure = (("len", ULONG),)


class SourceDataResponse(NDRCALL):
    structure = (("data", Octets),)


class TestCall(NDRCALL):
    opnum = 4
    structure = (("s1", WSTR),)


class TestCallResponse(NDRCALL):
    structure = (("s2", LPWSTR),)


class Info5(NDRSTRUCT):
    structure = (("v1", NDRUSMALL), ("v2", NDRUHYPER))


class Info(NDRUNION):
    union = {3: ("info3", ULONG), 4: ("info4", NDRUHYPER), 5: ("info5", Info5)}


class TestCall2(NDRCALL):
    opnum = 5
    structure = (("level", USHORT),)


class TestCall2Response(NDRCALL):
    structure = (("info", Info), ("status", ULONG))


class TestSleep(NDRCALL):
    opnum = 6
    structure = (("seconds", ULONG),)


class TestSleepResponse(NDRCALL):
    structure = (("seconds", ULONG),)


class Enum1(NDRENUM):
    pass


class Enum2(NDRSTRUCT):
    structure = (("e1", Enum1), ("e2", ULONG))  # e2 is [v1_enum]


class Enum3(NDRUNION):
    commonHdr = (("tag", Enum1),)
    commonHdr64 = (("tag", Enum1),)
    union = {1: ("e1", Enum1), 2: ("e2", Enum2)}


class TestEnum(NDRCALL):
    opnum = 7
    structure = (("foo1", Enum1), ("foo2", Enum2), ("foo3", Enum3))


class TestEnumResponse(NDRCALL):
    structure = (("foo1", Enum1), ("foo2", Enum2), ("foo3", Enum3))


class Shorts(NDRUniConformantArray):
    item = "<H"


class Surrounding(NDRSTRUCT):
    structure = (("x", ULONG), ("surrounding", Shorts))


class TestSurrounding(NDRCALL):
    opnum = 8
    structure = (("data", Surrounding),)


class TestSurroundingResponse(NDRCALL):
    structure = (("data", Surrounding),)


class Inner(NDRPOINTER):
    referent = (("Data", USHORT),)


class Outer(NDRPOINTER):
    referent = (("Data", Inner),)


class TestDoublePointer(NDRCALL):
    opnum = 9
    structure = (("data", Outer),)


class TestDoublePointerResponse(NDRCALL):
    structure = (("result", USHORT),)


# ---- each operation, over a bound connection

def counting(size):
    return bytes(i & 0xff for i in range(size))


def call(dce, request, **fields):
    for name, value in fields.items():
        request[name] = value
    return dce.request(request, checkError=False)


def data(dce):
    expect(call(dce, AddOne(), in_data=0xffffffff)["out_data"], 0, "AddOne")
    for octets in (b"", b"abc", counting(LARGE)):
        back = call(dce, EchoData(), len=len(octets), in_data=list(octets[i:i + 1] for i in
                                                                   range(len(octets))))
        expect(b"".join(back["out_data"]), octets, f"EchoData of {len(octets)}")
        given = call(dce, SourceData(), len=len(octets))
        expect(b"".join(given["data"]), counting(len(octets)), f"SourceData of {len(octets)}")
    expect(call(dce, SinkData(), len=3, data=[b"a", b"b", b"c"]).getData(), b"", "SinkData")


def shapes(dce):
    expect(call(dce, TestCall(), s1="input string\0")["s2"], "input string\0", "TestCall")
    for level, arm, value in ((3, "info3", 30), (4, "info4", 40)):
        answer = call(dce, TestCall2(), level=level)
        expect((answer["info"][arm], answer["status"]), (value, 0), f"TestCall2 {level}")
    answer = call(dce, TestCall2(), level=5)["info"]["info5"]
    expect((answer["v1"], answer["v2"]), (50, 60), "TestCall2 5")
    pointed = TestDoublePointer()
    pointed.fields["data"].fields["Data"]["Data"] = 12345  # past the shortcuts through pointers
    expect(call(dce, pointed)["result"], 12345, "TestDoublePointer")
    surrounded = TestSurrounding()
    surrounded["data"]["x"] = 3
    surrounded["data"]["surrounding"] = [1, 2, 3]
    answer = call(dce, surrounded)["data"]
    expect((answer["x"], list(answer["surrounding"])), (6, [0] * 6), "TestSurrounding")


def enums(dce):
    for arm in (1, 2):
        asked = TestEnum()
        asked["foo1"] = arm
        asked["foo2"]["e1"], asked["foo2"]["e2"] = 76, 1
        asked["foo3"]["tag"] = arm
        if arm == 1:
            asked["foo3"]["e1"] = 2
        else:
            asked["foo3"]["e2"]["e1"], asked["foo3"]["e2"]["e2"] = 2, 9
        answer = call(dce, asked)
        expect((answer["foo1"], answer["foo2"]["e1"], answer["foo2"]["e2"], answer["foo3"]["tag"]),
               (arm, 2, 1, arm), f"TestEnum, arm {arm}")


def every_operation(syntax):
    dce = connect()
    dce.bind(ECHO, transfer_syntax=syntax)
    data(dce)
    shapes(dce)
    enums(dce)
    expect(call(dce, TestSleep(), seconds=1)["seconds"], 1, "TestSleep")
    dce.disconnect()
    return "10 operations"


@check("echo")
def every_operation_answers_impacket(_lab):
    return every_operation(NDR)


@check("echo")
def every_operation_answers_impacket_in_ndr64(_lab):
    return every_operation(NDR64)
