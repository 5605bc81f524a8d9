"""Charging profiles by a human name, to be used again and again; the handle is the wire's chargingProfileId.

What is stored here is a template: which charge point was given it, and holds it, only that charge point knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from chargemon_edge.ocpp.v16.messages import ChargingProfile
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.operation_facts import ChargingProfileRemoved, ChargingProfileStored

KINDS: tuple[type[Fact], ...] = (ChargingProfileStored, ChargingProfileRemoved)


class ChargingProfiles:
    """The named profiles now; follows the facts that change them."""

    def __init__(self, stored: Iterable[ChargingProfileStored], next_id: int) -> None:
        self._by_name: dict[str, ChargingProfile] = {}
        self._next_id = next_id
        for fact in stored:
            self.folded(fact)

    @property
    def by_name(self) -> Mapping[str, ChargingProfile]:
        """All of them."""
        return self._by_name

    def folded(self, fact: Fact) -> None:
        """Take in one of :data:`KINDS`."""
        if isinstance(fact, ChargingProfileStored):
            self._by_name[fact.name] = msgspec.json.decode(fact.body, type=ChargingProfile)
        elif isinstance(fact, ChargingProfileRemoved):
            self._by_name.pop(fact.name, None)

    def named(self, name: str, profile: ChargingProfile) -> ChargingProfile:
        """*profile* with the id that belongs to *name*: the one it has, or one that was never used."""
        known = self._by_name.get(name)
        if known is not None:
            return replace(profile, charging_profile_id=known.charging_profile_id)
        profile = replace(profile, charging_profile_id=self._next_id)
        self._next_id += 1
        return profile
