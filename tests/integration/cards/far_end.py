"""The whole daemon on free ports, its operator on the Unix socket, and charge points on the PyPI package ``ocpp``."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aiohttp
from ocpp.routing import on
from ocpp.v16 import call, call_result
from ocpp.v16.enums import Action

from chargemon_edge.app import Addresses, App
from chargemon_edge.clock import SystemClock
from chargemon_edge.config import load
from tests.charge_point import ChargePoint, now_text, online

SECRET = "a-password-of-thirty-characters"

_SITE = """
[[circuit]]
name = "main"
fuse_a = 63
[chargers]
host = "127.0.0.1"
port = 0
[page]
port = 0
unix_socket = "{folder}/control.sock"
[store]
directory = "{folder}"
[[id_tag]]
id_tag = "FROM-FILE"
"""
_CHARGE_POINT = """
[[charge_point]]
identity = "{identity}"
password_file = "password"
[[charge_point.connector]]
number = 1
circuit = "main"
fallback_a = 0
"""


class CardReader(ChargePoint):
    """A charge point with a list, a cache and one reservation at a time, by the book."""

    def __init__(self, identity: str, connection: Any) -> None:
        super().__init__(identity, connection)
        self.keys = {
            "SupportedFeatureProfiles": "Core,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger",
            "LocalAuthListEnabled": "true",
            "LocalAuthListMaxLength": "10",
            "SendLocalListMaxLength": "2",
            "AuthorizationCacheEnabled": "true",
        }
        self.version = 0
        self.entries: dict[str, dict[str, Any]] = {}
        self.updates: list[tuple[str, int]] = []
        self.caches_cleared = 0
        # what is reserved, and what the next one is answered
        self.reservations: dict[int, dict[str, Any]] = {}
        self.reserving = "Accepted"

    @on(Action.get_configuration)  # type: ignore[untyped-decorator]  # as above
    async def _keys(self, key: list[str] | None = None) -> Any:
        told = [{"key": one, "readonly": True, "value": self.keys[one]} for one in key or self.keys if one in self.keys]
        return call_result.GetConfiguration(
            configuration_key=told, unknown_key=[one for one in key or () if one not in self.keys]
        )

    @on(Action.get_local_list_version)  # type: ignore[untyped-decorator]  # as above
    async def _version(self) -> Any:
        return call_result.GetLocalListVersion(list_version=self.version)

    @on(Action.send_local_list)  # type: ignore[untyped-decorator]  # as above
    async def _list(
        self, list_version: int, update_type: str, local_authorization_list: list[dict[str, Any]] | None = None
    ) -> Any:
        entries = local_authorization_list or []
        assert len(entries) <= 2
        if update_type == "Full":
            self.entries = {}
        self.entries |= {one["id_tag"]: one["id_tag_info"] for one in entries}
        self.version = list_version
        self.updates.append((update_type, list_version))
        return call_result.SendLocalList(status="Accepted")

    @on(Action.clear_cache)  # type: ignore[untyped-decorator]  # as above
    async def _cache(self) -> Any:
        self.caches_cleared += 1
        return call_result.ClearCache(status="Accepted")

    @on(Action.reserve_now)  # type: ignore[untyped-decorator]  # as above
    async def _reserve(self, reservation_id: int, **wish: Any) -> Any:
        if self.reserving == "Accepted":
            self.reservations[reservation_id] = wish
        return call_result.ReserveNow(status=self.reserving)

    @on(Action.cancel_reservation)  # type: ignore[untyped-decorator]  # as above
    async def _cancel(self, reservation_id: int) -> Any:
        known = self.reservations.pop(reservation_id, None)
        return call_result.CancelReservation(status="Rejected" if known is None else "Accepted")

    async def authorize(self, id_tag: str) -> dict[str, Any]:
        """Authorize; the idTagInfo."""
        answer = await self.call(call.Authorize(id_tag=id_tag))
        return dict(answer.id_tag_info)

    async def tap(self, id_tag: str, *, reservation_id: int | None = None) -> tuple[int, dict[str, Any]]:
        """StartTransaction with that card; its id and idTagInfo."""
        request = call.StartTransaction(
            connector_id=1, id_tag=id_tag, meter_start=0, timestamp=now_text(), reservation_id=reservation_id
        )
        answer = await self.call(request)
        return int(answer.transaction_id), dict(answer.id_tag_info)


class Daemon:
    """The running daemon."""

    def __init__(self, addresses: Addresses, operator: aiohttp.ClientSession) -> None:
        self._addresses = addresses
        self._operator = operator

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """As the command line does."""
        data = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        async with self._operator.request(method, f"http://daemon/api/v1{path}", data=data, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def get(self, path: str) -> Any:
        """What must be there."""
        status, body = await self.ask("GET", path)
        assert status == 200, body
        return body

    async def put(self, id_tag: str, **members: Any) -> None:
        """A card that must be taken."""
        status, body = await self.ask("PUT", f"/id-tags/{id_tag}", members)
        assert status == 200, body

    async def reserve(self, identity: str, **changes: Any) -> dict[str, Any]:
        """ReserveNow of connector 1; the newest reservation afterwards."""
        wish = {"connectorId": 1, "expiryDate": now_text(minutes=10), "idTag": "OWNER", **changes}
        status, body = await self.ask("POST", f"/charge-points/{identity}/operations/ReserveNow", wish)
        assert status == 200, body
        newest: dict[str, Any] = (await self.get("/reservations"))[0]
        return newest

    def charge_point(self, identity: str) -> AbstractAsyncContextManager[CardReader]:
        """A connected charge point that reads what comes."""
        url = f"ws://127.0.0.1:{self._addresses.chargers[1]}"
        return online(url, identity, CardReader, password=SECRET)


@contextlib.asynccontextmanager
async def running(folder: Path, extra: str = "") -> AsyncIterator[Daemon]:
    """The daemon with charge points CP1 and CP2, on the files of *folder*."""
    (folder / "password").write_text(SECRET)
    points = "".join(_CHARGE_POINT.format(identity=identity) for identity in ("CP1", "CP2"))
    settings = load(_SITE.format(folder=folder) + extra + points, folder)
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    daemon = asyncio.create_task(App(settings, SystemClock()).run(ready.set_result))
    try:
        await asyncio.wait((ready, daemon), return_when=asyncio.FIRST_COMPLETED)
        if daemon.done():
            daemon.result()
        addresses = ready.result()
        assert addresses.unix is not None
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(addresses.unix)) as operator:
            yield Daemon(addresses, operator)
    finally:
        daemon.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await daemon
