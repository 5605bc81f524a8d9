"""What can be looked up of the past: the questions, with their limits, and the records that answer them.

Questions are newest first and a page at a time. Who shows a record decides what of it may be seen.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

import msgspec

from chargemon_edge.site.units import PerPhase

PAGE_MAX = 500
# SQLite's integers end later, but a reader in JavaScript would round them
NUMBER_MAX = 2**53 - 1
UTC_MS_MAX = 253_402_300_799_000

Number = Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)]
UtcMs = Annotated[int, msgspec.Meta(ge=0, le=UTC_MS_MAX, description="milliseconds since 1970 UTC")]
Identity = Annotated[str, msgspec.Meta(min_length=1, max_length=48)]
ConnectorNumber = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
TransactionId = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]

Item = TypeVar("Item")


class Paging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every list can be asked. Filters are added as further members."""

    before: (
        Annotated[
            int, msgspec.Meta(ge=1, le=NUMBER_MAX, description="only what is older: `next_before` of the page before")
        ]
        | None
    ) = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX, description="how many at most")] = 100


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """A page of a list, newest first."""

    items: tuple[Item, ...]
    next_before: int | None = None
    """For the next page; null: this is the last. A filter that finds little may give pages that are not full."""


class TransactionQuery(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which transactions."""

    charge_point: Identity | None = None
    id_tag: Annotated[str, msgspec.Meta(min_length=1, max_length=20)] | None = None
    open: bool | None = None
    """true: only those that run; false: only those that have ended."""


class TransactionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction as it is on disk."""

    transaction_id: int
    charge_point: str
    connector: int
    id_tag: str
    id_tag_status: str
    """What was answered to its start."""
    open: bool
    meter_start_wh: int
    start_received_utc_ms: int
    started_utc_ms: int | None
    """The charge point's own time, if it was readable."""
    reservation_id: int | None
    stop_received_utc_ms: int | None
    stopped_utc_ms: int | None
    meter_stop_wh: int | None
    stop_reason: str | None
    stop_id_tag: str | None
    energy_wh: int | None
    """Between the two readings; null while it runs, and if the register went backwards."""
    times_doubted: bool
    """Begun or ended while our time was not known to be right: the charge point's own times may be as wrong; ours were
    put right since, or will be."""


class MeterValueQuery(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which meter values."""

    charge_point: Identity | None = None
    connector: ConnectorNumber | None = None
    transaction_id: TransactionId | None = None


class MeterValueRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One MeterValues of a charge point, as it was understood."""

    number: int
    received_utc_ms: int
    measured_utc_ms: int | None
    """The charge point's own time, if it was readable."""
    charge_point: str
    connector: int
    transaction_id: int | None
    current_ma: PerPhase | None
    """At the charge point's own terminals."""
    power_w: int | None
    energy_wh: int | None
    offered_ma: int | None
    live: bool
    """False: it came late and described the past."""
    derived: tuple[str, ...]
    """Names of the values above that were computed, not reported."""


class EventQuery(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events."""

    charge_point: Identity | None = None
    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=60, description="like TransactionStarted")] | None = None


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, numbered in the order in which it became durable."""

    number: int
    utc_ms: int
    kind: str
    charge_point: str | None
    body: msgspec.Raw
    """A JSON object; what was unknown is left out."""


class SecurityEventQuery(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which security events."""

    charge_point: Identity | None = None
    event: Annotated[str, msgspec.Meta(min_length=1, max_length=60, description="like `login refused`")] | None = None
    source: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=100, description="an address, a charge point, a person")]
        | None
    ) = None


class SecurityEventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Something that bears on security. Its texts may be a stranger's: show them as text."""

    number: int
    utc_ms: int
    event: str
    source: str
    charge_point: str | None
    detail: str


class KeptStopQuery(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which kept stops."""

    charge_point: Identity | None = None
    settled: bool | None = None
    """false: only those that wait for a person."""


class KeptStopRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A StopTransaction that matched nothing open, for a person to judge."""

    number: int
    received_utc_ms: int
    charge_point: str
    transaction_id: int
    doubt: str
    """``unknown`` or ``other charge point``."""
    payload: msgspec.Raw
    """As it came."""
    settled_utc_ms: int | None
    """null: it waits for a person."""
    settled_by: str | None


class OperationQuery(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which operations."""

    charge_point: Identity | None = None


class OperationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked a charge point for, and what became of it."""

    number: int
    asked_utc_ms: int
    charge_point: str
    action: str
    asked_by: str
    payload: msgspec.Raw
    """As it was sent, without secrets."""
    ended_utc_ms: int | None
    """null: it runs, or the daemon stopped before the outcome was known."""
    result: str | None
    detail: str | None


class HistoryUnavailableError(Exception):
    """The past cannot be looked up now; the text says why. Whoever asked may ask again, or for less."""
