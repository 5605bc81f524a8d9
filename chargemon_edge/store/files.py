"""Opens what lies in the state directory, whatever it is like: sound, broken, full, or not to be written at all.

A disk that cannot be written is no reason to leave a site alone: its records are read then and none is written.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from chargemon_edge import __version__
from chargemon_edge.control.ports import Clock, Restored, RestoredClock, moment
from chargemon_edge.control.upstream_records import Epochs
from chargemon_edge.site.facts import Moment, SecurityEvent
from chargemon_edge.store.database import (
    Database,
    advice,
    lock,
    mark_broken,
    open_database,
    open_for_reading,
    open_unwritable,
)
from chargemon_edge.store.errors import StoreError, is_broken_file
from chargemon_edge.store.high_water import HighWater
from chargemon_edge.store.outbox import begin_epoch, known_epochs
from chargemon_edge.store.reserve import Reserve
from chargemon_edge.store.restore import restore
from chargemon_edge.store.restore_clock import restore_clock
from chargemon_edge.store.rows import ROWS
from chargemon_edge.store.settings import StoreSettings
from chargemon_edge.store.transactions import Transactions

log = logging.getLogger(__name__)

SITE_PAGE_BYTES = 4096
# a group of ten seconds touches few pages: small ones spare flash
SAMPLES_PAGE_BYTES = 1024
# opening takes so much for SQLite's own files, and for the first rows
OPENING_BYTES = 512 * 1024


Resume = Callable[[RestoredClock], None]
Time = tuple[Clock, Resume]


class Written(NamedTuple):
    """The writer's: nobody else may use it."""

    site: sqlite3.Connection
    samples: sqlite3.Connection
    reserve: Reserve
    high_water: HighWater


class Files(NamedTuple):
    """The open directory."""

    restored: Restored
    epochs: Epochs
    transactions: Transactions
    connect: Callable[[str], sqlite3.Connection]
    """Another connection to ``site`` or ``samples`` that cannot write."""
    written: Written | None
    """None: the disk cannot be written."""
    why: str | None
    """Why it cannot."""
    close: Callable[[], None]


def open_files(settings: StoreSettings, clock: Clock, resume: Resume, *, flush: bool) -> Files:
    """Open both databases in the settings' directory. Raises :class:`StoreError` if even reading makes no sense.

    *resume* is told what the disk knows of the time, before anything is dated by *clock*.
    """
    directory = Path(settings.directory)
    descriptor = lock(directory)
    with ExitStack() as opened:
        opened.callback(os.close, descriptor)
        why = unwritable(directory)
        if why is None:
            try:
                with ExitStack() as writing:
                    files = _open_written(settings, descriptor, (clock, resume), writing, flush=flush)
                    opened.push(writing.pop_all())
                    return files._replace(close=opened.pop_all().close)
            except StoreError as error:
                if not has_no_room(directory):
                    raise
                why = str(error)
        log.error("store read only: %s", why)
        files = _open_unwritten(directory, (clock, resume), why, opened)
        return files._replace(close=opened.pop_all().close)
    raise AssertionError("unreachable: nothing here swallows an exception")


def _resumed(time: Time, site: sqlite3.Connection, samples: sqlite3.Connection) -> Moment:
    """Now, by a clock that knows what the disk knows."""
    clock, resume = time
    resume(restore_clock(site, samples))
    return moment(clock)


def unwritable(directory: Path) -> str | None:
    """Why nothing can be written in *directory*, as far as can be told without trying; None: it can."""
    for path in (directory, directory / "site.db", directory / "samples.db"):
        if not os.access(path, os.W_OK) and (path == directory or path.exists()):
            return f"{path} cannot be written: check its owner, and whether the file system is mounted read-only"
    return None


def has_no_room(directory: Path) -> bool:
    """Whether too little of the disk is free to open the databases."""
    return shutil.disk_usage(directory).free < OPENING_BYTES


def _open_written(settings: StoreSettings, descriptor: int, time: Time, opened: ExitStack, *, flush: bool) -> Files:
    directory = Path(settings.directory)
    reserve = Reserve(directory, settings.reserve_kb * 1024)
    if has_no_room(directory):
        # running transactions must be able to end, and for that the files must open
        reserve.release()
    high_water = HighWater(directory)
    site, samples, restored = _databases(directory, time, high_water, opened, flush=flush)
    now = restored.picture.started
    reserve.take()
    try:
        epochs = begin_epoch(site.connection, now.utc_ms, __version__)
        _tell_what_was_lost(site, now)
        # a new file is durable only with its directory
        os.fsync(descriptor)
        reading = open_for_reading(directory / "site.db")
        opened.callback(reading.close)
        transactions = Transactions(reading, now)
        transactions.load_recent()
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"cannot use {directory}: {error}; {advice(error, directory)}") from error
    return Files(
        restored=restored,
        epochs=epochs,
        transactions=transactions,
        connect=lambda database: open_for_reading(directory / f"{database}.db"),
        written=Written(site.connection, samples.connection, reserve, high_water),
        why=None,
        close=_nothing,
    )


def _databases(
    directory: Path, time: Time, high_water: HighWater, opened: ExitStack, *, flush: bool
) -> tuple[Database, Database, Restored]:
    """Both, and what they say; one that breaks while it is read is looked through, and opened once more."""

    def take(closed_after: ExitStack) -> tuple[Database, Database, Restored]:
        utc_ms = time[0].utc_ms()
        site = open_database(directory, "site", page_bytes=SITE_PAGE_BYTES, flush=flush, utc_ms=utc_ms)
        closed_after.callback(site.connection.close)
        samples = open_database(directory, "samples", page_bytes=SAMPLES_PAGE_BYTES, flush=flush, utc_ms=utc_ms)
        closed_after.callback(samples.connection.close)
        fresh, mark, now = site.fresh, high_water.mark, _resumed(time, site.connection, samples.connection)
        return site, samples, restore(site.connection, samples.connection, now, site_is_fresh=fresh, ids_below=mark)

    try:
        try:
            with ExitStack() as tried:
                found = take(tried)
                opened.push(tried.pop_all())
                return found
        except sqlite3.DatabaseError as error:
            if not is_broken_file(error):
                raise
            # a large file is not read whole at each start: now it must be
            log.error("database broken why=%r: both files are read whole", str(error))
        for schema in ("site", "samples"):
            mark_broken(directory, schema)
        return take(opened)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"cannot use {directory}: {error}; {advice(error, directory)}") from error


def _tell_what_was_lost(site: Database, now: Moment) -> None:
    """A security event, durable before anything else is."""
    if site.broken is None and site.backup is None:
        return
    lost = "site.db was missing" if site.broken is None else f"site.db was damaged and is now {site.broken.name}"
    if site.backup is None:
        event, told = "database begun anew", f"{lost}; there was no backup: an empty one was begun"
    else:
        event, told = "database restored", f"{lost}; the backup {site.backup.name} has taken its place"
    fact = SecurityEvent(at=now, event=event, source="this machine", detail=told)
    for statement in ROWS[SecurityEvent](fact):
        site.connection.execute(statement.sql, statement.parameters)


def _open_unwritten(directory: Path, time: Time, why: str, opened: ExitStack) -> Files:
    """What can be read, and empty databases in memory for what cannot."""

    def connect(database: str) -> sqlite3.Connection:
        return open_unwritable(directory / f"{database}.db", database)

    try:
        site, samples = connect("site"), connect("samples")
        opened.callback(site.close)
        opened.callback(samples.close)
        now = _resumed(time, site, samples)
        restored = restore(site, samples, now)
        transactions = Transactions(site, now)
        transactions.load_recent()
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"cannot use {directory}: {error}; {advice(error, directory)}") from error
    return Files(
        restored=restored,
        epochs=known_epochs(site),
        transactions=transactions,
        connect=connect,
        written=None,
        why=why,
        close=_nothing,
    )


def _nothing() -> None:
    pass
