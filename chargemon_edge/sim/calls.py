"""A charger's outgoing CALLs: one in flight; transaction messages outlive links and are repeated with equal payload."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from chargemon_edge.sim.timers import Timers

Payload = dict[str, Any]

_ANSWER_TIMEOUT_S = 30.0
_RETRY_AFTER_S = 10.0
_ATTEMPTS_MAX = 6
_VALUES_WAITING_MAX = 50
_SILENT_CALLS_MAX = 2


class Outgoing(msgspec.Struct, kw_only=True, gc=False):
    """One message on its way."""

    action: str
    payload: Payload
    durable: bool = False
    """A transaction message: kept over a loss of the link, repeated until it is confirmed (OCPP 1.6 §3.7.2)."""
    boots: bool = False
    """Allowed before the central system has accepted the boot."""
    done: Callable[[Payload | None], None] | None = None
    """Called once with the confirmation, or None when there will be none."""
    finish: Callable[[Payload], None] | None = None
    """Fills in what is known only when it is first sent: the transaction id."""
    attempts: int = 0


class CallQueue:
    """First in, first out, one in flight."""

    def __init__(self, timers: Timers, write: Callable[[bytes], None], silent: Callable[[], None]) -> None:
        self.booted = False
        self.dropped = 0
        """Transaction messages given up after too many CALLERRORs."""
        self._timers = timers
        self._write = write
        self._silent = silent
        self._waiting: deque[Outgoing] = deque()
        self._in_flight: Outgoing | None = None
        self._unique_id = 0
        self._up = False
        self._unanswered = 0

    def __len__(self) -> int:
        return len(self._waiting) + (self._in_flight is not None)

    def add(self, call: Outgoing) -> None:
        """Queue it; what is not durable is dropped at once while there is no link."""
        if not (self._up or call.durable):
            if call.done is not None:
                call.done(None)
            return
        if call.boots:
            self._waiting.appendleft(call)
        else:
            self._waiting.append(call)
            if call.action == "MeterValues":
                self._bound_values()
        self._next()

    def link_up(self) -> None:
        """A link stands."""
        self._up = True
        self._unanswered = 0
        self._next()

    def link_down(self) -> None:
        """The link is gone: what is durable waits, at the front what was in flight; the rest is dropped."""
        self._up = False
        self._timers.cancel("answer")
        self._timers.cancel("retry")
        calls = list(self._waiting)
        if self._in_flight is not None:
            calls.insert(0, self._in_flight)
            self._in_flight = None
        self._waiting = deque(call for call in calls if call.durable)
        for call in calls:
            if not call.durable and call.done is not None:
                call.done(None)

    def power_off(self) -> None:
        """A reboot: message ids begin anew, and nothing may be sent before the boot is accepted."""
        self.link_down()
        self.booted = False
        self._unique_id = 0

    def go_on(self) -> None:
        """The boot was accepted."""
        self.booted = True
        self._next()

    def confirmed(self, unique_id: str, payload: Payload) -> None:
        """A CALLRESULT came."""
        call = self._landed(unique_id)
        if call is None:
            return
        self._unanswered = 0
        if call.done is not None:
            call.done(payload)
        self._next()

    def errored(self, unique_id: str) -> None:
        """A CALLERROR came: a transaction message is tried again later, with the same payload."""
        call = self._landed(unique_id)
        if call is None:
            return
        self._unanswered = 0
        if call.durable and call.attempts < _ATTEMPTS_MAX:
            self._waiting.appendleft(call)
            self._timers.after("retry", _RETRY_AFTER_S * call.attempts, self._next)
            return
        self.dropped += call.durable
        if call.done is not None:
            call.done(None)
        self._next()

    def _landed(self, unique_id: str) -> Outgoing | None:
        call = self._in_flight
        if call is None or unique_id != str(self._unique_id):
            return None
        self._in_flight = None
        self._timers.cancel("answer")
        return call

    def _next(self) -> None:
        if not self._up or self._in_flight is not None or not self._waiting or self._timers.running("retry"):
            return
        if not (self.booted or self._waiting[0].boots):
            return
        call = self._waiting.popleft()
        if call.finish is not None:
            call.finish(call.payload)
            call.finish = None
        call.attempts += 1
        self._unique_id += 1
        self._in_flight = call
        self._timers.after("answer", _ANSWER_TIMEOUT_S, self._no_answer)
        self._write(msgspec.json.encode([2, str(self._unique_id), call.action, call.payload]))

    def _no_answer(self) -> None:
        call = self._in_flight
        assert call is not None
        self._in_flight = None
        self._unanswered += 1
        if call.durable:
            self._waiting.appendleft(call)
        elif call.done is not None:
            call.done(None)
        if self._unanswered >= _SILENT_CALLS_MAX:
            self._silent()
        else:
            self._next()

    def _bound_values(self) -> None:
        waiting = [call for call in self._waiting if call.action == "MeterValues"]
        if len(waiting) > _VALUES_WAITING_MAX:
            self._waiting.remove(waiting[0])
