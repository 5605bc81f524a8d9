"""The id tags that are known: records that operators keep, and those of the configuration. Lives on the event loop.

A record wins over the configuration: who blocks a card at night need not edit a file. Without its record a tag is again
what the configuration says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from chargemon_edge.site import card_facts
from chargemon_edge.site.cards import IdTag, key_of
from chargemon_edge.site.facts import Fact

Source = Literal["record", "configuration"]

KINDS = (card_facts.IdTagPut, card_facts.IdTagRemoved)


class KnownTag(msgspec.Struct, frozen=True):
    """An id tag and where it is written."""

    tag: IdTag
    source: Source
    configured: IdTag | None = None
    """What the configuration says of the same tag, when a record stands before it."""


class IdTags:
    """Follows the facts of :data:`KINDS`."""

    def __init__(self, configured: Iterable[IdTag] = (), records: Iterable[IdTag] = ()) -> None:
        self._configured = {key_of(tag.id_tag): tag for tag in configured}
        self._records = {key_of(tag.id_tag): tag for tag in records}

    def replace_configured(self, configured: Iterable[IdTag]) -> None:
        """The configuration has these from now on."""
        self._configured = {key_of(tag.id_tag): tag for tag in configured}

    def folded(self, fact: Fact) -> None:
        """A record was made, replaced or removed."""
        if isinstance(fact, card_facts.IdTagPut):
            self._records[key_of(fact.tag.id_tag)] = fact.tag
        elif isinstance(fact, card_facts.IdTagRemoved):
            self._records.pop(key_of(fact.id_tag), None)

    def find(self, key: str) -> KnownTag | None:
        """What is known under this key (:func:`chargemon_edge.site.cards.key_of`)."""
        configured = self._configured.get(key)
        record = self._records.get(key)
        if record is not None:
            return KnownTag(record, "record", configured)
        return None if configured is None else KnownTag(configured, "configuration")

    def tag(self, key: str) -> IdTag | None:
        """What is in force under this key."""
        return self._records.get(key) or self._configured.get(key)

    def known(self) -> list[KnownTag]:
        """All of them, by tag."""
        return [found for key in sorted({*self._records, *self._configured}) if (found := self.find(key)) is not None]

    @property
    def records(self) -> int:
        """How many records there are."""
        return len(self._records)

    def tags(self) -> Iterable[IdTag]:
        """What is in force, in no order."""
        return {**self._configured, **self._records}.values()
