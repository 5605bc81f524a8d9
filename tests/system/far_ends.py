"""The other ends of the wires, none of them ours: a meter on pyModbusTCP, charge points on the PyPI package ocpp."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint as OcppChargePoint
from ocpp.v16 import call, call_result
from ocpp.v16.enums import Action, ChargingProfileStatus, ClearChargingProfileStatus, TriggerMessageStatus
from pyModbusTCP.server import DataBank, ModbusServer

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


class ChargePoint(OcppChargePoint):  # type: ignore[misc]  # the library is untyped
    """A charge point that obeys; remembers every limit with the monotonic time it arrived."""

    def __init__(self, identity: str, connection: Any, *, answers: bool = True) -> None:
        super().__init__(identity, connection)
        self.answers = answers
        self.limits: list[tuple[float, int, dict[str, Any]]] = []

    @on(Action.set_charging_profile)  # type: ignore[untyped-decorator]  # as above
    async def _profile(self, connector_id: int, cs_charging_profiles: dict[str, Any]) -> Any:
        self.limits.append((time.monotonic(), connector_id, cs_charging_profiles))
        if not self.answers:
            await asyncio.sleep(3600)
        return call_result.SetChargingProfile(status=ChargingProfileStatus.accepted)

    @on(Action.clear_charging_profile)  # type: ignore[untyped-decorator]  # as above
    async def _clear(self, **_criteria: Any) -> Any:
        return call_result.ClearChargingProfile(status=ClearChargingProfileStatus.accepted)

    @on(Action.trigger_message)  # type: ignore[untyped-decorator]  # as above
    async def _trigger(self, **_what: Any) -> Any:
        return call_result.TriggerMessage(status=TriggerMessageStatus.not_implemented)

    def tx_limits(self) -> list[tuple[float, float]]:
        """(arrival, first period's amperes) of every TxProfile so far."""
        return [
            (arrived, float(profile["charging_schedule"]["charging_schedule_period"][0]["limit"]))
            for arrived, _, profile in self.limits
            if profile["charging_profile_purpose"] == "TxProfile"
        ]

    async def boot(self) -> Any:
        """BootNotification; its confirmation."""
        return await self.call(call.BootNotification(charge_point_vendor="Acme", charge_point_model="Post"))

    async def status(self, connector: int, status: str) -> None:
        """StatusNotification."""
        await self.call(
            call.StatusNotification(connector_id=connector, error_code="NoError", status=status, timestamp=now_text())
        )

    async def begin(self, connector: int, *, id_tag: str = "CARD", meter_start: int = 0, timestamp: str = "") -> int:
        """StartTransaction; the id."""
        answer = await self.call(
            call.StartTransaction(
                connector_id=connector, id_tag=id_tag, meter_start=meter_start, timestamp=timestamp or now_text()
            )
        )
        return int(answer.transaction_id)

    async def try_begin(self, connector: int, *, meter_start: int) -> int | None:
        """StartTransaction; the id, or None when it is answered with a CALLERROR."""
        answer = await self.call(
            call.StartTransaction(connector_id=connector, id_tag="CARD", meter_start=meter_start, timestamp=now_text())
        )
        return None if answer is None else int(answer.transaction_id)

    async def values(self, connector: int, transaction_id: int, amperes: float) -> None:
        """MeterValues with the current on three phases."""
        sampled = [
            {"value": f"{amperes:.1f}", "measurand": "Current.Import", "unit": "A", "phase": phase}
            for phase in ("L1", "L2", "L3")
        ]
        await self.call(
            call.MeterValues(
                connector_id=connector,
                transaction_id=transaction_id,
                meter_value=[{"timestamp": now_text(), "sampled_value": sampled}],
            )
        )

    async def end(self, transaction_id: int, *, meter_stop: int = 1000) -> Any:
        """StopTransaction; its confirmation."""
        return await self.call(
            call.StopTransaction(meter_stop=meter_stop, timestamp=now_text(), transaction_id=transaction_id)
        )


def now_text() -> str:
    """Now, as OCPP writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@contextlib.asynccontextmanager
async def charge_point(url: str, identity: str, *, answers: bool = True) -> AsyncIterator[ChargePoint]:
    """A connected charge point that reads what comes."""
    login = base64.b64encode(f"{identity}:{SECRET}".encode()).decode()
    async with websockets.connect(
        f"{url}/{identity}",
        subprotocols=[websockets.Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {login}"},
        proxy=None,
    ) as connection:
        one = ChargePoint(identity, connection, answers=answers)
        reading = asyncio.create_task(one.start())
        try:
            yield one
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await reading


async def until(true: Callable[[], bool], *, within_s: float, what: str) -> None:
    """Wait until *true*, looking often."""
    async with asyncio.timeout(within_s):
        try:
            while not true():
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            print(f"gave up waiting for: {what}")
            raise
