"""Finds a transaction by id or by the request that started it: the recent ones in memory, older ones on disk.

What was handed to a commit is found at once; if the commit fails it is forgotten again. Never writes.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import OrderedDict
from typing import Any

from chargemon_edge.site.facts import Moment, TransactionStarted, TransactionStopped

log = logging.getLogger(__name__)

# several days of a busy site; about 1 kB each
RECENT_MAX = 2_000

COLUMNS = (
    "transaction_id, charge_point, connector, id_tag, id_tag_status, meter_start_wh, started_utc_ms, started_text, "
    "start_received_utc_ms, reservation_id, stop_received_utc_ms, stopped_utc_ms, meter_stop_wh, stop_reason, "
    "stop_id_tag, stop_raw"
)
_BY_ID = f"SELECT {COLUMNS} FROM charging_transaction WHERE transaction_id = ?"  # noqa: S608 - a constant of ours
_BY_REQUEST = (
    f"SELECT {COLUMNS} FROM charging_transaction "  # noqa: S608 - a constant of ours
    "WHERE charge_point = ? AND started_text = ? AND connector = ? AND id_tag = ? AND meter_start_wh = ? "
    "ORDER BY transaction_id DESC LIMIT 1"
)

_NEWEST = "SELECT max(started_text) FROM charging_transaction WHERE charge_point = ?"

Known = tuple[TransactionStarted, TransactionStopped | None]
_Request = tuple[str, int, str, str, int]


def known_from_row(row: tuple[Any, ...], now: Moment) -> Known:
    """A row in the order of :data:`COLUMNS`. Its moments are put on this run's monotonic clock, before *now*."""
    start = TransactionStarted(
        at=moment_of(row[8], now),
        transaction_id=row[0],
        charge_point=row[1],
        connector=row[2],
        id_tag=row[3],
        id_tag_status=row[4],
        meter_start_wh=row[5],
        started_utc_ms=row[6],
        started_text=row[7],
        reservation_id=row[9],
    )
    if row[10] is None:
        return start, None
    stop = TransactionStopped(
        at=moment_of(row[10], now),
        transaction_id=row[0],
        charge_point=row[1],
        connector=row[2],
        meter_stop_wh=row[12],
        stopped_utc_ms=row[11],
        reason=row[13],
        id_tag=row[14],
        raw=row[15],
    )
    return start, stop


def moment_of(utc_ms: int, now: Moment) -> Moment:
    """A moment of an earlier run; never after *now*, whatever the clock was then."""
    return Moment(now.mono_s - max(0, now.utc_ms - utc_ms) / 1000, utc_ms)


class Transactions:
    """The index. Lives on the event loop."""

    def __init__(self, reading: sqlite3.Connection, started: Moment) -> None:
        self._reading = reading
        self._started = started
        # oldest first
        self._by_id: OrderedDict[int, Known] = OrderedDict()
        self._by_request: dict[_Request, TransactionStarted] = {}
        # of each charge point that asked: no start of it has a text that sorts after this one
        self._newest: dict[str, str] = {}

    def load_recent(self) -> None:
        """Take the newest from disk; an open one stays findable through :meth:`find` in any case."""
        query = f"SELECT {COLUMNS} FROM charging_transaction ORDER BY transaction_id DESC LIMIT ?"  # noqa: S608 - ours
        for row in reversed(self._reading.execute(query, (RECENT_MAX,)).fetchall()):
            start, stop = known_from_row(row, self._started)
            self._by_id[start.transaction_id] = (start, stop)
            self._by_request[_request(start)] = start

    def started(self, fact: TransactionStarted) -> None:
        """A start was handed to a commit."""
        while len(self._by_id) >= RECENT_MAX:
            _, (oldest, _) = self._by_id.popitem(last=False)
            self._drop_request(oldest)
        self._by_id[fact.transaction_id] = (fact, None)
        self._by_request[_request(fact)] = fact
        newest = self._newest.get(fact.charge_point)
        if newest is not None and newest < fact.started_text:
            self._newest[fact.charge_point] = fact.started_text

    def start_failed(self, fact: TransactionStarted) -> None:
        """That commit failed: there is no such transaction."""
        known = self._by_id.get(fact.transaction_id)
        if known is not None and known[0] is fact:
            del self._by_id[fact.transaction_id]
            self._drop_request(fact)

    def stopped(self, fact: TransactionStopped) -> None:
        """A stop was handed to a commit."""
        known = self.find(fact.transaction_id)
        if known is not None and known[1] is None:
            self._by_id[fact.transaction_id] = (known[0], fact)

    def stop_failed(self, fact: TransactionStopped) -> None:
        """That commit failed: the transaction is still open."""
        known = self._by_id.get(fact.transaction_id)
        if known is not None and known[1] is fact:
            self._by_id[fact.transaction_id] = (known[0], None)

    def find(self, transaction_id: int) -> Known | None:
        """By id."""
        known = self._by_id.get(transaction_id)
        if known is not None:
            return known
        return self._read(_BY_ID, (transaction_id,))

    def find_start(
        self, charge_point: str, connector: int, id_tag: str, started_text: str, meter_start_wh: int
    ) -> TransactionStarted | None:
        """By the request that started it: the newest whose every part is equal."""
        fact = self._by_request.get((charge_point, connector, id_tag, started_text, meter_start_wh))
        if fact is not None:
            return fact
        newest = self._newest.get(charge_point)
        if newest is None:
            newest = self._load_newest(charge_point)
        if newest is not None and started_text > newest:
            # time goes on, and so do nearly all starts: what was never written before repeats nothing
            return None
        known = self._read(_BY_REQUEST, (charge_point, started_text, connector, id_tag, meter_start_wh))
        return None if known is None else known[0]

    def _drop_request(self, fact: TransactionStarted) -> None:
        if self._by_request.get(_request(fact)) is fact:
            del self._by_request[_request(fact)]

    def _load_newest(self, charge_point: str) -> str | None:
        """Once for each charge point; None: the disk does not tell."""
        row = self._look_up(_NEWEST, (charge_point,))
        if row is None:
            return None
        handed_in = [request[3] for request in self._by_request if request[0] == charge_point]
        newest = self._newest[charge_point] = max([row[0] or "", *handed_in])
        return newest

    def _read(self, query: str, parameters: tuple[Any, ...]) -> Known | None:
        row = self._look_up(query, parameters)
        return None if row is None else known_from_row(row, self._started)

    def _look_up(self, query: str, parameters: tuple[Any, ...]) -> tuple[Any, ...] | None:
        try:
            row: tuple[Any, ...] | None = self._reading.execute(query, parameters).fetchone()
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            # a number no database holds, or a disk that fails: the commit that follows will tell
            log.warning("transaction could not be looked up why=%r", str(error))
            return None
        return row


def _request(fact: TransactionStarted) -> _Request:
    return (fact.charge_point, fact.connector, fact.id_tag, fact.started_text, fact.meter_start_wh)
