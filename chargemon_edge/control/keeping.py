"""What is known of the disk itself and of its backups. Shapes and a port; how it is done is the store's."""

from __future__ import annotations

from typing import Protocol

import msgspec


class BackupRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of what must not be lost, whole and checked."""

    name: str
    path: str
    """On this machine."""
    made_utc_ms: int
    """By the clock of then."""
    size_bytes: int
    reason: str
    """``daily``, ``asked``, or ``before-N``: before the database was brought to schema N."""


class StoreStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How the disk stands now."""

    trouble: str | None = None
    """What is wrong with it, in words; None while rows are written."""
    last_backup: BackupRecord | None = None
    backup_trouble: str | None = None
    """Why the last try made none; None: it did, or there was none yet."""
    put_aside: tuple[str, ...] = ()
    """Files that were found broken, as long as they lie there."""


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an id tag that was to be forgotten."""

    rows: int
    """In so many its place is taken by a word."""
    backups_deleted: int
    """A new one was made first."""
    may_remain: tuple[str, ...]
    """Files that were put aside and may still hold it: for a person to delete."""


class BackupError(Exception):
    """No backup was made, or it cannot be used; the text says why."""


class Keeping(Protocol):
    """The disk, as far as people are told of it and may ask it for backups."""

    def standing(self) -> StoreStanding:
        """How it stands now."""
        ...

    def backups(self) -> list[BackupRecord]:
        """Those that are there, newest first."""
        ...

    async def back_up(self, reason: str) -> BackupRecord:
        """Make one now; raises BackupError."""
        ...

    async def erase(self, id_tag: str) -> Erased:
        """Leave no byte of it in the records and backups; raises BackupError or OSError."""
        ...
