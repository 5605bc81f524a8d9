"""What has happened on the site, numbered in the order of commits, for whoever must hear of it later. Reads only."""

from __future__ import annotations

import sqlite3

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event, durable together with the change it reports."""

    number: int
    """Rises with each event and never repeats; gaps mean nothing."""
    utc_ms: int
    kind: str
    """The name of the fact: ``TransactionStarted``, ``LinkClosed``, …"""
    charge_point: str | None
    body: msgspec.Raw
    """A JSON object; what was unknown is left out."""


class Outbox:
    """The events on disk. Called on the event loop: ask for few at a time."""

    def __init__(self, reading: sqlite3.Connection) -> None:
        self._reading = reading

    def pending(self, after: int, limit: int) -> list[Event]:
        """The first *limit* events numbered above *after*, oldest first. Raises :class:`sqlite3.Error`."""
        rows = self._reading.execute(
            "SELECT number, utc_ms, kind, charge_point, body FROM event WHERE number > ? ORDER BY number LIMIT ?",
            (after, limit),
        )
        return [
            Event(number=number, utc_ms=utc_ms, kind=kind, charge_point=charge_point, body=msgspec.Raw(body.encode()))
            for number, utc_ms, kind, charge_point, body in rows
        ]

    def head(self) -> int:
        """The number of the newest event; 0 before the first."""
        (number,) = self._reading.execute("SELECT coalesce(max(number), 0) FROM event").fetchone()
        return int(number)


def keep_numbers_rising(site: sqlite3.Connection, utc_ms: int) -> None:
    """Let the next event's number be above any that was ever used, also after an older copy of the file was put back.

    Numbers never outrun the milliseconds since 1970, so those are a safe place to go on from.
    """
    if site.execute("SELECT 1 FROM sqlite_sequence WHERE name = 'event'").fetchone() is None:
        site.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('event', ?)", (utc_ms,))
    else:
        site.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'event' AND seq < ?", (utc_ms, utc_ms))
