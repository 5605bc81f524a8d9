"""A disk that refuses: nobody is told that it took what it did not, and nothing is lost that can be kept."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path

import pytest

from chargemon_edge.store import journal
from chargemon_edge.store.errors import StoreError
from chargemon_edge.store.journal import Store
from tests.unit.store.opened import Outcomes, commit, opened, rows, writer_of
from tests.unit.store.site_facts import Faults, StandingClock, started, status, stop_kept, stopped, values


def trouble(store: Store) -> str:
    return store.trouble or "none"


async def until_written(directory: Path, query: str, database: str = "site") -> None:
    async with asyncio.timeout(5):
        while not rows(directory, query, database):
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT])
async def test_a_failed_flush_fails_its_waiters(tmp_path: Path, code: int) -> None:
    faults = Faults()
    with opened(tmp_path, before_flush=faults) as store:
        faults.code = code
        outcome = commit(store, started())
        await asyncio.sleep(0)

        assert [type(error) for error in outcome] == [sqlite3.OperationalError]
        assert store.journal.find_transaction(7) is None
        assert rows(tmp_path, "SELECT 1 FROM charging_transaction") == []
        faults.code = None
        again = commit(store, started())
        await asyncio.sleep(0)
        assert again == [None]


async def test_what_nobody_waits_for_is_kept_and_tried_again(tmp_path: Path) -> None:
    faults = Faults()
    with opened(tmp_path, before_flush=faults, quick=True) as store:
        faults.code = sqlite3.SQLITE_IOERR
        store.journal.record([status(), values()])
        commit(store, started())
        await asyncio.sleep(0.05)
        assert rows(tmp_path, "SELECT 1 FROM connector") == []
        faults.code = None
        await until_written(tmp_path, "SELECT 1 FROM connector")
        await until_written(tmp_path, "SELECT 1 FROM reading", "samples")


async def test_trouble_is_told_once_and_its_end_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    faults = Faults()
    caplog.set_level(logging.INFO, "chargemon_edge.store")
    with opened(tmp_path, before_flush=faults) as store:
        assert trouble(store) == "none"
        faults.code = sqlite3.SQLITE_IOERR
        for number in range(1, 6):
            commit(store, started(number))
            await asyncio.sleep(0)
        assert str(tmp_path) in trouble(store)
        faults.code = None
        for number in range(1, 6):
            commit(store, started(number))
            await asyncio.sleep(0)
        assert trouble(store) == "none"

    told = [record.getMessage().split(":")[0] for record in caplog.records]
    assert told == ["store trouble", "store writes again after"]
    assert not any(record.exc_info for record in caplog.records)


async def test_a_full_disk_lets_running_transactions_end_and_begins_none(tmp_path: Path) -> None:
    faults = Faults()
    outcomes = Outcomes()
    with opened(tmp_path, before_flush=faults) as store:
        commit(store, started(1), started(2, connector=2))
        await asyncio.sleep(0)
        reserve = tmp_path / "reserve"
        assert reserve.stat().st_size == 64 * 1024

        full = True

        def full_until_the_reserve_is_gone() -> None:
            faults.code = sqlite3.SQLITE_FULL if full and reserve.exists() else None
            faults()

        writer_of(store)._disk._site._before_flush = full_until_the_reserve_is_gone
        writer_of(store)._disk._reserve.take = lambda: False  # type: ignore[method-assign] # the disk stays full
        store.journal.record([status()])
        store.journal.commit([stopped(1)], outcomes.of("stop"))
        store.journal.commit([started(3)], outcomes.of("start"))
        store.journal.commit([stopped(2), started(4, connector=2)], outcomes.of("stale stop and start"))
        await asyncio.sleep(0)

        assert not reserve.exists()
        verdicts = {name: type(error) for name, error in outcomes.told}
        assert verdicts == {"stop": type(None), "start": StoreError, "stale stop and start": StoreError}
        assert "disk full" in trouble(store)

        # the file would take it again, but the room left is for ends
        store.journal.commit([started(5)], outcomes.of("later start"))
        store.journal.commit([stop_kept(), values()], outcomes.of("kept stop"))
        await asyncio.sleep(0)
        assert [type(error) for error in outcomes.errors[3:]] == [StoreError, type(None)]
        assert rows(tmp_path, "SELECT 1 FROM connector") == []

        full = False
        del writer_of(store)._disk._reserve.take
        outcome = commit(store, started(6))
        await asyncio.sleep(0)
        assert outcome == [None]
        assert trouble(store) == "none"
        assert reserve.exists()
        assert rows(tmp_path, "SELECT status FROM connector") == [("Charging",)]
    assert rows(tmp_path, "SELECT count(*) FROM reading", "samples") == [(1,)]


async def test_samples_do_not_hide_that_transactions_cannot_be_written(tmp_path: Path) -> None:
    faults = Faults()
    with opened(tmp_path, quick=True) as store:
        writer_of(store)._disk._site._before_flush = faults
        faults.code = sqlite3.SQLITE_IOERR
        commit(store, started())
        await asyncio.sleep(0)
        store.journal.record([values()])
        await until_written(tmp_path, "SELECT 1 FROM reading", "samples")
        assert "site.db" in trouble(store)
        faults.code = None


async def test_trouble_with_samples_leaves_transactions_alone(tmp_path: Path) -> None:
    faults = Faults()
    with opened(tmp_path, quick=True) as store:
        writer_of(store)._disk._samples._before_flush = faults
        faults.code = sqlite3.SQLITE_FULL
        store.journal.record([values()])
        await asyncio.sleep(0.03)
        outcome = commit(store, started())
        with_samples = commit(store, status(), values())
        stop_with_samples = commit(store, stopped(), values(energy_wh=9000))
        await asyncio.sleep(0)
        assert outcome == stop_with_samples == [None]
        assert [type(error) for error in with_samples] == [sqlite3.OperationalError]
        assert "samples.db" in trouble(store)
        faults.code = None
        await until_written(tmp_path, "SELECT 1 FROM reading WHERE energy_wh = 9000", "samples")
        assert trouble(store) == "none"


async def test_memory_stays_bounded_and_the_oldest_go_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    faults = Faults()
    clock = StandingClock()
    with opened(tmp_path, clock, before_flush=faults, waiting_rows_max=100, quick=True) as store:
        faults.code = sqlite3.SQLITE_IOERR
        for number in range(150):
            store.journal.record([values(energy_wh=number), status(number)])
            if number % 40 == 0:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.02)
        assert writer_of(store).dropped_samples == writer_of(store).dropped_rows == 50
        faults.code = None
    assert rows(tmp_path, "SELECT min(energy_wh), count(*) FROM reading", "samples") == [(50, 100)]
    assert rows(tmp_path, "SELECT min(number), count(*) FROM connector") == [(50, 100)]
    assert sum("dropped" in record.getMessage() for record in caplog.records) == 1


async def test_a_bug_in_the_writer_ends_the_run(tmp_path: Path) -> None:
    def fail() -> None:
        raise AssertionError("a bug of ours")

    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(context["exception"]))
    with opened(tmp_path, before_flush=fail) as store:
        commit(store, started())
        with pytest.raises(AssertionError, match="a bug of ours"):
            await asyncio.wait_for(store.run(), 5)
        assert not store.alive()
    assert len(problems) == 1


async def test_a_file_that_breaks_in_use_is_left_to_the_next_start_but_not_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "UPKEEP_S", 0.001)
    faults, clock = Faults(), StandingClock()
    with opened(tmp_path, clock, before_flush=faults) as store:
        faults.code = sqlite3.SQLITE_CORRUPT
        outcome = commit(store, started(1))
        await asyncio.sleep(0)
        assert isinstance(outcome[0], Exception)
        assert "damaged" in (store.trouble or "")
        assert (tmp_path / "check-at-start-site").exists()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.run(), 0.02)
        clock.move(journal.BROKEN_AFTER_S + 1)
        with pytest.raises(StoreError, match="the next start puts it aside"):
            await asyncio.wait_for(store.run(), 5)
        faults.code = None
    # it was sound after all: the next start has looked, and goes on with it
    with opened(tmp_path) as store:
        assert store.standing().put_aside == ()
    assert not (tmp_path / "check-at-start-site").exists()
