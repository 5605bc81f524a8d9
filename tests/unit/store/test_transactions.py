"""Finding transactions: recent ones in memory, older ones on disk, those that were never stored not at all."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from chargemon_edge.site.facts import Moment, TransactionStarted
from chargemon_edge.store.rows import ROWS
from chargemon_edge.store.transactions import RECENT_MAX, Transactions, moment_of
from tests.unit.store.site_facts import AT, UTC_MS, started, stopped


def find_start(index: Transactions, fact: TransactionStarted) -> TransactionStarted | None:
    return index.find_start(fact.charge_point, fact.connector, fact.id_tag, fact.started_text, fact.meter_start_wh)


def test_a_start_is_found_as_soon_as_it_was_handed_in(site: sqlite3.Connection) -> None:
    index = Transactions(site, AT)
    fact = started()
    index.started(fact)

    assert index.find(7) == (fact, None)
    assert find_start(index, fact) is fact


@pytest.mark.parametrize(
    "other",
    [
        {"charge_point": "CP2"},
        {"connector": 2},
        {"id_tag": "04A1B2C4"},
        {"started_text": "2027-01-15T07:59:59.500Z"},
        {"meter_start_wh": 1201},
    ],
    ids=lambda other: next(iter(other)),
)
@pytest.mark.parametrize("on_disk", [False, True])
def test_only_an_exact_repeat_is_a_repeat(site: sqlite3.Connection, other: dict[str, Any], on_disk: bool) -> None:
    index = Transactions(site, AT)
    if on_disk:
        for statement in ROWS[TransactionStarted](started()):
            site.execute(statement.sql, statement.parameters)
    else:
        index.started(started())

    assert find_start(index, started(**other)) is None
    assert find_start(index, started()) is not None


def test_a_failed_start_never_was(site: sqlite3.Connection) -> None:
    index = Transactions(site, AT)
    fact = started()
    index.started(fact)
    index.start_failed(fact)

    assert index.find(7) is None
    assert find_start(index, fact) is None


def test_a_failed_stop_leaves_the_transaction_open(site: sqlite3.Connection) -> None:
    index = Transactions(site, AT)
    start, stop = started(), stopped()
    index.started(start)
    index.stopped(stop)
    assert index.find(7) == (start, stop)

    index.stop_failed(stop)
    assert index.find(7) == (start, None)


def test_the_oldest_make_room_and_are_found_on_disk(site: sqlite3.Connection) -> None:
    first = started(1, started_text="first")
    for statement in ROWS[TransactionStarted](first):
        site.execute(statement.sql, statement.parameters)
    index = Transactions(site, AT)
    index.load_recent()
    for number in range(2, RECENT_MAX + 2):
        index.started(started(number, started_text=str(number)))

    assert len(index._by_id) == len(index._by_request) == RECENT_MAX
    assert 1 not in index._by_id
    found = index.find(1)
    assert found == (first, None)
    assert find_start(index, first) == first


def test_a_start_later_than_all_before_is_not_looked_up(site: sqlite3.Connection) -> None:
    for statement in ROWS[TransactionStarted](started()):
        site.execute(statement.sql, statement.parameters)
    index = Transactions(site, AT)
    later = started(8, started_text="2027-01-15T09:00:00Z")
    assert find_start(index, later) is None
    asked: list[str] = []
    site.set_trace_callback(asked.append)

    assert find_start(index, later) is None
    index.started(later)
    index.start_failed(later)
    assert find_start(index, started(9, started_text="2027-01-15T10:00:00Z")) is None
    assert asked == []

    assert find_start(index, started()) == started()
    assert len(asked) == 1


def test_what_was_handed_in_before_the_first_question_counts(site: sqlite3.Connection) -> None:
    index = Transactions(site, AT)
    index.started(started(7, started_text="2027-01-15T09:00:00Z"))

    assert find_start(index, started(8, started_text="2027-01-15T08:00:00Z")) is None
    assert find_start(index, started(7, started_text="2027-01-15T09:00:00Z")) is not None


def test_a_stop_of_one_that_only_the_disk_knows_is_remembered(site: sqlite3.Connection) -> None:
    for statement in ROWS[TransactionStarted](started()):
        site.execute(statement.sql, statement.parameters)
    index = Transactions(site, AT)
    stop = stopped()
    index.stopped(stop)

    assert index.find(7) == (started(), stop)


@pytest.mark.parametrize("transaction_id", [2**63, -(2**70)])
def test_an_impossible_id_is_unknown(site: sqlite3.Connection, transaction_id: int) -> None:
    assert Transactions(site, AT).find(transaction_id) is None


def test_a_text_that_no_database_holds_is_unknown(site: sqlite3.Connection) -> None:
    assert Transactions(site, AT).find_start("CP1", 1, "\ud800", "now", 0) is None


def test_moments_of_an_earlier_run_lie_before_this_one() -> None:
    now = Moment(5.0, UTC_MS)

    assert moment_of(UTC_MS - 60_000, now) == Moment(-55.0, UTC_MS - 60_000)
    # the clock was ahead when it was written
    assert moment_of(UTC_MS + 60_000, now) == Moment(5.0, UTC_MS + 60_000)
