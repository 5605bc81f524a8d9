"""Local authorization list management."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.certification.charge_point import ChargePoint, now
from tests.certification.laboratory import PARENT, SIBLING, VALID, Laboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENTRIES: list[dict[str, Any]] = [
    {"idTag": VALID, "idTagInfo": {"status": "Accepted"}},
    {"idTag": SIBLING, "idTagInfo": {"expiryDate": now(days=300), "parentIdTag": PARENT, "status": "Accepted"}},
]


async def _version(laboratory: Laboratory, charge_point: ChargePoint, version: int) -> None:
    operated = await laboratory.operate(charge_point, "GetLocalListVersion", listVersion=version)
    assert operated.sent.text == "{}"


async def test_042_1_list_version_not_supported(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _version(laboratory, charge_point, -1)


async def test_042_2_list_version_empty(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _version(laboratory, charge_point, 0)


async def _full(laboratory: Laboratory, charge_point: ChargePoint, status: str, version: int = 1) -> None:
    await _version(laboratory, charge_point, 0)
    payload = {"listVersion": version, "localAuthorizationList": ENTRIES, "updateType": "Full"}
    operated = await laboratory.sent_as_given(charge_point, "SendLocalList", payload, status=status)
    assert list(operated.sent.payload) == ["listVersion", "localAuthorizationList", "updateType"]
    assert all("idTagInfo" in entry for entry in operated.sent.payload["localAuthorizationList"])


async def test_043_1_full_list_not_supported(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _full(laboratory, charge_point, "NotSupported")


async def test_043_3_full_list_failed(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _full(laboratory, charge_point, "Failed")


async def test_043_4_full_list_accepted(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _full(laboratory, charge_point, "Accepted")
    await _version(laboratory, charge_point, 1)


async def test_043_5_differential_list(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _full(laboratory, charge_point, "Accepted", version=4)
    await _version(laboratory, charge_point, 4)
    new = {"idTag": "TAG-NEW", "idTagInfo": {"status": "Accepted"}}
    payload = {"listVersion": 5, "localAuthorizationList": [new], "updateType": "Differential"}
    await laboratory.sent_as_given(charge_point, "SendLocalList", payload, status="Accepted")
    await _version(laboratory, charge_point, 5)


async def _brought_up_to_date(
    laboratory: Laboratory, charge_point: ChargePoint, version: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the daemon sends when it is told to bring the list of *version* up to date, and how it then stands."""
    bringing = asyncio.create_task(laboratory.http("POST", f"/charge-points/{charge_point.identity}/local-list"))
    keys = [
        {"key": "LocalAuthListEnabled", "readonly": False, "value": "true"},
        {"key": "SendLocalListMaxLength", "readonly": True, "value": "100"},
        {"key": "LocalAuthListMaxLength", "readonly": True, "value": "100"},
    ]
    while (asked := await charge_point.asked()).action != "SendLocalList":
        if asked.action == "GetConfiguration":
            await charge_point.answer(asked, configurationKey=keys)
        else:
            assert asked.action == "GetLocalListVersion"
            await charge_point.answer(asked, listVersion=version)
    await charge_point.answer(asked, status="Accepted")
    stands = await bringing
    assert stands.status == 200
    return asked.payload, stands.body


async def test_043_5_differential_list_that_the_daemon_makes(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    sent, stands = await _brought_up_to_date(laboratory, charge_point, 0)
    assert sent["updateType"] == "Full"
    assert VALID in [entry["idTag"] for entry in sent["localAuthorizationList"]]
    assert all("idTagInfo" in entry for entry in sent["localAuthorizationList"])
    assert stands["up_to_date"]

    await laboratory.put("/id-tags/TAG-BRAND-NEW", {"parent_id_tag": PARENT})
    differential, stands = await _brought_up_to_date(laboratory, charge_point, sent["listVersion"])
    assert differential == {
        "listVersion": stands["version"],
        "localAuthorizationList": [
            {"idTag": "TAG-BRAND-NEW", "idTagInfo": {"parentIdTag": PARENT, "status": "Accepted"}}
        ],
        "updateType": "Differential",
    }
    assert stands["version"] > sent["listVersion"]
    assert stands["up_to_date"]
