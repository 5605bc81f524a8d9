"""However many facts come together, they leave what they would have left one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.store.many import write_many
from chargemon_edge.store.rows import ROWS, runs
from chargemon_edge.store.samples import READING, packed, payload, readings
from tests.unit.store.empty import empty
from tests.unit.store.site_facts import AT, booted, held, started, status, stopped, values

CHARGE_POINTS = st.sampled_from(["CP1", "CP2", "CP3"])
TEXTS = st.none() | st.text(max_size=6)

ONE: st.SearchStrategy[Fact] = st.one_of(
    st.builds(
        status,
        st.integers(0, 2),
        charge_point=CHARGE_POINTS,
        status=st.sampled_from(["Available", "Charging"]),
        error_code=st.sampled_from(["NoError", "GroundFailure"]),
        info=TEXTS,
    ),
    st.builds(booted, charge_point=CHARGE_POINTS, serial_number=TEXTS, firmware_version=TEXTS),
    st.builds(held, charge_point=CHARGE_POINTS, limit_ma=st.integers(0, 32_000)),
    st.builds(
        facts.IdTagPresented, at=st.just(AT), charge_point=CHARGE_POINTS, id_tag=st.text(), status=st.just("Accepted")
    ),
    st.builds(
        facts.LinkOpened, at=st.just(AT), charge_point=CHARGE_POINTS, remote=st.just("[::1]:9"), known=st.booleans()
    ),
)


@st.composite
def groups(draw: st.DrawFn) -> list[Fact]:
    """Facts of all kinds, several of them often, and transactions that begin and end among them."""
    few = draw(st.lists(ONE, min_size=1, max_size=8))
    new: list[Fact] = draw(st.lists(st.sampled_from(few), max_size=70))
    for transaction_id in range(1, draw(st.integers(0, 30))):
        start = draw(st.integers(0, len(new)))
        new.insert(start, started(transaction_id, charge_point=draw(CHARGE_POINTS)))
        if draw(st.booleans()):
            new.insert(draw(st.integers(start + 1, len(new))), stopped(transaction_id, meter_stop_wh=transaction_id))
    return new


def written(schema: str, write: Callable[[sqlite3.Connection], object]) -> list[str]:
    """The file after *write*, in words."""
    with empty(schema) as connection:
        write(connection)
        return list(connection.iterdump())


@given(groups())
def test_a_group_leaves_the_rows_that_its_facts_leave_one_by_one(new: list[Fact]) -> None:
    made = [ROWS[type(fact)](fact) for fact in new]

    def together(site: sqlite3.Connection) -> None:
        for sql, run in runs(made):
            write_many(site, sql, run)

    def one_by_one(site: sqlite3.Connection) -> None:
        for group in made:
            for statement in group:
                site.execute(statement.sql, statement.parameters)

    assert sorted(written("site", together)) == sorted(written("site", one_by_one))


@given(st.integers(1, 70), st.integers(1, 70))
def test_each_reading_has_its_own_payload_however_many_come_together(first: int, second: int) -> None:
    new = [values(energy_wh=number, raw=b'{"a":%d}' % number) for number in range(first + second)]

    def together(samples: sqlite3.Connection) -> None:
        for group in (new[:first], new[first:]):
            write_many(samples, READING, readings(group))
            pack = packed(group)
            samples.execute(pack.sql, pack.parameters)
        kept = samples.execute("SELECT number, energy_wh FROM reading ORDER BY number").fetchall()
        assert kept == [(number + 1, number) for number in range(first + second)]
        assert [payload(samples, number) for number, _ in kept] == [fact.raw for fact in new]

    written("samples", together)
