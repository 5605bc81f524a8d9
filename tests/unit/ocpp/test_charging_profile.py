"""Charging profiles: never above the limit, always with what follows, and valid by the schema."""

from __future__ import annotations

import pytest

from chargemon_edge.ocpp.charging_profile import (
    clearing,
    installation_profile,
    limit,
    profile_id,
    tx_default_profile,
    tx_profile,
)
from chargemon_edge.ocpp.v16 import codec
from chargemon_edge.ocpp.v16.messages import ChargingProfilePurpose, Request
from tests.unit.ocpp.schemas import complaints

NOW_MS = 1_714_566_600_250


def test_a_lease_is_written_as_two_periods_that_began_thirty_seconds_ago() -> None:
    request = tx_profile(2, 4711, 13_040, 6_000, 120, NOW_MS)

    assert codec.encode(request) == (
        b'{"connectorId":2,"csChargingProfiles":{"chargingProfileId":3002,"transactionId":4711,"stackLevel":0,'
        b'"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Absolute","chargingSchedule":{'
        b'"startSchedule":"2024-05-01T12:29:30.250Z","chargingRateUnit":"A","chargingSchedulePeriod":['
        b'{"startPeriod":0,"limit":13.0},{"startPeriod":150,"limit":6.0}]}}}'
    )


@pytest.mark.parametrize(
    ("limit_ma", "amperes"), [(0, 0.0), (5_999, 5.9), (6_000, 6.0), (6_099, 6.0), (6_100, 6.1), (32_000, 32.0)]
)
def test_amperes_are_never_rounded_up(limit_ma: int, amperes: float) -> None:
    assert limit(limit_ma, "A", 3) == amperes
    assert limit(limit_ma, "A", 3) * 1000 <= limit_ma + 1e-6


@pytest.mark.parametrize(("limit_ma", "phases", "watts"), [(6_000, 1, 1380.0), (6_001, 1, 1380.0), (6_000, 3, 4140.0)])
def test_watts_are_never_rounded_up(limit_ma: int, phases: int, watts: float) -> None:
    assert limit(limit_ma, "W", phases) == watts


def test_every_limit_of_the_grid_is_one_decimal_on_the_wire() -> None:
    for limit_ma in range(0, 80_000, 100):
        request = tx_profile(1, 1, limit_ma, 6_000, 120, NOW_MS)
        whole, tenth = divmod(limit_ma // 100, 10)
        assert b'"limit":%d.%d}' % (whole, tenth) in codec.encode(request)


def test_the_lease_is_never_rounded_up() -> None:
    periods = tx_profile(1, 1, 6_000, 0, 59.9, NOW_MS).cs_charging_profiles.charging_schedule.charging_schedule_period

    assert [period.start_period for period in periods] == [0, 89]
    assert periods[1].limit == 0.0


@pytest.mark.parametrize(
    "request_",
    [
        tx_profile(1, -7, 6_100, 6_000, 120, NOW_MS),
        tx_profile(1, 7, 6_100, 6_000, 600, NOW_MS, stack_level=3, unit="W", phases=1, number_phases=1),
        tx_default_profile(1, 6_000),
        tx_default_profile(0, 0, kind="Absolute", unit="W"),
        installation_profile(31_900),
    ],
)
def test_what_is_written_is_valid_by_the_schema(request_: Request) -> None:
    assert complaints("SetChargingProfile", codec.encode(request_)) == []


def test_the_fail_safe_needs_no_clock() -> None:
    profile = tx_default_profile(1, 6_000).cs_charging_profiles

    assert profile.charging_profile_purpose == "TxDefaultProfile"
    assert profile.charging_profile_kind == "Relative"
    assert profile.transaction_id is None
    assert profile.charging_schedule.start_schedule is None
    assert profile.charging_schedule.duration is None
    assert [period.limit for period in profile.charging_schedule.charging_schedule_period] == [6.0]


def test_trap_10_an_absolute_fail_safe_holds_on_a_charger_that_believes_it_is_1970() -> None:
    schedule = tx_default_profile(1, 6_000, kind="Absolute").cs_charging_profiles.charging_schedule

    assert schedule.start_schedule == "1970-01-02T00:00:00.000Z"


def test_the_installation_ceiling_is_for_the_whole_charge_point() -> None:
    request = installation_profile(32_000)

    assert request.connector_id == 0
    assert request.cs_charging_profiles.charging_profile_purpose == "ChargePointMaxProfile"
    assert request.cs_charging_profiles.charging_profile_kind == "Absolute"


def test_trap_16_a_tx_profile_on_connector_zero_is_our_bug() -> None:
    with pytest.raises(AssertionError):
        tx_profile(0, 1, 6_000, 6_000, 120, NOW_MS)


@pytest.mark.parametrize(("limit_ma", "lease_s"), [(-1, 120.0), (6_000, 0.0)])
def test_an_impossible_limit_or_lease_is_our_bug(limit_ma: int, lease_s: float) -> None:
    with pytest.raises(AssertionError):
        tx_profile(1, 1, limit_ma, 6_000, lease_s, NOW_MS)


def test_trap_17_number_phases_is_left_out_unless_given() -> None:
    assert b"numberPhases" not in codec.encode(tx_profile(1, 1, 6_000, 6_000, 120, NOW_MS))
    assert b'"numberPhases":1' in codec.encode(tx_profile(1, 1, 6_000, 6_000, 120, NOW_MS, number_phases=1))


def test_ids_tell_purpose_and_connector_apart() -> None:
    purposes: tuple[ChargingProfilePurpose, ...] = ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")

    assert len({profile_id(purpose, connector) for purpose in purposes for connector in range(1000)}) == 3000


def test_foreign_profiles_are_cleared_by_what_is_given_and_nothing_else() -> None:
    assert codec.encode(clearing()) == b"{}"
    assert codec.encode(clearing("TxProfile", 1)) == b'{"connectorId":1,"chargingProfilePurpose":"TxProfile"}'
    assert codec.encode(clearing(stack_level=0)) == b'{"stackLevel":0}'
