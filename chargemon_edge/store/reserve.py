"""A file that holds room free on the disk. Deleting it is the last way to close running transactions on a full one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


class Reserve:
    """The reserve file of one directory. Used by the writer only."""

    def __init__(self, directory: Path, size_bytes: int) -> None:
        self._path = directory / "reserve"
        self._size_bytes = size_bytes

    @property
    def held(self) -> bool:
        """Whether the file has its whole size now."""
        try:
            return self._path.stat().st_size >= self._size_bytes
        except OSError:
            return False

    def take(self) -> bool:
        """Make the file if there is room for it and as much again; whether it is held now."""
        if self.held:
            return True
        if shutil.disk_usage(self._path.parent).free < 2 * self._size_bytes:
            return False
        try:
            with self._path.open("wb") as file:
                # written, not only sized: a hole would hold no room
                os.posix_fallocate(file.fileno(), 0, self._size_bytes)
                os.fsync(file.fileno())
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Give the room back to the disk."""
        self._path.unlink(missing_ok=True)
