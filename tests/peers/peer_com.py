"""The OXID resolver as impacket's DCOM client asks it, against a table that portolan fills."""

import json
import struct

import wire
from impacket.dcerpc.v5 import dcomrt, transport
from impacket.dcerpc.v5.dtypes import ULONG
from impacket.dcerpc.v5.ndr import NDRCALL
from impacket.dcerpc.v5.rpcrt import DCERPCException

import sample
from check import Failed, check, expect
from peer_impacket import NDR64, Ndr64, connect

OXID, IPID = 0x0102030405060708, "11111111-2222-3333-4444-555555555555"
OIDS = (0x1111111111111111, 0x2222222222222222)
UNKNOWN = 0x0badbadbadbadbad
INVALID_OXID, INVALID_OID, INVALID_SET = 0x776, 0x777, 0x778
ACTIVATION = ("4d9f4ab8-7d1c-11cf-861e-0020af6e7c57", 0, 0)


def resolver(port=135, protocol="ncacn_ip_tcp", ndr64=False):
    connection = transport.DCERPCTransportFactory(f"{protocol}:{sample.SERVER}[{port}]")
    connection.set_connect_timeout(5)
    dce = connection.get_dce_rpc()
    dce.connect()
    return dcomrt.IObjectExporter(Ndr64(dce) if ndr64 else dce)


def fill(lab):
    """One exporter with two objects, unless an earlier check has put it there."""
    if lab.portolan("oxid", "remove", hex(OXID), check_exit=False).returncode not in (0, 1):
        raise Failed("oxid remove failed")
    lab.portolan("oxid", "add", hex(OXID), IPID, "ncacn_ip_tcp:srv1[49153]",
                 *(word for oid in OIDS for word in ("--oid", hex(oid))))


def listed(lab):
    return json.loads(lab.portolan("oxid", "list", "--json").stdout)


def status_of(function, *arguments):
    try:
        return function(*arguments)["ErrorCode"]
    except DCERPCException as error:
        return error.get_error_code()


SYNTAXES = {"NDR 2.0": False, "NDR64": True}


class ServerAlive2(NDRCALL):
    opnum = 5
    structure = ()


# impacket's own takes pReserved, a [ref] pointer to a DWORD, for a full one; that is as wide in
# NDR 2.0 but not in NDR64.
class ServerAlive2Response(NDRCALL):
    structure = (("pComVersion", dcomrt.COMVERSION), ("ppdsaOrBindings", dcomrt.PDUALSTRINGARRAY),
                 ("pReserved", ULONG), ("ErrorCode", ULONG))


@check("echo")
def server_alive2_tells_the_configured_bindings(_lab):
    expected = [(7, "srv1.example"), (7, sample.SERVER)]
    bindings = [(one["wTowerId"], one["aNetworkAddr"].rstrip("\0"))
                for one in resolver().ServerAlive2()]
    expect(bindings, expected, "bindings")
    dce = connect()
    dce.bind(dcomrt.IID_IObjectExporter, transfer_syntax=NDR64)
    answer = dce.request(ServerAlive2())
    units = list(answer["ppdsaOrBindings"]["aStringArray"])
    wanted = [unit for tower, address in expected for unit in (tower, *map(ord, address), 0)]
    expect(units, wanted + [0, 0, 0], "units in NDR64")
    expect((answer["pComVersion"]["MajorVersion"], answer["pComVersion"]["MinorVersion"]), (5, 7),
           "COM version in NDR64")


@check("echo")
def an_exporter_that_was_added_is_resolved(lab):
    fill(lab)
    for name, ndr64 in SYNTAXES.items():
        exporter = resolver(ndr64=ndr64)
        for ask in (exporter.ResolveOxid, exporter.ResolveOxid2):
            bindings = [one["aNetworkAddr"].rstrip("\0") for one in ask(OXID, (7,))]
            expect(bindings, ["srv1[49153]"], f"{ask.__name__} in {name}")
            expect(status_of(ask, UNKNOWN, (7,)), INVALID_OXID,
                   f"{ask.__name__} of an unknown OXID in {name}")
    lab.portolan("oxid", "remove", hex(OXID))
    expect(status_of(exporter.ResolveOxid2, OXID, (7,)), INVALID_OXID, "after the removal")


@check("echo")
def ping_sets_hold_objects(lab):
    for ndr64 in SYNTAXES.values():
        hold_objects(lab, ndr64)


def hold_objects(lab, ndr64):
    fill(lab)
    exporter = resolver(ndr64=ndr64)
    expect(status_of(exporter.SimplePing, 5), INVALID_SET, "SimplePing of an unknown set")
    answer = exporter.ComplexPing(0, 1, OIDS, ())
    expect(answer["ErrorCode"], 0, "ComplexPing that makes a set")
    made = answer["pSetId"]
    expect(status_of(resolver().SimplePing, made), 0, "SimplePing over another connection")
    expect(status_of(exporter.ComplexPing, made, 2, (UNKNOWN,), ()), INVALID_OID,
           "ComplexPing that adds an unknown object")
    held = {one["oid"]: one["ping_sets"] for one in listed(lab)["oxids"][0]["oids"]}
    expect(held, {hex(oid): 1 for oid in OIDS}, "objects held")
    expect(status_of(exporter.ComplexPing, made, 3, (), OIDS[:1]), 0, "ComplexPing that removes")
    held = {one["oid"]: one["ping_sets"] for one in listed(lab)["oxids"][0]["oids"]}
    expect(held, {hex(OIDS[0]): 0, hex(OIDS[1]): 1}, "objects held after the removal")
    expect(status_of(exporter.ComplexPing, made, 4, (), OIDS[1:]), 0, "ComplexPing that empties")


# As IRemoteActivation of a client without names or extensions.
REMOTE_ACTIVATION = (struct.pack("<HHII", 5, 7, 0, 0) + bytes(16) + bytes(4) + bytes(16)
                     + struct.pack("<IIIIII", 0, 0, 2, 0, 1, 0))


@check("echo")
def activation_is_denied_where_dcom_is_disabled(_lab):
    with wire.Connection() as connection:
        connection.send(wire.bind([wire.context(0, ACTIVATION)]))
        expect(connection.receive().results, [(0, 0)], "bind to IActivation")
        answer = connection.call(0, REMOTE_ACTIVATION)
        expect(answer.stub[44:48], struct.pack("<I", 0x80070005), "HRESULT")
        expect(len(answer.stub), 68, "size of the reply")


@check("open")
def activation_is_not_offered_by_default(_lab):
    with wire.Connection() as connection:
        connection.send(wire.bind([wire.context(0, ACTIVATION)]))
        expect(connection.receive().results, [(2, 1)], "bind to IActivation")


# ---- ncacn_http

@check("echo")
def http_greets_then_speaks_as_tcp(_lab):
    with wire.Connection(port=593) as connection:
        expect(connection.greeting(), b"ncacn_http/1.0", "greeting")
        connection.send(wire.bind())
        answer = connection.receive()
        expect((answer.results, answer.secondary), ([(0, 0)], b"593\0"), "bind_ack")
        expect(connection.call(wire.EPT_MAP, wire.map_stub()).stub_status(), 0, "ept_map")


@check("echo")
def impacket_asks_over_http(_lab):
    bindings = resolver(593, "ncacn_http").ServerAlive2()
    expect(len(bindings), 2, "bindings over ncacn_http")
