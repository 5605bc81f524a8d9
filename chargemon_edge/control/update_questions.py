"""Asks a charge point that is being updated how it stands, when it has come back and not said so itself.

By TriggerMessage: for its version, and for the state of its update. What comes soon after is taken for the answer: a
BootNotification that we asked for is no boot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chargemon_edge.control.ports import ChargePoints, Clock, QuirksOf
from chargemon_edge.control.present import Present
from chargemon_edge.control.update_steps import REPORTING, UNDER_WAY, Step
from chargemon_edge.ocpp.v16 import messages as m

_DEADLINE_S = 10.0
# what comes so soon after our question is taken for its answer
_ANSWER_S = 30.0


class UpdateQuestions:
    """One conversation for each charge point; a new one ends the one before."""

    def __init__(
        self,
        present: Present,
        charge_points: ChargePoints,
        clock: Clock,
        models: QuirksOf,
        step: Callable[[str], Step | None],
    ) -> None:
        """*step*: where the update of a charge point stands."""
        self._present = present
        self._charge_points = charge_points
        self._clock = clock
        self._models = models
        self._step = step
        self._until_s: dict[str, float] = {}
        self._talks: dict[str, asyncio.Task[None]] = {}

    def asked(self, charge_point: str) -> bool:
        """Whether what it says now is the answer to a question."""
        return self._clock.monotonic_s() < self._until_s.get(charge_point, 0.0)

    def ask(self, charge_point: str, work: asyncio.TaskGroup, settle_s: float) -> None:
        """Ask it within *work*, after it had *settle_s* since it came to say it by itself."""
        before = self._talks.pop(charge_point, None)
        if before is not None:
            before.cancel()
        self._talks[charge_point] = work.create_task(self._talk(charge_point, settle_s))

    async def _talk(self, charge_point: str, settle_s: float) -> None:
        await asyncio.sleep(settle_s)
        step = self._step(charge_point)
        if step is Step.CONFIRMING or (step in UNDER_WAY and not self._has_booted(charge_point)):
            await self._trigger(charge_point, "BootNotification")
        # who blocks after many TriggerMessages is asked for what counts, and no more
        if self._step(charge_point) in REPORTING and self._models.quirks(charge_point).triggers_per_hour is None:
            await self._trigger(charge_point, "FirmwareStatusNotification")

    def _has_booted(self, charge_point: str) -> bool:
        """Whether it has said what it runs since it came."""
        entry = self._present.charge_point(charge_point)
        if entry is None or entry.boot is None or entry.link_changed is None:
            return False
        return entry.boot.at.mono_s >= entry.link_changed.mono_s

    async def _trigger(self, charge_point: str, message: m.MessageTrigger) -> None:
        # the report may overtake the answer
        self._until_s[charge_point] = self._clock.monotonic_s() + _DEADLINE_S + _ANSWER_S
        request = m.TriggerMessageRequest(requested_message=message)
        await self._charge_points.call(charge_point, request, _DEADLINE_S)
