"""Undoes the masking of client frames (RFC 6455 §5.3). The only place that knows aiohttp's compiled routine for it."""

from __future__ import annotations

from collections.abc import Callable

Masker = Callable[[bytes, bytearray], None]


def mask_in_python(mask: bytes, data: bytearray) -> None:
    """XOR *data* in place with the four bytes of *mask*: the meaning, and the fallback."""
    length = len(data)
    whole = int.from_bytes((mask * (length // 4 + 1))[:length], "big") ^ int.from_bytes(data, "big")
    data[:] = whole.to_bytes(length, "big")


def _masker() -> Masker:
    try:
        # private to aiohttp, hence the fallback; a test says so when it is gone, since it costs a fifth of the speed
        from aiohttp._websocket.helpers import websocket_mask
    except ImportError:
        return mask_in_python
    return websocket_mask


mask_in_place = _masker()


def unmask(buffer: bytearray, start: int, end: int) -> bytes:
    """The payload from *start* to *end*, whose mask stands in the four bytes before it."""
    payload = buffer[start:end]
    mask_in_place(bytes(buffer[start - 4 : start]), payload)
    return bytes(payload)
