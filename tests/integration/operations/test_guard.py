"""On a balanced charge point: what may not go out by hand, and how our own profiles come back after a clearing."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from tests.certification.laboratory import running
from tests.integration.operations.test_independent_client import PROFILE, Client, connected, operate

BALANCED = """
[[charge_point]]
identity = "CP1"
password_file = "password"
[[charge_point.connector]]
number = 1
circuit = "main"
fallback_a = 6
"""
ACCEPTED = {"status": "Accepted"}


def default(limit: float, **members: Any) -> dict[str, Any]:
    """SetChargingProfile's payload."""
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    profile = {**PROFILE, "chargingProfilePurpose": "TxDefaultProfile", "chargingSchedule": schedule, **members}
    return {"connectorId": 1, "csChargingProfiles": profile}


async def received(client: Client, action: str, *, within_s: float = 5.0) -> dict[str, Any]:
    """The next CALL of that name, taken out; others before it are dropped."""
    async with asyncio.timeout(within_s):
        while True:
            while client.received:
                name, payload = client.received.pop(0)
                if name == action:
                    return payload
            await asyncio.sleep(0.01)


async def test_a_limit_cannot_be_raised_by_hand_and_the_record_says_why(tmp_path: Path) -> None:
    async with running(tmp_path, [], BALANCED) as laboratory, connected(laboratory) as client:
        client.answer = ACCEPTED
        await received(client, "SetChargingProfile")

        raising = await operate(laboratory, "SetChargingProfile", default(32.0))
        ours = await operate(laboratory, "SetChargingProfile", default(6.0, stackLevel=0))
        start = {"idTag": "T", "connectorId": 1, "chargingProfile": default(6.1)["csChargingProfiles"]}
        starting = await operate(laboratory, "RemoteStartTransaction", start)
        assert not any(payload.get("cs_charging_profiles") == default(32.0) for _, payload in client.received)

        lowering = await operate(laboratory, "SetChargingProfile", default(6.0))
        ceiling = default(63.0, chargingProfilePurpose="ChargePointMaxProfile")
        lowering_all = await operate(laboratory, "SetChargingProfile", {**ceiling, "connectorId": 0})

    assert [status for status, _ in (raising, ours, starting)] == [409, 409, 409]
    assert "6.0 A is proven safe" in raising[1]["detail"]
    assert lowering == lowering_all == (200, {"result": ACCEPTED})
    with contextlib.closing(sqlite3.connect(tmp_path / "site.db")) as database:
        rows = database.execute("SELECT action, result, detail FROM operation ORDER BY number").fetchall()
    assert [row[:2] for row in rows] == [
        ("SetChargingProfile", "refused"),
        ("SetChargingProfile", "refused"),
        ("RemoteStartTransaction", "refused"),
        ("SetChargingProfile", "Accepted"),
        ("SetChargingProfile", "Accepted"),
    ]
    assert rows[0][2] == raising[1]["detail"]


async def test_a_clearing_by_hand_is_followed_by_our_own_profiles_at_once(tmp_path: Path) -> None:
    async with running(tmp_path, [], BALANCED) as laboratory, connected(laboratory) as client:
        client.answer = ACCEPTED
        assert (await received(client, "SetChargingProfile"))["cs_charging_profiles"]["charging_profile_id"] == 2001

        assert await operate(laboratory, "ClearChargingProfile", {}) == (200, {"result": ACCEPTED})

        await received(client, "ClearChargingProfile")
        again = await received(client, "SetChargingProfile", within_s=1.0)
    assert again["cs_charging_profiles"]["charging_profile_id"] == 2001


async def test_the_record_of_an_operation_holds_no_secret(tmp_path: Path) -> None:
    async with running(tmp_path, ["CP1"]) as laboratory, connected(laboratory) as client:
        client.answer = ACCEPTED
        await operate(laboratory, "ChangeConfiguration", {"key": "AuthorizationKey", "value": "00112233445566778899"})
        await operate(laboratory, "RemoteStartTransaction", {"idTag": "04A1B2C3D4E5"})

    content = b"".join(path.read_bytes() for path in tmp_path.glob("site.db*"))
    assert b"00112233445566778899" not in content
    assert b"04A1B2C3D4E5" not in content
