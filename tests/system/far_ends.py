"""The other ends of the wires, none of them ours: a meter on pyModbusTCP, an independent charge point."""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

from pyModbusTCP.server import DataBank, ModbusServer

from tests.charge_point import ChargePoint, online
from tests.system.daemon import SECRET


class _TimedDataBank(DataBank):  # type: ignore[misc]  # the library is untyped
    """Remembers when the currents were read."""

    def __init__(self) -> None:
        super().__init__(h_regs_size=0, i_regs_size=400)
        self.reads_s: list[float] = []

    def get_input_registers(self, address: int, number: int = 1, srv_info: Any = None) -> Any:
        if address <= 6 < address + number:
            self.reads_s.append(time.monotonic())
        return super().get_input_registers(address, number, srv_info)


class GridMeter:
    """An SDM630 on a free loopback port; phases at cos phi 1."""

    def __init__(self) -> None:
        self.data = _TimedDataBank()
        self.server = ModbusServer("127.0.0.1", 0, no_block=True, data_bank=self.data)
        self._noise = 0

    def show(self, *amperes: float) -> float:
        """Show these currents (one for all phases, or three) from now on; returns the monotonic time of the change."""
        currents = amperes * 3 if len(amperes) == 1 else amperes
        # real voltages never stand still: a reading that does is taken for a frozen one
        self._noise = (self._noise + 1) % 50
        volts = [230.0 + self._noise / 100] * 3
        values = [*volts, *currents, *(u * i for u, i in zip(volts, currents, strict=True))]
        words = struct.unpack(f">{2 * len(values)}H", struct.pack(f">{len(values)}f", *values))
        at = time.monotonic()
        self.data.set_input_registers(0, list(words))
        self.data.set_input_registers(52, _float_words(sum(values[6:9])))
        self.data.set_input_registers(70, _float_words(50.0))
        return at

    def first_read_after(self, at_s: float) -> float:
        """When the currents were first read after that monotonic time."""
        return next(read_s for read_s in self.data.reads_s if read_s >= at_s)

    @property
    def port(self) -> int:
        """The TCP port it answers on."""
        return int(self.server.port)


def _float_words(value: float) -> list[int]:
    return list(struct.unpack(">2H", struct.pack(">f", value)))


@contextlib.contextmanager
def grid_meter(amperes: float) -> Iterator[GridMeter]:
    """A running meter that shows *amperes* on each phase."""
    meter = GridMeter()
    meter.server.port = _free_port()
    meter.show(amperes)
    meter.server.start()
    try:
        yield meter
    finally:
        meter.server.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def charge_point(url: str, identity: str, *, answers: bool = True) -> AsyncIterator[ChargePoint]:
    """A connected charge point that reads what comes."""
    async with online(url, identity, partial(ChargePoint, answers=answers), password=SECRET) as one:
        yield one
