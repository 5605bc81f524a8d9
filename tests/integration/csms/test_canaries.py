"""S12: secrets with telling names go in by every door; nothing that the daemon writes, answers or keeps shows one."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.certification.charge_point import PASSWORD, ChargePoint
from tests.certification.laboratory import VALID, Complaints, Laboratory, running

IDENTITY = "CP1"
WRONG = "canary-of-a-wrong-login"
# hexadecimal digits, as an AuthorizationKey is
BY_HAND = "CAFECAFE0123456789ABCDEFCAFECAFE"
IN_URL = "canary-of-a-file-server"
EVERY_LINE = '[log]\nlevel = "debug"\n'


def forms(secret: str) -> list[str]:
    """The ways in which a password shows: as it is, in other case, as the header has it, and the octets it spells."""
    logins = [base64.b64encode(f"{IDENTITY}:{secret}".encode()).decode()]
    if re.fullmatch("[0-9A-Fa-f]+", secret):
        octets = bytes.fromhex(secret)
        logins += [base64.b64encode(f"{IDENTITY}:".encode() + octets).decode(), octets.decode("latin-1")]
    return [secret, secret.lower(), secret.upper(), *logins]


async def _every_secret_goes_in(laboratory: Laboratory, charge_point: ChargePoint) -> list[str]:
    await charge_point.boot()
    await charge_point.stop(await charge_point.begin(1, VALID))
    assert await laboratory.turned_away(IDENTITY, password=WRONG) == 401
    by_hand = {"key": "AuthorizationKey", "value": BY_HAND}
    await laboratory.operate(charge_point, "ChangeConfiguration", by_hand, status="Accepted")
    location = {"location": f"ftp://user:{IN_URL}@192.0.2.1/logs"}
    await laboratory.operate(charge_point, "GetDiagnostics", location, fileName="diagnostics.zip")
    tell = {"key": ["AuthorizationKey"]}
    known = {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": BY_HAND}]}
    await laboratory.operate(charge_point, "GetConfiguration", tell, **known)
    rotation = asyncio.create_task(laboratory.http("POST", f"/charge-points/{IDENTITY}/key-rotation"))
    sent = await charge_point.asked("ChangeConfiguration")
    await charge_point.answer(sent, status="Accepted")
    assert (await rotation).status == 200
    rotated: str = sent.payload["value"]
    token = await laboratory.http("POST", "/tokens", {"name": "canary", "role": "viewer"})
    secret: str = token.body["token"]
    return [PASSWORD, WRONG, BY_HAND, IN_URL, rotated, secret]


async def _every_answer(laboratory: Laboratory, token: str) -> dict[str, str]:
    """What can be read over the API, by path: by an installer, and by a viewer over TCP."""
    document = json.loads(await laboratory.text("/api/v1/openapi.json"))
    known: dict[str, Any] = {"identity": IDENTITY, "connector": 1, "transaction_id": 1, "number": 1, "id_tag": VALID}
    answers = {}
    address = laboratory.addresses.page
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as viewer:
        for path, methods in document["paths"].items():
            content = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
            if not content or "text/event-stream" in content:
                continue
            asked = re.sub(r"\{(\w+)\}", lambda found: str(known.get(found[1], "canary")), path)
            async with viewer.get(f"http://{address[0]}:{address[1]}{asked}") as answer:
                answers[f"viewer {path}"] = await answer.text()
            answers[path] = await laboratory.text(asked)
    return answers


@pytest.mark.demand("S12")
async def test_no_secret_is_in_any_log_answer_record_or_tape(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    async with running(tmp_path, [IDENTITY], EVERY_LINE) as laboratory:
        async with laboratory.connected(IDENTITY) as charge_point:
            secrets = await _every_secret_goes_in(laboratory, charge_point)
        outputs = await _every_answer(laboratory, secrets[-1])
    logging.getLogger().removeHandler(complaints)
    assert complaints.bugs == []
    # the charge point is in this process, too, and its library logs what it sends
    ours = (record for record in caplog.records if not record.name.startswith("websockets"))
    outputs["log"] = "\n".join(logging.Formatter().format(record) for record in ours)
    for file in tmp_path.glob("*.db*"):
        outputs[file.name] = file.read_bytes().decode("latin-1")

    # each place really holds something of what happened
    assert "ChangeConfiguration" in outputs["log"]
    assert "GetDiagnostics" in outputs["/api/v1/charge-points/{identity}/frames"]
    assert "GetDiagnostics" in outputs["/api/v1/operations"]
    assert "login refused" in outputs["/api/v1/security-events/export.csv"]
    assert json.loads(outputs["viewer /api/v1/transactions"])["items"]
    assert "scrypt" in outputs["site.db"] + outputs.get("site.db-wal", "")
    shown = [
        (place, secret)
        for place, text in outputs.items()
        for secret in secrets
        for form in forms(secret)
        if form in text
    ]
    assert shown == []
    for place, text in outputs.items():
        if place == "log" or place.startswith("viewer "):
            assert VALID not in text, place
