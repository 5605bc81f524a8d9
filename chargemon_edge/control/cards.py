"""Everything about cards, built together: who may charge, teach-in, reservations."""

from __future__ import annotations

from collections.abc import Callable

from chargemon_edge.control.authorisation import Authorisation, AuthorisationSettings
from chargemon_edge.control.ports import Clock, Journal
from chargemon_edge.control.present import Present
from chargemon_edge.control.reservations import Reservations
from chargemon_edge.control.teach_in import TeachIn
from chargemon_edge.site.cards import NO_RULES, RestoredCards, TagRules


class Cards:
    """What the requests of charge points, the API and operations ask about cards."""

    def __init__(
        self,
        settings: AuthorisationSettings,
        present: Present,
        journal: Journal,
        clock: Clock,
        restored: RestoredCards,
        *,
        rules_of: Callable[[str], TagRules] = lambda _charge_point: NO_RULES,
    ) -> None:
        self.teach_in = TeachIn(present=present, journal=journal, clock=clock)
        self.reservations = Reservations(
            present=present,
            journal=journal,
            clock=clock,
            restored=restored.reservations,
        )
        self.authorisation = Authorisation(
            settings,
            present=present,
            teach_in=self.teach_in,
            reservations=self.reservations,
            records=restored.id_tags,
            rules_of=rules_of,
        )

    async def run(self) -> None:
        """End reservations in their time, until cancelled."""
        await self.reservations.run()
