"""An independent charge point: the PyPI package ``ocpp`` on ``websockets``, for every test that wants one."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint as OcppChargePoint
from ocpp.v16 import call, call_result
from ocpp.v16.enums import Action, ChargingProfileStatus, ClearChargingProfileStatus, TriggerMessageStatus


class ChargePoint(OcppChargePoint):  # type: ignore[misc]  # the library is untyped
    """A charge point that obeys; remembers every limit with the monotonic time it arrived."""

    def __init__(self, identity: str, connection: Any, *, answers: bool = True) -> None:
        super().__init__(identity, connection)
        self.answers = answers
        self.limits: list[tuple[float, int, dict[str, Any]]] = []
        # what it was asked to send
        self.triggered: list[str] = []

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
    async def _trigger(self, **what: Any) -> Any:
        self.triggered.append(str(what["requested_message"]))
        return call_result.TriggerMessage(status=TriggerMessageStatus.not_implemented)

    def tx_limits(self) -> list[tuple[float, float]]:
        """(arrival, first period's amperes) of every TxProfile so far."""
        return [
            (arrived, float(profile["charging_schedule"]["charging_schedule_period"][0]["limit"]))
            for arrived, _, profile in self.limits
            if profile["charging_profile_purpose"] == "TxProfile"
        ]

    async def beat(self) -> str:
        """Heartbeat; the time it is told."""
        answer = await self.call(call.Heartbeat())
        return str(answer.current_time)

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


def now_text(**offset: float) -> str:
    """Now, or so far from it, as OCPP writes it."""
    return (datetime.now(UTC) + timedelta(**offset)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Served(Protocol):
    """What reads its own link: a charge point of the package."""

    async def start(self) -> None:
        """Until the link ends."""


Kind = TypeVar("Kind", bound=Served)


@contextlib.asynccontextmanager
async def online(
    url: str,
    identity: str,
    kind: Callable[[str, Any], Kind],
    *,
    password: str,
    through: socket.socket | None = None,
) -> AsyncIterator[Kind]:
    """A charge point of that kind with a link that it reads; *through*: a socket that is connected already."""
    login = base64.b64encode(f"{identity}:{password}".encode()).decode()
    async with websockets.connect(
        f"{url}/{quote(identity)}",
        sock=through,
        subprotocols=[websockets.Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {login}"},
        proxy=None,
    ) as connection:
        one = kind(identity, connection)
        reading = asyncio.create_task(one.start())
        try:
            yield one
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await reading
