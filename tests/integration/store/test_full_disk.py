"""A really full disk: a small file system in memory, filled by somebody else."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargemon_edge.clock import SystemClock
from chargemon_edge.control.keeping import BackupError
from chargemon_edge.control.records import TransactionQuery
from chargemon_edge.site.facts import Fact
from chargemon_edge.store import refusing
from chargemon_edge.store.errors import StoreError
from chargemon_edge.store.journal import Store, open_store
from chargemon_edge.store.settings import StoreSettings
from tests.unit.store.opened import writer_of
from tests.unit.store.site_facts import Faults, started, status, stopped, values

DISK_KB = 2_304
RESERVE_KB = 256


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "chargemon-test", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    if mount.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mount.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def fill(disk: Path) -> Path:
    """Somebody else's file takes all the room there is."""
    path = disk / "somebody-else"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for size in (65_536, 4_096, 512):
        try:
            while True:
                os.write(descriptor, bytes(size))
        except OSError:
            continue
    os.close(descriptor)
    return path


def store_on(disk: Path) -> Store:
    return open_store(
        StoreSettings(directory=str(disk), reserve_kb=RESERVE_KB, record_flush_s=0.05, samples_flush_s=0.05),
        SystemClock(),
        inline=False,
    )


def trouble(store: Store) -> str:
    return store.trouble or ""


async def outcome_of(store: Store, *new: Fact) -> Exception | None:
    done: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    store.journal.commit(new, done.set_result)
    return await asyncio.wait_for(done, 10)


@pytest.mark.promise("R6")
async def test_transactions_end_on_a_full_disk_and_begin_again_when_there_is_room(disk: Path) -> None:
    store = store_on(disk)
    try:
        for number in range(1, 41):
            assert await outcome_of(store, started(number, connector=number)) is None
        somebody_else = fill(disk)
        # the log's own file may have some room left
        number = 1_000
        while (error := await outcome_of(store, started(number, id_tag="x" * 20))) is None:
            number += 1
            assert number < 2_000, "the disk never became full"
        assert not isinstance(error, AssertionError)
        assert store.journal.find_transaction(number) is None
        assert store.trouble is not None

        for ended in range(1, 41):
            assert await outcome_of(store, stopped(ended, connector=ended)) is None
        assert isinstance(await outcome_of(store, started(5_000)), StoreError)
        store.journal.record([status(), values()])
        await asyncio.sleep(0.1)
        assert store.alive()

        somebody_else.unlink()
        assert await outcome_of(store, started(5_001)) is None
        assert (disk / "reserve").exists()
        # what nobody waited for has come through too
        async with asyncio.timeout(5):
            while trouble(store):
                await asyncio.sleep(0.01)
    finally:
        store.close()
    again = store_on(disk)
    running = again.restored.picture.connector("CP1", 1).transaction
    found = [again.journal.find_transaction(number) for number in range(1, 41)]
    status_now = again.restored.picture.connector("CP1", 1).status
    again.close()
    assert running is not None
    assert running.transaction_id == 5_001
    assert all(known is not None and known[1] is not None for known in found)
    assert status_now == "Charging"


@pytest.fixture
def closed_after() -> Iterator[list[Store]]:
    stores: list[Store] = []
    yield stores
    for store in stores:
        store.close()


@pytest.mark.promise("R6")
async def test_a_disk_that_is_full_at_the_first_start_serves_and_promises_nothing(
    disk: Path, closed_after: list[Store]
) -> None:
    fill(disk)
    store = store_on(disk)
    closed_after.append(store)

    assert "free some space" in trouble(store)
    assert isinstance(await outcome_of(store, started(1)), StoreError)
    assert store.alive()


async def test_a_restart_on_a_full_disk_lets_running_transactions_end(disk: Path, closed_after: list[Store]) -> None:
    store = store_on(disk)
    assert await outcome_of(store, started(1)) is None
    store.close()
    somebody_else = fill(disk)
    store = store_on(disk)
    closed_after.append(store)

    assert "disk full" in trouble(store)
    assert not (disk / "reserve").exists()
    assert isinstance(await outcome_of(store, started(2)), StoreError)
    assert await outcome_of(store, stopped(1)) is None
    somebody_else.unlink()
    assert await outcome_of(store, started(3)) is None
    assert store.trouble is None


@pytest.mark.promise("R7")
async def test_a_read_only_disk_is_read_and_refuses(
    disk: Path, closed_after: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_on(disk)
    assert await outcome_of(store, started(1)) is None
    # the log stays, as after a kill: SQLite cannot open that on a read-only disk without being told how
    copies = {path.name: path.read_bytes() for path in disk.glob("site.db*")}
    store.close()
    for name, content in copies.items():
        if not name.endswith("-shm"):
            (disk / name).write_bytes(content)
    assert copies["site.db-wal"]
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    monkeypatch.setattr(refusing, "LOOK_S", 0.05)
    store = store_on(disk)
    closed_after.append(store)

    running = store.restored.picture.connector("CP1", 1).transaction
    assert running is not None
    assert running.transaction_id == 1
    assert "cannot be written" in trouble(store)
    for fact in (started(2), stopped(1)):
        assert isinstance(await outcome_of(store, fact), StoreError)
    store.journal.record([status(), values()])
    assert store.alive()
    (record,) = (await store.history.transactions(TransactionQuery())).items
    assert record.transaction_id == 1
    with pytest.raises(BackupError):
        await store.back_up("asked")
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    with pytest.raises(StoreError, match="can be written again"):
        await asyncio.wait_for(store.run(), 5)


async def test_a_clean_read_only_disk_is_read_too(disk: Path, closed_after: list[Store]) -> None:
    store = store_on(disk)
    assert await outcome_of(store, started(1)) is None
    store.close()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    store = store_on(disk)
    closed_after.append(store)

    assert store.restored.picture.connector("CP1", 1).transaction is not None


@pytest.mark.promise("R7")
async def test_a_disk_that_turns_read_only_in_use_refuses_and_goes_on_by_itself(
    disk: Path, closed_after: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_on(disk)
    closed_after.append(store)
    assert await outcome_of(store, started(1)) is None
    # what is open for writing keeps a file system from being remounted: the error itself is what SQLite would say
    faults = Faults()
    writer_of(store)._disk._site._before_flush = faults
    faults.code = sqlite3.SQLITE_READONLY
    assert await outcome_of(store, started(2)) is not None
    assert "cannot write" in trouble(store)
    faults.code = None

    assert await outcome_of(store, started(2)) is None
    assert store.trouble is None
