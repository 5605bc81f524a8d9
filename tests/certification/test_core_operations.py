"""Core: what the operator starts, and what charge points answer to it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.certification.charge_point import ChargePoint
from tests.certification.laboratory import VALID, Laboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_061_clear_cache(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    operated = await laboratory.operate(charge_point, "ClearCache", status="Accepted")
    assert operated.sent.text == "{}"


async def _remote_start(laboratory: Laboratory, charge_point: ChargePoint, status: str) -> None:
    operated = await laboratory.operate(
        charge_point, "RemoteStartTransaction", {"idTag": VALID, "connectorId": 1}, status=status
    )
    assert operated.sent.text == f'{{"connectorId":1,"idTag":"{VALID}"}}'


async def test_010_remote_start_cable_first(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await charge_point.status(1, "Preparing")
    await _remote_start(laboratory, charge_point, "Accepted")
    assert await charge_point.authorize(VALID) == {"status": "Accepted"}
    transaction_id = await charge_point.begin(1, VALID)
    await charge_point.status(1, "Charging")

    assert [one["transaction_id"] for one in await laboratory.transactions(charge_point)] == [transaction_id]


async def test_011_1_remote_start_first(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _remote_start(laboratory, charge_point, "Accepted")
    assert await charge_point.authorize(VALID) == {"status": "Accepted"}
    await charge_point.status(1, "Preparing")
    transaction_id = await charge_point.begin(1, VALID)
    await charge_point.status(1, "Charging")

    assert [one["transaction_id"] for one in await laboratory.transactions(charge_point)] == [transaction_id]


async def test_011_2_remote_start_and_nobody_plugs_in(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _remote_start(laboratory, charge_point, "Accepted")
    assert await charge_point.authorize(VALID) == {"status": "Accepted"}
    await charge_point.status(1, "Preparing", "Available")

    assert await laboratory.states(charge_point) == {1: "available", 2: "unknown"}
    assert await laboratory.transactions(charge_point) == []


async def test_012_remote_stop(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    transaction_id = await charge_point.begin(1, VALID)
    await charge_point.status(1, "Charging")
    (running,) = await laboratory.transactions(charge_point)
    await laboratory.sent_as_given(
        charge_point, "RemoteStopTransaction", {"transactionId": running["transaction_id"]}, status="Accepted"
    )
    assert await charge_point.stop(transaction_id, reason="Remote") == {}
    await charge_point.status(1, "Finishing", "Available")

    (record,) = await laboratory.transactions(charge_point)
    assert (record["transaction_id"], record["open"], record["stop_reason"]) == (transaction_id, False, "Remote")


async def _reset(laboratory: Laboratory, charge_point: ChargePoint, kind: str, reason: str) -> None:
    transaction_id = await charge_point.begin(1, VALID)
    operated = await laboratory.operate(charge_point, "Reset", {"type": kind}, status="Accepted")
    assert operated.sent.text == f'{{"type":"{kind}"}}'
    assert await charge_point.stop(transaction_id, reason=reason) == {}
    await charge_point.power_cut()

    async with laboratory.connected(charge_point.identity) as back:
        assert (await back.boot())["status"] == "Accepted"
        await back.status(0, "Available")
        await back.status(1, "Available")
        await back.status(2, "Available")
        assert await laboratory.states(back) == {1: "available", 2: "available"}


async def test_013_hard_reset(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _reset(laboratory, charge_point, "Hard", "HardReset")


async def test_014_soft_reset(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _reset(laboratory, charge_point, "Soft", "SoftReset")


async def _unlock(laboratory: Laboratory, charge_point: ChargePoint, connector: int, status: str) -> None:
    await laboratory.sent_as_given(charge_point, "UnlockConnector", {"connectorId": connector}, status=status)


async def test_017_1_unlock_without_a_session_unlocked(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _unlock(laboratory, charge_point, 1, "Unlocked")


async def test_017_2_unlock_without_a_session_not_supported(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _unlock(laboratory, charge_point, 1, "NotSupported")


async def test_018_1_unlock_during_a_session(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    transaction_id = await charge_point.begin(1, VALID)
    await charge_point.status(1, "Charging")
    await _unlock(laboratory, charge_point, 1, "Unlocked")
    await charge_point.status(1, "Finishing")
    assert await charge_point.stop(transaction_id, reason="UnlockCommand") == {}
    await charge_point.status(1, "Available")

    assert (await laboratory.transactions(charge_point))[0]["stop_reason"] == "UnlockCommand"


KEYS: list[dict[str, Any]] = [
    {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
    {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
    {"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core,SmartCharging"},
    {"key": "AuthorizationKey", "readonly": False},
]


async def test_019_1_all_configuration_keys(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    operated = await laboratory.operate(charge_point, "GetConfiguration", configurationKey=KEYS, unknownKey=[])
    assert operated.sent.payload.get("key", []) == []
    assert operated.result["configurationKey"] == KEYS

    kept = (await laboratory.get(f"/charge-points/{charge_point.identity}/configuration"))["keys"]
    expected = {one["key"]: (one.get("value"), one["readonly"]) for one in KEYS}
    assert {one["key"]: (one["value"], one["readonly"]) for one in kept} == expected


async def test_019_2_one_configuration_key(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    asked = {"key": ["SupportedFeatureProfiles"]}
    await laboratory.sent_as_given(charge_point, "GetConfiguration", asked, configurationKey=[KEYS[2]])


async def test_021_change_configuration(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    wish = {"key": "MeterValueSampleInterval", "value": "60"}
    operated = await laboratory.sent_as_given(charge_point, "ChangeConfiguration", wish, status="Accepted")
    assert operated.sent.text == '{"key":"MeterValueSampleInterval","value":"60"}'


async def test_026_remote_start_rejected(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _remote_start(laboratory, charge_point, "Rejected")
    assert await laboratory.transactions(charge_point) == []


async def test_028_remote_stop_of_an_unknown_transaction_rejected(
    laboratory: Laboratory, charge_point: ChargePoint
) -> None:
    transaction_id = await charge_point.begin(1, VALID)
    unknown = {"transactionId": transaction_id + 1_000_000}
    await laboratory.sent_as_given(charge_point, "RemoteStopTransaction", unknown, status="Rejected")
    (record,) = await laboratory.transactions(charge_point)
    assert (record["transaction_id"], record["open"]) == (transaction_id, True)


async def test_030_unlock_fails_without_a_session(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _unlock(laboratory, charge_point, 1, "UnlockFailed")


async def test_031_unlock_an_unknown_connector(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _unlock(laboratory, charge_point, 3, "NotSupported")


async def test_040_1_configuration_key_not_supported(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    wish = {"key": "NoSuchKeyAnywhere", "value": "x"}
    await laboratory.sent_as_given(charge_point, "ChangeConfiguration", wish, status="NotSupported")


async def test_040_2_configuration_value_rejected(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    wish = {"key": "MeterValueSampleInterval", "value": "-1"}
    await laboratory.sent_as_given(charge_point, "ChangeConfiguration", wish, status="Rejected")


async def test_064_data_transfer(charge_point: ChargePoint) -> None:
    answer = await charge_point.call("DataTransfer", vendorId="org.example", messageId="Hello", data="any")
    assert answer["status"] in ("Rejected", "UnknownMessageId", "UnknownVendorId")
