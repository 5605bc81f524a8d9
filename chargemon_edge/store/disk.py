"""The writing side: takes one batch after the other to the two files. Runs on the writer alone; knows no event loop.

A batch is one transaction in each file. If the disk refuses, nothing of it is reported as written. If one row is at
fault, the others are written without it: one charger's nonsense never costs another's transaction.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from chargemon_edge.site.facts import ValuesReported
from chargemon_edge.store.clock_rows import Redating, redating
from chargemon_edge.store.database import mark_broken
from chargemon_edge.store.errors import StoreError, is_broken_file, is_disk_trouble, is_full
from chargemon_edge.store.high_water import HighWater
from chargemon_edge.store.many import write_many
from chargemon_edge.store.reserve import Reserve
from chargemon_edge.store.retention import Retention
from chargemon_edge.store.rows import runs
from chargemon_edge.store.samples import READING, Sample, packed, readings
from chargemon_edge.store.sql_transaction import transaction
from chargemon_edge.store.statement import Statement

log = logging.getLogger(__name__)

# Between checkpoints a page that changes often is written to the log again and again, but to the file only once: the
# rarer, the less flash wears. 250 groups of samples are 42 minutes and about 2 MB of log.
CHECKPOINT_COMMITS = 250
CHECKPOINT_ROWS = 10_000
# what a start leaves in the log
LEFT_MAX_BYTES = 256 * 1024
# once a minute so often, while room is short: some ten milliseconds each
SLICES_WHEN_SHORT = 10


Done = Callable[[Exception | None], None]


class Entry(msgspec.Struct, eq=False):
    """Statements that belong together, and who waits for them."""

    statements: Sequence[Statement]
    samples: Sequence[Sample]
    """For the samples' file; durable before the statements are."""
    done: Done
    urgent: bool
    """Closes a running transaction: may use the room that the reserve held."""
    starts: int
    """The highest transaction id that begins with it; 0: none."""
    error: Exception | None = None
    """Set by the writer: why it is not durable."""


class Errand:
    """Work on the site's file for somebody who waits for its outcome."""

    __slots__ = ("done", "outcome", "work")

    def __init__(self, work: Callable[[sqlite3.Connection], int], done: Callable[[int | Exception], None]) -> None:
        self.work = work
        self.done = done
        # set by the writer
        self.outcome: int | Exception = StoreError("the store is closed")


class Batch:
    """What goes to disk together."""

    __slots__ = ("entries", "errands", "rows", "rows_kept", "samples", "samples_kept", "trouble", "work")

    def __init__(
        self,
        rows: list[Sequence[Statement]],
        entries: list[Entry],
        samples: list[Sample],
        work: Callable[[], object] | None = None,
        errands: Sequence[Errand] = (),
    ) -> None:
        # nobody waits for these; all or none of each group
        self.rows = rows
        self.entries = entries
        self.samples = samples
        # upkeep, done after all else
        self.work = work
        self.errands = errands
        # set by the writer: not written, to be tried again
        self.rows_kept = False
        self.samples_kept = False
        # set by the writer: what is wrong with the disk after this batch; None: nothing
        self.trouble: str | None = None


class _File:
    """One connection, and how much it has written since its last checkpoint."""

    def __init__(self, connection: sqlite3.Connection, before_flush: Callable[[], None]) -> None:
        self.connection = connection
        self._before_flush = before_flush
        # what a killed process left in the log is copied soon: were every life short, the log would grow for ever, and
        # each start reads all of it
        self._commits = CHECKPOINT_COMMITS if _log_bytes(connection) > LEFT_MAX_BYTES else 0
        self._rows = 0

    def transact(self, run: Callable[[], None]) -> None:
        """Call *run* inside one transaction; raises what it or the commit raises, and nothing is written then."""
        before = self.connection.total_changes
        with transaction(self.connection):
            run()
            self._before_flush()
        self._commits += 1
        self._rows += self.connection.total_changes - before

    def execute(self, statements: Iterable[Statement]) -> None:
        """Run them in order."""
        for statement in statements:
            self.connection.execute(statement.sql, statement.parameters)

    def execute_or_undo(self, statements: Sequence[Statement]) -> Exception | None:
        """Run them inside the open transaction, or leave no trace of them and say why. Disk trouble is raised."""
        self.connection.execute("SAVEPOINT entry")
        try:
            self.execute(statements)
        except Exception as error:
            if is_disk_trouble(error):
                raise
            self.connection.execute("ROLLBACK TO entry")
            self.connection.execute("RELEASE entry")
            return error
        self.connection.execute("RELEASE entry")
        return None

    def tidy(self) -> None:
        """Copy the log into the file when it has grown enough."""
        if self._commits >= CHECKPOINT_COMMITS or self._rows >= CHECKPOINT_ROWS:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Copy the log into the file, so that the log is written from its beginning again."""
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._commits = self._rows = 0


def _reading(parameters: tuple[Any, ...]) -> Statement:
    return Statement(READING, parameters)


def _log_bytes(connection: sqlite3.Connection) -> int:
    (path,) = (row[2] for row in connection.execute("PRAGMA database_list") if row[1] == "main")
    with contextlib.suppress(FileNotFoundError):
        return Path(f"{path}-wal").stat().st_size
    return 0


class Disk:
    """Both files and the reserve. After the start only the writer touches it."""

    def __init__(
        self,
        directory: Path,
        site: sqlite3.Connection,
        samples: sqlite3.Connection,
        reserve: Reserve,
        high_water: HighWater,
        before_flush: Callable[[], None],
    ) -> None:
        self._directory = directory
        self._high_water = high_water
        self._site = _File(site, before_flush)
        self._samples = _File(samples, before_flush)
        self._reserve = reserve
        # the disk is full: the reserve is spent, only what closes transactions is written
        self._full = not reserve.held
        self._site_trouble: str | None = self._full_in_words() if self._full else None
        self._samples_trouble: str | None = None
        # a file turned out to be broken; what will mend it
        self.broken: str | None = None

    @property
    def trouble(self) -> str | None:
        """What is wrong with it, in words; None: nothing."""
        return self._site_trouble or self._samples_trouble

    def write(self, batch: Batch) -> None:
        """Write *batch* and note in it what became of each part."""
        if self._full and self._reserve.take():
            self._full = False
        if self._full:
            self._keep_samples(batch)
            self._write_urgent_only(batch)
        else:
            self._write_samples(batch)
            self._write_site(batch)
        for errand in batch.errands:
            try:
                errand.outcome = errand.work(self._site.connection)
            except (sqlite3.Error, StoreError) as error:
                errand.outcome = error
        if batch.work is not None:
            self._upkeep(batch.work)
        batch.trouble = self.trouble

    def tidy(self) -> None:
        """Checkpoints, when due. Trouble with them shows at the next write."""
        for file in (self._site, self._samples):
            try:
                file.tidy()
            except sqlite3.Error as error:
                log.warning("checkpoint failed why=%r", str(error))

    # --- the site's file

    def _write_site(self, batch: Batch) -> None:
        entries = [entry for entry in batch.entries if entry.error is None]
        if not batch.rows and not any(entry.statements for entry in entries):
            return
        try:
            self._write_entries(entries, batch.rows)
        except Exception as error:
            if not is_disk_trouble(error):
                raise
            batch.rows_kept = True
            self._refused(batch, error)
        else:
            self._site_trouble = None

    def _write_entries(self, entries: list[Entry], rows: Sequence[Sequence[Statement]] = ()) -> None:
        """All in one transaction. An entry at fault gets its error, a row at fault goes. Raises only disk trouble."""
        # an id must be below the mark before anybody is told of it
        self._high_water.reach(max((entry.starts for entry in entries), default=0))
        try:
            self._site.transact(lambda: self._together([*rows, *[entry.statements for entry in entries]]))
        except Exception as error:
            if is_disk_trouble(error):
                raise
            self._site.transact(lambda: self._one_by_one(entries, rows))

    def _together(self, groups: list[Sequence[Statement]]) -> None:
        for sql, run in runs(groups):
            write_many(self._site.connection, sql, run)

    def _one_by_one(self, entries: list[Entry], rows: Sequence[Sequence[Statement]]) -> None:
        for group in rows:
            self._alone(group)
        for entry in entries:
            entry.error = self._alone(entry.statements)

    def _alone(self, group: Sequence[Statement]) -> Exception | None:
        error = self._site.execute_or_undo(group)
        if error is not None:
            # no traceback: a charge point's nonsense must not flood the log
            what = group[0].sql.split("(")[0].strip()
            log.error("row refused by the database what=%r why=%r", what, str(error))
        return error

    def _refused(self, batch: Batch, error: Exception) -> None:
        """The disk took nothing: free the reserve if it is full, and let no waiter believe otherwise."""
        if is_full(error):
            self._full = True
            self._reserve.release()
            self._site_trouble = self._full_in_words()
            self._write_urgent_only(batch)
            return
        self._site_trouble = self._unwritten("site", error)
        self._fail([entry for entry in batch.entries if entry.error is None], error)

    def _write_urgent_only(self, batch: Batch) -> None:
        batch.rows_kept = True
        urgent = [entry for entry in batch.entries if entry.urgent and entry.error is None]
        others = [entry for entry in batch.entries if not entry.urgent and entry.error is None]
        self._fail(others, StoreError("the disk is full"))
        if not urgent:
            return
        try:
            # the log must not grow: what little room there is would be gone after a few transactions
            self._site.checkpoint()
            self._write_entries(urgent)
        except Exception as error:
            if not is_disk_trouble(error):
                raise
            self._fail(urgent, error)

    def _full_in_words(self) -> str:
        return (
            "disk full: no new transactions are accepted, running ones can still end; "
            f"free some space on the file system of {self._directory}"
        )

    def _unwritten(self, schema: str, error: Exception) -> str:
        """What is wrong, in words; a file that is broken is left to the next start."""
        path = self._directory / f"{schema}.db"
        if not is_broken_file(error):
            return f"cannot write {path}: {error}"
        self.broken = f"{path} is damaged ({error}): the next start puts it aside and goes on with the newest backup"
        with contextlib.suppress(OSError):
            mark_broken(self._directory, schema)
        return self.broken

    @staticmethod
    def _fail(entries: list[Entry], error: Exception) -> None:
        for entry in entries:
            entry.error = error

    # --- the samples' file

    def _write_samples(self, batch: Batch) -> None:
        wanted = [entry for entry in batch.entries if entry.samples]
        rows = [*batch.samples, *(row for entry in wanted for row in entry.samples)]
        if not rows:
            return
        try:
            try:
                self._samples.transact(lambda: self._samples_together(rows))
            except Exception as error:
                if is_disk_trouble(error):
                    raise
                self._samples.transact(lambda: self._samples_one_by_one(rows))
        except Exception as error:
            if not is_disk_trouble(error):
                raise
            self._samples_trouble = self._unwritten("samples", error)
            self._keep_samples(batch)
            self._fail([entry for entry in wanted if not entry.urgent], error)
        else:
            self._samples_trouble = None

    @staticmethod
    def _keep_samples(batch: Batch) -> None:
        """They wait for room, those of an ending transaction too: its stop must not wait for them."""
        batch.samples_kept = True
        batch.samples.extend(row for entry in batch.entries if entry.urgent for row in entry.samples)

    def _samples_together(self, rows: list[Sample]) -> None:
        values = [row for row in rows if isinstance(row, ValuesReported)]
        if len(values) < len(rows):
            self._samples.execute(row for row in rows if isinstance(row, Statement))
        if values:
            write_many(self._samples.connection, READING, readings(values))
            # the payloads' row must follow the last reading
            self._samples.execute((packed(values),))

    def _samples_one_by_one(self, rows: list[Sample]) -> None:
        for row in rows:
            group = [row] if isinstance(row, Statement) else [*map(_reading, readings([row])), packed([row])]
            error = self._samples.execute_or_undo(group)
            if error is not None:
                log.error("sample refused by the database why=%r", str(error))

    # --- upkeep

    def _upkeep(self, work: Callable[[], object]) -> None:
        try:
            work()
        except (sqlite3.Error, OSError) as error:
            # known trouble has had its line
            if self._site_trouble is None and self._samples_trouble is None:
                log.warning("upkeep of the database failed why=%r", str(error))

    def redate(self, schema: str, one: Redating) -> None:
        """Put the dates of one file's rows right. Raises :class:`sqlite3.Error`, and then nothing was changed."""
        file = self._site if schema == "site" else self._samples
        file.transact(lambda: file.execute(redating(schema, one)))

    def keep_house(self, retention: Retention, utc_ms: int | None, free_min_percent: int) -> None:
        """A slice of what is too old goes; the reserve is taken if it is missing and there is room.

        Without *utc_ms* nobody knows how old anything is: only what is too much goes.
        """
        for _ in range(SLICES_WHEN_SHORT):
            usage = shutil.disk_usage(self._directory)
            short = usage.free * 100 < usage.total * free_min_percent
            retention.slice(utc_ms, disk_is_short=short)
            if not short or not retention.give_back():
                break
        if not self._full:
            self._reserve.take()
