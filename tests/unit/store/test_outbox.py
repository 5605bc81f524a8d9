"""Events are numbered in the order of commits and never share a number."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.unit.store.opened import commit, opened
from tests.unit.store.site_facts import UTC_MS, StandingClock, started, status, stopped


async def test_an_empty_outbox_has_no_head(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert store.outbox.head() == 0
        assert store.outbox.pending(0, 10) == []


async def test_events_come_in_the_order_of_commits(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.journal.record([status()])
        commit(store, started())
        await asyncio.sleep(0)
        commit(store, stopped())
        await asyncio.sleep(0)
        found = store.outbox.pending(0, 10)

        assert [event.kind for event in found] == ["StatusReported", "TransactionStarted", "TransactionStopped"]
        numbers = [event.number for event in found]
        assert numbers == sorted(set(numbers))
        assert store.outbox.head() == numbers[-1]
        assert [event.kind for event in store.outbox.pending(numbers[0], 1)] == ["TransactionStarted"]
        assert json.loads(bytes(found[0].body)) == {"connector": 1, "status": "Charging"}


async def test_an_event_is_there_only_with_its_change(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        commit(store, started(meter_start_wh=2**63))
        await asyncio.sleep(0)

        assert store.outbox.head() == 0


async def test_numbers_do_not_repeat_after_an_older_copy_was_put_back(tmp_path: Path) -> None:
    clock = StandingClock()
    with opened(tmp_path, clock):
        pass
    copy = (tmp_path / "site.db").read_bytes()
    with opened(tmp_path, clock) as store:
        store.journal.record([status(number) for number in range(20)])
    with opened(tmp_path, clock) as store:
        used = store.outbox.head()
        assert used == UTC_MS + 20
    clock.move(60)
    (tmp_path / "site.db").write_bytes(copy)
    with opened(tmp_path, clock) as store:
        store.journal.record([status()])
        commit(store)
        await asyncio.sleep(0)
        assert store.outbox.head() > used


async def test_a_clock_that_went_back_does_not_take_numbers_back(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.journal.record([status()])
    with opened(tmp_path, StandingClock(utc_ms=0)) as store:
        store.journal.record([status(2)])
    with opened(tmp_path, StandingClock(utc_ms=0)) as store:
        assert [event.number for event in store.outbox.pending(0, 9)] == [UTC_MS + 1, UTC_MS + 2]
