"""kill -9 under load: no acknowledged transaction lost or doubled, every running one adopted with its id."""

import asyncio
import base64
import contextlib
import json
import os
import random
import sqlite3
import urllib.request
from pathlib import Path
from typing import Any

import websockets

from tests.system.daemon import SECRET, Daemon, charge_point
from tests.system.far_ends import now_text

KILLS = int(os.environ.get("CHARGEMON_KILLS", "6"))
CHARGERS = 8
CIRCUIT = '[[circuit]]\nname = "main"\nfuse_a = 63\n'


class Charger:
    """Charges without end; sends a transaction message again, word for word, until it is confirmed."""

    def __init__(self, identity: str, daemon: Daemon) -> None:
        self.identity = identity
        self.daemon = daemon
        # (the request's own words, the id it was given)
        self.starts: list[tuple[dict[str, Any], int]] = []
        self.stops: list[int] = []
        # of the transactions on connector 1, one after the other
        self.running: int | None = None
        # of the one on connector 2, which never ends
        self.lasting: int | None = None
        self._socket: Any = None
        self._sent = 0

    async def run(self) -> None:
        login = base64.b64encode(f"{self.identity}:{SECRET}".encode()).decode()
        pending: tuple[str, dict[str, Any]] | None = None
        while True:
            with contextlib.suppress(OSError, websockets.WebSocketException, TimeoutError):
                async with websockets.connect(
                    f"{self.daemon.chargers_url}/{self.identity}",
                    subprotocols=[websockets.Subprotocol("ocpp1.6")],
                    additional_headers={"Authorization": f"Basic {login}"},
                    proxy=None,
                ) as self._socket:
                    while True:
                        pending = pending or self._next()
                        await self._confirmed(*pending)
                        pending = None
            await asyncio.sleep(0.02)

    def _next(self) -> tuple[str, dict[str, Any]]:
        if self.running is None:
            count = len(self.starts)
            return "StartTransaction", {
                "connectorId": 2 if self.lasting is None else 1,
                "idTag": "CARD",
                "meterStart": count,
                "timestamp": now_text(),
            }
        return "StopTransaction", {
            "meterStop": len(self.starts),
            "timestamp": now_text(),
            "transactionId": self.running,
        }

    async def _confirmed(self, action: str, payload: dict[str, Any]) -> None:
        self._sent += 1
        unique_id = str(self._sent)
        await self._socket.send(json.dumps([2, unique_id, action, payload]))
        # not wait_for: on Python 3.11 it can lose a cancellation
        async with asyncio.timeout(10):
            while True:
                frame = json.loads(await self._socket.recv())
                if frame[0] == 2:
                    await self._socket.send(json.dumps([4, frame[1], "NotSupported", "", {}]))
                elif frame[1] == unique_id:
                    break
        if frame[0] == 4:
            raise TimeoutError(frame)
        if action == "StartTransaction":
            transaction_id = int(frame[2]["transactionId"])
            self.starts.append((payload, transaction_id))
            if payload["connectorId"] == 2:
                self.lasting = transaction_id
            else:
                self.running = transaction_id
        else:
            assert self.running is not None
            self.stops.append(self.running)
            self.running = None


def site_of(daemon: Daemon) -> str:
    with urllib.request.urlopen(f"{daemon.page_url}/api/v1/site") as response:
        text: str = response.read().decode()
    return text


async def test_no_acknowledged_transaction_is_lost_or_doubled(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    config = CIRCUIT + "".join(charge_point(f"CP{number}", connectors=2) for number in range(CHARGERS))
    with Daemon(tmp_path, config) as daemon:
        chargers = [Charger(f"CP{number}", daemon) for number in range(CHARGERS)]
        async with asyncio.TaskGroup() as load:
            tasks = [load.create_task(charger.run()) for charger in chargers]
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(0.2, 1.0))
                daemon.kill()
                await asyncio.to_thread(daemon.start)
            await asyncio.sleep(0.5)
            for task in tasks:
                task.cancel()
        daemon.kill()
        lasting = {charger.lasting for charger in chargers}
        assert None not in lasting
        daemon.start()
        shown = site_of(daemon)
        assert all(str(transaction_id) in shown for transaction_id in lasting), "a running transaction was not adopted"
        assert daemon.stop() == 0

    acknowledged = sum(len(charger.starts) + len(charger.stops) for charger in chargers)
    print(f"{KILLS} kills, {acknowledged} acknowledged starts and stops, {len(lasting)} adopted at the end")
    assert acknowledged > 10 * KILLS
    _check(tmp_path / "site.db", chargers)


def _check(path: Path, chargers: list[Charger]) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = database.execute(
            "SELECT charge_point, transaction_id, started_text, meter_start_wh, stop_received_utc_ms IS NOT NULL"
            " FROM charging_transaction"
        ).fetchall()
    ids = [row[1] for row in rows]
    assert len(set(ids)) == len(ids)
    known = {(row[0], row[2], row[3]): row for row in rows}
    assert len(known) == len(rows), "a repeated start made a second transaction"
    for charger in chargers:
        for request, transaction_id in charger.starts:
            row = known[charger.identity, request["timestamp"], request["meterStart"]]
            assert row[1] == transaction_id
        stopped = {row[1] for row in rows if row[4]}
        assert set(charger.stops) <= stopped, "an acknowledged stop is lost"
