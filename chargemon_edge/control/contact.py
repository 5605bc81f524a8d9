"""What the daemon asks of a charge point when it appears: hold the fail-safe limit, then say how things stand.

A reconnect needs no BootNotification (most chargers send none): the link itself is the occasion, and a boot is another,
since a booted charger may have forgotten its profiles. Everything is asked once, politely, one question at a time; what
is not answered is asked again later and later. A quiet charge point is asked nothing at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from chargemon_edge.control.ports import (
    Answered,
    ChargePoints,
    Clock,
    Journal,
    Offline,
    Outcome,
    QuirksOf,
    in_words,
    moment,
)
from chargemon_edge.control.present import Present
from chargemon_edge.control.profile_form import profile_form
from chargemon_edge.ocpp.charging_profile import tx_default_profile
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import facts
from chargemon_edge.site.clock_facts import ClockCorrected
from chargemon_edge.site.device_facts import ConfigurationRead
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.layout import ChargePoint, Connector

log = logging.getLogger(__name__)

# a booting charger sends its own BootNotification and statuses first; asking in between confuses some
_SETTLE_S = 2.0
# a question that is not answered holds up the charger's limits (one call at a time, OCPP-J 1.6 §4.1.1)
_DEADLINE_S = 10.0
_BACKOFF_S = (60.0, 300.0, 1800.0, 3600.0)

_OCCASIONS = (facts.LinkOpened, facts.ChargePointBooted, facts.LinkClosed, facts.ProfilesInDoubt, ConfigurationRead)


class Contact:
    """One conversation per charge point, begun anew by each link and each boot."""

    def __init__(
        self, *, present: Present, charge_points: ChargePoints, journal: Journal, clock: Clock, models: QuirksOf
    ) -> None:
        self._present = present
        self._charge_points = charge_points
        self._journal = journal
        self._clock = clock
        self._models = models
        # when each charger with a budget was sent TriggerMessages in the last hour
        self._triggers_s: dict[str, list[float]] = {}
        # whom to talk to (again), in the order they appeared, and whether it has just appeared: else it had its time
        # to settle, and what it holds beside our profiles was put there on purpose
        self._due: dict[str, bool] = {}
        self._someone_due = asyncio.Event()
        self._talks: dict[str, asyncio.Task[None]] = {}
        # in which unit each was last given its fail-safe
        self._units: dict[str, m.ChargingRateUnit] = {}
        # whether the time they were told was wrong, and they are to ask again
        self._told_wrong = False
        present.follow(self._followed, _OCCASIONS)
        present.follow(self._time_corrected, (ClockCorrected,))

    async def run(self) -> None:
        """Talk to whoever appears, until cancelled."""
        async with asyncio.TaskGroup() as talks:
            while True:
                await self._someone_due.wait()
                self._someone_due.clear()
                if self._told_wrong:
                    self._told_wrong = False
                    for one in self._present.site.charge_points:
                        if not one.quiet and self._charge_points.linked(one.identity):
                            talks.create_task(self._let_ask_the_time(one))
                due, self._due = self._due, {}
                for identity, new in due.items():
                    self._end_talk(identity)
                    if self._present.site.may_be_asked(identity) and self._charge_points.linked(identity):
                        charge_point = self._present.site.charge_point_by_identity[identity]
                        self._talks[identity] = talks.create_task(self._talk(charge_point, new=new))

    def begin_anew(self, identities: Iterable[str]) -> None:
        """Talk to these (again): they are wired or set differently from now on."""
        self._due.update(dict.fromkeys(identities, True))
        self._someone_due.set()

    def _followed(self, fact: Fact) -> None:
        assert isinstance(fact, _OCCASIONS)
        identity = fact.charge_point
        if identity not in self._talks and not self._present.site.may_be_asked(identity):
            return
        if isinstance(fact, ConfigurationRead) and not self._learnt_another_unit(identity):
            return
        appeared = not isinstance(fact, facts.ProfilesInDoubt | ConfigurationRead)
        self._due[identity] = appeared or self._due.get(identity, False)
        self._someone_due.set()

    def _learnt_another_unit(self, identity: str) -> bool:
        """Whether its fail-safe was given in a unit of which it tells now that it does not know it."""
        unit = self._models.quirks(identity).rate_unit or "A"
        return self._units.get(identity, unit) != unit

    def _time_corrected(self, fact: Fact) -> None:
        assert isinstance(fact, ClockCorrected)
        if fact.charge_points_must_know:
            self._told_wrong = True
            self._someone_due.set()

    def _end_talk(self, identity: str) -> None:
        talk = self._talks.pop(identity, None)
        if talk is not None:
            talk.cancel()

    async def _talk(self, charge_point: ChargePoint, *, new: bool) -> None:
        if new:
            await asyncio.sleep(_SETTLE_S)
        open_questions = list(charge_point.connectors)
        if new and self._never_confirmed(charge_point):
            # at the first contact ever: whatever another system left there would silently cap or lift our limits
            await self._ask(charge_point, m.ClearChargingProfileRequest())
        asked_for_status = False
        for pause_s in (*_BACKOFF_S, None):
            open_questions = [one for one in open_questions if not await self._hold_fail_safe(charge_point, one)]
            if not asked_for_status:
                await self._ask_how_things_stand(charge_point)
                asked_for_status = True
            if not open_questions or pause_s is None:
                break
            await asyncio.sleep(pause_s)
        for connector in open_questions:
            log.error(
                "fail-safe not confirmed cp=%s connector=%d: its whole %.0f A stay reserved; check that the charger "
                "supports smart charging (TxDefaultProfile)",
                charge_point.identity,
                connector.number,
                connector.max_ma / 1000,
            )

    def _never_confirmed(self, charge_point: ChargePoint) -> bool:
        return all(
            self._present.connector(charge_point.identity, connector.number).fail_safe_ma is None
            for connector in charge_point.connectors
        )

    async def _hold_fail_safe(self, charge_point: ChargePoint, connector: Connector) -> bool:
        form = profile_form(self._models.quirks(charge_point.identity), connector, None)
        self._units[charge_point.identity] = form.unit
        profile = tx_default_profile(
            connector=connector.number,
            fallback_ma=connector.fallback_ma,
            unit=form.unit,
            phases=form.phases,
            number_phases=form.number_phases,
        )
        outcome = await self._ask(charge_point, profile)
        if isinstance(outcome, Answered) and getattr(outcome.response, "status", None) == "Accepted":
            held = facts.FailSafeHeld(
                at=moment(self._clock),
                charge_point=charge_point.identity,
                connector=connector.number,
                fallback_ma=connector.fallback_ma,
            )
            before = self._present.connector(charge_point.identity, connector.number).fail_safe_ma
            if before != connector.fallback_ma:
                log.info(
                    "fail-safe held cp=%s connector=%d fallback=%.1fA",
                    charge_point.identity,
                    connector.number,
                    connector.fallback_ma / 1000,
                )
                self._journal.record((held,))
            self._present.apply((held,))
            return True
        if not isinstance(outcome, Offline):
            log.warning(
                "fail-safe not taken cp=%s connector=%d answer=%s",
                charge_point.identity,
                connector.number,
                in_words(outcome),
            )
        return False

    async def _ask_how_things_stand(self, charge_point: ChargePoint) -> None:
        """Statuses nobody reported on this link, and the meter of every transaction that runs."""
        entry = self._present.charge_point(charge_point.identity)
        linked_s = 0.0 if entry is None or entry.link_changed is None else entry.link_changed.mono_s
        for connector in charge_point.connectors:
            now = self._present.connector(charge_point.identity, connector.number)
            if now.status_at is None or now.status_at.mono_s < linked_s:
                await self._trigger(charge_point, "StatusNotification", connector)
            if now.transaction is not None and (now.values is None or now.values.at.mono_s < linked_s):
                await self._trigger(charge_point, "MeterValues", connector)

    async def _let_ask_the_time(self, charge_point: ChargePoint) -> None:
        """The answer to a heartbeat is the time (OCPP 1.6 §4.6); some know only that of a boot (§4.2)."""
        outcome = await self._trigger(charge_point, "Heartbeat")
        if isinstance(outcome, Answered) and getattr(outcome.response, "status", None) == "NotImplemented":
            await self._trigger(charge_point, "BootNotification")

    async def _trigger(
        self, charge_point: ChargePoint, message: m.MessageTrigger, connector: Connector | None = None
    ) -> Outcome | None:
        """None: it was asked often enough."""
        budget = self._models.quirks(charge_point.identity).triggers_per_hour
        if budget is not None:
            now_s = self._clock.monotonic_s()
            sent = [at_s for at_s in self._triggers_s.get(charge_point.identity, ()) if now_s - at_s < 3_600]
            if len(sent) >= budget:
                return None
            self._triggers_s[charge_point.identity] = [*sent, now_s]
        number = None if connector is None else connector.number
        return await self._ask(charge_point, m.TriggerMessageRequest(requested_message=message, connector_id=number))

    async def _ask(self, charge_point: ChargePoint, request: m.Request) -> Outcome:
        return await self._charge_points.call(charge_point.identity, request, _DEADLINE_S)
