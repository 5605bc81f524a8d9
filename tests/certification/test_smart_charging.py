"""Smart charging."""

from __future__ import annotations

from typing import Any

import pytest

from tests.certification.charge_point import ChargePoint, now
from tests.certification.laboratory import VALID, Laboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")

# as the specification's tables have them
PROFILE_ORDER = [
    "chargingProfileId",
    "transactionId",
    "stackLevel",
    "chargingProfilePurpose",
    "chargingProfileKind",
    "recurrencyKind",
    "validFrom",
    "validTo",
    "chargingSchedule",
]
SCHEDULE_ORDER = ["duration", "startSchedule", "chargingRateUnit", "chargingSchedulePeriod", "minChargingRate"]


def _profile(
    purpose: str, kind: str = "Absolute", *, number: int = 1, stack_level: int = 0, **changes: Any
) -> dict[str, Any]:
    """A charging profile of one period, with every time that its kind may have."""
    schedule: dict[str, Any] = {
        "duration": 300,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0, "numberPhases": 3}],
    }
    if kind == "Absolute":
        schedule["startSchedule"] = now()
        changes = {"validFrom": now(), "validTo": now(minutes=10)} | changes
    return {
        "chargingProfileId": number,
        "stackLevel": stack_level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
    } | changes


async def _set(
    laboratory: Laboratory, charge_point: ChargePoint, profile: dict[str, Any], *, connector: int = 1
) -> dict[str, Any]:
    """SetChargingProfile, member for member as given; the profile on the wire."""
    wish = {"connectorId": connector, "csChargingProfiles": profile}
    operated = await laboratory.sent_as_given(charge_point, "SetChargingProfile", wish, status="Accepted")
    sent: dict[str, Any] = operated.sent.payload["csChargingProfiles"]
    assert list(operated.sent.payload) == ["connectorId", "csChargingProfiles"]
    assert list(sent) == [member for member in PROFILE_ORDER if member in sent]
    assert list(sent["chargingSchedule"]) == [member for member in SCHEDULE_ORDER if member in sent["chargingSchedule"]]
    return sent


@pytest.mark.parametrize(("unit", "limit"), [("A", 6.0), ("W", 6000.0)])
async def test_056_tx_default_profile(
    laboratory: Laboratory, charge_point: ChargePoint, unit: str, limit: float
) -> None:
    profile = _profile("TxDefaultProfile")
    profile["chargingSchedule"]["chargingRateUnit"] = unit
    profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] = limit
    sent = await _set(laboratory, charge_point, profile)

    assert {"transactionId", "recurrencyKind"}.isdisjoint(sent)
    assert {"validFrom", "validTo", "chargingProfileKind"} <= sent.keys()
    assert sent["chargingSchedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": limit, "numberPhases": 3}]
    assert {"startSchedule", "duration", "chargingRateUnit"} <= sent["chargingSchedule"].keys()


@pytest.mark.parametrize("kind", ["Absolute", "Relative"])
async def test_057_tx_profile(laboratory: Laboratory, charge_point: ChargePoint, kind: str) -> None:
    transaction_id = await charge_point.begin(1, VALID)
    await charge_point.status(1, "Charging")
    sent = await _set(laboratory, charge_point, _profile("TxProfile", kind, transactionId=transaction_id))

    assert sent["transactionId"] == transaction_id
    assert ("startSchedule" in sent["chargingSchedule"]) is (kind == "Absolute")


@pytest.mark.parametrize("kind", ["Relative", "Absolute"])
async def test_059_remote_start_with_a_charging_profile(
    laboratory: Laboratory, charge_point: ChargePoint, kind: str
) -> None:
    """Revision 2024 demands Relative, 2025 takes either."""
    await charge_point.status(1, "Preparing")
    wish = {"connectorId": 1, "idTag": VALID, "chargingProfile": _profile("TxProfile", kind)}
    operated = await laboratory.sent_as_given(charge_point, "RemoteStartTransaction", wish, status="Accepted")
    sent = operated.sent.payload["chargingProfile"]
    assert list(operated.sent.payload) == ["connectorId", "idTag", "chargingProfile"]
    assert "transactionId" not in sent
    assert sent["chargingSchedule"]["chargingSchedulePeriod"][0]["startPeriod"] == 0

    assert await charge_point.authorize(VALID) == {"status": "Accepted"}
    await charge_point.begin(1, VALID)
    await charge_point.status(1, "Charging")


async def test_066_composite_schedule(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    asked = {"connectorId": 1, "duration": 300, "chargingRateUnit": "W"}
    schedule = {
        "duration": 300,
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6000.0}, {"startPeriod": 60, "limit": 10000.0}],
    }
    operated = await laboratory.sent_as_given(
        charge_point,
        "GetCompositeSchedule",
        asked,
        status="Accepted",
        connectorId=1,
        scheduleStart=now(),
        chargingSchedule=schedule,
    )
    assert operated.result["chargingSchedule"] == schedule


async def _clear(laboratory: Laboratory, charge_point: ChargePoint, status: str, **criteria: Any) -> None:
    operated = await laboratory.sent_as_given(charge_point, "ClearChargingProfile", criteria, status=status)
    assert operated.sent.payload == criteria


async def test_067_clear_profiles_of_one_purpose(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    """The way of revision 2024: three TxDefaultProfiles on three stack levels."""
    numbers = [
        (await _set(laboratory, charge_point, _profile("TxDefaultProfile", number=10 + level, stack_level=level)))[
            "chargingProfileId"
        ]
        for level in (0, 1, 2)
    ]
    assert len(set(numbers)) == 3
    await _clear(laboratory, charge_point, "Accepted", id=numbers[0])
    await _clear(laboratory, charge_point, "Accepted", chargingProfilePurpose="TxDefaultProfile", stackLevel=1)
    await _clear(laboratory, charge_point, "Accepted")


async def test_067_clear_profiles_of_three_purposes(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    """The way of revision 2025: one profile of each purpose, all on the same stack level."""
    transaction_id = await charge_point.begin(1, VALID)
    await _set(laboratory, charge_point, _profile("ChargePointMaxProfile", number=20), connector=0)
    await _set(laboratory, charge_point, _profile("TxDefaultProfile", number=21))
    await _set(laboratory, charge_point, _profile("TxProfile", number=22, transactionId=transaction_id))
    await _clear(laboratory, charge_point, "Accepted", id=20)
    await _clear(
        laboratory, charge_point, "Accepted", connectorId=1, chargingProfilePurpose="TxDefaultProfile", stackLevel=0
    )
    await _clear(laboratory, charge_point, "Accepted")
    await _clear(laboratory, charge_point, "Unknown")


async def _stored(laboratory: Laboratory, name: str, profile: dict[str, Any]) -> dict[str, Any]:
    """The profile under that name, and with the id it was given."""
    del profile["chargingProfileId"]
    record = await laboratory.put(f"/charging-profiles/{name}", profile)
    return profile | {"chargingProfileId": record["charging_profile_id"]}


async def test_056_tx_default_profile_by_its_name(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    profile = await _stored(laboratory, "certified-default", _profile("TxDefaultProfile"))
    wish = {"connectorId": 1, "chargingProfileName": "certified-default"}
    operated = await laboratory.operate(charge_point, "SetChargingProfile", wish, status="Accepted")
    assert operated.sent.payload == {"connectorId": 1, "csChargingProfiles": profile}


async def test_057_tx_profile_by_its_name(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    transaction_id = await charge_point.begin(1, VALID)
    profile = await _stored(laboratory, "certified-tx", _profile("TxProfile", "Relative"))
    wish = {"connectorId": 1, "chargingProfileName": "certified-tx", "transactionId": transaction_id}
    operated = await laboratory.operate(charge_point, "SetChargingProfile", wish, status="Accepted")
    assert operated.sent.payload["csChargingProfiles"] == profile | {"transactionId": transaction_id}


async def test_059_remote_start_with_a_profile_by_its_name(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    profile = await _stored(laboratory, "certified-start", _profile("TxProfile", "Relative"))
    wish = {"connectorId": 1, "idTag": VALID, "chargingProfileName": "certified-start"}
    operated = await laboratory.operate(charge_point, "RemoteStartTransaction", wish, status="Accepted")
    assert operated.sent.payload == {"connectorId": 1, "idTag": VALID, "chargingProfile": profile}
