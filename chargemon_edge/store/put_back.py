"""Puts a backup in the place of ``site.db``. Must run while nobody has the directory's databases open.

What the backup cannot know is made safe: numbers jump above all that may have been given since, and limits that charge
points held then are forgotten, so that each is counted at the most it can draw until it has its fallback again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

from chargemon_edge.control.keeping import BackupError
from chargemon_edge.store import high_water
from chargemon_edge.store.backup import ADDED_TABLES, KeptFile, check, kept_files, stamp, sync
from chargemon_edge.store.errors import in_words
from chargemon_edge.store.migrations import scripts
from chargemon_edge.store.numbers import NUMBER_MAX

# more than a busy site uses between two backups, even if many have failed
JUMP = 100_000
# event numbers follow the milliseconds; while the clock is wrong they jump by eleven days
EVENT_JUMP = 1_000_000_000


def put_back(directory: Path, backup: Path, *, utc_ms: int) -> None:
    """Let ``site.db`` be what *backup* holds; there must be no other one. Raises :class:`BackupError`.

    Key files that are missing come back, too; those that are there stay.
    """
    version = check(backup, thoroughly=False)
    newest = max(scripts("site"))
    if version > newest:
        raise BackupError(
            f"{backup} has schema {version}, this release knows up to {newest}: install the release that made it"
        )
    path = directory / "site.db"
    draft = path.with_name("site.db.part")
    try:
        files = kept_files(backup)
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        shutil.copyfile(backup, draft)
        _make_safe(draft, high_water.read(directory), utc_ms)
        sync(draft)
        draft.replace(path)
        for file in files:
            _write_missing(directory, file)
        sync(directory)
    except (sqlite3.Error, OSError) as error:
        draft.unlink(missing_ok=True)
        raise BackupError(f"{backup} could not be put back: {in_words(error)}") from error


def _make_safe(draft: Path, mark: int, utc_ms: int) -> None:
    with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        # a draft that breaks is made anew: it needs no journal
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA synchronous = OFF")
        copy.execute("PRAGMA secure_delete = ON")
        copy.execute("BEGIN")
        for table in ADDED_TABLES:
            copy.execute(f"DROP TABLE {table}")
        numbers = dict(copy.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
        for name, used in numbers.items():
            copy.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (_go_on(name, used, mark, utc_ms), name))
        if mark and "charging_transaction" not in numbers:
            copy.execute("INSERT INTO sqlite_sequence VALUES ('charging_transaction', ?)", (mark,))
        copy.execute(
            "UPDATE connector SET fail_safe_ma = NULL, held_limit_ma = NULL, held_fallback_ma = NULL, "
            "held_transaction_id = NULL, held_lease_s = NULL"
        )
        copy.execute("COMMIT")


def _go_on(table: str, used: int, mark: int, utc_ms: int) -> int:
    """The number of *table* after which there is none that may have been given."""
    if table == "event":
        return utc_ms if utc_ms > used else used + EVENT_JUMP
    if table == "charging_transaction":
        return min(max(used + JUMP, mark), NUMBER_MAX - 1)
    return used + JUMP


def _write_missing(directory: Path, file: KeptFile) -> None:
    path = directory / file.path
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(file.content)
            opened.flush()
            os.fsync(opened.fileno())
        sync(path.parent)


def move_aside(path: Path, why: str, utc_ms: int) -> Path:
    """Rename *path*, with the log that belongs to it, to ``<name>.<why>.<time>``; returns where it is now."""
    name = f"{path.name}.{why}.{stamp(utc_ms)}"
    aside = path.with_name(name)
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{name}.{number}")
    # the log first: left alone, it would be taken for that of the file that comes in this place
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
