"""``3am align`` on the logs of two real processes, one of which has a clock that faketime(1) has shifted."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.commands import Run, good
from threeam.timeline.shifts import parse_shift

REQUESTS = 300
SERVER = """
import socket, sys, time

def stamp():
    ns = time.time_ns()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9)) + f".{ns % 10**9:09d}Z"

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("ready", flush=True)
connection, _ = listener.accept()
with open(sys.argv[2], "w") as log:
    while request := connection.recv(100):
        log.write(f"{stamp()} serve req={request.decode()}\\n")
        connection.send(request)
"""


def stamp() -> str:
    ns = time.time_ns()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(ns // 10**9))}.{ns % 10**9:09d}Z"


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime shifts the clock of a process")
@pytest.mark.parametrize(("ahead", "ahead_ns"), [("+3.2s", 3_200_000_000), ("-0.25s", -250_000_000)])
def test_the_clock_of_another_process_is_measured(run: Run, tmp_path: Path, ahead: str, ahead_ns: int) -> None:
    address, called, caller = tmp_path / "socket", tmp_path / "web2.log", tmp_path / "web1.log"
    argv = ["faketime", "-f", ahead, sys.executable, "-c", SERVER, str(address), str(called)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        with socket.socket(socket.AF_UNIX) as connection, caller.open("w") as log:
            connection.connect(str(address))
            for number in range(REQUESTS):
                log.write(f"{stamp()} call req={number}\n")
                connection.send(b"%d" % number)
                connection.recv(100)
                log.write(f"{stamp()} answer req={number}\n")
        assert server.wait(60) == 0
    printed = good(run("align", str(caller), str(called), "--key", r"req=(\w+)"))
    assert printed.startswith(f"{REQUESTS} requests in both logs, 2 lines of each in web1\n")
    _, (shift_ns, bound_ns) = parse_shift(printed.splitlines()[-1].removeprefix("--shift ").strip("'"))
    assert bound_ns is not None
    assert abs(shift_ns + ahead_ns) <= bound_ns
    assert bound_ns < 10_000_000, "one request of 300 takes less than 20 ms"
