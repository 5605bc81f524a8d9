"""What the API says of a charge point's model."""

from __future__ import annotations

from typing import Any

import aiohttp

from chargemon_edge.site.facts import ChargePointBooted
from chargemon_edge.site.token_facts import Role
from tests.integration.web.running import Running, running
from tests.unit.web.example import NOW, SITE

IDENTITY = SITE.charge_points[0].identity


async def model(site: Running, identity: str) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {await site.token(Role.VIEWER)}"}
    async with (
        aiohttp.ClientSession(site.url) as client,
        client.get(f"/api/v1/charge-points/{identity}/model", headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def test_entries_and_quirks_of_a_known_model_with_their_sources() -> None:
    boot = ChargePointBooted(
        at=NOW, charge_point=IDENTITY, vendor="Free2Move", model="eProWallbox Move", firmware_version="2.9.1"
    )
    async with running() as site:
        site.present.apply((boot,))
        status, shown = await model(site, IDENTITY)

    assert status == 200
    assert shown["nameplate"]["model"] == "eProWallbox Move"
    assert [entry["entry"] for entry in shown["entries"]] == ["free2move-eprowallbox"]
    assert shown["quirks"] == [
        {
            "quirk": "start_answer_delay_s",
            "value": 1.0,
            "source": "catalogue: free2move-eprowallbox (ha#2080)",
        }
    ]


async def test_a_charge_point_nobody_knows() -> None:
    async with running() as site:
        assert (await model(site, "NOBODY"))[0] == 404
