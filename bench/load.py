"""The load: N charge points in a closed loop, each sending its next message when the last one is answered.

A process of its own, pinned to its own core and lean enough not to be what is measured: plain asyncio protocols, frames
masked with zeros, every answer still checked. Started with a port, it connects, prints ``connected`` and then obeys
lines on standard input: ``go SECONDS`` drives that long and prints one line of JSON; end of file ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator

from bench.session import TRANSACTION_ID_PLACE, messages

_TRANSACTION_ID = re.compile(rb'"transactionId"\s*:\s*(-?\d+)')
_CALL = re.compile(rb'\[\s*2\s*,\s*"([^"]*)"\s*,\s*"([^"]*)"')
# Answers that an honest central system accepts with
_ACCEPTS = frozenset(("BootNotification", "Authorize", "StartTransaction"))
CONNECT_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 30.0


def frame(opcode: int, payload: bytes) -> bytes:
    """A final client frame (RFC 6455 §5.2) whose mask is zero: legal, and costs no masking."""
    length = len(payload)
    if length < 126:
        return bytes((0x80 | opcode, 0x80 | length)) + b"\0\0\0\0" + payload
    assert length < 65_536
    return bytes((0x80 | opcode, 0xFE)) + length.to_bytes(2, "big") + b"\0\0\0\0" + payload


class Load:
    """What all charge points share: whether to go on, and what was seen."""

    def __init__(self, count: int, *, echo: bool) -> None:
        self.echo = echo
        self.running = False
        self.answered = 0
        self.latencies_s: list[float] = []
        self.wrong: Counter[str] = Counter()
        self.busy = 0
        self.idle = asyncio.Event()
        self.charge_points = [ChargePoint(self, f"BENCH{number:04d}") for number in range(count)]

    async def connect(self, port: int, path: str, password: str) -> None:
        """Open every link, a few at a time, as switches that get power back do."""
        loop = asyncio.get_running_loop()
        for start in range(0, len(self.charge_points), 20):
            group = self.charge_points[start : start + 20]
            for one in group:
                await loop.create_connection(lambda one=one: one, "127.0.0.1", port)  # type: ignore[misc]  # one lambda each
                one.handshake(port, path, password)
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.gather(*(one.open for one in group))

    async def drive(self, seconds: float) -> dict[str, object]:
        """Everybody sends for *seconds*; returns when the last answer is in."""
        self.answered = 0
        self.latencies_s = []
        self.wrong.clear()
        self.idle.clear()
        self.running = True
        started_s = time.monotonic()
        for one in self.charge_points:
            one.proceed()
        await asyncio.sleep(seconds)
        self.running = False
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self.idle.wait()
        except TimeoutError:
            self.wrong["never answered"] += self.busy
        latencies_ms = sorted(1000 * one for one in self.latencies_s)
        return {
            "messages": self.answered,
            "seconds": time.monotonic() - started_s,
            "p50_ms": latencies_ms[len(latencies_ms) // 2] if latencies_ms else 0.0,
            "p99_ms": latencies_ms[len(latencies_ms) * 99 // 100] if latencies_ms else 0.0,
            "wrong": dict(self.wrong),
        }


class ChargePoint(asyncio.Protocol):
    """One charge point's end of the wire."""

    def __init__(self, load: Load, identity: str) -> None:
        self._load = load
        self._identity = identity
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._upgraded = False
        self._session_number = time.time_ns() // 1_000_000 % 1_000_000_000
        self._session: Iterator[tuple[str, bytes]] = iter(())
        self._transaction_id = b"0"
        self._sent_number = 0
        self._action = ""
        self._expected = b""
        self._sent_s = 0.0
        self._waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._load.wrong[f"connection lost ({exc or 'closed'})"] += 1
        if not self.open.done():
            self.open.set_exception(ConnectionError(f"refused: {self._buffer[:200]!r}"))
        if self._waiting:
            self._rest()

    def handshake(self, port: int, path: str, password: str) -> None:
        """Ask for the WebSocket (RFC 6455 §4.1)."""
        credentials = base64.b64encode(f"{self._identity}:{password}".encode()).decode()
        assert self._transport is not None
        self._transport.write(
            (
                f"GET {path}/{self._identity} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                f"Sec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: Basic {credentials}\r\n\r\n"
            ).encode()
        )

    def proceed(self) -> None:
        """Send the next message of the session, or begin a new one."""
        if self._transport is None:
            return
        step = next(self._session, None)
        if step is None:
            self._session_number += 1
            self._session = messages(self._session_number)
            step = next(self._session)
        self._action, payload = step
        self._sent_number += 1
        unique_id = b"%08x" % self._sent_number
        self._expected = (b'[2,"%b"' if self._load.echo else b'[3,"%b"') % unique_id
        if TRANSACTION_ID_PLACE in payload:
            payload = payload.replace(TRANSACTION_ID_PLACE, self._transaction_id)
        if not self._waiting:
            self._waiting = True
            self._load.busy += 1
        self._sent_s = time.perf_counter()
        self._transport.write(frame(1, b'[2,"%b","%b",%b]' % (unique_id, self._action.encode(), payload)))

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._upgraded:
            self._read_handshake()
        while self._upgraded and self._take_frame():
            pass

    def _read_handshake(self) -> None:
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            if not self.open.done():
                self.open.set_exception(ConnectionError(f"refused: {head[:200]!r}"))
            return
        self._upgraded = True
        self._buffer = rest
        self.open.set_result(None)

    def _take_frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        length, start = buffer[1] & 0x7F, 2
        if length == 126:
            if len(buffer) < 4:
                return False
            length, start = int.from_bytes(buffer[2:4], "big"), 4
        if len(buffer) < start + length:
            return False
        opcode, payload = buffer[0] & 0x0F, buffer[start : start + length]
        self._buffer = buffer[start + length :]
        if opcode == 1:
            self._answered(payload)
        elif opcode == 9 and self._transport is not None:
            self._transport.write(frame(10, payload))
        return True

    def _answered(self, payload: bytes) -> None:
        if not payload.replace(b" ", b"", 3).startswith(self._expected):
            self._other(payload)
            return
        load = self._load
        load.answered += 1
        load.latencies_s.append(time.perf_counter() - self._sent_s)
        if not load.echo and self._action in _ACCEPTS:
            if b"Accepted" not in payload:
                load.wrong[f"{self._action}: {payload[:120]!r}"] += 1
            if self._action == "StartTransaction":
                found = _TRANSACTION_ID.search(payload)
                self._transaction_id = found.group(1) if found else b"0"
        if load.running:
            self.proceed()
        else:
            self._rest()

    def _other(self, payload: bytes) -> None:
        """A CALL of the central system is accepted; anything else is counted as wrong."""
        call = _CALL.match(payload)
        if call is None or self._transport is None:
            self._load.wrong[f"answer to {self._action}: {payload[:120]!r}"] += 1
            return
        empty = call.group(2) == b"GetConfiguration"
        answer = b'{"configurationKey":[],"unknownKey":[]}' if empty else b'{"status":"Accepted"}'
        self._transport.write(frame(1, b'[3,"%b",%b]' % (call.group(1), answer)))

    def _rest(self) -> None:
        self._waiting = False
        self._load.busy -= 1
        if self._load.busy == 0:
            self._load.idle.set()


async def _obey(load: Load) -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word, _, argument = line.strip().partition(" ")
        assert word == "go", f"unknown command {line!r}"
        print(json.dumps(await load.drive(float(argument))), flush=True)


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--path", default="/ocpp")
    parser.add_argument("--password", default="")
    parser.add_argument("--echo", action="store_true", help="the far end sends each frame back as it came")
    arguments = parser.parse_args()
    load = Load(arguments.count, echo=arguments.echo)
    await load.connect(arguments.port, arguments.path, arguments.password)
    print("connected", flush=True)
    await _obey(load)


if __name__ == "__main__":
    asyncio.run(_main())
