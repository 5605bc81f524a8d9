"""The daemon in front of the laboratory's charge points, on real sockets, and the operator who drives it over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from chargemon_edge.app import Addresses, App
from chargemon_edge.clock import SystemClock
from chargemon_edge.config import load
from tests.certification.charge_point import PASSWORD, PATIENCE_S, Asked, ChargePoint

HEARTBEAT_S = 1
VALID, EXPIRED, BLOCKED, UNKNOWN = "TAG-VALID", "TAG-EXPIRED", "TAG-BLOCKED", "TAG-UNKNOWN"
PARENT, SIBLING, OTHER_SIBLING = "FAMILY", "TAG-SIBLING-1", "TAG-SIBLING-2"

_SITE = f"""
[[circuit]]
name = "main"
fuse_a = 400

[[id_tag]]
id_tag = "{VALID}"
[[id_tag]]
id_tag = "{EXPIRED}"
expires = 2020-01-01T00:00:00Z
[[id_tag]]
id_tag = "{BLOCKED}"
blocked = true
[[id_tag]]
id_tag = "{SIBLING}"
parent_id_tag = "{PARENT}"
[[id_tag]]
id_tag = "{OTHER_SIBLING}"
parent_id_tag = "{PARENT}"

[chargers]
host = "127.0.0.1"
port = 0
heartbeat_interval_s = {HEARTBEAT_S}

[page]
port = 0
unix_socket = "control.sock"
"""

_CHARGE_POINT = """
[[charge_point]]
identity = "{identity}"
password_file = "password"
quiet = true
[[charge_point.connector]]
number = 1
circuit = "main"
fallback_a = 0
[[charge_point.connector]]
number = 2
circuit = "main"
fallback_a = 0
"""


class Answer(NamedTuple):
    """Of the daemon's HTTP API."""

    status: int
    body: Any


class Operated(NamedTuple):
    """An operation that went through."""

    sent: Asked
    result: dict[str, Any]
    """As the operator got it."""


class Laboratory:
    """A running daemon."""

    def __init__(self, addresses: Addresses, operator: aiohttp.ClientSession) -> None:
        self.addresses = addresses
        self.url = f"ws://127.0.0.1:{addresses.chargers[1]}/ocpp"
        self._operator = operator

    # --- the operator

    async def http(self, method: str, path: str, body: object = None) -> Answer:
        """A request to ``/api/v1`` and its answer."""
        data = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        async with self._operator.request(method, f"http://daemon/api/v1{path}", data=data, headers=headers) as answer:
            text = await answer.text()
            return Answer(answer.status, json.loads(text) if text else None)

    async def get(self, path: str) -> Any:
        """A record that must be there."""
        answer = await self.http("GET", path)
        assert answer.status == 200, answer
        return answer.body

    async def put(self, path: str, body: object) -> Any:
        """A record that must be taken."""
        answer = await self.http("PUT", path, body)
        assert answer.status in (200, 201, 204), answer
        return answer.body

    # --- the records

    async def connector(self, charge_point: ChargePoint, number: int) -> dict[str, Any]:
        """A connector as the site shows it now."""
        connectors = (await self.get("/site"))["connectors"]
        return next(
            one for one in connectors if (one["charge_point"], one["connector"]) == (charge_point.identity, number)
        )

    async def states(self, charge_point: ChargePoint) -> dict[int, str]:
        """The state of each of its connectors; ``unknown`` while it has reported none."""
        return {number: (await self.connector(charge_point, number))["state"] for number in (1, 2)}

    async def transactions(self, charge_point: ChargePoint) -> list[dict[str, Any]]:
        """Its transactions, newest first."""
        items: list[dict[str, Any]] = (await self.get(f"/transactions?charge_point={charge_point.identity}"))["items"]
        return items

    async def events(self, charge_point: ChargePoint, kind: str, count: int) -> list[dict[str, Any]]:
        """Its events of that kind, oldest first, once there are so many: they are written behind."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                page = await self.get(f"/event-records?charge_point={charge_point.identity}&kind={kind}")
                if len(page["items"]) >= count:
                    return [one["body"] for one in reversed(page["items"])]
                await asyncio.sleep(0.02)

    async def shown(self, charge_point: ChargePoint) -> dict[str, Any]:
        """The charge point as the site shows it now."""
        points = (await self.get("/site"))["charge_points"]
        return next(one for one in points if one["identity"] == charge_point.identity)

    # --- operations

    def start(self, charge_point: ChargePoint, action: str, payload: object = None) -> asyncio.Task[Answer]:
        """The operator starts an operation; what the daemon answers comes when it comes."""
        path = f"/charge-points/{charge_point.identity}/operations/{action}"
        return asyncio.create_task(self.http("POST", path, {} if payload is None else payload))

    async def operate(
        self, charge_point: ChargePoint, action: str, payload: dict[str, Any] | None = None, **answer: Any
    ) -> Operated:
        """An operation, what the charge point was sent, its *answer*, and that very answer back at the operator."""
        operation = self.start(charge_point, action, payload)
        try:
            sent = await charge_point.asked(action)
        except TimeoutError:
            raise AssertionError(
                f"nothing was sent: {operation.result() if operation.done() else 'no answer'}"
            ) from None
        await charge_point.answer(sent, **answer)
        outcome = await operation
        assert tuple(outcome) == (200, {"result": answer})
        return Operated(sent, answer)

    async def sent_as_given(
        self, charge_point: ChargePoint, action: str, payload: dict[str, Any] | None = None, **answer: Any
    ) -> Operated:
        """An operation whose payload must be on the wire member for member as the operator gave it."""
        operated = await self.operate(charge_point, action, payload, **answer)
        assert operated.sent.payload == (payload or {})
        return operated


def _configuration(identities: Iterable[str], extra: str) -> str:
    return _SITE + extra + "".join(_CHARGE_POINT.format(identity=one) for one in identities)


@contextlib.asynccontextmanager
async def running(folder: Path, identities: Iterable[str], extra: str = "") -> AsyncIterator[Laboratory]:
    """The daemon, with a quiet charge point of two connectors for each identity; *extra* joins its configuration."""
    (folder / "password").write_text(PASSWORD)
    text = _configuration(identities, extra).replace('"control.sock"', f'"{folder}/control.sock"')
    settings = load(text + f'[store]\ndirectory = "{folder}"\nrecord_flush_s = 0.1\n', folder)
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    daemon = asyncio.create_task(App(settings, SystemClock()).run(ready.set_result))
    try:
        await asyncio.wait((ready, daemon), return_when=asyncio.FIRST_COMPLETED)
        if daemon.done():
            daemon.result()
        addresses = ready.result()
        assert addresses.unix is not None
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(addresses.unix)) as operator:
            yield Laboratory(addresses, operator)
    finally:
        daemon.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await daemon


class Complaints(logging.Handler):
    """Gathers what must never be logged: our own bugs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.bugs: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Whether it is one."""
        if record.exc_info is not None or record.levelno >= logging.ERROR:
            self.bugs.append(logging.Formatter().format(record))
