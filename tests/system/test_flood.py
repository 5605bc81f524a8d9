"""S14: whatever a site's chargers pour in at once, the daemon's memory stays bounded and the others are answered."""

import asyncio
import base64
import contextlib
import json
import time
from pathlib import Path

import pytest

from tests.charge_point import now_text
from tests.integration.csms.far_end import TEXT, Socket, masked, upgrade
from tests.system.daemon import SECRET, Daemon, charge_point
from tests.system.far_ends import charge_point as connected

FLOODERS, STRANGERS = 10, 300
FLOOD_S = 4.0
RESIDENT_MAX_MB = 192
CIRCUIT = '[[circuit]]\nname = "main"\nfuse_a = 630\n'


def _flood() -> bytes:
    """Starts that want a commit each, values of nearly 64 KiB, rubbish, and half a message at the end."""
    sample = {"value": "1", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    values = {"connectorId": 1, "meterValue": [{"timestamp": now_text(), "sampledValue": [sample] * 800}]}
    start = {"connectorId": 1, "idTag": "CARD", "meterStart": 0}
    messages = [
        json.dumps([2, f"s{number}", "StartTransaction", {**start, "timestamp": f"2026-01-01T00:00:{number:02}Z"}])
        for number in range(60)
    ]
    messages += [json.dumps([2, f"v{number}", "MeterValues", values]) for number in range(20)]
    messages += ["[" * 60_000] * 5
    frames = b"".join(masked(TEXT, message.encode()) for message in messages)
    return frames + masked(TEXT, b"x" * 60_000)[:40_000]


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def _pour(port: int, identity: str, flood: bytes) -> None:
    login = "Basic " + base64.b64encode(f"{identity}:{SECRET}".encode()).decode()
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            socket = await Socket.connect(port)
            await socket.request(upgrade(f"/ocpp/{identity}", login))
            while True:
                # it never reads an answer
                socket.writer.write(flood)
                await socket.writer.drain()
        await asyncio.sleep(0.05)


async def _knock(port: int) -> None:
    """Sockets that never say who they are."""
    sockets = [await Socket.connect(port) for _ in range(STRANGERS)]
    for socket in sockets:
        socket.writer.write(b"GET /ocpp/")
    await asyncio.sleep(3600)


@pytest.mark.demand("S14")
async def test_s14_a_flood_is_bounded_in_memory_and_nobody_else_waits_for_it(tmp_path: Path) -> None:
    names = [f"FLOOD{number}" for number in range(FLOODERS)]
    config = CIRCUIT + "".join(charge_point(name, extra="quiet = true") for name in (*names, "CP1"))
    with Daemon(tmp_path, config) as daemon:
        port = int(daemon.chargers_url.rpartition(":")[2].partition("/")[0])
        flood = _flood()
        worst_mb = 0.0
        async with connected(daemon.chargers_url, "CP1") as good:
            pouring = [asyncio.create_task(_pour(port, name, flood)) for name in names]
            pouring.append(asyncio.create_task(_knock(port)))
            until_s = time.monotonic() + FLOOD_S
            answered = 0
            while time.monotonic() < until_s:
                assert (await good.boot()).status == "Accepted"
                answered += 1
                worst_mb = max(worst_mb, _resident_mb(daemon.process.pid))
                await asyncio.sleep(0.02)
            transaction_id = await good.begin(1)
            await good.end(transaction_id)
            for task in pouring:
                task.cancel()
            await asyncio.gather(*pouring, return_exceptions=True)
            while Socket.opened:
                Socket.opened.pop().writer.transport.abort()
        print(f"{answered} answers beside the flood, {worst_mb:.0f} MB at most")
        assert answered > 10
        assert worst_mb < RESIDENT_MAX_MB
        assert not [line for line in daemon.lines if "Traceback" in line]
        assert daemon.stop() == 0
