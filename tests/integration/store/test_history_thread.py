"""Looking things up takes place beside the loop: bounded in time and number, and harmless to those who write."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chargemon_edge.clock import SystemClock
from chargemon_edge.control.records import HistoryUnavailableError, TransactionQuery
from chargemon_edge.store.database import open_for_reading
from chargemon_edge.store.journal import Store, open_store
from chargemon_edge.store.reader import WAITING_MAX, Reader
from chargemon_edge.store.settings import StoreSettings
from tests.unit.store.site_facts import started


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(StoreSettings(directory=str(tmp_path), reserve_kb=64), SystemClock(), inline=False)
    yield opened
    opened.close()


def connector(directory: Path) -> Callable[[str], sqlite3.Connection]:
    return lambda database: open_for_reading(directory / f"{database}.db")


def endless(connection: sqlite3.Connection) -> object:
    return connection.execute(
        "WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count) SELECT max(n) FROM count"
    ).fetchone()


async def committed(store: Store, transaction_id: int) -> None:
    done: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    store.journal.commit([started(transaction_id)], done.set_result)
    assert await done is None


async def test_a_question_that_takes_too_long_is_cut_off_and_holds_nobody_up(store: Store, tmp_path: Path) -> None:
    reader = Reader(connector(tmp_path), inline=False, query_max_s=0.5)
    commits = 0
    try:
        slow = asyncio.create_task(reader.ask("site", endless))
        began_s = asyncio.get_running_loop().time()
        while not slow.done():
            await asyncio.sleep(0.01)
            commits += 1
            await committed(store, commits)
        with pytest.raises(HistoryUnavailableError, match="take too long"):
            await slow
        assert asyncio.get_running_loop().time() - began_s < 5
        after = await store.history.transactions(TransactionQuery(limit=1))
    finally:
        reader.close()

    # the loop turned and the writer wrote meanwhile
    assert commits >= 3
    assert after.items[0].transaction_id == commits


async def test_only_so_many_questions_wait(tmp_path: Path, store: Store) -> None:
    await committed(store, 1)
    reader = Reader(connector(tmp_path), inline=False, query_max_s=0.3)
    try:
        asked = [asyncio.create_task(reader.ask("site", endless)) for _ in range(WAITING_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(HistoryUnavailableError, match="at once"):
            await reader.ask("site", endless)
    finally:
        reader.close()
    ended = await asyncio.gather(*asked, return_exceptions=True)

    assert {type(one) for one in ended} == {HistoryUnavailableError}


async def test_closing_cuts_off_what_runs(tmp_path: Path, store: Store) -> None:
    await committed(store, 1)
    reader = Reader(connector(tmp_path), inline=False, query_max_s=60)
    slow = asyncio.create_task(reader.ask("site", endless))
    await asyncio.sleep(0.1)
    began_s = time.monotonic()
    await asyncio.to_thread(reader.close)

    with pytest.raises(HistoryUnavailableError):
        await slow
    assert time.monotonic() - began_s < 10
    with pytest.raises(HistoryUnavailableError):
        await reader.ask("site", endless)


async def test_nothing_can_be_written_through_it(tmp_path: Path, store: Store) -> None:
    await committed(store, 1)
    reader = Reader(connector(tmp_path), inline=False)
    try:
        with pytest.raises(HistoryUnavailableError, match="readonly"):
            await reader.ask("site", lambda connection: connection.execute("DELETE FROM charging_transaction"))
    finally:
        reader.close()


async def test_a_file_that_is_missing_is_said_and_later_found(tmp_path: Path) -> None:
    directory = tmp_path / "later"
    reader = Reader(connector(directory), inline=False)
    try:
        with pytest.raises(HistoryUnavailableError, match="cannot be read"):
            await reader.ask("site", endless)
        directory.mkdir()
        sqlite3.connect(directory / "site.db").execute("CREATE TABLE a (b)").connection.close()
        assert await reader.ask("site", lambda connection: connection.execute("SELECT * FROM a").fetchall()) == []
    finally:
        reader.close()


async def test_a_clean_stop_leaves_no_log_behind_although_history_was_read(tmp_path: Path) -> None:
    opened = open_store(StoreSettings(directory=str(tmp_path), reserve_kb=64), SystemClock(), inline=False)
    await committed(opened, 1)
    await opened.history.transactions(TransactionQuery())
    opened.close()

    assert sorted(path.name for path in tmp_path.iterdir()) == ["numbers", "reserve", "samples.db", "site.db"]
