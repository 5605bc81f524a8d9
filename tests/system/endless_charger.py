"""A charger that charges without end, on two connectors, and keeps the books that a daemon is judged by."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from socket import socket
from typing import Any

import websockets

from tests.charge_point import now_text
from tests.system.daemon import SECRET


class Charger:
    """Charges without end; sends a transaction message again, word for word, until it is confirmed."""

    def __init__(self, identity: str, url: Callable[[], str], connect: Callable[[], socket] | None = None) -> None:
        """*url*: where chargers connect now; *connect*: makes the socket for it, if not the usual way."""
        self.identity = identity
        self._url = url
        self._connect = connect
        # (the request's own words, the id it was given)
        self.starts: list[tuple[dict[str, Any], int]] = []
        self.stops: list[int] = []
        # of the transactions on connector 1, one after the other
        self.running: int | None = None
        # of the one on connector 2, which never ends
        self.lasting: int | None = None
        # attempts to connect: those that got a link, that nobody listened for, and that failed in another way
        self.links = 0
        self.refused = 0
        self.failed: list[str] = []
        # the longest that one attempt took
        self.longest_wait_s = 0.0
        self._socket: Any = None
        self._sent = 0

    async def run(self) -> None:
        """Until cancelled."""
        pending: tuple[str, dict[str, Any]] | None = None
        while True:
            with contextlib.suppress(OSError, websockets.WebSocketException, TimeoutError):
                async with await self._link() as self._socket:
                    while True:
                        pending = pending or self._next()
                        await self._confirmed(*pending)
                        pending = None
            await asyncio.sleep(0.02)

    async def _link(self) -> Any:
        login = base64.b64encode(f"{self.identity}:{SECRET}".encode()).decode()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            made = None if self._connect is None else await asyncio.to_thread(self._connect)
            link = await websockets.connect(
                f"{self._url()}/{self.identity}",
                subprotocols=[websockets.Subprotocol("ocpp1.6")],
                additional_headers={"Authorization": f"Basic {login}"},
                proxy=None,
                open_timeout=20,
                sock=made,
            )
        except ConnectionRefusedError:
            self.refused += 1
            raise
        except (OSError, websockets.WebSocketException, TimeoutError) as error:
            self.failed.append(f"{type(error).__name__}: {error}")
            raise
        self.links += 1
        self.longest_wait_s = max(self.longest_wait_s, loop.time() - began_s)
        return link

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


def acknowledged(chargers: list[Charger]) -> int:
    """Starts and stops that the daemon has confirmed."""
    return sum(len(charger.starts) + len(charger.stops) for charger in chargers)


def check_records(path: Path, chargers: list[Charger]) -> None:
    """Everything acknowledged is in the database at *path*, once."""
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
