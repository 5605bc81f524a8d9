"""Backups beside a writer at work, and who may write."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from chargemon_edge.clock import SystemClock
from chargemon_edge.control.records import TransactionQuery
from chargemon_edge.store import backup
from chargemon_edge.store.journal import Store, open_store
from chargemon_edge.store.settings import StoreSettings
from tests.unit.store.opened import rows
from tests.unit.store.site_facts import started


def store_in(directory: Path) -> Store:
    return open_store(StoreSettings(directory=str(directory), reserve_kb=64), SystemClock(), inline=False)


async def committed(store: Store, transaction_id: int) -> None:
    done: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    store.journal.commit([started(transaction_id)], done.set_result)
    assert await done is None


def writers(directory: Path) -> dict[str, int]:
    """How many descriptors of this process can write to each database."""
    found: dict[str, int] = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = entry.readlink()
            flags = Path(f"/proc/self/fdinfo/{entry.name}").read_text().splitlines()[1].split()[1]
        except OSError:
            continue
        if target.parent == directory and target.suffix == ".db":
            found[target.name] = found.get(target.name, 0) + bool(int(flags, 8) & os.O_ACCMODE)
    return found


async def test_transactions_are_answered_while_a_backup_is_made_and_one_connection_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_in(tmp_path)
    going = asyncio.Event()
    loop = asyncio.get_running_loop()
    commits = 0
    monkeypatch.setattr(backup, "_STEPS", 1)
    try:
        await committed(store, 1)
        store.journal.record([started(number) for number in range(2, 200)])
        await store.history.transactions(TransactionQuery())
        real = backup._copy

        def slow_copy(source, draft, go_on, *, flush):  # type: ignore[no-untyped-def] # passes them on
            def go_on_slowly() -> bool:
                loop.call_soon_threadsafe(going.set)
                return commits < 20 and go_on()

            # it goes on until the commits below have been answered, and is then given up
            real(source, draft, go_on_slowly, flush=flush)

        monkeypatch.setattr(backup, "_copy", slow_copy)
        making = asyncio.create_task(store.back_up("asked"))
        await going.wait()
        for number in range(1_000, 1_020):
            await committed(store, number)
            commits += 1
        assert writers(tmp_path) == {"site.db": 1, "samples.db": 1}
        await asyncio.wait([making])
    finally:
        store.close()
    assert {number for (number,) in rows(tmp_path, "SELECT transaction_id FROM charging_transaction")} >= set(
        range(1_000, 1_020)
    )


@pytest.mark.promise("R9")
async def test_a_backup_holds_all_that_was_answered_before_it(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    try:
        for number in range(1, 50):
            await committed(store, number)
        record = await store.back_up("asked")
    finally:
        store.close()
    with_rows = backup.open_backup(Path(record.path))
    assert with_rows.execute("SELECT count(*) FROM charging_transaction").fetchone() == (49,)
    with_rows.close()


async def test_a_stop_gives_up_the_backup_that_is_being_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_in(tmp_path)
    loop = asyncio.get_running_loop()
    going = asyncio.Event()
    real = backup._copy

    def endless(source, draft, go_on, *, flush):  # type: ignore[no-untyped-def] # passes them on
        loop.call_soon_threadsafe(going.set)
        while go_on():
            pass
        real(source, draft, go_on, flush=flush)

    monkeypatch.setattr(backup, "_STEPS", 1)
    monkeypatch.setattr(backup, "_copy", endless)
    making = asyncio.create_task(store.back_up("asked"))
    await going.wait()
    store.close()
    (outcome,) = await asyncio.gather(making, return_exceptions=True)

    assert isinstance(outcome, Exception)
    assert list((tmp_path / "backups").iterdir()) == []
