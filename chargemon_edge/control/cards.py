"""Everything about cards, built together: who may charge, teach-in, reservations, charge points' own lists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chargemon_edge.control.authorisation import Authorisation, AuthorisationSettings
from chargemon_edge.control.configuration_plan import AsRead
from chargemon_edge.control.durable import make_durable
from chargemon_edge.control.id_tags import IdTags
from chargemon_edge.control.local_lists import LocalLists
from chargemon_edge.control.ports import ChargePoints, Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.control.reservations import Reservations
from chargemon_edge.control.teach_in import TeachIn
from chargemon_edge.site.card_facts import IdTagPut, IdTagRemoved
from chargemon_edge.site.cards import NO_RULES, IdTag, RestoredCards, TagRules


class Cards:
    """What the requests of charge points, the API and operations ask about cards."""

    def __init__(
        self,
        settings: AuthorisationSettings,
        present: Present,
        charge_points: ChargePoints,
        journal: Journal,
        clock: Clock,
        restored: RestoredCards,
        *,
        rules_of: Callable[[str], TagRules] = lambda _charge_point: NO_RULES,
        keys: Callable[[str], AsRead] = lambda _charge_point: AsRead(),
    ) -> None:
        self._present = present
        self._journal = journal
        self._clock = clock
        self.teach_in = TeachIn(present=present, journal=journal, clock=clock)
        self.reservations = Reservations(present=present, journal=journal, clock=clock, restored=restored.reservations)
        self.authorisation = Authorisation(
            settings,
            present=present,
            teach_in=self.teach_in,
            reservations=self.reservations,
            records=restored.id_tags,
            rules_of=rules_of,
        )
        self.local_lists = LocalLists(
            present=present,
            charge_points=charge_points,
            journal=journal,
            clock=clock,
            id_tags=self.authorisation.id_tags,
            enabled=settings.local_lists,
            restored=restored.local_lists,
            revoked_utc_ms=restored.revoked_utc_ms,
            keys=keys,
        )

    @property
    def id_tags(self) -> IdTags:
        """The cards that are known."""
        return self.authorisation.id_tags

    async def put(self, tag: IdTag, by: str) -> Exception | None:
        """Write the record of *tag*, durable before this returns; or why it could not be."""
        put = IdTagPut(at=moment(self._clock), tag=tag, by=by)
        return await make_durable(self._journal, self._present, [put])

    async def remove(self, id_tag: str, by: str) -> Exception | None:
        """Take the record of *id_tag* away, durable before this returns; or why it could not be."""
        removed = IdTagRemoved(at=moment(self._clock), id_tag=id_tag, by=by)
        return await make_durable(self._journal, self._present, [removed])

    def replace(self, settings: AuthorisationSettings) -> None:
        """Answer, and keep lists, by these settings from now on; records stay."""
        before = list(self.authorisation.id_tags.tags())
        self.authorisation.replace(settings)
        self.local_lists.replace(settings.local_lists, before)

    async def run(self) -> None:
        """End reservations in their time and keep the lists, until cancelled."""
        async with asyncio.TaskGroup() as running:
            running.create_task(self.reservations.run(), name="reservations")
            running.create_task(self.local_lists.run(), name="local lists")
