"""Events out, in order, each at least once, from the journal by a cursor: a queue of our own there is none.

The cursor is the number up to which the broker has acknowledged everything. It is written behind: after a crash some go
out a second time, none is left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from chargemon_edge.control.ports import Clock
from chargemon_edge.control.records import EventRecord, HistoryUnavailableError
from chargemon_edge.control.upstream_records import Bounds, Epochs, EventLog
from chargemon_edge.ocpp.timestamps import format_utc
from chargemon_edge.upstream.bodies import Event, known
from chargemon_edge.upstream.event_kinds import kind_of, passes
from chargemon_edge.upstream.flow import LOST, NO_SUBSCRIBER, REFUSED, Flow
from chargemon_edge.upstream.link_life import in_words
from chargemon_edge.upstream.mqtt import Outgoing
from chargemon_edge.upstream.pacer import Pacer

log = logging.getLogger(__name__)

PAGE = 200
# this many are no backlog: they go at once
FEW = 20
# a refused event is tried again after so long, twice as long each time
HELD_FIRST_S = 5.0
HELD_MAX_S = 300.0
# the journal could not be read
UNREADABLE_S = 5.0

_encode = msgspec.json.Encoder().encode
# how a start says where the epoch before it has ended: whatever an upstream wants to hear, it hears this
_ALWAYS = "DaemonStarted"


class Before(NamedTuple):
    """What lies between an event and the one that was sent before it."""

    skip: int = 0
    """Events that the filter has passed over."""
    lost: int = 0
    """Those that are not on disk any more."""


def line(
    record: EventRecord,
    epochs: Epochs,
    *,
    before: Before = Before(),  # noqa: B008 - a tuple: nobody can change it
    hist: bool = False,
    rp: str | None = None,
    cut: bool = False,
) -> bytes:
    """One event as it goes out. *cut*: without its members, which are too many bytes for the broker."""
    place = epochs.place(record.number)
    return _encode(
        Event(
            ep=place.ep,
            s=place.s,
            ts=format_utc(record.utc_ms),
            k=kind_of(record.kind),
            cp=known(record.charge_point),
            d=msgspec.Raw(b"{}") if cut else record.body,
            skip=before.skip or UNSET,
            lost=before.lost or UNSET,
            hist=True if hist else UNSET,
            rp=known(rp),
            cut=len(bytes(record.body)) if cut else UNSET,
        )
    )


def message(
    flow: Flow,
    topic: str,
    record: EventRecord,
    epochs: Epochs,
    *,
    before: Before = Before(),  # noqa: B008 - a tuple: nobody can change it
    hist: bool = False,
    rp: str | None = None,
) -> Outgoing:
    """One event on its way out, cut if it is larger than the broker takes."""
    said = partial(line, record, epochs, before=before, hist=hist, rp=rp)
    whole = Outgoing(topic=topic, payload=said())
    if flow.fits(whole):
        return whole
    log.warning("event too large for the broker number=%d bytes=%d", record.number, len(whole.payload))
    return Outgoing(topic=topic, payload=said(cut=True))


def wants(record: EventRecord, kinds: Sequence[str]) -> bool:
    """Whether an upstream with this filter is sent the event."""
    return record.kind == _ALWAYS or passes(kind_of(record.kind), tuple(kinds))


class _Sent:
    """An event on its way, or passed over by the filter."""

    __slots__ = ("answered", "number", "passed_over")

    def __init__(self, number: int, *, passed_over: bool = False) -> None:
        self.number = number
        self.answered = self.passed_over = passed_over


class EventStream:
    """One upstream's way through the journal."""

    def __init__(
        self,
        journal: EventLog,
        clock: Clock,
        topic: str,
        kinds: Sequence[str],
        *,
        heard: int,
        moved: Callable[[], None],
        drain_per_s: float,
        hold_if_no_subscriber: bool = False,
    ) -> None:
        """*heard*: the cursor to go on from; *moved* is called whenever it has."""
        self._journal = journal
        self._clock = clock
        self._topic = topic
        self._kinds = tuple(kinds)
        self._moved = moved
        self._drain_per_s = drain_per_s
        self._hold_if_no_subscriber = hold_if_no_subscriber
        # the last event that was acknowledged, with all before it; those that the filter passes over after it are
        # counted again, so that the next one can say how many they are
        self.heard = max(heard, journal.epochs.oldest)
        # it has never heard anything
        self._is_new = heard == 0
        # the same, or the last of those passed over
        self.done = self.heard
        # the newest that is known to be on disk
        self.head = self.heard
        # why nothing moves: the broker's reason code
        self.held: int | None = None
        self._held_s = 0.0
        self._written = asyncio.Event()
        self._under_way: deque[_Sent] = deque()

    @property
    def is_held(self) -> bool:
        """Whether the broker refuses the events."""
        return self.held is not None

    @property
    def backlog(self) -> int:
        """How many events wait: numbers leap from one epoch to the next."""
        return self._journal.epochs.between(self.done, self.head + 1)

    def written(self) -> None:
        """Something was written to the journal."""
        self._written.set()

    async def run(self, flow: Flow, *, start_after_s: float) -> None:
        """Send over this connection, until cancelled. A backlog begins *start_after_s* later and is sent in measure."""
        self._under_way.clear()
        self.held = None
        first, backlog_until = await self._bounds()
        self.head = backlog_until
        if self._is_new and first is not None:
            # what was gone before it was there, it has not lost
            self.heard = max(self.heard, first - 1)
            self._is_new = False
        pacer = None
        if self.backlog > FEW:
            log.info("events wait for the uplink count=%d topic=%s", self.backlog, self._topic)
            await asyncio.sleep(start_after_s)
            pacer = Pacer(self._clock, self._drain_per_s)
        after, skip, lost = self.heard, 0, 0
        while True:
            self._written.clear()
            page = await self._page(after)
            if not page and not self.is_held:
                await self._written.wait()
            for record in page:
                hist = record.number <= backlog_until
                lost += self._journal.epochs.between(after, record.number)
                if not wants(record, self._kinds):
                    skip += 1
                    self._pass_over(record.number)
                else:
                    if hist and pacer is not None:
                        await pacer.turn()
                    await self._room(flow)
                    if self.is_held:
                        break
                    self._send(flow, record, Before(skip, lost), hist=hist)
                    skip = lost = 0
                after = record.number
            if self.is_held:
                await self._hold()
                after, skip, lost = self.heard, 0, 0

    def _send(self, flow: Flow, record: EventRecord, before: Before, *, hist: bool) -> None:
        if before.lost:
            log.warning("events are not kept any more count=%d before=%d", before.lost, record.number)
        sent = _Sent(record.number)
        self.head = max(self.head, record.number)
        self._under_way.append(sent)
        flow.offer(
            message(flow, self._topic, record, self._journal.epochs, before=before, hist=hist),
            partial(self._answered, sent),
        )

    def _answered(self, sent: _Sent, code: int) -> None:
        if code == LOST:
            return
        if code >= REFUSED or (code == NO_SUBSCRIBER and self._hold_if_no_subscriber):
            if self.held is None and not self._held_s:
                log.warning("events are held topic=%s why=%r", self._topic, in_words(code))
            self.held = code
            self._written.set()
        else:
            sent.answered = True
            self._advance()

    def _pass_over(self, number: int) -> None:
        self.head = max(self.head, number)
        self._under_way.append(_Sent(number, passed_over=True))
        self._advance()

    def _advance(self) -> None:
        before = self.heard
        while self._under_way and self._under_way[0].answered:
            first = self._under_way.popleft()
            self.done = first.number
            if not first.passed_over:
                self.heard = first.number
        if self.heard != before:
            self._held_s = 0.0
            self._moved()

    async def _room(self, flow: Flow) -> None:
        while not flow.has_room() and not self.is_held:
            await flow.change()

    async def _hold(self) -> None:
        """The broker refuses: wait, then go back to the cursor. The order is worth more than the ones behind it."""
        self._held_s = min(HELD_MAX_S, self._held_s * 2 or HELD_FIRST_S)
        await asyncio.sleep(self._held_s)
        self._under_way.clear()
        self.done = self.heard
        self.held = None

    async def _page(self, after: int) -> list[EventRecord]:
        try:
            return await self._journal.pending(after, PAGE)
        except HistoryUnavailableError as error:
            log.warning("events cannot be read why=%r", str(error))
            await asyncio.sleep(UNREADABLE_S)
            return []

    async def _bounds(self) -> Bounds:
        try:
            return await self._journal.bounds()
        except HistoryUnavailableError:
            return Bounds(None, self.heard)
