"""The polls of all meters, each a task of one group; meters come and go while the others are read on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from chargemon_edge.meters.poll import MeterPoll
from chargemon_edge.meters.settings import MeterSettings


class MeterPolls:
    """Reads the meters it was told of, within *tasks*."""

    def __init__(self, tasks: asyncio.TaskGroup, poll: Callable[[MeterSettings], MeterPoll]) -> None:
        self._tasks = tasks
        self._poll = poll
        self._running: list[tuple[MeterSettings, asyncio.Task[None]]] = []

    def replace(self, meters: Sequence[MeterSettings]) -> None:
        """Read these from now on; one whose settings are the same is not disturbed."""
        for settings, task in self._running:
            if settings not in meters:
                task.cancel()
        kept = [(settings, task) for settings, task in self._running if settings in meters]
        known = [settings for settings, _ in kept]
        self._running = kept + [(settings, self._start(settings)) for settings in meters if settings not in known]

    def _start(self, settings: MeterSettings) -> asyncio.Task[None]:
        return self._tasks.create_task(self._poll(settings).run(), name=f"meter {settings.name}")
