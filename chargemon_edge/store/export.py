"""The site's records as files for people: readable names, times as text, foreign keys and views. Never read back.

The SQLite file opens in sqlite-utils and Datasette; the CSV files in a spreadsheet. What opens doors (password hashes,
tokens, keys, certificates) is not in them, and id tags are masked unless they are asked for.
"""

from __future__ import annotations

import contextlib
import csv
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlite_utils

from chargemon_edge import __version__
from chargemon_edge.control.spreadsheet import inert
from chargemon_edge.store.export_tables import TABLES, VIEWS, Table
from chargemon_edge.store.tag_mask import NoMask, TagMask, tags_in

_ROWS_AT_ONCE = 5_000


class Export:
    """One run. *site* and *samples* only read; both are this object's alone."""

    def __init__(self, site: sqlite3.Connection, samples: sqlite3.Connection, *, with_tags: bool) -> None:
        """*with_tags*: id tags, and what cards are called, as they are."""
        self._sources = {"site": site, "samples": samples}
        mask = NoMask() if with_tags else TagMask(tags_in(site))
        # all of the site's file as it is at one moment
        site.execute("BEGIN")
        transactions = {number for (number,) in site.execute("SELECT transaction_id FROM charging_transaction")}
        for source in (site, samples):
            source.create_function("utc", 1, _utc)
            source.create_function("amperes", 1, lambda current_ma: None if current_ma is None else current_ma / 1000)
            source.create_function("tag", 1, mask.tag)
            source.create_function("told", 1, mask.text)
            source.create_function("private", 1, lambda text: text if with_tags else None)
            source.create_function("known", 1, lambda number: number if number in transactions else None)

    def to_sqlite(self, path: Path) -> dict[str, int]:
        """Make the file *path*; how many rows each table has. Raises OSError and sqlite3.Error."""
        counts = {}
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            database = sqlite_utils.Database(connection)
            for table in TABLES:
                made = database.table(table.name).create(table.columns, pk=table.key, foreign_keys=list(table.links))
                slots = ", ".join("?" * len(table.columns))
                for rows in self._rows(table):
                    connection.executemany(f"INSERT OR REPLACE INTO {table.name} VALUES ({slots})", rows)  # noqa: S608 - ours
                counts[table.name] = made.count
            for name, query in VIEWS.items():
                database.create_view(name, query)
            about = [("release", __version__), ("times", "UTC"), ("currents", "amperes; positive: drawn from the grid")]
            database.table("about").insert_all([{"what": what, "value": value} for what, value in about], pk="what")
            connection.commit()
        return counts

    def to_csv(self, folder: Path) -> dict[str, int]:
        """Make one CSV file for each table in *folder*, which must be there. Raises OSError and sqlite3.Error."""
        counts = {}
        for table in TABLES:
            with (folder / f"{table.name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(table.columns)
                counts[table.name] = 0
                for rows in self._rows(table):
                    writer.writerows([inert(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
                    counts[table.name] += len(rows)
        return counts

    def _rows(self, table: Table) -> Iterator[list[tuple[Any, ...]]]:
        found = self._sources[table.source].execute(table.query)
        while rows := found.fetchmany(_ROWS_AT_ONCE):
            yield rows


def _utc(utc_ms: int | None) -> str | None:
    if utc_ms is None:
        return None
    try:
        return datetime.fromtimestamp(utc_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        # a clock that was wrong beyond all years
        return None
