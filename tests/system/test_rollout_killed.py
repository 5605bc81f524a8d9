"""kill -9 amid a wave of thirty chargers: each has the verdict that it has without it, and none is asked twice.

Everything is started, shown and counted by the command line. The chargers are simulated, on the clock on the wall: so
they are quick, and the campaign is given little patience.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from chargemon_edge.control.update_steps import VERDICTS
from chargemon_edge.sim.charger import Charger
from chargemon_edge.sim.dialling import Account
from tests.simulation.wave import IMAGE, NAMES, RIGHT, VERSION, free_port, kinds
from tests.system.daemon import SECRET, Daemon, charge_point

KILLS = 3
ENOUGH_S = 60.0
QUICK: dict[str, Any] = {
    "answer_delay_s": 0.02,
    "file_step_s": 0.2,
    "restart_s": (0.3, 0.6),
    "redial_s": 0.2,
    "redial_max_s": 0.5,
}
RULES = {
    "canaries": 2,
    "at_once": 8,
    "stop_after": 20,
    "retry_s": 1,
    "patience": {
        "answer_s": 5,
        "begin_s": 6,
        "download_s": 6,
        "begin_install_s": 6,
        "install_s": 8,
        "boot_s": 6,
        "confirm_s": 5,
    },
}


@contextlib.asynccontextmanager
async def chargers(daemon: Daemon) -> AsyncIterator[dict[str, Charger]]:
    """All thirty, linked to where the daemon listens."""
    host, _, port = daemon.chargers_url.removeprefix("ws://").partition("/")[0].partition(":")
    found = {
        name: Charger(Account(identity=name, password=SECRET), {1: 32_000}, kind, utc_s=time.time, seed=1)
        for name, kind in kinds(**QUICK).items()
    }
    for charger in found.values():
        charger.power_on(host, int(port))
    try:
        async with asyncio.timeout(ENOUGH_S):
            while not all(charger.calls.booted for charger in found.values()):
                await asyncio.sleep(0.05)
        yield found
    finally:
        for charger in found.values():
            charger.power_off()
        await asyncio.sleep(0.1)


class Operator:
    """Who sits at the command line."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._socket = ("--socket", str(daemon.folder / "control.sock"))

    async def __call__(self, *words: str) -> str:
        """What the command says."""
        done = await asyncio.to_thread(self._daemon.command, *words, *self._socket)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def api(self, method: str, path: str, body: object = None) -> Any:
        """The same for what has no words of its own."""
        return json.loads(await self("api", method, path, *(() if body is None else (json.dumps(body),))))

    async def updates(self, number: int) -> dict[str, dict[str, Any]]:
        """Where each charger stands."""
        campaign = await self.api("GET", f"firmware/campaigns/{number}")
        return {one["charge_point"]: one for one in campaign["updates"]}


def stay_where_you_are(daemon: Daemon) -> None:
    """Chargers come back to the port that they know."""
    port = daemon.chargers_url.removeprefix("ws://").partition("/")[0].rpartition(":")[2]
    daemon.config.write_text(daemon.config.read_text().replace("port = 0", f"port = {port}", 1))


async def test_thirty_verdicts_are_right_although_the_daemon_is_killed(tmp_path: Path) -> None:
    site = '[[circuit]]\nname = "main"\nfuse_a = 1000\n' + "".join(map(charge_point, NAMES))
    with Daemon(tmp_path, f"{site}\n[files]\nftp_port = {free_port()}\n") as daemon:
        stay_where_you_are(daemon)
        operator = Operator(daemon)
        image = tmp_path / "new.bin"
        image.write_bytes(IMAGE)
        async with chargers(daemon) as all_of_them:
            await operator("firmware", "add", str(image), "--vendor", "Simulated", "--model", "*", "--version", VERSION)
            (added,) = await operator.api("GET", "firmware/images")
            # otherwise it is asked for its keys by itself, but later
            await operator("call", "ftp-only", "GetConfiguration", '{"key": ["SupportedFileTransferProtocols"]}')
            wish = {"image_id": added["image_id"], "charge_points": NAMES, "rules": RULES}
            number = (await operator.api("POST", "firmware/campaigns", wish))["number"]
            for _ in range(KILLS):
                await asyncio.sleep(1.5)
                daemon.kill()
                await asyncio.to_thread(daemon.start)
            verdicts = {step.value for step in VERDICTS}
            updates = await operator.updates(number)
            async with asyncio.timeout(ENOUGH_S):
                while not all(one["step"] in verdicts for one in updates.values()):
                    await asyncio.sleep(0.5)
                    updates = await operator.updates(number)

            assert {name: one["step"] for name, one in updates.items()} == RIGHT
            for name, charger in all_of_them.items():
                # once for each attempt; an attempt whose request died with the daemon reached nobody
                assert 1 <= len(charger.upkeep.file_requests) <= updates[name]["attempt"] <= 2, name
                assert all(content == IMAGE for content in charger.upkeep.fetched)
            assert "finished" in await operator("firmware", "campaign", "show", str(number))
