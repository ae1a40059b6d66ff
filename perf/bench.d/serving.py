"""Programs that serve while something else measures them."""

import contextlib
import signal
import subprocess
import time

from check import Failed

START_SECONDS = 20
STOP_SECONDS = 10


@contextlib.contextmanager
def serving(command, log, is_ready, stop=signal.SIGTERM):
    """Runs `command` with its output in the file `log` while in the block."""
    with open(log, "wb") as out:
        # testpmd ends when its standard input does: hence a pipe that nobody writes to.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if process.poll() is not None:
                raise Failed(f"{command[0]} exited with {process.returncode}; see {log}")
            if time.monotonic() > deadline:
                raise Failed(f"{command[0]} was not ready after {START_SECONDS} s; see {log}")
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdin.close()


def pinned(core, *command):
    return ["taskset", "-c", str(core), *command]
