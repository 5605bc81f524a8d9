"""Hides id tags in what leaves the box, wherever they stand: in columns of their own, in JSON, within sentences."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable

from chargemon_edge.log import masked

# a shorter one is hidden only where its member says what it is: "12" stands in many sentences
SHORTEST_IN_TEXT = 4
_MEMBER = re.compile(r'("(?:parent_?|stop_?)?id_?tag(?:_?value)?"\s*:\s*)"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_COLUMNS = (
    ("charging_transaction", "id_tag"),
    ("charging_transaction", "stop_id_tag"),
    ("id_tag", "id_tag"),
    ("id_tag", "parent_id_tag"),
    ("reservation", "id_tag"),
    ("reservation", "parent_id_tag"),
)


def tags_in(site: sqlite3.Connection) -> set[str]:
    """Every id tag that the site's file knows by a column or by an event."""
    found = {
        tag
        for table, column in _COLUMNS
        for (tag,) in site.execute(f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL")  # noqa: S608 - names of ours
    }
    query = "SELECT DISTINCT json_extract(body, '$.id_tag') FROM event WHERE json_extract(body, '$.id_tag') IS NOT NULL"
    found.update(str(tag) for (tag,) in site.execute(query))
    return {tag for tag in found if tag}


class TagMask:
    """Knows the tags to hide; two different ones stay different."""

    def __init__(self, tags: Iterable[str]) -> None:
        self._shown: dict[str, str] = {}
        taken: dict[str, int] = {}
        for key, tag in sorted({tag.strip().lower(): tag for tag in tags}.items()):
            short = masked(tag)
            taken[short] = taken.get(short, 0) + 1
            self._shown[key] = short if taken[short] == 1 else f"{short} ({taken[short]})"
        long = sorted((key for key in self._shown if len(key) >= SHORTEST_IN_TEXT), key=len, reverse=True)
        self._in_text = re.compile("|".join(map(re.escape, long)), re.IGNORECASE) if long else None

    def tag(self, tag: str | None) -> str | None:
        """What is a tag and nothing else."""
        if not tag:
            return tag
        return self._shown.get(tag.strip().lower()) or masked(tag)

    def text(self, text: str | None) -> str | None:
        """A sentence or JSON in which tags may stand."""
        if text is None:
            return None
        text = _MEMBER.sub(lambda found: f'{found[1]}"{self.tag(found[2])}"', text)
        if self._in_text is None:
            return text
        return self._in_text.sub(lambda found: self._shown[found[0].lower()], text)


class NoMask(TagMask):
    """Hides nothing."""

    def __init__(self) -> None:
        super().__init__(())

    def tag(self, tag: str | None) -> str | None:
        """As it is."""
        return tag

    def text(self, text: str | None) -> str | None:
        """As it is."""
        return text
