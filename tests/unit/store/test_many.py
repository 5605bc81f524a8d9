"""Many rows by few statements: the same rows in the same order, and only where a statement inserts its parameters."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from chargemon_edge.store.many import write_many

INSERT = "INSERT INTO thing (name, size) VALUES (?, ?)"


@pytest.fixture
def things() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(
        "CREATE TABLE thing (number INTEGER PRIMARY KEY AUTOINCREMENT, name ANY UNIQUE, size ANY) STRICT"
    )
    yield connection
    connection.close()


def executed(things: sqlite3.Connection, sql: str, rows: list[tuple[object, ...]]) -> int:
    """How many statements it took."""
    statements: list[str] = []
    things.set_trace_callback(statements.append)
    write_many(things, sql, rows)
    things.set_trace_callback(None)
    return len(statements)


@pytest.mark.parametrize(
    ("count", "statements"), [(0, 0), (1, 1), (4, 4), (5, 1), (6, 2), (19, 7), (20, 1), (27, 4), (45, 3), (64, 7)]
)
def test_rows_go_by_twenty_then_by_five_then_alone(things: sqlite3.Connection, count: int, statements: int) -> None:
    rows: list[tuple[object, ...]] = [(f"thing {number}", number) for number in range(count)]

    assert executed(things, INSERT, rows) == statements
    assert things.execute("SELECT name, size FROM thing ORDER BY number").fetchall() == rows


def test_of_equal_keys_in_one_statement_the_last_counts(things: sqlite3.Connection) -> None:
    upsert = f"{INSERT} ON CONFLICT (name) DO UPDATE SET size = excluded.size"

    assert executed(things, upsert, [(f"thing {number % 3}", number) for number in range(20)]) == 1
    assert things.execute("SELECT size FROM thing ORDER BY name").fetchall() == [(18,), (19,), (17,)]


@pytest.mark.parametrize(
    "sql",
    [
        f"{INSERT} ON CONFLICT (name) DO UPDATE SET size = ?",
        "INSERT INTO thing (name, size) VALUES (?, ? + ?)",
        "UPDATE thing SET name = ?, size = ? WHERE number = ?",
    ],
)
def test_other_statements_are_run_for_each_row(things: sqlite3.Connection, sql: str) -> None:
    assert executed(things, sql, [(f"thing {number}", number, number) for number in range(20)]) == 20


def test_nothing_and_bytes_stay_what_they_are(things: sqlite3.Connection) -> None:
    write_many(things, INSERT, [(None, b""), (b"\x00\xff", None)])

    assert things.execute("SELECT name, size FROM thing ORDER BY number").fetchall() == [
        (None, b""),
        (b"\x00\xff", None),
    ]
