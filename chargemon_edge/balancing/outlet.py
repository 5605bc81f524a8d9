"""All that is remembered of one connector between two looks, and what it draws: proven, likely and cautious.

*Proven* is the least it drew lately, for deciding whether others may have more. *Likely* is what it draws now, for
deciding whether somebody must have less. *Cautious*, for a fuse that is overloaded, does not believe in the last
increase yet and believes that cars have followed a decrease as fast as they must. Must never believe that an increase
was followed while its charger is out of reach or does not answer. All on site phases.
"""

from __future__ import annotations

from typing import NamedTuple

from chargemon_edge.balancing.command import Command
from chargemon_edge.balancing.demand import Demand
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.balancing.rows import Memberships, Rows
from chargemon_edge.balancing.turn import Turn
from chargemon_edge.site.facts import ValuesReported
from chargemon_edge.site.layout import ChargePoint, Connector, ConnectorKey
from chargemon_edge.site.picture import ChargePointPicture, ConnectorPicture, SitePicture, Transaction
from chargemon_edge.site.units import ZERO, PerPhase, Rotation, same_on_all, site_phases, to_site_frame

_NOT_DRAWING = {"Available", "Preparing", "SuspendedEV", "SuspendedEVSE", "Finishing", "Reserved", "Unavailable"}


class Run(NamedTuple):
    """One running transaction: what it was told, what it wants, whose turn it is."""

    transaction: Transaction
    command: Command
    demand: Demand
    turn: Turn


class Outlet:
    """One connector of the site over time."""

    def __init__(self, key: ConnectorKey, charge_point: ChargePoint, connector: Connector, rows: Rows) -> None:
        self.key = key
        self.charge_point = charge_point
        self.connector = connector
        self.wired: Memberships = rows.wired(connector)
        self.picture = ConnectorPicture()
        self.entry: ChargePointPicture | None = None
        self.run: Run | None = None
        # the least drawn within the settling time, on site phases
        self.proven_ma = ZERO
        # when to look again although nothing was heard
        self.wake_s = float("-inf")
        # something happened that a decrease must not wait for
        self.urgent = False
        self._rows = rows
        self._values: ValuesReported | None = None
        # currents at the terminals within the settling time and the newest, oldest first
        self._measured: list[tuple[float, PerPhase]] = []
        # when and what a charger reported that does not say on which phases it flows
        self._unphased: tuple[float, int] | None = None

    def look(self, picture: SitePicture, policy: Policy, now_s: float) -> None:
        """Take in what the picture says of this connector; cheap to skip while nothing changed before *wake_s*."""
        self.entry = picture.charge_points.get(self.key.charge_point)
        self.picture = picture.connector(self.key.charge_point, self.key.number)
        self._look_at_transaction(policy)
        if self.run is not None:
            self.run.command.look(picture, self.picture, now_s, self.entry)
            self._look_at_values(self.run, policy, now_s)
        self.proven_ma = self._proven(policy, now_s)
        self.wake_s = self._next_look_s(policy, now_s)

    def _look_at_transaction(self, policy: Policy) -> None:
        running = self.picture.transaction
        if running is None:
            self.run = None
        elif self.run is None or self.run.transaction.transaction_id != running.transaction_id:
            self.run = Run(
                running,
                Command(self.connector, policy),
                Demand(self.connector, policy),
                Turn(policy, float(running.received.utc_ms)),
            )
            self._measured.clear()
            self._unphased = None
            # values of an earlier transaction say nothing about this one
            self._values = None if running.adopted else self.picture.values
        elif self.run.transaction is not running:
            self.run = self.run._replace(transaction=running)

    def _look_at_values(self, run: Run, policy: Policy, now_s: float) -> None:
        values = self.picture.values
        if values is None or values is self._values:
            return
        self._values = values
        if values.current_ma is None:
            return
        drawn_ma = values.current_ma.largest(ZERO)
        if "current_ma" in values.derived:
            # one figure put on every phase, also on those that are not wired
            wired = self.connector.conductors
            drawn_ma = PerPhase(drawn_ma.l1 * wired[0], drawn_ma.l2 * wired[1], drawn_ma.l3 * wired[2])
        if self._is_unphased(values, drawn_ma):
            self._unphased = (values.at.mono_s, max(drawn_ma))
        else:
            self._measured.append((values.at.mono_s, drawn_ma))
        before = run.demand.terminals
        run.demand.measured(
            drawn_ma, run.command.latest_ma(now_s), run.command.ceiling_ma(now_s), run.command.settled(now_s), now_s
        )
        if any(used and not known for used, known in zip(run.demand.terminals, before, strict=True)):
            self.urgent = True

    def _is_unphased(self, values: ValuesReported, drawn_ma: PerPhase) -> bool:
        """Whether nobody knows which of several conductors carry it: an upper bound on each, proof of none."""
        carrying = {drawn_ma[terminal] for terminal in range(3) if self.connector.conductors[terminal]}
        return "current_ma" in values.derived and sum(self.connector.conductors) > 1 and len(carrying) == 1

    def _next_look_s(self, policy: Policy, now_s: float) -> float:
        if self.run is None:
            return float("inf")
        times = [self.run.command.wake_s(now_s)]
        if self._measured:
            times.append(self._measured[0][0] + policy.settle_s)
            times.append(self._measured[-1][0] + policy.values_stale_s)
        over_s = self.run.demand.overdrawn_at_s
        if over_s is not None:
            times.append(over_s)
        return min((time_s for time_s in times if time_s > now_s), default=float("inf"))

    def measured(self, policy: Policy, now_s: float) -> tuple[float, PerPhase] | None:
        """When and what the charger reported last, at its terminals, unless that is too long ago."""
        if not self._measured or now_s >= self._measured[-1][0] + policy.values_stale_s:
            return None
        return self._measured[-1]

    def _proven(self, policy: Policy, now_s: float) -> PerPhase:
        while len(self._measured) > 1 and now_s >= self._measured[0][0] + policy.settle_s:
            del self._measured[0]
        if self.run is None or self.measured(policy, now_s) is None:
            return ZERO
        least_ma = self._measured[0][1]
        for _, drawn_ma in self._measured[1:]:
            least_ma = least_ma.smallest(drawn_ma)
        if not self.run.demand.overdrawn(now_s):
            least_ma = least_ma.smallest(same_on_all(self.run.command.lowest_lately_ma()))
        return self._on_site(least_ma)

    def likely(self, policy: Policy, now_s: float) -> tuple[PerPhase, PerPhase]:
        """What it draws now, as far as anyone can tell: likely, and cautious (never above likely)."""
        run = self.run
        if run is None:
            return ZERO, ZERO
        ceiling_ma = run.command.ceiling_ma(now_s)
        newest = self.measured(policy, now_s)
        if newest is None:
            return self._unmeasured(run, policy, ceiling_ma, now_s)
        measured_s, drawn_ma = newest
        if run.demand.overdrawn(now_s):
            return self._on_site(drawn_ma), self._on_site(drawn_ma)
        likely_ma = drawn_ma.smallest(same_on_all(ceiling_ma))
        cautious_ma = drawn_ma.smallest(same_on_all(run.command.followed_ma(now_s)))
        from_ma = run.command.rising_from_ma(measured_s)
        # whoever is out of reach or answers nothing will not tell soon that it did not follow
        heard = self.entry is not None and self.entry.linked and not run.command.silent(now_s)
        if heard and from_ma is not None and max(drawn_ma) >= from_ma - policy.demand_slack_ma:
            # it was held back by its old limit: it follows the new one now
            likely_ma = likely_ma.largest(self._on_terminals(run, run.command.latest_ma(now_s)))
        return self._on_site(likely_ma), self._on_site(cautious_ma)

    def _unmeasured(self, run: Run, policy: Policy, ceiling_ma: int, now_s: float) -> tuple[PerPhase, PerPhase]:
        if self.picture.status in _NOT_DRAWING:
            return ZERO, ZERO
        likely_ma = ceiling_ma if run.command.settling else run.command.latest_ma(now_s)
        from_ma = run.command.rising_from_ma(now_s)
        if from_ma is None and self._unphased is not None and now_s < self._unphased[0] + policy.values_stale_s:
            likely_ma = min(likely_ma, self._unphased[1])
        cautious_ma = likely_ma if from_ma is None else min(from_ma, likely_ma)
        return (
            self._on_site(self._on_terminals(run, likely_ma)),
            self._on_site(self._on_terminals(run, cautious_ma)),
        )

    @staticmethod
    def _on_terminals(run: Run, current_ma: int) -> PerPhase:
        used = run.demand.terminals
        return PerPhase(current_ma * used[0], current_ma * used[1], current_ma * used[2])

    def _on_site(self, at_terminals: PerPhase) -> PerPhase:
        """On the site's phases; with unknown wiring only what certainly flows on each of them."""
        if self.connector.rotation is Rotation.UNKNOWN:
            return same_on_all(min(at_terminals))
        return to_site_frame(self.connector.rotation, at_terminals)

    def loads(self) -> Memberships:
        """The rows it takes from now: of the phases that the car uses."""
        if self.run is None:
            return self.wired
        terminals = self.run.demand.terminals
        if terminals == self.connector.conductors or self.connector.rotation is Rotation.UNKNOWN:
            return self.wired
        phases = site_phases(self.connector.rotation, terminals)
        return self._rows.memberships(self.connector.circuit, phases, sum(terminals) < 3)
