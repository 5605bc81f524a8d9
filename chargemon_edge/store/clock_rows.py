"""Facts about the time → rows of the site's file, and what puts dated rows right once the time is known.

Each start of the daemon is an event with its boot of the machine: events are numbered, so records have an order by
boot and number whatever their times say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from chargemon_edge.site import clock_facts as facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.store.event import event
from chargemon_edge.store.security_event import security_event
from chargemon_edge.store.statement import Statement

_TIME = (
    "INSERT INTO clock (number, boot, offset_ms, source, doubted_since_utc_ms) VALUES (1, ?, ?, ?, ?) "
    "ON CONFLICT (number) DO UPDATE SET boot = excluded.boot, offset_ms = excluded.offset_ms, "
    "source = excluded.source, doubted_since_utc_ms = excluded.doubted_since_utc_ms"
)
_DOUBTED = "UPDATE charging_transaction SET times_doubted = 1 WHERE transaction_id = ?"
# after the row that is marked
STATEMENTS = (_TIME, _DOUBTED)


def _begun(fact: facts.ClockBegun) -> tuple[Statement, ...]:
    told = event(fact, None, boot=fact.boot, source=fact.source, doubted_since_utc_ms=fact.doubted_since_utc_ms)
    row = (fact.boot, fact.offset_ms, fact.source, fact.doubted_since_utc_ms)
    return (Statement(_TIME, row), told)


def _corrected(fact: facts.ClockCorrected) -> tuple[Statement, ...]:
    told = event(fact, None, by_ms=fact.by_ms, source=fact.source, doubted_since_utc_ms=fact.doubted_since_utc_ms)
    noted = security_event(fact, "clock moved", "clock", f"by {fact.by_ms / 1000:.1f} s: {fact.source}")
    return (Statement(_TIME, (fact.boot, fact.offset_ms, fact.source, None)), *noted, told)


def _apart(fact: facts.ClockApart) -> tuple[Statement, ...]:
    told = event(fact, None, machine_ahead_ms=fact.machine_ahead_ms)
    seconds = fact.machine_ahead_ms / 1000
    noted = security_event(fact, "machine's clock set by nobody known", "clock", f"{seconds:.1f} s ahead of ours")
    return (*noted, told)


ROWS: dict[type[Fact], Callable[[Any], tuple[Statement, ...]]] = {
    facts.ClockBegun: _begun,
    facts.ClockCorrected: _corrected,
    facts.ClockApart: _apart,
}


def doubted(transaction_id: int) -> Statement:
    """Mark a transaction that begins or ends while the time is not known to be right."""
    return Statement(_DOUBTED, (transaction_id,))


class Redating(msgspec.Struct, frozen=True, kw_only=True):
    """Rows dated from *since* to *until* belong *by_ms* later (or, negative, earlier)."""

    since_utc_ms: int
    until_utc_ms: int
    by_ms: int


OURS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "site": {
        "access_token": ("issued_utc_ms",),
        "campaign": ("made_utc_ms", "changed_utc_ms"),
        "campaign_update": ("since_utc_ms",),
        "card_state": ("revoked_utc_ms",),
        "charge_point": ("booted_utc_ms",),
        "charge_point_access": ("changed_utc_ms",),
        "charging_profile": ("stored_utc_ms",),
        "charging_transaction": ("start_received_utc_ms", "stop_received_utc_ms"),
        "configuration_key": ("read_utc_ms",),
        "configuration_state": ("whole_utc_ms", "paused_utc_ms"),
        "configuration_write": ("utc_ms",),
        "connector": ("status_utc_ms",),
        "desired_state": ("changed_utc_ms",),
        "epoch": ("started_utc_ms",),
        "event": ("utc_ms",),
        "delivery": ("received_utc_ms",),
        "file_ticket": ("issued_utc_ms",),
        "firmware_image": ("added_utc_ms",),
        "installed_certificate": ("read_utc_ms",),
        "issued_certificate": ("issued_utc_ms", "taken_utc_ms"),
        "kept_message": ("received_utc_ms",),
        "kept_stop": ("received_utc_ms", "settled_utc_ms"),
        "local_list": ("changed_utc_ms", "cache_cleared_utc_ms"),
        "operation": ("asked_utc_ms", "ended_utc_ms"),
        "reservation": ("requested_utc_ms", "changed_utc_ms"),
        "revoked_certificate": ("revoked_utc_ms",),
        "security_event": ("utc_ms",),
        "upstream_command": ("taken_utc_ms", "ended_utc_ms"),
    },
    "samples": {"reading": ("received_utc_ms",)},
}
"""The columns that hold our own time, by file and table."""

NOT_OURS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "site": {
        "access_token": ("expires_utc_ms",),
        "campaign_update": ("not_before_utc_ms",),
        "charging_transaction": ("started_utc_ms", "stopped_utc_ms"),
        "configuration_state": ("paused_until_utc_ms",),
        "connector": ("status_reported_utc_ms",),
        "clock": ("doubted_since_utc_ms",),
        "file_ticket": ("expires_utc_ms",),
        "id_tag": ("expiry_utc_ms",),
        "issued_certificate": ("ends_utc_ms",),
        "reservation": ("expiry_utc_ms",),
        "site_limit": ("until_utc_ms",),
        "connector_cap": ("until_utc_ms",),
    },
    "samples": {"reading": ("measured_utc_ms",)},
}
"""Times that a charger or a person gave, and ends: they stay as they are."""

# ends that were counted from a beginning of ours, which is moved after them
_COUNTED = (
    ("configuration_state", "paused_until_utc_ms", "paused_utc_ms"),
    ("campaign_update", "not_before_utc_ms", "since_utc_ms"),
    ("file_ticket", "expires_utc_ms", "issued_utc_ms"),
)
# also those whose group was written when the time was known again
_DOUBTED_THEN = (
    "UPDATE charging_transaction SET times_doubted = 1 "
    "WHERE start_received_utc_ms BETWEEN ? AND ? OR stop_received_utc_ms BETWEEN ? AND ?"
)
# out of the way first: a minute must not meet one that has not been moved yet
_MINUTES = (
    "UPDATE meter_minute SET minute = -1 - (minute + ?) WHERE minute BETWEEN ? AND ?",
    "UPDATE OR REPLACE meter_minute SET minute = -1 - minute WHERE minute < 0",
)


def redating(schema: str, one: Redating) -> list[Statement]:
    """What puts the rows of one file right. Doing it twice does no harm unless the two stretches overlap."""
    window = (one.by_ms, one.since_utc_ms, one.until_utc_ms)
    found = [Statement(_DOUBTED_THEN, 2 * (one.since_utc_ms, one.until_utc_ms))] if schema == "site" else []
    found += [_moved(*counted, window) for counted in _COUNTED if schema == "site"]
    found += [_moved(table, column, column, window) for table, columns in OURS[schema].items() for column in columns]
    if schema == "samples":
        minutes = (round(one.by_ms / 60_000), one.since_utc_ms // 60_000, one.until_utc_ms // 60_000)
        found += [Statement(_MINUTES[0], minutes), Statement(_MINUTES[1], ())]
    return found


def _moved(table: str, column: str, dated_by: str, window: tuple[int, int, int]) -> Statement:
    sql = f"UPDATE {table} SET {column} = {column} + ? WHERE {dated_by} BETWEEN ? AND ?"  # noqa: S608 - names of ours
    return Statement(sql, window)
