"""An empty database in memory, of today's schema."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from chargemon_edge.store.migrations import migrate


@contextlib.contextmanager
def empty(schema: str) -> Iterator[sqlite3.Connection]:
    """One of *schema*, closed at the end."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, schema)
        yield connection
