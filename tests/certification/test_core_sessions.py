"""Core: boot, charging sessions, and authorization by the charge point."""

from __future__ import annotations

import asyncio

import pytest

from tests.certification.charge_point import ChargePoint, now, utc_ms
from tests.certification.laboratory import BLOCKED, EXPIRED, HEARTBEAT_S, UNKNOWN, VALID, Laboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_001_cold_boot(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    booted = await charge_point.boot()
    assert list(booted) == ["currentTime", "interval", "status"]
    assert (booted["status"], booted["interval"]) == ("Accepted", HEARTBEAT_S)

    await charge_point.status(0, "Available")
    await charge_point.status(1, "Available")
    await charge_point.status(2, "Available")
    times = [booted["currentTime"]]
    for _ in range(2):
        await asyncio.sleep(booted["interval"])
        answer = await charge_point.call("Heartbeat")
        assert list(answer) == ["currentTime"]
        times.append(answer["currentTime"])

    assert times == sorted(set(times))
    assert all(len(time) == len("2026-01-01T00:00:00.000Z") and time.endswith("Z") for time in times)
    assert await laboratory.states(charge_point) == {1: "available", 2: "available"}


async def test_003_session_plug_in_first(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await charge_point.status(1, "Preparing")
    assert await charge_point.authorize(VALID) == {"status": "Accepted"}
    transaction_id = await charge_point.begin(1, VALID, meterStart=100)
    await charge_point.status(1, "Charging")

    assert await laboratory.states(charge_point) == {1: "charging", 2: "unknown"}
    (record,) = await laboratory.transactions(charge_point)
    assert (record["transaction_id"], record["id_tag"], record["meter_start_wh"]) == (transaction_id, VALID, 100)
    assert record["open"]


async def test_004_1_session_id_first(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    assert await charge_point.authorize(VALID) == {"status": "Accepted"}
    await charge_point.status(1, "Preparing")
    transaction_id = await charge_point.begin(1, VALID)
    await charge_point.status(1, "Charging")

    assert await laboratory.states(charge_point) == {1: "charging", 2: "unknown"}
    assert [one["transaction_id"] for one in await laboratory.transactions(charge_point)] == [transaction_id]


async def test_004_2_id_first_and_nobody_plugs_in(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    assert await charge_point.authorize(VALID) == {"status": "Accepted"}
    await charge_point.status(1, "Preparing", "Available")

    assert await laboratory.states(charge_point) == {1: "available", 2: "unknown"}
    assert await laboratory.transactions(charge_point) == []


async def test_005_1_disconnected_on_the_cars_side(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    transaction_id = await charge_point.begin(1, VALID)
    await charge_point.status(1, "Charging", "SuspendedEV")
    assert await charge_point.stop(transaction_id, reason="EVDisconnected", meterStop=4200) == {}
    await charge_point.status(1, "Finishing", "Available")

    assert await laboratory.states(charge_point) == {1: "available", 2: "unknown"}
    (record,) = await laboratory.transactions(charge_point)
    assert (record["transaction_id"], record["open"]) == (transaction_id, False)
    assert (record["meter_stop_wh"], record["stop_reason"]) == (4200, "EVDisconnected")


async def test_007_cached_id_starts_without_an_authorize(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await charge_point.status(1, "Preparing")
    transaction_id = await charge_point.begin(1, VALID)
    await charge_point.status(1, "Charging")

    assert [one["transaction_id"] for one in await laboratory.transactions(charge_point)] == [transaction_id]


async def test_023_1_authorize_invalid(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    assert await charge_point.authorize(UNKNOWN) == {"status": "Invalid"}
    await laboratory.put("/id-tags/TAG-DISTRUSTED", {"status": "Invalid"})
    assert await charge_point.authorize("TAG-DISTRUSTED") == {"status": "Invalid"}


async def test_023_2_authorize_expired(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    assert (await charge_point.authorize(EXPIRED))["status"] == "Expired"
    await laboratory.put("/id-tags/TAG-OVER", {"expiry_utc_ms": utc_ms(now(days=-1))})
    assert (await charge_point.authorize("TAG-OVER"))["status"] == "Expired"


async def test_023_3_authorize_blocked(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    assert (await charge_point.authorize(BLOCKED))["status"] == "Blocked"
    await laboratory.put("/id-tags/TAG-LOST", {"status": "Blocked"})
    assert (await charge_point.authorize("TAG-LOST"))["status"] == "Blocked"


async def test_024_lock_failure(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    assert await charge_point.authorize(VALID) == {"status": "Accepted"}
    await charge_point.status(1, "Preparing")
    await charge_point.status(1, "Faulted", error="ConnectorLockFailure")

    assert await laboratory.states(charge_point) == {1: "faulted", 2: "unknown"}
    assert (await laboratory.connector(charge_point, 1))["error_code"] == "ConnectorLockFailure"


async def test_032_1_power_failure(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await charge_point.boot()
    transaction_id = await charge_point.begin(1, VALID, meterStart=10)
    await charge_point.status(1, "Charging")
    await charge_point.power_cut()

    async with laboratory.connected(charge_point.identity) as back:
        assert (await back.boot())["status"] == "Accepted"
        (record,) = await laboratory.transactions(back)
        assert (record["transaction_id"], record["open"]) == (transaction_id, True)
        await back.status(1, "Available")
        assert await back.stop(transaction_id, reason="PowerLoss", timestamp=now(seconds=-1), meterStop=90) == {}

    (record,) = await laboratory.transactions(charge_point)
    assert (record["open"], record["stop_reason"], record["meter_stop_wh"]) == (False, "PowerLoss", 90)


async def test_037_1_started_offline_with_a_valid_id(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    began = now(minutes=-20)
    transaction_id = await charge_point.begin(1, VALID, timestamp=began)
    await charge_point.status(1, "Charging")

    (record,) = await laboratory.transactions(charge_point)
    assert (record["transaction_id"], record["started_utc_ms"]) == (transaction_id, utc_ms(began))


async def test_037_3_started_offline_with_an_invalid_id(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    valid = await charge_point.begin(2, VALID)
    answer = await charge_point.start(1, UNKNOWN, timestamp=now(minutes=-5))
    assert list(answer) == ["idTagInfo", "transactionId"]
    assert answer["idTagInfo"]["status"] == "Invalid"
    assert answer["transactionId"] != valid
    assert await charge_point.stop(answer["transactionId"], reason="DeAuthorized") == {}

    record = (await laboratory.transactions(charge_point))[0]
    assert (record["transaction_id"], record["id_tag_status"]) == (answer["transactionId"], "Invalid")
    assert (record["open"], record["stop_reason"]) == (False, "DeAuthorized")


async def test_039_a_whole_transaction_offline(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    began, ended = now(hours=-2), now(hours=-1)
    transaction_id = await charge_point.begin(1, VALID, timestamp=began, meterStart=1000)
    answer = await charge_point.stop(transaction_id, timestamp=ended, reason="Local", idTag=VALID, meterStop=9000)
    assert answer["idTagInfo"]["status"] == "Accepted"

    (record,) = await laboratory.transactions(charge_point)
    assert (record["started_utc_ms"], record["meter_start_wh"], record["meter_stop_wh"]) == (utc_ms(began), 1000, 9000)
    assert (record["open"], record["stop_reason"]) == (False, "Local")
