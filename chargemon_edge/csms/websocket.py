"""WebSocket frames (RFC 6455 §5) of the server's side, without I/O: bytes in, messages out. No extensions.

Chargers send one small text message in one frame in one packet nearly always: :func:`whole_text` reads just that, and
:class:`FrameReader` everything else.
"""

from __future__ import annotations

import struct

from chargemon_edge.csms.mask import mask_in_place, unmask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_KNOWN = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
_FIN_TEXT = 0x80 | TEXT
_LARGEST_CONTROL = 125
_MAX_FRAGMENTS = 256

# close codes (RFC 6455 §7.4.1)
NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED, INVALID_DATA = 1000, 1001, 1002, 1003, 1007
POLICY, TOO_BIG, INTERNAL = 1008, 1009, 1011


class FrameFault(Exception):
    """The peer broke the protocol; the connection ends with *code* and *reason*."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


# first byte, second byte, mask; and with a length of two bytes between
_short_head = struct.Struct("BB4s").unpack_from
_long_head = struct.Struct(">BBH4s").unpack_from
_MASKED, _TWO_BYTES = 0x80, 0x80 | 126


def whole_text(buffer: bytearray, count: int) -> bytes | None:
    """The message, if the first *count* bytes are exactly one masked, unfragmented text frame below 64 KiB.

    *buffer* has room for a head at least, whatever stands behind *count*.
    """
    second = buffer[1]
    if second == _TWO_BYTES:
        first, _, length, mask = _long_head(buffer)
        start = 8
    elif _MASKED <= second < _TWO_BYTES:
        first, length, mask = _short_head(buffer)
        length -= _MASKED
        start = 6
    else:
        return None
    if first != _FIN_TEXT or start + length != count:
        return None
    # as mask.unmask does, which costs a call more for every message
    payload = buffer[start:count]
    mask_in_place(mask, payload)
    # the shortest way to bytes: their constructor takes half as long again
    return b"" + payload


class FrameReader:
    """Takes the bytes of one connection as they come, in any pieces, and gives its messages back one by one.

    A message above *max_bytes* is refused from its header, before any of it is stored.
    """

    __slots__ = ("_fragments", "_fragments_bytes", "_max_bytes", "_opcode", "_pending")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pending = bytearray()
        # fragments of the message being assembled and its opcode; None between messages
        self._opcode: int | None = None
        self._fragments: list[bytes] = []
        self._fragments_bytes = 0

    @property
    def at_rest(self) -> bool:
        """Nothing is half read: the next byte begins a message."""
        return not self._pending and self._opcode is None

    @property
    def pending_bytes(self) -> int:
        """Bytes fed and not yet given back."""
        return len(self._pending)

    def feed(self, data: bytes | bytearray) -> None:
        """Add bytes; then call :meth:`next` until it returns None."""
        self._pending += data

    def next(self) -> tuple[int, bytes] | None:
        """The next whole message or control frame as (opcode, payload); None until more bytes came.

        Raises :class:`FrameFault`, after which this reader must not be used any more.
        """
        while (frame := self._frame()) is not None:
            fin, opcode, payload = frame
            if opcode >= CLOSE:
                return opcode, payload
            whole = self._assemble(fin, opcode, payload)
            if whole is not None:
                return whole
        return None

    def _assemble(self, fin: bool, opcode: int, payload: bytes) -> tuple[int, bytes] | None:
        if opcode == CONTINUATION:
            if self._opcode is None:
                raise FrameFault(PROTOCOL_ERROR, "continuation of no message")
            opcode = self._opcode
        elif self._opcode is not None:
            raise FrameFault(PROTOCOL_ERROR, "new message inside a fragmented one")
        if fin and not self._fragments:
            self._opcode = None
            return opcode, payload
        self._opcode = opcode
        self._fragments.append(payload)
        self._fragments_bytes += len(payload)
        if fin:
            whole = b"".join(self._fragments)
            self._opcode, self._fragments, self._fragments_bytes = None, [], 0
            return opcode, whole
        if len(self._fragments) > _MAX_FRAGMENTS:
            raise FrameFault(POLICY, "message in too many fragments")
        return None

    def _frame(self) -> tuple[bool, int, bytes] | None:
        header = self._header()
        if header is None:
            return None
        fin, opcode, start, length = header
        pending = self._pending
        end = start + length
        if len(pending) < end:
            return None
        payload = unmask(pending, start, end)
        del pending[:end]
        return fin, opcode, payload

    def _header(self) -> tuple[bool, int, int, int] | None:
        """(fin, opcode, where the payload begins, its length), checked as soon as it is there."""
        pending = self._pending
        if len(pending) < 2:
            return None
        first, second = pending[0], pending[1]
        opcode = first & 0x0F
        if first & 0x70:
            raise FrameFault(PROTOCOL_ERROR, "reserved bits set without an extension")
        if opcode not in _KNOWN:
            raise FrameFault(PROTOCOL_ERROR, f"unknown opcode {opcode}")
        if not second & 0x80:
            raise FrameFault(PROTOCOL_ERROR, "frame is not masked")
        fin = bool(first & 0x80)
        length = second & 0x7F
        if opcode >= CLOSE and (not fin or length > _LARGEST_CONTROL):
            raise FrameFault(PROTOCOL_ERROR, "control frame is fragmented or too long")
        start = 6
        if length >= 126:
            width = 2 if length == 126 else 8
            if len(pending) < 2 + width:
                return None
            length = int.from_bytes(pending[2 : 2 + width], "big")
            start = 6 + width
        if self._fragments_bytes + length > self._max_bytes:
            raise FrameFault(TOO_BIG, f"message of more than {self._max_bytes} bytes")
        return fin, opcode, start, length


def frame(opcode: int, payload: bytes) -> bytes:
    """One unmasked frame with all of *payload*."""
    length = len(payload)
    if length < 126:
        return bytes((0x80 | opcode, length)) + payload
    if length < 65_536:
        return bytes((0x80 | opcode, 126, length >> 8, length & 0xFF)) + payload
    return bytes((0x80 | opcode, 127)) + length.to_bytes(8, "big") + payload


_SHORT_HEADS = tuple(bytes((_FIN_TEXT, length)) for length in range(126))


def text_frame(payload: bytes) -> bytes:
    """The same for a text message: nearly all that is ever sent."""
    length = len(payload)
    return _SHORT_HEADS[length] + payload if length < 126 else frame(TEXT, payload)


def close_frame(code: int, reason: str) -> bytes:
    """A close frame; *reason* is cut to what a control frame holds."""
    text = reason.encode()[: _LARGEST_CONTROL - 2].decode(errors="ignore")
    return frame(CLOSE, code.to_bytes(2, "big") + text.encode())


def close_code(payload: bytes) -> int:
    """The code of a received close frame; 1005 if it carried none."""
    return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
