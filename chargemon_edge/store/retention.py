"""Deletes what has been kept long enough, a small slice at a time, so that a flush never waits long for it.

Transactions, kept stops and states are never deleted. Runs on the writer.
"""

from __future__ import annotations

import sqlite3

from chargemon_edge.store.security_event import KEPT_ALTOGETHER
from chargemon_edge.store.settings import StoreSettings

# a few milliseconds each; once a minute that is eight times what twenty chargers write
SLICE_ROWS = 1_000
# on a short disk so much is kept free inside the samples' file, where it cannot give room back: some hours of twenty
# chargers
ROOM_WITHIN_BYTES = 1_000_000
# where it can, so much stays: the last readings, by which running transactions are shown
SAMPLES_MIN_BYTES = 2_000_000
# given back at once: some milliseconds
_PAGES_AT_ONCE = 4_000
# a start's own event ends the epoch before it: without it nobody upstream could tell that all has been heard
_LAST_TO_GO = ("TransactionStarted", "TransactionStopped", "StopKept", "StopSettled", "DaemonStarted")
_OTHER_EVENTS = (
    "DELETE FROM event WHERE number IN (SELECT number FROM event WHERE kind NOT IN "  # noqa: S608 - names of ours
    f"({', '.join(repr(kind) for kind in _LAST_TO_GO)}) ORDER BY number LIMIT ?)"
)
_OLDEST_EVENTS = "DELETE FROM event WHERE number IN (SELECT number FROM event ORDER BY number LIMIT ?)"
_DAY_MS = 86_400_000
_INCREMENTAL = 2
_BEGINNING_MS = -(2**62)
# above all numbers of rows
_NO_NUMBER = 2**62
_ENDED_RESERVATIONS = (
    "DELETE FROM reservation WHERE changed_utc_ms < ? AND state NOT IN ('Requested', 'Accepted', 'Unanswered')"
)
# so long a command from upstream is recognised when it comes again
_KEEP_COMMANDS_MS = 30 * _DAY_MS
_ENDED_COMMANDS = "DELETE FROM upstream_command WHERE ended_utc_ms < ?"
_ENDED_CAMPAIGNS = "DELETE FROM campaign WHERE changed_utc_ms < ? AND state IN ('cancelled', 'finished')"
_THEIR_UPDATES = "DELETE FROM campaign_update WHERE campaign NOT IN (SELECT number FROM campaign)"
# when there are too many: the oldest of whoever has caused most
_LOUDEST = (
    "DELETE FROM security_event WHERE (SELECT count(*) FROM security_event) > ? AND number IN ("
    "SELECT number FROM security_event WHERE source = "
    "(SELECT source FROM security_event GROUP BY source ORDER BY count(*) DESC, source LIMIT 1) "
    "ORDER BY number LIMIT ?)"
)


class Retention:
    """What to delete next from the two files."""

    def __init__(self, settings: StoreSettings, site: sqlite3.Connection, samples: sqlite3.Connection) -> None:
        self._settings = settings
        self._site = site
        self._samples = samples

    def slice(self, utc_ms: int | None, *, disk_is_short: bool) -> int:
        """Delete one slice of each table; returns how many rows went. Raises :class:`sqlite3.Error`.

        Without *utc_ms* no row is old: the time is not known.
        """
        keep = self._settings
        utc_ms = _BEGINNING_MS if utc_ms is None else utc_ms
        events_before_ms = utc_ms - keep.keep_events_days * _DAY_MS
        samples_before_ms = 2**62 if self._too_large(disk_is_short) else utc_ms - keep.keep_samples_days * _DAY_MS
        gone = _prune(self._samples, "reading", "received_utc_ms", samples_before_ms)
        if gone:
            self._samples.execute(
                "DELETE FROM payloads WHERE last_number < coalesce((SELECT min(number) FROM reading), 9e18)"
            )
        gone += _prune(self._site, "event", "utc_ms", events_before_ms, up_to=self._stored_upstream())
        gone += self._thin_events()
        gone += _prune(self._site, "security_event", "utc_ms", events_before_ms)
        gone += self._site.execute(_LOUDEST, (KEPT_ALTOGETHER, SLICE_ROWS)).rowcount
        gone += _prune(self._site, "operation", "asked_utc_ms", events_before_ms)
        gone += _prune(self._site, "kept_message", "received_utc_ms", events_before_ms)
        gone += self._site.execute(_ENDED_RESERVATIONS, (events_before_ms,)).rowcount
        gone += self._site.execute(_ENDED_COMMANDS, (utc_ms - _KEEP_COMMANDS_MS,)).rowcount
        gone += self._site.execute(_ENDED_CAMPAIGNS, (events_before_ms,)).rowcount
        gone += self._site.execute(_THEIR_UPDATES).rowcount
        minute = (utc_ms - keep.keep_minutes_days * _DAY_MS) // 60_000
        return gone + self._samples.execute("DELETE FROM meter_minute WHERE minute < ?", (minute,)).rowcount

    def _stored_upstream(self) -> int:
        """Events numbered above this one are kept for an upstream that has not stored them yet."""
        (number,) = self._site.execute("SELECT min(number) FROM upstream_hold").fetchone()
        return _NO_NUMBER if number is None else int(number)

    def _thin_events(self) -> int:
        """Of a file that holds too much, the oldest events: those of transactions when there are no others."""
        used_bytes, _ = _bytes(self._site)
        if used_bytes <= self._settings.site_size_max_mb * 1_000_000:
            return 0
        gone = self._site.execute(_OTHER_EVENTS, (SLICE_ROWS,)).rowcount
        return gone or self._site.execute(_OLDEST_EVENTS, (SLICE_ROWS,)).rowcount

    def give_back(self) -> bool:
        """Let the disk have a piece of what is free within the samples' file; whether that file can do so."""
        if not self._gives_back():
            return False
        # a script, since it is one step for each page and execute() takes the first alone
        self._samples.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
        # the file gets shorter only with its log copied into it
        self._samples.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return True

    def _gives_back(self) -> bool:
        return bool(self._samples.execute("PRAGMA auto_vacuum").fetchone()[0] == _INCREMENTAL)

    def _too_large(self, disk_is_short: bool) -> bool:
        """Whether the oldest samples must go whatever their date says."""
        used_bytes, free_bytes = _bytes(self._samples)
        if disk_is_short and (used_bytes > SAMPLES_MIN_BYTES if self._gives_back() else free_bytes < ROOM_WITHIN_BYTES):
            return True
        return used_bytes > self._settings.samples_size_max_mb * 1_000_000


def _prune(connection: sqlite3.Connection, table: str, column: str, before_ms: int, *, up_to: int = _NO_NUMBER) -> int:
    """The oldest rows of *table*, by number, up to the last one of the slice that is older than *before_ms*; none
    numbered above *up_to*.

    A row that a wrong clock has dated into the future goes with its older neighbours.
    """
    statement = (
        f"DELETE FROM {table} WHERE number <= (SELECT max(number) FROM "  # noqa: S608 - names of ours
        f"(SELECT number, {column} AS utc_ms FROM {table} ORDER BY number LIMIT ?) WHERE utc_ms < ?) AND number <= ?"
    )
    return connection.execute(statement, (SLICE_ROWS, before_ms, up_to)).rowcount


def _bytes(connection: sqlite3.Connection) -> tuple[int, int]:
    """How much of the file is used, and how much of it is free within."""
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    return page_bytes * (pages - free), page_bytes * free
