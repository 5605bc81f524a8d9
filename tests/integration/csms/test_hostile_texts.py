"""S3 and S16 in the daemon as it is shipped: strangers leave no row, and what chargers write stays text."""

from __future__ import annotations

import asyncio
import csv
import io
import logging
import random
from pathlib import Path

import aiohttp
import pytest

from chargemon_edge.web.client import fetch_site
from chargemon_edge.web.status import render_status
from tests.integration.csms.far_end import Socket, upgrade
from tests.integration.csms.shipped import IDENTITIES, Site, records, running

# Each fits the shortest of OCPP's texts, 20 characters
TEXTS = (
    "<script>x()</script>",
    "<img src onerror=x>",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "@SUM(1+1)",
    "-2+3",
    "a\nPRIORITY=0",
    "a\r\nb\r\n\r\n",
    "\x1b[2Jred\x07",
    "charge/+/points/#",
    "../../etc/passwd",
    "'; DROP TABLE event",
    '","x":"',
    "%s%n{0}${7*7}",
    "\u202egpj.exe\u2028line",
    "\x00\x7f\x85",
)


async def _tells(socket: Socket, text: str) -> None:
    """Every message that carries a text of the charger's own choice."""
    at = "2026-11-25T10:00:00Z"
    told = {
        "BootNotification": {
            "chargePointVendor": text,
            "chargePointModel": text,
            "chargePointSerialNumber": text,
            "firmwareVersion": text,
            "iccid": text,
            "imsi": text,
            "meterType": text,
        },
        "StatusNotification": {
            "connectorId": 1,
            "errorCode": "OtherError",
            "status": "Faulted",
            "info": text,
            "vendorId": text,
            "vendorErrorCode": text,
        },
        "Authorize": {"idTag": text},
        "StartTransaction": {"connectorId": 1, "idTag": text, "meterStart": 0, "timestamp": at},
        "DataTransfer": {"vendorId": text, "messageId": text, "data": text},
        "SecurityEventNotification": {"type": text, "timestamp": at, "techInfo": text},
        text: {text: text},
    }
    for number, (action, payload) in enumerate(told.items()):
        socket.send([2, f"{number}{text}"[:36], action, payload])
        await socket.receive()


async def _answer(site: Site, folder: Path, path: str) -> tuple[str, str]:
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(f"{folder}/control.sock")) as operator,
        operator.get(f"http://localhost/api/v1/{path}") as answer,
    ):
        assert answer.status == 200, await answer.text()
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return answer.headers["Content-Type"], await answer.text()


@pytest.mark.demand("S16")
async def test_texts_of_chargers_and_strangers_are_inert_in_log_terminal_and_spreadsheet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(tmp_path) as site:
        for text in TEXTS:
            socket = await site.charger(IDENTITIES[0])
            await _tells(socket, text)
            await socket.close()
            stranger = await Socket.connect(site.port)
            quoted = "".join(f"%{octet:02x}" for octet in text.encode())
            assert await stranger.request(upgrade(f"/{quoted}", None)) in (400, 404, 429)
            await stranger.close()
        view = await asyncio.to_thread(fetch_site, f"{tmp_path}/control.sock")
        kind, sheet = await _answer(site, tmp_path, "security-events/export.csv")
        for path in ("site", "charge-points/CP1", "transactions", "event-records", "charge-points/CP1/frames"):
            assert (await _answer(site, tmp_path, path))[0].startswith("application/json")

    lines = [record.getMessage() for record in caplog.records if record.name.startswith("chargemon_edge")]
    assert [line for line in lines if "onerror" in line]
    assert [line for line in lines if not line.isprintable()] == []
    assert all(sign.isprintable() or sign == "\n" for sign in render_status(view))
    assert kind.startswith("text/csv")
    rows = list(csv.reader(io.StringIO(sheet, newline="")))
    assert len(rows) > len(TEXTS)
    assert {len(row) for row in rows} == {6}
    assert [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


@pytest.mark.demand("S3")
async def test_a_hundred_unknown_identities_make_no_row_and_no_link(tmp_path: Path) -> None:
    noise = random.Random(3)
    async with running(tmp_path) as site:
        pass
    before = records(tmp_path)
    async with running(tmp_path) as site:
        statuses = set()
        for number in range(100):
            # from many places: none of them is told to wait
            socket = await Socket.connect(site.port, source=f"127.0.0.{number + 2}")
            name = "".join(noise.choices("abcXYZ019-", k=12))
            statuses.add(await socket.request(upgrade(f"/ocpp/{name}", "Basic eDp5")))
            await socket.close()
        linked = [one for one, seen in site.picture.charge_points.items() if seen.linked]
    assert statuses == {404}
    assert linked == []
    assert records(tmp_path) == before
