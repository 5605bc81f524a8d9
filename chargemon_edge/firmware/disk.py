"""The directory of files: drafts that become files only when they are whole and durable. Must never follow a name that
came from outside.

A disk can take seconds for what memory does at once, so everything that touches it runs on one thread beside the loop
(in virtual time: at once).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

Result = TypeVar("Result")
_DRAFT = re.compile(r"draft-[0-9a-f]{16}")
_SETTLE_BYTES = 8_000_000
_NAME = re.compile(r"[0-9a-f]{1,64}")


class DiskFullError(OSError):
    """No room is left for a file: the disk is full, or what is left belongs to the databases."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.ENOSPC, why)
        self.why = why


class Kept(msgspec.Struct, frozen=True):
    """A file that is whole and durable."""

    size_bytes: int
    sha256: str


class Disk:
    """*free_min_percent* of the disk are left to the databases whatever comes."""

    def __init__(self, directory: Path, *, free_min_percent: int, inline: bool = False) -> None:
        self._directory = directory
        self._free_min_percent = free_min_percent
        self._inline = inline
        self._thread: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do *work*, which may take as long as the disk does. It is waited for even when whoever asked goes away."""
        if self._inline:
            return work()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="files")
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    def close(self) -> None:
        """Wait for what is being done."""
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None

    def path(self, folder: str, name: str) -> Path:
        """Where a file lies; its name is a digest or a number."""
        assert _NAME.fullmatch(name)
        return self._directory / folder / name

    def prepare(self, *folders: str) -> None:
        """Make the folders, and remove drafts that a former run has left. Raises OSError."""
        for folder in folders:
            place = self._directory / folder
            place.mkdir(mode=0o750, parents=True, exist_ok=True)
            for one in place.iterdir():
                if _DRAFT.fullmatch(one.name):
                    one.unlink(missing_ok=True)

    def sizes(self, folder: str) -> dict[str, int]:
        """The files of a folder by name."""
        with contextlib.suppress(FileNotFoundError):
            return {one.name: one.stat().st_size for one in (self._directory / folder).iterdir()}
        return {}

    def room_for(self, count: int) -> bool:
        """Whether *count* bytes more leave the databases what is theirs."""
        try:
            usage = shutil.disk_usage(self._directory)
        except OSError:
            return False
        return usage.free - count >= usage.total * self._free_min_percent // 100

    async def draft(self, folder: str) -> Draft:
        """A file that is not one yet. Raises OSError."""
        name = f"draft-{os.urandom(8).hex()}"
        return await self.run(lambda: Draft(self, self._directory / folder / name))

    async def remove(self, folder: str, name: str) -> None:
        """Remove a file; it may be gone already. Raises OSError."""
        path = self.path(folder, name)
        await self.run(lambda: path.unlink(missing_ok=True))


class Draft:
    """Bytes on their way to a file. End it with :meth:`keep` or :meth:`discard`."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        # how much of it is on the disk for sure
        self._settled_bytes = 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640)
        self._file: BinaryIO = os.fdopen(descriptor, "wb", buffering=0)

    async def write(self, data: bytes) -> None:
        """Add *data*. Raises DiskFullError, OSError."""
        await self._disk.run(lambda: self._write(data))

    def _write(self, data: bytes) -> None:
        if not self._disk.room_for(len(data)):
            raise DiskFullError("what is left of the disk is kept for the databases")
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._file.write(rest) :]
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise DiskFullError("the disk is full") from error
                raise
        self._digest.update(data)
        self.size_bytes += len(data)
        if self.size_bytes - self._settled_bytes >= _SETTLE_BYTES:
            self._settle()

    def _settle(self) -> None:
        """Have what was written leave memory: the service may have little, and who dirties too much of it is held."""
        os.fdatasync(self._file.fileno())
        os.posix_fadvise(self._file.fileno(), 0, self.size_bytes, os.POSIX_FADV_DONTNEED)
        self._settled_bytes = self.size_bytes

    async def finish(self) -> Kept:
        """Everything is there: make it durable, under its draft's name still. Raises OSError."""
        return await self._disk.run(self._finish)

    def _finish(self) -> Kept:
        os.fsync(self._file.fileno())
        self._file.close()
        return Kept(self.size_bytes, self._digest.hexdigest())

    async def keep(self, folder: str, name: str) -> None:
        """After :meth:`finish`: it is a file now, called *name*. Raises OSError."""
        path = self._disk.path(folder, name)
        await self._disk.run(lambda: self._keep(path))

    def _keep(self, path: Path) -> None:
        self._path.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    async def discard(self) -> None:
        """It will not be one; after :meth:`keep` this does nothing."""
        await self._disk.run(self._discard)

    def _discard(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
