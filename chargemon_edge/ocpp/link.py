"""One charge point's link as a state machine: bytes and moments in, events and bytes out; no input, no output.

The theory (OCPP-J 1.6 §4.1). Each side sends CALLs and answers the other's with one CALLRESULT or CALLERROR. A side
must not send a CALL while an answer to its former one is still due, but it must take the other's CALLs meanwhile:
so a link is two halves that know nothing of each other.

*Our half* is a little machine. Its transitions, drawn from ``TRANSITIONS``::

    IDLE     call()                       -> WAITING
    WAITING  their answer to our id       -> IDLE      Confirmed or Errored
    WAITING  expired(), after the deadline -> IDLE     the token comes back
    WAITING  abandon(), the socket is gone -> IDLE     the token comes back

Anything else asked of it is our own bug: :class:`LinkError`, and nothing has changed. An answer that fits no
outstanding CALL (late, unknown, repeated) is the peer's doing and becomes Ignored, with words.

*Their half* is the set of message ids that they still wait for. ``received`` of a CALL adds one, ``confirm`` or
``refuse`` takes it out. A message id is unique per connection at best (chargers count from 1 after each boot), so an id
that was answered may come again and is a new request; one that is still being answered is the same request repeated,
and gets the one answer.

Rules for this file: ``received`` never raises, whatever comes in. Moments are seconds of the caller's monotonic clock.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from chargemon_edge.ocpp import frames
from chargemon_edge.ocpp.frames import Call, CallResult, FrameError

RUNNING_MAX: Final = 64
"""Their CALLs that may wait for an answer at once. One is allowed (§4.1.1); bursts of 13 were seen."""
_REMEMBERED: Final = 16


class LinkError(AssertionError):
    """We asked of the link what it cannot do now: our bug."""


class State(enum.Enum):
    """Of our half."""

    IDLE = "idle"
    WAITING = "waiting"


class Step(enum.Enum):
    """What moves our half."""

    CALL = "call"
    ANSWERED = "answered"
    EXPIRED = "expired"
    ABANDONED = "abandoned"


TRANSITIONS: Final[dict[tuple[State, Step], State]] = {
    (State.IDLE, Step.CALL): State.WAITING,
    (State.WAITING, Step.ANSWERED): State.IDLE,
    (State.WAITING, Step.EXPIRED): State.IDLE,
    (State.WAITING, Step.ABANDONED): State.IDLE,
}
"""Every step that our half may take; all others raise."""


class Requested(msgspec.Struct, frozen=True, gc=False):
    """A CALL came. Answer it once, by *unique_id*, with ``confirm`` or ``refuse``."""

    unique_id: str
    action: str
    payload: bytes
    """Empty where *request* keeps it."""
    request: object = None
    """What the link's *read* made of the payload; None: nothing yet."""


class Confirmed(msgspec.Struct, frozen=True, gc=False):
    """Our CALL has its CALLRESULT."""

    token: object
    action: str
    payload: bytes


class Errored(msgspec.Struct, frozen=True, gc=False):
    """Our CALL has its CALLERROR; *details* is JSON."""

    token: object
    code: str
    description: str
    details: str


class Malformed(msgspec.Struct, frozen=True, gc=False):
    """No frame, or one CALL too many. Send *reply* if there is one: the CALL's id could be read."""

    reply: bytes | None
    why: str


class Ignored(msgspec.Struct, frozen=True, gc=False):
    """A frame that changes nothing."""

    why: str


Event = Requested | Confirmed | Errored | Malformed | Ignored


class _Outstanding(msgspec.Struct, frozen=True, gc=False):
    unique_id: str
    token: object
    action: str
    expires_s: float


Read = Callable[[bytes], Requested | None]
"""A frame to the request in it, decoded already; None unless :func:`.frames.decode` would make that CALL of it and its
payload needs no second look."""


def _reads_nothing(_data: bytes) -> None:
    pass


class Link:
    """See the module's docstring. *prefix* sets this link's message ids apart from those of the one before it.

    *read* spares looking twice at what comes all the time.
    """

    def __init__(self, prefix: str = "", read: Read = _reads_nothing) -> None:
        if len(prefix) > frames.UNIQUE_ID_MAX - 16:
            raise LinkError(f"the prefix {prefix!r} leaves no room for a counter")
        self._prefix = prefix
        self._read = read
        self._counter = 0
        # Our CALL that waits for its answer; None: idle.
        self._outstanding: _Outstanding | None = None
        # Our CALLs given up, newest last: an answer to one of them is late, not unknown.
        self._given_up: deque[str] = deque(maxlen=_REMEMBERED)
        # When a frame came in last, good or bad; None: not yet.
        self.heard_s: float | None = None
        # Message ids of their CALLs that wait for our answer.
        self._running: set[str] = set()

    # ------------------------------------------------------------ what comes in

    def received(self, data: bytes, now_s: float) -> Event:
        """What *data*, one whole frame, means. Never raises."""
        self.heard_s = now_s
        requested = self._read(data)
        if requested is not None:
            return self._requested(requested)
        try:
            frame = frames.decode(data)
        except FrameError as error:
            return self._malformed(error)
        if isinstance(frame, Call):
            return self._requested(Requested(frame.unique_id, frame.action, bytes(frame.payload)))
        outstanding = self._outstanding
        if outstanding is None or frame.unique_id != outstanding.unique_id:
            return self._unexpected(frame.unique_id)
        # Even after its deadline: as long as nobody was told that it expired, the answer is the better news.
        self._take(Step.ANSWERED, None)
        if isinstance(frame, CallResult):
            return Confirmed(outstanding.token, outstanding.action, bytes(frame.payload))
        return Errored(outstanding.token, frame.code, frame.description or "", bytes(frame.details).decode())

    def _requested(self, requested: Requested) -> Event:
        unique_id, running = requested.unique_id, self._running
        if unique_id in running:
            return Ignored(f"{requested.action[:50]!r} {unique_id!r} is still being answered; it came again")
        if len(running) >= RUNNING_MAX:
            why = f"{RUNNING_MAX} requests wait for an answer already"
            return Malformed(frames.encode_error(unique_id, "GenericError", why), why)
        running.add(unique_id)
        return requested

    def _malformed(self, error: FrameError) -> Event:
        unique_id = error.unique_id
        if unique_id is None or unique_id in self._running:
            # A second answer to a running id would be taken for the first.
            return Malformed(None, error.description)
        return Malformed(frames.encode_error(unique_id, error.code, error.description), error.description)

    def _unexpected(self, unique_id: str) -> Ignored:
        if unique_id in self._given_up:
            return Ignored(f"the answer to {unique_id!r} came after its deadline")
        return Ignored(f"an answer to {unique_id!r}, which waits for none")

    # ------------------------------------------------------------ answers to their CALLs

    def confirm(self, unique_id: str, payload: bytes) -> bytes:
        """The CALLRESULT for their CALL *unique_id*. Raises LinkError if it waits for no answer."""
        self._answered(unique_id)
        return frames.encode_result(unique_id, payload)

    def refuse(self, unique_id: str, code: str, description: str) -> bytes:
        """The CALLERROR for their CALL *unique_id*. Raises LinkError if it waits for no answer."""
        self._answered(unique_id)
        return frames.encode_error(unique_id, code, description)

    def _answered(self, unique_id: str) -> None:
        try:
            self._running.remove(unique_id)
        except KeyError:
            raise LinkError(f"{unique_id!r} waits for no answer") from None

    @property
    def running(self) -> int:
        """How many of their CALLs wait for our answer."""
        return len(self._running)

    # ------------------------------------------------------------ our CALLs

    @property
    def state(self) -> State:
        """Of our half."""
        return State.IDLE if self._outstanding is None else State.WAITING

    @property
    def idle(self) -> bool:
        """Whether ``call`` is allowed now."""
        return self._outstanding is None

    @property
    def expires_s(self) -> float | None:
        """When the outstanding CALL's time is up; None: there is none."""
        return None if self._outstanding is None else self._outstanding.expires_s

    def call(self, token: object, action: str, payload: bytes, now_s: float, deadline_s: float) -> bytes:
        """The CALL to send now; its answer is awaited for *deadline_s* seconds from *now_s* on.

        *token* comes back with the answer or from ``expired``. Raises LinkError unless ``idle``.
        """
        if token is None:
            raise LinkError("a token must not be None: None means that nothing expired")
        unique_id = f"{self._prefix}{self._counter + 1}"
        frame = frames.encode_call(unique_id, action, payload)
        self._take(Step.CALL, _Outstanding(unique_id, token, action, now_s + deadline_s))
        self._counter += 1
        return frame

    def expired(self, now_s: float) -> object | None:
        """The token of the CALL whose time is up at *now_s*, after which the link is idle; None: no such CALL."""
        outstanding = self._outstanding
        if outstanding is None or now_s < outstanding.expires_s:
            return None
        return self._give_up(outstanding, Step.EXPIRED)

    def abandon(self) -> object | None:
        """The socket is gone: the token of the CALL that will get no answer, if there is one."""
        self._running.clear()
        outstanding = self._outstanding
        return None if outstanding is None else self._give_up(outstanding, Step.ABANDONED)

    def _give_up(self, outstanding: _Outstanding, step: Step) -> object:
        self._take(step, None)
        self._given_up.append(outstanding.unique_id)
        return outstanding.token

    def _take(self, step: Step, outstanding: _Outstanding | None) -> None:
        """The only place where our half changes."""
        after = TRANSITIONS.get((self.state, step))
        if after is None:
            raise LinkError(f"{step.value} while {self.state.value}: {self._outstanding}")
        self._outstanding = outstanding
        assert self.state is after, f"{step.value} led to {self.state.value}, not {after.value}"
