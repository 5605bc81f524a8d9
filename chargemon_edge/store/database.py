"""Opens the two files: pragmas, migrations, and what to do with one that is broken. Writes nothing else."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from chargemon_edge.store.errors import StoreError, is_broken_file, is_full, primary_code
from chargemon_edge.store.migrations import migrate

log = logging.getLogger(__name__)

# the whole check of a larger file would hold up the start
CHECK_MAX_BYTES = 16 * 1024 * 1024


class Database(NamedTuple):
    """One open file."""

    connection: sqlite3.Connection
    fresh: bool
    """It was empty when it was opened."""
    broken: Path | None
    """Where its broken predecessor was put, if there was one."""


def lock(directory: Path) -> int:
    """Make *directory* if it is missing and keep every other process out of it, until the returned descriptor closes.

    Raises :class:`StoreError`.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o750)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(
            f"cannot use {directory}: {error.strerror}; "
            "create it and give it to the user the daemon runs as, or name another directory"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(
            f"another process uses {directory}: two daemons would spoil each other's records; stop the other one"
        ) from error
    return descriptor


def open_database(directory: Path, schema: str, *, page_bytes: int, flush: bool, utc_ms: int) -> Database:
    """Open ``<schema>.db`` for writing, at the newest schema.

    A broken file is moved aside to ``<schema>.db.corrupt.<time>`` and a fresh one begun. *flush* false leaves it to
    the kernel when bytes reach the disk. Raises :class:`StoreError`.
    """
    path = directory / f"{schema}.db"
    broken: Path | None = None
    try:
        try:
            connection, fresh = _open_sound(path, schema, page_bytes=page_bytes, flush=flush)
        except sqlite3.DatabaseError as error:
            if not is_broken_file(error):
                raise
            broken = _move_aside(path, utc_ms)
            log.error("database broken file=%s why=%r moved_to=%s: a fresh one is begun", path, str(error), broken)
            connection, fresh = _open_sound(path, schema, page_bytes=page_bytes, flush=flush)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"cannot open {path}: {error}; {advice(error, directory)}") from error
    return Database(connection, fresh, broken)


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A second connection that cannot write: only one may, or SQLite before 3.51.3 may spoil the file."""
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, timeout=1.0)
    connection.execute("PRAGMA cache_size = -512")
    return connection


def _open_sound(path: Path, schema: str, *, page_bytes: int, flush: bool) -> tuple[sqlite3.Connection, bool]:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
    try:
        connection.execute(f"PRAGMA page_size = {page_bytes}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if flush else 'OFF'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -1024")
        connection.execute("PRAGMA temp_store = MEMORY")
        if schema == "site":
            # what is deleted there may name people: nothing of it stays behind in the file
            connection.execute("PRAGMA secure_delete = ON")
        # checkpoints are the writer's own, after the waiters have their answer
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        # a log that a rush has made larger is cut back to this
        connection.execute(f"PRAGMA journal_size_limit = {8 * 1024 * 1024}")
        fresh = migrate(connection, schema)
        if path.stat().st_size <= CHECK_MAX_BYTES:
            _check(connection)
        elif schema == "samples":
            # the end, where rows are added, must be sound; a broken page further back only costs those who read it
            connection.execute(
                "SELECT total(energy_wh) FROM (SELECT energy_wh FROM reading ORDER BY number DESC LIMIT 2000)"
            ).fetchone()
    except BaseException:
        connection.close()
        raise
    return connection, fresh


def _check(connection: sqlite3.Connection) -> None:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        error = sqlite3.DatabaseError(verdict)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _move_aside(path: Path, utc_ms: int) -> Path:
    stamp = datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.corrupt.{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.corrupt.{stamp}.{number}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def advice(error: BaseException, directory: Path) -> str:
    """What to do about *error*, for the person who reads the log."""
    if is_full(error) or shutil.disk_usage(directory).free < 256 * 1024:
        return f"the disk is full: free some space on the file system of {directory}"
    if not os.access(directory, os.W_OK) or primary_code(error) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return f"{directory} cannot be written: check its owner, and whether the file system is mounted read-only"
    return "check the disk; the kernel's log may say more"
