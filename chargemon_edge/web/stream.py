"""The live stream: snapshots of the site as server-sent events, to a bounded number of listeners.

Nothing runs while nobody listens. A slow listener gets fewer snapshots, never old ones, and is dropped when it takes
nothing at all; it never holds up another listener or the site.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from aiohttp import web

from chargemon_edge.control.ports import Clock
from chargemon_edge.control.present import Present

# at most two snapshots a second
INTERVAL_S = 0.5
# and one at least so often, changed or not: a page knows from silence that the daemon or the network is gone
QUIET_S = 2.0
# a listener that takes nothing for so long is dropped
STALLED_S = 10.0
# what the kernel may hold for one listener before it counts as slow
_SEND_BUFFER_BYTES = 65_536


class Stream:
    """Renders each snapshot once for all its listeners."""

    def __init__(
        self,
        present: Present,
        clock: Clock,
        render: Callable[[], bytes],
        listeners_max: int,
        *,
        stalled_s: float = STALLED_S,
    ) -> None:
        self._present = present
        self._clock = clock
        self._render = render
        self._listeners_max = listeners_max
        self._stalled_s = stalled_s
        self._listeners: set[asyncio.Task[None]] = set()
        # the last snapshot made: (when, version, event)
        self._latest: tuple[float, int, bytes] | None = None

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    @property
    def full(self) -> bool:
        """Whether a new listener must be refused."""
        return len(self._listeners) >= self._listeners_max

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Send snapshots until the listener goes, stalls, or :meth:`stop` is called."""
        task = asyncio.current_task()
        assert task is not None
        self._listeners.add(task)
        try:
            response = web.StreamResponse(
                headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
            )
            transport = request.transport
            kernel = None if transport is None else transport.get_extra_info("socket")
            if kernel is not None:
                kernel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            await response.prepare(request)
            await self._feed(response)
        except (ConnectionError, TimeoutError):
            # gone, or takes nothing: either way the connection is of no more use
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._listeners.discard(task)
        return response

    async def stop(self) -> None:
        """End every stream at once."""
        for task in self._listeners:
            task.cancel()

    async def _feed(self, response: web.StreamResponse) -> None:
        await response.write(b"retry: 2000\n\n")
        while True:
            version, event = self._snapshot()
            async with asyncio.timeout(self._stalled_s):
                await response.write(event)
            await asyncio.sleep(INTERVAL_S)
            try:
                async with asyncio.timeout(QUIET_S - INTERVAL_S):
                    await self._present.changed(version)
            except TimeoutError:
                pass

    def _snapshot(self) -> tuple[int, bytes]:
        now_s = self._clock.monotonic_s()
        if self._latest is None or now_s - self._latest[0] >= INTERVAL_S:
            version = self._present.version
            event = b"event: snapshot\nid: %d\ndata: %b\n\n" % (version, self._render())
            self._latest = (now_s, version, event)
        return self._latest[1], self._latest[2]
