"""Security events are bounded, for each source and together, at the cost of whoever causes most."""

from __future__ import annotations

import sqlite3

from chargemon_edge.site.facts import SecurityEvent
from chargemon_edge.store.retention import SLICE_ROWS, Retention
from chargemon_edge.store.rows import ROWS
from chargemon_edge.store.security_event import KEPT_ALTOGETHER, KEPT_PER_SOURCE
from chargemon_edge.store.settings import StoreSettings
from tests.unit.store.empty import empty
from tests.unit.store.site_facts import AT, UTC_MS

DAY_MS = 86_400_000


def write(site: sqlite3.Connection, source: str, count: int, detail: str = "{}") -> None:
    """*count* events of *source*, as the journal writes them; *detail* may number them."""
    site.execute("BEGIN")
    for number in range(count):
        fact = SecurityEvent(at=AT, event="login refused", source=source, detail=detail.format(number))
        for statement in ROWS[SecurityEvent](fact):
            site.execute(statement.sql, statement.parameters)
    site.execute("COMMIT")


def fill(site: sqlite3.Connection, source: str, count: int) -> None:
    """*count* events of *source* that are there already."""
    row = (UTC_MS, "login refused", source, "")
    site.execute("BEGIN")
    site.executemany("INSERT INTO security_event (utc_ms, event, source, detail) VALUES (?, ?, ?, ?)", [row] * count)
    site.execute("COMMIT")


def kept(site: sqlite3.Connection) -> dict[str, int]:
    """How many events of each source."""
    return dict(site.execute("SELECT source, count(*) FROM security_event GROUP BY source").fetchall())


def tidy(site: sqlite3.Connection, utc_ms: int = UTC_MS) -> list[int]:
    """How many rows went in each slice until nothing more goes."""
    with empty("samples") as samples:
        retention = Retention(StoreSettings(), site, samples)
        gone: list[int] = []
        while not gone or gone[-1]:
            gone.append(retention.slice(utc_ms, disk_is_short=False))
        return gone


def test_of_one_source_the_newest_are_kept_and_others_lose_nothing(site: sqlite3.Connection) -> None:
    write(site, "quiet", 3)
    write(site, "loud", KEPT_PER_SOURCE + 5)

    assert kept(site) == {"quiet": 3, "loud": KEPT_PER_SOURCE}
    details = [
        row[0] for row in site.execute("SELECT detail FROM security_event WHERE source = 'loud' ORDER BY number")
    ]
    assert (details[0], details[-1]) == ("5", str(KEPT_PER_SOURCE + 4))


def test_a_source_of_any_length_is_bounded_as_one(site: sqlite3.Connection) -> None:
    fill(site, "x" * 1_000, KEPT_PER_SOURCE - 1)
    for ending in ("a", "b"):
        write(site, "x" * 5_000 + ending, 3, detail="y" * 5_000)

    assert kept(site) == {"x" * 1_000: KEPT_PER_SOURCE}
    assert site.execute("SELECT max(length(detail)) FROM security_event").fetchone() == (1_000,)


def test_together_the_loudest_lose_their_oldest_a_slice_at_a_time(site: sqlite3.Connection) -> None:
    # more than a source may have: what an older release left, or a bound that was made smaller
    fill(site, "quiet", 7)
    fill(site, "loud", KEPT_ALTOGETHER)

    assert tidy(site) == [SLICE_ROWS, 0]
    assert kept(site) == {"quiet": 7, "loud": KEPT_ALTOGETHER - SLICE_ROWS}
    (oldest,) = site.execute("SELECT min(number) FROM security_event WHERE source = 'loud'").fetchone()
    assert oldest == 7 + SLICE_ROWS + 1


def test_many_sources_together_do_not_push_out_a_quiet_one(site: sqlite3.Connection) -> None:
    fill(site, "quiet", 2)
    for number in range(KEPT_ALTOGETHER // KEPT_PER_SOURCE + 3):
        fill(site, f"198.51.100.{number}", KEPT_PER_SOURCE)
    tidy(site)

    left = kept(site)
    assert left["quiet"] == 2
    assert KEPT_ALTOGETHER - SLICE_ROWS <= sum(left.values()) <= KEPT_ALTOGETHER


def test_exactly_as_many_as_may_be_kept_stay(site: sqlite3.Connection) -> None:
    fill(site, "a", KEPT_ALTOGETHER)

    assert tidy(site) == [0]


def test_they_go_after_ninety_days(site: sqlite3.Connection) -> None:
    write(site, "a", 3)

    assert tidy(site, UTC_MS + 89 * DAY_MS) == [0]
    tidy(site, UTC_MS + 91 * DAY_MS)
    assert kept(site) == {}
