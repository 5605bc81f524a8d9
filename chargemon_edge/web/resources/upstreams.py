"""The operators above the site: whether each is connected, and how far it has heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chargemon_edge.control.upstream_records import Place, Upstreams, UpstreamStanding
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply


class PlaceView(msgspec.Struct, frozen=True, kw_only=True):
    """An event's place: the *s*-th of epoch *ep* (docs/mqtt.md)."""

    ep: int
    s: int


class UpstreamView(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream."""

    name: str
    broker: str
    connected: bool
    since_utc_ms: int | None
    """Since when it is connected, or was not; null: never since the start."""
    mqtt: str | None
    """`5` or `3.1.1`; null while it is not connected."""
    head: PlaceView
    """The newest event."""
    acknowledged: PlaceView
    """Up to here the broker has everything."""
    backlog: int
    """Events that it does not have yet."""
    oldest_utc_ms: int | None
    """When the oldest of them happened, as far as that was looked up."""
    connections: int
    """Since the start of the daemon."""
    refused: Mapping[str, int]
    """How many messages the broker refused, by its reason."""
    without_subscriber: int
    """Of how many messages it said that nobody listens."""
    error: str | None
    """What is wrong, in words."""
    rival: bool
    """Somebody else connects with the same client id."""


def view(standing: UpstreamStanding) -> UpstreamView:
    """As the API shows it."""
    return UpstreamView(
        name=standing.name,
        broker=standing.broker,
        connected=standing.connected,
        since_utc_ms=standing.since_utc_ms,
        mqtt=standing.mqtt,
        head=_place(standing.head),
        acknowledged=_place(standing.acknowledged),
        backlog=standing.backlog,
        oldest_utc_ms=standing.oldest_utc_ms,
        connections=standing.connections,
        refused=standing.refused,
        without_subscriber=standing.without_subscriber,
        error=standing.error,
        rival=standing.rival,
    )


def _place(place: Place) -> PlaceView:
    return PlaceView(ep=place.ep, s=place.s)


class UpstreamsResource:
    """The handler."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def all(self, _call: Call[Nothing, Nothing]) -> Answer:
        """Each, in the order of the configuration."""
        found: Sequence[UpstreamView] = tuple(map(view, self._upstreams.standings()))
        return Reply(found)


def endpoints(upstreams: UpstreamsResource) -> tuple[Endpoint[Any, Any], ...]:
    """One list: there are few."""
    return (
        Endpoint(
            method="GET",
            path="/api/v1/upstreams",
            summary="List the operators above the site, and how far each has heard",
            role=Role.VIEWER,
            parameters=Nothing,
            body=Nothing,
            answers={200: tuple[UpstreamView, ...]},
            handle=upstreams.all,
        ),
    )
