"""Opens the two files: pragmas, migrations, and what to do with one that is broken. Writes nothing else."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from chargemon_edge.control.keeping import BackupError
from chargemon_edge.store.backup import make, records
from chargemon_edge.store.errors import StoreError, is_broken_file, is_full, primary_code
from chargemon_edge.store.migrations import migrate, scripts
from chargemon_edge.store.put_back import move_aside, put_back

log = logging.getLogger(__name__)

# the whole check of a larger file would hold up each start: it is made when there is a reason to
CHECK_MAX_BYTES = 16 * 1024 * 1024
CHECK_MAX_S = 15.0
# whichever file it names was found broken while it was in use
_MARK = "check-at-start"
_STEPS = 100_000
# a change of schema itself needs some room
_BEFORE_FREE_BYTES = 4 * 1024 * 1024


class Database(NamedTuple):
    """One open file."""

    connection: sqlite3.Connection
    fresh: bool
    """It was empty when it was opened."""
    broken: Path | None
    """Where its broken predecessor was put, if there was one."""
    backup: Path | None = None
    """The backup that took that one's place."""


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

    A broken file is moved aside to ``<schema>.db.corrupt.<time>``. In the place of ``site.db`` comes the newest backup
    that is good, also when the file is missing; where there is none a fresh one is begun. *flush* false leaves it to
    the kernel when bytes reach the disk. Raises :class:`StoreError`.
    """
    path = directory / f"{schema}.db"
    opening = _Opening(path, schema, page_bytes, flush=flush, utc_ms=utc_ms)
    try:
        broken: Path | None = None
        if path.exists():
            try:
                connection, fresh = opening.open()
                if not (fresh and schema == "site" and records(directory)):
                    return Database(connection, fresh, None)
                connection.close()
                why = "it is empty although there are backups of it"
            except sqlite3.DatabaseError as error:
                if not is_broken_file(error):
                    raise
                why = str(error)
            broken = move_aside(path, "corrupt", utc_ms)
            log.error("database broken file=%s why=%r moved_to=%s", path, why, broken)
        elif path.with_name(path.name + "-wal").exists():
            # the log of a file that is gone must not be taken for that of the new one
            move_aside(path, "corrupt", utc_ms)
        backup = _newest_good(directory, utc_ms) if schema == "site" else None
        connection, fresh = opening.open()
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"cannot open {path}: {error}; {advice(error, directory)}") from error
    if backup is not None:
        log.error("database restored file=%s from=%s: what came after that backup is not known here", path, backup)
    elif broken is not None:
        log.error("database begun anew file=%s", path)
    return Database(connection, fresh, broken, backup)


def _newest_good(directory: Path, utc_ms: int) -> Path | None:
    """Put the newest backup that can be used into the place of ``site.db``; which one, or None."""
    for record in records(directory):
        try:
            put_back(directory, Path(record.path), utc_ms=utc_ms)
        except BackupError as error:
            log.error("backup passed over: %s", error)
        else:
            return Path(record.path)
    return None


def put_aside(directory: Path) -> tuple[str, ...]:
    """The names of the files that were found broken and still lie in *directory*."""
    return _named(directory, "*.db.corrupt.*")


def former(directory: Path) -> tuple[str, ...]:
    """The names of all databases that were put aside, by us or by a person's restore."""
    return tuple(sorted((*put_aside(directory), *_named(directory, "*.db.replaced.*"))))


def _named(directory: Path, pattern: str) -> tuple[str, ...]:
    try:
        found = [path.name for path in directory.glob(pattern)]
    except OSError:
        return ()
    return tuple(sorted(name for name in found if not name.endswith(("-wal", "-shm"))))


def mark_broken(directory: Path, schema: str) -> None:
    """Let the next start read the whole of ``<schema>.db`` before it trusts it. Raises OSError."""
    (directory / f"{_MARK}-{schema}").touch()


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A second connection that cannot write: only one may, or SQLite before 3.51.3 may spoil the file."""
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, timeout=1.0)
    connection.execute("PRAGMA cache_size = -512")
    return connection


def connect_at_rest(path: Path) -> sqlite3.Connection:
    """To read a file that nobody writes, without leaving one of ours beside it; it wants ``locking_mode = EXCLUSIVE``.

    SQLite reads a log so only where it need not lock the files and may keep the log's index in memory, and without a
    log only what is said to be immutable: nobody writes, so both are sound.
    """
    log_file = path.with_name(path.name + "-wal")
    how = "vfs=unix-none" if log_file.exists() and log_file.stat().st_size else "immutable=1"
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro&{how}", uri=True, isolation_level=None, check_same_thread=False
    )


def open_unwritable(path: Path, schema: str) -> sqlite3.Connection:
    """To read what lies on a disk that cannot be written, with what a crash has left in its log.

    What cannot be read is replaced by an empty database in memory; one of an older schema by a copy in memory that is
    brought to the newest.
    """
    newest = max(scripts(schema))
    if path.exists():
        found = connect_at_rest(path)
        try:
            found.execute("PRAGMA locking_mode = EXCLUSIVE")
            found.execute("PRAGMA cache_size = -512")
            (version,) = found.execute("PRAGMA user_version").fetchone()
            if version == newest:
                return found
            if 0 < version < newest and path.stat().st_size <= CHECK_MAX_BYTES:
                copy = _in_memory()
                found.backup(copy)
                migrate(copy, schema)
                found.close()
                return copy
            why = f"it has schema {version}"
        except sqlite3.Error as error:
            why = str(error)
        found.close()
        log.error("database cannot be read file=%s why=%r: nothing of it is known", path, why)
    empty = _in_memory()
    migrate(empty, schema)
    return empty


def _in_memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


class _Opening(NamedTuple):
    """How one file is opened."""

    path: Path
    schema: str
    page_bytes: int
    flush: bool
    utc_ms: int

    def open(self) -> tuple[sqlite3.Connection, bool]:
        """The connection, and whether the file was empty; raises what SQLite raises for a broken one."""
        mark = self.path.with_name(f"{_MARK}-{self.schema}")
        unclean = self.path.with_name(self.path.name + "-wal").exists()
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=1.0)
        try:
            self._set_up(connection)
            if mark.exists() or (self.schema == "site" and unclean) or self.path.stat().st_size <= CHECK_MAX_BYTES:
                _check(connection, self.path)
            elif self.schema == "samples" and connection.execute("PRAGMA user_version").fetchone()[0]:
                # the end, where rows are added, must be sound; a broken page further back costs only those who read it
                connection.execute(
                    "SELECT total(energy_wh) FROM (SELECT energy_wh FROM reading ORDER BY number DESC LIMIT 2000)"
                ).fetchone()
            fresh = migrate(connection, self.schema, before=self._back_up)
            mark.unlink(missing_ok=True)
        except BaseException:
            connection.close()
            raise
        return connection, fresh

    def _set_up(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA page_size = {self.page_bytes}")
        if self.schema == "samples" and connection.execute("PRAGMA page_count").fetchone()[0] == 0:
            # what is thinned out on a short disk can be given back, a little at a time
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if self.flush else 'OFF'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -1024")
        connection.execute("PRAGMA temp_store = MEMORY")
        if self.schema == "site":
            # what is deleted there may name people: nothing of it stays behind in the file
            connection.execute("PRAGMA secure_delete = ON")
        # checkpoints are the writer's own, after the waiters have their answer
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        # a log that a rush has made larger is cut back to this
        connection.execute(f"PRAGMA journal_size_limit = {8 * 1024 * 1024}")

    def _back_up(self, connection: sqlite3.Connection, present: int, newest: int) -> None:
        """Before the change of schema; the change itself does not wait for a disk that has no room for this."""
        if self.schema != "site":
            return
        directory = self.path.parent
        try:
            made = make(
                connection,
                directory,
                reason=f"before-{newest}",
                utc_ms=self.utc_ms,
                free_min_bytes=_BEFORE_FREE_BYTES,
                flush=self.flush,
            )
        except BackupError as error:
            log.error("no backup before the change of schema from=%d to=%d: %s", present, newest, error)
        else:
            log.info("backup made name=%s before the change of schema from=%d to=%d", made.name, present, newest)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Read the whole file, for as long as a start may take; raises :class:`sqlite3.DatabaseError` if it is broken."""
    until_s = time.monotonic() + CHECK_MAX_S
    connection.set_progress_handler(lambda: int(time.monotonic() > until_s), _STEPS)
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if primary_code(error) != sqlite3.SQLITE_INTERRUPT:
            raise
        log.warning("database not checked to its end file=%s within_s=%d", path, CHECK_MAX_S)
        return
    finally:
        connection.set_progress_handler(None, 0)
    if verdict != "ok":
        broken = sqlite3.DatabaseError(verdict)
        broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise broken


def advice(error: BaseException, directory: Path) -> str:
    """What to do about *error*, for the person who reads the log."""
    if is_full(error) or shutil.disk_usage(directory).free < 256 * 1024:
        return f"the disk is full: free some space on the file system of {directory}"
    if not os.access(directory, os.W_OK) or primary_code(error) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return f"{directory} cannot be written: check its owner, and whether the file system is mounted read-only"
    return "check the disk; the kernel's log may say more"
