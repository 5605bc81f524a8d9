"""Every kind of fact has its rows, and each row says what the fact said."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from msgspec.structs import replace

from chargemon_edge.site import facts, operation_facts, upstream_facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.store.rows import ROWS, WITHOUT_ROWS, runs
from chargemon_edge.store.statement import Statement
from tests.unit.store.empty import empty
from tests.unit.store.site_facts import ONE_OF_EACH, UTC_MS, started, status, stopped

_OF_TRANSACTIONS = (facts.TransactionStarted, facts.TransactionStopped)
_OF_OPERATIONS = (operation_facts.OperationRequested, operation_facts.OperationEnded)
_OF_COMMANDS = (upstream_facts.CommandTaken, upstream_facts.CommandBegun, upstream_facts.CommandEnded)


def write(site: sqlite3.Connection, *new: Fact) -> None:
    for fact in new:
        for statement in ROWS[type(fact)](fact):
            site.execute(statement.sql, statement.parameters)


def one(site: sqlite3.Connection, query: str) -> Any:
    rows = site.execute(query).fetchall()
    assert len(rows) == 1, rows
    return rows[0]


def test_every_kind_of_fact_is_either_written_or_left_out_on_purpose() -> None:
    every = set(Fact.__subclasses__())

    assert set(ROWS) | WITHOUT_ROWS | {facts.MeterRead, facts.ValuesReported} == every
    assert not set(ROWS) & WITHOUT_ROWS
    assert {type(fact) for fact in ONE_OF_EACH} == every


@pytest.mark.parametrize(
    "fact", [fact for fact in ONE_OF_EACH if type(fact) in ROWS], ids=lambda fact: type(fact).__name__
)
def test_the_database_takes_each(site: sqlite3.Connection, fact: Fact) -> None:
    before = site.total_changes
    write(site, fact)

    changes_what_is_there = isinstance(
        fact,
        facts.TransactionStopped
        | operation_facts.OperationEnded
        | upstream_facts.CommandBegun
        | upstream_facts.UpstreamStored,
    )
    assert site.total_changes > before or changes_what_is_there


def test_statements_in_runs_leave_the_rows_that_the_facts_order_leaves() -> None:
    in_pairs = (*_OF_TRANSACTIONS, *_OF_OPERATIONS, *_OF_COMMANDS)
    others = [fact for fact in ONE_OF_EACH if type(fact) in ROWS and not isinstance(fact, in_pairs)]
    operations = [fact for fact in ONE_OF_EACH if isinstance(fact, _OF_OPERATIONS)]
    new = [started(8), *others, stopped(7), started(9), stopped(8), *reversed(others), started(10), stopped(10)]
    new += [*operations, *(replace(fact, number=4) for fact in operations)]
    new += [fact for fact in ONE_OF_EACH if isinstance(fact, _OF_COMMANDS)]
    groups = [ROWS[type(fact)](fact) for fact in new]

    in_runs = [Statement(sql, parameters) for sql, run in runs(groups) for parameters in run]
    assert dump(in_runs) == dump([statement for group in groups for statement in group])


def dump(statements: list[Statement]) -> list[str]:
    """The site's file after *statements*, in words."""
    with empty("site") as connection:
        for statement in statements:
            connection.execute(statement.sql, statement.parameters)
        return sorted(connection.iterdump())


def test_an_event_carries_what_is_known_and_nothing_else(site: sqlite3.Connection) -> None:
    write(site, started(reservation_id=None, started_utc_ms=None))

    utc_ms, kind, charge_point, body = one(site, "SELECT utc_ms, kind, charge_point, body FROM event")
    assert (utc_ms, kind, charge_point) == (UTC_MS, "TransactionStarted", "CP1")
    assert json.loads(body) == {
        "connector": 1,
        "transaction_id": 7,
        "id_tag": "04A1B2C3",
        "id_tag_status": "Accepted",
        "meter_start_wh": 1200,
    }


def test_events_are_small(site: sqlite3.Connection) -> None:
    write(site, *(fact for fact in ONE_OF_EACH if type(fact) in ROWS))

    (longest,) = one(site, "SELECT max(length(body)) FROM event")
    assert longest <= 160


def test_the_first_stop_counts(site: sqlite3.Connection) -> None:
    write(site, started(), stopped(meter_stop_wh=9000), stopped(meter_stop_wh=9999))

    assert one(site, "SELECT meter_stop_wh FROM charging_transaction") == (9000,)


def test_a_later_status_takes_the_place_of_the_earlier_and_leaves_the_limit_alone(site: sqlite3.Connection) -> None:
    write(site, *(fact for fact in ONE_OF_EACH if isinstance(fact, facts.LimitHeld | facts.FailSafeHeld)))
    write(site, status(status="Charging"), status(status="Faulted", error_code="GroundFailure", info="L2"))

    found = one(site, "SELECT status, error_code, info, held_limit_ma, fail_safe_ma FROM connector")
    assert found == ("Faulted", "GroundFailure", "L2", 13_000, 6_000)


def test_a_transaction_id_that_was_used_is_refused(site: sqlite3.Connection) -> None:
    write(site, started(7))

    with pytest.raises(sqlite3.IntegrityError):
        write(site, started(7, charge_point="CP2"))
