"""The control law: from picture to orders, on two clocks. Remembers what must be remembered between two looks.

The fast path runs on every meter sample and only lowers; the slow path divides anew and may raise. Must never raise on
an increase that rests on a decrease nobody confirmed, on a meter that is not good, or beyond what every fuse leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chargemon_edge.balancing.allocate import Contender, Problem, allocate
from chargemon_edge.balancing.background import Drawn, MeasuredCircuit
from chargemon_edge.balancing.outlet import Outlet, Run
from chargemon_edge.balancing.plan import CircuitUse, ConnectorLimit, Decision, Order, Plan
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.balancing.reasons import Case, explain, queues
from chargemon_edge.balancing.rows import Rows, add_load, amperes, why_not_armed
from chargemon_edge.balancing.share import Share, give
from chargemon_edge.balancing.standing import Counted, standing
from chargemon_edge.site import facts, upstream_facts
from chargemon_edge.site.layout import Connector, ConnectorKey, Site
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.site_limit import cap
from chargemon_edge.site.units import ZERO, PerPhase

_ACCEPTED = "Accepted"
# after these somebody may have to come down before the next slow tick
URGENT: frozenset[type[facts.Fact]] = frozenset(
    (
        facts.LinkClosed,
        facts.StatusReported,
        facts.TransactionStarted,
        facts.LimitRefused,
        facts.MeterLost,
        upstream_facts.ConnectorCapped,
        upstream_facts.SiteLimitTaken,
        upstream_facts.SiteFailsafeBegun,
        upstream_facts.SiteLimitEnded,
    )
)
"""Whoever feeds :meth:`Regulator.fact` must not leave one of these out."""


class Regulator:
    """Decides who may draw how much. Hand in every picture with the monotonic time at which it is looked at."""

    def __init__(self, site: Site, policy: Policy) -> None:
        self.site = site
        self.policy = policy
        self._rows = Rows(site)
        reason = why_not_armed(self._rows)
        # whether the fallback currents are proven to fit; without that nothing is ever ordered
        self.armed: bool = reason is None
        # why not, or what state balancing is in
        self.why: str = reason or "starting"
        self._meters = [MeasuredCircuit(place, self._rows, policy) for place in site.meters]
        self._outlets = {
            key: Outlet(key, site.charge_point_by_identity[key.charge_point], connector, self._rows)
            for key, connector in site.connectors.items()
        }
        self._behind = {key: self._meters_above(outlet) for key, outlet in self._outlets.items()}
        # the last decision; None before the first
        self._plan: Plan | None = None
        self._urgent = True
        # somebody outside the site lets less flow through the main fuse
        self._limited = False

    def _meters_above(self, outlet: Outlet) -> tuple[MeasuredCircuit, ...]:
        above = {circuit.name for circuit in self.site.path_to_root(outlet.connector.circuit)}
        return tuple(meter for meter in self._meters if meter.circuit in above)

    def fact(self, fact: facts.Fact) -> None:
        """Tell of a fact after it was folded into the picture; optional: makes the next sample decide anew."""
        if type(fact) in URGENT:
            self._urgent = True

    def sample(self, picture: SitePicture, now_s: float) -> Decision:
        """The fast path, on each meter sample: only lowers, and costs little while no fuse is overloaded."""
        if not self.armed:
            return Decision(plan=self._plan or self._unarmed(now_s))
        self._look(picture, now_s)
        if self._plan is not None and not self._urgent and not any(meter.overloaded for meter in self._meters):
            return Decision(plan=self._plan)
        return self._decide(picture, now_s, may_raise=False)

    def tick(self, picture: SitePicture, now_s: float, *, may_raise: bool = True) -> Decision:
        """The slow path, every slow period and on events: divides anew, may raise, then also renews leases."""
        if not self.armed:
            return Decision(plan=self._unarmed(now_s))
        self._look(picture, now_s)
        return self._decide(picture, now_s, may_raise=may_raise)

    def take_over(self, picture: SitePicture, unanswered: Iterable[Order], now_s: float) -> None:
        """Begin in the middle: with limits that chargers hold by *picture*, and orders that are on their way."""
        self._look(picture, now_s)
        for order in unanswered:
            if order.key in self._outlets:
                self.sent(order, now_s)

    def sent(self, order: Order, now_s: float) -> None:
        """*order* was handed to the charger's slot at *now_s*: from now on it may be in force."""
        outlet = self._outlets[order.key]
        if outlet.run is not None and outlet.run.transaction.transaction_id == order.transaction_id:
            outlet.run.command.handed_over(order, now_s)
            outlet.wake_s = now_s

    def _unarmed(self, now_s: float) -> Plan:
        limits = {
            key: ConnectorLimit(limit_ma=outlet.connector.fallback_ma, source="fail-safe", reason=self.why)
            for key, outlet in self._outlets.items()
        }
        self._plan = Plan(at_mono_s=now_s, armed=False, why=self.why, limits=limits)
        return self._plan

    def _look(self, picture: SitePicture, now_s: float) -> None:
        if picture.limits or self._limited:
            self._rows.limit(cap(tuple(picture.limits.values()), now_s))
            self._limited = bool(picture.limits)
        charge_points = picture.charge_points
        for key, outlet in self._outlets.items():
            if charge_points.get(key.charge_point) is not outlet.entry or now_s >= outlet.wake_s:
                before_ma = outlet.proven_ma
                outlet.look(picture, self.policy, now_s)
                if outlet.proven_ma != before_ma:
                    for meter in self._behind[key]:
                        for phase in range(3):
                            meter.proven_ma[phase] += outlet.proven_ma[phase] - before_ma[phase]
                if outlet.urgent:
                    self._urgent, outlet.urgent = True, False
        for meter in self._meters:
            meter.look(picture.meters.get(meter.meter), picture.started.mono_s, now_s)

    def _decide(self, picture: SitePicture, now_s: float, *, may_raise: bool) -> Decision:
        self._urgent = False
        self.why = self._state()
        counted: dict[ConnectorKey, Counted] = {}
        shares: list[Share] = []
        reserved_ma = [0] * len(self._rows.rows)
        doubted_ma = list(reserved_ma)
        for key, outlet in self._outlets.items():
            self._keep_turn(outlet, now_s)
            reserve = standing(outlet, picture, self.policy, now_s) or self._before_first_sample(outlet, now_s)
            if reserve is None:
                assert outlet.run is not None
                shares.append(self._share(outlet, outlet.run, now_s, may_raise=may_raise))
            else:
                counted[key] = reserve
                add_load(reserved_ma, outlet.wired, reserve.amount_ma)
                add_load(doubted_ma, outlet.wired, reserve.doubt_ma)
        room_ma = self._room(reserved_ma, shares, now_s)
        free_ma = [room - reserved for room, reserved in zip(room_ma, reserved_ma, strict=True)]
        shares.sort(key=lambda share: (share.contender.priority, share.contender.rank, share.outlet.key))
        division = allocate(Problem(free_ma, [share.contender for share in shares], self.policy.mode))
        for share in shares:
            share.grant = division.grants[share.outlet.key]
        sure_ma = [free - doubted for free, doubted in zip(free_ma, doubted_ma, strict=True)]
        give(shares, free_ma, sure_ma, self.policy, now_s)
        limits = self._limits(shares, counted, divided=may_raise)
        orders = self._again(counted, free_ma, now_s) + self._orders(shares, limits, now_s, renew=may_raise)
        circuits = self._circuits(room_ma, reserved_ma, shares)
        self._plan = Plan(at_mono_s=now_s, armed=True, why=self.why, limits=limits, circuits=circuits)
        return Decision(plan=self._plan, orders=tuple(orders))

    def _state(self) -> str:
        for state, words in (
            ("lost", "meter lost: fallback current behind {}"),
            ("back", "meter back: fallback current until readings of {} have lasted"),
            ("starting", "starting: no reading of {} yet"),
            ("stale", "no increase: last reading of {} is too old"),
        ):
            names = [f"'{meter.meter}'" for meter in self._meters if meter.state == state]
            if names:
                return words.format(", ".join(names))
        return "balancing"

    def _room(self, reserved_ma: list[int], shares: list[Share], now_s: float) -> list[int]:
        """What every row leaves to our chargers, counted and asking together."""
        room_ma = [
            row.usable_ma - constant_ma
            for row, constant_ma in zip(self._rows.rows, self._rows.constant_ma, strict=True)
        ]
        if self._meters:
            in_force_ma = list(reserved_ma)
            for share in shares:
                add_load(in_force_ma, share.loads, share.ceiling_ma)
            drawn = self._drawn(now_s)
            for meter in self._meters:
                meter.room(room_ma, in_force_ma, drawn[meter.circuit], now_s)
        return room_ma

    def _drawn(self, now_s: float) -> dict[str, Drawn]:
        drawn = {meter.circuit: Drawn() for meter in self._meters}
        for key, outlet in self._outlets.items():
            likely_ma, cautious_ma = outlet.likely(self.policy, now_s)
            newest = outlet.measured(self.policy, now_s)
            # only what is subtracted for raising must be known for as long as a background is remembered
            counts = newest is not None and outlet.proven_ma != ZERO
            since_s = newest[0] - self.policy.settle_s if newest is not None and counts else float("inf")
            for meter in self._behind[key]:
                before = drawn[meter.circuit]
                drawn[meter.circuit] = Drawn(
                    before.likely_ma.plus(likely_ma),
                    before.cautious_ma.plus(cautious_ma),
                    min(before.known_since_s, since_s),
                )
        return drawn

    def _keep_turn(self, outlet: Outlet, now_s: float) -> None:
        if outlet.run is None:
            return
        latest_ma = outlet.run.command.latest_ma(now_s)
        newest = outlet.measured(self.policy, now_s)
        drawn_ma = latest_ma if newest is None else min(max(newest[1]), latest_ma)
        outlet.run.turn.look(latest_ma, drawn_ma, now_s)
        picture = outlet.picture
        if newest is None and picture.status == "SuspendedEV" and picture.status_at is not None:
            outlet.run.demand.suspended(picture.status_at.mono_s, now_s)

    def _before_first_sample(self, outlet: Outlet, now_s: float) -> Counted | None:
        """Until a meter has spoken for the first time everyone behind it stays as it is."""
        assert outlet.run is not None
        for meter in self._behind[outlet.key]:
            if meter.state == "starting":
                amount_ma = outlet.run.command.ceiling_ma(now_s)
                return Counted(amount_ma, "meter", f"starting: no reading of meter '{meter.meter}' yet")
        return None

    def _share(self, outlet: Outlet, run: Run, now_s: float, *, may_raise: bool) -> Share:
        connector, turn = outlet.connector, run.turn
        least_ma = _least_ma(connector)
        most_ma, capped_by, turned_away = self._wish(outlet, run, least_ma, now_s)
        latest_ma = run.command.latest_ma(now_s)
        if latest_ma == 0 and turn.rests(now_s) and turned_away is None:
            most_ma, turned_away = 0, f"paused a moment ago: stays paused for {self.policy.min_off_s:g} s"
        if not may_raise:
            most_ma = min(most_ma, latest_ma)
        contender = Contender(
            key=outlet.key,
            min_ma=least_ma,
            max_ma=most_ma,
            step_ma=connector.step_ma,
            rows=outlet.loads(),
            rank=turn.rank(run.demand.satisfied, now_s),
            priority=connector.priority - turn.aged(now_s),
            weight=connector.weight,
            keeps=turn.keeps(now_s),
        )
        share = Share(outlet, run, contender, now_s)
        share.capped_by, share.turned_away = capped_by, turned_away
        return share

    def _wish(
        self, outlet: Outlet, run: Run, least_ma: int, now_s: float
    ) -> tuple[int, tuple[str, str] | None, str | None]:
        """The most it can use, what lowered that, and why it gets nothing at all."""
        if run.transaction.id_tag_status != _ACCEPTED:
            return 0, None, f"id tag not accepted ({run.transaction.id_tag_status})"
        most_ma, capped_by = outlet.connector.max_ma, None
        cap_ma = run.demand.cap_ma
        if cap_ma is not None and cap_ma < most_ma:
            most_ma, capped_by = max(cap_ma, least_ma), ("car", f"car takes no more than {amperes(cap_ma)}")
        cap = outlet.picture.cap
        if cap is not None and cap.limit_ma < most_ma:
            words = f"limited to {amperes(cap.limit_ma)} by {cap.by}"
            if cap.limit_ma < least_ma:
                return 0, None, words
            most_ma, capped_by = cap.limit_ma, ("limit", words)
        if run.demand.satisfied:
            most_ma, capped_by = least_ma, ("car", "car takes nothing: kept at its minimum for another try")
        for meter in self._behind[outlet.key]:
            if meter.state in ("lost", "back") and outlet.connector.fallback_ma <= most_ma:
                words = f"meter '{meter.meter}' {meter.state}: fallback current"
                if outlet.connector.fallback_ma == 0:
                    return 0, None, words
                most_ma, capped_by = outlet.connector.fallback_ma, ("meter", words)
            elif meter.state == "stale":
                latest_ma = run.command.latest_ma(now_s)
                if latest_ma < most_ma:
                    words = f"no increase: last reading of meter '{meter.meter}' is too old"
                    most_ma, capped_by = latest_ma, ("meter", words)
        return most_ma, capped_by, None

    def _limits(
        self, shares: list[Share], counted: Mapping[ConnectorKey, Counted], *, divided: bool
    ) -> dict[ConnectorKey, ConnectorLimit]:
        known = {} if self._plan is None or divided else self._plan.limits
        waiting = [
            (share.outlet.key, share.grant.bound)
            for share in shares
            if share.grant.limit_ma == 0 and share.grant.bound is not None
        ]
        queue = queues(waiting)
        found = {
            key: ConnectorLimit(limit_ma=one.amount_ma, source=one.source, reason=one.reason)
            for key, one in counted.items()
        }
        for share in shares:
            key = share.outlet.key
            before = known.get(key)
            if before is not None and before.limit_ma == share.given_ma:
                # the fast path left it alone: why it has what it has is as before
                found[key] = before
                continue
            case = Case(
                key=key,
                limit_ma=share.given_ma,
                target_ma=share.grant.limit_ma,
                max_ma=share.contender.max_ma,
                grant=share.grant,
                turned_away=share.turned_away,
                capped_by=share.capped_by,
                held_back=share.held_back,
            )
            found[key] = explain(case, self._rows.rows, queue)
        return {key: found[key] for key in self._outlets}

    def _orders(
        self, shares: list[Share], limits: Mapping[ConnectorKey, ConnectorLimit], now_s: float, *, renew: bool
    ) -> list[Order]:
        lower: list[Order] = []
        same: list[Order] = []
        higher: list[Order] = []
        for share in shares:
            command = share.command
            reason = limits[share.outlet.key].reason
            if share.given_ma < share.latest_ma:
                lower.append(self._order(share.outlet, share.given_ma, reason))
            elif share.given_ma > share.latest_ma:
                higher.append(self._order(share.outlet, share.given_ma, reason))
            elif renew and (not command.asserted or command.refresh_due(now_s)):
                same.append(self._order(share.outlet, share.given_ma, reason, refresh=command.asserted))
        return lower + same + higher

    def _again(self, counted: Mapping[ConnectorKey, Counted], free_ma: list[int], now_s: float) -> list[Order]:
        """Ask those that did not obey or answer once more, and for less where not even they fit; never for more."""
        orders = []
        for key, one in counted.items():
            outlet = self._outlets[key]
            if not one.reachable or outlet.run is None:
                continue
            command = outlet.run.command
            short_ma = max((-free_ma[row] // weight for row, weight in outlet.wired), default=0)
            lost = any(meter.state in ("lost", "back") for meter in self._behind[key])
            refused_tag = outlet.run.transaction.id_tag_status != _ACCEPTED
            limit_ma = command.retry_ma(now_s)
            if short_ma > 0:
                limit_ma = min(limit_ma, command.ceiling_ma(now_s) - short_ma)
            if lost or refused_tag:
                limit_ma = 0 if refused_tag else min(limit_ma, outlet.connector.fallback_ma)
            limit_ma = _on_grid(outlet.connector, limit_ma)
            less = (short_ma > 0 or lost or refused_tag) and limit_ma < command.ceiling_ma(now_s)
            if command.retry_due(now_s) or (less and command.rested(now_s)):
                orders.append(self._order(outlet, limit_ma, one.reason, refresh=limit_ma == command.latest_ma(now_s)))
        return orders

    def _order(self, outlet: Outlet, limit_ma: int, reason: str, *, refresh: bool = False) -> Order:
        assert outlet.run is not None
        assert limit_ma == 0 or limit_ma >= outlet.connector.min_ma, "never a limit between 0 and the minimum"
        return Order(
            key=outlet.key,
            transaction_id=outlet.run.transaction.transaction_id,
            limit_ma=limit_ma,
            fallback_ma=outlet.connector.fallback_ma,
            lease_s=outlet.charge_point.dead_man_s,
            reason=reason,
            refresh=refresh,
        )

    def _circuits(self, room_ma: list[int], reserved_ma: list[int], shares: list[Share]) -> dict[str, CircuitUse]:
        granted_ma = [0] * len(room_ma)
        for share in shares:
            add_load(granted_ma, share.loads, share.given_ma)
        uses = {}
        for circuit in self.site.circuits:
            where = self._rows.by_circuit[circuit.name].phases
            usable_ma = PerPhase(*(self._rows.rows[row].usable_ma for row in where))
            uses[circuit.name] = CircuitUse(
                fuse_ma=circuit.fuse_ma,
                usable_ma=usable_ma,
                background_ma=usable_ma.minus(PerPhase(*(room_ma[row] for row in where))),
                reserved_ma=PerPhase(*(reserved_ma[row] for row in where)),
                granted_ma=PerPhase(*(granted_ma[row] for row in where)),
            )
        return uses


def _least_ma(connector: Connector) -> int:
    """What a connector can hold are multiples of its step: the lowest of them that is not below its minimum."""
    return -(-connector.min_ma // connector.step_ma) * connector.step_ma


def _on_grid(connector: Connector, limit_ma: int) -> int:
    return 0 if limit_ma < _least_ma(connector) else limit_ma - limit_ma % connector.step_ma
