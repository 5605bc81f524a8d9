"""A client we did not write: the PyPI package ``ocpp`` on ``websockets`` talks to our server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action, RegistrationStatus, ResetStatus

from chargemon_edge.control.ports import Answered
from chargemon_edge.ocpp.v16.messages import (
    AuthorizeRequest,
    BootNotificationRequest,
    HeartbeatRequest,
    ResetRequest,
    ResetResponse,
)
from tests.integration.csms.far_end import NOW, Site, login, site


class Box(ChargePoint):  # type: ignore[misc] # the package has no types
    """A charger that can be reset."""

    @on(Action.reset)  # type: ignore[untyped-decorator] # as above
    def reset(self, type: str, **_rest: Any) -> call_result.Reset:
        return call_result.Reset(status=ResetStatus.accepted if type == "Soft" else ResetStatus.rejected)


def dial(running: Site, identity: str, **changes: Any) -> websockets.connect:
    options: dict[str, Any] = {
        "subprotocols": ["ocpp1.6"],
        "additional_headers": {"Authorization": login(identity)},
        **changes,
    }
    return websockets.connect(f"ws://127.0.0.1:{running.port}/ocpp/{identity}", **options)


async def test_boot_heartbeat_authorize_and_a_reset_from_us() -> None:
    async with site() as running, dial(running, "CP1") as socket:
        assert socket.subprotocol == "ocpp1.6"
        box = Box("CP1", socket)
        listening = asyncio.create_task(box.start())

        booted = await box.call(call.BootNotification(charge_point_model="Box", charge_point_vendor="Vendor"))
        assert (booted.status, booted.interval, booted.current_time) == (RegistrationStatus.accepted, 300, NOW)
        assert (await box.call(call.Heartbeat())).current_time == NOW
        assert (await box.call(call.Authorize(id_tag="04A2B3C4"))).id_tag_info == {"status": "Accepted"}
        soft = await running.directory.call("CP1", ResetRequest(type="Soft"), 5.0)
        hard = await running.directory.call("CP1", ResetRequest(type="Hard"), 5.0)

        assert isinstance(soft, Answered)
        assert isinstance(hard, Answered)
        assert [soft.response, hard.response] == [ResetResponse(status="Accepted"), ResetResponse(status="Rejected")]
        assert [type(request) for _, request in running.notes.requests] == [
            BootNotificationRequest,
            HeartbeatRequest,
            AuthorizeRequest,
        ]
        await socket.close()
        with pytest.raises(websockets.ConnectionClosedOK):
            await listening


@pytest.mark.demand("S10")
async def test_compression_and_other_offers_are_declined() -> None:
    async with site() as running, dial(running, "CP1", subprotocols=["ocpp2.0.1", "ocpp1.6"]) as socket:
        assert socket.subprotocol == "ocpp1.6"
        assert socket.protocol.extensions == []
        await socket.send('[2,"1","Heartbeat",{}]')
        assert await socket.recv() == f'[3,"1",{{"currentTime":"{NOW}"}}]'


async def test_its_pings_pongs_fragments_and_close_are_understood() -> None:
    async with site() as running, dial(running, "CP1") as socket:
        await (await socket.ping(b"are you there"))
        await socket.send(iter(['[2,"1",', '"Heart', 'beat",{}]']))
        assert '"currentTime"' in str(await socket.recv())
        await socket.close(1001, "bye")
        assert socket.close_code == 1001
        assert running.notes.events[-1] == ("closed", "CP1", "closed by the charge point (1001)")


@pytest.mark.parametrize(
    ("identity", "changes", "status"),
    [
        ("CP1", {"additional_headers": {}}, 401),
        ("CP1", {"subprotocols": ["ocpp0.1"]}, 400),
        ("CP1", {"subprotocols": None}, 400),
    ],
)
async def test_it_is_told_why_it_may_not(identity: str, changes: dict[str, Any], status: int) -> None:
    async with site() as running:
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with dial(running, identity, **changes):
                pass
        assert refused.value.response.status_code == status


async def test_it_is_told_that_we_go() -> None:
    async with site() as running, dial(running, "CP1") as socket:
        await running.server.stop()
        with pytest.raises(websockets.ConnectionClosedOK):
            await socket.recv()
        assert (socket.close_code, socket.close_reason) == (1001, "central system stops")
