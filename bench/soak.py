"""The soak: 200 simulated chargers of every personality charge for ten minutes behind one metered fuse.

The daemon (a process of its own) balances at every sample of the meter, once a second; beside that, twenty more charge
points present a card in turn, every 50 ms, and wait for the answer. Loopback only, and over when its time is up. Not
part of ``make bench``: run it by ``python -m bench.soak``.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from bench import daemon
from bench.figures import Figure, show
from bench.load import frame
from bench.processes import CLIENT_CORE, PASSWORD

PROBES = 20
PAUSE_S = 0.05
WARM_S = 20.0
_ANSWER_TIMEOUT_S = 10.0
_MEMORY_EVERY_S = 5.0

_SITE = """
[site]
name = "soak"
[[circuit]]
name = "main"
fuse_a = {fuse_a}
margin_a = 5
[authorisation]
accept_unknown = true
[chargers]
host = "127.0.0.1"
port = 0
max_sockets = 500
max_handshakes_per_source = 500
[page]
host = "127.0.0.1"
port = 0
unix_socket = "{folder}/control.sock"
[store]
directory = "{folder}/state"
[[meter]]
name = "grid"
circuit = "main"
host = "127.0.0.1"
port = {meter_port}
model = "eastron-sdm630"
rating_ma = 9000000
"""
_CHARGE_POINT = """
[[charge_point]]
identity = "{identity}"
password_file = "password"
quiet = {quiet}
[[charge_point.connector]]
number = 1
circuit = "main"
max_a = {max_a}
fallback_a = 0
"""


class Seen(NamedTuple):
    """What came of it."""

    latencies_ms: list[float]
    wrong: Counter[str]
    """Answers to Authorize that were not Accepted, and what else must not be."""
    memory_mb: list[float]
    """Resident memory of the daemon, every few seconds."""
    cpu_share: float
    crowd: dict[str, int]


def _write_config(folder: Path, count: int, meter_port: int) -> Path:
    (folder / "state").mkdir(exist_ok=True)
    (folder / "password").write_text(PASSWORD)
    points = [_CHARGE_POINT.format(identity=f"SOAK{number:03}", quiet="false", max_a=32) for number in range(count)] + [
        _CHARGE_POINT.format(identity=f"PROBE{number:02}", quiet="true", max_a=6) for number in range(PROBES)
    ]
    config = folder / "config.toml"
    # enough for every charger that was never confirmed, and too little for all cars at once
    fuse_a = 12 * count + 6 * PROBES + 40
    config.write_text(_SITE.format(folder=folder, fuse_a=fuse_a, meter_port=meter_port) + "".join(points))
    return config


class _Probe:
    """A charge point on a blocking socket: what it measures is the daemon, not an event loop of ours."""

    def __init__(self, port: int, identity: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), _ANSWER_TIMEOUT_S)
        self._buffer = b""
        self._number = 0
        login = base64.b64encode(f"{identity}:{PASSWORD}".encode()).decode()
        self._socket.sendall(
            (
                f"GET /ocpp/{identity} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                f"Sec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: Basic {login}\r\n\r\n"
            ).encode()
        )
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._received()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise ConnectionError(f"refused: {head!r}")

    def close(self) -> None:
        """Let go."""
        self._socket.close()

    def authorize(self) -> tuple[float, Any]:
        """Present a card; seconds until the answer, and the answer."""
        self._number += 1
        call = f'[2,"{self._number}","Authorize",{{"idTag":"CARD-{self._number % 400}"}}]'.encode()
        sent_s = time.perf_counter()
        self._socket.sendall(frame(1, call))
        while True:
            opcode, payload = self._message()
            if opcode == 1:
                return time.perf_counter() - sent_s, json.loads(payload)
            if opcode == 9:
                self._socket.sendall(frame(10, payload))

    def _message(self) -> tuple[int, bytes]:
        opcode, length = self._take(2)
        if length == 126:
            length = int.from_bytes(self._take(2), "big")
        return opcode & 0x0F, self._take(length)

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._buffer += self._received()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _received(self) -> bytes:
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionError("the daemon closed the link")
        return data


class _Crowd:
    """:mod:`bench.soak_site` as a process."""

    def __init__(self, config: Path) -> None:
        self._process = subprocess.Popen(
            ["taskset", "--cpu-list", str(CLIENT_CORE), sys.executable, "-m", "bench.soak_site", str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        word, _, port = self._line().partition(" ")
        assert word == "meter", word
        self.meter_port = int(port)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def dial(self, port: int) -> None:
        """Let them connect."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"dial {port}\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, int]:
        """Stop them; how they stood."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        seen: dict[str, int] = json.loads(self._line())
        self._process.wait(30)
        return seen

    def kill(self) -> None:
        """Whatever happened before."""
        with self._process:
            self._process.kill()


def play(folder: Path, *, count: int, seconds: float, warm_s: float = WARM_S) -> Seen:
    """Let *count* chargers work for *seconds*, after *warm_s* in which they connect."""
    wrong: Counter[str] = Counter()
    latencies_ms: list[float] = []
    memory_mb: list[float] = []
    with contextlib.ExitStack() as stack:
        crowd = _Crowd(_write_config(folder, count, meter_port=1))
        stack.callback(crowd.kill)
        server = stack.enter_context(daemon.start(_write_config(folder, count, crowd.meter_port)))
        crowd.dial(server.port)
        time.sleep(warm_s)
        probes = [
            stack.enter_context(contextlib.closing(_Probe(server.port, f"PROBE{number:02}")))
            for number in range(PROBES)
        ]
        began_s, cpu_s = time.monotonic(), server.cpu_s()
        measured_s = 0.0
        while (elapsed_s := time.monotonic() - began_s) < seconds:
            if elapsed_s >= measured_s:
                memory_mb.append(server.resident_mb())
                measured_s += _MEMORY_EVERY_S
            took_s, answer = probes[len(latencies_ms) % PROBES].authorize()
            latencies_ms.append(1000 * took_s)
            if answer[0] != 3 or answer[2]["idTagInfo"]["status"] != "Accepted":
                wrong[str(answer)[:200]] += 1
            time.sleep(PAUSE_S)
        cpu_share = (server.cpu_s() - cpu_s) / (time.monotonic() - began_s)
        memory_mb.append(server.resident_mb())
        seen = crowd.end()
        for line in server.output().splitlines():
            if re.search(r"Traceback|Error\b|request failed|link failed|not armed", line):
                wrong[line[:200]] += 1
    return Seen(latencies_ms, wrong, memory_mb, cpu_share, seen)


def main() -> list[Figure]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chargers", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    print(f"soak: {arguments.chargers} simulated chargers, {arguments.minutes:g} minutes")
    with tempfile.TemporaryDirectory() as folder:
        seen = play(Path(folder), count=arguments.chargers, seconds=60 * arguments.minutes)
    latencies_ms = sorted(seen.latencies_ms)
    # the first fifth fills caches and pools
    settled = seen.memory_mb[len(seen.memory_mb) // 5 :]
    half = len(settled) // 2
    growth_mb = sum(settled[half:]) / len(settled[half:]) - sum(settled[:half]) / len(settled[:half])
    figures = [
        Figure("personalities", seen.crowd["personalities"], ""),
        Figure("chargers linked at the end", seen.crowd["linked"], ""),
        Figure("charging sessions", seen.crowd["sessions"], ""),
        Figure("Authorize, median", latencies_ms[len(latencies_ms) // 2], "ms"),
        Figure("Authorize, 99 %", latencies_ms[len(latencies_ms) * 99 // 100], "ms", at_most=50),
        Figure("Authorize, worst", latencies_ms[-1], "ms"),
        Figure("Authorize: wrong answers, and errors in the log", seen.wrong.total(), "", at_most=0),
        Figure("daemon: share of a core", 100 * seen.cpu_share, "%"),
        Figure("daemon: resident at the end", seen.memory_mb[-1], "MB"),
        Figure("daemon: resident, second half of the time less the first", growth_mb, "MB", at_most=1.0),
    ]
    show(figures)
    per_minute = round(60 / _MEMORY_EVERY_S)
    print("  resident, MB by the minute:", *(f"{one:.1f}" for one in seen.memory_mb[::per_minute]))
    print("  load of the machine at the end:", *(f"{one:.2f}" for one in os.getloadavg()))
    for what, times in seen.wrong.most_common(10):
        print(f"  {times} × {what}")
    return figures


if __name__ == "__main__":
    main()
