"""Up to where an upstream has stored the events, by its own word: what the disk keeps for it until then.

That the broker acknowledges does not mean that anybody has stored it. An upstream that wants to be sure has its events
kept until it says so; only the bound on the size of the site's file is above that.
"""

from __future__ import annotations

from chargemon_edge.control.ports import Clock, moment
from chargemon_edge.control.upstream_records import EventLog
from chargemon_edge.site.upstream_facts import UpstreamStored
from chargemon_edge.upstream.requests import Stored, read


class StoredEvents:
    """What one upstream has said of it."""

    def __init__(self, upstream: str, events: EventLog, clock: Clock, *, number: int, wanted: bool) -> None:
        """*number* is what it has said before; *wanted*: whether it is asked at all."""
        self._upstream = upstream
        self._events = events
        self._clock = clock
        self.number = number
        self._wanted = wanted
        self._written = number

    async def told(self, payload: bytes) -> str | None:
        """Take what it says; returns what is wrong with that. Less than before changes nothing.

        Raises :class:`chargemon_edge.control.records.HistoryUnavailableError`.
        """
        if not self._wanted or not payload:
            return None
        told = read(payload, Stored)
        if isinstance(told, str):
            return told
        place, epochs = told.ev, self._events.epochs
        if not epochs.knows(place.ep):
            return f"there was no epoch {place.ep}"
        number = place.ep + place.s
        if number <= self.number:
            return None
        last = epochs.last(place.ep)
        if number > ((await self._events.bounds()).head if last is None else last):
            return f"there is no event {place.s} of epoch {place.ep}"
        self.number = max(self.number, number)
        return None

    def to_write(self) -> tuple[UpstreamStored, ...]:
        """What the disk does not know yet; from now on it does."""
        if self.number == self._written:
            return ()
        self._written = self.number
        return (UpstreamStored(at=moment(self._clock), upstream=self._upstream, number=self.number),)
