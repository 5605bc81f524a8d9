"""A real link's frames in the recorder: both ways, with what was thought of them, and no canary among them."""

from __future__ import annotations

import asyncio

import pytest

from chargemon_edge.control.ports import Answered
from chargemon_edge.ocpp.v16.messages import ChangeConfigurationRequest
from tests.integration.csms.far_end import NOW, OneModel, charger, site

KEY = "CANARYKEY4711CANARYKEY"
TAG = "CANARYTAG0815"


@pytest.mark.demand("S12")
async def test_frames_both_ways_and_the_notes_on_them() -> None:
    async with site(models=OneModel(known_repairs=("meterStart:",))) as running:
        socket = await charger(running.port, "CP1")
        calling = asyncio.create_task(
            running.directory.call("CP1", ChangeConfigurationRequest(key="AuthorizationKey", value=KEY), 5.0)
        )
        frame = await socket.receive()
        socket.send([3, frame[1], {"status": "Accepted"}])
        assert isinstance(await calling, Answered)
        start = {"connectorId": 1, "idTag": TAG, "meterStart": " 12 ", "timestamp": NOW}
        for number in range(2):
            socket.send([2, f"s{number}", "StartTransaction", start])
            await socket.receive()
        socket.send([2, "a", "Authorize", {"idTag": [TAG]}])
        assert (await socket.receive())[0] == 4
        await socket.close()
        frames = running.server.recorder.frames("CP1")
        (repair,) = running.server.recorder.repairs("CP1")

    ways = [one.way for one in frames]
    assert ways[:2] == ["to charge point", "from charge point"]
    assert "note" in ways
    assert (repair.count, repair.kind.partition(":")[0]) == (2, "meterStart")
    everything = "\n".join(one.text for one in frames)
    assert "AuthorizationKey" in everything and "StartTransaction" in everything
    assert KEY not in everything and TAG not in everything
