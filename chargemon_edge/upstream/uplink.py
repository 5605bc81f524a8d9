"""All upstreams: each a task of one group; they come and go while the others go on.

Implements :class:`chargemon_edge.control.upstream_records.Upstreams`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from chargemon_edge.control.ports import moment
from chargemon_edge.control.records import HistoryUnavailableError
from chargemon_edge.control.site_limits import LimitPolicy
from chargemon_edge.control.upstream_records import CommandRecord, Heard, RestoredUpstream, UpstreamStanding
from chargemon_edge.site.units import milliamperes_from_amperes
from chargemon_edge.site.upstream_facts import UpstreamsHolding
from chargemon_edge.upstream.bridge import Bridge, BridgeRooms
from chargemon_edge.upstream.settings import UpstreamSettings

log = logging.getLogger(__name__)

HEADS_S = 15.0
# after a mistake of ours
AGAIN_S = 60.0


class Uplink:
    """The operators above the site. Costs nothing while none is configured."""

    def __init__(self, rooms: BridgeRooms, restored: RestoredUpstream) -> None:
        self.rooms = rooms
        self._heard = dict(restored.heard)
        # the upstreams for which the disk keeps events, and up to where each has them stored
        self._holding = set(restored.holding)
        self._stored = dict(restored.holding)
        # commands that a restart has left, until their upstream goes on with them
        self._unfinished = list(restored.unfinished)
        self._tasks: asyncio.TaskGroup | None = None
        self._running: list[tuple[Bridge, asyncio.Task[None]]] = []

    def start(self, tasks: asyncio.TaskGroup, upstreams: Sequence[UpstreamSettings]) -> None:
        """Run these within *tasks*."""
        self._tasks = tasks
        self.replace(upstreams)
        tasks.create_task(self._keep_heads(), name="uplink heads")
        tasks.create_task(self.rooms.limits.run(), name="site limits")
        tasks.create_task(self.rooms.caps.run(), name="connector caps")

    def replace(self, upstreams: Sequence[UpstreamSettings]) -> None:
        """Run these from now on; one whose settings are the same is not disturbed."""
        assert self._tasks is not None
        kept: dict[str, tuple[Bridge, asyncio.Task[None]]] = {}
        for bridge, task in self._running:
            if bridge.settings in upstreams:
                kept[bridge.settings.name] = (bridge, task)
            else:
                self._heard[bridge.settings.name] = bridge.heard
                self._stored[bridge.settings.name] = bridge.stored
                self._forbid_limits(bridge.settings, upstreams)
                task.cancel()
        self._hold(tuple(sorted(one.name for one in upstreams if one.retain_until_ack)))
        self._running = [kept.get(one.name) or self._begin(self._tasks, one) for one in upstreams]

    def _hold(self, names: Sequence[str]) -> None:
        """Let the disk keep events for these, and for no others."""
        if set(names) == self._holding:
            return
        self._holding = set(names)
        self._stored = {name: number for name, number in self._stored.items() if name in self._holding}
        now = moment(self.rooms.clock)
        self.rooms.journal.record((UpstreamsHolding(at=now, upstreams=tuple(names)),))

    def _begin(self, tasks: asyncio.TaskGroup, settings: UpstreamSettings) -> tuple[Bridge, asyncio.Task[None]]:
        bridge = Bridge(
            settings, self.rooms, self._heard.get(settings.name, Heard(0, 0)), self._stored.get(settings.name, 0)
        )
        self._allow_limits(settings)
        own = [record for record in self._unfinished if record.upstream == settings.name]
        self._unfinished = [record for record in self._unfinished if record.upstream != settings.name]
        return bridge, tasks.create_task(_keep_up(bridge, own), name=f"upstream {settings.name}")

    def _allow_limits(self, settings: UpstreamSettings) -> None:
        policy = LimitPolicy(
            failsafe_ma=milliamperes_from_amperes(settings.failsafe_a or 0.0),
            failsafe_min_s=settings.failsafe_min_s,
            spread_s=settings.recovery_spread_s,
            ramp_ma_per_s=max(1, round(settings.ramp_a_per_min * 1000 / 60)),
        )
        if settings.limit:
            self.rooms.limits.allow(f"upstream {settings.name}", policy)
        if settings.group is not None:
            self.rooms.limits.allow(f"group {settings.group}", policy)

    def _forbid_limits(self, gone: UpstreamSettings, upstreams: Sequence[UpstreamSettings]) -> None:
        if not any(one.name == gone.name and one.limit for one in upstreams):
            self.rooms.limits.refuse(f"upstream {gone.name}")
        if gone.group not in {one.group for one in upstreams}:
            self.rooms.limits.refuse(f"group {gone.group}")

    async def _keep_heads(self) -> None:
        """Whoever is away must not look as if it had heard everything."""
        while True:
            if self._running:
                with contextlib.suppress(HistoryUnavailableError):
                    head = (await self.rooms.events.bounds()).head
                    for bridge, _ in self._running:
                        bridge.note_head(head)
            await asyncio.sleep(HEADS_S)

    def standings(self) -> Sequence[UpstreamStanding]:
        """Each, in the order of the configuration."""
        return [bridge.standing() for bridge, _ in self._running]


async def _keep_up(bridge: Bridge, unfinished: Sequence[CommandRecord]) -> None:
    """Run one upstream. A mistake of ours there costs a minute of it, never the site."""
    while True:
        try:
            await bridge.run(unfinished)
        except Exception:
            # the edge: everything else must go on
            log.exception("uplink broke down upstream=%s next_try_s=%.0f", bridge.settings.name, AGAIN_S)
        unfinished = ()
        await asyncio.sleep(AGAIN_S)
