"""What waits to be sent to one charge point: the newest limit of each connector, then calls in their order. No I/O."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

from chargemon_edge.control.ports import Offline, Outcome, Superseded, TimedOut
from chargemon_edge.ocpp.v16.messages import Request


class PendingCall:
    """One CALL on its way. Settled exactly once; *done* runs in a later turn of the loop, never inside the caller."""

    __slots__ = ("_done", "_loop", "deadline_s", "request", "sent_mono_s")

    def __init__(
        self,
        request: Request,
        deadline_s: float,
        done: Callable[[Outcome], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.request = request
        self.deadline_s = deadline_s
        # None until it is written to the socket
        self.sent_mono_s: float | None = None
        self._done: Callable[[Outcome], None] | None = done
        self._loop = loop

    @property
    def settled(self) -> bool:
        """Whether it has its outcome."""
        return self._done is None

    def settle(self, outcome: Outcome) -> None:
        """Hand the outcome over; later ones are dropped."""
        done, self._done = self._done, None
        if done is not None:
            self._loop.call_soon(done, outcome)

    def drop(self) -> None:
        """The link is gone: no answer will come, or nothing was sent."""
        self.settle(Offline() if self.sent_mono_s is None else TimedOut())


class CallQueue:
    """A slot for each connector's limit, served first, and a bounded queue of all else."""

    __slots__ = ("_calls", "_limits", "_max_calls")

    def __init__(self, max_calls: int) -> None:
        self._max_calls = max_calls
        self._calls: deque[PendingCall] = deque()
        # connector number to its newest limit; a newer one keeps its predecessor's place
        self._limits: dict[int, PendingCall] = {}

    def put_limit(self, connector: int, call: PendingCall) -> None:
        """The newest limit wins; the one it replaces was never sent."""
        older = self._limits.get(connector)
        self._limits[connector] = call
        if older is not None:
            older.settle(Superseded())

    def put(self, call: PendingCall) -> bool:
        """Queue a call; False if too many wait already."""
        if len(self._calls) >= self._max_calls:
            return False
        self._calls.append(call)
        return True

    def remove(self, call: PendingCall) -> bool:
        """Take a call out again; False if it is not waiting (any more)."""
        try:
            self._calls.remove(call)
        except ValueError:
            return False
        return True

    def take(self) -> PendingCall | None:
        """What goes next, or None."""
        if self._limits:
            return self._limits.pop(next(iter(self._limits)))
        return self._calls.popleft() if self._calls else None

    def drain(self) -> Iterator[PendingCall]:
        """Everything that waits, taken out."""
        while (call := self.take()) is not None:
            yield call
