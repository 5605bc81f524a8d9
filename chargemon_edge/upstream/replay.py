"""A part of a stream again, for whoever misses it. Bounded in rate and number; says what is not there."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from chargemon_edge.control.ports import Clock
from chargemon_edge.control.records import HistoryUnavailableError
from chargemon_edge.control.upstream_records import EventLog
from chargemon_edge.ocpp.timestamps import format_utc
from chargemon_edge.upstream.bodies import Gap, GapReason, ReplayEnd
from chargemon_edge.upstream.event_stream import PAGE, message, wants
from chargemon_edge.upstream.flow import Flow
from chargemon_edge.upstream.mqtt import Outgoing
from chargemon_edge.upstream.pacer import Pacer
from chargemon_edge.upstream.requests import ReplayWish
from chargemon_edge.upstream.telemetry import TelemetrySource
from chargemon_edge.upstream.topics import Topics

log = logging.getLogger(__name__)

# so many questions may wait, and one may be so long
WAITING_MAX = 8
UNREADABLE_S = 5.0

_encode = msgspec.json.Encoder().encode


class Replays:
    """One upstream's questions, one after the other."""

    def __init__(
        self, journal: EventLog, telemetry: TelemetrySource, clock: Clock, topics: Topics, kinds: Sequence[str]
    ) -> None:
        self._journal = journal
        self._telemetry = telemetry
        self._clock = clock
        self._topics = topics
        self._kinds = tuple(kinds)
        self._waiting: deque[ReplayWish] = deque()
        self._wake = asyncio.Event()

    def ask(self, wish: ReplayWish) -> bool:
        """Whether *wish* will be answered: else too many wait."""
        if len(self._waiting) >= WAITING_MAX:
            return False
        if all(one.id != wish.id for one in self._waiting):
            self._waiting.append(wish)
            self._wake.set()
        return True

    async def run(self, flow: Flow) -> None:
        """Answer over this connection, until cancelled; what it breaks off is asked for again."""
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            wish = self._waiting[0]
            try:
                sent = await (self._events(flow, wish) if wish.stream == "ev" else self._batches(flow, wish))
            except HistoryUnavailableError as error:
                log.warning("replay cannot be read why=%r", str(error))
                await asyncio.sleep(UNREADABLE_S)
                continue
            end = ReplayEnd(
                k="replay.end", stream=wish.stream, ts=format_utc(self._clock.utc_ms()), rp=wish.id, sent=sent
            )
            await self._say(flow, wish, _encode(end))
            self._waiting.popleft()

    async def _events(self, flow: Flow, wish: ReplayWish) -> int:
        epochs = self._journal.epochs
        ep = epochs.newest if isinstance(wish.ep, UnsetType) else wish.ep
        first, last = max(1, wish.first), wish.last
        if last < first:
            return 0
        if not epochs.knows(ep):
            await self._gap(flow, wish, "never was", first, last, ep)
            return 0
        bounds = await self._journal.bounds()
        end = epochs.last(ep)
        newest = (bounds.head if end is None else end) - ep
        oldest = newest + 1 if bounds.first is None else max(1, bounds.first - ep)
        if first < oldest:
            await self._gap(flow, wish, "no longer kept", first, min(last, oldest - 1), ep)
        sent = await self._rows(flow, wish, ep, max(first, oldest), min(last, newest))
        if last > newest:
            await self._gap(flow, wish, "not yet" if end is None else "never was", max(first, newest + 1), last, ep)
        return sent

    async def _rows(self, flow: Flow, wish: ReplayWish, ep: int, first: int, last: int) -> int:
        """Those of *first* to *last* that there are; says of the others why they do not come."""
        pacer, after, sent = Pacer(self._clock, wish.max_rate), ep + first - 1, 0
        passed_over = 0
        while after < ep + last:
            page = await self._journal.pending(after, PAGE)
            for record in page:
                if record.number > ep + last:
                    break
                hole, after = after + 1, record.number
                if hole < after or wants(record, self._kinds):
                    await self._gap(flow, wish, "not sent to you", hole - ep - passed_over, hole - ep - 1, ep)
                    passed_over = 0
                await self._gap(flow, wish, "no longer kept", hole - ep, after - ep - 1, ep)
                if not wants(record, self._kinds):
                    passed_over += 1
                    continue
                await pacer.turn()
                topic, epochs = self._topics.events_replay, self._journal.epochs
                await flow.deliver(message(flow, topic, record, epochs, rp=wish.id))
                sent += 1
            if not page or page[-1].number > ep + last:
                break
        done = after - ep
        await self._gap(flow, wish, "not sent to you", done - passed_over + 1, done, ep)
        await self._gap(flow, wish, "no longer kept", max(first, done + 1), last, ep)
        return sent

    async def _batches(self, flow: Flow, wish: ReplayWish) -> int:
        first, last = wish.first, wish.last
        newest = self._clock.utc_ms() // 60_000 - 1
        oldest = await self._telemetry.first_minute()
        oldest = newest + 1 if oldest is None else oldest
        if first < oldest:
            await self._gap(flow, wish, "no longer kept", first, min(last, oldest - 1))
        pacer, sent = Pacer(self._clock, wish.max_rate), 0
        minute = max(first, oldest)
        while minute <= min(last, newest):
            body = await self._telemetry.batch(minute, 1, prev=minute, rp=wish.id)
            minute += 1
            if body is not None:
                await pacer.turn()
                await self._say(flow, wish, body)
                sent += 1
        if last > newest:
            await self._gap(flow, wish, "not yet", max(first, newest + 1), last)
        return sent

    async def _gap(
        self, flow: Flow, wish: ReplayWish, why: GapReason, first: int, last: int, ep: int | None = None
    ) -> None:
        if last < first:
            return
        gap = Gap(
            k="gap",
            stream=wish.stream,
            ts=format_utc(self._clock.utc_ms()),
            rp=wish.id,
            why=why,
            first=first,
            last=last,
            ep=UNSET if ep is None else ep,
        )
        await self._say(flow, wish, _encode(gap))

    async def _say(self, flow: Flow, wish: ReplayWish, payload: bytes) -> None:
        topic = self._topics.events_replay if wish.stream == "ev" else self._topics.telemetry_replay
        await flow.deliver(Outgoing(topic=topic, payload=payload))
