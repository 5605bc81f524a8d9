"""``backup`` and ``restore``: the site's records, copied away and put back."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from chargemon_edge.command_line.verb import EXIT_FAILED, EXIT_OK, EXIT_USAGE, Verb, add_socket, asking

DEFAULT_DIRECTORY = Path("/var/lib/chargemon-edge")
# a large database on a slow card, read twice and written once
_BACKUP_TIMEOUT_S = 600.0
_COPY = "restore.part"


def _backup_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?", help="copy it there as well; it holds the site's keys")
    add_socket(parser)


def _backup(chosen: Namespace) -> int:
    from chargemon_edge.web import client

    made = client.make_backup(chosen.socket, timeout_s=_BACKUP_TIMEOUT_S)
    print(f"{made.path}: made and checked, {made.size_bytes / 1e6:.1f} MB")
    if chosen.file is None:
        return EXIT_OK
    try:
        _copy_privately(Path(made.path), chosen.file)
    except OSError as error:
        print(f"chargemon-edge: cannot copy it to {chosen.file}: {error.strerror}", file=sys.stderr)
        return EXIT_FAILED
    print(f"{chosen.file}: copied; it holds the site's keys and password hashes: keep it where only you can read it")
    return EXIT_OK


def _copy_privately(source: Path, target: Path) -> None:
    """Whole or not at all, for its owner alone."""
    draft = target.with_name(f"{target.name}.part")
    try:
        with source.open("rb") as read:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as written:
                shutil.copyfileobj(read, written, 1024 * 1024)
                written.flush()
                os.fsync(written.fileno())
        draft.replace(target)
    except FileExistsError:
        raise
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def add_directory(parser: ArgumentParser) -> None:
    """For commands that work on the files themselves: where they are."""
    parser.add_argument(
        "--directory", type=Path, default=DEFAULT_DIRECTORY, help="the daemon's data (default: %(default)s)"
    )


def _restore_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", help="a backup, or: latest")
    add_directory(parser)


def _restore(chosen: Namespace) -> int:
    from chargemon_edge.control.keeping import BackupError
    from chargemon_edge.store.errors import StoreError
    from chargemon_edge.store.migrations import scripts
    from chargemon_edge.store.offline import restore_backup

    # read while nothing is out of reach yet
    scripts("site")
    wanted = None if chosen.file == "latest" else Path(chosen.file)
    try:
        with _readable_by_owner(wanted, chosen.directory) as backup, as_owner_of(chosen.directory):
            done = restore_backup(chosen.directory, backup, utc_ms=time.time_ns() // 1_000_000)
    except (BackupError, StoreError) as error:
        # whatever was read in its place, the person knows it by this name
        print(f"chargemon-edge: {str(error).replace(str(chosen.directory / _COPY), chosen.file)}", file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        print(f"chargemon-edge: {error.filename or wanted}: {error.strerror}", file=sys.stderr)
        return EXIT_FAILED
    print(f"{chosen.directory / 'site.db'} is now what {wanted or done.backup} holds")
    for path in done.put_aside:
        print(f"what was there before is kept as {path}")
    print("start the daemon with: systemctl start chargemon-edge.socket chargemon-edge.service")
    return EXIT_OK


@contextlib.contextmanager
def _readable_by_owner(wanted: Path | None, directory: Path) -> Iterator[Path | None]:
    """*wanted*, or a copy in *directory* when its owner may not read where it lies."""
    if wanted is None or os.geteuid() != 0:
        yield wanted
        return
    copy = directory / _COPY
    copy.unlink(missing_ok=True)
    _copy_privately(wanted, copy)
    try:
        owner = directory.stat()
        os.chown(copy, owner.st_uid, owner.st_gid, follow_symlinks=False)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


@contextlib.contextmanager
def as_owner_of(directory: Path) -> Iterator[None]:
    """Let root do what follows as the user that owns *directory*: what is made there must be the daemon's to use."""
    if os.geteuid() != 0:
        yield
        return
    owner = directory.stat()
    group = os.getegid()
    mask = os.umask(0o077)
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.umask(mask)


def _export_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="to make; with --csv a folder")
    parser.add_argument("--csv", action="store_true", help="one CSV file for each table instead of one of SQLite")
    parser.add_argument("--with-tags", action="store_true", help="id tags and card names as they are, not masked")
    add_directory(parser)


def _export(chosen: Namespace) -> int:
    from chargemon_edge.store.errors import StoreError
    from chargemon_edge.store.offline import write_export

    draft = chosen.file.with_name(f"{chosen.file.name}.part")
    mask = os.umask(0o077)
    try:
        if chosen.file.exists():
            raise FileExistsError(errno.EEXIST, "is there already; name another one", str(chosen.file))
        counts = write_export(
            chosen.directory,
            draft,
            as_owner_of(chosen.directory),
            as_csv=chosen.csv,
            with_tags=chosen.with_tags,
        )
        draft.replace(chosen.file)
    except StoreError as error:
        print(f"chargemon-edge: {error}", file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        print(f"chargemon-edge: {error.filename or chosen.file}: {error.strerror}", file=sys.stderr)
        return EXIT_FAILED
    finally:
        os.umask(mask)
    for name, count in counts.items():
        print(f"{name:<20} {count:>9}")
    print(
        f"{chosen.file}: id tags as they are: personal data" if chosen.with_tags else f"{chosen.file}: id tags masked"
    )
    return EXIT_OK


def _erase_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id_tag", help="of the card")
    add_socket(parser)


def _erase(chosen: Namespace) -> int:
    from chargemon_edge.web import client

    done = client.erase_id_tag(chosen.socket, chosen.id_tag, timeout_s=_BACKUP_TIMEOUT_S)
    print(f"erased from {done.rows} rows; a new backup was made and {done.backups_deleted} older ones were deleted")
    for name in done.may_remain:
        print(f"{name} may still hold it: delete it when nobody needs it any more")
    print("copies that were made elsewhere are yours to look after")
    return EXIT_OK


def _wipe_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="really; nothing can be brought back")
    add_directory(parser)


def _wipe(chosen: Namespace) -> int:
    from chargemon_edge.store.errors import StoreError
    from chargemon_edge.store.offline import wipe

    if not chosen.yes:
        print(
            f"chargemon-edge: this deletes all records, backups and keys in {chosen.directory}; say so with --yes",
            file=sys.stderr,
        )
        return EXIT_USAGE
    try:
        with as_owner_of(chosen.directory):
            gone = wipe(chosen.directory)
    except StoreError as error:
        print(f"chargemon-edge: {error}", file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        print(f"chargemon-edge: {error.filename}: {error.strerror}", file=sys.stderr)
        return EXIT_FAILED
    print(f"{gone} files in {chosen.directory} were overwritten and deleted; the settings in /etc are as they were")
    return EXIT_OK


VERBS = (
    Verb("export", "the site's records as a SQLite file or as CSV, for people", _export_arguments, _export),
    Verb("backup", "make a backup now, and copy it to FILE if one is named", _backup_arguments, asking(_backup)),
    Verb("erase", "forget a card: its bytes leave all records and backups", _erase_arguments, asking(_erase)),
    Verb("wipe", "delete all records, backups and keys (stop the daemon first)", _wipe_arguments, _wipe),
    Verb(
        "restore",
        "put a backup in the place of the site's records (stop the daemon first)",
        _restore_arguments,
        _restore,
    ),
)
