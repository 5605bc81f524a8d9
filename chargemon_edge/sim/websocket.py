"""A charger's end of a WebSocket (RFC 6455), small and our own: it shares no code with the server that it tests."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
from collections.abc import Callable

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_HANDSHAKE_BYTES_MAX = 16_384


class WebSocket(asyncio.Protocol):
    """One connection from the request on; calls back on what comes, and once when it is over."""

    def __init__(
        self,
        path: str,
        *,
        host: str,
        user: str,
        password: str | None,
        chance: random.Random,
        opened: Callable[[], None],
        received: Callable[[bytes], None],
        closed: Callable[[str], None],
        subprotocol: str = "ocpp1.6",
        origin: str = "",
    ) -> None:
        """With an empty *subprotocol* or *origin* that header is left out."""
        self.is_open = False
        self.deaf = False
        """True: everything is dropped in both directions, as on a dead radio link."""
        self.answers_pings = True
        self.breaks_on_ping = False
        self._path = path
        self._host = host
        self._authorization = None if password is None else base64.b64encode(f"{user}:{password}".encode())
        self._chance = chance
        self._opened = opened
        self._received = received
        self._closed = closed
        self._subprotocol = subprotocol
        self._origin = origin
        self._key = base64.b64encode(chance.randbytes(16))
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._why = "connection lost"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade at once."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        lines = [
            f"GET {self._path} HTTP/1.1".encode(),
            b"Host: " + self._host.encode(),
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: " + self._key,
        ]
        if self._subprotocol:
            lines.append(b"Sec-WebSocket-Protocol: " + self._subprotocol.encode())
        if self._origin:
            lines.append(b"Origin: " + self._origin.encode())
        if self._authorization is not None:
            lines.append(b"Authorization: Basic " + self._authorization)
        transport.write(b"\r\n".join(lines) + b"\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        """The answer to the upgrade, then frames."""
        if self.deaf:
            return
        self._buffer += data
        if not self.is_open and not self._shake_hands():
            return
        while self._one_frame():
            pass

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end, once."""
        self.is_open = False
        self._transport = None
        self._closed(f"{self._why}: {exc}" if exc else self._why)

    def send(self, payload: bytes) -> None:
        """Send one text message; nothing happens on a dead link, as in life."""
        if not self.deaf:
            self._send_frame(_TEXT, payload)

    def ping(self) -> None:
        """Show the other side that there is life."""
        if self.is_open and not self.deaf:
            self._send_frame(_PING, b"")

    def close(self) -> None:
        """Leave politely."""
        if self._transport is not None:
            self._why = "closed by the charger"
            self._send_frame(_CLOSE, (1000).to_bytes(2, "big"))
            self._transport.close()

    def abort(self, why: str = "cut") -> None:
        """The cable is out: no close frame, nothing flushed."""
        if self._transport is not None:
            self._why = why
            self._transport.abort()

    def _shake_hands(self) -> bool:
        head, separator, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not separator:
            if len(self._buffer) > _HANDSHAKE_BYTES_MAX:
                self.abort("answer to the upgrade too long")
            return False
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        accept = base64.b64encode(hashlib.sha1(self._key + _MAGIC, usedforsecurity=False).digest()).decode()
        if " 101 " not in f"{status} ":
            self.abort(f"refused: {status}")
            return False
        if headers.get("sec-websocket-accept") != accept:
            self.abort("wrong Sec-WebSocket-Accept")
            return False
        if headers.get("sec-websocket-protocol", "") != self._subprotocol:
            self.abort(f"subprotocol {headers.get('sec-websocket-protocol')!r}")
            return False
        self._buffer = bytearray(rest)
        self.is_open = True
        self._opened()
        return True

    def _one_frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 2 or self._transport is None:
            return False
        length = buffer[1] & 0x7F
        start = 2
        if length == 126:
            start = 4
        elif length == 127:
            start = 10
        if len(buffer) < start:
            return False
        if start > 2:
            length = int.from_bytes(buffer[2:start], "big")
        end = start + length
        if len(buffer) < end:
            return False
        first = buffer[0]
        if buffer[1] & 0x80:
            self.abort("masked frame from a server")
            return False
        payload = bytes(buffer[start:end])
        del buffer[:end]
        self._take(first & 0x0F, bool(first & 0x80), payload)
        return True

    def _take(self, opcode: int, final: bool, payload: bytes) -> None:
        if opcode <= _TEXT:
            self._parts.append(payload)
            if final:
                whole, self._parts = b"".join(self._parts), []
                self._received(whole)
        elif opcode == _PING:
            if self.breaks_on_ping:
                self.abort("does not survive a ping")
            elif self.answers_pings:
                self._send_frame(_PONG, payload)
        elif opcode == _CLOSE:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self._why = f"closed by the central system with {code} {payload[2:].decode(errors='replace')}".rstrip()
            self._send_frame(_CLOSE, payload[:2])
            if self._transport is not None:
                self._transport.close()

    def _send_frame(self, opcode: int, payload: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        size = len(payload)
        if size < 126:
            head = bytes((0x80 | opcode, 0x80 | size))
        elif size < 65_536:
            head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
        else:
            head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
        mask = self._chance.randbytes(4)
        self._transport.write(head + mask + _masked(payload, mask))


def _masked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    if size == 0:
        return payload
    pattern = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(pattern, "little")).to_bytes(size, "little")
