"""What one upstream is told of its wishes: results of commands, in order, and how far desired states are.

Both wait for a connection; the events tell of each end, too.
"""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from chargemon_edge.upstream.bodies import Reported, Result
from chargemon_edge.upstream.flow import LOST, Flow
from chargemon_edge.upstream.mqtt import Outgoing
from chargemon_edge.upstream.topics import Topics

# results that wait for a connection; the events tell of all of them
RESULTS_MAX = 1_000

_encode = msgspec.json.Encoder().encode


class Answers:
    """One upstream's answers."""

    def __init__(self, topics: Topics, *, retain: bool) -> None:
        """*retain*: whether the broker is to keep how far desired states are."""
        self._topics = topics
        self._retain = retain
        self._results: deque[Result] = deque(maxlen=RESULTS_MAX)
        # how far desired states are, latest wins; and which of that is to be said
        self._reported: dict[str, Reported] = {}
        self._unsaid: set[str] = set()
        self._waits = asyncio.Event()

    def result(self, result: Result) -> None:
        """To be said: where a command stands."""
        self._results.append(result)
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
                retain = self._retain and flow.abilities.retain
                payload = _encode(self._reported[name])
                await flow.deliver(Outgoing(topic=self._topics.reported(name), payload=payload, retain=retain))
            if not self._results:
                continue
            message = Outgoing(topic=self._topics.results, payload=_encode(self._results[0]))
            if not flow.fits(message):
                short = msgspec.structs.replace(self._results[0], data=msgspec.UNSET, code="too_large")
                message = Outgoing(topic=self._topics.results, payload=_encode(short))
            if await flow.deliver(message) == LOST:
                return
            if self._results:
                self._results.popleft()
