"""Where facts become rows, and where the disk is opened. Implements :class:`chargemon_edge.control.ports.Journal`."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from msgspec import structs

from chargemon_edge.control.keeping import BackupError, BackupRecord, Erased, StoreStanding
from chargemon_edge.control.ports import Clock, Restored, RestoredClock
from chargemon_edge.site.clock_facts import ClockBegun, ClockCorrected
from chargemon_edge.site.facts import (
    Fact,
    MeterRead,
    StatusReported,
    StopKept,
    TransactionStarted,
    TransactionStopped,
    ValuesReported,
)
from chargemon_edge.store.backups import Backups
from chargemon_edge.store.clock_rows import Redating, doubted
from chargemon_edge.store.database import former, put_aside
from chargemon_edge.store.disk import Disk, Done, Entry
from chargemon_edge.store.erasing import erase
from chargemon_edge.store.errors import StoreError
from chargemon_edge.store.files import open_files
from chargemon_edge.store.history import History
from chargemon_edge.store.measured import MeasuredHistory
from chargemon_edge.store.outbox import Outbox
from chargemon_edge.store.reader import Reader
from chargemon_edge.store.refusing import RefusingWriter
from chargemon_edge.store.restore_upstream import UpstreamCommands
from chargemon_edge.store.retention import Retention
from chargemon_edge.store.rows import ROWS, status_row
from chargemon_edge.store.samples import MinuteFold, Sample
from chargemon_edge.store.settings import StoreSettings
from chargemon_edge.store.statement import Statement
from chargemon_edge.store.transactions import Known, Transactions
from chargemon_edge.store.writer import Writer

UPKEEP_S = 60.0
# a file that breaks in use is a reason to start anew, but not again and again
BROKEN_AFTER_S = 600.0
_CLOSING = (TransactionStopped, StopKept)


class Journal:
    """Turns facts into rows for the writer. Lives on the event loop."""

    def __init__(self, writer: Writer | RefusingWriter, transactions: Transactions) -> None:
        self._writer = writer
        self._transactions = transactions
        self._minutes: dict[str, MinuteFold] = {}
        # what each connector said last: a repeated status is no event
        self._statuses: dict[tuple[str, int], tuple[str, str, str | None]] = {}
        # whether the time is not known to be right
        self._time_doubted = False

    def commit(self, new: Sequence[Fact], done: Done) -> None:
        """Make these durable, all or none; *done* is called on the loop after the flush, or with why it failed."""
        statements: list[Statement] = []
        samples: list[Sample] = []
        for fact in new:
            sample = self._sample(fact)
            if sample is not None:
                samples.append(sample)
            statements += self._rows(fact)
        starts = self._expect(new)
        urgent = not starts and any(type(fact) in _CLOSING for fact in new)

        def ended(error: Exception | None) -> None:
            if error is not None:
                self._forget(new)
            done(error)

        self._writer.commit(Entry(statements, samples, ended, urgent, starts))

    def record(self, new: Iterable[Fact]) -> None:
        """Write these behind: with the next commit, or when the write budget allows."""
        for fact in new:
            sample = self._sample(fact)
            if sample is not None:
                self._writer.sample(sample)
                continue
            rows = self._rows(fact)
            if rows:
                self._writer.record(rows)

    def find_start(
        self, charge_point: str, connector: int, id_tag: str, started_text: str, meter_start_wh: int
    ) -> TransactionStarted | None:
        """The recorded start that this request repeats, if any; one handed to a commit counts already."""
        return self._transactions.find_start(charge_point, connector, id_tag, started_text, meter_start_wh)

    def find_transaction(self, transaction_id: int) -> Known | None:
        """A transaction by id, with its stop if it has ended; one handed to a commit counts already."""
        return self._transactions.find(transaction_id)

    def finish_minutes(self) -> None:
        """Hand the grid meters' running minutes to the writer."""
        for fold in self._minutes.values():
            row = fold.row()
            if row is not None:
                self._writer.sample(row)
        self._minutes.clear()

    def _sample(self, fact: Fact) -> Sample | None:
        """What *fact* leaves for the samples' file; such facts have no rows in the site's."""
        if type(fact) is ValuesReported:
            return fact
        if type(fact) is MeterRead:
            fold = self._minutes.get(fact.meter)
            if fold is None:
                fold = self._minutes[fact.meter] = MinuteFold(fact.meter)
            return fold.add(fact)
        return None

    def _rows(self, fact: Fact) -> Sequence[Statement]:
        """Rows for the site's file."""
        if type(fact) is StatusReported and self._is_repeated(fact):
            return (status_row(fact),)
        rows = ROWS.get(type(fact))
        if rows is None:
            return ()
        made = rows(fact)
        if type(fact) is ClockBegun or type(fact) is ClockCorrected:
            self._time_doubted = fact.source is None
        elif self._time_doubted and (type(fact) is TransactionStarted or type(fact) is TransactionStopped):
            return (*made, doubted(fact.transaction_id))
        return made

    def _is_repeated(self, fact: StatusReported) -> bool:
        key = (fact.charge_point, fact.connector)
        said = (fact.status, fact.error_code, fact.info)
        if self._statuses.get(key) == said:
            return True
        self._statuses[key] = said
        return False

    def _expect(self, new: Sequence[Fact]) -> int:
        """Let transactions be found from now on; returns the highest id that begins, 0 if none does."""
        starts = 0
        for fact in new:
            if type(fact) is TransactionStarted:
                self._transactions.started(fact)
                starts = max(starts, fact.transaction_id)
            elif type(fact) is TransactionStopped:
                self._transactions.stopped(fact)
        return starts

    def _forget(self, failed: Sequence[Fact]) -> None:
        for fact in failed:
            if isinstance(fact, TransactionStarted):
                self._transactions.start_failed(fact)
            elif isinstance(fact, TransactionStopped):
                self._transactions.stop_failed(fact)
            elif isinstance(fact, StatusReported):
                self._statuses.pop((fact.charge_point, fact.connector), None)


class Store:
    """The open disk. Implements :class:`chargemon_edge.control.keeping.Keeping`."""

    def __init__(
        self,
        *,
        journal: Journal,
        restored: Restored,
        outbox: Outbox,
        history: History,
        measured: MeasuredHistory,
        commands: UpstreamCommands,
        backups: Backups,
        reader: Reader,
        writer: Writer | RefusingWriter,
        upkeep: Callable[[], object],
        redatings: deque[tuple[str, Redating]],
        release: Callable[[], None],
        directory: Path,
        clock: Clock,
    ) -> None:
        self.journal = journal
        self.restored = restored
        self.outbox = outbox
        self.history = history
        self.measured = measured
        self.commands = commands
        self._backups = backups
        self._reader = reader
        self._writer = writer
        self._upkeep = upkeep
        # what the next upkeep begins with, oldest first
        self._redatings = redatings
        self._release = release
        self._directory = directory
        self._clock = clock
        self._opened_s = clock.monotonic_s()
        # broken files that lie there
        self._put_aside = put_aside(directory)
        self._closed = False

    @property
    def trouble(self) -> str | None:
        """What is wrong with the disk, in words; None while rows are written."""
        return self._writer.trouble

    def alive(self, within_s: float = 30.0) -> bool:
        """For the watchdog: whether the writer stands and no flush takes longer than *within_s*."""
        return self._writer.alive(within_s)

    def standing(self) -> StoreStanding:
        """How the disk stands now."""
        known = self._backups.known
        return StoreStanding(
            trouble=self.trouble or self._backups.broken,
            last_backup=known[0] if known else None,
            backup_trouble=self._backups.trouble,
            put_aside=self._put_aside,
        )

    def backups(self) -> list[BackupRecord]:
        """Those that are there, newest first."""
        return self._backups.known

    async def back_up(self, reason: str) -> BackupRecord:
        """Make one now; raises :class:`chargemon_edge.control.keeping.BackupError`."""
        return await self._backups.make(reason)

    def redate(self, fact: ClockCorrected) -> None:
        """Put the dates right of what was recorded while the time was not known; soon, and tried until it is done."""
        if fact.doubted_since_utc_ms is not None and fact.by_ms != 0:
            one = Redating(since_utc_ms=fact.doubted_since_utc_ms, until_utc_ms=fact.before_utc_ms, by_ms=fact.by_ms)
            self._redatings.extend((("samples", one), ("site", one)))
            self._writer.upkeep(self._upkeep)

    async def erase(self, id_tag: str) -> Erased:
        """Leave no byte of *id_tag* in the records and backups. Raises BackupError or OSError."""
        rows = await self._writer.errand(lambda site: erase(site, id_tag))
        try:
            record = await self._backups.make("asked")
        except BackupError as error:
            raise BackupError(f"erased from the records, but the backups still hold it: {error}") from error
        deleted = self._backups.keep_only(record)
        return Erased(rows=rows, backups_deleted=deleted, may_remain=former(self._directory))

    def start(self, rooms: asyncio.TaskGroup) -> None:
        """Its upkeep, and a backup a day, in *rooms*."""
        rooms.create_task(self.run(), name="store")
        rooms.create_task(self._backups.run(), name="backups")

    async def run(self) -> None:
        """Upkeep until cancelled.

        Raises StoreError when a start could mend what this run cannot, and what has ended the writer: a bug of ours.
        """
        while True:
            try:
                async with asyncio.timeout(UPKEEP_S):
                    await self._writer.watch()
            except TimeoutError:
                self._put_aside = put_aside(self._directory)
                broken = self._writer.broken or self._backups.broken
                if broken is not None and self._clock.monotonic_s() > self._opened_s + BROKEN_AFTER_S:
                    raise StoreError(broken) from None
                self._writer.upkeep(self._upkeep)

    def close(self, *, flush: bool = True) -> None:
        """Write what waits and close the files; *flush* false drops what waits, as a crash would.

        Blocks until the disk has it. A second call does nothing. Raises :class:`StoreError` if the disk hangs.
        """
        if self._closed:
            return
        self._closed = True
        self._backups.close()
        self._reader.close()
        if flush:
            self.journal.finish_minutes()
        self._writer.close(flush=flush)
        self._release()


def open_store(
    settings: StoreSettings,
    clock: Clock,
    *,
    inline: bool,
    before_flush: Callable[[], None] | None = None,
    resume: Callable[[RestoredClock], None] = lambda _: None,
    may_age: Callable[[], bool] = lambda: True,
) -> Store:
    """Open both files in ``settings.directory``, bring them to the newest schema and read the first picture.

    *inline*: no thread, and the kernel decides when bytes reach the disk: for virtual time, where no power fails.
    *before_flush* is called on the writer before each flush; tests break or slow the disk with it.
    *resume* is told what the disk knows of the time, before anything is dated; nothing is deleted for its age unless
    *may_age* says so.
    On a disk that cannot be written the store only reads, and refuses whatever must last.
    Raises :class:`StoreError` when the directory cannot be used.
    """
    directory = Path(settings.directory)
    files = open_files(settings, clock, resume, flush=not inline)
    writer: Writer | RefusingWriter
    upkeep: Callable[[], object]
    redatings: deque[tuple[str, Redating]] = deque()
    if files.written is None:
        writer = RefusingWriter(directory, files.why or "")
        upkeep = _nothing
        settings = structs.replace(settings, backup_hours=0)
    else:
        site, samples, reserve, high_water = files.written
        disk = Disk(directory, site, samples, reserve, high_water, _hook(settings, before_flush))
        writer = Writer(disk, settings, clock, inline=inline)
        retention = Retention(settings, site, samples)
        upkeep = partial(
            _keep_house, disk, redatings, retention, settings, lambda: clock.utc_ms() if may_age() else None
        )
    reader = Reader(files.connect, inline=inline)
    return Store(
        journal=Journal(writer, files.transactions),
        restored=files.restored,
        outbox=Outbox(reader, files.epochs, writer.follow),
        history=History(reader),
        measured=MeasuredHistory(reader),
        commands=UpstreamCommands(reader),
        backups=Backups(directory, settings, clock, partial(files.connect, "site"), inline=inline),
        reader=reader,
        writer=writer,
        upkeep=upkeep,
        redatings=redatings,
        # the reading connection first: the last to close copies the log into the file and removes it
        release=files.close,
        directory=directory,
        clock=clock,
    )


def _keep_house(
    disk: Disk,
    redatings: deque[tuple[str, Redating]],
    retention: Retention,
    settings: StoreSettings,
    utc_ms: Callable[[], int | None],
) -> None:
    """On the writer. What cannot be put right now is tried again."""
    while redatings:
        disk.redate(*redatings[0])
        redatings.popleft()
    disk.keep_house(retention, utc_ms(), settings.free_min_percent)


def _hook(settings: StoreSettings, before_flush: Callable[[], None] | None) -> Callable[[], None]:
    if before_flush is not None:
        return before_flush
    if settings.flush_delay_s > 0:
        return lambda: time.sleep(settings.flush_delay_s)
    return _nothing


def _nothing() -> None:
    pass
