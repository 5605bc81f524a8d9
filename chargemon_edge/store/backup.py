"""A backup as a file: made beside the writer, checked, named, listed, read. Knows no event loop.

One is a SQLite file: the tables of ``site.db``, and beside them the box's own keys and settings (``kept_file``), and
when and by which release it was made (``backup``). Order is by number, never by time: a box without a clock battery
begins in 1970.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from chargemon_edge import __version__
from chargemon_edge.control.keeping import BackupError, BackupRecord
from chargemon_edge.store.errors import in_words, is_broken_file

FOLDER = "backups"
KEYS_FOLDER = "keys"
SETTINGS_FILE = "last-good.json"
# so much of the copy may wait for the disk: a commit's flush has to wait for it
UNFLUSHED_BYTES = 2 * 1024 * 1024
# SQLite asks so often how it is to go on; some milliseconds
_STEPS = 20_000
_NAME = re.compile(r"site-(\d{6,})-(\d{8}T\d{6}Z)-(daily|asked|before-\d+)\.db")
_KEPT = re.compile(rf"{KEYS_FOLDER}/[A-Za-z0-9_-]+\.pem|{re.escape(SETTINGS_FILE)}")
_STAMP = "%Y%m%dT%H%M%SZ"
_DRAFT = ".part"
# before a change of schema; the others are counted by themselves
_BEFORE = "before-"
BEFORE_KEPT = 2

_TABLES = """
CREATE TABLE backup (made_utc_ms INTEGER NOT NULL, release TEXT NOT NULL) STRICT;
CREATE TABLE kept_file (path TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
ADDED_TABLES = ("backup", "kept_file")

GoOn = Callable[[], bool]
"""Asked every few milliseconds of a copy; False gives it up."""


class SourceBrokenError(BackupError):
    """It is the database itself that cannot be read."""


class KeptFile(NamedTuple):
    """A file that is in a backup beside the tables."""

    path: str
    """From the state directory: ``keys/root-ecdsa.pem``."""
    content: bytes


def records(directory: Path) -> list[BackupRecord]:
    """The backups in *directory*'s folder, newest first."""
    return [_record(path, found) for path, found in _named(directory)]


def record_of(path: Path) -> BackupRecord | None:
    """The backup at *path*, if it is called as one."""
    found = _NAME.fullmatch(path.name)
    return None if found is None else _record(path, found)


def _record(path: Path, found: re.Match[str]) -> BackupRecord:
    made = datetime.strptime(found[2], _STAMP).replace(tzinfo=UTC)
    return BackupRecord(
        name=path.name,
        path=str(path),
        made_utc_ms=round(made.timestamp() * 1000),
        size_bytes=path.stat().st_size,
        reason=found[3],
    )


def _named(directory: Path) -> list[tuple[Path, re.Match[str]]]:
    folder = directory / FOLDER
    if not folder.is_dir():
        return []
    found = [(path, match) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    return sorted(found, key=lambda one: int(one[1][1]), reverse=True)


def make(
    source: sqlite3.Connection,
    directory: Path,
    *,
    reason: str,
    utc_ms: int,
    free_min_bytes: int,
    go_on: GoOn = lambda: True,
    flush: bool = True,
) -> BackupRecord:
    """Copy what *source* has open into *directory*'s folder; the copy is whole, checked and durable on return.

    *source* only reads. The copy is flushed a little at a time, so that nobody's commit ever waits for much of it.
    Raises :class:`BackupError`; then nothing has changed.
    """
    folder = directory / FOLDER
    copied = False
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _have_room(source, folder, free_min_bytes)
        number = 1 + max((int(match[1]) for _, match in _named(directory)), default=0)
        path = folder / f"site-{number:06d}-{stamp(utc_ms)}-{reason}.db"
        draft = path.with_name(path.name + _DRAFT)
        try:
            # made before SQLite does, for the owner alone
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            _copy(source, draft, go_on, flush=flush)
            copied = True
            _add(draft, directory, utc_ms)
            if flush:
                sync(draft)
            check(draft, thoroughly=True, go_on=go_on)
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        if flush:
            sync(folder)
    except (sqlite3.Error, OSError) as error:
        if not copied and is_broken_file(error):
            raise SourceBrokenError(f"site.db is damaged: {error}") from error
        raise BackupError(f"no backup could be made in {folder}: {in_words(error)}") from error
    found = record_of(path)
    assert found is not None
    return found


def _have_room(source: sqlite3.Connection, folder: Path, free_min_bytes: int) -> None:
    (page_bytes,) = source.execute("PRAGMA page_size").fetchone()
    (pages,) = source.execute("PRAGMA page_count").fetchone()
    left = shutil.disk_usage(folder).free - page_bytes * pages
    if left < free_min_bytes:
        raise BackupError(
            f"there is no room for a backup: it would leave {max(0, left) // 2**20} MB free on the file system of "
            f"{folder}, and {free_min_bytes // 2**20} MB are to stay free"
        )


def _copy(source: sqlite3.Connection, draft: Path, go_on: GoOn, *, flush: bool) -> None:
    with draft.open("rb") as file:
        flushed = 0

        def between() -> int:
            nonlocal flushed
            size = os.fstat(file.fileno()).st_size
            if flush and size - flushed > UNFLUSHED_BYTES:
                os.fdatasync(file.fileno())
                flushed = size
            return 0 if go_on() else 1

        source.set_progress_handler(between, _STEPS)
        try:
            source.execute("VACUUM INTO ?", (str(draft),))
        finally:
            source.set_progress_handler(None, 0)


def _add(draft: Path, directory: Path, utc_ms: int) -> None:
    with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        # a draft that breaks is thrown away: it needs no journal
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA synchronous = OFF")
        copy.executescript(f"BEGIN;{_TABLES}COMMIT;")
        copy.execute("INSERT INTO backup VALUES (?, ?)", (utc_ms, __version__))
        copy.executemany("INSERT INTO kept_file VALUES (?, ?)", _files(directory))


def _files(directory: Path) -> Iterator[KeptFile]:
    """The keys, without which charge points would not know the box's successor, and its settings as they last ran."""
    for path in sorted((directory / KEYS_FOLDER).glob("*.pem")):
        yield KeptFile(f"{KEYS_FOLDER}/{path.name}", path.read_bytes())
    settings = directory / SETTINGS_FILE
    if settings.exists():
        yield KeptFile(SETTINGS_FILE, settings.read_bytes())


def open_backup(path: Path) -> sqlite3.Connection:
    """To read, and nothing else: nobody writes to it any more. Raises :class:`sqlite3.Error`."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True, isolation_level=None)


def check(path: Path, *, thoroughly: bool, go_on: GoOn = lambda: True) -> int:
    """Read the whole of it; returns its schema's version. Raises :class:`BackupError` for one that cannot be used."""
    pragma = "integrity_check" if thoroughly else "quick_check"
    try:
        with contextlib.closing(open_backup(path)) as found:
            found.set_progress_handler(lambda: 0 if go_on() else 1, _STEPS)
            (verdict,) = found.execute(f"PRAGMA {pragma}(1)").fetchone()
            (version,) = found.execute("PRAGMA user_version").fetchone()
            named = found.execute("SELECT count(*) FROM sqlite_schema WHERE name IN ('backup', 'kept_file')").fetchone()
    except (sqlite3.Error, OSError) as error:
        raise BackupError(f"{path} cannot be used: {in_words(error)}") from error
    if verdict != "ok" or version < 1 or named[0] != len(ADDED_TABLES):
        why = "it is no backup" if verdict == "ok" else " ".join(verdict.split())
        raise BackupError(f"{path} cannot be used: {why}")
    return int(version)


def kept_files(path: Path) -> list[KeptFile]:
    """The files in the backup at *path*; only those whose path a backup of ours can have."""
    with contextlib.closing(open_backup(path)) as found:
        rows = found.execute("SELECT path, content FROM kept_file ORDER BY path").fetchall()
    return [KeptFile(*row) for row in rows if _KEPT.fullmatch(row[0])]


def drop_old(directory: Path, keep: int) -> None:
    """Delete all but the newest *keep*, of those before a change of schema all but the newest few; and old drafts."""
    found = records(directory)
    before = [one for one in found if one.reason.startswith(_BEFORE)]
    others = [one for one in found if not one.reason.startswith(_BEFORE)]
    for one in (*others[keep:], *before[min(keep, BEFORE_KEPT) :]):
        Path(one.path).unlink(missing_ok=True)


def drop_drafts(directory: Path) -> None:
    """Delete what a crash left half made."""
    with contextlib.suppress(OSError):
        for path in (directory / FOLDER).glob(f"*{_DRAFT}*"):
            path.unlink(missing_ok=True)


def stamp(utc_ms: int) -> str:
    """A moment within a file's name."""
    return datetime.fromtimestamp(utc_ms / 1000, UTC).strftime(_STAMP)


def sync(path: Path) -> None:
    """Bring a file, or what is in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
