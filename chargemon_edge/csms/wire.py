"""One charge point's WebSocket after the handshake: frames, rates, silence, and a polite or a quick end. Knows no OCPP.

There is no task per socket and no await per message: the loop hands bytes in, everything they cause is done before it
gets control back. Timers do the rest. Whatever the peer does here costs its own socket only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from chargemon_edge.control.ports import Clock
from chargemon_edge.csms import websocket
from chargemon_edge.csms.outgoing import Outgoing
from chargemon_edge.csms.settings import CsmsSettings
from chargemon_edge.csms.traffic import Allowance
from chargemon_edge.csms.websocket import FrameFault, FrameReader

_log = logging.getLogger(__name__)

# how long the peer has to answer our close frame and let the socket end
CLOSE_WAIT_S = 2.0
# so long without sending ahead of its rate, and a charge point floods no more
_CALM_S = 5.0


class WireUser(Protocol):
    """Who speaks through a wire."""

    def message(self, data: bytes, now_s: float) -> None:
        """A whole text message came."""
        ...

    def writable(self) -> None:
        """The peer reads again."""
        ...

    def ended(self, reason: str) -> None:
        """The wire carries nothing any more."""
        ...

    def gone(self) -> None:
        """Its socket is closed."""
        ...


class Wire(asyncio.BufferedProtocol):
    """The protocol of a transport from its 101 on. Open until :meth:`end`; then it waits for the socket to close."""

    __slots__ = (
        "_ahead_s",
        "_allowance",
        "_between",
        "_buffer",
        "_challenged",
        "_deaf",
        "_flooding_since_s",
        "_heard_s",
        "_loop",
        "_max_message_bytes",
        "_monotonic_s",
        "_name",
        "_outgoing",
        "_read_timer",
        "_reader",
        "_settings",
        "_silence_timer",
        "_transport",
        "_unread_timer",
        "_unsent",
        "_user",
        "_view",
        "open",
        "pings",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        user: WireUser,
        *,
        settings: CsmsSettings,
        clock: Clock,
        buffer: bytearray,
        outgoing: Outgoing,
        name: str,
    ) -> None:
        self._transport = transport
        self._user = user
        self._settings = settings
        # asked for each message: taken once
        self._monotonic_s = clock.monotonic_s
        self._max_message_bytes = settings.max_message_bytes
        # shared by all wires: what is in it is used up before the loop reads again
        self._buffer = buffer
        # asyncio's TLS puts one record after the other into slices of it, and a slice of the array is a copy
        self._view = memoryview(buffer)
        self._outgoing = outgoing
        # frames that leave at the end of the loop's iteration
        self._unsent = b""
        # for the log
        self._name = name
        # whether it may be sent pings
        self.pings = True
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader(settings.max_message_bytes)
        # nothing is half read: the next byte begins a message
        self._between = True
        self._allowance = Allowance(settings.rate_per_s, settings.rate_burst)
        self._heard_s = clock.monotonic_s()
        # whether it carries messages: until it ends
        self.open = True
        # it broke the rules: nothing more is read, since more could only be more of that
        self._deaf = False
        # when it last was ahead of its rate, and since when it has been without a calm moment
        self._ahead_s = self._flooding_since_s = float("-inf")
        # called with True when the peer is heard of next, with False if the wire ends first
        self._challenged: Callable[[bool], None] | None = None
        self._read_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        third_s = settings.dead_after_s / 3
        self._silence_timer = self._loop.call_at(self._heard_s + third_s, self._check_silence)
        transport.set_write_buffer_limits(high=settings.write_buffer_bytes)

    @property
    def full(self) -> bool:
        """Whether so much waits to be read by the peer that nothing should be added unasked."""
        return self._unread_timer is not None

    @property
    def _held(self) -> bool:
        """Whether nothing more is to be read, now or ever."""
        return self._read_timer is not None or self._unread_timer is not None or self._deaf

    # ------------------------------------------------------------ bytes in

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the loop may put bytes (asyncio.BufferedProtocol)."""
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        """The loop has put *nbytes* there."""
        now_s = self._heard_s = self._monotonic_s()
        if self._challenged is not None:
            self._answer_challenge(True)
        try:
            if self._between and self.open and nbytes <= self._max_message_bytes:
                message = websocket.whole_text(self._buffer, nbytes)
                if message is not None:
                    wait_s = self._allowance.take(now_s)
                    if wait_s > 0.0:
                        self._wait(wait_s)
                    self._user.message(message, now_s)
                    return
            if not self._deaf:
                self._reader.feed(self._buffer[:nbytes])
                self._read_frames(now_s)
        except Exception as fault:  # noqa: BLE001 - the edge: even our own bug costs this link and no other
            self._fail(fault)

    def feed(self, data: bytes) -> None:
        """Bytes that came together with the handshake."""
        if data:
            self._buffer[: len(data)] = data
            self.buffer_updated(len(data))

    def _read_frames(self, now_s: float) -> None:
        """Take what is whole, until the allowance is used up or the peer's answers wait too long."""
        while not self._held and (message := self._reader.next()) is not None:
            opcode, payload = message
            if opcode == websocket.CLOSE:
                self._closed_by_peer(payload)
                return
            if not self.open:
                continue
            if opcode == websocket.TEXT:
                self._count(now_s)
                self._user.message(payload, now_s)
            elif opcode == websocket.BINARY:
                raise FrameFault(websocket.UNSUPPORTED, "binary message; OCPP-J is text")
            else:
                if opcode == websocket.PING:
                    self._write(websocket.frame(websocket.PONG, payload))
                self._count(now_s)
        self._between = self._reader.at_rest

    def _fail(self, fault: Exception) -> None:
        if isinstance(fault, FrameFault):
            self.break_off(fault.code, fault.reason)
        else:
            _log.error("link failed cp=%s", self._name, exc_info=fault)
            self.break_off(websocket.INTERNAL, "internal error")

    def break_off(self, code: int, reason: str) -> None:
        """End it, and read nothing more of what the peer sends."""
        self._deaf = True
        self.end(reason, code)

    def _count(self, now_s: float) -> None:
        """One message more; above the rate the socket is left unread until the next one is due."""
        wait_s = self._allowance.take(now_s)
        if wait_s > 0.0:
            self._wait(wait_s)

    def _wait(self, wait_s: float) -> None:
        self._transport.pause_reading()
        self._read_timer = self._loop.call_later(wait_s, self._rate_allows)

    def _rate_allows(self) -> None:
        self._read_timer = None
        if not self._reader.at_rest and self._floods(self._monotonic_s()):
            self.break_off(websocket.POLICY, "sends faster than its rate allows")
        else:
            self._read_on()

    def _read_on(self) -> None:
        """First what is here already, then the socket, unless something still holds it."""
        try:
            self._read_frames(self._monotonic_s())
        except Exception as fault:  # noqa: BLE001 - as in buffer_updated
            self._fail(fault)
        if not self._held:
            self._transport.resume_reading()

    def _floods(self, now_s: float) -> bool:
        """More came before its turn, which one that waits for its answers never sends: is it more than a burst?"""
        if now_s - self._ahead_s > _CALM_S:
            self._flooding_since_s = now_s
        self._ahead_s = now_s
        return now_s - self._flooding_since_s > self._settings.flood_patience_s

    # ------------------------------------------------------------ bytes out

    def send(self, data: bytes) -> None:
        """One text message, on its way when what has come in is dealt with; dropped once the wire has ended."""
        if self.open:
            if self._unsent:
                self._unsent += websocket.text_frame(data)
            else:
                self._unsent = websocket.text_frame(data)
                self._outgoing.add(self)

    def flush(self) -> None:
        """What was to be sent is written now (:class:`.outgoing.Sender`)."""
        unsent = self._unsent
        if unsent:
            self._unsent = b""
            self._transport.write(unsent)

    def _write(self, frame: bytes) -> None:
        """A frame of the wire's own, after all that was sent before."""
        self.flush()
        self._transport.write(frame)

    def pause_writing(self) -> None:
        """The peer does not read: take nothing more from it, and not for ever."""
        if self.open and self._unread_timer is None:
            self._transport.pause_reading()
            self._unread_timer = self._loop.call_later(self._settings.unread_patience_s, self._unread)

    def resume_writing(self) -> None:
        """It reads again."""
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None
            self._user.writable()
            self._read_on()

    def _unread(self) -> None:
        self._unread_timer = None
        self.end("does not read its socket", None)
        self._transport.abort()

    # ------------------------------------------------------------ life and end

    def challenge(self, answered: Callable[[bool], None]) -> None:
        """Ask for a sign of life: *answered* hears True at the peer's next byte, False if the link ends before."""
        self._challenged = answered
        if self._held:
            # we do not listen because it spoke too much: that is life enough
            self._answer_challenge(True)
        elif self.pings:
            self._write(websocket.frame(websocket.PING, b"?"))

    def unchallenge(self) -> None:
        """Whoever asked does not want to know any more."""
        self._challenged = None

    def _answer_challenge(self, alive: bool) -> None:
        answered, self._challenged = self._challenged, None
        if answered is not None:
            answered(alive)

    def _check_silence(self) -> None:
        third_s = self._settings.dead_after_s / 3
        # a hair more, so that rounding never asks for the same moment again
        silent_s = self._monotonic_s() - self._heard_s + 0.001
        if silent_s >= 3 * third_s:
            self.end(f"silent for {silent_s:.0f} s", None)
            self._transport.abort()
            return
        if silent_s >= third_s and self.pings:
            self._write(websocket.frame(websocket.PING, b""))
        next_s = self._heard_s + (silent_s // third_s + 1) * third_s
        self._silence_timer = self._loop.call_at(next_s, self._check_silence)

    def end(self, reason: str, code: int | None) -> None:
        """It carries nothing from now on: the user is told, the socket closed.

        With *code* the peer is told so by a close frame and has a moment to answer it; without, it is assumed to know
        or to be dead, and what was already written goes out.
        """
        if not self.open:
            return
        self.open = False
        for timer in (self._silence_timer, self._read_timer, self._unread_timer):
            if timer is not None:
                timer.cancel()
        self._read_timer = self._unread_timer = None
        self._user.ended(reason)
        self._answer_challenge(False)
        if code is None:
            self.flush()
            self._transport.close()
        else:
            self._write(websocket.close_frame(code, reason))
            if self._deaf:
                self._transport.pause_reading()
                if self._transport.can_write_eof():
                    self._transport.write_eof()
            else:
                # reading may have been paused; the close frame that ends this politely must come through
                self._transport.resume_reading()
            self._silence_timer = self._loop.call_later(CLOSE_WAIT_S, self._transport.abort)

    def _closed_by_peer(self, payload: bytes) -> None:
        code = websocket.close_code(payload)
        if self.open:
            # 1005 stands for no code and is never sent
            self._write(websocket.frame(websocket.CLOSE, b"" if code == 1005 else payload[:2]))
            self.end(f"closed by the charge point ({code})", None)
        else:
            self._transport.close()

    def abort(self) -> None:
        """Drop the socket now."""
        self._transport.abort()

    def eof_received(self) -> bool:
        """The peer sends no more: without a way back there is no link."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self._unsent = b""
        self.end("connection lost" if exc is None else f"connection lost: {exc}", None)
        self._silence_timer.cancel()
        self._user.gone()
