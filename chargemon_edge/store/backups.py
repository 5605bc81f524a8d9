"""When backups are made: once a day, and when somebody asks. Their own thread reads; the writer never waits for it.

docs/decisions/0012 says why it is not the writer itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chargemon_edge.control.keeping import BackupError, BackupRecord
from chargemon_edge.control.ports import Clock
from chargemon_edge.store import backup
from chargemon_edge.store.database import mark_broken
from chargemon_edge.store.errors import is_broken_file
from chargemon_edge.store.settings import StoreSettings

log = logging.getLogger(__name__)

# a start has better things to do
FIRST_AFTER_S = 600.0
RETRY_S = 3_600.0
# on a short disk
KEPT_WHEN_SHORT = 2
_HOUR_S = 3_600.0


class Backups:
    """Lives on the event loop. With *inline* there is no thread: for virtual time, where no power fails."""

    def __init__(
        self,
        directory: Path,
        settings: StoreSettings,
        clock: Clock,
        connect: Callable[[], sqlite3.Connection],
        *,
        inline: bool,
    ) -> None:
        """*connect* opens ``site.db`` for reading; it may raise :class:`sqlite3.Error`."""
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._connect = connect
        self._inline = inline
        self._executor: ThreadPoolExecutor | None = None
        self._running = False
        self._closed = False
        # by the clock that cannot be set: when this run made one
        self._made_s: float | None = None
        # why the last try made none
        self.trouble: str | None = None
        # the database itself turned out to be broken; what will mend it
        self.broken: str | None = None
        backup.drop_drafts(directory)
        self._known = backup.records(directory)

    @property
    def known(self) -> list[BackupRecord]:
        """Those that are there, newest first."""
        return list(self._known)

    async def run(self) -> None:
        """One a day, until cancelled."""
        if not self._settings.backup_hours:
            await asyncio.Event().wait()
        await asyncio.sleep(FIRST_AFTER_S)
        while True:
            due_s = self._due_s()
            if due_s > 0:
                await asyncio.sleep(due_s)
                continue
            try:
                await self.make("daily")
            except BackupError:
                await asyncio.sleep(RETRY_S)

    async def make(self, reason: str) -> BackupRecord:
        """One now. Raises :class:`BackupError`, also while another is being made."""
        if self._running or self._closed:
            raise BackupError("a backup is being made already; ask again in a minute")
        self._running = True
        try:
            made = await self._beside_the_loop(reason)
        except BackupError as error:
            if self.trouble != str(error):
                log.error("backup failed: %s", error)
            self.trouble = str(error)
            raise
        finally:
            self._running = False
        if self.trouble is not None:
            log.warning("backups are made again")
        self.trouble = None
        self._made_s = self._clock.monotonic_s()
        self._known = backup.records(self._directory)
        log.info("backup made name=%s size_kb=%d", made.name, made.size_bytes // 1024)
        return made

    def keep_only(self, record: BackupRecord) -> int:
        """Delete all others; how many those were. Raises OSError."""
        others = [one for one in backup.records(self._directory) if one.name != record.name]
        for one in others:
            Path(one.path).unlink(missing_ok=True)
        self._known = backup.records(self._directory)
        return len(others)

    def close(self) -> None:
        """Give up what is being made."""
        self._closed = True
        if self._executor is not None:
            self._executor.shutdown(wait=True)

    def _due_s(self) -> float:
        """Seconds until the next is due by itself."""
        every_s = self._settings.backup_hours * _HOUR_S
        if self._made_s is not None:
            return self._made_s + every_s - self._clock.monotonic_s()
        if not self._known:
            return 0.0
        age_s = (self._clock.utc_ms() - self._known[0].made_utc_ms) / 1000
        # one from the future was made by another clock: its age is not known
        return every_s - age_s if 0 <= age_s < every_s else 0.0

    async def _beside_the_loop(self, reason: str) -> BackupRecord:
        utc_ms = self._clock.utc_ms()
        if self._inline:
            return self._make(reason, utc_ms)
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="store-backup")
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._make, reason, utc_ms)

    def _make(self, reason: str, utc_ms: int) -> BackupRecord:
        """On the thread."""
        usage = shutil.disk_usage(self._directory)
        free_min_bytes = usage.total * self._settings.free_min_percent // 100
        if usage.free < free_min_bytes:
            backup.drop_old(self._directory, min(KEPT_WHEN_SHORT, self._settings.keep_backups))
        try:
            made = self._copy(reason, utc_ms, free_min_bytes)
        except backup.SourceBrokenError as error:
            with contextlib.suppress(OSError):
                mark_broken(self._directory, "site")
            self.broken = f"{error}: the next start puts it aside and goes on with the newest backup"
            raise
        backup.drop_old(self._directory, self._settings.keep_backups)
        return made

    def _copy(self, reason: str, utc_ms: int, free_min_bytes: int) -> BackupRecord:
        try:
            source = self._connect()
        except sqlite3.Error as error:
            kind = backup.SourceBrokenError if is_broken_file(error) else BackupError
            raise kind(f"site.db cannot be read: {error}") from error
        try:
            return backup.make(
                source,
                self._directory,
                reason=reason,
                utc_ms=utc_ms,
                free_min_bytes=free_min_bytes,
                go_on=lambda: not self._closed,
                flush=not self._inline,
            )
        finally:
            source.close()
