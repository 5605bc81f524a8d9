"""Facts → rows of the site's file: one small function for each kind of fact. Pure; writes nothing itself.

What a fact changes and the event that reports it are one group: both are written, or neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chargemon_edge.site import facts
from chargemon_edge.site.clock_facts import TimeTold
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.file_facts import FileProgressed
from chargemon_edge.store import (
    access_rows,
    card_rows,
    clock_rows,
    device_rows,
    file_rows,
    operation_rows,
    rollout_rows,
    security_event,
    token_rows,
    upstream_rows,
)
from chargemon_edge.store.event import EVENT, Body, event, report
from chargemon_edge.store.statement import Statement

_CHARGE_POINT = (
    "INSERT INTO charge_point (identity, known) VALUES (?, ?) "
    "ON CONFLICT (identity) DO UPDATE SET known = excluded.known WHERE known <> excluded.known"
)
_BOOT = (
    "INSERT INTO charge_point (identity, booted_utc_ms, vendor, model, serial_number, firmware_version, iccid, imsi, "
    "meter_type, meter_serial_number) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (identity) DO UPDATE SET booted_utc_ms = excluded.booted_utc_ms, vendor = excluded.vendor, "
    "model = excluded.model, serial_number = excluded.serial_number, firmware_version = excluded.firmware_version, "
    "iccid = excluded.iccid, imsi = excluded.imsi, meter_type = excluded.meter_type, "
    "meter_serial_number = excluded.meter_serial_number"
)
_STATUS = (
    "INSERT INTO connector (charge_point, number, status, error_code, info, status_utc_ms, status_reported_utc_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (charge_point, number) DO UPDATE SET status = excluded.status, error_code = excluded.error_code, "
    "info = excluded.info, status_utc_ms = excluded.status_utc_ms, "
    "status_reported_utc_ms = excluded.status_reported_utc_ms"
)
_START = (
    "INSERT INTO charging_transaction (transaction_id, charge_point, connector, id_tag, id_tag_status, "
    "meter_start_wh, started_utc_ms, started_text, start_received_utc_ms, reservation_id) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
# the first stop counts: a later one comes as StopKept
_STOP = (
    "UPDATE charging_transaction SET stop_received_utc_ms = ?, stopped_utc_ms = ?, meter_stop_wh = ?, "
    "stop_reason = ?, stop_id_tag = ?, stop_raw = ? WHERE transaction_id = ? AND stop_received_utc_ms IS NULL"
)
_KEPT_STOP = "INSERT INTO kept_stop (received_utc_ms, charge_point, transaction_id, doubt, raw) VALUES (?, ?, ?, ?, ?)"
_SETTLED = "UPDATE kept_stop SET settled_utc_ms = ?, settled_by = ? WHERE number = ?"
_KEPT_MESSAGE = "INSERT INTO kept_message (received_utc_ms, charge_point, action, raw) VALUES (?, ?, ?, ?)"
_FAIL_SAFE = (
    "INSERT INTO connector (charge_point, number, fail_safe_ma) VALUES (?, ?, ?) "
    "ON CONFLICT (charge_point, number) DO UPDATE SET fail_safe_ma = excluded.fail_safe_ma"
)
_HELD = (
    "INSERT INTO connector (charge_point, number, held_limit_ma, held_fallback_ma, held_transaction_id, held_lease_s) "
    "VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (charge_point, number) DO UPDATE SET held_limit_ma = excluded.held_limit_ma, "
    "held_fallback_ma = excluded.held_fallback_ma, held_transaction_id = excluded.held_transaction_id, "
    "held_lease_s = excluded.held_lease_s"
)

_ORDER = {
    sql: place
    for place, sql in enumerate(
        (
            *(_CHARGE_POINT, _BOOT, _STATUS, _FAIL_SAFE, _HELD, _START, _STOP, _KEPT_STOP, _SETTLED, _KEPT_MESSAGE),
            *operation_rows.STATEMENTS,
            *token_rows.STATEMENTS,
            *device_rows.STATEMENTS,
            *card_rows.STATEMENTS,
            *access_rows.STATEMENTS,
            *file_rows.STATEMENTS,
            *upstream_rows.STATEMENTS,
            *rollout_rows.STATEMENTS,
            *clock_rows.STATEMENTS,
            *security_event.STATEMENTS,
            EVENT,
            *card_rows.LAST,
        )
    )
}


def runs(groups: Iterable[Sequence[Statement]]) -> list[tuple[str, list[tuple[Any, ...]]]]:
    """SQL with the parameters of all rows that want it, for the statements of *groups*: to be run one after the other.

    In an order of their own: no start comes after its stop, no operation after its end. So run, the groups leave the
    same rows: no other two kinds write the same column of the same table, and those of one kind keep their order. The
    exception masks: what is said of a removed id tag later in the groups is masked too.
    """
    by_sql: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for group in groups:
        for statement in group:
            by_sql[statement.sql].append(statement.parameters)
    return sorted(by_sql.items(), key=_place)


def _place(run: tuple[str, object]) -> int:
    return _ORDER[run[0]]


def _meter_lost(fact: facts.MeterLost) -> tuple[Statement, ...]:
    return (event(fact, None, meter=fact.meter, reason=fact.reason),)


def _link_opened(fact: facts.LinkOpened) -> tuple[Statement, ...]:
    return (
        Statement(_CHARGE_POINT, (fact.charge_point, int(fact.known))),
        *security_event.security_event(
            fact,
            "login",
            fact.remote.rpartition(":")[0].strip("[]"),
            f"security profile {fact.security_profile}"
            if fact.known
            else "unknown: let in by the commissioning window",
            fact.charge_point,
        ),
        event(fact, fact.charge_point, remote=fact.remote, known=fact.known, security_profile=fact.security_profile),
    )


def _link_closed(fact: facts.LinkClosed) -> tuple[Statement, ...]:
    return (event(fact, fact.charge_point, reason=fact.reason),)


class _Booted(Body, frozen=True, gc=False):
    vendor: str
    model: str
    serial_number: str | None = None
    firmware_version: str | None = None


def _booted(fact: facts.ChargePointBooted) -> tuple[Statement, ...]:
    row = (
        fact.charge_point,
        fact.at.utc_ms,
        fact.vendor,
        fact.model,
        fact.serial_number,
        fact.firmware_version,
        fact.iccid,
        fact.imsi,
        fact.meter_type,
        fact.meter_serial_number,
    )
    body = _Booted(fact.vendor, fact.model, fact.serial_number, fact.firmware_version)
    return (Statement(_BOOT, row), report(fact, fact.charge_point, body))


class _Status(Body, frozen=True, gc=False):
    connector: int
    status: str
    error_code: str | None = None
    info: str | None = None
    vendor_error_code: str | None = None


def _status(fact: facts.StatusReported) -> tuple[Statement, ...]:
    body = _Status(
        fact.connector,
        fact.status,
        None if fact.error_code == "NoError" else fact.error_code,
        fact.info,
        fact.vendor_error_code,
    )
    return (status_row(fact), report(fact, fact.charge_point, body))


def status_row(fact: facts.StatusReported) -> Statement:
    """The connector's row alone: a status that only repeats the one before is no event."""
    row = (
        fact.charge_point,
        fact.connector,
        fact.status,
        fact.error_code,
        fact.info,
        fact.at.utc_ms,
        fact.reported_utc_ms,
    )
    return Statement(_STATUS, row)


class _Presented(Body, frozen=True, gc=False):
    id_tag: str
    status: str


def _presented(fact: facts.IdTagPresented) -> tuple[Statement, ...]:
    return (report(fact, fact.charge_point, _Presented(fact.id_tag, fact.status)),)


class _Started(Body, frozen=True, gc=False):
    connector: int
    transaction_id: int
    id_tag: str
    id_tag_status: str
    meter_start_wh: int
    started_utc_ms: int | None = None


def _started(fact: facts.TransactionStarted) -> tuple[Statement, ...]:
    row = (
        fact.transaction_id,
        fact.charge_point,
        fact.connector,
        fact.id_tag,
        fact.id_tag_status,
        fact.meter_start_wh,
        fact.started_utc_ms,
        fact.started_text,
        fact.at.utc_ms,
        fact.reservation_id,
    )
    body = _Started(
        fact.connector, fact.transaction_id, fact.id_tag, fact.id_tag_status, fact.meter_start_wh, fact.started_utc_ms
    )
    return (Statement(_START, row), report(fact, fact.charge_point, body))


class _Stopped(Body, frozen=True, kw_only=True, gc=False):
    connector: int
    transaction_id: int
    meter_stop_wh: int | None = None
    stopped_utc_ms: int | None = None
    reason: str


def _stopped(fact: facts.TransactionStopped) -> tuple[Statement, ...]:
    row = (
        fact.at.utc_ms,
        fact.stopped_utc_ms,
        fact.meter_stop_wh,
        fact.reason,
        fact.id_tag,
        fact.raw,
        fact.transaction_id,
    )
    body = _Stopped(
        connector=fact.connector,
        transaction_id=fact.transaction_id,
        meter_stop_wh=fact.meter_stop_wh,
        stopped_utc_ms=fact.stopped_utc_ms,
        reason=fact.reason,
    )
    return (Statement(_STOP, row), report(fact, fact.charge_point, body))


def _stop_kept(fact: facts.StopKept) -> tuple[Statement, ...]:
    row = (fact.at.utc_ms, fact.charge_point, fact.transaction_id, fact.doubt, fact.raw)
    return (
        Statement(_KEPT_STOP, row),
        event(fact, fact.charge_point, transaction_id=fact.transaction_id, doubt=fact.doubt),
    )


def _stop_settled(fact: facts.StopSettled) -> tuple[Statement, ...]:
    row = Statement(_SETTLED, (fact.at.utc_ms, fact.by, fact.number))
    return (row, event(fact, None, number=fact.number, by=fact.by))


def _message_kept(fact: facts.MessageKept) -> tuple[Statement, ...]:
    return (Statement(_KEPT_MESSAGE, (fact.at.utc_ms, fact.charge_point, fact.action, fact.raw)),)


def _fail_safe(fact: facts.FailSafeHeld) -> tuple[Statement, ...]:
    return (Statement(_FAIL_SAFE, (fact.charge_point, fact.connector, fact.fallback_ma)),)


def _limit_held(fact: facts.LimitHeld) -> tuple[Statement, ...]:
    row = (
        fact.charge_point,
        fact.connector,
        fact.limit_ma,
        fact.fallback_ma,
        fact.transaction_id,
        fact.lease_s,
    )
    return (Statement(_HELD, row),)


def _in_doubt(fact: facts.ProfilesInDoubt) -> tuple[Statement, ...]:
    return (
        Statement(_FAIL_SAFE, (fact.charge_point, fact.connector, None)),
        Statement(_HELD, (fact.charge_point, fact.connector, None, None, None, None)),
        event(fact, fact.charge_point, connector=fact.connector, reason=fact.reason),
    )


def _security(fact: facts.SecurityEvent) -> tuple[Statement, ...]:
    told = event(fact, fact.charge_point, event=fact.event, source=fact.source, detail=fact.detail)
    return (*security_event.security_event(fact, fact.event, fact.source, fact.detail, fact.charge_point), told)


ROWS: dict[type[Fact], Callable[[Any], tuple[Statement, ...]]] = {
    facts.MeterLost: _meter_lost,
    facts.LinkOpened: _link_opened,
    facts.LinkClosed: _link_closed,
    facts.ChargePointBooted: _booted,
    facts.StatusReported: _status,
    facts.IdTagPresented: _presented,
    facts.TransactionStarted: _started,
    facts.TransactionStopped: _stopped,
    facts.StopKept: _stop_kept,
    facts.StopSettled: _stop_settled,
    facts.MessageKept: _message_kept,
    facts.FailSafeHeld: _fail_safe,
    facts.LimitHeld: _limit_held,
    facts.ProfilesInDoubt: _in_doubt,
    facts.SecurityEvent: _security,
    **card_rows.ROWS,
    **clock_rows.ROWS,
    **operation_rows.ROWS,
    **token_rows.ROWS,
    **access_rows.ROWS,
    **device_rows.ROWS,
    **file_rows.ROWS,
    **upstream_rows.ROWS,
    **rollout_rows.ROWS,
}

# MeterRead and ValuesReported are samples (samples.py). A refused limit leaves no row: the next order tells more, and a
# charger that refuses would otherwise wear out the flash. How far a transfer is, only who looks on wants to know, and
# who was told the time, only who runs now.
WITHOUT_ROWS: frozenset[type[Fact]] = frozenset({facts.LimitRefused, FileProgressed, TimeTold})
