"""From picture and plan to the page: nothing unknown becomes a zero, nothing old looks new."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from chargemon_edge import SUPPORTED_UNTIL
from chargemon_edge.control.certification import Due
from chargemon_edge.control.not_taken import Instead, NotTaken
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.fold import apply
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector, Site
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.rollout import Campaign, CampaignState, Rules, Update
from chargemon_edge.site.rollout_facts import CampaignRecorded, UpdateRecorded
from chargemon_edge.site.units import ZERO, PerPhase, Rotation, same_on_all
from chargemon_edge.web.alarms import MISTAKES_SHOWN_MAX
from chargemon_edge.web.shapes import ConnectorView, Severity, SiteView
from chargemon_edge.web.view import health_view, site_view
from tests.unit.web.example import (
    NOW,
    PLAN,
    SITE,
    START,
    after,
    held,
    meter_read,
    picture,
    reported,
    started,
    status,
)


def view_after(*more: Fact) -> SiteView:
    """The example with *more* folded in."""
    return site_view(SITE, picture(more), PLAN, NOW, 7)


def connector(view: SiteView, label: str) -> ConnectorView:
    """That connector of the view."""
    return next(one for one in view.connectors if one.label == label)


def codes(view: SiteView) -> list[str]:
    """The alarms that stand, worst first."""
    return [alarm.code for alarm in view.alarms]


def test_every_connector_is_shown_in_the_order_of_the_configuration() -> None:
    labels = [one.label for one in view_after().connectors]

    assert labels == ["GATE-1", "GARAGE-A/1", "GARAGE-A/2", "GARAGE-B", "GARAGE-C", "YARD"]


def test_a_charging_connector_shows_allowed_drawn_and_why() -> None:
    shown = connector(view_after(), "GATE-1")

    assert (shown.state, shown.words) == ("charging", "Charging")
    assert (shown.allowed_ma, shown.target_ma) == (16_000, 16_000)
    assert shown.measured_ma == PerPhase(15_600, 15_500, 15_400)
    assert shown.measured_age_s == 8.0
    assert (shown.source, shown.reason) == ("main", "shared fuse 'main' on L1")
    assert shown.transaction is not None
    assert shown.transaction.energy_wh == 10_420
    assert shown.transaction.duration_s == 3_501


def test_a_charge_point_that_is_being_updated_says_so_unless_it_charges() -> None:
    def under_way(identity: str) -> Fact:
        return UpdateRecorded(
            at=after(3_590), update=Update(campaign=3, charge_point=identity, place=0, wave=0), under_way=True
        )

    view = view_after(under_way("YARD"), under_way("GATE-1"))

    assert [one.updating for one in view.charge_points if one.identity == "YARD"] == ["firmware update of campaign 3"]
    assert connector(view, "YARD").state == "updating"
    assert connector(view, "GATE-1").state == "charging"


def test_a_charge_point_that_restarts_into_new_firmware_is_no_alarm() -> None:
    def moved(under_way: bool) -> Fact:
        update = Update(campaign=3, charge_point="YARD", place=0, wave=0)
        return UpdateRecorded(at=after(3_590), update=update, under_way=under_way)

    gone = facts.LinkClosed(at=after(3_595), charge_point="YARD", reason="gone")

    def offline(view: SiteView) -> bool:
        return ("offline", "YARD") in {(alarm.code, alarm.subject) for alarm in view.alarms}

    assert not offline(view_after(moved(under_way=True), gone))
    assert offline(view_after(moved(under_way=True), gone, moved(under_way=False)))


def test_a_campaign_that_stopped_waits_for_a_person() -> None:
    def campaign(state: CampaignState) -> Fact:
        made = Campaign(
            number=3, image="i", version="2", rules=Rules(), by="x", made_utc_ms=0, state=state, why="2 failed"
        )
        return CampaignRecorded(at=after(3_590), campaign=made, by="x")

    assert "campaign_stopped" in codes(view_after(campaign(CampaignState.STOPPED)))
    resumed = view_after(campaign(CampaignState.STOPPED), campaign(CampaignState.RUNNING))
    assert "campaign_stopped" not in codes(resumed)


def test_currents_are_put_on_the_phases_of_the_site() -> None:
    # its terminals L1, L2, L3 are wired to the site's L2, L3, L1
    assert connector(view_after(), "GARAGE-A/1").measured_ma == PerPhase(12_500, 12_700, 12_600)
    assert connector(view_after(), "GARAGE-A/2").phases == (False, False, True)


def test_an_unknown_rotation_loads_every_phase() -> None:
    wired = Connector(number=1, circuit="main", conductors=(True, False, False), rotation=Rotation.UNKNOWN)
    site = Site(
        circuits=(Circuit(name="main", fuse_ma=same_on_all(32_000)),),
        charge_points=(ChargePoint(identity="A", connectors=(wired,)),),
    )
    folded = SitePicture(started=START)
    for fact in [started("A", 1, 1, after(1)), reported("A", 1, PerPhase(10_000, 0, 0), 5, after(2))]:
        folded = apply(folded, fact)

    shown = site_view(site, folded, None, after(3), 1).connectors[0]

    assert shown.phases == (True, True, True)
    assert shown.measured_ma == same_on_all(10_000)


def test_the_limit_that_is_wanted_is_told_from_the_one_that_is_held() -> None:
    shown = connector(view_after(), "GARAGE-A/1")

    assert (shown.allowed_ma, shown.target_ma) == (13_000, 14_000)


def test_after_its_lease_a_limit_counts_as_the_fallback() -> None:
    shown = connector(view_after(held("GATE-1", 1, 11, 16_000, after(3_479))), "GATE-1")

    assert shown.allowed_ma == 6_000


def test_a_limit_of_another_transaction_is_not_shown() -> None:
    shown = connector(view_after(held("GATE-1", 1, 10, 20_000, after(3_590))), "GATE-1")

    assert shown.allowed_ma is None


def test_without_a_held_limit_the_confirmed_fail_safe_is_what_is_allowed() -> None:
    known = facts.FailSafeHeld(at=after(3_000), charge_point="GARAGE-C", connector=1, fallback_ma=6_000)
    shown = connector(view_after(known, started("GARAGE-C", 1, 15, after(3_590))), "GARAGE-C")

    assert (shown.allowed_ma, shown.measured_ma, shown.power_w) == (6_000, None, None)


def test_a_connector_without_transaction_has_no_limit_and_no_current() -> None:
    shown = connector(view_after(reported("GARAGE-C", 1, same_on_all(9_000), 0, after(3_599))), "GARAGE-C")

    assert (shown.state, shown.transaction) == ("available", None)
    assert (shown.allowed_ma, shown.target_ma, shown.measured_ma) == (None, None, None)


def test_values_of_the_transaction_before_are_not_shown_for_the_next() -> None:
    shown = connector(view_after(started("GATE-1", 1, 16, after(3_595))), "GATE-1")

    assert shown.measured_ma is None
    assert shown.transaction is not None
    assert shown.transaction.energy_wh == 0


def test_values_older_than_two_minutes_are_not_shown() -> None:
    folded = picture()

    shown = connector(site_view(SITE, folded, PLAN, after(3_713), 8), "GATE-1")

    assert shown.measured_ma is None


def test_a_register_that_went_backwards_gives_no_energy() -> None:
    shown = connector(view_after(reported("GATE-1", 1, ZERO, -5, after(3_599))), "GATE-1")

    assert shown.transaction is not None
    assert shown.transaction.energy_wh is None


def test_a_paused_connector_that_is_to_hold_nothing_waits() -> None:
    assert connector(view_after(), "GARAGE-A/2").state == "waiting"
    assert connector(view_after(), "GARAGE-B").state == "suspended_ev"


def test_without_a_link_no_status_is_believed() -> None:
    assert connector(view_after(), "YARD").state == "offline"


def test_a_status_that_no_version_of_the_protocol_knows_is_unknown() -> None:
    assert connector(view_after(status("GATE-1", 1, "Occupied", after(3_599))), "GATE-1").state == "unknown"


def test_an_id_tag_is_masked() -> None:
    text = msgspec.json.encode(view_after())

    assert b"04A2B3C4D5" not in text


def test_charging_adds_up_through_the_tree() -> None:
    main, garage = view_after().circuits

    assert (main.name, main.depth, garage.name, garage.depth) == ("main", 0, "garage", 1)
    assert garage.charging_ma == PerPhase(12_500, 12_700, 12_600)
    assert main.charging_ma == PerPhase(28_100, 28_200, 28_000)
    assert main.usable_ma == same_on_all(60_000)


def test_a_charging_car_whose_charger_reports_nothing_is_counted_as_unknown() -> None:
    main, garage = view_after(started("GARAGE-C", 1, 15, after(3_590))).circuits

    assert (main.charging_unknown, garage.charging_unknown) == (1, 1)


def test_a_circuit_without_meter_has_no_measured_current() -> None:
    main, garage = view_after().circuits

    assert main.measured_ma == PerPhase(52_300, 44_100, 39_800)
    assert garage.measured_ma is None


def test_parents_come_before_children_however_they_are_configured() -> None:
    fuse = same_on_all(20_000)
    site = Site(
        circuits=(
            Circuit(name="shelf", parent="hall", fuse_ma=fuse),
            Circuit(name="hall", parent="main", fuse_ma=fuse),
            Circuit(name="main", fuse_ma=fuse),
        )
    )

    shown = site_view(site, SitePicture(started=START), None, NOW, 1).circuits

    assert [(one.name, one.depth) for one in shown] == [("main", 0), ("hall", 1), ("shelf", 2)]


@pytest.mark.parametrize(
    ("age_s", "state"),
    [(0.0, "good"), (3.0, "good"), (3.1, "stale"), (9.0, "stale")],
)
def test_a_reading_grows_stale(age_s: float, state: str) -> None:
    (meter,) = site_view(SITE, picture(), PLAN, after(3_599.2 + age_s), 7).meters

    assert meter.state == state
    assert meter.age_s == pytest.approx(age_s, abs=0.01)


def test_a_lost_meter_keeps_its_last_reading_but_measures_nothing() -> None:
    view = view_after(facts.MeterLost(at=NOW, meter="grid", reason="no answer for 10 s"))

    assert view.meters[0].state == "lost"
    assert view.meters[0].current_ma == PerPhase(52_300, 44_100, 39_800)
    assert view.circuits[0].measured_ma is None
    assert codes(view) == ["meter_lost", "offline"]
    assert "no answer for 10 s" in view.alarms[0].what


def test_before_the_first_fact_everything_is_shown_as_unknown() -> None:
    view = site_view(SITE, SitePicture(started=START), None, START, 0)

    assert not view.armed
    assert view.why.startswith("starting")
    assert view.meters[0].state == "none"
    assert {one.state for one in view.connectors} == {"offline"}
    assert view.alarms == ()


def test_alarms_come_worst_first() -> None:
    view = view_after(
        meter_read(PerPhase(66_300, 44_000, 40_000), after(3_599.5)),
        facts.LimitRefused(at=NOW, charge_point="GARAGE-B", connector=1, limit_ma=6_000, outcome="NotSupported"),
        facts.StopKept(at=NOW, charge_point="YARD", transaction_id=9, doubt="unknown", raw=b""),
        reported("GATE-1", 1, same_on_all(20_000), 11_000, after(3_599)),
    )

    assert codes(view) == ["over_fuse", "overdraws", "limit_refused", "offline", "stops_kept"]
    assert view.alarms[0].what == "main: L1 above the fuse of 63 A."
    assert "20.0 A though 16.0 A" in view.alarms[1].what
    assert all(alarm.advice for alarm in view.alarms[:4])


def test_site_that_nobody_has_described_yet_is_no_fault_and_says_what_to_do() -> None:
    plan = msgspec.structs.replace(PLAN, armed=False, why="the site is not described yet")

    view = site_view(Site(name="site", circuits=()), picture(), plan, NOW, 7)

    assert "not_described" in codes(view)
    assert "not_armed" not in codes(view)
    assert health_view(view).status == "ok"
    assert "check-config" in view.alarms[0].advice


def test_not_armed_says_why() -> None:
    plan = msgspec.structs.replace(PLAN, armed=False, why="the fallback currents do not fit 'main' on L1")

    view = site_view(SITE, picture(), plan, NOW, 7)

    assert codes(view)[0] == "not_armed"
    assert "do not fit 'main' on L1" in view.alarms[0].what


@pytest.mark.parametrize(
    ("drawn_ma", "sent_s", "overdraws"),
    [
        (16_500, 3_560, False),  # within a tenth
        (18_200, 3_560, True),
        (30_000, 3_590, False),  # the limit is younger than the slowest car
    ],
)
def test_a_car_that_draws_more_than_allowed_is_noticed(drawn_ma: int, sent_s: float, overdraws: bool) -> None:
    view = view_after(
        held("GATE-1", 1, 11, 16_000, after(sent_s)),
        reported("GATE-1", 1, same_on_all(drawn_ma), 11_000, after(3_595)),
    )

    assert connector(view, "GATE-1").overdraws is overdraws
    assert ("overdraws" in codes(view)) is overdraws


def test_a_paused_charger_may_feed_its_own_electronics() -> None:
    view = view_after(reported("GARAGE-A", 2, PerPhase(300, 0, 0), 0, after(3_599)))

    assert "overdraws" not in codes(view)


def test_after_a_restart_chargers_are_given_time_to_come_back() -> None:
    empty = SitePicture(started=START)

    assert "offline" not in codes(site_view(SITE, empty, PLAN, after(60), 1))
    assert codes(site_view(SITE, empty, PLAN, after(121), 1)).count("offline") == 5


@pytest.mark.parametrize("known", [False, True], ids=["by the commissioning window", "by its record"])
def test_one_that_is_not_described_is_listed_without_a_limit_and_with_what_to_do(known: bool) -> None:
    view = view_after(facts.LinkOpened(at=NOW, charge_point="NEW", remote="10.0.0.9", known=known))

    assert [one.identity for one in view.charge_points if not one.configured] == ["NEW"]
    assert codes(view) == ["offline", "not_configured"]
    assert "charges nobody" in view.alarms[-1].what
    assert "[[charge_point]] with its circuit" in view.alarms[-1].advice


def test_an_open_commissioning_window_is_shown() -> None:
    view = site_view(SITE, picture(), PLAN, NOW, 7, commissioning_s=312.0)

    assert view.commissioning_s == 312.0
    assert "commissioning_open" in codes(view)


@pytest.mark.demand("S9")
def test_chargers_without_a_login_are_named_for_as_long_as_they_are_let_in_and_health_stays_of_use() -> None:
    linked = picture([facts.LinkOpened(at=NOW, charge_point="YARD", remote="10.0.0.2")])

    view = site_view(SITE, linked, PLAN, NOW, 7, without_login=("GATE-1", "YARD"))
    much_later = site_view(SITE, linked, PLAN, after(30 * 86_400), 7, without_login=("GATE-1", "YARD"))

    (notice,) = (alarm for alarm in view.alarms if alarm.code == "without_login")
    assert notice.severity is Severity.NOTICE
    assert notice.what == "Let in without any login (security profile 0): GATE-1, YARD."
    assert health_view(view).status == "ok"
    assert "without_login" in codes(much_later)
    assert "without_login" not in codes(site_view(SITE, linked, PLAN, NOW, 7))


def test_every_mistake_in_the_configuration_is_told_with_what_is_in_force_instead() -> None:
    started = NotTaken(mistakes=("site.name: wrong", "b"), in_force=Instead.LAST_GOOD, kept_utc_ms=0, shut_out=("CP9",))
    view = site_view(SITE, picture(), PLAN, NOW, 7, not_taken=started)

    whole, *each = (alarm for alarm in view.alarms if alarm.code.startswith("configuration"))
    assert (whole.code, whole.severity) == ("configuration_mistakes", Severity.CRITICAL)
    assert whole.what == (
        "The configuration has 2 mistakes and is not in force; the last good one counts, of 1970-01-01 00:00 UTC; "
        "without password, so shut out: CP9."
    )
    assert [alarm.what for alarm in each] == ["site.name: wrong", "b"]
    # the page keeps one card for each of them
    assert len({(alarm.code, alarm.subject) for alarm in view.alarms}) == len(view.alarms)
    assert health_view(view).status == "attention"


@pytest.mark.demand("S29")
def test_the_end_of_support_is_told_on_the_day_after_it() -> None:
    last_day = datetime.fromisoformat(f"{SUPPORTED_UNTIL}T23:59:59+00:00")
    last = Moment(NOW.mono_s, round(last_day.timestamp() * 1000))

    assert "support_ended" not in codes(site_view(SITE, picture(), PLAN, last, 7))
    assert "support_ended" in codes(site_view(SITE, picture(), PLAN, Moment(NOW.mono_s, last.utc_ms + 1000), 7))


def test_a_refused_reload_is_told_and_a_long_list_is_cut() -> None:
    refused = NotTaken(mistakes=tuple(map(str, range(30))), in_force=Instead.BEFORE)
    view = site_view(SITE, picture(), PLAN, NOW, 7, not_taken=refused)

    assert [alarm.severity for alarm in view.alarms if alarm.code == "configuration_refused"] == [Severity.WARNING]
    each = [alarm for alarm in view.alarms if alarm.code == "configuration_mistake"]
    assert len(each) == MISTAKES_SHOWN_MAX
    assert "check-config" in each[-1].advice


@pytest.mark.parametrize(
    ("ends_utc_ms", "code", "words"),
    [
        (NOW.utc_ms + 1, "certificate_ends", "ends on"),
        (NOW.utc_ms, "certificate_ended", "has ended on"),
        (NOW.utc_ms - 86_400_000, "certificate_ended", "has ended on"),
    ],
)
def test_a_certificate_within_its_warning_time_is_told_with_its_day(ends_utc_ms: int, code: str, words: str) -> None:
    own = Due(use="server ecdsa", of_charge_point=False, ends_utc_ms=ends_utc_ms)
    theirs = Due(use="YARD", of_charge_point=True, ends_utc_ms=ends_utc_ms)

    view = site_view(SITE, picture(), PLAN, NOW, 7, ending=(own, theirs))

    first, second = (alarm for alarm in view.alarms if alarm.code == code)
    day = datetime.fromtimestamp(ends_utc_ms / 1000, UTC).date().isoformat()
    assert first.what == f"The certificate of this system (server ecdsa) {words} {day}."
    assert second.what == f"The certificate of charge point YARD {words} {day}."
    assert (first.subject, second.subject) == ("server ecdsa", "YARD")
    assert "SignChargePointCertificate" in second.advice


def test_health_asks_for_attention_only_when_a_person_should_look() -> None:
    linked = facts.LinkOpened(at=NOW, charge_point="YARD", remote="10.0.0.2")

    assert health_view(view_after()).status == "attention"
    healthy = health_view(view_after(linked))
    assert (healthy.status, healthy.charge_points_linked, healthy.charge_points) == ("ok", 5, 5)
    assert (healthy.meters_good, healthy.meters, healthy.armed) == (1, 1, True)


def test_the_view_can_be_read_back_from_its_json() -> None:
    view = view_after()

    assert msgspec.json.decode(msgspec.json.encode(view), type=SiteView) == view
