"""kill -9 while a charge point is being asked: the record says that it was asked, and not what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import websockets

from chargemon_edge.web.client import ClientError, ask
from tests.certification.charge_point import basic
from tests.system.daemon import SECRET, Daemon, charge_point


async def asked_and_killed(daemon: Daemon, socket_path: str) -> None:
    """The charge point has the CALL, the daemon dies."""
    async with websockets.connect(
        f"{daemon.chargers_url}/CP1",
        subprotocols=[websockets.Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": basic("CP1", SECRET)},
        proxy=None,
    ) as link:
        operation = asyncio.create_task(
            asyncio.to_thread(ask, socket_path, "POST", "/api/v1/charge-points/CP1/operations/ClearCache", b"{}")
        )
        async with asyncio.timeout(10):
            assert json.loads(await link.recv())[2] == "ClearCache"
        daemon.process.kill()
        daemon.process.wait()
        with contextlib.suppress(ClientError):
            await operation


def operations(socket_path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ask(socket_path, "GET", "/api/v1/operations"))["items"]
    return found


def test_an_operation_in_flight_leaves_a_record_without_a_result(tmp_path: Path) -> None:
    site = '[[circuit]]\nname = "main"\nfuse_a = 63\n' + charge_point("CP1", extra="quiet = true")
    socket_path = str(tmp_path / "control.sock")
    with Daemon(tmp_path, site) as daemon:
        asyncio.run(asked_and_killed(daemon, socket_path))
        daemon.start()
        (record,) = operations(socket_path)

        assert (record["action"], record["charge_point"], record["asked_by"]) == ("ClearCache", "CP1", "command line")
        assert record["result"] is None
        assert record["ended_utc_ms"] is None
