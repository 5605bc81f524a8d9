"""Diagnostics and logs from wish to download: asked for over the API, delivered by curl, taken away by an operator."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.integration.files.depot import content, curl, depot, free_port


@pytest.mark.parametrize("purpose", ["Diagnostics", "DiagnosticsLog", "SecurityLog"])
async def test_a_file_is_asked_for_delivered_and_taken_away(tmp_path: Path, purpose: str) -> None:
    octets = content(200_000)
    sent = tmp_path / "log.tgz"
    sent.write_bytes(octets)
    async with depot(tmp_path) as house:
        wish = {"purpose": purpose, "since_utc_ms": 1_800_000_000_000}
        asking = asyncio.create_task(house.laboratory.http("POST", "/charge-points/CP1/file-requests", wish))
        action = "GetDiagnostics" if purpose == "Diagnostics" else "GetLog"
        asked = await house.charge_point.asked(action)
        if action == "GetLog":
            await house.charge_point.answer(asked, status="Accepted", filename="log.tgz")
            location = asked.payload["log"]["remoteLocation"]
            assert asked.payload["logType"] == purpose
            assert asked.payload["log"]["oldestTimestamp"].startswith("2027-01-15T08:00:00")
        else:
            await house.charge_point.answer(asked, fileName="log.tgz")
            location = asked.payload["location"]
            assert asked.payload["startTime"].startswith("2027-01-15T08:00:00")
        begun = await asking
        (offered,) = await house.laboratory.get("/file-transfers")
        assert (await curl("--upload-file", str(sent), location)).status == 200

        (listed,) = await house.laboratory.get("/delivered-files")
        path = f"http://daemon/api/v1/delivered-files/{listed['number']}/content"
        async with house.laboratory.operator.get(path) as answer:
            taken, headers = await answer.read(), answer.headers
        (record,) = (await house.laboratory.get("/operations"))["items"]
        assert (await house.laboratory.http("DELETE", f"/delivered-files/{listed['number']}")).status == 204
        assert (await house.laboratory.get("/delivered-files")) == []
        assert list((tmp_path / "files" / "deliveries").iterdir()) == []

    assert (begun.status, begun.body["file_name"]) == (202, "log.tgz")
    assert (offered["ticket_id"], offered["purpose"]) == (begun.body["ticket_id"], purpose)
    assert (listed["charge_point"], listed["purpose"], listed["size_bytes"]) == ("CP1", purpose, len(octets))
    assert taken == octets
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == 'attachment; filename="log.tgz"'
    token = location.split("/")[4]
    assert token not in json.dumps(record)
    assert "/uploads/…/" in json.dumps(record, ensure_ascii=False)


async def test_who_will_not_deliver_leaves_no_address_open(tmp_path: Path) -> None:
    async with depot(tmp_path) as house:
        asking = asyncio.create_task(house.laboratory.http("POST", "/charge-points/CP1/file-requests", {}))
        asked = await house.charge_point.asked("GetDiagnostics")
        await house.charge_point.answer(asked)
        refused = await asking
        assert (await curl("--data", "x", asked.payload["location"])).status == 404
        unknown = await house.laboratory.http("POST", "/charge-points/CP9/file-requests", {})

    assert (refused.status, refused.body["detail"]) == (409, "it has nothing to deliver")
    assert unknown.status == 404


async def test_a_charger_that_speaks_ftp_only_is_given_an_ftp_address(tmp_path: Path) -> None:
    sent = tmp_path / "diag"
    sent.write_bytes(b"diagnostics")
    async with depot(tmp_path, f"ftp_port = {free_port()}") as house:
        asking = asyncio.create_task(
            house.laboratory.http("POST", "/charge-points/CP1/operations/GetConfiguration", {})
        )
        asked = await house.charge_point.asked("GetConfiguration")
        key = {"key": "SupportedFileTransferProtocols", "readonly": True, "value": "FTP"}
        await house.charge_point.answer(asked, configurationKey=[key])
        await asking
        assert house.desk.protocols("CP1") == ("FTP",)
        asking = asyncio.create_task(house.laboratory.http("POST", "/charge-points/CP1/file-requests", {}))
        asked = await house.charge_point.asked("GetDiagnostics")
        await house.charge_point.answer(asked, fileName="diag")
        await asking
        sending = await curl("--upload-file", str(sent), asked.payload["location"])

    assert asked.payload["location"].startswith("ftp://127.0.0.1:")
    assert sending.code == 0
