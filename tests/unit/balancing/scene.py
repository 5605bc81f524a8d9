"""A site on a table: facts are said in one line each, time passes when told, chargers answer unless told otherwise."""

from __future__ import annotations

from chargemon_edge.balancing.plan import ConnectorLimit, Decision, Order
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.balancing.regulator import Regulator
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.fold import apply
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector, ConnectorKey, MeterPlace, Site
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.units import PerPhase, Rotation, same_on_all

ONE_PHASE = (True, False, False)
START_S = 1_000.0


def simple_site(
    count: int = 2,
    *,
    fuse_a: int = 63,
    background_a: int = 20,
    fallback_a: int = 6,
    meter: bool = True,
    conductors: tuple[bool, bool, bool] = (True, True, True),
    rotation: Rotation = Rotation.L1L2L3,
    quiet: tuple[str, ...] = (),
    step_ma: int = 100,
    max_a: int = 32,
) -> Site:
    """One main fuse with *count* charge points named a, b, c, …"""
    return Site(
        circuits=(
            Circuit(name="main", fuse_ma=same_on_all(fuse_a * 1000), background_ma=same_on_all(background_a * 1000)),
        ),
        charge_points=tuple(
            ChargePoint(
                identity=name,
                quiet=name in quiet,
                connectors=(
                    Connector(
                        number=1,
                        circuit="main",
                        conductors=conductors,
                        rotation=rotation,
                        fallback_ma=fallback_a * 1000,
                        step_ma=step_ma,
                        max_ma=max_a * 1000,
                    ),
                ),
            )
            for name in "abcdefghijklmnopqrstuvwxyz"[:count]
        ),
        meters=(MeterPlace(name="grid", circuit="main"),) if meter else (),
    )


class Scene:
    """The regulator at work on a site whose facts the test makes up."""

    def __init__(self, site: Site, policy: Policy | None = None, picture: SitePicture | None = None) -> None:
        self.site = site
        self.policy = policy or Policy()
        self.now_s = START_S
        self.picture = picture or SitePicture(started=Moment(START_S, 1_700_000_000_000))
        self.regulator = Regulator(site, self.policy)
        # charge points that do not answer
        self.deaf: set[str] = set()
        self.transactions = 0
        self.orders: list[tuple[float, Order]] = []
        # what each connector draws, and the rest of the site
        self.drawn_ma: dict[str, PerPhase] = {}
        self.load_ma = same_on_all(0)
        self.metered = True

    @property
    def at(self) -> Moment:
        return Moment(self.now_s, 1_700_000_000_000 + int((self.now_s - START_S) * 1000))

    def say(self, *new: Fact) -> None:
        for fact in new:
            self.picture = apply(self.picture, fact)
            self.regulator.fact(fact)

    def link(self, *names: str, fail_safe: bool = True, status: str = "Available") -> None:
        for name in names:
            self.say(facts.LinkOpened(at=self.at, charge_point=name, remote="127.0.0.1"))
            for connector in self.site.charge_point_by_identity[name].connectors:
                self.status(name, status, connector.number)
                if fail_safe:
                    self.say(
                        facts.FailSafeHeld(
                            at=self.at, charge_point=name, connector=connector.number, fallback_ma=connector.fallback_ma
                        )
                    )

    def unlink(self, name: str) -> None:
        self.say(facts.LinkClosed(at=self.at, charge_point=name, reason="gone"))

    def status(self, name: str, status: str, number: int = 1) -> None:
        self.say(
            facts.StatusReported(at=self.at, charge_point=name, connector=number, status=status, error_code="NoError")
        )

    def start(self, *names: str, tag_status: str = "Accepted") -> None:
        for name in names:
            self.transactions += 1
            self.status(name, "Charging")
            self.say(
                facts.TransactionStarted(
                    at=self.at,
                    charge_point=name,
                    connector=1,
                    transaction_id=self.transactions,
                    id_tag="tag",
                    id_tag_status=tag_status,
                    meter_start_wh=0,
                    started_utc_ms=None,
                    started_text="",
                )
            )

    def stop(self, name: str) -> None:
        running = self.picture.connector(name, 1).transaction
        assert running is not None
        self.say(
            facts.TransactionStopped(
                at=self.at,
                charge_point=name,
                connector=1,
                transaction_id=running.transaction_id,
                meter_stop_wh=1,
                stopped_utc_ms=None,
                reason="Local",
            )
        )

    def draws(self, name: str, *amperes: float) -> None:
        """The car draws this at the charger's terminals from now on."""
        self.drawn_ma[name] = PerPhase(*(int(value * 1000) for value in amperes))

    def report(self, name: str) -> None:
        """The charger reports what its car draws."""
        self.say(
            facts.ValuesReported(
                at=self.at, charge_point=name, connector=1, current_ma=self.drawn_ma.get(name, same_on_all(0))
            )
        )

    def load(self, *amperes: float) -> None:
        """What is not a charger draws this from now on, on each phase."""
        values = amperes * 3 if len(amperes) == 1 else amperes
        self.load_ma = PerPhase(*(int(value * 1000) for value in values))

    def read(self) -> Decision:
        """The meter is read: the fast path."""
        total = self.load_ma
        for drawn in self.drawn_ma.values():
            total = total.plus(drawn)
        self.say(facts.MeterRead(at=self.at, meter="grid", current_ma=total))
        return self.send(self.regulator.sample(self.picture, self.now_s))

    def tick(self) -> Decision:
        return self.send(self.regulator.tick(self.picture, self.now_s))

    def send(self, decision: Decision) -> Decision:
        for order in decision.orders:
            self.orders.append((self.now_s, order))
            self.regulator.sent(order, self.now_s)
            if order.key.charge_point not in self.deaf:
                self.accept(order)
        return decision

    def accept(self, order: Order) -> None:
        self.say(
            facts.LimitHeld(
                at=self.at,
                charge_point=order.key.charge_point,
                connector=order.key.number,
                transaction_id=order.transaction_id,
                limit_ma=order.limit_ma,
                fallback_ma=order.fallback_ma,
                lease_s=order.lease_s,
                sent_mono_s=self.now_s,
            )
        )

    def refuse(self, name: str, limit_ma: int, outcome: str = "Rejected") -> None:
        self.say(facts.LimitRefused(at=self.at, charge_point=name, connector=1, limit_ma=limit_ma, outcome=outcome))

    def run(self, seconds: int, *, follow: bool = True) -> None:
        """Time passes: a sample every second, a tick and the chargers' values every ten; cars follow at once."""
        for _ in range(seconds):
            self.now_s += 1.0
            if follow:
                self.follow()
            if self.metered and self.site.meters:
                self.read()
            if int(self.now_s) % 10 == 0:
                if follow:
                    for name in self.drawn_ma:
                        if self.picture.charge_points[name].linked:
                            self.report(name)
                self.tick()

    def follow(self) -> None:
        """Every car with a transaction draws what its charger allows, on all wired terminals."""
        for key, connector in self.site.connectors.items():
            known = self.picture.connector(key.charge_point, key.number)
            if known.transaction is None:
                self.drawn_ma.pop(key.charge_point, None)
                continue
            limit_ma = connector.fallback_ma if known.held is None else known.held.limit_ma
            used = connector.conductors
            self.drawn_ma[key.charge_point] = PerPhase(limit_ma * used[0], limit_ma * used[1], limit_ma * used[2])

    def limit(self, name: str) -> ConnectorLimit:
        plan = self.regulator.tick(self.picture, self.now_s).plan
        return plan.limits[ConnectorKey(name, 1)]

    def held_ma(self, name: str) -> int | None:
        held = self.picture.connector(name, 1).held
        return None if held is None else held.limit_ma

    def orders_since(self, moment_s: float) -> list[Order]:
        return [order for at_s, order in self.orders if at_s >= moment_s]
