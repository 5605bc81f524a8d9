"""Measured values by the minute, all of a minute in one message, in columns. From disk: an outage costs nothing.

A batch is named by its first minute since 1970: nothing is numbered, nothing more is stored, and a batch can be made
again for as long as the values are kept. What an outage has kept back comes later, slowly, and thinned the longer it
lasted: it is worth less than what is new.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec
from msgspec import UNSET

from chargemon_edge.control.ports import Clock
from chargemon_edge.control.records import HistoryUnavailableError
from chargemon_edge.control.upstream_records import Measured, MeasuredLog
from chargemon_edge.ocpp.timestamps import format_utc
from chargemon_edge.site.layout import ConnectorKey, Site
from chargemon_edge.site.units import to_site_frame
from chargemon_edge.upstream.bodies import Cell, Telemetry, known
from chargemon_edge.upstream.flow import LOST, Flow
from chargemon_edge.upstream.mqtt import Outgoing
from chargemon_edge.upstream.pacer import Pacer
from chargemon_edge.upstream.topics import Topics

log = logging.getLogger(__name__)

COLUMNS = ("cp", "c", "tx", "p", "i1", "i2", "i3", "reg", "n")
GRID_COLUMNS = ("meter", "i1", "i2", "i3", "max1", "max2", "max3", "p", "n")
EXPIRY_S = 7 * 24 * 3600
HISTORY_PER_S = 20.0
HISTORY_DELAY_MAX_S = 900.0
# the longer the outage, the coarser its history: from so many minutes on in steps of so many
THINNED = ((7 * 1440, 15), (1440, 5))
UNREADABLE_S = 10.0

_encode = msgspec.json.Encoder().encode


def step_of(outage_minutes: int, usual: int) -> int:
    """The minutes in one batch of history."""
    coarse = next((step for least, step in THINNED if outage_minutes >= least), 1)
    return max(coarse, usual)


class TelemetrySource:
    """Makes batches of what is on disk."""

    def __init__(self, measured: MeasuredLog, site: Callable[[], Site]) -> None:
        self._measured = measured
        self._site = site

    async def first_minute(self) -> int | None:
        """The oldest minute of which anything is kept."""
        return await self._measured.first_minute()

    async def batch(
        self, minute: int, minutes: int, *, prev: int, hist: bool = False, rp: str | None = None
    ) -> bytes | None:
        """One message; None: nothing was measured then."""
        found = await self._measured.measured(minute, minutes)
        if not found.connectors and not found.meters:
            return None
        return _encode(_body(found, self._site(), minute, minutes, prev=prev, hist=hist, rp=rp))


def _body(
    found: Measured, site: Site, minute: int, minutes: int, *, prev: int, hist: bool, rp: str | None
) -> Telemetry:
    rows: list[tuple[Cell, ...]] = []
    for one in found.connectors:
        current_ma = one.current_ma
        connector = site.connectors.get(ConnectorKey(one.charge_point, one.connector))
        if current_ma is not None and connector is not None:
            current_ma = to_site_frame(connector.rotation, current_ma)
        currents: tuple[Cell, ...] = (None, None, None) if current_ma is None else tuple(_a(ma) for ma in current_ma)
        rows.append(
            (
                one.charge_point,
                one.connector,
                one.transaction_id,
                one.power_w,
                *currents,
                one.energy_wh,
                one.reports,
            )
        )
    return Telemetry(
        s=minute,
        ts=format_utc(minute * 60_000),
        step=minutes * 60,
        prev=prev,
        cols=COLUMNS,
        rows=tuple(rows),
        gcols=GRID_COLUMNS,
        grid=tuple(
            (one.meter, *(_a(ma) for ma in (*one.mean_ma, *one.highest_ma)), one.power_w, one.samples)
            for one in found.meters
        ),
        hist=True if hist else UNSET,
        rp=known(rp),
    )


def _a(current_ma: int) -> float:
    return round(current_ma / 1000, 2)


class TelemetryStream:
    """One upstream's telemetry."""

    def __init__(
        self,
        source: TelemetrySource,
        clock: Clock,
        topics: Topics,
        *,
        heard: int,
        step_s: int,
        lag_s: float,
        moved: Callable[[], None],
    ) -> None:
        """*heard*: up to which minute; 0: from now on. *lag_s*: so long after its end a minute is on disk."""
        self._source = source
        self._clock = clock
        self._topics = topics
        self._step = max(1, step_s // 60)
        self._lag_s = lag_s
        self._moved = moved
        self.heard = heard or self._minute()
        # where the last batch that was new has ended
        self._live_end = self.heard

    def _minute(self) -> int:
        """The first that is not whole yet, in whole steps."""
        minute = int((self._clock.utc_ms() / 1000 - self._lag_s) // 60)
        return minute - minute % self._step

    async def run(self, flow: Flow, roll: float) -> None:
        """Send over this connection, until cancelled."""
        live_from = max(self.heard, self._minute())
        missing = live_from - self.heard
        async with asyncio.TaskGroup() as tasks:
            history = None
            if missing > 0:
                history = tasks.create_task(self._history(flow, self.heard, live_from, roll))
            tasks.create_task(self._live(flow, live_from, history))

    async def _live(self, flow: Flow, minute: int, history: asyncio.Task[None] | None) -> None:
        while True:
            due_s = (minute + self._step) * 60 + self._lag_s - self._clock.utc_ms() / 1000
            if due_s > 0:
                # in short pieces: the clock may be set meanwhile
                await asyncio.sleep(min(due_s, 30.0))
                continue
            if await self._send(flow, self._topics.telemetry, minute, self._step, self._live_end, hist=False):
                self._live_end = minute + self._step
            minute += self._step
            if history is None or history.done():
                self._hear(minute)

    async def _history(self, flow: Flow, minute: int, end: int, roll: float) -> None:
        step = step_of(end - minute, self._step)
        await asyncio.sleep(roll * min(HISTORY_DELAY_MAX_S, (end - minute) * 60 / 4))
        oldest = await self._oldest()
        prev, pacer = minute, Pacer(self._clock, HISTORY_PER_S)
        minute = max(minute, min(end, oldest))
        while minute < end:
            await pacer.turn()
            minutes = min(step, end - minute)
            if await self._send(flow, self._topics.telemetry_replay, minute, minutes, prev, hist=True):
                prev = minute + minutes
            minute += minutes
            self._hear(minute)

    async def _oldest(self) -> int:
        try:
            return await self._source.first_minute() or 0
        except HistoryUnavailableError:
            return 0

    async def _send(self, flow: Flow, topic: str, minute: int, minutes: int, prev: int, *, hist: bool) -> bool:
        """Whether there was anything to say. Waits for ever if the connection ends: then this is cancelled."""
        while True:
            try:
                body = await self._source.batch(minute, minutes, prev=prev, hist=hist)
            except HistoryUnavailableError as error:
                log.warning("telemetry cannot be read why=%r", str(error))
                await asyncio.sleep(UNREADABLE_S)
                continue
            if body is None:
                return False
            if await flow.deliver(Outgoing(topic=topic, payload=body, expiry_s=EXPIRY_S)) == LOST:
                await asyncio.get_running_loop().create_future()
            return True

    def _hear(self, minute: int) -> None:
        self.heard = max(self.heard, minute)
        self._moved()
