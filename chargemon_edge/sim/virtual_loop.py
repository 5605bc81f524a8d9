"""An asyncio event loop whose time jumps to the next timer when nothing is ready, or runs faster than real time.

The whole real program runs on it over real loopback sockets: only the waiting is left out. What arrives on a socket is
always seen before time moves, so the same program with the same seeds does the same things at the same moments. Must
never be used by the daemon itself.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# A program that does this much without time moving waits for something that cannot come.
_STILL_PASSES_MAX = 200_000
# Loopback delivers within the sending system call, but a kernel under load may hand the last step to its own thread:
# so often the processor is given away before bytes that were sent and not received count as lost with their connection.
_LOOKS_FOR_BYTES = 20
_LOOKS_FOR_CONNECTIONS = 1
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
        # connections that came or went since time last moved
        self._connections_changed = False

    def attach(self, loop: VirtualTimeLoop) -> None:
        """Tell whose time to move."""
        self._loop = loop

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._real.register(fileobj, events, data)
        self._registered += 1
        self._order[key.fd] = self._registered
        self._connections_changed = True
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self._real.unregister(fileobj)
        self._order.pop(key.fd, None)
        self._connections_changed = True
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
        if ready or (timeout is not None and timeout <= 0):
            self._count_pass()
            return self._in_order(ready)
        return self._nothing_to_do(timeout)

    def _nothing_to_do(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self._loop
        assert loop is not None
        looks = _LOOKS_FOR_CONNECTIONS if self._connections_changed else 0
        if loop.bytes_on_their_way > 0:
            looks = _LOOKS_FOR_BYTES
        while looks > 0:
            looks -= 1
            os.sched_yield()
            ready = self._real.select(0)
            if ready:
                return self._in_order(ready)
        self._connections_changed = False
        loop.bytes_on_their_way = 0
        if loop.jobs_in_threads > 0:
            # their end comes through the loop's own wake-up socket, in real time
            return self._in_order(self._real.select(_EXECUTOR_WAIT_S))
        if timeout is None:
            raise TimeStandsStillError("nothing is scheduled and no socket can become ready: this waits for ever")
        loop.jump(timeout)
        self._still_passes = 0
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


class _CountedSocket(socket.socket):
    """A stream socket that tells the loop what it sends and receives."""

    __slots__ = ("loop",)
    loop: VirtualTimeLoop

    def send(self, data: Any, flags: int = 0, /) -> int:
        sent = super().send(data, flags)
        self.loop.bytes_on_their_way += sent
        return sent

    def sendmsg(self, *arguments: Any) -> int:
        sent = super().sendmsg(*arguments)
        self.loop.bytes_on_their_way += sent
        return sent

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(size, flags)
        self.loop.bytes_on_their_way -= len(data)
        return data

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0, /) -> int:
        received = super().recv_into(buffer, size, flags)
        self.loop.bytes_on_their_way -= received
        return received


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Time starts at *start_s* and moves only by jumps, each to the next timer."""

    def __init__(self, start_s: float = 1_000.0) -> None:
        self._now_s = start_s
        self.bytes_on_their_way = 0
        """Sent by one end and not yet received by the other: both ends are on this loop."""
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

    def _make_socket_transport(self, sock: socket.socket, *arguments: Any, **options: Any) -> Any:
        # asyncio offers no public place to see the bytes of every transport
        counted = _CountedSocket(sock.family, sock.type, sock.proto, sock.detach())
        counted.setblocking(False)
        counted.loop = self
        make = super()._make_socket_transport  # type: ignore[misc]  # private, so the stubs do not know it
        return make(counted, *arguments, **options)

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
