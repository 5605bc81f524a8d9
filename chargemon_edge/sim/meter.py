"""A grid meter as a small Modbus TCP server of our own: the float registers of an Eastron SDM630 (function codes 3, 4).

It must not share code with the client that it tests, and it must be cheap: a simulated day has 86,400 polls.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct

import msgspec

from chargemon_edge.sim.reserved_port import reserve
from chargemon_edge.site.units import ZERO

_REGISTERS = 80
_READ_MAX = 80
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE, _DEVICE_FAILURE = 1, 2, 3, 4
_HEADER = struct.Struct(">HHHB")
_QUESTION = struct.Struct(">BHH")
_FLOATS = struct.Struct(">40f")
_NAN = float("nan")


class MeterFaults(msgspec.Struct):
    """What is wrong with the meter at the moment."""

    silent: bool = False
    """Takes connections and questions, answers nothing."""
    frozen: bool = False
    """Answers what it knew when it froze."""
    nan: bool = False
    exception: bool = False
    """Answers every question with 'device failure'."""
    outages: int = 0
    """How many reasons it has for being without power."""


class Meter:
    """One meter; the world sets :attr:`current_ma`, clients read it."""

    def __init__(self, seed: int, *, noise_ma: int = 50, unit: int = 1) -> None:
        self.current_ma = ZERO
        self.faults = MeterFaults()
        self.unit = unit
        self.questions = 0
        self.noise_ma = noise_ma
        self._chance = random.Random(f"meter {seed}")
        self._registers = b"\0" * (2 * _REGISTERS)
        self._energy_kwh = 1_000.0
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._reserved: socket.socket | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> tuple[str, int]:
        """Listen; returns where. After :meth:`power_off` it comes back on its old port."""
        if self._reserved is None:
            self._reserved = reserve(host, port)
        host, port = self._reserved.getsockname()
        self._server = await asyncio.get_running_loop().create_server(lambda: _Link(self), sock=reserve(host, port))
        return host, port

    def cut(self) -> None:
        """Every connection breaks."""
        for link in list(self._links):
            link.abort()

    async def power_off(self) -> None:
        """Every connection breaks, nobody listens; the port stays its own."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
            self._server = None

    async def stop(self) -> None:
        """For good: the port is given up as well."""
        await self.power_off()
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    def measure(self) -> bytes:
        """All registers as they stand now, two bytes each; moves a little every time, as real voltages do."""
        if self.faults.frozen:
            return self._registers
        noise = self._chance.random
        values = [0.0] * 40
        total_w = 0.0
        for phase, current_ma in enumerate(self.current_ma):
            volts = 229.0 + 2.0 * noise()
            amperes = (current_ma + self.noise_ma * (2.0 * noise() - 1.0)) / 1000.0
            # the meter gives currents as magnitudes; the power of the same phase tells the direction
            values[phase] = volts
            values[3 + phase] = abs(amperes)
            values[6 + phase] = volts * amperes
            total_w += volts * amperes
        self._energy_kwh += max(0.0, total_w) / 3_600_000.0
        values[26] = total_w
        values[35] = 49.98 + 0.04 * noise()
        values[36] = self._energy_kwh
        if self.faults.nan:
            values = [_NAN] * 40
        self._registers = _FLOATS.pack(*values)
        return self._registers

    def answer(self, function: int, address: int, count: int) -> bytes | None:
        """The PDU of the answer, or None to stay silent."""
        self.questions += 1
        if self.faults.silent:
            return None
        if function not in (3, 4):
            return bytes((function | 0x80, _ILLEGAL_FUNCTION))
        if self.faults.exception:
            return bytes((function | 0x80, _DEVICE_FAILURE))
        if not 0 < count <= _READ_MAX:
            return bytes((function | 0x80, _ILLEGAL_VALUE))
        if address + count > _REGISTERS:
            return bytes((function | 0x80, _ILLEGAL_ADDRESS))
        registers = self.measure()
        return bytes((function, 2 * count)) + registers[2 * address : 2 * (address + count)]


class _Link(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._meter._links.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._meter._links.discard(self)

    def abort(self) -> None:
        """Cut it."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data
        while len(buffer) >= _HEADER.size:
            transaction, protocol, length, unit = _HEADER.unpack_from(buffer)
            if protocol != 0 or not 2 <= length <= 254:
                self.abort()
                return
            end = 6 + length
            if len(buffer) < end:
                break
            self._ask(transaction, unit, buffer[_HEADER.size : end])
            buffer = buffer[end:]
        self._buffer = buffer

    def _ask(self, transaction: int, unit: int, question: bytes) -> None:
        if unit != self._meter.unit or len(question) != _QUESTION.size or self._transport is None:
            return
        answer = self._meter.answer(*_QUESTION.unpack(question))
        if answer is not None:
            self._transport.write(_HEADER.pack(transaction, 0, len(answer) + 1, unit) + answer)
