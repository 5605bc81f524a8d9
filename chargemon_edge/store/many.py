"""Writes many rows of one kind with few statements.

A statement that inserts twenty rows costs SQLite and the sqlite3 module half of twenty that insert one: the table is
sought out once, its AUTOINCREMENT number read and written once, and the interpreter's lock is given up once.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

# the widest first; for what is left each row is a statement
_WIDTHS = (20, 5)
_SLOTS = re.compile(r"(?<=\bVALUES )\((?:\?, )*\?\)")

# Before it binds a None or bytes, the sqlite3 module asks each time whether they adapt themselves, and to make the
# AttributeError that answers takes longer than to bind a whole row. Told what they become, it asks no more.
sqlite3.register_adapter(type(None), dict[None, None]().get)
sqlite3.register_adapter(bytes, bytes)


def write_many(connection: sqlite3.Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run *sql* for the parameters of each of *rows*, in their order."""
    for width in _WIDTHS:
        whole = len(rows) - len(rows) % width
        wide = _widened(sql, width) if whole else None
        if wide is not None:
            flat = list(chain.from_iterable(rows[:whole]))
            step = len(flat) * width // whole
            connection.executemany(wide, [flat[start : start + step] for start in range(0, len(flat), step)])
            rows = rows[whole:]
    if rows:
        connection.executemany(sql, rows)


@cache
def _widened(sql: str, width: int) -> str | None:
    """*sql* for so many rows at once; None if it does not insert just its parameters."""
    found = _SLOTS.search(sql)
    if found is None or not sql.startswith("INSERT ") or sql.count("?") != found[0].count("?"):
        return None
    return sql.replace(found[0], ", ".join([found[0]] * width))
