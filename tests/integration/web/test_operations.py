"""What becomes of an operation, as an answer and as a record; named charging profiles; a transaction's end by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from chargemon_edge.control.ports import Answered, Busy, CallErrored, Offline, Outcome, TimedOut
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.token_facts import Role
from tests.integration.web.running import Running, running
from tests.unit.store.site_facts import started

PATH = "/api/v1/charge-points/GATE-1/operations/ClearCache"
WISH: dict[str, Any] = {
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
    },
}


async def ask(site: Running, method: str, path: str, body: bytes | object = b"") -> tuple[int, Any]:
    """Over the Unix socket."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(site.unix)) as client,
        client.request(method, f"http://daemon{path}", data=data) as answer,
    ):
        text = await answer.read()
        return answer.status, msgspec.json.decode(text) if text else None


@pytest.mark.parametrize(
    ("outcome", "status", "body"),
    [
        (
            Answered(response=m.ClearCacheResponse(status="Rejected"), sent_mono_s=0.0),
            200,
            {"result": {"status": "Rejected"}},
        ),
        (
            CallErrored(code="GenericError", description="why", details='{"a":[1]}'),
            200,
            {"callError": {"code": "GenericError", "description": "why", "details": {"a": [1]}}},
        ),
        (TimedOut(), 504, "no answer"),
        (Offline(), 409, "not connected"),
        (Busy(), 503, "busy"),
    ],
)
async def test_each_outcome_has_its_answer_and_its_record(
    tmp_path: Path, outcome: Outcome, status: int, body: object
) -> None:
    async with running(tmp_path) as site:
        site.charge_points.links = {"GATE-1"}
        site.charge_points.answers = {"ClearCache": outcome}
        answered = await ask(site, "POST", PATH)
        _, records = await ask(site, "GET", "/api/v1/operations?charge_point=GATE-1")

    assert answered[0] == status
    assert body == (answered[1] if status == 200 else answered[1]["title"])
    (record,) = records["items"]
    assert (record["action"], record["asked_by"], record["payload"]) == ("ClearCache", "command line", {})
    assert record["result"] is not None


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[]", b"nul", b'{"a":' * 5_000])
async def test_what_is_no_payload_is_refused_and_leaves_no_record(tmp_path: Path, body: bytes) -> None:
    async with running(tmp_path) as site:
        site.charge_points.links = {"GATE-1"}
        status, _ = await ask(site, "POST", PATH, body)
        _, records = await ask(site, "GET", "/api/v1/operations")

    assert status == 400
    assert records["items"] == []


async def test_a_named_profile_is_written_shown_and_forgotten(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        written = await ask(site, "PUT", "/api/v1/charging-profiles/night", WISH)
        shown = await ask(site, "GET", "/api/v1/charging-profiles/night")
        listed = await ask(site, "GET", "/api/v1/charging-profiles")
        forgotten = await ask(site, "DELETE", "/api/v1/charging-profiles/night")
        gone = [(await ask(site, method, "/api/v1/charging-profiles/night"))[0] for method in ("GET", "DELETE")]

    assert written == shown == (200, listed[1][0])
    handle = shown[1]["charging_profile_id"]
    assert shown[1]["profile"] == {"chargingProfileId": handle, **WISH}
    assert (shown[1]["name"], shown[1]["stored_by"]) == ("night", "command line")
    assert forgotten == (204, None)
    assert gone == [404, 404]


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {**WISH, "stackLevel": -1},
        {**WISH, "chargingProfileId": 5},
        {**WISH, "transactionId": 5},
        {**WISH, "validFrom": "tomorrow"},
        {**WISH, "chargingProfileKind": "Sometimes"},
    ],
)
async def test_a_profile_that_makes_no_sense_is_refused(tmp_path: Path, wish: dict[str, Any]) -> None:
    async with running(tmp_path) as site:
        status, _ = await ask(site, "PUT", "/api/v1/charging-profiles/night", wish)
        _, listed = await ask(site, "GET", "/api/v1/charging-profiles")

    assert (status, listed) == (400, [])


async def test_a_stale_transaction_is_closed_once(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        fact = started(999, charge_point="EXTRA")
        site.store.journal.commit([fact], lambda _error: None)
        site.present.apply([fact])
        answers = [await ask(site, "POST", f"/api/v1/transactions/{number}/close") for number in (999, 999, 998)]
        _, shown = await ask(site, "GET", "/api/v1/transactions/999")

    assert [status for status, _ in answers] == [204, 409, 404]
    assert answers[1][1]["detail"] == "it has ended already"
    assert (shown["open"], shown["stop_reason"]) == (False, "closed by hand (command line)")


CERTIFICATE = {"certificateType": "CentralSystemRootCertificate", "certificate": "-----BEGIN CERTIFICATE-----"}


@pytest.mark.parametrize(
    ("action", "payload", "for_installers"),
    [
        ("Reset", {"type": "Soft"}, False),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}, False),
        ("ChangeConfiguration", {"key": "SECURITYProfile", "value": "1"}, True),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "0011"}, True),
        ("InstallCertificate", CERTIFICATE, True),
        ("UpdateFirmware", {"location": "http://10.0.0.1/a", "retrieveDate": "2027-01-15T08:00:00Z"}, True),
    ],
)
async def test_what_decides_who_gets_in_is_for_installers(
    action: str, payload: dict[str, Any], for_installers: bool
) -> None:
    async with running() as site:
        site.charge_points.answers[action] = Offline()
        statuses = {}
        for role in (Role.OPERATOR, Role.INSTALLER):
            headers = {"Authorization": f"Bearer {await site.token(role, role.value)}"}
            async with (
                aiohttp.ClientSession(site.url, headers=headers) as client,
                client.post(f"/api/v1/charge-points/GATE-1/operations/{action}", json=payload) as answer,
            ):
                statuses[role] = answer.status
                problem = msgspec.json.decode(await answer.read())

    # asked for, and not connected
    assert statuses == {Role.OPERATOR: 403 if for_installers else 409, Role.INSTALLER: 409}, problem
