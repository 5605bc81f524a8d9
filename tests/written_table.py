"""A table in a document that is written from the code: between two comments that say so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec


class WrittenTable(msgspec.Struct, frozen=True):
    """Where it stands and what it says."""

    document: Path
    begin: str
    end: str
    table: Callable[[], str]
    """In Markdown, as it should be now."""

    def written(self, text: str) -> str:
        """The document's *text* with the table as it should be."""
        before, _, rest = text.partition(self.begin)
        _, _, after = rest.partition(self.end)
        return f"{before}{self.begin}\n\n{self.table()}\n\n{self.end}{after}"

    def write(self) -> None:
        """Into the document."""
        self.document.write_text(self.written(self.document.read_text()))
