"""Named timers of one simulated device: a name has at most one, and all die with the device."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Timers:
    """Timers on the running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def now_s(self) -> float:
        """The loop's time."""
        return self._loop.time()

    def after(self, name: str, delay_s: float, action: Callable[[], None]) -> None:
        """Call *action* once, later; a timer of the same name that still runs is replaced."""
        self.cancel(name)
        self._handles[name] = self._loop.call_later(delay_s, self._fire, name, action)

    def running(self, name: str) -> bool:
        """Whether a timer of that name still runs."""
        return name in self._handles

    def cancel(self, name: str) -> None:
        """Forget the timer of that name, if any."""
        handle = self._handles.pop(name, None)
        if handle is not None:
            handle.cancel()

    def cancel_all(self) -> None:
        """Forget them all."""
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()

    def _fire(self, name: str, action: Callable[[], None]) -> None:
        self._handles.pop(name, None)
        action()
