"""Reloads under load: no call fails, no connection ends, and a broken file changes nothing."""

import json
import os
import signal
import subprocess
import time

import sample
from check import check, expect, expect_same_list
from peer_portolan import dump

RELOADS = 200
NUTMEG = sample.Entry("0a7e6000-0004-4a00-8000-00a0c91e0004", "1.0", sample.NIL,
                      "ncacn_ip_tcp:10.135.0.2[49400]", "nutmeg")
RULE = "faults:\n  - interface: mgmt\n    fault: access_denied\n"


def write(path, text):
    """Replaces the file at once, as an editor does."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)


@check("ports")
def two_hundred_reloads_under_load_fail_no_call(lab):
    texts = [sample.configuration(lab.socket, False),
             sample.configuration(lab.socket, False, entries=[NUTMEG], limits={"calls": 32}) + RULE]
    broken = texts[1].replace("calls: 32", "calls: none")
    lab.start_with("reload", texts[0])
    lab.address_kernel_side("ptl0")
    path = os.path.join(lab.directory, "reload.yaml")
    load = subprocess.Popen(
        [lab.program("tests/peers/tapload"), "-c", "16", "-d", "4", "-s", "12",
         "-i", "@".join(sample.LSA), sample.SERVER],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)
    begun = time.monotonic()
    for number in range(1, RELOADS + 1):
        write(path, texts[number % 2])
        lab.portolan("reload")
        if number % 40 == 0:
            write(path, broken)
            expect(lab.portolan("reload", check_exit=False).returncode, 64, "a broken file: exit")
    took = time.monotonic() - begun
    said, wrong = load.communicate(timeout=60)
    expect(load.returncode, 0, f"tapload: {wrong.strip()}; exit status")
    expect_same_list(dump(lab), sample.ENTRIES, "portolan dump after an even number of reloads")
    write(path, texts[1])
    lab.server.send_signal(signal.SIGHUP)
    lab.wait_for_stats(lambda now: any(name.startswith("fault.") for name in now))
    expect_same_list(dump(lab), [*sample.ENTRIES, NUTMEG], "portolan dump after SIGHUP")
    shown = json.loads(lab.portolan("config", "show", "--json").stdout)["config"]
    expect((shown["limits"]["calls"], len(shown["faults"])), (32, 1), "config show")
    differences = json.loads(lab.portolan("config", "diff", "--json").stdout)["differences"]
    expect(differences, [], "config diff")
    expect(lab.stop(), 0, "exit status after SIGTERM")
    return f"{RELOADS} reloads in {took:.1f} s; {said.strip()}"
