"""What the disk holds for operators above the site: numbered events, how far each has heard, commands, limits."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from chargemon_edge.control.records import EventRecord
from chargemon_edge.site.site_limit import SiteLimit
from chargemon_edge.site.units import PerPhase


class Place(NamedTuple):
    """An event's place as it is said upstream: the *s*-th of epoch *ep*."""

    ep: int
    s: int


class Epochs:
    """From numbers of events to places and back.

    Each start of the daemon begins an epoch: the event numbered *ep* + *s* is the *s*-th of it. Within an epoch no
    number is left out, since events are numbered in the commit that writes them.
    """

    def __init__(self, lasts: Mapping[int, int | None]) -> None:
        """*lasts*: the last number of each epoch; None: not known, it goes on."""
        self._eps = sorted(lasts)
        self._lasts = dict(lasts)

    @property
    def newest(self) -> int:
        """The epoch of this run."""
        return self._eps[-1]

    @property
    def oldest(self) -> int:
        """Events numbered up to this one were written before places were counted."""
        return self._eps[0]

    def place(self, number: int) -> Place:
        """Of the event with this number."""
        index = bisect_left(self._eps, number)
        return Place(self._eps[index - 1], number - self._eps[index - 1]) if index else Place(self._eps[0], 0)

    def knows(self, ep: int) -> bool:
        """Whether there was such an epoch."""
        return ep in self._lasts

    def last(self, ep: int) -> int | None:
        """The last number of an epoch; None: it goes on."""
        return self._lasts.get(ep)

    def between(self, after: int, number: int) -> int:
        """How many events there were after the one numbered *after* and before the one numbered *number*."""
        index = bisect_left(self._eps, number) - 1
        count = 0
        while index >= 0 and self._eps[index] > after:
            count += number - self._eps[index] - 1
            # up to the end of the epoch before it
            index -= 1
            number = (self._lasts.get(self._eps[index]) or after) + 1 if index >= 0 else after + 1
        return count + max(0, number - after - 1)


class Bounds(NamedTuple):
    """What there is of events."""

    first: int | None
    """The oldest number that is kept; None: none is."""
    head: int
    """The newest number; before the first event the newest epoch."""


class EventLog(Protocol):
    """Events in the order of their numbers. The methods that wait raise HistoryUnavailableError."""

    epochs: Epochs

    async def pending(self, after: int, limit: int) -> list[EventRecord]:
        """The first *limit* events numbered above *after*, oldest first."""
        ...

    async def bounds(self) -> Bounds:
        """The oldest and the newest."""
        ...

    async def time_of(self, number: int) -> int | None:
        """When the first event numbered *number* or above happened, in milliseconds since 1970 UTC."""
        ...

    def follow(self, written: Callable[[], None]) -> Callable[[], None]:
        """Call *written* on the loop whenever something was written; returns what ends that."""
        ...


class ConnectorMinutes(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one connector reported within some minutes."""

    charge_point: str
    connector: int
    transaction_id: int | None
    power_w: int | None
    """Mean."""
    current_ma: PerPhase | None
    """Mean, at the charge point's own terminals."""
    energy_wh: int | None
    """The last."""
    reports: int


class MeterMinutes(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one grid meter measured within some minutes."""

    meter: str
    mean_ma: PerPhase
    highest_ma: PerPhase
    power_w: int | None
    samples: int


class Measured(NamedTuple):
    """Everything measured within some minutes."""

    connectors: Sequence[ConnectorMinutes]
    meters: Sequence[MeterMinutes]


class MeasuredLog(Protocol):
    """Measured values of the past. Raises HistoryUnavailableError."""

    async def measured(self, first_minute: int, minutes: int) -> Measured:
        """Those of *minutes* from *first_minute* (since 1970 UTC)."""
        ...

    async def first_minute(self) -> int | None:
        """The oldest minute of which anything is kept."""
        ...


class CommandRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it is on disk."""

    upstream: str
    id: str
    op: str
    digest: bytes
    body: str | None
    """None once it has ended."""
    by: str | None
    state: str
    code: str | None
    message: str | None
    data: str | None
    taken_utc_ms: int
    ended_utc_ms: int | None


class CommandLog(Protocol):
    """Commands that were taken. Raises HistoryUnavailableError."""

    async def command(self, upstream: str, command_id: str) -> CommandRecord | None:
        """One by its id."""
        ...


class DesiredRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A desired state as it was left."""

    upstream: str
    name: str
    version: str
    state: str
    body: str
    error: str | None


class Heard(NamedTuple):
    """How far an upstream has heard."""

    number: int
    minute: int


class RestoredUpstream(msgspec.Struct, frozen=True, kw_only=True):
    """What the disk knew at start."""

    heard: Mapping[str, Heard] = {}
    holding: Mapping[str, int] = {}
    """The upstreams for which events are kept, and the number up to which each has them stored."""
    unfinished: tuple[CommandRecord, ...] = ()
    """Commands that were taken and have not ended, oldest first."""
    limits: tuple[SiteLimit, ...] = ()
    desired: tuple[DesiredRecord, ...] = ()


class UpstreamStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How one upstream stands: for the page, the API, the command line and metrics."""

    name: str
    broker: str
    """Host and port."""
    connected: bool
    since_utc_ms: int | None
    """Since when it is connected, or was not; None: never since the start."""
    mqtt: str | None
    """``5`` or ``3.1.1``; None while it is not connected."""
    head: Place
    acknowledged: Place
    backlog: int
    """Events that it has not acknowledged."""
    oldest_utc_ms: int | None
    """When the oldest of those happened."""
    connections: int
    """Since the start."""
    refused: Mapping[str, int]
    """Messages that the broker refused, by its reason."""
    without_subscriber: int
    """Messages of which the broker said that nobody listens."""
    error: str | None
    """What is wrong now, or was wrong last while it is not connected, in words."""
    rival: bool
    """Somebody else connects with our client id."""


class Upstreams(Protocol):
    """The operators above the site."""

    def standings(self) -> Sequence[UpstreamStanding]:
        """Each, in the order of the configuration."""
        ...
