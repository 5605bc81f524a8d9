"""A charge point that does what a test tells it: the ``websockets`` client and plain JSON, nothing of the daemon.

Every message of the central system is judged on its way in: compact JSON, and what the official schema allows.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import websockets
from websockets.asyncio.client import ClientConnection

from tests.unit.ocpp.schemas import complaints

PASSWORD = "a-password-for-the-laboratory"
PATIENCE_S = 5.0
"""The tool's own limit for an answer is 5 s."""


class Asked(NamedTuple):
    """A CALL of the central system."""

    unique_id: str
    action: str
    payload: dict[str, Any]
    text: str
    """The payload as it stood on the wire."""


class RefusedCall(Exception):
    """The central system answered a CALL with a CALLERROR."""

    def __init__(self, action: str, code: str, description: str) -> None:
        super().__init__(f"{action}: {code} {description}")
        self.code = code
        self.description = description


def now(**offset: float) -> str:
    """This moment, or one so far from it, as OCPP writes it."""
    moment = datetime.now(UTC) + timedelta(**offset)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def utc_ms(text: str) -> int:
    """The moment that such a text names, in milliseconds since 1970."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def basic(user: str, password: str | bytes) -> str:
    """The value of an Authorization header."""
    secret = password.encode() if isinstance(password, str) else password
    return "Basic " + base64.b64encode(user.encode() + b":" + secret).decode()


class ChargePoint:
    """One link of one charge point."""

    def __init__(self, identity: str, socket: ClientConnection) -> None:
        self.identity = identity
        self.socket = socket
        self.heard: list[str] = []
        """Every message as it came."""
        self._numbers = itertools.count(1)
        self._answers: dict[str, asyncio.Future[list[Any]]] = {}
        self._asked: asyncio.Queue[Asked] = asyncio.Queue()
        self._faults: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in self.socket:
                assert isinstance(text, str)
                self.heard.append(text)
                self._take(text)

    def _take(self, text: str) -> None:
        frame = json.loads(text)
        if json.dumps(frame, separators=(",", ":"), ensure_ascii=False) != text:
            self._faults.append(f"not compact: {text}")
        if frame[0] == 2:
            _, unique_id, action, payload = frame
            self._faults += [
                f"{action}: {words} in {text}" for words in complaints(action, json.dumps(payload).encode())
            ]
            self._asked.put_nowait(Asked(unique_id, action, payload, text[text.index("{") : -1]))
        else:
            waiting = self._answers.pop(frame[1], None)
            if waiting is None:
                self._faults.append(f"answers nothing that was asked: {text}")
            elif not waiting.done():
                waiting.set_result(frame)

    # --- what a charge point says

    async def call(self, action: str, **payload: Any) -> dict[str, Any]:
        """A CALL; the payload of its CALLRESULT. RefusedCall for a CALLERROR."""
        unique_id = str(next(self._numbers))
        waiting = self._answers[unique_id] = asyncio.get_running_loop().create_future()
        await self.say([2, unique_id, action, payload])
        async with asyncio.timeout(PATIENCE_S):
            frame = await waiting
        if frame[0] == 4:
            raise RefusedCall(action, frame[2], frame[3])
        result: dict[str, Any] = frame[2]
        self._faults += [
            f"{action}: {words} in {frame}" for words in complaints(f"{action}Response", json.dumps(result).encode())
        ]
        return result

    async def say(self, frame: object) -> None:
        """Anything, as JSON or as it is."""
        await self.socket.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def boot(self, **changes: Any) -> dict[str, Any]:
        """BootNotification."""
        return await self.call(
            "BootNotification",
            **{"chargePointModel": "Post", "chargePointVendor": "Laboratory", "chargePointSerialNumber": "S-1"}
            | changes,
        )

    async def status(self, connector: int, *statuses: str, error: str = "NoError") -> None:
        """StatusNotifications, one after the other; each must be answered with nothing."""
        for status in statuses:
            answer = await self.call(
                "StatusNotification", connectorId=connector, errorCode=error, status=status, timestamp=now()
            )
            assert answer == {}

    async def authorize(self, id_tag: str) -> dict[str, Any]:
        """Authorize; its idTagInfo."""
        info: dict[str, Any] = (await self.call("Authorize", idTag=id_tag))["idTagInfo"]
        return info

    async def start(self, connector: int, id_tag: str, **changes: Any) -> dict[str, Any]:
        """StartTransaction."""
        payload = {"connectorId": connector, "idTag": id_tag, "meterStart": 0, "timestamp": now()} | changes
        return await self.call("StartTransaction", **payload)

    async def begin(self, connector: int, id_tag: str, **changes: Any) -> int:
        """StartTransaction that must be accepted; the transaction's id."""
        answer = await self.start(connector, id_tag, **changes)
        assert answer["idTagInfo"]["status"] == "Accepted"
        return int(answer["transactionId"])

    async def stop(self, transaction_id: int, **changes: Any) -> dict[str, Any]:
        """StopTransaction."""
        payload = {"meterStop": 1500, "timestamp": now(), "transactionId": transaction_id} | changes
        return await self.call("StopTransaction", **payload)

    # --- what it hears

    async def asked(self, action: str | None = None) -> Asked:
        """The next CALL of the central system; it must be this one, if any is named."""
        async with asyncio.timeout(PATIENCE_S):
            asked = await self._asked.get()
        assert action in (None, asked.action), asked
        return asked

    async def answer(self, asked: Asked, **payload: Any) -> None:
        """A CALLRESULT."""
        assert complaints(f"{asked.action}Response", json.dumps(payload).encode()) == [], (
            "the test's own answer is wrong"
        )
        await self.say([3, asked.unique_id, payload])

    async def refuse(self, asked: Asked, code: str, description: str = "") -> None:
        """A CALLERROR."""
        await self.say([4, asked.unique_id, code, description, {}])

    def was_asked_nothing_more(self) -> None:
        """Whatever the central system asked was expected."""
        assert self._asked.empty(), self._asked.get_nowait()

    # --- how it ends

    async def power_cut(self) -> None:
        """The socket is gone without a word."""
        self.socket.transport.abort()
        await self.gone()

    async def gone(self) -> None:
        """Wait until the link has ended."""
        async with asyncio.timeout(PATIENCE_S):
            await self._reading
            await self.socket.wait_closed()

    async def close(self) -> None:
        """Leave politely; raises what was wrong with the central system's messages."""
        await self.socket.close()
        await self._reading
        assert self._faults == []


@contextlib.asynccontextmanager
async def connected(
    url: str,
    identity: str,
    *,
    password: str | bytes | None = PASSWORD,
    subprotocols: tuple[str, ...] = ("ocpp1.6",),
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
) -> AsyncIterator[ChargePoint]:
    """A charge point on its link; raises websockets.InvalidStatus when it is not let in."""
    async with websockets.connect(
        f"{url}/{identity}",
        subprotocols=[websockets.Subprotocol(one) for one in subprotocols],
        additional_headers=None if password is None else {"Authorization": basic(identity, password)},
        proxy=None,
        ping_interval=None,
        ssl=tls,
        server_hostname=server_name,
    ) as socket:
        charge_point = ChargePoint(identity, socket)
        yield charge_point
        await charge_point.close()
