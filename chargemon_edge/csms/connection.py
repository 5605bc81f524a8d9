"""One charge point's link in use: text to typed request to reception, replies back, and our calls one at a time.

Sits between a wire, which knows no OCPP, and the reception, which knows no sockets. A fault here costs one message.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any, Protocol

from chargemon_edge.control.ports import Answered, Busy, CallErrored, Clock, LinkEnds, Reception, Refusal, TimedOut
from chargemon_edge.csms import websocket
from chargemon_edge.csms.calls import CallQueue, PendingCall
from chargemon_edge.csms.outgoing import Outgoing
from chargemon_edge.csms.recorder import FROM, TO, Tape
from chargemon_edge.csms.settings import ChargePointAccess, CsmsSettings
from chargemon_edge.csms.trace import named, shown
from chargemon_edge.csms.wire import Wire
from chargemon_edge.ocpp.link import Confirmed, Errored, Ignored, Link, LinkError, Malformed, Requested
from chargemon_edge.ocpp.v16 import codec
from chargemon_edge.ocpp.v16.codec import PayloadError
from chargemon_edge.ocpp.v16.messages import Response, StartTransactionResponse
from chargemon_edge.ocpp.v16.repeated_values import RequestReader
from chargemon_edge.site.charger_model import Quirks

_log = logging.getLogger(__name__)

_MOST_COMPLAINTS = 50


class Keeper(Protocol):
    """Who owns the connections: told when one no longer counts, and when its socket is gone."""

    def link_ended(self, connection: Connection, reason: str) -> None:
        """It carries nothing any more."""
        ...

    def socket_gone(self, connection: Connection) -> None:
        """The operating system's socket is closed."""
        ...


class Connection:
    """One charge point on one socket: :attr:`wire` is the transport's protocol."""

    __slots__ = (
        "_answer_timer",
        "_clock",
        "_complained",
        "_held_back",
        "_keeper",
        "_known_repairs",
        "_link",
        "_loop",
        "_malformed",
        "_messages",
        "_opened_s",
        "_queue",
        "_reception",
        "_settings",
        "_start_answer_delay_s",
        "_tape",
        "_traced",
        "access",
        "ends",
        "identity",
        "remote",
        "wire",
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
        outgoing: Outgoing,
        quirks: Quirks,
        tape: Tape,
        ends: LinkEnds,
    ) -> None:
        self.access = access
        # whose link this is
        self.identity = access.identity
        self.remote = remote
        self.ends = ends
        self._settings = settings
        self._reception = reception
        self._clock = clock
        self._keeper = keeper
        self._loop = asyncio.get_running_loop()
        self._opened_s = clock.monotonic_s()
        self._link = Link(f"{clock.utc_ms() & 0xFFFFFFFFFF:x}.", RequestReader().read)
        self._queue = CallQueue(settings.max_waiting_calls)
        # answers that wait for their delay
        self._held_back = 0
        self._messages = 0
        self._malformed = 0
        # what was logged already, so that one wrong message a minute is one line, not a thousand
        self._complained: set[str] = set()
        self._tape = tape
        self._traced = _log.isEnabledFor(logging.DEBUG)
        # set while a CALL of ours waits for its answer
        self._answer_timer: asyncio.TimerHandle | None = None
        name = named(access.identity)
        self.wire = Wire(transport, self, settings=settings, clock=clock, buffer=buffer, outgoing=outgoing, name=name)
        self.set_quirks(quirks)

    def set_quirks(self, quirks: Quirks) -> None:
        """This is how its model wants to be handled."""
        self._start_answer_delay_s = quirks.start_answer_delay_s or 0.0
        self._known_repairs = quirks.known_repairs or ()
        self.wire.pings = quirks.websocket_ping is not False

    # ------------------------------------------------------------ one message

    def message(self, data: bytes, now_s: float) -> None:
        """A whole text message came (:class:`.wire.WireUser`)."""
        self._messages += 1
        self._tape.passed(FROM, data, now_s)
        if self._traced:
            _log.debug("received cp=%s %s", named(self.identity), shown(data))
        event = self._link.received(data, now_s)
        if isinstance(event, Requested):
            self._malformed = 0
            self._requested(event)
            return
        if isinstance(event, Malformed):
            self._rubbish(event)
            return
        self._malformed = 0
        if isinstance(event, Confirmed):
            self._confirmed(event)
        elif isinstance(event, Errored):
            self._errored(event)
        else:
            self._ignored(event)

    def _requested(self, event: Requested) -> None:
        unique_id = event.unique_id
        # a Request, or None as long as it is not decoded: asking for the class costs more than decoding a heartbeat
        request: Any = event.request
        try:
            if request is None:
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
        if not self.wire.open:
            return
        if type(answer) is Refusal:
            self._write(self._link.refuse(unique_id, answer.code, answer.description))
            return
        data = self._link.confirm(unique_id, codec.encode(answer))
        if self._start_answer_delay_s > 0.0 and isinstance(answer, StartTransactionResponse):
            # nor is anything asked meanwhile: it does not know its transaction yet
            self._held_back += 1
            self._loop.call_later(self._start_answer_delay_s, self._write_held_back, data)
        else:
            self._write(data)

    def _write_held_back(self, data: bytes) -> None:
        self._held_back -= 1
        self._write(data)
        self._pump()

    def _refuse_internal(self, unique_id: str) -> None:
        if not self.wire.open:
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
            self.wire.break_off(websocket.POLICY, "sends no OCPP")

    def _repaired(self, what: str) -> None:
        """Counted each time; a line in the log for the first of its kind, unless the model is known for it."""
        first = self._tape.repaired(what, self._clock.monotonic_s())
        if first and not what.startswith(self._known_repairs):
            self._complain("repaired", what)

    def _complain(self, subject: str, detail: str) -> None:
        """One line for the first of its kind on this link; the rest would say the same."""
        repaired = subject == "repaired"
        if not repaired:
            self._tape.noted(f"{subject}: {detail}", self._clock.monotonic_s())
        kind = f"{subject} {detail}" if repaired else subject
        if kind not in self._complained and len(self._complained) < _MOST_COMPLAINTS:
            self._complained.add(kind)
            _log.warning("bad message cp=%s %s (%s)", named(self.identity), subject, ascii(detail)[1:-1][:200])

    # ------------------------------------------------------------ calls to the charge point

    def send_call(self, call: PendingCall) -> None:
        """Send it when the link is free (:class:`.directory.CallLink`)."""
        if not self.wire.open:
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
        if not self.wire.open:
            call.drop()
            return
        self._queue.put_limit(connector, call)
        self._pump()

    def abandon(self, call: PendingCall) -> None:
        """Nobody waits for it: unsent, it is forgotten; sent, its answer is awaited and dropped."""
        self._queue.remove(call)

    def hang_up(self, reason: str) -> None:
        """End it politely (:class:`.directory.CallLink`)."""
        self.wire.end(reason, websocket.NORMAL)

    def _give_up(self, call: PendingCall) -> None:
        if self._queue.remove(call):
            call.settle(Busy())

    def _pump(self) -> None:
        """Send what waits, if the link is free."""
        if not self.wire.open or self.wire.full or self._held_back or not self._link.idle:
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

    # ------------------------------------------------------------ the wire (wire.WireUser)

    def writable(self) -> None:
        """The peer reads again: what waited can go."""
        self._pump()

    def ended(self, reason: str) -> None:
        """The wire carries nothing any more: what waits is settled, and the keeper told."""
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None
        in_flight = self._link.abandon()
        if isinstance(in_flight, PendingCall):
            in_flight.drop()
        for call in self._queue.drain():
            call.drop()
        _log.info(
            "link closed cp=%s remote=%s reason=%s duration_s=%.0f messages=%d",
            named(self.identity),
            self.remote,
            ascii(reason),
            self._clock.monotonic_s() - self._opened_s,
            self._messages,
        )
        self._keeper.link_ended(self, reason)

    def gone(self) -> None:
        """The socket is closed."""
        self._keeper.socket_gone(self)

    def _write(self, data: bytes) -> None:
        if self._traced:
            _log.debug("sent cp=%s %s", named(self.identity), shown(data))
        self._tape.passed(TO, data, self._clock.monotonic_s())
        self.wire.send(data)
