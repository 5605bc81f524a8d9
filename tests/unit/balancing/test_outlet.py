"""What a connector is taken to draw: proven for raising others, likely for lowering, cautious in an overload."""

from __future__ import annotations

from chargemon_edge.balancing.outlet import Outlet
from chargemon_edge.balancing.plan import Order
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.balancing.rows import Rows
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.fold import apply
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.units import PerPhase, Rotation, same_on_all
from tests.unit.balancing.scene import ONE_PHASE, simple_site

POLICY = Policy()


class Watched:
    """One connector with a running transaction, looked at whenever something is said of it."""

    def __init__(self, rotation: Rotation = Rotation.L1L2L3, *, one_phase: bool = False) -> None:
        site = simple_site(1, rotation=rotation, conductors=ONE_PHASE if one_phase else (True, True, True))
        key, connector = next(iter(site.connectors.items()))
        self.outlet = Outlet(key, site.charge_points[0], connector, Rows(site))
        self.picture = SitePicture(started=Moment(0.0, 0))
        self.now_s = 0.0
        self.say(facts.LinkOpened(at=self.at, charge_point="a", remote="127.0.0.1"))
        self.say(facts.FailSafeHeld(at=self.at, charge_point="a", connector=1, fallback_ma=6_000))
        self.say(
            facts.TransactionStarted(
                at=self.at,
                charge_point="a",
                connector=1,
                transaction_id=1,
                id_tag="tag",
                id_tag_status="Accepted",
                meter_start_wh=0,
                started_utc_ms=None,
                started_text="",
            )
        )

    @property
    def at(self) -> Moment:
        return Moment(self.now_s, 0)

    def say(self, fact: Fact) -> None:
        self.picture = apply(self.picture, fact)
        self.outlet.look(self.picture, POLICY, self.now_s)

    def holds(self, limit_ma: int) -> None:
        self.say(
            facts.LimitHeld(
                at=self.at,
                charge_point="a",
                connector=1,
                transaction_id=1,
                limit_ma=limit_ma,
                fallback_ma=6_000,
                lease_s=120.0,
                sent_mono_s=self.now_s,
            )
        )

    def reports(self, *current_ma: int, derived: bool = False) -> None:
        self.say(
            facts.ValuesReported(
                at=self.at,
                charge_point="a",
                connector=1,
                current_ma=PerPhase(*current_ma),
                derived=("current_ma",) if derived else (),
            )
        )

    def after(self, seconds: float) -> Watched:
        self.now_s += seconds
        self.outlet.look(self.picture, POLICY, self.now_s)
        return self


def steady(limit_ma: int = 16_000) -> Watched:
    """It has held this limit for long, and draws it."""
    watched = Watched()
    watched.after(1).holds(limit_ma)
    watched.after(20).reports(limit_ma, limit_ma, limit_ma)
    return watched.after(10)


def test_nothing_reported_proves_nothing() -> None:
    watched = Watched()
    watched.after(1).holds(16_000)

    assert watched.after(20).outlet.proven_ma == same_on_all(0)


def test_nothing_reported_is_likely_what_it_may_draw() -> None:
    watched = Watched()
    watched.after(1).holds(16_000)
    watched.after(20)

    assert watched.outlet.likely(POLICY, watched.now_s) == (same_on_all(16_000), same_on_all(16_000))


def test_the_lowest_report_of_the_settling_time_is_proven() -> None:
    watched = steady()
    watched.reports(9_000, 16_000, 16_000)
    watched.after(5).reports(16_000, 12_000, 16_000)

    assert watched.outlet.proven_ma == PerPhase(9_000, 12_000, 16_000)
    assert watched.after(6).outlet.proven_ma == PerPhase(16_000, 12_000, 16_000)


def test_no_more_is_proven_than_the_lowest_command_of_the_settling_time() -> None:
    watched = steady()
    watched.holds(7_000)

    # reported before: it cannot draw that any more
    assert watched.after(12).outlet.proven_ma == same_on_all(7_000)
    watched.holds(12_000)
    assert watched.after(5).outlet.proven_ma == same_on_all(7_000)
    assert watched.after(5).outlet.proven_ma == same_on_all(12_000)


def test_a_report_of_two_minutes_ago_proves_nothing() -> None:
    watched = steady()

    assert watched.after(POLICY.values_stale_s).outlet.proven_ma == same_on_all(0)


def test_a_report_of_an_earlier_transaction_proves_nothing() -> None:
    watched = steady()
    watched.say(
        facts.TransactionStopped(
            at=watched.at,
            charge_point="a",
            connector=1,
            transaction_id=1,
            meter_stop_wh=1,
            stopped_utc_ms=None,
            reason="Local",
        )
    )
    assert watched.outlet.proven_ma == same_on_all(0)
    watched.say(
        facts.TransactionStarted(
            at=watched.at,
            charge_point="a",
            connector=1,
            transaction_id=2,
            id_tag="tag",
            id_tag_status="Accepted",
            meter_start_wh=1,
            started_utc_ms=None,
            started_text="",
        )
    )
    assert watched.after(20).outlet.proven_ma == same_on_all(0)


def test_a_decrease_is_likely_not_followed_before_it_must_be() -> None:
    watched = steady()
    watched.holds(7_000)

    assert watched.after(4).outlet.likely(POLICY, watched.now_s) == (same_on_all(16_000), same_on_all(16_000))
    # in an overload cars are believed to be as quick as they must be
    assert watched.after(2).outlet.likely(POLICY, watched.now_s) == (same_on_all(16_000), same_on_all(7_000))
    assert watched.after(5).outlet.likely(POLICY, watched.now_s) == (same_on_all(7_000), same_on_all(7_000))


def test_an_increase_is_likely_followed_but_not_in_an_overload() -> None:
    watched = steady()
    watched.holds(20_000)

    assert watched.after(1).outlet.likely(POLICY, watched.now_s) == (same_on_all(20_000), same_on_all(16_000))


def test_an_increase_of_a_charger_out_of_reach_is_not_believed_to_be_followed() -> None:
    watched = steady()
    watched.holds(20_000)
    watched.after(2).say(facts.LinkClosed(at=watched.at, charge_point="a", reason="gone"))

    assert watched.outlet.likely(POLICY, watched.now_s) == (same_on_all(16_000), same_on_all(16_000))
    watched.say(facts.LinkOpened(at=watched.at, charge_point="a", remote="127.0.0.1"))
    assert watched.outlet.likely(POLICY, watched.now_s) == (same_on_all(20_000), same_on_all(16_000))


def test_an_increase_that_is_not_answered_in_time_is_not_believed_to_be_followed() -> None:
    watched = steady()
    order = Order(
        key=watched.outlet.key, transaction_id=1, limit_ma=20_000, fallback_ma=6_000, lease_s=120, reason="more"
    )
    assert watched.outlet.run is not None
    watched.outlet.run.command.handed_over(order, watched.now_s)

    watched.after(POLICY.answer_patience_s)
    assert watched.outlet.likely(POLICY, watched.now_s) == (same_on_all(20_000), same_on_all(16_000))
    watched.after(0.1)
    assert watched.outlet.likely(POLICY, watched.now_s) == (same_on_all(16_000), same_on_all(16_000))


def test_a_car_that_did_not_use_its_limit_does_not_follow_an_increase() -> None:
    watched = steady()
    watched.reports(9_000, 9_000, 9_000)
    watched.holds(20_000)

    assert watched.after(1).outlet.likely(POLICY, watched.now_s) == (same_on_all(9_000), same_on_all(9_000))


def test_currents_are_put_on_the_phases_they_flow_on() -> None:
    watched = Watched(Rotation.L2L3L1)
    watched.after(1).holds(16_000)
    watched.after(20).reports(1_000, 2_000, 3_000)

    assert watched.outlet.proven_ma == PerPhase(3_000, 1_000, 2_000)


def test_with_unknown_wiring_only_what_flows_everywhere_is_proven() -> None:
    watched = Watched(Rotation.UNKNOWN)
    watched.after(1).holds(16_000)
    watched.after(20).reports(8_000, 2_000, 3_000)
    assert watched.outlet.proven_ma == same_on_all(2_000)

    single = Watched(Rotation.UNKNOWN, one_phase=True)
    single.after(1).holds(16_000)
    single.after(20).reports(16_000, 0, 0)
    assert single.outlet.proven_ma == same_on_all(0)


def unphased(*, one_phase: bool) -> Watched:
    """It has held 16 A for long and reports one figure, put on every phase."""
    watched = Watched(one_phase=one_phase)
    watched.holds(16_000)
    watched.after(60.0)
    watched.reports(10_000, 10_000, 10_000, derived=True)
    return watched


def test_a_figure_without_phases_proves_nothing_where_several_are_wired() -> None:
    watched = unphased(one_phase=False)

    assert watched.outlet.proven_ma == PerPhase(0, 0, 0)
    assert watched.outlet.likely(POLICY, watched.now_s)[0] == same_on_all(10_000)


def test_a_figure_without_phases_is_exact_where_only_one_is_wired() -> None:
    watched = unphased(one_phase=True)

    assert watched.outlet.proven_ma == PerPhase(10_000, 0, 0)
    assert watched.outlet.likely(POLICY, watched.now_s)[0] == PerPhase(10_000, 0, 0)


def test_a_figure_without_phases_is_forgotten_when_it_is_old() -> None:
    watched = unphased(one_phase=False)

    watched.after(60.0).holds(16_000)
    watched.after(POLICY.values_stale_s - 59.0)

    assert watched.outlet.likely(POLICY, watched.now_s)[0] == same_on_all(16_000)


def test_currents_derived_from_the_power_of_each_phase_are_measured() -> None:
    watched = Watched()
    watched.holds(16_000)
    watched.after(60.0)

    watched.reports(15_900, 15_800, 100, derived=True)

    assert watched.outlet.proven_ma == PerPhase(15_900, 15_800, 100)
