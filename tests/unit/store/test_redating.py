"""Rows that were dated while the time was not known: found, moved, and nothing else with them."""

from __future__ import annotations

import re
import sqlite3

import pytest

from chargemon_edge.store.clock_rows import NOT_OURS, OURS, Redating, redating
from chargemon_edge.store.rows import ROWS
from tests.unit.store.empty import empty
from tests.unit.store.site_facts import UTC_MS, started, status, stopped

DOUBTED = Redating(since_utc_ms=UTC_MS, until_utc_ms=UTC_MS + 60_000, by_ms=3_600_000)


def redate(connection: sqlite3.Connection, schema: str, one: Redating = DOUBTED) -> None:
    for statement in redating(schema, one):
        connection.execute(statement.sql, statement.parameters)


@pytest.mark.parametrize("schema", ["site", "samples"])
def test_every_column_that_holds_a_time_is_ours_or_not(schema: str) -> None:
    with empty(schema) as connection:
        there = {
            (table, column)
            for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
            if re.search(r"utc_ms$", column)
        }
    ours = {(table, column) for table, columns in OURS[schema].items() for column in columns}
    others = {(table, column) for table, columns in NOT_OURS[schema].items() for column in columns}

    assert ours | others == there, "a new time needs a place in store/clock_rows.py"
    assert not ours & others


def test_what_was_recorded_then_is_moved_and_the_chargers_own_times_stay(site: sqlite3.Connection) -> None:
    for fact in (
        started(7, started_utc_ms=UTC_MS + 1),
        stopped(7, stopped_utc_ms=UTC_MS + 2),
        status(),
    ):
        for statement in ROWS[type(fact)](fact):
            site.execute(statement.sql, statement.parameters)
    redate(site, "site")

    (row,) = site.execute(
        "SELECT start_received_utc_ms, stop_received_utc_ms, started_utc_ms, stopped_utc_ms FROM charging_transaction"
    ).fetchall()
    assert site.execute("SELECT times_doubted FROM charging_transaction").fetchall() == [(1,)]
    moved = UTC_MS + DOUBTED.by_ms
    assert row == (moved, moved, UTC_MS + 1, UTC_MS + 2)
    assert {time for (time,) in site.execute("SELECT utc_ms FROM event")} == {moved}


@pytest.mark.parametrize("age_ms", [-1, 60_001])
def test_what_was_recorded_before_and_after_stays(site: sqlite3.Connection, age_ms: int) -> None:
    site.execute("INSERT INTO event (utc_ms, kind, body) VALUES (?, 'LinkOpened', '{}')", (UTC_MS + age_ms,))
    redate(site, "site")

    assert site.execute("SELECT utc_ms FROM event").fetchall() == [(UTC_MS + age_ms,)]


def test_a_pause_ends_as_long_after_its_beginning_as_it_did(site: sqlite3.Connection) -> None:
    site.execute("INSERT INTO configuration_state VALUES ('CP1', NULL, ?, ?, 'why')", (UTC_MS + 5, UTC_MS + 86_400_000))
    redate(site, "site")

    row = site.execute("SELECT paused_utc_ms, paused_until_utc_ms FROM configuration_state").fetchone()
    assert row == (UTC_MS + 5 + DOUBTED.by_ms, UTC_MS + 86_400_000 + DOUBTED.by_ms)


@pytest.mark.parametrize("by_minutes", [1, -1, 500_000])
def test_a_meters_minutes_are_moved_without_meeting_each_other(samples: sqlite3.Connection, by_minutes: int) -> None:
    first = UTC_MS // 60_000
    for minute in range(first, first + 5):
        samples.execute(
            "INSERT INTO meter_minute VALUES ('grid', ?, 60, 1, 2, 3, 4, 5, 6, ?)", (minute, minute - first)
        )
    redate(
        samples,
        "samples",
        Redating(since_utc_ms=UTC_MS, until_utc_ms=UTC_MS + 5 * 60_000, by_ms=by_minutes * 60_000),
    )

    rows = samples.execute("SELECT minute, mean_power_w FROM meter_minute ORDER BY minute").fetchall()
    assert rows == [(first + by_minutes + place, place) for place in range(5)]
