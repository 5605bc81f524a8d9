"""A central system in a few lines on aiohttp, to try the simulated charger against something that is not the daemon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import BasicAuth, WSMsgType, web

Payload = dict[str, Any]
Answer = Callable[[Payload], Payload]
NOW_TEXT = "2026-01-05T17:00:00.000Z"
EPOCH_S = 1_767_632_400.0


class CentralSystem:
    """Accepts everybody; keeps what was said; can call."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Payload]] = []
        self.links = 0
        self.login: BasicAuth | None = None
        self.silent_on: set[str] = set()
        """Actions that get no answer."""
        self.errors_on: set[str] = set()
        """Actions that get a CALLERROR."""
        self.answers: dict[str, Answer] = {
            "BootNotification": lambda _: {"status": "Accepted", "currentTime": NOW_TEXT, "interval": 100},
            "Heartbeat": lambda _: {"currentTime": NOW_TEXT},
            "Authorize": lambda _: {"idTagInfo": {"status": "Accepted"}},
            "StartTransaction": self._start,
            "StopTransaction": lambda _: {},
        }
        self.files: dict[str, bytes] = {}
        """What it serves, by name; what was put there."""
        self.folder = ""
        """The address of those."""
        self.socket: web.WebSocketResponse | None = None
        self._next_transaction = 41
        self._waiting: dict[str, asyncio.Future[list[Any]]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> tuple[str, int]:
        """Listen; returns where."""
        app = web.Application()
        app.router.add_get("/ocpp/{identity}", self._link)
        app.router.add_get("/files/{name}", self._file)
        app.router.add_put("/files/{name}", self._put)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.folder = f"http://{host}:{port}/files/"
        return host, port

    async def stop(self) -> None:
        """Leave."""
        assert self._runner is not None
        if self.socket is not None:
            await self.socket.close()
        await self._runner.cleanup()

    def said(self, action: str) -> list[Payload]:
        """Every payload of that action."""
        return [payload for heard, payload in self.heard if heard == action]

    async def call(self, action: str, payload: Payload) -> list[Any]:
        """The whole answer frame; TimeoutError when none comes in 30 s."""
        assert self.socket is not None
        unique_id = f"call-{len(self.heard)}-{action}"
        self._waiting[unique_id] = asyncio.get_running_loop().create_future()
        await self.socket.send_str(json.dumps([2, unique_id, action, payload]))
        async with asyncio.timeout(30):
            return await self._waiting[unique_id]

    async def _file(self, request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["name"])
        return web.Response(status=404) if content is None else web.Response(body=content)

    async def _put(self, request: web.Request) -> web.Response:
        self.files[request.match_info["name"]] = await request.read()
        return web.Response(status=201)

    def _start(self, _payload: Payload) -> Payload:
        self._next_transaction += 1
        return {"transactionId": self._next_transaction, "idTagInfo": {"status": "Accepted"}}

    async def _link(self, request: web.Request) -> web.WebSocketResponse:
        self.login = BasicAuth.decode(request.headers["Authorization"])
        self.links += 1
        self.socket = socket = web.WebSocketResponse(protocols=("ocpp1.6",))
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._heard(socket, json.loads(message.data))
        return socket

    async def _heard(self, socket: web.WebSocketResponse, frame: list[Any]) -> None:
        if frame[0] != 2:
            self._waiting.pop(frame[1]).set_result(frame)
            return
        _, unique_id, action, payload = frame
        self.heard.append((action, payload))
        if action in self.silent_on:
            return
        if action in self.errors_on:
            await socket.send_str(json.dumps([4, unique_id, "InternalError", "", {}]))
            return
        answer = self.answers.get(action, _nothing)(payload)
        await socket.send_str(json.dumps([3, unique_id, answer]))


def _nothing(_payload: Payload) -> Payload:
    return {}
