"""What tshark, which is nobody's ally, makes of everything that passed over ptl0."""

import sample
from check import Failed, check

ANALYSIS = " || ".join(f"tcp.analysis.{flag}" for flag in (
    "retransmission", "fast_retransmission", "spurious_retransmission", "duplicate_ack",
    "out_of_order", "lost_segment", "ack_lost_segment"))
FROM_SERVER = f"ip.src == {sample.SERVER}"


def none(lab, filter_text, what):
    """Fails with the first frames that the filter shows."""
    lines = lab.tshark("-Y", filter_text)
    if lines:
        raise Failed(f"{len(lines)} frames {what}: {lines[0].strip()[:160]}")


def frames(lab, filter_text, at_least):
    """A check of an empty capture shows nothing: how many frames there are to judge."""
    count = len(lab.tshark("-Y", filter_text, "-T", "fields", "-e", "frame.number"))
    if count < at_least:
        raise Failed(f"captured {count} frames of {filter_text}, expected {at_least} and more")
    return f"{count} frames"


@check("open", stopped=True)
def clean_peers_no_malformed_packet(lab):
    none(lab, "_ws.malformed", "are malformed")
    return frames(lab, "dcerpc", 500)


@check("open", stopped=True)
def clean_peers_no_expert_error(lab):
    none(lab, "_ws.expert.severity == error", "have an expert error")


@check("open", stopped=True)
def clean_peers_nothing_is_sent_twice_or_out_of_order(lab):
    none(lab, ANALYSIS, "are repeated, lost or out of order")
    return frames(lab, "tcp", 1000)


@check("open", stopped=True)
def clean_peers_no_reset_from_the_server(lab):
    none(lab, f"{FROM_SERVER} && tcp.flags.reset == 1", "are resets of the server")


@check("open", stopped=True)
def clean_peers_checksums_are_right(lab):
    none(lab, f"{FROM_SERVER} && (ip.checksum.status == 0 || tcp.checksum.status == 0)",
         "have a wrong checksum")
    return frames(lab, f"{FROM_SERVER} && tcp.checksum.status == 1", 500)


@check("hostile", stopped=True)
def hostile_input_no_malformed_packet_from_the_server(lab):
    none(lab, f"_ws.malformed && {FROM_SERVER}", "of the server are malformed")
    return frames(lab, f"dcerpc && {FROM_SERVER}", 100)


@check("hostile", stopped=True)
def hostile_input_no_reset_from_the_server(lab):
    none(lab, f"{FROM_SERVER} && tcp.flags.reset == 1", "are resets of the server")


@check("hostile", stopped=True)
def hostile_input_checksums_are_right(lab):
    none(lab, f"{FROM_SERVER} && (ip.checksum.status == 0 || tcp.checksum.status == 0)",
         "have a wrong checksum")
