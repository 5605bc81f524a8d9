"""Events are numbered in the order of commits, without a gap within an epoch, and never share a number."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from chargemon_edge import __version__
from chargemon_edge.control.upstream_records import Epochs, Place
from tests.unit.store.opened import commit, opened
from tests.unit.store.site_facts import UTC_MS, StandingClock, started, status, stopped


async def test_the_first_event_of_a_site_is_its_start(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        (first,) = await store.outbox.pending(0, 10)

        assert (first.kind, first.number, store.outbox.epochs.place(first.number)) == (
            "DaemonStarted",
            UTC_MS + 1,
            (UTC_MS, 1),
        )
        assert json.loads(bytes(first.body)) == {"version": __version__}
        assert await store.outbox.bounds() == (UTC_MS + 1, UTC_MS + 1)


async def test_events_come_in_the_order_of_commits(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.journal.record([status()])
        commit(store, started())
        await asyncio.sleep(0)
        commit(store, stopped())
        await asyncio.sleep(0)
        found = await store.outbox.pending(UTC_MS + 1, 10)

        assert [event.kind for event in found] == ["StatusReported", "TransactionStarted", "TransactionStopped"]
        assert [event.number - UTC_MS for event in found] == [2, 3, 4]
        assert (await store.outbox.bounds()).head == UTC_MS + 4
        assert [event.kind for event in await store.outbox.pending(UTC_MS + 2, 1)] == ["TransactionStarted"]
        assert json.loads(bytes(found[0].body)) == {"connector": 1, "status": "Charging"}
        assert await store.outbox.time_of(UTC_MS + 3) == UTC_MS
        assert await store.outbox.time_of(UTC_MS + 5) is None


async def test_an_event_is_there_only_with_its_change_and_leaves_no_gap(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        refused = commit(store, started(8, meter_start_wh=2**63))
        taken = commit(store, started(9))
        await asyncio.sleep(0)
        found = await store.outbox.pending(UTC_MS + 1, 10)

        assert refused != [None]
        assert taken == [None]
        assert [(event.number - UTC_MS, event.kind) for event in found] == [(2, "TransactionStarted")]


async def test_whoever_follows_hears_of_each_batch(tmp_path: Path) -> None:
    heard: list[str] = []
    with opened(tmp_path) as store:
        end = store.outbox.follow(lambda: heard.append("written"))
        commit(store, started(8))
        await asyncio.sleep(0)
        end()
        commit(store, started(9))
        await asyncio.sleep(0)

    assert heard == ["written"]


async def test_each_start_begins_an_epoch_that_says_where_the_last_has_ended(tmp_path: Path) -> None:
    clock = StandingClock()
    with opened(tmp_path, clock) as store:
        store.journal.record([status(number) for number in range(1, 20)])
    clock.move(60)
    with opened(tmp_path, clock) as store:
        head = (await store.outbox.bounds()).head
        (begun,) = await store.outbox.pending(head - 1, 10)

        assert store.outbox.epochs.place(head) == (UTC_MS + 60_000, 1)
        assert json.loads(bytes(begun.body)) == {
            "version": __version__,
            "previous_ep": UTC_MS,
            "previous_s": 20,
        }


async def test_numbers_do_not_repeat_after_an_older_copy_was_put_back(tmp_path: Path) -> None:
    clock = StandingClock()
    with opened(tmp_path, clock):
        pass
    copy = (tmp_path / "site.db").read_bytes()
    clock.move(1)
    with opened(tmp_path, clock) as store:
        store.journal.record([status(number) for number in range(20)])
    used = UTC_MS + 1021
    clock.move(60)
    (tmp_path / "site.db").write_bytes(copy)
    with opened(tmp_path, clock) as store:
        (begun,) = await store.outbox.pending(UTC_MS + 1, 9)

        assert begun.number > used
        # what was written after the copy is not of this lineage
        assert json.loads(bytes(begun.body))["previous_ep"] == UTC_MS


async def test_a_clock_that_went_back_does_not_take_numbers_back(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.journal.record([status()])
    with opened(tmp_path, StandingClock(utc_ms=0)) as store:
        store.journal.record([status(2)])
    with opened(tmp_path, StandingClock(utc_ms=0)) as store:
        found = await store.outbox.pending(0, 9)

        assert [event.number - UTC_MS for event in found] == [1, 2, 3, 4, 5]
        assert [store.outbox.epochs.place(event.number) for event in found] == [
            (UTC_MS, 1),
            (UTC_MS, 2),
            (UTC_MS + 2, 1),
            (UTC_MS + 2, 2),
            (UTC_MS + 4, 1),
        ]


def test_a_place_and_its_number_say_the_same() -> None:
    epochs = Epochs({100: 103, 250: 252, 400: None})

    assert [epochs.place(number) for number in (101, 103, 251, 252, 401)] == [
        Place(100, 1),
        Place(100, 3),
        Place(250, 1),
        Place(250, 2),
        Place(400, 1),
    ]
    assert epochs.place(100) == Place(100, 0)
    assert epochs.place(7) == Place(100, 0)
    assert (epochs.oldest, epochs.newest) == (100, 400)
    assert [epochs.knows(ep) for ep in (100, 101, 400, 999)] == [True, False, True, False]
    assert [epochs.last(ep) for ep in (100, 250, 400)] == [103, 252, None]


@pytest.mark.parametrize(
    ("after", "number", "count"),
    [
        (101, 102, 0),
        (101, 103, 1),
        (103, 251, 0),
        (102, 251, 1),
        (101, 252, 3),
        (103, 401, 2),
        (100, 403, 7),
        (402, 405, 2),
    ],
)
def test_what_was_between_two_events_is_counted_over_epochs(after: int, number: int, count: int) -> None:
    assert Epochs({100: 103, 250: 252, 400: None}).between(after, number) == count
