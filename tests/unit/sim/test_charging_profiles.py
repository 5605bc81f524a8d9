"""The charger's own reading of charging profiles (OCPP 1.6 §3.13)."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from chargemon_edge.sim.charging_profiles import ProfileError, ProfileStore, read_profile

NOW = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC).timestamp()


def _at(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(NOW + seconds, datetime.UTC).isoformat().replace("+00:00", "Z")


def _profile(
    purpose: str, periods: list[tuple[int, float]], level: int = 0, number: int = 1, **schedule: Any
) -> dict[str, Any]:
    kind = schedule.pop("kind", "Absolute")
    outer: dict[str, Any] = {
        key: schedule.pop(key) for key in ("validFrom", "validTo", "recurrencyKind") if key in schedule
    }
    return {
        "chargingProfileId": number,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        **outer,
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "startSchedule": _at(-30),
            "chargingSchedulePeriod": [{"startPeriod": start, "limit": limit} for start, limit in periods],
            **schedule,
        },
    }


def _store(*profiles: tuple[int, dict[str, Any]]) -> ProfileStore:
    store = ProfileStore()
    for connector, profile in profiles:
        store.put(read_profile(connector, profile))
    return store


def test_without_profiles_nothing_rules() -> None:
    assert _store().limit_a(1, NOW, NOW)[0] is None


def test_the_dead_man_second_period_takes_over_by_itself() -> None:
    store = _store(
        (1, _profile("TxDefaultProfile", [(0, 0.0)])), (1, _profile("TxProfile", [(0, 16.0), (150, 6.0)], number=2))
    )

    assert store.limit_a(1, NOW, NOW) == (16.0, NOW + 120)
    assert store.limit_a(1, NOW + 119, NOW)[0] == 16.0
    assert store.limit_a(1, NOW + 120, NOW)[0] == 6.0
    assert store.limit_a(1, NOW + 9_999, NOW)[0] == 6.0
    assert store.limit_a(1, NOW, None)[0] == 0.0


def test_a_start_in_the_future_is_not_in_force_yet() -> None:
    store = _store(
        (0, _profile("TxDefaultProfile", [(0, 7.0)])),
        (1, _profile("TxProfile", [(0, 16.0)], number=2, startSchedule=_at(40))),
    )

    assert store.limit_a(1, NOW, NOW) == (7.0, NOW + 40)
    assert store.limit_a(1, NOW + 40, NOW)[0] == 16.0


def test_the_higher_stack_level_wins_while_it_lasts_and_the_installation_caps() -> None:
    store = _store(
        (1, _profile("TxProfile", [(0, 10.0)], level=0)),
        (1, _profile("TxProfile", [(0, 20.0)], level=2, number=2, duration=60)),
        (0, _profile("ChargePointMaxProfile", [(0, 18.0)], number=3)),
    )

    assert store.limit_a(1, NOW, NOW) == (18.0, NOW + 30)
    assert store.limit_a(1, NOW + 30, NOW)[0] == 10.0


def test_relative_counts_from_the_start_of_the_transaction_and_recurring_repeats() -> None:
    relative = _store((1, _profile("TxProfile", [(0, 16.0), (60, 8.0)], kind="Relative")))
    daily = _store(
        (1, _profile("TxDefaultProfile", [(0, 16.0), (3_600, 8.0)], kind="Recurring", recurrencyKind="Daily"))
    )

    assert relative.limit_a(1, NOW, NOW - 59) == (16.0, NOW + 1)
    assert relative.limit_a(1, NOW, NOW - 61)[0] == 8.0
    assert daily.limit_a(1, NOW + 86_400, None)[0] == 16.0
    assert daily.limit_a(1, NOW + 86_400 + 4_000, None)[0] == 8.0


def test_validity_bounds_a_profile() -> None:
    store = _store((1, _profile("TxProfile", [(0, 16.0)], validFrom=_at(10), validTo=_at(20))))

    assert store.limit_a(1, NOW, NOW) == (None, NOW + 10)
    assert store.limit_a(1, NOW + 10, NOW) == (16.0, NOW + 20)
    assert store.limit_a(1, NOW + 20, NOW)[0] is None


def test_equal_id_or_equal_place_is_replaced() -> None:
    store = _store((1, _profile("TxProfile", [(0, 16.0)])), (1, _profile("TxProfile", [(0, 9.0)], number=7)))

    assert len(store.held) == 1
    assert store.limit_a(1, NOW, NOW)[0] == 9.0


def test_clearing_by_criteria_and_at_the_end_of_a_transaction() -> None:
    store = _store(
        (1, _profile("TxProfile", [(0, 16.0)])),
        (1, _profile("TxDefaultProfile", [(0, 6.0)], number=2)),
        (2, _profile("TxDefaultProfile", [(0, 6.0)], number=3)),
    )
    store.end_transaction(1)

    assert [one.profile_id for one in store.held] == [2, 3]
    assert store.clear(None, 2, "TxDefaultProfile", None)
    assert not store.clear(99, None, None, None)
    assert store.clear(None, None, None, None)
    assert store.held == []


def test_watts_are_divided_by_the_phases() -> None:
    profile = _profile("TxProfile", [(0, 11_040.0)], chargingRateUnit="W")

    assert _store((1, profile)).limit_a(1, NOW, NOW)[0] == 16.0


@pytest.mark.parametrize("broken", [{}, {"chargingProfileId": 1}, _profile("TxProfile", [(5, 16.0)])])
def test_an_unreadable_profile_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ProfileError):
        read_profile(1, broken)
