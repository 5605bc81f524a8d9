"""A simulated charger's local authorisation list and cache (OCPP 1.6 §3.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Payload = dict[str, Any]

LIST_MAX = 100
"""Entries that it can keep."""
SENT_MAX = 20
"""Entries that it takes in one message."""


class LocalList:
    """Id tags it knows by itself: the list that it was sent, and the cache of what it was answered."""

    def __init__(self) -> None:
        self.version = 0
        self.entries: dict[str, Payload] = {}
        self.cache: dict[str, Payload] = {}

    def send(self, version: int, update_type: str, entries: Sequence[Payload]) -> str:
        """SendLocalList; the answer's status (§5.15)."""
        if len(entries) > SENT_MAX:
            return "Failed"
        if update_type == "Differential" and version <= self.version:
            return "VersionMismatch"
        after = {} if update_type == "Full" else dict(self.entries)
        for entry in entries:
            if entry.get("idTagInfo") is None:
                after.pop(entry["idTag"].casefold(), None)
            else:
                after[entry["idTag"].casefold()] = entry["idTagInfo"]
        if len(after) > LIST_MAX:
            return "Failed"
        self.entries, self.version = after, version
        return "Accepted"

    def remember(self, id_tag: str, info: Mapping[str, Any]) -> None:
        """What the central system said of a tag goes into the cache, unless the list has it (§3.5.1)."""
        if id_tag.casefold() not in self.entries:
            self.cache[id_tag.casefold()] = dict(info)

    def clear_cache(self) -> None:
        """Forget what was answered."""
        self.cache.clear()

    def status(self, id_tag: str, *, use_list: bool, use_cache: bool) -> str | None:
        """What it knows of a tag by itself; None: nothing."""
        found = self.entries.get(id_tag.casefold()) if use_list else None
        if found is None and use_cache:
            found = self.cache.get(id_tag.casefold())
        return None if found is None else str(found["status"])
