"""A backup of a large database beside a store at work: how long do answers wait, and is the loop late?

One durable start after the other, 5 ms apart, before the backup, while it is made by the daemon's own way, and while
the same copy is made on the writer instead (decision 0012). The reference is the same run without a backup.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.figures import Figure, show
from chargemon_edge.clock import SystemClock
from chargemon_edge.site.facts import Moment, TransactionStarted
from chargemon_edge.store.event import EVENT
from chargemon_edge.store.journal import Store, open_store
from chargemon_edge.store.settings import StoreSettings

_BODY = '{"connector":1,"status":"Charging","info":"' + "x" * 120 + '"}'


class Waits:
    """Seconds, each with when it began."""

    def __init__(self) -> None:
        self.answers: list[float] = []
        self.late: list[float] = []

    def worst_ms(self) -> tuple[float, float]:
        """Of the answers, and of the loop."""
        return max(self.answers) * 1000, max(self.late) * 1000


def _fill(path: Path, megabytes: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    rows = ((1_800_000_000_000 + number, "StatusReported", f"CP{number % 20}", _BODY) for number in range(1 << 40))
    while path.stat().st_size < megabytes * 1_000_000:
        connection.executemany(EVENT, [next(rows) for _ in range(50_000)])
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("BEGIN")
    connection.execute("COMMIT")
    connection.close()


async def _commits(store: Store, waits: Waits, over: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    number = store.restored.next_transaction_id + 1_000 * int(time.monotonic())
    while not over.is_set():
        number += 1
        done: asyncio.Future[Exception | None] = loop.create_future()
        fact = TransactionStarted(
            at=Moment(0.0, 1_800_000_000_000),
            charge_point="CP1",
            connector=1,
            transaction_id=number,
            id_tag="04A1B2C3",
            id_tag_status="Accepted",
            meter_start_wh=0,
            started_utc_ms=None,
            started_text=str(number),
        )
        began_s = time.perf_counter()
        store.journal.commit([fact], done.set_result)
        await done
        waits.answers.append(time.perf_counter() - began_s)
        await asyncio.sleep(0.005)


async def _ticks(waits: Waits, over: asyncio.Event) -> None:
    while not over.is_set():
        due_s = time.perf_counter() + 0.005
        await asyncio.sleep(0.005)
        waits.late.append(time.perf_counter() - due_s)


async def _watched(store: Store, work: Callable[[], Awaitable[object]]) -> tuple[Waits, float]:
    """*work* beside commits; the waits meanwhile, and how long it took."""
    waits = Waits()
    async with asyncio.TaskGroup() as beside:
        over = asyncio.Event()
        beside.create_task(_commits(store, waits, over))
        beside.create_task(_ticks(waits, over))
        await asyncio.sleep(0.1)
        began_s = time.perf_counter()
        await work()
        took_s = time.perf_counter() - began_s
        await asyncio.sleep(0.1)
        over.set()
    return waits, took_s


async def _on_the_writer(store: Store, target: Path) -> None:
    """The way that was not taken: the writer makes the copy between two groups."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def copy() -> None:
        # the writer's own connection, on its thread
        store._writer._disk._site.connection.execute("VACUUM INTO ?", (str(target),))  # type: ignore[union-attr] # ours
        loop.call_soon_threadsafe(done.set)

    store._writer.upkeep(copy)
    await done.wait()


async def _measure(directory: Path, megabytes: int) -> list[Figure]:
    settings = StoreSettings(directory=str(directory), free_min_percent=0)
    open_store(settings, SystemClock(), inline=True).close()
    _fill(directory / "site.db", megabytes)
    store = open_store(settings, SystemClock(), inline=False)
    try:
        plain, _ = await _watched(store, lambda: asyncio.sleep(3))
        beside, beside_s = await _watched(store, lambda: store.back_up("asked"))
        instead, instead_s = await _watched(store, lambda: _on_the_writer(store, directory / "copy.db"))
    finally:
        store.close()
    return [
        Figure("size of the database", (directory / "site.db").stat().st_size / 1e6, "MB"),
        Figure("without a backup: slowest answer", plain.worst_ms()[0], "ms"),
        Figure("without a backup: loop late at most", plain.worst_ms()[1], "ms"),
        Figure("a backup takes, with its check", beside_s, "s"),
        Figure("beside it: slowest answer", beside.worst_ms()[0], "ms", at_most=200),
        Figure("beside it: loop late at most", beside.worst_ms()[1], "ms", at_most=50),
        Figure("the same copy on the writer takes", instead_s, "s"),
        Figure("beside that: slowest answer", instead.worst_ms()[0], "ms"),
        Figure("beside that: loop late at most", instead.worst_ms()[1], "ms"),
    ]


def main() -> list[Figure]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backup-megabytes", type=int, default=200)
    arguments, _ = parser.parse_known_args()
    print(f"backup: a database of {arguments.backup_megabytes} MB, a durable start every 5 ms")
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(_measure(Path(folder), arguments.backup_megabytes))
    show(figures)
    return figures


if __name__ == "__main__":
    main()
