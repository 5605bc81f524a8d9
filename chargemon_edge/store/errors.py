"""What goes wrong with a disk, in words that say what to do."""

from __future__ import annotations

import errno
import sqlite3

# primary result codes (sqlite.org/rescode.html) that speak of the disk or the file, not of the row being written
_DISK_CODES = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
_BROKEN_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class StoreError(Exception):
    """The disk cannot do what is asked; the text says why and what helps."""


def primary_code(error: BaseException) -> int | None:
    """SQLite's primary result code of *error*; None if SQLite itself did not refuse."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def is_disk_trouble(error: BaseException) -> bool:
    """Whether the disk failed, so that any other row would have failed too."""
    return primary_code(error) in _DISK_CODES or isinstance(error, OSError)


def is_full(error: BaseException) -> bool:
    """Whether the disk has no room left."""
    return primary_code(error) == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


def is_broken_file(error: BaseException) -> bool:
    """Whether the file is no sound database."""
    return primary_code(error) in _BROKEN_CODES


def in_words(error: BaseException) -> str:
    """What SQLite or the kernel says of *error*, without numbers and paths."""
    return getattr(error, "strerror", None) or str(error)
