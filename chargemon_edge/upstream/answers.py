"""What one upstream is told of its wishes: results of commands, in order, and how far desired states are.

Both wait for a connection; the events tell of each end, too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec

from chargemon_edge.upstream.bodies import Reported, Result
from chargemon_edge.upstream.flow import LOST, Flow
from chargemon_edge.upstream.mqtt import Outgoing, ReplyTo
from chargemon_edge.upstream.topics import Topics, may_answer

# results that wait for a connection; the events tell of all of them
RESULTS_MAX = 1_000
# bytes
CORRELATION_MAX = 256

_encode = msgspec.json.Encoder().encode


class Answers:
    """One upstream's answers."""

    def __init__(self, topics: Topics, *, retain: bool, below: Sequence[str]) -> None:
        """*retain*: whether the broker is to keep how far desired states are; *below*: where commands may ask for
        their results, too."""
        self._topics = topics
        self._retain = retain
        self._below = tuple(below)
        self._results: deque[tuple[Result, ReplyTo | None]] = deque(maxlen=RESULTS_MAX)
        # how far desired states are, latest wins; and which of that is to be said
        self._reported: dict[str, Reported] = {}
        self._unsaid: set[str] = set()
        self._waits = asyncio.Event()

    def result(self, result: Result, to: ReplyTo | None = None) -> None:
        """To be said: where a command stands; also where *to* wants it, if that is allowed."""
        if to is not None and not (may_answer(to.topic, self._below) and len(to.correlation or b"") <= CORRELATION_MAX):
            to = None
        self._results.append((result, to))
        self._waits.set()

    def reported(self, name: str, reported: Reported) -> None:
        """To be said: how far a desired state is."""
        self._reported[name] = reported
        self._unsaid.add(name)
        self._waits.set()

    async def run(self, flow: Flow) -> None:
        """Say all of it over this connection, until cancelled; of desired states also what was said before."""
        self._unsaid.update(self._reported)
        while True:
            while not self._results and not self._unsaid:
                self._waits.clear()
                await self._waits.wait()
            for name in sorted(self._unsaid):
                self._unsaid.discard(name)
                payload = _encode(self._reported[name])
                await flow.deliver(Outgoing(topic=self._topics.reported(name), payload=payload, retain=self._retain))
            if not self._results:
                continue
            result, to = self._results[0]
            if await self._say(flow, result, Outgoing(topic=self._topics.results, payload=b"")) == LOST:
                return
            if self._results and self._results[0][0] is result:
                self._results.popleft()
            if to is not None and flow.abilities.version == 5:
                # once: a broker that hangs up on this topic must not do so at every connection
                await self._say(flow, result, Outgoing(topic=to.topic, payload=b"", correlation=to.correlation))

    async def _say(self, flow: Flow, result: Result, message: Outgoing) -> int:
        message = msgspec.structs.replace(message, payload=_encode(result))
        if not flow.fits(message):
            short = msgspec.structs.replace(result, data=msgspec.UNSET, code="too_large")
            message = msgspec.structs.replace(message, payload=_encode(short))
        return await flow.deliver(message)
