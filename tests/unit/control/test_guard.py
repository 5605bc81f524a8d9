"""No balanced charge point is raised by hand: every kind of profile, where it may be and where it may not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chargemon_edge.balancing.plan import ConnectorLimit, Plan
from chargemon_edge.control import guard
from chargemon_edge.ocpp.charging_profile import tx_default_profile, tx_profile
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.fold import apply
from chargemon_edge.site.layout import ChargePoint, Connector, ConnectorKey
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.rollout import Update
from chargemon_edge.site.rollout_facts import UpdateRecorded

AT = Moment(1000.0, 1_800_000_000_000)
IDLE = SitePicture(started=AT)
CHARGING = apply(
    IDLE,
    facts.TransactionStarted(
        at=AT,
        charge_point="CP1",
        connector=1,
        transaction_id=5,
        id_tag="A",
        id_tag_status="Accepted",
        meter_start_wh=0,
        started_utc_ms=None,
        started_text="",
    ),
)
BALANCED = ChargePoint(
    identity="CP1",
    connectors=(
        Connector(number=1, circuit="main", fallback_ma=10_000),
        Connector(number=2, circuit="main", fallback_ma=6_000),
    ),
)
QUIET = replace(BALANCED, quiet=True)


def granted(limit_ma: int) -> Plan:
    limit = ConnectorLimit(limit_ma=limit_ma, source="fuse", reason="")
    return Plan(at_mono_s=0.0, armed=True, why="balancing", limits={ConnectorKey("CP1", 1): limit})


def profile(*limits: float, unit: m.ChargingRateUnit = "A", **members: Any) -> m.ChargingProfile:
    schedule = m.ChargingSchedule(
        charging_rate_unit=unit,
        charging_schedule_period=tuple(
            m.ChargingSchedulePeriod(start_period=60 * place, limit=limit) for place, limit in enumerate(limits)
        ),
    )
    given: dict[str, Any] = {
        "charging_profile_id": 10_001,
        "stack_level": 3,
        "charging_profile_purpose": "TxDefaultProfile",
        "charging_profile_kind": "Absolute",
        "charging_schedule": schedule,
    }
    return m.ChargingProfile(**{**given, **members})


def put(given: m.ChargingProfile, connector: int = 1) -> m.SetChargingProfileRequest:
    return m.SetChargingProfileRequest(connector_id=connector, cs_charging_profiles=given)


def refused(request: m.Request, *, picture: SitePicture = IDLE, plan: Plan | None = None) -> str | None:
    return guard.objection(BALANCED, picture, plan, request)


@pytest.mark.parametrize("charge_point", [BALANCED, QUIET])
def test_nobody_is_promised_a_charge_point_that_is_being_updated(charge_point: ChargePoint) -> None:
    promises: tuple[m.Request, ...] = (
        m.ReserveNowRequest(connector_id=1, expiry_date="2030-01-01T00:00:00Z", id_tag="A", reservation_id=1),
        m.RemoteStartTransactionRequest(id_tag="A"),
    )
    update = Update(campaign=3, charge_point="CP1", place=0, wave=0)
    updating = apply(IDLE, UpdateRecorded(at=AT, update=update, under_way=True))
    over = apply(updating, UpdateRecorded(at=AT, update=update))

    for promise in promises:
        assert "firmware update of campaign 3" in (guard.objection(charge_point, updating, None, promise) or "")
        assert guard.objection(charge_point, over, None, promise) is None
    assert guard.objection(charge_point, updating, None, m.ResetRequest(type="Soft")) is None


def test_a_default_up_to_the_fallback_current_goes_out_as_it_is() -> None:
    assert refused(put(profile(10.0, 0.0, 6.0))) is None


def test_a_default_above_the_fallback_current_in_any_period_does_not() -> None:
    reason = refused(put(profile(6.0, 10.1)))

    assert reason is not None
    assert "allows up to 10.1 A" in reason
    assert "10.0 A is proven safe" in reason


@pytest.mark.parametrize("connector", [0, 2, 7])
def test_for_all_connectors_and_for_one_that_nobody_knows_the_lowest_fallback_counts(connector: int) -> None:
    assert refused(put(profile(6.0), connector)) is None
    assert refused(put(profile(6.1), connector)) is not None


def test_a_profile_without_a_limit_is_no_limit() -> None:
    reason = refused(put(profile()))

    assert reason is not None
    assert "sets no limit" in reason


def test_watts_count_as_if_one_phase_carried_them_at_low_voltage() -> None:
    assert refused(put(profile(2070.0, unit="W"))) is None
    assert refused(put(profile(2071.0, unit="W"))) is not None
    assert refused(put(profile(6000.0, unit="W"))) is not None


def test_a_running_transaction_is_not_raised_above_what_it_is_granted() -> None:
    transaction = put(profile(6.0, charging_profile_purpose="TxProfile", transaction_id=5))

    assert refused(transaction, picture=CHARGING, plan=granted(6_000)) is None
    assert refused(transaction, picture=CHARGING, plan=granted(0)) is not None
    # nor above what it would fall back to, since the grant is a lease and this profile is none
    more = put(profile(16.0, charging_profile_purpose="TxProfile", transaction_id=5))
    assert refused(more, picture=CHARGING, plan=granted(32_000)) is not None


def test_before_the_first_plan_the_fallback_current_counts() -> None:
    assert refused(put(profile(10.0, charging_profile_purpose="TxProfile")), picture=CHARGING) is None


def test_a_default_does_not_touch_a_running_transaction() -> None:
    assert refused(put(profile(10.0)), picture=CHARGING, plan=granted(0)) is None


def test_a_ceiling_of_the_whole_charge_point_can_only_lower() -> None:
    ceiling = profile(63.0, charging_profile_purpose="ChargePointMaxProfile", stack_level=0)

    assert refused(put(ceiling, 0)) is None


@pytest.mark.parametrize("purpose", ["TxDefaultProfile", "TxProfile"])
def test_our_own_stack_level_cannot_be_taken(purpose: m.ChargingProfilePurpose) -> None:
    reason = refused(put(profile(0.0, stack_level=0, charging_profile_purpose=purpose)))

    assert reason is not None
    assert "stackLevel 0" in reason


@pytest.mark.parametrize(
    "ours",
    [
        tx_default_profile(connector=1, fallback_ma=6_000),
        tx_profile(connector=1, transaction_id=5, limit_ma=6_000, fallback_ma=0, lease_s=60, now_utc_ms=0),
    ],
)
def test_our_own_ids_cannot_be_taken(ours: m.SetChargingProfileRequest) -> None:
    used = ours.cs_charging_profiles.charging_profile_id

    reason = refused(put(profile(0.0, charging_profile_id=used, charging_profile_purpose="ChargePointMaxProfile"), 0))

    assert reason is not None
    assert str(used) in reason


def test_a_remote_start_carries_a_profile_too() -> None:
    def start(limit: float, connector: int | None) -> m.RemoteStartTransactionRequest:
        given = profile(limit, charging_profile_purpose="TxProfile")
        return m.RemoteStartTransactionRequest(id_tag="A", connector_id=connector, charging_profile=given)

    assert refused(start(10.0, 1)) is None
    assert refused(start(10.1, 1)) is not None
    assert refused(start(10.0, None)) is not None
    assert refused(m.RemoteStartTransactionRequest(id_tag="A")) is None


@pytest.mark.parametrize("charge_point", [QUIET, None])
def test_where_nothing_is_balanced_everything_goes_out_as_given(charge_point: ChargePoint | None) -> None:
    for given in (profile(63.0), profile(6000.0, unit="W", stack_level=0), profile(charging_profile_id=2001)):
        assert guard.objection(charge_point, IDLE, None, put(given)) is None


@pytest.mark.parametrize(
    ("request_", "in_doubt"),
    [
        (m.ClearChargingProfileRequest(), True),
        (m.ClearChargingProfileRequest(id=2001), True),
        (m.ClearChargingProfileRequest(id=10_001), False),
        (m.ClearChargingProfileRequest(connector_id=2), True),
        (m.ClearChargingProfileRequest(charging_profile_purpose="TxProfile"), True),
        (m.ClearChargingProfileRequest(charging_profile_purpose="ChargePointMaxProfile"), False),
        (m.ClearChargingProfileRequest(stack_level=0), True),
        (m.ClearChargingProfileRequest(stack_level=3), False),
        (put(profile(6.0)), False),
        (m.ResetRequest(type="Soft"), False),
    ],
)
def test_which_wishes_may_cost_us_our_own_profiles(request_: m.Request, in_doubt: bool) -> None:
    assert guard.doubts(BALANCED, request_) is in_doubt


def test_on_a_quiet_charge_point_any_profile_may_stand_above_ours() -> None:
    assert guard.doubts(QUIET, put(profile(32.0)))
