"""A number beside the database: every transaction id that was ever used is below it, whatever becomes of the database.

One small durable write for some hundred transactions. When a lost file is replaced by an older copy or by an empty one,
ids go on from here, also on a box whose clock has begun anew in 1970.
"""

from __future__ import annotations

import os
from pathlib import Path

from chargemon_edge.store.backup import sync
from chargemon_edge.store.numbers import NUMBER_MAX

# of the int32 that chargers keep ids in, each loss of a database skips at most so many
SPARE = 500
NUMBERS_FILE = "numbers"


class HighWater:
    """Used by the writer only, once it is open."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NUMBERS_FILE
        self.mark = read(directory)

    def reach(self, transaction_id: int) -> None:
        """Let the mark be above *transaction_id*; durable on return. Raises OSError."""
        if transaction_id < self.mark:
            return
        mark = min(transaction_id + SPARE, NUMBER_MAX)
        draft = self._path.with_suffix(".new")
        with draft.open("w", encoding="utf-8") as file:
            file.write(f"{mark}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        sync(self._path.parent)
        self.mark = mark


def read(directory: Path) -> int:
    """The mark on disk; 0 if there is none that can be read."""
    try:
        text = (directory / NUMBERS_FILE).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return 0
    return int(text) if text.isdigit() and int(text) <= NUMBER_MAX else 0
