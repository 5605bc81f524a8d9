"""The retained messages: what is so now, latest wins. Never queued: what a lost connection has missed is said anew.

Looks at the picture at its own pace; only what must be heard at once wakes it earlier.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import msgspec

from chargemon_edge.control.ports import Clock, moment
from chargemon_edge.control.present import Present
from chargemon_edge.site import facts, upstream_facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.upstream import site_states as states
from chargemon_edge.upstream.bodies import ChargePointState, State
from chargemon_edge.upstream.flow import LOST, Flow
from chargemon_edge.upstream.mqtt import Outgoing
from chargemon_edge.upstream.site_states import Rhythm
from chargemon_edge.upstream.topics import Topics

# bursts are merged: one look for all that comes within this time
GATHER_S = 1.0
LOOK_S = 5.0
# after a connect every charge point is said once, so many in a second
BIRTH_PER_S = 20

URGENT: frozenset[type[Fact]] = frozenset(
    (
        facts.StatusReported,
        facts.TransactionStarted,
        facts.TransactionStopped,
        facts.LinkOpened,
        facts.LinkClosed,
        facts.ChargePointBooted,
        facts.MeterLost,
        upstream_facts.SiteLimitTaken,
        upstream_facts.SiteFailsafeBegun,
        upstream_facts.SiteLimitEnded,
        upstream_facts.SiteLimitGone,
    )
)

T = TypeVar("T", State, ChargePointState)

_encode = msgspec.json.Encoder().encode


class _Said(NamedTuple, Generic[T]):
    """What was last published on one topic, and when."""

    body: T
    at_s: float


class Retained:
    """One upstream's retained picture of the site."""

    def __init__(self, present: Present, clock: Clock, topics: Topics, rhythm: Rhythm, *, retain: bool) -> None:
        self._present = present
        self._clock = clock
        self._topics = topics
        self._rhythm = rhythm
        self._retain = retain
        self._wake = asyncio.Event()
        self._state: _Said[State] | None = None
        self._charge_points: dict[str, _Said[ChargePointState]] = {}
        # charge points that are none of ours any more
        self._ghosts: set[str] = set()

    def follow(self) -> Callable[[], None]:
        """Be woken by what must be heard at once; returns what ends that."""
        return self._present.follow(lambda _fact: self._wake.set(), URGENT)

    def again(self) -> None:
        """Say everything anew."""
        self._state = None
        self._charge_points.clear()
        # whoever was known at any time and is none of ours now may still be retained
        self._ghosts = set(self._present.picture.charge_points) - set(self._identities())
        self._wake.set()

    async def run(self, flow: Flow) -> None:
        """Say everything anew over this connection, then what changes; until cancelled."""
        self.again()
        while True:
            await self._look(flow)
            await self._next()

    async def _next(self) -> None:
        await asyncio.sleep(GATHER_S)
        try:
            async with asyncio.timeout(LOOK_S - GATHER_S):
                await self._wake.wait()
        except TimeoutError:
            pass  # time to look

    def _identities(self) -> list[str]:
        strangers = [
            identity
            for identity, entry in self._present.picture.charge_points.items()
            if entry.linked and identity not in self._present.site.charge_point_by_identity
        ]
        return [*self._present.site.charge_point_by_identity, *sorted(strangers)]

    async def _look(self, flow: Flow) -> None:
        self._wake.clear()
        await self._say_state(flow)
        identities = self._identities()
        for identity in identities:
            await self._say_charge_point(flow, identity)
        for gone in [identity for identity in self._charge_points if identity not in identities]:
            if await self._publish(flow, self._topics.charge_point(gone), b""):
                del self._charge_points[gone]
        for ghost in sorted(self._ghosts):
            if ghost in identities or await self._publish(flow, self._topics.charge_point(ghost), b""):
                self._ghosts.discard(ghost)

    async def _say_state(self, flow: Flow) -> None:
        present, now = self._present, moment(self._clock)
        body = states.state_body(present.site, present.picture, present.plan, now)
        if body is None:
            return
        said = self._state
        if said is not None:
            age_s = now.mono_s - said.at_s
            fuse_a = max(present.site.root.fuse_ma) / 1000
            moved = age_s >= self._rhythm.state_s and states.state_moved(said.body, body, fuse_a)
            if not (moved or states.state_is_urgent(said.body, body) or age_s >= self._rhythm.state_refresh_s):
                return
        if await self._publish(flow, self._topics.state, _encode(body)):
            self._state = _Said(body, now.mono_s)

    async def _say_charge_point(self, flow: Flow, identity: str) -> None:
        present, now = self._present, moment(self._clock)
        entry = present.charge_point(identity)
        wired = present.site.charge_point_by_identity.get(identity)
        body = states.charge_point_body(identity, wired, entry or states.UNHEARD_CHARGE_POINT, present.plan, now)
        said = self._charge_points.get(identity)
        if said is None:
            await asyncio.sleep(1 / BIRTH_PER_S)
        else:
            age_s = now.mono_s - said.at_s
            moved = age_s >= self._rhythm.metering_s and states.charge_point_moved(said.body, body)
            urgent = states.charge_point_is_urgent(said.body, body)
            if not (moved or urgent or age_s >= self._rhythm.charge_point_refresh_s):
                return
        if await self._publish(flow, self._topics.charge_point(identity), _encode(body)):
            self._charge_points[identity] = _Said(body, now.mono_s)

    async def _publish(self, flow: Flow, topic: str, payload: bytes) -> bool:
        """Whether it went out. What the broker refuses is counted there, and not tried again before it changes."""
        return await flow.deliver(Outgoing(topic=topic, payload=payload, retain=self._retain)) != LOST
