"""Charging profiles by a human name, to be used again and again; the handle is the wire's chargingProfileId.

What is stored here is a template: which charge point was given it, and holds it, only that charge point knows.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from chargemon_edge.control.durable import make_durable
from chargemon_edge.control.ports import Clock, Journal, RestoredOperations, moment
from chargemon_edge.control.present import Present
from chargemon_edge.ocpp.v16.messages import ChargingProfile
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.operation_facts import ChargingProfileRemoved, ChargingProfileStored

PROFILES_MAX = 500


class NamedProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One of them, and who wrote it."""

    fact: ChargingProfileStored
    profile: ChargingProfile


class ChargingProfiles:
    """The named profiles now. Lives on the event loop."""

    def __init__(self, present: Present, journal: Journal, clock: Clock, restored: RestoredOperations) -> None:
        self._present = present
        self._journal = journal
        self._clock = clock
        self._next_id = restored.next_profile_id
        self._named: dict[str, NamedProfile] = {}
        # of names whose first profile is on its way to the disk: two writers get the same id
        self._ids: dict[str, int] = {}
        for fact in restored.profiles:
            self._folded(fact)
        present.follow(self._folded, (ChargingProfileStored, ChargingProfileRemoved))

    def known(self) -> list[NamedProfile]:
        """All, by name."""
        return [self._named[name] for name in sorted(self._named)]

    def named(self, name: str) -> NamedProfile | None:
        """The one of that name."""
        return self._named.get(name)

    @property
    def by_name(self) -> Mapping[str, ChargingProfile]:
        """What goes out for each name."""
        return {name: named.profile for name, named in self._named.items()}

    def refusal(self, name: str) -> str | None:
        """Why no profile of that name can be stored now; None: it can."""
        if name not in self._named and len(self._named) >= PROFILES_MAX:
            return f"there are {PROFILES_MAX} charging profiles already; remove one first"
        return None

    async def store(self, name: str, profile: ChargingProfile, by: str) -> Exception | None:
        """Write *profile* under *name*, with the id that belongs to the name: the one it has, or one never used.

        Returns why it could not be made durable; then what was there before stays in force.
        """
        profile = replace(profile, charging_profile_id=self._id_of(name))
        fact = ChargingProfileStored(
            at=moment(self._clock),
            name=name,
            profile_id=profile.charging_profile_id,
            body=msgspec.json.encode(profile).decode(),
            by=by,
        )
        return await make_durable(self._journal, self._present, [fact])

    async def remove(self, known: NamedProfile, by: str) -> Exception | None:
        """Forget it; its id is never given again."""
        fact = ChargingProfileRemoved(
            at=moment(self._clock), name=known.fact.name, profile_id=known.fact.profile_id, by=by
        )
        return await make_durable(self._journal, self._present, [fact])

    def _id_of(self, name: str) -> int:
        if name not in self._ids:
            self._ids[name] = self._next_id
            self._next_id += 1
        return self._ids[name]

    def _folded(self, fact: Fact) -> None:
        if isinstance(fact, ChargingProfileStored):
            profile = msgspec.json.decode(fact.body, type=ChargingProfile)
            self._named[fact.name] = NamedProfile(fact=fact, profile=profile)
            self._ids[fact.name] = fact.profile_id
        elif isinstance(fact, ChargingProfileRemoved):
            self._named.pop(fact.name, None)
            self._ids.pop(fact.name, None)
