"""Every message between this site and an operator's broker, as types: what is sent is made of these, what comes is read
into these, and the JSON Schemas and the AsyncAPI document are generated from these. Pure.

A promise (``docs/mqtt.md``): members are added, never renamed or given another unit; what a reader does not know it
ignores; what nobody knows is left out, never null. Units: A, W (import positive), Wh, V, s; phases are the site's own,
L1, L2, L3. ``ts`` is when it was so, in UTC, never when it was sent.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

T = TypeVar("T")

Ts = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        description="RFC 3339 with milliseconds, UTC",
        examples=["2026-05-01T12:30:00.250Z"],
    ),
]
Count = Annotated[int, Meta(ge=0)]
Phases = tuple[float, float, float]

SITE_PATTERN = r"^[a-z0-9-]{1,40}$"


def known(value: T | None) -> T | UnsetType:
    """What is None is left out."""
    return UNSET if value is None else value


class Body(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag=1):
    """Every message of ours says its major version: ``"v": 1``."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a message."""


# ---------------------------------------------------------------- status: retained, and the last will


class Position(Part, frozen=True, kw_only=True):
    """The place of one event: the numbers *s* of an epoch count 1, 2, 3, …; an epoch begins with each start."""

    ep: Count
    """The epoch: rises. Its first event, ``sys.start``, says where the one before it has ended."""
    s: Count
    """0: before the first."""


class EventHeads(Part, frozen=True, kw_only=True):
    """Where the stream of events stands: whoever has less than *head* has lost its tail."""

    head: Position
    """The newest event there is."""
    sent: Position
    """Up to here everything was acknowledged by this broker."""
    first: Position | UnsetType = UNSET
    """The oldest event that is still kept and can be replayed."""


class TelemetryHeads(Part, frozen=True, kw_only=True):
    """Where telemetry stands, in minutes since 1970 UTC."""

    sent: Count
    """Up to this minute, exclusive."""


class Streams(Part, frozen=True, kw_only=True):
    """The heads of the streams."""

    ev: EventHeads
    tm: TelemetryHeads | UnsetType = UNSET


class Backlog(Part, frozen=True, kw_only=True):
    """What waits for this broker."""

    ev: Count
    oldest_ts: Ts | UnsetType = UNSET


Why = Literal["connected", "refresh", "stopping", "lost"]


class Status(Body, frozen=True, kw_only=True):
    """``status``: whether the site is there. Online on every connect; offline when it stops, or as the last will."""

    online: bool
    why: Why
    """``lost``: the broker says so in our stead, with the last will."""
    ts: Ts
    """Of a last will: when the connection that it belongs to was opened."""
    sess: Count | UnsetType = UNSET
    """Counts the connections of this run, from 1. A will of an older one than the last online counts nothing."""
    ep: Count | UnsetType = UNSET
    """The epoch of this run."""
    ver: str | UnsetType = UNSET
    """Of the program."""
    clk: Literal["synced", "unsynced"] | UnsetType = UNSET
    up: Count | UnsetType = UNSET
    """Seconds since the start."""
    streams: Streams | UnsetType = UNSET
    outbox: Backlog | UnsetType = UNSET


# ---------------------------------------------------------------- info: retained, the birth


class CircuitInfo(Part, frozen=True, kw_only=True):
    """A fuse."""

    name: str
    fuse: Phases
    """A."""
    parent: str | UnsetType = UNSET
    meter: str | UnsetType = UNSET


class ConnectorInfo(Part, frozen=True, kw_only=True):
    """A connector as it is wired."""

    id: int
    circuit: str
    max: float
    """A."""
    phases: tuple[bool, bool, bool]


class ChargePointInfo(Part, frozen=True, kw_only=True):
    """A charge point."""

    cp: str
    conns: tuple[ConnectorInfo, ...]


class Limits(Part, frozen=True, kw_only=True):
    """What this site accepts."""

    payload: Count
    """Bytes of one message to it."""
    rate: float
    """Commands in a second, and…"""
    burst: Count
    """…at once."""


class Info(Body, frozen=True, kw_only=True):
    """``info``: what the site is. After a connect if it has changed, and when asked for by the command ``birth``."""

    ts: Ts
    site: str
    name: str
    ver: str
    schema: str
    """SHA-256 of the AsyncAPI document that this program ships."""
    circuits: tuple[CircuitInfo, ...]
    cps: tuple[ChargePointInfo, ...]
    """All there are: a retained ``cp`` topic of any other is a ghost, and is removed."""
    ops: tuple[str, ...]
    """The operations that are allowed to this upstream."""
    desired: tuple[str, ...]
    """The names under ``in/desired`` that are taken."""
    limits: Limits
    takes_limit: bool


# ---------------------------------------------------------------- state: retained


class Grid(Part, frozen=True, kw_only=True):
    """The main meter."""

    i: Phases
    age: float
    """Seconds since it was read."""
    p: int | UnsetType = UNSET


class Vehicles(Part, frozen=True, kw_only=True):
    """All cars together, as far as their chargers report."""

    i: Phases
    p: int


class LimitInForce(Part, frozen=True, kw_only=True):
    """What the site may draw altogether, and who says so."""

    a: Phases
    src: Literal["fuse", "config", "upstream", "group", "failsafe"]
    p: int | UnsetType = UNSET
    n: Count | UnsetType = UNSET
    until: Ts | UnsetType = UNSET


class Balancing(Part, frozen=True, kw_only=True):
    """What the balancer does."""

    why: str
    charging: Count
    """Connectors with a transaction that may draw."""
    waiting: Count
    """Connectors with a transaction that hold 0 A."""


class CircuitState(Part, frozen=True, kw_only=True):
    """What goes through one fuse."""

    name: str
    offered: Phases | UnsetType = UNSET
    """What its connectors may draw together."""
    i: Phases | UnsetType = UNSET
    """Where it has a meter of its own: what that measures."""


class State(Body, frozen=True, kw_only=True):
    """``state``: the site at a glance."""

    ts: Ts
    ev: Vehicles
    limit: LimitInForce
    bal: Balancing
    circuits: tuple[CircuitState, ...] = ()
    grid: Grid | UnsetType = UNSET


class ConnectorState(Part, frozen=True, kw_only=True):
    """One connector."""

    id: Count
    st: str | UnsetType = UNSET
    """OCPP's ChargePointStatus."""
    err: str | UnsetType = UNSET
    """OCPP's ChargePointErrorCode, unless it is NoError."""
    tx: int | UnsetType = UNSET
    p: int | UnsetType = UNSET
    i: Phases | UnsetType = UNSET
    e: int | UnsetType = UNSET
    """Wh of the running transaction."""
    offer: float | UnsetType = UNSET
    """A: what the balancer lets it draw."""
    cap: float | UnsetType = UNSET
    """A: what somebody has limited it to."""
    why: str | UnsetType = UNSET
    """What bounds that, in a sentence."""


class ChargePointState(Body, frozen=True, kw_only=True):
    """``cp/{cp}``: one charge point with its connectors. An empty retained message: there is no such one any more."""

    ts: Ts
    online: bool
    conns: tuple[ConnectorState, ...]
    vendor: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    fw: str | UnsetType = UNSET


# ---------------------------------------------------------------- events and telemetry


class Event(Body, frozen=True, kw_only=True):
    """``ev`` and ``ev/replay``: something that happened. The key is (site, *ep*, *s*): twice means the same."""

    ep: Count
    s: Annotated[int, Meta(ge=1)]
    ts: Ts
    k: str
    """The kind: ``docs/mqtt.md`` lists them, and the schemas have the members of *d* for each."""
    cp: str | UnsetType = UNSET
    d: msgspec.Raw
    """What is unknown is left out."""
    skip: Count | UnsetType = UNSET
    """So many numbers right before this one are of kinds that this upstream is not sent: no gap."""
    lost: Count | UnsetType = UNSET
    """So many numbers right before this one are not kept any more: a gap that nothing can fill."""
    hist: bool | UnsetType = UNSET
    """True: it happened before this connection was opened."""
    rp: str | UnsetType = UNSET
    """The id of the replay that it answers."""
    cut: Count | UnsetType = UNSET
    """*d* had so many bytes that the broker does not take it: it is empty here."""


GapReason = Literal["no longer kept", "never was", "not yet", "not sent to you"]


class Gap(Body, frozen=True, kw_only=True):
    """On ``ev/replay`` and ``tm/replay``: these were asked for and are not there."""

    k: Literal["gap"]
    stream: Literal["ev", "tm"]
    ts: Ts
    rp: str
    why: GapReason
    first: Count
    last: Count
    """The whole of *first* to *last*, both included."""
    ep: Count | UnsetType = UNSET


class ReplayEnd(Body, frozen=True, kw_only=True):
    """On ``ev/replay`` and ``tm/replay``: the answer is complete."""

    k: Literal["replay.end"]
    stream: Literal["ev", "tm"]
    ts: Ts
    rp: str
    sent: Count


Cell = int | float | str | None


class Telemetry(Body, frozen=True, kw_only=True):
    """``tm`` and ``tm/replay``: what was measured in one step of time, all connectors and meters in columns."""

    s: Count
    """The first minute, counted from 1970 UTC."""
    ts: Ts
    """When it begins."""
    step: Annotated[int, Meta(ge=60)]
    """Seconds that it covers."""
    prev: Count
    """Where the batch before it has ended: if that is later than what was received, something is missing."""
    cols: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    gcols: tuple[str, ...]
    grid: tuple[tuple[Cell, ...], ...]
    hist: bool | UnsetType = UNSET
    rp: str | UnsetType = UNSET


# ---------------------------------------------------------------- commands


ResultState = Literal["accepted", "running", "done", "failed", "rejected", "expired", "superseded", "unknown"]


class Result(Body, frozen=True, kw_only=True):
    """``res``: where a command stands. Each end is an event, too."""

    id: str
    state: ResultState
    ts: Ts
    code: str | UnsetType = UNSET
    """Why, for programs."""
    msg: str | UnsetType = UNSET
    """Why, for people."""
    data: msgspec.Raw | UnsetType = UNSET
    ms: Count | UnsetType = UNSET
    """Since it came."""


class Reported(Body, frozen=True, kw_only=True):
    """``reported/{name}``: how far a desired state is reached."""

    ts: Ts
    want: str
    """The version that is desired."""
    state: Literal["pending", "applied", "failed", "rejected"]
    have: str | UnsetType = UNSET
    """The version that is applied."""
    err: str | UnsetType = UNSET
    data: msgspec.Raw | UnsetType = UNSET


# ---------------------------------------------------------------- log


class LogLine(Body, frozen=True, kw_only=True):
    """``log``: a warning or an error of the daemon's log, for whoever looks after the site. May be lost; no event."""

    ts: Ts
    level: Literal["warning", "error"]
    code: str
    """What it is about: the same for every line of its kind."""
    text: str
    """For people: without secrets, id tags masked, cut after 400 characters."""
    dropped: Count | UnsetType = UNSET
    """So many lines right before this one were left out: there were more than may be said."""
