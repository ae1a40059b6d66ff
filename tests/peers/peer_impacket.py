"""impacket's clients: what rpcdump and rpcmap do, and ept_map for every protocol sequence."""

import socket
from struct import pack

from impacket.dcerpc.v5 import epm, mgmt, transport
from impacket.dcerpc.v5.dtypes import NULL
from impacket.dcerpc.v5.rpcrt import DCERPCException
from impacket.uuid import bin_to_string, uuidtup_to_bin

import peer_portolan
import sample
from check import Failed, check, expect, expect_same_list

NDR = ("8a885d04-1ceb-11c9-9fe8-08002b104860", "2.0")
NDR64 = ("71710533-beba-4937-8319-b5dbef9ccc36", "1.0")


def connect(address=sample.SERVER):
    connection = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:{address}[135]")
    connection.set_connect_timeout(5)
    dce = connection.get_dce_rpc()
    dce.connect()
    return dce


def entries(address=sample.SERVER):
    """The whole list as rpcdump gets it, in the common form."""
    dce = connect(address)
    listed = [to_entry(row) for row in epm.hept_lookup(None, dce=dce)]
    dce.disconnect()
    return listed


def to_entry(row):
    floors = row["tower"]["Floors"]
    return sample.Entry(
        bin_to_string(floors[0]["InterfaceUUID"]).lower(),
        f"{floors[0]['MajorVersion']}.{floors[0]['MinorVersion']}",
        bin_to_string(row["object"]).lower(),
        epm.PrintStringBinding(floors),
        row["annotation"].rstrip(b"\0").decode())


@check("open")
def lists_the_configured_map(lab):
    found = entries()
    expect_same_list(found, sample.ENTRIES, "hept_lookup")
    return f"{len(found)} entries"


@check("demo")
def lists_the_demo_as_portolan_does(lab):
    found = entries()
    expect_same_list(found, peer_portolan.dump(lab), "hept_lookup")
    return f"{len(found)} entries"


@check("demo")
def lists_the_demo_over_ipv6(lab):
    found = entries(sample.SERVER_IPV6)
    expect_same_list(found, peer_portolan.dump(lab), "hept_lookup over IPv6")
    return f"{len(found)} entries"


@check("open")
def maps_tcp_np_and_http(lab):
    cases = [("ncacn_ip_tcp", sample.SPICE, "ncacn_ip_tcp:10.135.0.2[49200]"),
             ("ncacn_np", sample.LSA, r"ncacn_np:10.135.0.2[\pipe\lsass]"),
             ("ncacn_http", sample.SPICE, "ncacn_http:10.135.0.2[49593]")]
    for protocol, interface, expected in cases:
        dce = connect()
        found = epm.hept_map(sample.SERVER, uuidtup_to_bin(interface), protocol=protocol, dce=dce)
        dce.disconnect()
        expect(found, expected, protocol)


def map_floors(interface, floors):
    """ept_map with the floors 3 and up given as bytes; the binding of the first tower."""
    identity = uuidtup_to_bin(interface)
    lower = uuidtup_to_bin(NDR)
    octets = pack("<H", 2 + len(floors))
    for one in (identity, lower):
        octets += pack("<HB", 19, 0x0d) + one[:18] + pack("<H", 2) + one[18:]
    octets += b"".join(pack("<HB", 1, left) + pack("<H", len(right)) + right
                       for left, right in floors)
    dce = connect()
    dce.bind(epm.MSRPC_UUID_PORTMAP)
    request = epm.ept_map()
    request["max_towers"] = 1
    request["map_tower"]["tower_length"] = len(octets)
    request["map_tower"]["tower_octet_string"] = octets
    response = dce.request(request)
    dce.disconnect()
    tower = epm.EPMTower(b"".join(response["ITowers"][0]["Data"]["tower_octet_string"]))
    return epm.PrintStringBinding(tower["Floors"])


@check("open")
def maps_udp_and_ncalrpc(lab):
    udp = [(0x0a, b"\0\0"), (0x08, b"\0\0"), (0x09, socket.inet_aton("0.0.0.0"))]
    expect(map_floors(sample.SPICE, udp), "ncadg_ip_udp:10.135.0.2[49201]", "ncadg_ip_udp")
    local = [(0x0c, b"\0\0"), (0x10, b"\0")]
    expect(map_floors(sample.SPICE, local), "ncalrpc:[spice]", "ncalrpc")


@check("open")
def an_unknown_interface_is_not_registered(lab):
    dce = connect()
    try:
        epm.hept_map(sample.SERVER, uuidtup_to_bin(("deadbeef-0000-4000-8000-000000000001", "1.0")),
                     protocol="ncacn_ip_tcp", dce=dce)
    except DCERPCException as error:
        expect(error.get_error_code(), 0x16c9a0d6, "status")
        return "status 0x16c9a0d6"
    raise Failed("found a tower for an interface that is not registered")


def management(syntax):
    dce = connect()
    dce.bind(mgmt.MSRPC_UUID_MGMT, transfer_syntax=syntax)
    vector = mgmt.hinq_if_ids(dce)["if_id_vector"]
    interfaces = [bin_to_string(row["Data"]["Uuid"]).lower() for row in vector["if_id"]]
    if "e1af8308-5d1f-11c9-91a4-08002b14a0fa" not in interfaces:
        raise Failed(f"inq_if_ids lists {interfaces}, without the endpoint mapper")
    statistics = mgmt.hinq_stats(dce)
    expect(statistics["count"], 4, "inq_stats: how many")
    expect(statistics["status"], 0, "inq_stats: status")
    expect(mgmt.his_server_listening(dce)["status"], 0, "is_server_listening: status")
    try:
        mgmt.hstop_server_listening(dce)
        raise Failed("stop_server_listening succeeded")
    except DCERPCException:
        pass
    expect(mgmt.his_server_listening(dce)["status"], 0, "is_server_listening after a refused stop")
    dce.disconnect()
    return f"{len(interfaces)} interfaces, 4 statistics, listening, stop refused"


@check("open")
def management_answers(lab):
    return management(NDR)


@check("open")
def management_answers_in_ndr64(lab):
    return management(NDR64)


def portmap_in_ndr64():
    dce = connect()
    dce.bind(epm.MSRPC_UUID_PORTMAP, transfer_syntax=NDR64)
    return dce


# Not in a captured phase: tshark 4.0 reads the offset and the count of an annotation as 32 bits in
# NDR64, too, where [MS-RPCE] 2.2.5.3.2 has 64, and calls what follows malformed.
@check("closed")
def lists_the_configured_map_in_ndr64(lab):
    """Page by page: the handle goes back and forth, too."""
    dce = portmap_in_ndr64()
    request = epm.ept_lookup()
    request["inquiry_type"] = epm.RPC_C_EP_ALL_ELTS
    request["object"] = NULL
    request["Ifid"] = NULL
    request["vers_option"] = epm.RPC_C_VERS_ALL
    request["max_ents"] = 3
    found, pages = [], 0
    while True:
        response = dce.request(request)
        expect(response["status"], 0, "status")
        pages += 1
        for entry in response["entries"][:response["num_ents"]]:
            tower = b"".join(entry["tower"]["tower_octet_string"])
            found.append(to_entry({"tower": epm.EPMTower(tower), "object": entry["object"],
                                   "annotation": b"".join(entry["annotation"])}))
        handle = response["entry_handle"]
        if handle.isNull():
            break
        request["entry_handle"] = handle
    dce.disconnect()
    expect_same_list(found, sample.ENTRIES, "ept_lookup in NDR64")
    return f"{len(found)} entries in {pages} pages"


@check("open")
def maps_in_ndr64(lab):
    found = epm.hept_map(sample.SERVER, uuidtup_to_bin(sample.SPICE), protocol="ncacn_ip_tcp",
                         dce=Ndr64(connect()))
    expect(found, "ncacn_ip_tcp:10.135.0.2[49200]", "ept_map in NDR64")


class Ndr64:
    """A connection whose binds offer NDR64, whoever makes them."""

    def __init__(self, dce):
        self.dce = dce

    def bind(self, interface):
        return self.dce.bind(interface, transfer_syntax=NDR64)

    def __getattr__(self, name):
        return getattr(self.dce, name)


@check("open")
def refusals_have_the_text_that_rpcmap_looks_for(lab):
    dce = connect()
    try:
        dce.bind(uuidtup_to_bin(("deadbeef-0000-4000-8000-000000000001", "1.0")))
        raise Failed("bind to an unknown interface was accepted")
    except DCERPCException as error:
        if "abstract_syntax_not_supported" not in str(error):
            raise
    dce.disconnect()
    dce = connect()
    dce.bind(epm.MSRPC_UUID_PORTMAP)
    dce.call(99, b"")
    try:
        dce.recv()
        raise Failed("operation 99 was answered")
    except DCERPCException as error:
        if "nca_s_op_rng_error" not in str(error):
            raise
    dce.disconnect()
