"""The writing thread: nobody is answered before the flush, the loop never waits for the disk."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from chargemon_edge.clock import SystemClock
from chargemon_edge.site.facts import Moment
from chargemon_edge.store import writer
from chargemon_edge.store.journal import Store, open_store
from chargemon_edge.store.settings import StoreSettings
from tests.unit.store.opened import Outcomes, commit, rows
from tests.unit.store.site_facts import started, status, stopped, values
from tests.waiting import until


class Gate:
    """A flush waits here until it is opened."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.reached = 0
        self.thread: threading.Thread | None = None

    def __call__(self) -> None:
        self.reached += 1
        self.thread = threading.current_thread()
        assert self.open.wait(10)


@contextlib.asynccontextmanager
async def opened(
    directory: Path, before_flush: Callable[[], None] | None = None, **settings: float
) -> AsyncIterator[Store]:
    store = open_store(
        StoreSettings(directory=str(directory), reserve_kb=64, **settings),  # type: ignore[arg-type] # floats only
        SystemClock(),
        inline=False,
        before_flush=before_flush,
    )
    try:
        yield store
    finally:
        if isinstance(before_flush, Gate):
            before_flush.open.set()
        store.close()


async def test_nobody_is_answered_before_the_flush(tmp_path: Path) -> None:
    gate = Gate()
    async with opened(tmp_path, gate) as store:
        first = commit(store, started(1))
        await until(lambda: gate.reached == 1)
        # these collect while the first is on its way, and leave together
        second, third = commit(store, started(2)), commit(store, started(3))
        store.journal.record([status()])
        await asyncio.sleep(0.02)
        assert first == second == third == []
        assert rows(tmp_path, "SELECT 1 FROM charging_transaction") == []

        gate.open.set()
        await until(lambda: bool(third))
        assert first == second == third == [None]
        assert gate.reached == 2
        assert gate.thread is not threading.current_thread()


async def test_the_loop_goes_on_while_the_disk_hangs(tmp_path: Path) -> None:
    gate = Gate()
    async with opened(tmp_path, gate) as store:
        outcome = commit(store, started(1))
        await until(lambda: gate.reached == 1)
        late_ms = []
        for _ in range(20):
            due_s = time.monotonic() + 0.001
            await asyncio.sleep(0.001)
            late_ms.append((time.monotonic() - due_s) * 1000)
            store.journal.record([values()] * 10)
        assert store.alive(30)
        assert not store.alive(0.0)
        gate.open.set()
        await until(lambda: outcome == [None])
        assert sorted(late_ms)[len(late_ms) // 2] < 20


async def test_outcomes_come_in_order_and_on_the_loop(tmp_path: Path) -> None:
    outcomes = Outcomes()
    threads: set[threading.Thread] = set()
    async with opened(tmp_path) as store:
        for number in range(1, 201):
            store.journal.commit([started(number)], outcomes.of(str(number)))
            store.journal.commit([stopped(number)], lambda _error: threads.add(threading.current_thread()))
            if number % 7 == 0:
                await asyncio.sleep(0)
        await until(lambda: len(outcomes.told) == 200)
    assert [name for name, _ in outcomes.told] == [str(number) for number in range(1, 201)]
    assert threads == {threading.current_thread()}
    assert rows(tmp_path, "SELECT count(*) FROM charging_transaction WHERE meter_stop_wh = 9000") == [(200,)]


async def test_a_slow_card_makes_larger_groups_not_longer_queues(tmp_path: Path) -> None:
    answered: list[float] = []
    async with opened(tmp_path, flush_delay_s=0.01) as store:
        loop = asyncio.get_running_loop()

        async def charger(number: int) -> None:
            for turn in range(5):
                done: asyncio.Future[Exception | None] = loop.create_future()
                began_s = time.monotonic()
                store.journal.commit([started(number * 100 + turn)], done.set_result)
                assert await done is None
                answered.append(time.monotonic() - began_s)

        began_s = time.monotonic()
        await asyncio.gather(*(charger(number) for number in range(1, 51)))
        took_s = time.monotonic() - began_s
    # one after the other they would take 2.5 s
    assert took_s < 1.0
    assert min(answered) >= 0.01


async def test_closing_writes_what_waits(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        outcome = commit(store, started())
        store.journal.record([status(), values()])
        store.close()
        await asyncio.sleep(0.01)
        assert outcome == [None]
    assert rows(tmp_path, "SELECT status FROM connector") == [("Charging",)]
    assert rows(tmp_path, "SELECT count(*) FROM reading", "samples") == [(1,)]


async def test_a_crash_leaves_what_waits_behind(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        first = commit(store, started(1))
        await until(lambda: first == [None])
        store.journal.record([status()])
        second = commit(store, started(2))
        store.close(flush=False)
        assert second == []
    assert rows(tmp_path, "SELECT transaction_id FROM charging_transaction") == [(1,)]
    assert rows(tmp_path, "SELECT 1 FROM connector") == []


async def test_a_bug_in_the_writer_ends_the_run(tmp_path: Path) -> None:
    def fail() -> None:
        raise AssertionError("a bug of ours")

    async with opened(tmp_path, fail) as store:
        commit(store, started())
        with pytest.raises(AssertionError, match="a bug of ours"):
            await asyncio.wait_for(store.run(), 5)
        assert not store.alive()


async def test_the_run_prunes_while_commits_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chargemon_edge.store.journal.UPKEEP_S", 0.01)
    async with opened(tmp_path) as store:
        long_ago = commit(store, values(at=Moment(0.0, 1_000)))
        await until(lambda: long_ago == [None])
        assert rows(tmp_path, "SELECT count(*) FROM reading", "samples") == [(1,)]
        run = asyncio.create_task(store.run())
        await until(lambda: rows(tmp_path, "SELECT count(*) FROM reading", "samples") == [(0,)])
        outcome = commit(store, started())
        await until(lambda: outcome == [None])
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await run


async def test_in_a_rush_commits_wait_for_company_but_fifty_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BATCH_GAP_S", 3_600.0)
    outcomes = Outcomes()
    async with opened(tmp_path) as store:
        store.journal.commit([started(1)], outcomes.of("first"))
        await until(lambda: len(outcomes.told) == 1)
        for number in range(2, writer.BATCH_FULL + 1):
            store.journal.commit([started(number)], outcomes.of(str(number)))
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(outcomes.told) == 1
        store.journal.commit([started(writer.BATCH_FULL + 1)], outcomes.of("the fiftieth that waits"))

        await until(lambda: len(outcomes.told) == writer.BATCH_FULL + 1)
        assert set(outcomes.errors) == {None}


async def test_a_commit_in_a_rush_waits_no_longer_than_the_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "BATCH_GAP_S", 0.05)
    outcomes = Outcomes()
    async with opened(tmp_path) as store:
        for number in (1, 2):
            store.journal.commit([started(number)], outcomes.of(str(number)))
            await until(lambda: len(outcomes.told) == number)  # noqa: B023 - awaited before the next number
        assert outcomes.errors == [None, None]
