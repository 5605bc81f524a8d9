"""Whether the far end of a connection has taken what was sent, told by how the connection ends.

TCP's acknowledgement alone does not tell: it says that the bytes are in the far end's memory, and a charger that
restarts at that moment has nothing of them. But whoever has read everything closes in order, and whoever goes with
bytes unread is heard of by a reset (tcp(7), RFC 9293 §3.6).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import struct
import termios
from typing import Self

_LOOK_S = (0.005, 0.1)
# so long the far end may take to close by itself; some wait for us
_PATIENCE_S = 2.0
_TCP_CLOSE, _TCP_CLOSE_WAIT = 7, 8


class Farewell:
    """Enter it before the first byte goes out; ask :meth:`said` after the last. Owns the end of the connection then."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._secure = transport.get_extra_info("ssl_object") is not None
        # of our own, so that it can be asked when the transport has closed
        self._socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))

    def __enter__(self) -> Self:
        # the end is for us to see; nothing else comes any more. Within TLS an end that was answered would bring a reset
        self._transport.pause_reading()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        if self._secure and not self._transport.is_closing():
            # it closes only once it may read
            self._transport.resume_reading()

    async def said(self, stall_s: float, *, close_first: bool) -> None:
        """Wait until the far end has closed after it has taken everything, or has been silent about that for *stall_s*.

        *close_first*: it waits for our end. Raises ConnectionError: it has gone without everything; TimeoutError.
        """
        await self._acknowledged(stall_s)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        ours, wait_s = False, _LOOK_S[0]
        while not self._ended(ours) and loop.time() - began_s < stall_s:
            if not ours and (close_first or loop.time() - began_s > _PATIENCE_S):
                ours = True
                self._close()
            await asyncio.sleep(wait_s)
            wait_s = min(_LOOK_S[1], 2 * wait_s)

    async def _acknowledged(self, stall_s: float) -> None:
        left, wait_s = -1, _LOOK_S[0]
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(stall_s) as patience:
            while True:
                before, left = left, self._unwritten() + unacknowledged(self._socket.fileno())
                if left == 0:
                    return
                if self._state() == _TCP_CLOSE:
                    raise ConnectionResetError
                if left != before:
                    patience.reschedule(loop.time() + stall_s)
                await asyncio.sleep(wait_s)
                wait_s = min(_LOOK_S[1], 2 * wait_s)

    def _unwritten(self) -> int:
        # of a transport that closes nothing can be asked: an orderly end has written all, a reset shows in the socket
        return 0 if self._transport.is_closing() else self._transport.get_write_buffer_size()

    def _ended(self, ours: bool) -> bool:
        """Whether the far end has closed. Raises ConnectionError when it did so with bytes unread."""
        if self._secure:
            state = self._state()
            if state == _TCP_CLOSE and not ours:
                raise ConnectionResetError
            return state in (_TCP_CLOSE, _TCP_CLOSE_WAIT)
        try:
            return not self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False

    def _close(self) -> None:
        if self._secure:
            self._transport.close()
        else:
            self._socket.shutdown(socket.SHUT_WR)

    def _state(self) -> int:
        return self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def unacknowledged(descriptor: int) -> int:
    """How many bytes of a socket's output the far end has not acknowledged (SIOCOUTQ, tcp(7))."""
    (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0\0\0\0"))
    return int(count)
