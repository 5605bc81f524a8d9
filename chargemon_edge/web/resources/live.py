"""The site as it is now: what the page shows, and one line for a monitor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Media, Nothing, Reply, problem
from chargemon_edge.web.shapes import HealthView, SiteView
from chargemon_edge.web.stream import Stream
from chargemon_edge.web.view import health_view


class Live:
    """The handlers. *view* makes the site's view anew."""

    def __init__(self, view: Callable[[], SiteView], stream: Stream) -> None:
        self.view = view
        self._stream = stream

    async def site(self, _call: Call[Nothing, Nothing]) -> Answer:
        """Everything, once."""
        return Reply(self.view())

    async def health(self, _call: Call[Nothing, Nothing]) -> Answer:
        """One line."""
        return Reply(health_view(self.view()))

    async def events(self, call: Call[Nothing, Nothing]) -> Answer:
        """Everything, whenever it changes."""
        if self._stream.full:
            return problem(503, "too many live pages", "close one, or ask /api/v1/site from time to time")
        return await self._stream.serve(call.request)


def render(view: Callable[[], SiteView]) -> Callable[[], bytes]:
    """What the stream sends as one snapshot."""
    return lambda: msgspec.json.encode(view())


def endpoints(live: Live) -> tuple[Endpoint[Any, Any], ...]:
    """The page needs these: on this machine they want no token."""
    return (
        Endpoint(
            method="GET",
            path="/api/v1/site",
            summary="Show the whole site now",
            role=Role.VIEWER,
            open_on_loopback=True,
            parameters=Nothing,
            body=Nothing,
            answers={200: SiteView},
            handle=live.site,
        ),
        Endpoint(
            method="GET",
            path="/api/v1/events",
            summary="Stream the site as server-sent events, as it changes",
            role=Role.VIEWER,
            open_on_loopback=True,
            parameters=Nothing,
            body=Nothing,
            answers={200: Media("text/event-stream")},
            problems=(503,),
            handle=live.events,
        ),
        Endpoint(
            method="GET",
            path="/api/v1/health",
            summary="Tell a monitor whether somebody should look",
            role=Role.VIEWER,
            open_on_loopback=True,
            parameters=Nothing,
            body=Nothing,
            answers={200: HealthView},
            handle=live.health,
        ),
    )
