"""The map that the server under test is given, and its configuration file."""

import os
from typing import NamedTuple

NIL = "00000000-0000-0000-0000-000000000000"
SERVER = "10.135.0.2"
CLIENT = "10.135.0.1"
SERVER_IPV6 = "fd00:135::2"  # of the demo


class Entry(NamedTuple):
    """A registered endpoint in the one form that all peers' lists are brought into."""
    interface: str
    version: str
    object: str
    binding: str
    annotation: str


# smbtorture knows LSA and asks the endpoint of every interface it knows for mgmt: so LSA is at the
# mapper's own port. Nobody knows the other interfaces, and nobody listens on their ports.
LSA = ("12345778-1234-abcd-ef00-0123456789ab", "0.0")
SPICE = ("5b1ce000-0001-4a00-8000-00a0c91e0001", "1.0")
SALT = ("5a170000-0002-4a00-8000-00a0c91e0002", "3.0")
AMBER = ("a3be4000-0003-4a00-8000-00a0c91e0003", "2.7")
OBJECT = "11111111-2222-3333-4444-555555555555"

ENTRIES = [
    Entry(*LSA, NIL, "ncacn_ip_tcp:10.135.0.2[135]", "LSA"),
    Entry(*LSA, NIL, r"ncacn_np:PORTOLAN[\pipe\lsass]", "LSA over a pipe"),
    Entry(*SPICE, NIL, "ncacn_ip_tcp:10.135.0.2[49200]", "spice"),
    Entry(*SPICE, NIL, "ncadg_ip_udp:10.135.0.2[49201]", "spice over UDP"),
    Entry(*SPICE, NIL, r"ncacn_np:PORTOLAN[\pipe\spice]", ""),
    Entry(*SPICE, NIL, "ncacn_http:10.135.0.2[49593]", "spice over HTTP"),
    Entry(*SPICE, NIL, "ncalrpc:[spice]", "spice, locally"),
    Entry(*SALT, NIL, "ncacn_ip_tcp:10.135.0.2[49156]", "a" * 63),
    Entry(*SALT, OBJECT, "ncacn_ip_tcp:10.135.0.2[49157]", "by object"),
    Entry(*AMBER, NIL, "ncacn_ip_tcp:10.135.0.2[65535]", "highest port"),
    Entry(*AMBER, NIL, "ncacn_ip_tcp:10.135.0.2[1]", "lowest port"),
]


# The endpoint of rpcecho: smbtorture asks the mapper for it.
ECHO = Entry("60a15ec5-4de8-11d7-a637-005056a20182", "1.0", NIL, "ncacn_ip_tcp:10.135.0.2[135]",
             "rpcecho")
# All that is not served unless it is asked for.
EVERYTHING = f"""\
  - ncacn_http: 593
interfaces:
  rpcecho: true
  dcom: disabled
oxid:
  bindings: [srv1.example, {SERVER}]
"""


def configuration(socket, allow, device="net_tap0,iface=ptl0", workers=None, entries=(), limits=None,
                  every=False):
    """A configuration file for the lab; `allow`: whether the network may register.

    `workers`: cores, by default the highest one there is. `entries` come after the sample's.
    `limits`: keys of that section. `every`: whether all interfaces are served, also over HTTP.
    """
    text = f"""\
dataplane:
  ports:
    - device: {device}
  workers: {workers or [max(os.sched_getaffinity(0))]}
  hugepages: off
network:
  addresses: [{SERVER}/24]
listen:
  - ncacn_ip_tcp: 135
{EVERYTHING if every else ""}\
control:
  socket: {socket}
mapper:
"""
    if allow:
        text += f"""\
  registrations:
    allow: [10.135.0.0/24]
    allow_nil_interface: true
"""
    text += "  endpoints:\n"
    for entry in [*ENTRIES, *[ECHO] * every, *entries]:
        text += (f"    - interface: {entry.interface}\n"
                 f"      version: \"{entry.version}\"\n"
                 f"      binding: '{entry.binding}'\n")
        if entry.object != NIL:
            text += f"      object: {entry.object}\n"
        if entry.annotation:
            text += f"      annotation: {entry.annotation}\n"
    if limits:
        text += "limits:\n"
        text += "".join(f"  {key}: {value}\n" for key, value in limits.items())
    return text
