"""An asyncio event loop whose time jumps to the next timer when nothing is ready, or runs faster than real time.

The whole real program runs on it over real loopback sockets: only the waiting is left out. What arrives on a socket is
always seen before time moves, so the same program with the same seeds does the same things at the same moments. Must
never be used by the daemon itself.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# A program that does this much without time moving waits for something that cannot come.
_STILL_PASSES_MAX = 200_000
# Looks at the sockets before time may jump after something was sent or received: loopback delivers within the sending
# system call, but a kernel under load may hand the last step to its own thread.
_LOOKS_BEFORE_JUMP = 2
_EXECUTOR_WAIT_S = 0.05


class TimeStandsStillError(RuntimeError):
    """The program runs on and on at one moment: it polls, or it schedules itself without end."""


class _JumpingSelector(selectors.BaseSelector):
    """Passes everything to a real selector, but turns waiting into a jump of the loop's time."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self._loop: VirtualTimeLoop | None = None
        # fd -> when it was first registered: ready sockets are served in that order, whatever numbers they have
        self._order: dict[int, int] = {}
        self._registered = 0
        self._still_passes = 0
        self._looks_left = _LOOKS_BEFORE_JUMP

    def attach(self, loop: VirtualTimeLoop) -> None:
        """Tell whose time to move."""
        self._loop = loop

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._real.register(fileobj, events, data)
        self._registered += 1
        self._order[key.fd] = self._registered
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self._real.unregister(fileobj)
        self._order.pop(key.fd, None)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        # None after close: the loop asks then too
        return self._real.get_map()

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.get_key(fileobj)

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready:
            self._looks_left = _LOOKS_BEFORE_JUMP
            self._count_pass()
            return self._in_order(ready)
        if timeout is not None and timeout <= 0:
            self._count_pass()
            return ready
        return self._nothing_to_do(timeout)

    def _nothing_to_do(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self._loop
        assert loop is not None
        while self._looks_left > 0:
            self._looks_left -= 1
            os.sched_yield()
            ready = self._real.select(0)
            if ready:
                self._looks_left = _LOOKS_BEFORE_JUMP
                return self._in_order(ready)
        if loop.jobs_in_threads > 0:
            # their end comes through the loop's own wake-up socket, in real time
            return self._in_order(self._real.select(_EXECUTOR_WAIT_S))
        if timeout is None:
            raise TimeStandsStillError("nothing is scheduled and no socket can become ready: this waits for ever")
        loop.jump(timeout)
        self._still_passes = 0
        # what the next timers send deserves the same care
        self._looks_left = _LOOKS_BEFORE_JUMP
        return []

    def _in_order(self, ready: list[tuple[selectors.SelectorKey, int]]) -> list[tuple[selectors.SelectorKey, int]]:
        if len(ready) > 1:
            order = self._order
            ready.sort(key=lambda entry: order[entry[0].fd])
        return ready

    def _count_pass(self) -> None:
        self._still_passes += 1
        if self._still_passes > _STILL_PASSES_MAX:
            assert self._loop is not None
            # whoever catches it may still tidy up on this loop
            self._still_passes = 0
            raise TimeStandsStillError(
                f"{_STILL_PASSES_MAX} passes of the loop at {self._loop.time():.6f} s without time moving"
            )


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Time starts at *start_s* and moves only by jumps, each to the next timer."""

    def __init__(self, start_s: float = 1_000.0) -> None:
        self._now_s = start_s
        self.jobs_in_threads = 0
        self.jumps = 0
        selector = _JumpingSelector()
        selector.attach(self)
        super().__init__(selector)

    def time(self) -> float:
        """Virtual seconds."""
        return self._now_s

    def jump(self, by_s: float) -> None:
        """Move time on; only the selector calls this, when nothing is left to do now."""
        assert by_s >= 0
        self._now_s += by_s
        self.jumps += 1

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """As usual, but time does not jump while the job runs."""
        future = super().run_in_executor(executor, func, *args)
        self.jobs_in_threads += 1
        future.add_done_callback(self._job_done)
        return future

    async def shutdown_default_executor(self, *arguments: Any) -> None:
        """As usual, but time does not jump while the threads end."""
        self.jobs_in_threads += 1
        try:
            await super().shutdown_default_executor(*arguments)
        finally:
            self.jobs_in_threads -= 1

    def _job_done(self, _future: asyncio.Future[Any]) -> None:
        self.jobs_in_threads -= 1


class FastLoop(asyncio.SelectorEventLoop):
    """Time runs *speed* times as fast as the wall clock; for watching, not for repeatable runs."""

    def __init__(self, speed: float) -> None:
        assert speed > 0
        self._speed = speed
        self._zero_s = time.monotonic()
        super().__init__(_FastSelector(speed))

    def time(self) -> float:
        """Seconds since the loop began, as the program inside sees them."""
        return (time.monotonic() - self._zero_s) * self._speed


class _FastSelector(selectors.DefaultSelector):
    """Waits a fraction of what it is asked to."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout if timeout is None or timeout <= 0 else timeout / self._speed)


def run_virtually(main: Coroutine[Any, Any, T], *, start_s: float = 1_000.0) -> T:
    """Run *main* to its end in virtual time, on a loop of its own, and tidy up as asyncio.run does."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(start_s)) as runner:
        return runner.run(main)
