"""Old samples and events go, in slices; transactions never."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from chargemon_edge.site import upstream_facts
from chargemon_edge.store.database import open_database
from chargemon_edge.store.retention import SLICE_ROWS, Retention
from chargemon_edge.store.rows import ROWS
from chargemon_edge.store.samples import READING, payload, readings
from chargemon_edge.store.settings import StoreSettings
from tests.unit.store.site_facts import AT, ONE_OF_EACH, UTC_MS, started, values
from tests.unit.store.test_samples import write_group

DAY_MS = 86_400_000


def count(connection: sqlite3.Connection, table: str) -> int:
    (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(number)


def add_readings(samples: sqlite3.Connection, count: int, utc_ms: int) -> None:
    (row,) = readings([values()])
    samples.execute("BEGIN")
    samples.executemany(READING, [(utc_ms, *row[1:])] * count)
    samples.execute("COMMIT")


def retention(site: sqlite3.Connection, samples: sqlite3.Connection, **settings: Any) -> Retention:
    return Retention(StoreSettings(**settings), site, samples)


def test_nothing_old_means_nothing_written(site: sqlite3.Connection, samples: sqlite3.Connection) -> None:
    add_readings(samples, 10, UTC_MS)
    before = samples.total_changes + site.total_changes

    assert retention(site, samples).slice(UTC_MS, disk_is_short=False) == 0
    assert samples.total_changes + site.total_changes == before


def test_old_samples_go_a_slice_at_a_time(site: sqlite3.Connection, samples: sqlite3.Connection) -> None:
    add_readings(samples, SLICE_ROWS + 10, UTC_MS - 15 * DAY_MS)
    add_readings(samples, 5, UTC_MS)
    keep = retention(site, samples, keep_samples_days=14)

    gone = [keep.slice(UTC_MS, disk_is_short=False) for _ in range(3)]
    assert gone == [SLICE_ROWS, 10, 0]
    assert count(samples, "reading") == 5


def test_payloads_go_with_the_last_of_their_readings(site: sqlite3.Connection, samples: sqlite3.Connection) -> None:
    write_group(samples, b"1", b"2")
    write_group(samples, b"3", b"4")
    samples.execute("UPDATE reading SET received_utc_ms = ? WHERE number <= 3", (UTC_MS - 15 * DAY_MS,))
    retention(site, samples).slice(UTC_MS, disk_is_short=False)

    assert count(samples, "payloads") == 1
    assert payload(samples, 4) == b"4"


def test_a_row_dated_into_the_future_goes_with_its_neighbours(
    site: sqlite3.Connection, samples: sqlite3.Connection
) -> None:
    add_readings(samples, 3, UTC_MS + 9_999 * DAY_MS)
    add_readings(samples, 3, UTC_MS - 15 * DAY_MS)
    retention(site, samples).slice(UTC_MS, disk_is_short=False)

    assert count(samples, "reading") == 0


def test_young_samples_go_when_their_file_is_too_large(site: sqlite3.Connection, samples: sqlite3.Connection) -> None:
    add_readings(samples, 25_000, UTC_MS)
    keep = retention(site, samples, samples_size_max_mb=1)
    for _ in range(100):
        if not keep.slice(UTC_MS, disk_is_short=False):
            break

    assert 5_000 < count(samples, "reading") < 20_000


def test_young_samples_go_when_the_disk_is_short(site: sqlite3.Connection, samples: sqlite3.Connection) -> None:
    add_readings(samples, 40_000, UTC_MS)
    keep = retention(site, samples)
    gone = [keep.slice(UTC_MS, disk_is_short=True) for _ in range(40)]

    assert gone[0] == SLICE_ROWS
    # there is room within the file now: the others may stay
    assert gone[-1] == 0
    assert count(samples, "reading") > 10_000


def test_events_and_messages_go_and_money_stays(site: sqlite3.Connection, samples: sqlite3.Connection) -> None:
    for fact in (*ONE_OF_EACH, started(8)):
        for statement in ROWS.get(type(fact), lambda _fact: ())(fact):
            site.execute(statement.sql, statement.parameters)
    retention(site, samples).slice(UTC_MS + 91 * DAY_MS, disk_is_short=False)

    left = {
        table: count(site, table)
        for table in ("event", "operation", "kept_message", "kept_stop", "charging_transaction")
    }
    assert left == {"event": 0, "operation": 0, "kept_message": 0, "kept_stop": 1, "charging_transaction": 2}


def hold(site: sqlite3.Connection, *facts: upstream_facts.UpstreamsHolding | upstream_facts.UpstreamStored) -> None:
    for fact in facts:
        for statement in ROWS[type(fact)](fact):
            site.execute(statement.sql, statement.parameters)


def test_events_stay_until_each_upstream_has_stored_them(site: sqlite3.Connection, samples: sqlite3.Connection) -> None:
    site.executemany("INSERT INTO event (utc_ms, kind, body) VALUES (?, 'MeterLost', '{}')", [(UTC_MS,)] * 10)
    keep = retention(site, samples)
    late = UTC_MS + 91 * DAY_MS
    hold(site, upstream_facts.UpstreamsHolding(at=AT, upstreams=("a", "b")))
    assert keep.slice(late, disk_is_short=False) == 0
    hold(site, upstream_facts.UpstreamStored(at=AT, upstream="a", number=7))
    assert keep.slice(late, disk_is_short=False) == 0
    hold(site, upstream_facts.UpstreamStored(at=AT, upstream="b", number=4))
    # of somebody who is not asked
    hold(site, upstream_facts.UpstreamStored(at=AT, upstream="c", number=1))
    assert keep.slice(late, disk_is_short=False) == 4
    # it does not go back, and being named again changes nothing
    hold(site, upstream_facts.UpstreamStored(at=AT, upstream="b", number=2))
    hold(site, upstream_facts.UpstreamsHolding(at=AT, upstreams=("a",)))
    assert keep.slice(late, disk_is_short=False) == 3
    assert keep.slice(UTC_MS, disk_is_short=False) == 0
    hold(site, upstream_facts.UpstreamsHolding(at=AT, upstreams=()))
    assert keep.slice(late, disk_is_short=False) == 3


def test_a_file_that_holds_too_much_waits_for_no_upstream(
    site: sqlite3.Connection, samples: sqlite3.Connection
) -> None:
    rows = [(UTC_MS, "StatusReported", "CP1", "x" * 3000)] * 8_000
    site.executemany("INSERT INTO event (utc_ms, kind, charge_point, body) VALUES (?, ?, ?, ?)", rows)
    hold(site, upstream_facts.UpstreamsHolding(at=AT, upstreams=("a",)))

    assert retention(site, samples, site_size_max_mb=16).slice(UTC_MS, disk_is_short=False) == SLICE_ROWS


def test_minutes_stay_longer(site: sqlite3.Connection, samples: sqlite3.Connection) -> None:
    minute = UTC_MS // 60_000
    for age_days in (399, 401):
        samples.execute(
            "INSERT INTO meter_minute VALUES ('grid', ?, 1, 1, 1, 1, 1, 1, 1, NULL)", (minute - age_days * 1440,)
        )
    retention(site, samples).slice(UTC_MS, disk_is_short=False)

    assert count(samples, "meter_minute") == 1


def test_a_file_that_holds_too_much_loses_events_and_those_of_transactions_last(
    site: sqlite3.Connection, samples: sqlite3.Connection
) -> None:
    rows = [
        (UTC_MS, "TransactionStarted" if number % 4 == 0 else "StatusReported", "CP1", "x" * 3000)
        for number in range(8_000)
    ]
    site.executemany("INSERT INTO event (utc_ms, kind, charge_point, body) VALUES (?, ?, ?, ?)", rows)
    keep = retention(site, samples, site_size_max_mb=16)
    for _ in range(3):
        keep.slice(UTC_MS, disk_is_short=False)
    kinds = dict(site.execute("SELECT kind, count(*) FROM event GROUP BY kind").fetchall())
    (oldest,) = site.execute("SELECT min(number) FROM event WHERE kind = 'StatusReported'").fetchone()
    assert kinds == {"TransactionStarted": 2_000, "StatusReported": 3_000}
    assert oldest > 4_000
    for _ in range(9):
        keep.slice(UTC_MS, disk_is_short=False)

    # all that fits stays
    assert count(site, "event") == 3_000
    site.execute("DELETE FROM event WHERE kind = 'StatusReported'")
    site.executemany("INSERT INTO event (utc_ms, kind, charge_point, body) VALUES (?, ?, ?, ?)", rows[::4] * 2)
    keep.slice(UTC_MS, disk_is_short=False)
    assert count(site, "event") == 5_000


def test_a_short_disk_gets_back_what_samples_took(site: sqlite3.Connection, tmp_path: Path) -> None:
    opened = open_database(tmp_path, "samples", page_bytes=1024, flush=False, utc_ms=UTC_MS)
    samples, path = opened.connection, tmp_path / "samples.db"
    add_readings(samples, 90_000, UTC_MS)
    samples.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    large = path.stat().st_size
    keep = retention(site, samples)
    sizes = []
    for _ in range(60):
        keep.slice(UTC_MS, disk_is_short=True)
        assert keep.give_back()
        sizes.append(path.stat().st_size)
    left = count(samples, "reading")
    samples.close()

    assert large > 4_000_000
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 2_100_000
    assert left > 30_000


def test_while_the_time_is_not_known_nothing_is_old(site: sqlite3.Connection, samples: sqlite3.Connection) -> None:
    add_readings(samples, 10, UTC_MS)
    for fact in ONE_OF_EACH:
        for statement in ROWS.get(type(fact), lambda _fact: ())(fact):
            site.execute(statement.sql, statement.parameters)

    assert retention(site, samples).slice(None, disk_is_short=False) == 0
    assert retention(site, samples).slice(UTC_MS + 10_000 * DAY_MS, disk_is_short=False) > 10
