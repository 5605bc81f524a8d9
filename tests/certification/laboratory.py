"""The daemon in front of the laboratory's charge points, on real sockets, and the operator who drives it over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import websockets

from chargemon_edge.app import Addresses, App
from chargemon_edge.clock import SystemClock
from chargemon_edge.config import load
from tests.certification.certificates import Authority, Key, key_pem, new_key, pem, signing_request
from tests.certification.charge_point import PASSWORD, PATIENCE_S, Asked, ChargePoint, connected

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
rate_per_s = 1000
"""

_FILES = """
[page]
port = 0
unix_socket = "{folder}/control.sock"
[store]
directory = "{folder}"
record_flush_s = 0.1
"""

FQDN = "central-system.laboratory.example"
_TLS = f"""
tls_port = 0
mutual_tls_port = 0
[keys]
names = ["{FQDN}"]
charger_authorities = "charger-roots.pem"
"""

_CHARGE_POINT = """
[[charge_point]]
identity = "{identity}"
quiet = true
security_profile = {profile}
{password}
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


class LetIn(AssertionError):
    """A charge point that should have been refused."""


class Laboratory:
    """A running daemon."""

    def __init__(
        self,
        folder: Path,
        addresses: Addresses,
        operator: aiohttp.ClientSession,
        profile: int,
        authority: Authority,
        app: App,
    ) -> None:
        self.app = app
        self.addresses = addresses
        self.authority = authority
        """Whose certificates the charge points have had since they were made."""
        self.url = self.listener(1)
        self._folder = folder
        self.operator = operator
        self._profile = profile

    # --- how charge points reach it

    def listener(self, profile: int) -> str:
        """Of the listener for charge points of that security profile."""
        plain, tls, mutual = self.addresses.chargers, self.addresses.chargers_tls, self.addresses.chargers_mutual_tls
        address = (plain, plain, tls, mutual)[profile]
        assert address is not None
        return f"{'wss' if profile > 1 else 'ws'}://127.0.0.1:{address[1]}/ocpp"

    def tls(self, identity: str | None = None) -> ssl.SSLContext:
        """What a charge point dials with: it trusts the central system, and shows a certificate if it has a name."""
        context = ssl.create_default_context(cadata="".join(self.roots()))
        if identity is not None:
            key = new_key()
            self.show(context, key, pem(self.authority.signed(identity, key)))
        return context

    def show(self, context: ssl.SSLContext, key: Key, certificate_pem: str) -> None:
        """Let that context show this certificate."""
        file = self._folder / "charge-point.pem"
        file.write_bytes(key_pem(key) + certificate_pem.encode())
        context.load_cert_chain(file)

    def roots(self) -> list[str]:
        """The central system's own."""
        files = [self._folder / "keys" / f"root-{kind}.pem" for kind in ("ecdsa", "rsa")]
        return [file.read_text()[file.read_text().index("-----BEGIN CERTIFICATE") :] for file in files]

    def connected(
        self, identity: str, profile: int | None = None, **changes: Any
    ) -> AbstractAsyncContextManager[ChargePoint]:
        """A charge point on its link, as its security profile demands unless *changes* says otherwise."""
        profile = self._profile if profile is None else profile
        manners: dict[str, Any] = {}
        if profile > 1:
            manners = {"tls": self.tls(identity if profile == 3 else None), "server_name": FQDN}
        if profile in (0, 3):
            manners["password"] = None
        return connected(self.listener(profile), identity, **(manners | changes))

    async def soon_turned_away(self, identity: str, profile: int | None = None, **changes: Any) -> None:
        """What a login has proven holds once it is on the disk: from then on, this login is refused."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(LetIn):
                    if await self.turned_away(identity, profile, **changes) in (401, 403):
                        return
                await asyncio.sleep(0.01)

    async def certified(self, charge_point: ChargePoint, common_name: str) -> tuple[Key, str]:
        """The operator has the charge point ask for a new certificate; its new key, and what it got."""
        asked_for = {"requestedMessage": "SignChargePointCertificate"}
        operated = await self.sent_as_given(charge_point, "ExtendedTriggerMessage", asked_for, status="Accepted")
        assert "connectorId" not in operated.sent.payload
        key = new_key()
        assert await charge_point.call("SignCertificate", csr=signing_request(key, common_name)) == {
            "status": "Accepted"
        }
        signed = await charge_point.asked("CertificateSigned")
        await charge_point.answer(signed, status="Accepted")
        chain: str = signed.payload["certificateChain"]
        return key, chain

    async def turned_away(self, identity: str, profile: int | None = None, **changes: Any) -> int:
        """The status with which a charge point is refused; 0 if it does not come so far as to ask."""
        try:
            async with self.connected(identity, profile, **changes) as charge_point:
                raise LetIn(charge_point.socket.subprotocol)
        except websockets.InvalidStatus as refused:
            return refused.response.status_code
        except (OSError, websockets.InvalidMessage):
            return 0

    # --- the operator

    async def http(self, method: str, path: str, body: object = None) -> Answer:
        """A request to ``/api/v1`` and its answer."""
        data = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        async with self.operator.request(method, f"http://daemon/api/v1{path}", data=data, headers=headers) as answer:
            text = await answer.text()
            return Answer(answer.status, json.loads(text) if text else None)

    async def get(self, path: str) -> Any:
        """A record that must be there."""
        answer = await self.http("GET", path)
        assert answer.status == 200, answer
        return answer.body

    async def text(self, path: str) -> str:
        """Whatever is there, as text."""
        async with self.operator.get(f"http://daemon{path}") as answer:
            return await answer.text()

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

    async def reservations(self, charge_point: ChargePoint) -> dict[int, str]:
        """The states of its reservations, by id."""
        found = await self.get(f"/reservations?charge_point={charge_point.identity}")
        return {one["reservation_id"]: one["state"] for one in found}

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


def _configuration(folder: Path, identities: Iterable[str], extra: str, profile: int, tls: bool) -> str:
    password = "" if profile == 3 else 'password_file = "password"'
    points = [_CHARGE_POINT.format(identity=one, profile=profile, password=password) for one in identities]
    return _SITE + (_TLS if tls or profile > 1 else "") + _FILES.format(folder=folder) + extra + "".join(points)


@contextlib.asynccontextmanager
async def running(
    folder: Path, identities: Iterable[str], extra: str = "", *, profile: int = 1, tls: bool = False
) -> AsyncIterator[Laboratory]:
    """The daemon, with a quiet charge point of two connectors for each identity, all of that security profile; *extra*
    joins its configuration. *tls*: serve the higher profiles too."""
    (folder / "password").write_text(PASSWORD)
    authority = Authority("Charge point maker")
    (folder / "charger-roots.pem").write_text(authority.pem)
    settings = load(_configuration(folder, identities, extra, profile, tls), folder)
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    app = App(settings, SystemClock())
    daemon = asyncio.create_task(app.run(ready.set_result))
    try:
        await asyncio.wait((ready, daemon), return_when=asyncio.FIRST_COMPLETED)
        if daemon.done():
            daemon.result()
        addresses = ready.result()
        assert addresses.unix is not None
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(addresses.unix)) as operator:
            yield Laboratory(folder, addresses, operator, profile, authority, app)
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
