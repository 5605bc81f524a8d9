"""The simulated meter speaks Modbus TCP as an SDM630 does, and fails in the ways that meters fail."""

from __future__ import annotations

import asyncio
import math
import socket
import struct

import pytest

from chargemon_edge.sim.meter import Meter
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.site.units import PerPhase


async def _ask(address: tuple[str, int], pdu: bytes, transaction: int = 7) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(struct.pack(">HHHB", transaction, 0, len(pdu) + 1, 1) + pdu)
    try:
        async with asyncio.timeout(1.0):
            head = await reader.readexactly(7)
            answered, _, length, _ = struct.unpack(">HHHB", head)
            assert answered == transaction
            return await reader.readexactly(length - 1)
    finally:
        writer.close()
        await writer.wait_closed()


def _floats(answer: bytes) -> tuple[float, ...]:
    return struct.unpack(f">{answer[1] // 4}f", answer[2:])


_FIRST_18 = struct.pack(">BHH", 4, 0, 18)


def test_currents_are_magnitudes_and_powers_tell_the_direction() -> None:
    async def main() -> tuple[float, ...]:
        meter = Meter(1)
        address = await meter.start()
        meter.current_ma = PerPhase(10_000, -20_000, 0)
        values = _floats(await _ask(address, _FIRST_18))
        await meter.stop()
        return values

    values = run_virtually(main())

    assert all(228 < volts < 232 for volts in values[:3])
    assert values[3] == pytest.approx(10, abs=0.1)
    assert values[4] == pytest.approx(20, abs=0.1)
    assert values[7] < -4_000 < 2_000 < values[6]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (struct.pack(">BHH", 6, 0, 1), b"\x86\x01"),
        (struct.pack(">BHH", 4, 79, 2), b"\x84\x02"),
        (struct.pack(">BHH", 4, 0, 81), b"\x84\x03"),
        (struct.pack(">BHH", 3, 70, 0), b"\x83\x03"),
    ],
)
def test_what_it_cannot_do_gets_an_exception(question: bytes, answer: bytes) -> None:
    async def main() -> bytes:
        meter = Meter(1)
        given = await _ask(await meter.start(), question)
        await meter.stop()
        return given

    assert run_virtually(main()) == answer


def test_its_faults() -> None:
    async def main() -> None:
        meter = Meter(1)
        meter.current_ma = PerPhase(5_000, 5_000, 5_000)
        address = await meter.start()

        assert await _ask(address, _FIRST_18) != await _ask(address, _FIRST_18)
        meter.faults.frozen = True
        assert await _ask(address, _FIRST_18) == await _ask(address, _FIRST_18)
        meter.faults.frozen, meter.faults.nan = False, True
        assert all(math.isnan(value) for value in _floats(await _ask(address, _FIRST_18)))
        meter.faults.nan, meter.faults.exception = False, True
        assert await _ask(address, _FIRST_18) == b"\x84\x04"
        meter.faults.exception, meter.faults.silent = False, True
        with pytest.raises(TimeoutError):
            await _ask(address, _FIRST_18)
        meter.faults.silent = False
        await meter.power_off()
        with pytest.raises(ConnectionError):
            await _ask(address, _FIRST_18)
        assert await meter.start() == address
        assert len(_floats(await _ask(address, _FIRST_18))) == 9
        await meter.stop()

    run_virtually(main())


def test_without_power_it_keeps_its_port_from_others() -> None:
    async def main() -> None:
        meter = Meter(1)
        address = await meter.start()
        await meter.power_off()

        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(address)
        with pytest.raises(ConnectionError):
            await _ask(address, _FIRST_18)
        await meter.stop()
        with socket.socket() as other:
            other.bind(address)

    run_virtually(main())
