"""What was recorded is found again: newest first, page by page, by filter, and never by looking at too many rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chargemon_edge.control.records import (
    EventQuery,
    KeptStopQuery,
    MeterValueQuery,
    OperationQuery,
    Page,
    Paging,
    TransactionQuery,
)
from chargemon_edge.site.clock_facts import ClockBegun
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.operation_facts import OperationEnded, OperationRequested
from chargemon_edge.site.units import PerPhase
from chargemon_edge.store import history as history_module
from chargemon_edge.store.journal import Store
from tests.unit.store.opened import commit, opened
from tests.unit.store.site_facts import AT, UTC_MS, started, status, stop_kept, stopped, values


async def stored(store: Store, *new: Fact) -> None:
    outcome = commit(store, *new)
    await asyncio.sleep(0)
    assert outcome == [None]


def at(seconds: float) -> Moment:
    return Moment(AT.mono_s + seconds, UTC_MS + round(seconds * 1000))


async def every_page(ask: Callable[[int | None], Awaitable[Page[Any]]]) -> list[Page[Any]]:
    pages = [await ask(None)]
    while pages[-1].next_before is not None:
        pages.append(await ask(pages[-1].next_before))
    return pages


async def test_transactions_come_newest_first_and_page_by_page(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        await stored(store, *(started(number) for number in range(1, 8)))
        first = await store.history.transactions(TransactionQuery(limit=3))
        await stored(store, started(8))
        second = await store.history.transactions(TransactionQuery(limit=3, before=first.next_before))
        third = await store.history.transactions(TransactionQuery(limit=3, before=second.next_before))

    assert [one.transaction_id for one in (*first.items, *second.items, *third.items)] == [7, 6, 5, 4, 3, 2, 1]
    assert (first.next_before, third.next_before) == (5, None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (TransactionQuery(charge_point="CP1"), [4, 3, 1]),
        (TransactionQuery(charge_point="CP3"), []),
        (TransactionQuery(id_tag="OTHER"), [3, 2]),
        (TransactionQuery(id_tag="other"), []),
        (TransactionQuery(open=True), [3, 2]),
        (TransactionQuery(open=False), [4, 1]),
        (TransactionQuery(charge_point="CP1", id_tag="OTHER", open=True), [3]),
        (TransactionQuery(charge_point="' OR 1=1 --"), []),
    ],
)
async def test_transactions_are_filtered(tmp_path: Path, query: TransactionQuery, expected: list[int]) -> None:
    with opened(tmp_path) as store:
        await stored(
            store,
            started(1),
            started(2, charge_point="CP2", id_tag="OTHER"),
            started(3, id_tag="OTHER"),
            started(4),
            stopped(1),
            stopped(4),
        )
        page = await store.history.transactions(query)

    assert [one.transaction_id for one in page.items] == expected


async def test_a_transaction_says_what_start_and_stop_said(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        await stored(store, started(7, reservation_id=3), stopped(7, id_tag="04A1B2C4"), started(8, meter_start_wh=5))
        ended = await store.history.transaction(7)
        running = await store.history.transaction(8)
        unknown = await store.history.transaction(9)

    assert ended is not None
    assert msgspec.to_builtins(ended) == {
        "transaction_id": 7,
        "charge_point": "CP1",
        "connector": 1,
        "id_tag": "04A1B2C3",
        "id_tag_status": "Accepted",
        "open": False,
        "meter_start_wh": 1200,
        "start_received_utc_ms": UTC_MS,
        "started_utc_ms": UTC_MS - 500,
        "reservation_id": 3,
        "stop_received_utc_ms": UTC_MS,
        "stopped_utc_ms": None,
        "meter_stop_wh": 9000,
        "stop_reason": "EVDisconnected",
        "stop_id_tag": "04A1B2C4",
        "energy_wh": 7800,
        "times_doubted": False,
    }
    assert running is not None
    assert (running.open, running.energy_wh) == (True, None)
    assert unknown is None


async def test_a_register_that_went_backwards_is_no_energy(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        await stored(store, started(7, meter_start_wh=9000), stopped(7, meter_stop_wh=10))
        ended = await store.history.transaction(7)

    assert ended is not None
    assert ended.energy_wh is None


async def test_meter_values_are_found_and_their_payload_with_them(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        await stored(
            store,
            values(energy_wh=1, raw=b'{"n":1}'),
            values(connector=2, energy_wh=2, raw=b'{"n":2}'),
            values(charge_point="CP2", current_ma=PerPhase(1, 2, 3), derived=("power_w",), raw=b'{"n":3}'),
        )
        every = await store.history.meter_values(MeterValueQuery())
        of_one = await store.history.meter_values(MeterValueQuery(charge_point="CP1", connector=2))
        payload = await store.history.meter_value_payload(of_one.items[0].number)
        nothing = await store.history.meter_value_payload(99)

    assert [one.charge_point for one in every.items] == ["CP2", "CP1", "CP1"]
    assert (every.items[0].current_ma, every.items[0].derived) == (PerPhase(1, 2, 3), ("power_w",))
    assert [one.energy_wh for one in of_one.items] == [2]
    assert payload == b'{"n":2}'
    assert nothing is None


@pytest.mark.parametrize("off_s", [0, 1800, -1800])
async def test_the_meter_values_of_a_transaction_are_found_by_its_time(tmp_path: Path, off_s: float) -> None:
    hour_s = 3600
    with opened(tmp_path) as store:
        await stored(store, started(7, at=at(20 * hour_s + off_s)), stopped(7, at=at(21 * hour_s + off_s)))
        for hour in range(48):
            of = 7 if hour == 20 else hour + 100
            await stored(
                store, *(values(at=at(hour * hour_s + n), transaction_id=of, energy_wh=n) for n in range(0, 3600, 60))
            )
        # another charge point's transaction of the same number is none of ours
        await stored(store, values(at=at(48 * hour_s), charge_point="CP2", energy_wh=0))
        transaction = await store.history.transaction(7)
        assert transaction is not None
        known = transaction
        pages = await every_page(lambda before: store.history.meter_values_of(known, Paging(limit=25, before=before)))

    assert [one.energy_wh for page in pages for one in page.items] == [*range(3540, -1, -60)]
    assert [len(page.items) for page in pages] == [25, 25, 10]


async def test_the_meter_values_of_a_running_transaction_go_on_to_the_newest(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        await stored(store, started(7, at=at(7200)))
        await stored(store, *(values(at=at(n), transaction_id=6, energy_wh=n) for n in range(0, 7200, 60)))
        await stored(store, *(values(at=at(7200 + n), transaction_id=7, energy_wh=n) for n in range(5)))
        transaction = await store.history.transaction(7)
        assert transaction is not None
        first = await store.history.meter_values_of(transaction, Paging(limit=3))
        second = await store.history.meter_values_of(transaction, Paging(limit=3, before=first.next_before))

    assert [one.energy_wh for one in (*first.items, *second.items)] == [4, 3, 2, 1, 0]
    assert second.next_before is None


async def test_events_stops_and_operations_are_found(tmp_path: Path) -> None:
    asked = OperationRequested(at=AT, number=5, charge_point="CP1", action="Reset", payload='{"type":"Soft"}', by="x")
    ended = OperationEnded(at=at(1), number=5, charge_point="CP1", action="Reset", by="x", result="Accepted")
    with opened(tmp_path) as store:
        await stored(store, status(), started(7), stop_kept(), asked, ended)
        events = await store.history.events(EventQuery(kind="TransactionStarted", charge_point="CP1"))
        of_another = await store.history.events(EventQuery(charge_point="CP2"))
        stops = await store.history.kept_stops(KeptStopQuery())
        (operation,) = (await store.history.operations(OperationQuery(charge_point="CP1"))).items

    assert [(one.kind, msgspec.json.decode(one.body)["transaction_id"]) for one in events.items] == [
        ("TransactionStarted", 7)
    ]
    assert of_another.items == ()
    assert [(one.doubt, type(msgspec.json.decode(one.payload))) for one in stops.items] == [("unknown", dict)]
    assert (operation.action, operation.asked_by, operation.result) == ("Reset", "x", "Accepted")
    assert bytes(operation.payload) == b'{"type":"Soft"}'


async def test_a_filter_that_finds_little_gives_short_pages_and_finds_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "SCANNED_MAX", 10)
    with opened(tmp_path) as store:
        rare = (3, 17, 18, 31)
        await stored(store, *(values(charge_point="RARE" if n in rare else "CP1", energy_wh=n) for n in range(40)))
        history = store.history
        pages = await every_page(
            lambda before: history.meter_values(MeterValueQuery(charge_point="RARE", before=before, limit=2))
        )

    assert [one.energy_wh for page in pages for one in page.items] == [31, 18, 17, 3]
    assert len(pages) >= 4


@pytest.mark.parametrize(("source", "doubted"), [(None, True), ("chrony", False)])
async def test_a_transaction_that_begins_or_ends_in_doubt_of_the_time_is_marked(
    tmp_path: Path, source: str | None, *, doubted: bool
) -> None:
    begun = ClockBegun(at=AT, boot="b", offset_ms=0, source=source)
    with opened(tmp_path) as store:
        await stored(store, started(7), started(8, connector=2))
        await stored(store, begun, started(9, connector=3), stopped(7))
        found = (await store.history.transactions(TransactionQuery())).items

    assert {one.transaction_id: one.times_doubted for one in found} == {7: doubted, 8: False, 9: doubted}
