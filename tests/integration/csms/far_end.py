"""The other side of the chargers' edge, by hand: a reception that takes notes, and a charger on a bare socket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

from chargemon_edge.control.ports import AccessRecords, QuirksOf, Refusal
from chargemon_edge.csms.credentials import Credentials
from chargemon_edge.csms.directory import Directory
from chargemon_edge.csms.server import ChargerServer
from chargemon_edge.csms.settings import ChargePointAccess, CsmsSettings
from chargemon_edge.keys.keyring import Keyring
from chargemon_edge.ocpp.v16.messages import (
    AuthorizeRequest,
    AuthorizeResponse,
    BootNotificationRequest,
    BootNotificationResponse,
    HeartbeatResponse,
    IdTagInfo,
    Request,
    Response,
    StatusNotificationRequest,
    StatusNotificationResponse,
)
from chargemon_edge.site.charger_model import Quirks

PASSWORDS = {f"CP{number}": f"secret-of-{number}" for number in range(1, 21)}
NOW = "2026-01-01T00:00:00.000Z"
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA


class LoopClock:
    """The running loop's time, virtual or real."""

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def utc_ms(self) -> int:
        return 1_767_225_600_000 + int(self.monotonic_s() * 1000)


class Notes:
    """Answers like a central system would, and keeps all it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, ...]] = []
        self.notices: list[tuple[str, str, str]] = []
        # identity, security profile and the name of the kept password
        self.logins: list[tuple[str, int, str | None]] = []
        self.requests: list[tuple[str, Request]] = []
        self.window_open = False
        # replaces the answer when set
        self.answer: Callable[[str, Request, Callable[[Response | Refusal], None]], None] | None = None

    def link_opened(
        self, charge_point: str, remote: str, *, known: bool, profile: int = 0, key: str | None = None
    ) -> None:
        self.events.append(("opened", charge_point) if known else ("opened", charge_point, "unknown"))
        self.logins.append((charge_point, profile, key))

    def link_closed(self, charge_point: str, reason: str) -> None:
        self.events.append(("closed", charge_point, reason))

    def noticed(self, event: str, source: str, detail: str) -> None:
        self.notices.append((event, source, detail))

    def commissioning(self) -> bool:
        return self.window_open

    def requested(
        self, charge_point: str, request: Request, raw: bytes, reply: Callable[[Response | Refusal], None]
    ) -> None:
        assert json.loads(raw) is not None
        self.requests.append((charge_point, request))
        if self.answer is not None:
            self.answer(charge_point, request, reply)
        elif isinstance(request, BootNotificationRequest):
            reply(BootNotificationResponse(current_time=NOW, interval=300, status="Accepted"))
        elif isinstance(request, AuthorizeRequest):
            reply(AuthorizeResponse(id_tag_info=IdTagInfo(status="Accepted")))
        elif isinstance(request, StatusNotificationRequest):
            reply(StatusNotificationResponse())
        else:
            reply(HeartbeatResponse(current_time=NOW))


class OneModel:
    """Every charge point has these quirks."""

    def __init__(self, **quirks: Any) -> None:
        self._quirks = Quirks(**quirks)

    def quirks(self, charge_point: str) -> Quirks:
        return self._quirks


class Site:
    """A running server and what belongs to it."""

    def __init__(
        self,
        models: QuirksOf | None = None,
        *,
        keys: Keyring | None = None,
        records: AccessRecords | None = None,
        **changes: Any,
    ) -> None:
        charge_points = tuple(ChargePointAccess(identity=identity) for identity in PASSWORDS)
        settings = {"host": "127.0.0.1", "port": 0, "charge_points": charge_points, **changes}
        self.settings = CsmsSettings(**settings)
        self.notes = Notes()
        self.clock = LoopClock()
        self.directory = Directory(self.clock)
        self.server = ChargerServer(
            self.settings,
            self.notes,
            self.directory,
            self.clock,
            credentials=Credentials(PASSWORDS),
            models=models,
            records=records,
            tls=None if keys is None else keys.tls,
            mutual_tls=None if keys is None else keys.mutual_tls,
        )
        self.port = 0


@contextlib.asynccontextmanager
async def site(**changes: Any) -> AsyncIterator[Site]:
    """A server with charge points CP1 to CP20, on a free port."""
    running = Site(**changes)
    _, running.port = await running.server.start()
    try:
        yield running
    finally:
        await running.server.stop()
        # a failed test leaves its sockets to us
        while Socket.opened:
            await Socket.opened.pop().close()


def login(identity: str, password: str | None = None) -> str:
    """The value of an Authorization header."""
    pair = f"{identity}:{PASSWORDS[identity] if password is None else password}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def upgrade(target: str, authorization: str | None, *, extra: str = "", subprotocol: str = "ocpp1.6") -> bytes:
    """A request for a WebSocket."""
    lines = [
        f"GET {target} HTTP/1.1",
        "Host: central",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Sec-WebSocket-Protocol: {subprotocol}",
    ]
    if authorization is not None:
        lines.append(f"Authorization: {authorization}")
    return ("\r\n".join(lines) + "\r\n" + extra + "\r\n").encode()


def masked(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A client's frame."""
    key = os.urandom(4)
    length = len(payload)
    first = (0x80 if fin else 0) | opcode
    if length < 126:
        head = bytes([first, 0x80 | length])
    elif length < 1 << 16:
        head = bytes([first, 0xFE]) + length.to_bytes(2, "big")
    else:
        head = bytes([first, 0xFF]) + length.to_bytes(8, "big")
    return head + key + bytes(octet ^ key[place % 4] for place, octet in enumerate(payload))


class Socket:
    """A TCP connection to the server that can speak as well or as badly as a test wants."""

    opened: ClassVar[list[Socket]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.head = ""
        self.opened.append(self)

    @classmethod
    async def connect(cls, port: int, *, source: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Socket:
        return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0), ssl=tls))

    async def request(self, data: bytes) -> int:
        """Send a request head; returns the answer's status."""
        self.writer.write(data)
        return await self.read_head()

    async def read_head(self) -> int:
        self.head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        self.status = int(self.head.split(" ")[1])
        return self.status

    async def read_frame(self) -> tuple[int, bytes]:
        first, second = await self.reader.readexactly(2)
        assert not second & 0x80, "a server never masks"
        length = second
        if length >= 126:
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
        return first & 0x0F, await self.reader.readexactly(length)

    async def read_close(self) -> int:
        """The code of the close frame that must come next; answers it and reads to the end."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode == CLOSE:
                break
        self.writer.write(masked(CLOSE, payload[:2]))
        assert await self.ended()
        return int.from_bytes(payload[:2], "big")

    async def ended(self) -> bool:
        """Whether nothing but the end comes."""
        try:
            return await self.reader.read() == b""
        except ConnectionResetError:
            return True

    def send(self, message: Any) -> None:
        """One frame with *message* as JSON, or as it is."""
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.writer.write(masked(TEXT, payload))

    async def receive(self) -> Any:
        """The next text message, as JSON; pings are answered on the way."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode == TEXT:
                return json.loads(payload)
            if opcode == PING:
                self.writer.write(masked(PONG, payload))
            else:
                raise AssertionError(f"opcode {opcode} {payload!r}")

    async def heartbeat(self, unique_id: str = "1") -> None:
        """One heartbeat and its answer."""
        self.send([2, unique_id, "Heartbeat", {}])
        assert await self.receive() == [3, unique_id, {"currentTime": NOW}]

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


async def charger(port: int, identity: str, *, source: str = "127.0.0.1", password: str | None = None) -> Socket:
    """A charge point that asked to come in; its ``status`` tells with what success."""
    socket = await Socket.connect(port, source=source)
    await socket.request(upgrade(f"/ocpp/{identity}", login(identity, password)))
    return socket


async def turns(count: int = 20) -> None:
    """Let the other side read what was written, without time passing."""
    for _ in range(count):
        await asyncio.sleep(0)
