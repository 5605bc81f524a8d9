"""What was, page by page, newest first. Implements :class:`chargemon_edge.control.ports.History`. Reads only.

A filter without an index of its own looks at no more than so many rows for one page, and says where it stopped: an
index on rows that come by the thousand would wear out the flash.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from chargemon_edge.control.records import (
    EventQuery,
    EventRecord,
    KeptStopQuery,
    KeptStopRecord,
    MeterValueQuery,
    MeterValueRecord,
    OperationQuery,
    OperationRecord,
    Page,
    Paging,
    SecurityEventQuery,
    SecurityEventRecord,
    TransactionQuery,
    TransactionRecord,
)
from chargemon_edge.site.units import PerPhase
from chargemon_edge.store.reader import Reader
from chargemon_edge.store.samples import payload

# some tens of milliseconds
SCANNED_MAX = 100_000
# a clock that was set moves the times at which rows were received; numbers always rise
_CLOCK_MARGIN_MS = 3_600_000

Item = TypeVar("Item")


class History:
    """Asked on the event loop; every method may raise HistoryUnavailableError."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def transactions(self, query: TransactionQuery) -> Page[TransactionRecord]:
        """Ended and running ones."""
        return await self._reader.ask("site", _transactions, query)

    async def transaction(self, transaction_id: int) -> TransactionRecord | None:
        """One by id."""
        return await self._reader.ask("site", _transaction, transaction_id)

    async def meter_values(self, query: MeterValueQuery) -> Page[MeterValueRecord]:
        """As the charge points reported them, while they are kept."""
        return await self._reader.ask("samples", _meter_values, query)

    async def meter_values_of(self, transaction: TransactionRecord, paging: Paging) -> Page[MeterValueRecord]:
        """Those of one transaction; found by the time in which it ran."""
        return await self._reader.ask("samples", _meter_values_of, transaction, paging)

    async def meter_value_payload(self, number: int) -> bytes | None:
        """One MeterValues as it came."""
        return await self._reader.ask("samples", payload, number)

    async def events(self, query: EventQuery) -> Page[EventRecord]:
        """What happened."""
        return await self._reader.ask("site", _events, query)

    async def security_events(self, query: SecurityEventQuery) -> Page[SecurityEventRecord]:
        """What bears on security."""
        return await self._reader.ask("site", _security_events, query)

    async def kept_stops(self, query: KeptStopQuery) -> Page[KeptStopRecord]:
        """Stops that matched nothing."""
        return await self._reader.ask("site", _kept_stops, query)

    async def kept_stop(self, number: int) -> KeptStopRecord | None:
        """One of them."""
        return await self._reader.ask("site", _kept_stop, number)

    async def operations(self, query: OperationQuery) -> Page[OperationRecord]:
        """What was asked of charge points."""
        return await self._reader.ask("site", _operations, query)


def scanned(
    connection: sqlite3.Connection, table: str, columns: str, query: Paging, **equal: object
) -> tuple[list[tuple[Any, ...]], int | None]:
    """Rows of *table* (names of ours), newest *number* first, whose columns are *equal* to what is not None.

    *columns* begins with the number. Looks at no more than SCANNED_MAX rows; returns the rows, and where to go on.
    """
    before = 2**63 - 1 if query.before is None else query.before
    wanted = {name: value for name, value in equal.items() if value is not None}
    condition = " AND ".join(f"{name} = ?" for name in wanted) or "true"
    looked_at = f"FROM {table} WHERE number < ? ORDER BY number DESC LIMIT {SCANNED_MAX}"
    rows = connection.execute(
        f"SELECT {columns} FROM (SELECT * {looked_at}) WHERE {condition} ORDER BY number DESC LIMIT ?",  # noqa: S608 - names of ours
        (before, *wanted.values(), query.limit),
    ).fetchall()
    if len(rows) == query.limit:
        return rows, rows[-1][0]
    if not wanted:
        return rows, None
    (last, count) = connection.execute(
        f"SELECT min(number), count(*) FROM (SELECT number {looked_at})",  # noqa: S608 - names of ours
        (before,),
    ).fetchone()
    return rows, last if count == SCANNED_MAX else None


def page_of(found: tuple[list[tuple[Any, ...]], int | None], record: Callable[[tuple[Any, ...]], Item]) -> Page[Item]:
    """What :func:`scanned` found, as records."""
    rows, next_before = found
    return Page(items=tuple(map(record, rows)), next_before=next_before)


_TRANSACTION = (
    "transaction_id, charge_point, connector, id_tag, id_tag_status, meter_start_wh, start_received_utc_ms, "
    "started_utc_ms, reservation_id, stop_received_utc_ms, stopped_utc_ms, meter_stop_wh, stop_reason, stop_id_tag, "
    "times_doubted"
)


def _transactions(site: sqlite3.Connection, query: TransactionQuery) -> Page[TransactionRecord]:
    wanted: dict[str, object] = {
        "transaction_id < ?": query.before,
        "charge_point = ?": query.charge_point,
        "id_tag = ?": query.id_tag,
    }
    conditions = [condition for condition, value in wanted.items() if value is not None]
    if query.open is not None:
        conditions.append(f"stop_received_utc_ms IS {'' if query.open else 'NOT '}NULL")
    rows = site.execute(
        f"SELECT {_TRANSACTION} FROM charging_transaction "  # noqa: S608 - texts of ours
        f"WHERE {' AND '.join(conditions) or 'true'} ORDER BY transaction_id DESC LIMIT ?",
        (*(value for value in wanted.values() if value is not None), query.limit),
    ).fetchall()
    return page_of((rows, rows[-1][0] if len(rows) == query.limit else None), _transaction_record)


def _transaction(site: sqlite3.Connection, transaction_id: int) -> TransactionRecord | None:
    row = site.execute(
        f"SELECT {_TRANSACTION} FROM charging_transaction WHERE transaction_id = ?",  # noqa: S608 - a text of ours
        (transaction_id,),
    ).fetchone()
    return None if row is None else _transaction_record(row)


def _transaction_record(row: tuple[Any, ...]) -> TransactionRecord:
    drawn_wh = None if row[11] is None else row[11] - row[5]
    return TransactionRecord(
        transaction_id=row[0],
        charge_point=row[1],
        connector=row[2],
        id_tag=row[3],
        id_tag_status=row[4],
        open=row[9] is None,
        meter_start_wh=row[5],
        start_received_utc_ms=row[6],
        started_utc_ms=row[7],
        reservation_id=row[8],
        stop_received_utc_ms=row[9],
        stopped_utc_ms=row[10],
        meter_stop_wh=row[11],
        stop_reason=row[12],
        stop_id_tag=row[13],
        times_doubted=bool(row[14]),
        energy_wh=drawn_wh if drawn_wh is not None and drawn_wh >= 0 else None,
    )


_READING = (
    "number, received_utc_ms, measured_utc_ms, charge_point, connector, transaction_id, l1_ma, l2_ma, l3_ma, power_w, "
    "energy_wh, offered_ma, live, derived"
)


def _meter_values(samples: sqlite3.Connection, query: MeterValueQuery) -> Page[MeterValueRecord]:
    found = scanned(
        samples,
        "reading",
        _READING,
        query,
        charge_point=query.charge_point,
        connector=query.connector,
        transaction_id=query.transaction_id,
    )
    return page_of(found, _reading_record)


def _meter_values_of(
    samples: sqlite3.Connection, transaction: TransactionRecord, paging: Paging
) -> Page[MeterValueRecord]:
    first = number_at(samples, transaction.start_received_utc_ms - _CLOCK_MARGIN_MS)
    last = 2**63 - 1
    if transaction.stop_received_utc_ms is not None:
        last = number_at(samples, transaction.stop_received_utc_ms + _CLOCK_MARGIN_MS)
    if paging.before is not None:
        last = min(last, paging.before)
    rows = samples.execute(
        f"SELECT {_READING} FROM reading WHERE number >= ? AND number < ? AND transaction_id = ? "  # noqa: S608 - ours
        "AND charge_point = ? ORDER BY number DESC LIMIT ?",
        (first, last, transaction.transaction_id, transaction.charge_point, paging.limit),
    ).fetchall()
    return page_of((rows, rows[-1][0] if len(rows) == paging.limit else None), _reading_record)


def number_at(samples: sqlite3.Connection, utc_ms: int) -> int:
    """The first number of what was received at *utc_ms* or later, found by halving: they rise together."""
    low, high = samples.execute(
        "SELECT coalesce(min(number), 0), coalesce(max(number), -1) + 1 FROM reading"
    ).fetchone()
    while low < high:
        middle = (low + high) // 2
        row = samples.execute(
            "SELECT number, received_utc_ms FROM reading WHERE number >= ? ORDER BY number LIMIT 1", (middle,)
        ).fetchone()
        if row is None or row[1] >= utc_ms:
            high = middle
        else:
            low = row[0] + 1
    return int(low)


def _reading_record(row: tuple[Any, ...]) -> MeterValueRecord:
    return MeterValueRecord(
        number=row[0],
        received_utc_ms=row[1],
        measured_utc_ms=row[2],
        charge_point=row[3],
        connector=row[4],
        transaction_id=row[5],
        current_ma=None if row[6] is None else PerPhase(row[6], row[7], row[8]),
        power_w=row[9],
        energy_wh=row[10],
        offered_ma=row[11],
        live=bool(row[12]),
        derived=tuple(row[13].split(",")) if row[13] else (),
    )


def _security_events(site: sqlite3.Connection, query: SecurityEventQuery) -> Page[SecurityEventRecord]:
    found = scanned(
        site,
        "security_event",
        "number, utc_ms, event, source, charge_point, detail",
        query,
        charge_point=query.charge_point,
        event=query.event,
        source=query.source,
    )
    return page_of(
        found,
        lambda row: SecurityEventRecord(
            number=row[0], utc_ms=row[1], event=row[2], source=row[3], charge_point=row[4], detail=row[5]
        ),
    )


def _events(site: sqlite3.Connection, query: EventQuery) -> Page[EventRecord]:
    found = scanned(
        site,
        "event",
        "number, utc_ms, kind, charge_point, body",
        query,
        charge_point=query.charge_point,
        kind=query.kind,
    )
    return page_of(
        found,
        lambda row: EventRecord(
            number=row[0], utc_ms=row[1], kind=row[2], charge_point=row[3], body=msgspec.Raw(row[4].encode())
        ),
    )


_KEPT_STOP = "number, received_utc_ms, charge_point, transaction_id, doubt, raw, settled_utc_ms, settled_by"


def _kept_stops(site: sqlite3.Connection, query: KeptStopQuery) -> Page[KeptStopRecord]:
    settled = None if query.settled is None else int(query.settled)
    found = scanned(
        site,
        "(SELECT *, settled_utc_ms IS NOT NULL AS settled FROM kept_stop)",
        _KEPT_STOP,
        query,
        charge_point=query.charge_point,
        settled=settled,
    )
    return page_of(found, _kept_stop_record)


def _kept_stop(site: sqlite3.Connection, number: int) -> KeptStopRecord | None:
    row = site.execute(
        f"SELECT {_KEPT_STOP} FROM kept_stop WHERE number = ?",  # noqa: S608 - a text of ours
        (number,),
    ).fetchone()
    return None if row is None else _kept_stop_record(row)


def _kept_stop_record(row: tuple[Any, ...]) -> KeptStopRecord:
    return KeptStopRecord(
        number=row[0],
        received_utc_ms=row[1],
        charge_point=row[2],
        transaction_id=row[3],
        doubt=row[4],
        payload=msgspec.Raw(row[5] or b"null"),
        settled_utc_ms=row[6],
        settled_by=row[7],
    )


def _operations(site: sqlite3.Connection, query: OperationQuery) -> Page[OperationRecord]:
    found = scanned(
        site,
        "operation",
        "number, asked_utc_ms, charge_point, action, asked_by, payload, ended_utc_ms, result, detail",
        query,
        charge_point=query.charge_point,
    )
    return page_of(
        found,
        lambda row: OperationRecord(
            number=row[0],
            asked_utc_ms=row[1],
            charge_point=row[2],
            action=row[3],
            asked_by=row[4],
            payload=msgspec.Raw((row[5] or "null").encode()),
            ended_utc_ms=row[6],
            result=row[7],
            detail=row[8],
        ),
    )
