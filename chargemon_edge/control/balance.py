"""The balancer's tick: freeze the picture → decide → hand the orders to the chargers' slots → note what they answered.

Every meter sample may lower; the slow tick, and events that change who charges, may raise. The decision itself is pure
(:mod:`chargemon_edge.balancing`); this loop owns only when it is asked and what is sent. It never touches the disk.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from chargemon_edge.balancing.command import TOLD_THE_TIME_S
from chargemon_edge.balancing.plan import Decision, Order, Plan
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.balancing.regulator import URGENT, Regulator
from chargemon_edge.control.ports import (
    Answered,
    ChargePoints,
    Clock,
    Journal,
    Outcome,
    QuirksOf,
    Superseded,
    in_words,
    moment,
)
from chargemon_edge.control.present import Present
from chargemon_edge.control.profile_form import ProfileForm, profile_form
from chargemon_edge.ocpp.charging_profile import tx_profile
from chargemon_edge.site import facts
from chargemon_edge.site.clock_facts import ClockCorrected, TimeTold
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.layout import ConnectorKey

log = logging.getLogger(__name__)

# facts after which waiting for the slow tick would waste current or a driver's patience
_EVENTS: frozenset[type[Fact]] = frozenset(
    (
        facts.StatusReported,
        facts.TransactionStarted,
        facts.TransactionStopped,
        facts.LinkOpened,
        facts.LinkClosed,
        facts.FailSafeHeld,
        facts.LimitRefused,
        facts.ProfilesInDoubt,
        TimeTold,
    )
)
_SAMPLES: frozenset[type[Fact]] = frozenset((facts.MeterRead, facts.MeterLost))
# events come in bursts (a site's power is back): one full allocation for all that come within this time
_EVENT_GATHER_S = 0.25
# and in a storm of them a fiftieth of the loop's time goes into decisions, but nobody waits longer than the second one
_EVENT_PAUSE = 50
_EVENT_PAUSE_MAX_S = 2.0


class Balance:
    """Owns the pace of balancing; the regulator owns the law."""

    def __init__(
        self,
        *,
        present: Present,
        regulator: Regulator,
        charge_points: ChargePoints,
        journal: Journal,
        clock: Clock,
        policy: Policy,
        models: QuirksOf,
    ) -> None:
        self._present = present
        self._regulator = regulator
        self._charge_points = charge_points
        self._journal = journal
        self._clock = clock
        self._policy = policy
        self._models = models
        self._wake = asyncio.Event()
        self._sampled = False
        # orders whose outcome is not known, oldest first
        self._unanswered: list[Order] = []
        # when the next full allocation is due
        self._tick_at_s = 0.0
        # events before this moment wait for it
        self._rest_until_s = float("-inf")
        # when chargers will have heard of a correction of our time: their leases are dated anew then
        self._told_at_s = float("-inf")
        # after the wiring or the policy was replaced: nobody is raised before
        self._raise_from_s = float("-inf")
        self._state = ""
        present.follow(self._sample_came, _SAMPLES)
        present.follow(self._event_came, (_EVENTS | URGENT) - _SAMPLES)
        present.follow(self._time_corrected, (ClockCorrected,))

    async def run(self) -> None:
        """Balance until cancelled."""
        if not self._regulator.armed:
            # a site that nobody has described yet is no fault
            level = logging.ERROR if self._present.site.circuits else logging.INFO
            log.log(level, "balancing is not armed: %s", self._regulator.why)
            self._state = self._regulator.why
        while True:
            self._step()
            await self._next_wake()

    @property
    def armed(self) -> bool:
        """Whether limits are sent."""
        return self._regulator.armed

    def replace(self, regulator: Regulator, policy: Policy) -> None:
        """Go on with another wiring or policy, at once and without dropping anyone.

        The new regulator knows what the picture holds and what is on its way, as after a start; it does not know which
        decrease is still being followed, so nobody is raised for as long as that takes.
        """
        now_s = self._clock.monotonic_s()
        regulator.take_over(self._present.picture, self._unanswered, now_s)
        self._raise_from_s = now_s + max(policy.settle_s, self._policy.settle_s)
        self._regulator, self._policy = regulator, policy
        self._tick_at_s = 0.0
        self._wake.set()

    def _sample_came(self, fact: Fact) -> None:
        self._regulator.fact(fact)
        self._sampled = True
        self._wake.set()

    def _event_came(self, fact: Fact) -> None:
        self._regulator.fact(fact)
        self._hasten(fact.at.mono_s)

    def _time_corrected(self, fact: Fact) -> None:
        assert isinstance(fact, ClockCorrected)
        if fact.charge_points_must_know:
            self._told_at_s = self._clock.monotonic_s() + TOLD_THE_TIME_S
            self._tick_at_s = min(self._tick_at_s, self._told_at_s)
            self._wake.set()

    def _hasten(self, now_s: float) -> None:
        at_s = now_s + _EVENT_GATHER_S
        if at_s < self._tick_at_s and self._rest_until_s < self._tick_at_s:
            # else the loop wakes by itself before that
            self._tick_at_s = max(at_s, self._rest_until_s)
            self._wake.set()

    async def _next_wake(self) -> None:
        try:
            async with asyncio.timeout(max(0.0, self._tick_at_s - self._clock.monotonic_s())):
                await self._wake.wait()
        except TimeoutError:
            pass  # the slow tick is due
        self._wake.clear()

    def _step(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s >= self._tick_at_s:
            self._tick_at_s = now_s + self._policy.slow_period_s
            if now_s < self._told_at_s:
                self._tick_at_s = min(self._tick_at_s, self._told_at_s)
            self._sampled = False
            may_raise = now_s >= self._raise_from_s
            self._act(self._regulator.tick(self._present.picture, now_s, may_raise=may_raise))
            took_s = self._clock.monotonic_s() - now_s
            self._rest_until_s = now_s + min(_EVENT_PAUSE * took_s, _EVENT_PAUSE_MAX_S)
        elif self._sampled:
            self._sampled = False
            self._act(self._regulator.sample(self._present.picture, now_s))

    def _act(self, decision: Decision) -> None:
        for order in decision.orders:
            self._send(order)
        self._present.set_plan(decision.plan)
        self._log_state(decision.plan)

    def _send(self, order: Order) -> None:
        form = self._form(order.key)
        request = tx_profile(
            connector=order.key.number,
            transaction_id=order.transaction_id,
            limit_ma=order.limit_ma,
            fallback_ma=order.fallback_ma,
            lease_s=order.lease_s,
            now_utc_ms=self._time_there(order.key.charge_point),
            unit=form.unit,
            phases=form.phases,
            number_phases=form.number_phases,
        )
        self._regulator.sent(order, self._clock.monotonic_s())
        self._unanswered.append(order)
        self._charge_points.offer_limit(
            order.key.charge_point, order.key.number, request, partial(self._answered, order)
        )

    def _time_there(self, charge_point: str) -> int:
        """By which time a lease is dated: the older one, as long as it was not told that ours was moved on.

        A lease that began too early is over too early, and the fallback counts; one that is yet to begin holds nobody.
        """
        entry = self._present.charge_point(charge_point)
        return self._clock.utc_ms() - (0 if entry is None else max(0, entry.behind_ms))

    def _form(self, key: ConnectorKey) -> ProfileForm:
        values = self._present.picture.connector(key.charge_point, key.number).values
        return profile_form(self._models.quirks(key.charge_point), self._present.site.connectors[key], values)

    def _answered(self, order: Order, outcome: Outcome) -> None:
        self._unanswered = [waiting for waiting in self._unanswered if waiting is not order]
        if isinstance(outcome, Superseded):
            return
        at = moment(self._clock)
        key = order.key
        before = self._present.connector(key.charge_point, key.number)
        if isinstance(outcome, Answered) and in_words(outcome) == "Accepted":
            held = facts.LimitHeld(
                at=at,
                charge_point=key.charge_point,
                connector=key.number,
                transaction_id=order.transaction_id,
                limit_ma=order.limit_ma,
                fallback_ma=order.fallback_ma,
                lease_s=order.lease_s,
                sent_mono_s=outcome.sent_mono_s,
            )
            old_ma = None if before.held is None else before.held.limit_ma
            if old_ma != order.limit_ma:
                # a renewed lease changes nothing that a restart needs: it is not written, flash wears out
                self._journal.record((held,))
                _log_limit(order, old_ma)
            self._present.apply((held,))
            if old_ma is None or order.limit_ma < old_ma:
                # what it gave up may be waited for
                self._hasten(at.mono_s)
            return
        refused = facts.LimitRefused(
            at=at,
            charge_point=key.charge_point,
            connector=key.number,
            limit_ma=order.limit_ma,
            outcome=in_words(outcome),
        )
        if before.refused is None or before.refused.outcome != refused.outcome:
            log.warning(
                "limit not taken cp=%s connector=%d limit=%.1fA answer=%r: the old limit is still assumed",
                key.charge_point,
                key.number,
                order.limit_ma / 1000,
                refused.outcome,
            )
            self._journal.record((refused,))
        self._present.apply((refused,))

    def _log_state(self, plan: Plan) -> None:
        if plan.why != self._state:
            self._state = plan.why
            log.info("balancing state=%r", plan.why)


def _log_limit(order: Order, old_ma: int | None) -> None:
    log.info(
        "limit cp=%s connector=%d tx=%d from=%s to=%.1fA reason=%r",
        order.key.charge_point,
        order.key.number,
        order.transaction_id,
        "unknown" if old_ma is None else f"{old_ma / 1000:.1f}A",
        order.limit_ma / 1000,
        order.reason,
    )
