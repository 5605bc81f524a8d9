"""What the disk knows of the time: when it wrote last, and by which time an earlier run since this boot recorded."""

from __future__ import annotations

import sqlite3

from chargemon_edge.control.ports import RestoredClock

_NEWEST = {
    "site": (
        "SELECT utc_ms FROM event ORDER BY number DESC LIMIT 1",
        "SELECT max(start_received_utc_ms, coalesce(stop_received_utc_ms, 0)) FROM charging_transaction "
        "ORDER BY transaction_id DESC LIMIT 1",
    ),
    "samples": ("SELECT received_utc_ms FROM reading ORDER BY number DESC LIMIT 1",),
}


def restore_clock(site: sqlite3.Connection, samples: sqlite3.Connection) -> RestoredClock:
    """Raises :class:`sqlite3.Error`.

    The newest record is the last one written, not the one with the latest date: a clock may have been ahead once.
    """
    newest = [
        row[0]
        for connection, schema in ((site, "site"), (samples, "samples"))
        for query in _NEWEST[schema]
        if (row := connection.execute(query).fetchone()) is not None and row[0] is not None
    ]
    last = site.execute("SELECT boot, offset_ms, source, doubted_since_utc_ms FROM clock").fetchone()
    boot, offset_ms, source, doubted_since_utc_ms = ("", 0, None, None) if last is None else last
    return RestoredClock(
        newest_utc_ms=max(newest, default=None),
        boot=boot,
        offset_ms=offset_ms,
        source=source,
        doubted_since_utc_ms=doubted_since_utc_ms,
    )
