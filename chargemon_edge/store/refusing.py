"""Takes the writer's place where the disk cannot be written: whoever must have something durable is refused at once.

Nobody is told that anything was kept. What nobody waits for is counted and forgotten.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from chargemon_edge.control.keeping import BackupError
from chargemon_edge.store.disk import Entry
from chargemon_edge.store.errors import StoreError
from chargemon_edge.store.files import has_no_room, unwritable
from chargemon_edge.store.samples import Sample
from chargemon_edge.store.statement import Statement

LOOK_S = 2.0


class RefusingWriter:
    """Has the writer's methods; every one is called on the event loop."""

    def __init__(self, directory: Path, why: str) -> None:
        self._directory = directory
        self.trouble: str | None = f"{why}; nothing new can be kept, so no transaction begins or ends until it can"
        # nothing is written, so nothing can be found broken while it is
        self.broken: str | None = None
        self.forgotten = 0

    def commit(self, entry: Entry) -> None:
        """Refuse it, after the caller has had its say."""
        entry.error = StoreError(self.trouble)
        asyncio.get_running_loop().call_soon(entry.done, entry.error)

    def record(self, _rows: Sequence[Statement]) -> None:
        """Forget it."""
        self.forgotten += 1

    def sample(self, _row: Sample) -> None:
        """Forget it."""
        self.forgotten += 1

    async def errand(self, _work: Callable[[sqlite3.Connection], int]) -> int:
        """Raises :class:`BackupError`."""
        raise BackupError(self.trouble)

    def upkeep(self, _work: Callable[[], object]) -> None:
        """Nothing to keep up."""

    def follow(self, _written: Callable[[], None]) -> Callable[[], None]:
        """Nothing will be written."""
        return _nothing

    def alive(self, _within_s: float) -> bool:
        """Nothing can stand still here."""
        return True

    async def watch(self) -> None:
        """Raises :class:`StoreError` once the disk can be written again: a start then takes it up as it is."""
        while unwritable(self._directory) is not None or has_no_room(self._directory):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(LOOK_S)
        raise StoreError(f"{self._directory} can be written again: the daemon ends to be started anew with it")

    def close(self, *, flush: bool) -> None:
        """Nothing waits to be written."""


def _nothing() -> None:
    pass
