"""Numbered SQL files bring a database to the newest schema, one transaction each. Must never change a released file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from chargemon_edge.store.errors import StoreError


@cache
def scripts(schema: str) -> dict[int, str]:
    """The SQL of each version of *schema* (``site`` or ``samples``), oldest first; the first is 1, none is missing."""
    found = {
        int(entry.name.removesuffix(".sql").rpartition("_")[2]): entry.read_text(encoding="utf-8")
        for entry in files("chargemon_edge.store").joinpath("schema").iterdir()
        if entry.name.startswith(f"{schema}_") and entry.name.endswith(".sql")
    }
    assert sorted(found) == list(range(1, len(found) + 1)), f"gap in the schema files of {schema}: {sorted(found)}"
    return dict(sorted(found.items()))


def migrate(
    connection: sqlite3.Connection,
    schema: str,
    before: Callable[[sqlite3.Connection, int, int], None] | None = None,
) -> bool:
    """Bring the open database to the newest version; whether it was empty before.

    *before* is called with the present and the newest version if there is something to lose.
    Raises :class:`StoreError` for a database that a newer release has written; nothing in it is changed then.
    """
    steps = scripts(schema)
    (present,) = connection.execute("PRAGMA user_version").fetchone()
    newest = max(steps)
    if present > newest:
        raise StoreError(
            f"{schema}.db has schema {present}, this release knows up to {newest}: "
            "install the release that wrote it, or restore the backup made before that one was installed"
        )
    if before is not None and 0 < present < newest:
        before(connection, present, newest)
    for number in range(present + 1, newest + 1):
        _step(connection, steps[number], number)
    return bool(present == 0)


def _step(connection: sqlite3.Connection, script: str, number: int) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
