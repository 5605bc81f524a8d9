"""What the command line does to the files itself: changes while no daemon uses them, reading at any time."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from chargemon_edge.control.keeping import BackupError
from chargemon_edge.store.backup import check, kept_files, records, sync
from chargemon_edge.store.database import lock, open_for_reading
from chargemon_edge.store.errors import StoreError
from chargemon_edge.store.high_water import NUMBERS_FILE
from chargemon_edge.store.put_back import move_aside, put_back
from chargemon_edge.store.tag_mask import tags_in

_WIPED_AT_ONCE = 1024 * 1024


class Restored(NamedTuple):
    """What was done."""

    backup: Path
    put_aside: tuple[Path, ...]
    """What was there before."""


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Keep the daemon out meanwhile. Raises :class:`StoreError` while it runs."""
    if not directory.is_dir():
        raise StoreError(f"there is no directory {directory}; name the daemon's with --directory")
    try:
        descriptor = lock(directory)
    except StoreError as error:
        raise StoreError(f"{error} (systemctl stop chargemon-edge.socket chargemon-edge.service)") from None
    try:
        yield
    finally:
        os.close(descriptor)


def restore_backup(directory: Path, backup: Path | None, *, utc_ms: int) -> Restored:
    """Put *backup* (None: the newest good one) in the place of ``site.db``, and its keys in the place of the box's.

    What was there is kept beside. Raises :class:`BackupError` or :class:`StoreError`; nothing has changed then.
    """
    with alone(directory):
        chosen = _newest(directory) if backup is None else backup
        check(chosen, thoroughly=True)
        aside = [] if not (directory / "site.db").exists() else [move_aside(directory / "site.db", "replaced", utc_ms)]
        for file in kept_files(chosen):
            path = directory / file.path
            if path.exists() and path.read_bytes() != file.content:
                aside.append(move_aside(path, "replaced", utc_ms))
        try:
            put_back(directory, chosen, utc_ms=utc_ms)
        except BackupError:
            for path in aside:
                _move_back(path)
            raise
    return Restored(chosen, tuple(aside))


def wipe(directory: Path) -> int:
    """Overwrite and delete whatever the daemon has kept, but for the mark of ids; how many files those were.

    What a memory card keeps behind its own back cannot be reached from here. Raises :class:`StoreError` and OSError.
    """
    with alone(directory):
        files = [path for path in sorted(directory.rglob("*")) if path.is_file() and not path.is_symlink()]
        doomed = [path for path in files if path != directory / NUMBERS_FILE]
        for path in doomed:
            with path.open("r+b") as file:
                size = os.fstat(file.fileno()).st_size
                for start in range(0, size, _WIPED_AT_ONCE):
                    file.write(bytes(min(_WIPED_AT_ONCE, size - start)))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        for folder in sorted((path for path in directory.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        sync(directory)
    return len(doomed)


def write_export(
    directory: Path, target: Path, as_owner: AbstractContextManager[None], *, as_csv: bool, with_tags: bool
) -> dict[str, int]:
    """Write the records in *directory* to *target*: a SQLite file, or a folder of CSV files; rows by table.

    The files are opened within *as_owner*: what SQLite makes beside them must be the daemon's to use. Raises
    :class:`StoreError` and OSError; nothing is left of *target* then.
    """
    # half a second that only this command needs
    from chargemon_edge.store.export import Export

    with contextlib.ExitStack() as opened:
        try:
            sources = []
            with as_owner:
                for name in ("site", "samples"):
                    source = open_for_reading(directory / f"{name}.db")
                    opened.callback(source.close)
                    # opens its log, too
                    source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                    sources.append(source)
            export = Export(*sources, with_tags=with_tags)
            if as_csv:
                target.mkdir()
                return export.to_csv(target)
            return export.to_sqlite(target)
        except BaseException as error:
            _remove(target)
            if isinstance(error, sqlite3.Error):
                raise StoreError(f"{directory} could not be exported: {error}") from error
            raise


def look_for_support(directory: Path, as_owner: AbstractContextManager[None]) -> tuple[set[str], str]:
    """All id tags that the records know, so that they can be hidden, and what there is of records, in words."""
    lines, tags = [], set()
    with as_owner:
        try:
            lines += [
                f"{path.stat().st_size:>12} {path.relative_to(directory)}" for path in sorted(directory.rglob("*"))
            ]
        except OSError as error:
            lines.append(f"{directory}: {error.strerror}")
        for name in ("site", "samples"):
            try:
                with contextlib.closing(open_for_reading(directory / f"{name}.db")) as found:
                    (version,) = found.execute("PRAGMA user_version").fetchone()
                    lines.append(f"{name}.db: schema {version}")
                    for (table,) in found.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                        (count,) = found.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - its own name
                        lines.append(f"{count:>12} rows in {table}")
                    if name == "site":
                        tags = tags_in(found)
            except sqlite3.Error as error:
                lines.append(f"{name}.db: {error}")
    return tags, "\n".join(lines) + "\n"


def _remove(target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def _newest(directory: Path) -> Path:
    for record in records(directory):
        with contextlib.suppress(BackupError):
            check(Path(record.path), thoroughly=True)
            return Path(record.path)
    raise BackupError(f"there is no backup in {directory} that can be used")


def _move_back(aside: Path) -> None:
    name = aside.name.partition(".replaced.")[0]
    for suffix in ("", "-wal", "-shm"):
        part = aside.with_name(aside.name + suffix)
        if part.exists():
            part.rename(aside.with_name(name + suffix))
