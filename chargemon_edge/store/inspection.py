"""Looks at the database files as they lie there, whether a daemon runs or not. Writes nothing, leaves nothing."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from chargemon_edge.store.database import connect_at_rest, open_for_reading
from chargemon_edge.store.migrations import scripts

# reading a large file whole takes the disk away from the daemon
READ_MAX_S = 20.0
_STEPS = 20_000


class Inspected(NamedTuple):
    """One file."""

    path: Path
    fault: str | None
    """What is wrong with it."""
    version: int = 0
    size_bytes: int = 0
    whole: bool = True
    """It was read to its end."""
    permitted: bool = True
    """It may be read by whoever looks."""


def inspect(directory: Path, *, running: bool) -> Iterator[Inspected]:
    """Both files, as far as they are there. *running*: a daemon has them open."""
    for schema in ("site", "samples"):
        path = directory / f"{schema}.db"
        try:
            if path.exists():
                yield _inspected(path, schema, running=running)
        except OSError:
            yield Inspected(path, "cannot be read", permitted=False)


def _inspected(path: Path, schema: str, *, running: bool) -> Inspected:
    size_bytes = path.stat().st_size
    with path.open("rb"):
        # else SQLite says only that it cannot
        pass
    began_s, whole = time.monotonic(), True

    def too_long() -> int:
        nonlocal whole
        whole = time.monotonic() - began_s < READ_MAX_S
        return int(not whole)

    version = 0
    try:
        connection = open_for_reading(path) if running else connect_at_rest(path)
        try:
            if not running:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            newest = max(scripts(schema))
            if version > newest:
                return Inspected(path, f"it is of a newer release (schema {version}, this one knows {newest})", version)
            connection.set_progress_handler(too_long, _STEPS)
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        if not whole:
            return Inspected(path, None, version, size_bytes, whole=False)
        return Inspected(path, str(error), version, size_bytes)
    return Inspected(path, None if verdict == "ok" else str(verdict).splitlines()[-1], version, size_bytes)
