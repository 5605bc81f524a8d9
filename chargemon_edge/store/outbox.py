"""What has happened on the site, numbered in the order of commits, for whoever must hear of it later. Reads only.

Implements :class:`chargemon_edge.control.upstream_records.EventLog`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import msgspec

from chargemon_edge.control.records import EventRecord
from chargemon_edge.control.upstream_records import Bounds, Epochs
from chargemon_edge.store.event import EVENT
from chargemon_edge.store.reader import Reader
from chargemon_edge.store.sql_transaction import transaction

Follow = Callable[[Callable[[], None]], Callable[[], None]]


class Outbox:
    """The events on disk, looked up beside the event loop."""

    def __init__(self, reader: Reader, epochs: Epochs, follow: Follow) -> None:
        self._reader = reader
        self.epochs = epochs
        self._follow = follow

    async def pending(self, after: int, limit: int) -> list[EventRecord]:
        """The first *limit* events numbered above *after*, oldest first."""
        return await self._reader.ask("site", _pending, after, limit)

    async def bounds(self) -> Bounds:
        """The oldest and the newest there are."""
        first, head = await self._reader.ask("site", _bounds)
        return Bounds(first, self.epochs.newest if head is None else head)

    async def time_of(self, number: int) -> int | None:
        """When the first event numbered *number* or above happened."""
        return await self._reader.ask("site", _time_of, number)

    def follow(self, written: Callable[[], None]) -> Callable[[], None]:
        """Call *written* whenever the writer has written something; returns what ends that."""
        return self._follow(written)


def _pending(site: sqlite3.Connection, after: int, limit: int) -> list[EventRecord]:
    rows = site.execute(
        "SELECT number, utc_ms, kind, charge_point, body FROM event WHERE number > ? ORDER BY number LIMIT ?",
        (after, limit),
    )
    return [
        EventRecord(number=number, utc_ms=utc_ms, kind=kind, charge_point=charge_point, body=msgspec.Raw(body.encode()))
        for number, utc_ms, kind, charge_point, body in rows
    ]


def _bounds(site: sqlite3.Connection) -> tuple[int | None, int | None]:
    # two questions: SQLite finds each end by the index, but looks at every row for both together
    (first,) = site.execute("SELECT min(number) FROM event").fetchone()
    (head,) = site.execute("SELECT max(number) FROM event").fetchone()
    return first, head


def _time_of(site: sqlite3.Connection, number: int) -> int | None:
    row = site.execute("SELECT utc_ms FROM event WHERE number >= ? ORDER BY number LIMIT 1", (number,)).fetchone()
    return None if row is None else int(row[0])


def begin_epoch(site: sqlite3.Connection, utc_ms: int, version: str) -> Epochs:
    """Let the coming events be numbered above any that was ever used, also after an older copy of the file was put
    back, and say so in the first of them.

    Numbers never outrun the milliseconds since 1970, so those are a safe place to go on from.
    """
    row = site.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
    used = 0 if row is None else int(row[0])
    (before,) = site.execute("SELECT max(ep) FROM epoch").fetchone()
    ep = max(used, utc_ms)
    told: dict[str, object] = {"version": version}
    last = None
    if before is not None:
        # by the events there are: after a backup was put back the counter is ahead of them
        (newest,) = site.execute("SELECT max(number) FROM event").fetchone()
        last = used if newest is None else max(newest, before)
        told |= {"previous_ep": before, "previous_s": last - before}
    with transaction(site):
        if row is None:
            site.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('event', ?)", (ep,))
        else:
            site.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'event'", (ep,))
        site.execute("UPDATE epoch SET last_number = ? WHERE ep = ?", (last, before))
        site.execute("INSERT INTO epoch (ep, started_utc_ms) VALUES (?, ?)", (ep, utc_ms))
        site.execute(EVENT, (utc_ms, "DaemonStarted", None, msgspec.json.encode(told).decode()))
    return known_epochs(site)


def known_epochs(site: sqlite3.Connection) -> Epochs:
    """Those that the file knows of."""
    return Epochs(dict(site.execute("SELECT ep, last_number FROM epoch ORDER BY ep")) or {0: None})
