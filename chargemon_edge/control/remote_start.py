"""Starts the session that some models do not start by themselves after a card was accepted.

Only for charge points that are known to wait for RemoteStartTransaction, and only for the card that was accepted there
a moment ago: nobody charges this way who may not charge.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from chargemon_edge.control.ports import ChargePoints, Clock, QuirksOf, in_words
from chargemon_edge.control.present import Present
from chargemon_edge.log import masked
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import facts
from chargemon_edge.site.cards import TagRules, normalised
from chargemon_edge.site.facts import Fact

log = logging.getLogger(__name__)

# a charger that starts by itself after all has done it by then
PATIENCE_S = 3.0
# a charger that asks about the card again because of our start gets no second one
_AGAIN_S = 60.0
_DEADLINE_S = 10.0
_WAITS = frozenset({"Preparing", "SuspendedEVSE"})


class RemoteStart:
    """One start for each accepted card."""

    def __init__(
        self,
        *,
        present: Present,
        charge_points: ChargePoints,
        clock: Clock,
        models: QuirksOf,
        rules_of: Callable[[str], TagRules],
    ) -> None:
        self._present = present
        self._charge_points = charge_points
        self._clock = clock
        self._models = models
        self._rules_of = rules_of
        # accepted cards that nothing was done about yet; a later one at the same charge point takes the place
        self._due: dict[str, str] = {}
        self._someone_due = asyncio.Event()
        # when the last start was sent to each charge point, and for which card
        self._sent: dict[str, tuple[float, str]] = {}
        present.follow(self._followed, (facts.IdTagPresented,))

    async def run(self) -> None:
        """Start what must be started, until cancelled."""
        async with asyncio.TaskGroup() as starts:
            while True:
                await self._someone_due.wait()
                self._someone_due.clear()
                due, self._due = self._due, {}
                for identity, id_tag in due.items():
                    starts.create_task(self._start(identity, id_tag))

    def _followed(self, fact: Fact) -> None:
        assert isinstance(fact, facts.IdTagPresented)
        identity = fact.charge_point
        if fact.status != "Accepted" or not self._models.quirks(identity).remote_start:
            return
        charge_point = self._present.site.charge_point_by_identity.get(identity)
        if charge_point is None or charge_point.quiet:
            return
        id_tag = normalised(fact.id_tag, self._rules_of(identity))
        sent_s, sent_tag = self._sent.get(identity, (float("-inf"), ""))
        if sent_tag == id_tag and self._clock.monotonic_s() - sent_s < _AGAIN_S:
            return
        self._due[identity] = id_tag
        self._someone_due.set()

    async def _start(self, identity: str, id_tag: str) -> None:
        await asyncio.sleep(PATIENCE_S)
        connector = self._waiting_connector(identity)
        if connector is None:
            return
        self._sent[identity] = (self._clock.monotonic_s(), id_tag)
        request = m.RemoteStartTransactionRequest(connector_id=connector, id_tag=id_tag)
        outcome = await self._charge_points.call(identity, request, _DEADLINE_S)
        log.info(
            "remote start cp=%s connector=%d tag=%s answer=%s", identity, connector, masked(id_tag), in_words(outcome)
        )

    def _waiting_connector(self, identity: str) -> int | None:
        """The connector with a cable and no transaction that changed last; None: no car waits there, or new firmware is
        on its way."""
        entry = self._present.picture.charge_points.get(identity)
        if entry is None or entry.updating is not None:
            return None
        waiting = [
            (connector.status_at.mono_s if connector.status_at is not None else 0.0, number)
            for number, connector in entry.connectors.items()
            if number > 0 and connector.transaction is None and connector.status in _WAITS
        ]
        return max(waiting)[1] if waiting else None
