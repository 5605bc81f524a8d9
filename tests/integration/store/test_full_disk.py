"""A really full disk: a small file system in memory, filled by somebody else."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargemon_edge.clock import SystemClock
from chargemon_edge.site.facts import Fact
from chargemon_edge.store.errors import StoreError
from chargemon_edge.store.journal import Store, open_store
from chargemon_edge.store.settings import StoreSettings
from tests.unit.store.site_facts import started, status, stopped, values

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


def test_a_disk_that_is_full_at_the_start_is_named(disk: Path) -> None:
    fill(disk)

    with pytest.raises(StoreError, match="free some space"):
        store_on(disk)


def test_a_disk_that_is_full_at_a_restart_still_opens(disk: Path) -> None:
    store_on(disk).close()
    fill(disk)
    try:
        store = store_on(disk)
    except StoreError as error:
        assert "free some space" in str(error)
    else:
        store.close()


def test_a_file_system_mounted_read_only_is_named(disk: Path) -> None:
    store_on(disk).close()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)

    with pytest.raises(StoreError, match="cannot be written"):
        store_on(disk)
