"""A small site in a box for the regulator alone: chargers that answer late, never or with no, cars that follow late.

Every number is drawn from one seed. Time goes in steps of one second of a monotonic clock that starts anywhere.
The chargers keep a limit as the specification says: until its lease is over, then the fallback inside the profile.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from chargemon_edge.balancing.plan import Decision, Order
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.balancing.regulator import Regulator
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.fold import apply
from chargemon_edge.site.layout import ConnectorKey, Site
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.units import ZERO, PerPhase, same_on_all, to_site_frame

# what a central system waits for an answer before it gives the call up
ANSWER_S = 30.0


class Faults(NamedTuple):
    """How often things go wrong; all zero: a perfect day."""

    lost_answer: float = 0.0
    """Share of orders that are taken but whose answer never comes."""
    rejected: float = 0.0
    """Share of orders that are refused."""
    link_lost_per_s: float = 0.0
    reboot_per_s: float = 0.0
    meter_gap_per_s: float = 0.0
    unplug_per_s: float = 0.0
    """How often a car leaves; another comes after a while."""
    silent_values: float = 0.0
    """Share of chargers that never report a current."""


class Charger:
    """One charge point with one connector and the car on it."""

    def __init__(self, plant: Plant, key: ConnectorKey, rng: random.Random, silent: bool) -> None:
        self.plant = plant
        self.key = key
        self.connector = plant.site.connectors[key]
        self.rng = rng
        self.silent = silent
        self.linked = False
        self.transaction_id: int | None = None
        self.lag_s = rng.uniform(0.4, 2.1)
        self.dead_s = rng.uniform(0.5, 4.5)
        self.values_at_s = rng.uniform(0, 10)
        self.car_max_ma = rng.choice((10_000, 16_000, 32_000, 32_000))
        # the profile in force: limit, end of its lease, fallback
        self.profile: tuple[int, float, int] | None = None
        # (when it reaches the charger, order, outcome)
        self.coming: list[tuple[float, float, Order, str]] = []
        # set points and when the car follows each
        self.set_points: list[tuple[float, int]] = []
        self.drawn_ma = 0
        self.free_at_s: float | None = None

    def in_force_ma(self, now_s: float) -> int:
        """What the charger itself allows now."""
        if self.transaction_id is None:
            return 0
        if self.profile is None:
            return self.connector.fallback_ma
        limit_ma, end_s, fallback_ma = self.profile
        return limit_ma if now_s < end_s else fallback_ma

    def step(self, now_s: float) -> None:
        """One second passes."""
        for entry in [one for one in self.coming if one[0] <= now_s]:
            self.coming.remove(entry)
            self._reached(entry[1], entry[2], entry[3])
        set_point_ma = min(self.in_force_ma(now_s), self.car_max_ma)
        if not self.set_points or self.set_points[-1][1] != set_point_ma:
            self.set_points.append((now_s + self.dead_s, set_point_ma))
        if self.transaction_id is None:
            # the contactor opens at once
            self.set_points.clear()
            self.drawn_ma = 0
        while self.set_points and self.set_points[0][0] <= now_s:
            self.drawn_ma = self.set_points[0][1]
            if len(self.set_points) == 1:
                break
            del self.set_points[0]

    def _reached(self, sent_s: float, order: Order, outcome: str) -> None:
        if order.transaction_id != self.transaction_id:
            outcome = "Rejected"
        if outcome in ("Accepted", "lost"):
            self.profile = (order.limit_ma, sent_s + order.lease_s, order.fallback_ma)
        if outcome == "lost" or not self.linked:
            self.plant.later(sent_s + ANSWER_S, order, "no answer", sent_s)
        else:
            self.plant.answered(order, outcome, sent_s)

    def drawn_on_site(self) -> PerPhase:
        used = self.connector.conductors
        at_terminals = PerPhase(self.drawn_ma * used[0], self.drawn_ma * used[1], self.drawn_ma * used[2])
        return to_site_frame(self.connector.rotation, at_terminals)


class Plant:
    """The site, its picture and the regulator; *decided* collects every decision that ordered something."""

    def __init__(self, site: Site, seed: int, policy: Policy | None = None, faults: Faults | None = None) -> None:
        self.site = site
        self.rng = random.Random(seed)
        self.faults = faults or Faults()
        self.now_s = self.rng.uniform(0, 1e6)
        self.started_s = self.now_s
        self.picture = SitePicture(started=self.at)
        self.regulator = Regulator(site, policy or Policy())
        self.chargers = {
            key: Charger(self, key, random.Random(self.rng.random()), self.rng.random() < self.faults.silent_values)
            for key in site.connectors
        }
        self.background_ma = ZERO
        self.changed_s = self.now_s
        self.meter_until_s = float("-inf")
        self.transactions = 0
        self.decided: list[tuple[float, str, Decision]] = []
        self._waiting: list[tuple[float, Order, str, float]] = []
        self._tick_s = self.now_s

    @property
    def at(self) -> Moment:
        return Moment(self.now_s, int(self.now_s * 1000))

    def say(self, fact: Fact) -> None:
        self.picture = apply(self.picture, fact)
        self.regulator.fact(fact)

    def link(self, charger: Charger) -> None:
        charger.linked = True
        name, number = charger.key.charge_point, charger.key.number
        self.say(facts.LinkOpened(at=self.at, charge_point=name, remote="plant"))
        self.say(
            facts.FailSafeHeld(
                at=self.at, charge_point=name, connector=number, fallback_ma=charger.connector.fallback_ma
            )
        )
        self.status(charger, "Available" if charger.transaction_id is None else "Charging")
        self._tick_s = self.now_s

    def unlink(self, charger: Charger) -> None:
        charger.linked = False
        self.say(facts.LinkClosed(at=self.at, charge_point=charger.key.charge_point, reason="plant"))
        self._tick_s = self.now_s

    def status(self, charger: Charger, status: str) -> None:
        self.say(
            facts.StatusReported(
                at=self.at,
                charge_point=charger.key.charge_point,
                connector=charger.key.number,
                status=status,
                error_code="NoError",
            )
        )

    def plug(self, charger: Charger) -> None:
        self.transactions += 1
        charger.transaction_id = self.transactions
        charger.profile = None
        self.status(charger, "Charging")
        self.say(
            facts.TransactionStarted(
                at=self.at,
                charge_point=charger.key.charge_point,
                connector=charger.key.number,
                transaction_id=self.transactions,
                id_tag="tag",
                id_tag_status="Accepted",
                meter_start_wh=0,
                started_utc_ms=None,
                started_text="",
            )
        )
        self._tick_s = self.now_s

    def unplug(self, charger: Charger) -> None:
        assert charger.transaction_id is not None
        self.say(
            facts.TransactionStopped(
                at=self.at,
                charge_point=charger.key.charge_point,
                connector=charger.key.number,
                transaction_id=charger.transaction_id,
                meter_stop_wh=1,
                stopped_utc_ms=None,
                reason="EVDisconnected",
            )
        )
        charger.transaction_id, charger.profile = None, None
        charger.free_at_s = self.now_s + self.rng.uniform(20, 300)
        self.status(charger, "Available")
        self._tick_s = self.now_s

    def measured(self) -> PerPhase:
        total = self.background_ma
        for charger in self.chargers.values():
            total = total.plus(charger.drawn_on_site())
        return total

    def in_force(self, *, linked_only: bool = False) -> PerPhase:
        """What the chargers themselves allow now, summed on the site's phases."""
        total = ZERO
        for charger in self.chargers.values():
            if linked_only and not charger.linked:
                continue
            used, allowed_ma = charger.connector.conductors, charger.in_force_ma(self.now_s)
            at_terminals = PerPhase(allowed_ma * used[0], allowed_ma * used[1], allowed_ma * used[2])
            total = total.plus(to_site_frame(charger.connector.rotation, at_terminals))
        return total

    def set_background(self, background_ma: PerPhase) -> None:
        if background_ma != self.background_ma:
            if max(background_ma.minus(self.background_ma)) > 0:
                self.changed_s = self.now_s
            self.background_ma = background_ma

    def step(self) -> None:
        """One second: faults, chargers, the meter, the regulator."""
        self.now_s += 1.0
        self._go_wrong()
        for charger in self.chargers.values():
            charger.step(self.now_s)
            self._report(charger)
        for entry in [one for one in self._waiting if one[0] <= self.now_s]:
            self._waiting.remove(entry)
            self.answered(entry[1], entry[2], entry[3])
        if self.now_s >= self.meter_until_s:
            for meter in self.site.meters:
                self.say(facts.MeterRead(at=self.at, meter=meter.name, current_ma=self.measured()))
            self._act("sample", self.regulator.sample(self.picture, self.now_s))
        if self.now_s >= self._tick_s:
            self._tick_s = self.now_s + self.regulator.policy.slow_period_s
            self._act("tick", self.regulator.tick(self.picture, self.now_s))

    def _go_wrong(self) -> None:
        rng, faults = self.rng, self.faults
        if faults.meter_gap_per_s and rng.random() < faults.meter_gap_per_s:
            self.meter_until_s = self.now_s + rng.uniform(2, 60)
        for charger in self.chargers.values():
            if charger.linked and faults.link_lost_per_s and rng.random() < faults.link_lost_per_s:
                self.unlink(charger)
            elif charger.linked and faults.reboot_per_s and rng.random() < faults.reboot_per_s:
                # the transaction survives in the charger's memory, and so does its profile; answers do not
                charger.coming.clear()
                self.unlink(charger)
            elif not charger.linked and rng.random() < 0.02:
                self.link(charger)
            if charger.linked and charger.transaction_id is None and self.now_s >= (charger.free_at_s or 0):
                self.plug(charger)
            elif charger.linked and charger.transaction_id and rng.random() < faults.unplug_per_s:
                self.unplug(charger)

    def _report(self, charger: Charger) -> None:
        if charger.silent or not charger.linked or self.now_s - charger.values_at_s < 10:
            return
        charger.values_at_s = self.now_s
        used, drawn_ma = charger.connector.conductors, charger.drawn_ma
        self.say(
            facts.ValuesReported(
                at=self.at,
                charge_point=charger.key.charge_point,
                connector=charger.key.number,
                current_ma=PerPhase(drawn_ma * used[0], drawn_ma * used[1], drawn_ma * used[2]),
            )
        )

    def _act(self, path: str, decision: Decision) -> None:
        if decision.orders:
            self.decided.append((self.now_s, path, decision))
        for order in decision.orders:
            self.regulator.sent(order, self.now_s)
            charger = self.chargers[order.key]
            if not charger.linked:
                self.answered(order, "offline", self.now_s)
                continue
            roll = self.rng.random()
            outcome = "Accepted"
            if roll < self.faults.lost_answer:
                outcome = "lost"
            elif roll < self.faults.lost_answer + self.faults.rejected:
                outcome = "Rejected"
            charger.coming.append((self.now_s + charger.lag_s, self.now_s, order, outcome))

    def later(self, at_s: float, order: Order, outcome: str, sent_s: float) -> None:
        self._waiting.append((at_s, order, outcome, sent_s))

    def answered(self, order: Order, outcome: str, sent_s: float) -> None:
        """What control makes of an outcome: a fact, and a look at the whole where somebody may wait for it."""
        name, number = order.key.charge_point, order.key.number
        running = self.picture.connector(name, number).transaction
        if running is None or running.transaction_id != order.transaction_id:
            return
        if outcome == "Accepted":
            self.say(
                facts.LimitHeld(
                    at=self.at,
                    charge_point=name,
                    connector=number,
                    transaction_id=order.transaction_id,
                    limit_ma=order.limit_ma,
                    fallback_ma=order.fallback_ma,
                    lease_s=order.lease_s,
                    sent_mono_s=sent_s,
                )
            )
        else:
            self.say(
                facts.LimitRefused(
                    at=self.at, charge_point=name, connector=number, limit_ma=order.limit_ma, outcome=outcome
                )
            )
            self._tick_s = self.now_s


class House:
    """Big loads going on and off at random: the same current on every phase."""

    def __init__(self, rng: random.Random, loads_ma: tuple[int, ...], base_ma: int, mean_s: float) -> None:
        self._rng = rng
        self._mean_s = mean_s
        self._base_ma = base_ma
        self._loads = [[load_ma, False, rng.expovariate(1 / mean_s)] for load_ma in loads_ma]

    def step(self) -> PerPhase:
        """The load after one more second."""
        total_ma = self._base_ma
        for load in self._loads:
            load[2] -= 1
            if load[2] <= 0:
                load[1], load[2] = not load[1], self._rng.expovariate(1 / self._mean_s)
            total_ma += int(load[0]) if load[1] else 0
        return same_on_all(total_ma)
