"""One charge point's socket after the handshake: bytes to link to typed request to reception, and replies back.

There is no task per connection and no await per message: the loop hands bytes in, everything they cause is done
before it gets control back, except what waits for a commit. Timers do the rest. A fault here costs this link only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from chargemon_edge.control.ports import Answered, Busy, CallErrored, Clock, Reception, Refusal, TimedOut
from chargemon_edge.csms import websocket
from chargemon_edge.csms.calls import CallQueue, PendingCall
from chargemon_edge.csms.settings import ChargePointAccess, CsmsSettings
from chargemon_edge.csms.trace import named, shown
from chargemon_edge.csms.traffic import Allowance
from chargemon_edge.csms.websocket import FrameFault, FrameReader
from chargemon_edge.ocpp.link import Confirmed, Errored, Ignored, Link, LinkError, Malformed, Requested
from chargemon_edge.ocpp.v16 import codec
from chargemon_edge.ocpp.v16.codec import PayloadError
from chargemon_edge.ocpp.v16.messages import Response, StartTransactionResponse

_log = logging.getLogger(__name__)

# how long the peer has to answer our close frame and let the socket end
CLOSE_WAIT_S = 2.0
_MOST_COMPLAINTS = 50
# so long without sending ahead of its rate, and a charge point floods no more
_CALM_S = 5.0


class Keeper(Protocol):
    """Who owns the connections: told when one no longer counts, and when its socket is gone."""

    def link_ended(self, connection: Connection, reason: str) -> None:
        """It carries nothing any more."""
        ...

    def socket_gone(self, connection: Connection) -> None:
        """The operating system's socket is closed."""
        ...


class Connection(asyncio.BufferedProtocol):
    """The protocol of a transport from its 101 on. Open until :meth:`end`; then it waits for the socket to close."""

    __slots__ = (
        "__weakref__",
        "_ahead_s",
        "_allowance",
        "_answer_timer",
        "_buffer",
        "_challenged",
        "_clock",
        "_complained",
        "_deaf",
        "_flooding_since_s",
        "_heard_s",
        "_keeper",
        "_link",
        "_loop",
        "_malformed",
        "_messages",
        "_open",
        "_opened_s",
        "_queue",
        "_read_timer",
        "_reader",
        "_reception",
        "_settings",
        "_silence_timer",
        "_traced",
        "_transport",
        "_unread_timer",
        "access",
        "remote",
    )

    def __init__(
        self,
        access: ChargePointAccess,
        remote: str,
        transport: asyncio.Transport,
        *,
        settings: CsmsSettings,
        reception: Reception,
        clock: Clock,
        keeper: Keeper,
        buffer: bytearray,
    ) -> None:
        self.access = access
        self.remote = remote
        self._transport = transport
        self._settings = settings
        self._reception = reception
        self._clock = clock
        self._keeper = keeper
        # shared by all connections: what is in it is used up before the loop reads again
        self._buffer = buffer
        self._loop = asyncio.get_running_loop()
        self._link = Link(f"{clock.utc_ms() & 0xFFFFFFFFFF:x}.")
        self._reader = FrameReader(settings.max_message_bytes)
        self._allowance = Allowance(settings.rate_per_s, settings.rate_burst)
        self._queue = CallQueue(settings.max_waiting_calls)
        self._opened_s = self._heard_s = clock.monotonic_s()
        self._open = True
        # it broke the rules: nothing more is read, since more could only be more of that
        self._deaf = False
        self._messages = 0
        self._malformed = 0
        # (action, code) already logged, so that one wrong message a minute is one line, not a thousand
        self._complained: set[str] = set()
        # when it last was ahead of its rate, and since when it has been without a calm moment
        self._ahead_s = self._flooding_since_s = float("-inf")
        # called with True when the peer is heard of next, with False if the link ends first
        self._challenged: Callable[[bool], None] | None = None
        self._traced = _log.isEnabledFor(logging.DEBUG)
        self._answer_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        third_s = settings.dead_after_s / 3
        self._silence_timer = self._loop.call_at(self._heard_s + third_s, self._check_silence)
        transport.set_write_buffer_limits(high=settings.write_buffer_bytes)

    @property
    def identity(self) -> str:
        """Whose link this is."""
        return self.access.identity

    @property
    def open(self) -> bool:
        """Whether it carries messages: not ended yet."""
        return self._open

    # ------------------------------------------------------------ bytes in

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where the loop may put bytes (asyncio.BufferedProtocol)."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """The loop has put *nbytes* there."""
        now_s = self._heard_s = self._clock.monotonic_s()
        if self._challenged is not None:
            self._answer_challenge(True)
        if self._deaf:
            return
        try:
            if self._reader.at_rest and self._open and nbytes <= self._settings.max_message_bytes:
                message = websocket.whole_text(self._buffer, nbytes)
                if message is not None:
                    self._message(message, now_s)
                    return
            self._reader.feed(self._buffer[:nbytes])
            self._read_frames(now_s)
        except FrameFault as fault:
            self._break_off(fault.code, fault.reason)
        except Exception:  # noqa: BLE001 - the edge: our own bug costs this link, with its traceback, and no other
            _log.exception("link failed cp=%s", named(self.identity))
            self._break_off(websocket.INTERNAL, "internal error")

    def feed(self, data: bytes) -> None:
        """Bytes that came together with the handshake."""
        if data:
            self._buffer[: len(data)] = data
            self.buffer_updated(len(data))

    def _read_frames(self, now_s: float) -> None:
        """Take what is whole, until the allowance is used up."""
        while self._read_timer is None and (message := self._reader.next()) is not None:
            opcode, payload = message
            if opcode == websocket.CLOSE:
                self._closed_by_peer(payload)
                return
            if not self._open:
                continue
            if opcode == websocket.TEXT:
                self._message(payload, now_s)
            elif opcode == websocket.BINARY:
                raise FrameFault(websocket.UNSUPPORTED, "binary message; OCPP-J is text")
            else:
                if opcode == websocket.PING:
                    self._transport.write(websocket.frame(websocket.PONG, payload))
                self._count(now_s)

    def _break_off(self, code: int, reason: str) -> None:
        self._deaf = True
        self.end(reason, code)

    def _count(self, now_s: float) -> None:
        """One message more; above the rate the socket is left unread until the next one is due."""
        wait_s = self._allowance.take(now_s)
        if wait_s > 0.0:
            self._transport.pause_reading()
            self._read_timer = self._loop.call_later(wait_s, self._read_on)

    def _read_on(self) -> None:
        self._read_timer = None
        now_s = self._clock.monotonic_s()
        if not self._reader.at_rest and self._floods(now_s):
            self._break_off(websocket.POLICY, "sends faster than its rate allows")
            return
        try:
            self._read_frames(now_s)
        except FrameFault as fault:
            self._break_off(fault.code, fault.reason)
            return
        if self._read_timer is None and self._unread_timer is None:
            self._transport.resume_reading()

    def _floods(self, now_s: float) -> bool:
        """More came before its turn, which one that waits for its answers never sends: is it more than a burst?"""
        if now_s - self._ahead_s > _CALM_S:
            self._flooding_since_s = now_s
        self._ahead_s = now_s
        return now_s - self._flooding_since_s > self._settings.flood_patience_s

    # ------------------------------------------------------------ one message

    def _message(self, data: bytes, now_s: float) -> None:
        self._messages += 1
        self._count(now_s)
        if self._traced:
            _log.debug("received cp=%s %s", named(self.identity), shown(data))
        event = self._link.received(data, now_s)
        kind = type(event)
        if kind is Malformed:
            self._rubbish(event)  # type: ignore[arg-type] # told apart by exact type, which mypy does not follow
            return
        self._malformed = 0
        if kind is Requested:
            self._requested(event)  # type: ignore[arg-type] # as above
        elif kind is Confirmed:
            self._confirmed(event)  # type: ignore[arg-type] # as above
        elif kind is Errored:
            self._errored(event)  # type: ignore[arg-type] # as above
        else:
            self._ignored(event)  # type: ignore[arg-type] # as above

    def _requested(self, event: Requested) -> None:
        unique_id = event.unique_id
        try:
            request = codec.decode_request(event.action, event.payload, self._repaired)
        except PayloadError as error:
            self._complain(f"{event.action[:50]!r}: {error.code}", error.description)
            self._write(self._link.refuse(unique_id, error.code, error.description))
            return
        try:
            self._reception.requested(self.identity, request, event.payload, partial(self._reply, unique_id))
        except Exception:  # noqa: BLE001 - the edge: our own bug costs this message, with its traceback
            _log.exception("request failed cp=%s action=%s", named(self.identity), event.action)
            self._refuse_internal(unique_id)

    def _reply(self, unique_id: str, answer: Response | Refusal) -> None:
        """Write the answer; the peer may be gone by now, and then nobody waits for it."""
        if not self._open:
            return
        if type(answer) is Refusal:
            self._write(self._link.refuse(unique_id, answer.code, answer.description))
            return
        assert isinstance(answer, Response)
        data = self._link.confirm(unique_id, codec.encode(answer))
        if self.access.start_answer_delay_s > 0.0 and isinstance(answer, StartTransactionResponse):
            self._loop.call_later(self.access.start_answer_delay_s, self._write, data)
        else:
            self._write(data)

    def _refuse_internal(self, unique_id: str) -> None:
        if not self._open:
            return
        try:
            refusal = self._link.refuse(unique_id, "InternalError", "")
        except LinkError:
            # it was answered before the fault
            return
        self._write(refusal)

    def _confirmed(self, event: Confirmed) -> None:
        call = self._answered(event.token)
        try:
            response = codec.decode_response(type(call.request), event.payload, self._repaired)
        except PayloadError as error:
            self._complain(f"answer to {event.action}: {error.code}", error.description)
            call.settle(CallErrored(code=error.code, description=error.description))
        else:
            assert call.sent_mono_s is not None
            call.settle(Answered(response=response, sent_mono_s=call.sent_mono_s))
        self._pump()

    def _errored(self, event: Errored) -> None:
        call = self._answered(event.token)
        call.settle(CallErrored(code=event.code, description=event.description, details=event.details))
        self._pump()

    def _answered(self, token: object) -> PendingCall:
        assert isinstance(token, PendingCall)
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None
        return token

    def _ignored(self, event: Ignored) -> None:
        _log.debug("ignored cp=%s why=%s", named(self.identity), event.why)

    def _rubbish(self, event: Malformed) -> None:
        self._malformed += 1
        self._complain("malformed", event.why)
        if event.reply is not None:
            self._write(event.reply)
        if self._malformed > self._settings.max_malformed_in_a_row:
            self._break_off(websocket.POLICY, "sends no OCPP")

    def _repaired(self, what: str) -> None:
        self._complain("repaired", what)

    def _complain(self, subject: str, detail: str) -> None:
        """One line for the first of its kind on this link; the rest would say the same."""
        kind = f"{subject} {detail}" if subject == "repaired" else subject
        if kind not in self._complained and len(self._complained) < _MOST_COMPLAINTS:
            self._complained.add(kind)
            _log.warning("bad message cp=%s %s (%s)", named(self.identity), subject, ascii(detail)[1:-1][:200])

    # ------------------------------------------------------------ calls to the charge point

    def send_call(self, call: PendingCall) -> None:
        """Send it when the link is free (:class:`.directory.CallLink`)."""
        if not self._open:
            call.drop()
            return
        if not self._queue.put(call):
            call.settle(Busy())
            return
        self._pump()
        if call.sent_mono_s is None:
            self._loop.call_later(call.deadline_s, self._give_up, call)

    def send_limit(self, connector: int, call: PendingCall) -> None:
        """Send it when the link is free, in place of an older one for *connector* that still waits."""
        if not self._open:
            call.drop()
            return
        self._queue.put_limit(connector, call)
        self._pump()

    def abandon(self, call: PendingCall) -> None:
        """Nobody waits for it: unsent, it is forgotten; sent, its answer is awaited and dropped."""
        self._queue.remove(call)

    def _give_up(self, call: PendingCall) -> None:
        if self._queue.remove(call):
            call.settle(Busy())

    def _pump(self) -> None:
        """Send what waits, if the link is free."""
        if not self._open or not self._link.idle or self._unread_timer is not None:
            return
        call = self._queue.take()
        if call is None:
            return
        now_s = self._clock.monotonic_s()
        payload = codec.encode(call.request)
        data = self._link.call(call, call.request.action, payload, now_s, call.deadline_s)
        call.sent_mono_s = now_s
        self._write(data)
        self._answer_timer = self._loop.call_at(now_s + call.deadline_s, self._expire)

    def _expire(self) -> None:
        self._answer_timer = None
        call = self._link.expired(self._clock.monotonic_s())
        if call is None:
            # the loop may run a timer a clock tick early
            if self._link.expires_s is not None:
                self._answer_timer = self._loop.call_at(self._link.expires_s, self._expire)
            return
        assert isinstance(call, PendingCall)
        _log.warning("no answer cp=%s action=%s", named(self.identity), call.request.action)
        call.settle(TimedOut())
        self._pump()

    # ------------------------------------------------------------ bytes out

    def _write(self, data: bytes) -> None:
        if not self._open:
            return
        if self._traced:
            _log.debug("sent cp=%s %s", named(self.identity), shown(data))
        self._transport.write(websocket.frame(websocket.TEXT, data))

    def pause_writing(self) -> None:
        """The peer does not read: take nothing more from it, and not for ever."""
        if self._open and self._unread_timer is None:
            self._transport.pause_reading()
            self._unread_timer = self._loop.call_later(self._settings.unread_patience_s, self._unread)

    def resume_writing(self) -> None:
        """It reads again."""
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None
            if self._read_timer is None:
                self._transport.resume_reading()
            self._pump()

    def _unread(self) -> None:
        self._unread_timer = None
        self.end("does not read its socket", None)
        self._transport.abort()

    # ------------------------------------------------------------ life and end

    def challenge(self, answered: Callable[[bool], None]) -> None:
        """Ask for a sign of life: *answered* hears True at the peer's next byte, False if the link ends before."""
        self._challenged = answered
        if self._read_timer is not None or self._unread_timer is not None:
            # we do not listen because it spoke too much: that is life enough
            self._answer_challenge(True)
        elif self.access.ping:
            self._transport.write(websocket.frame(websocket.PING, b"?"))

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
        silent_s = self._clock.monotonic_s() - self._heard_s + 0.001
        if silent_s >= 3 * third_s:
            self.end(f"silent for {silent_s:.0f} s", None)
            self._transport.abort()
            return
        if silent_s >= third_s and self.access.ping:
            self._transport.write(websocket.frame(websocket.PING, b""))
        next_s = self._heard_s + (silent_s // third_s + 1) * third_s
        self._silence_timer = self._loop.call_at(next_s, self._check_silence)

    def end(self, reason: str, code: int | None) -> None:
        """The link carries nothing from now on: what waits is settled, the keeper told, the socket closed.

        With *code* the peer is told so by a close frame and has a moment to answer it; without, it is assumed to know
        or to be dead, and what was already written goes out.
        """
        if not self._open:
            return
        self._open = False
        for timer in (self._silence_timer, self._answer_timer, self._read_timer, self._unread_timer):
            if timer is not None:
                timer.cancel()
        self._answer_timer = self._read_timer = self._unread_timer = None
        in_flight = self._link.abandon()
        if isinstance(in_flight, PendingCall):
            in_flight.drop()
        for call in self._queue.drain():
            call.drop()
        duration_s = self._clock.monotonic_s() - self._opened_s
        _log.info(
            "link closed cp=%s remote=%s reason=%s duration_s=%.0f messages=%d",
            named(self.identity),
            self.remote,
            ascii(reason),
            duration_s,
            self._messages,
        )
        self._keeper.link_ended(self, reason)
        self._answer_challenge(False)
        if code is None:
            self._transport.close()
        else:
            self._transport.write(websocket.close_frame(code, reason))
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
        if self._open:
            # 1005 stands for no code and is never sent
            self._transport.write(websocket.frame(websocket.CLOSE, b"" if code == 1005 else payload[:2]))
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
        self.end("connection lost" if exc is None else f"connection lost: {exc}", None)
        self._silence_timer.cancel()
        self._keeper.socket_gone(self)
