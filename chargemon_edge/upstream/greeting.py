"""What the site says of itself: that it is there, and what it is. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from chargemon_edge import __version__
from chargemon_edge.control.upstream_records import Epochs, Place
from chargemon_edge.ocpp.timestamps import format_utc
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.layout import Site
from chargemon_edge.upstream import command_rules, contract, requests, site_states
from chargemon_edge.upstream.bodies import (
    Backlog,
    EventHeads,
    Info,
    Limits,
    Position,
    Status,
    Streams,
    TelemetryHeads,
    Why,
)
from chargemon_edge.upstream.settings import UpstreamSettings

_encode = msgspec.json.Encoder().encode


class Heads(msgspec.Struct, frozen=True, kw_only=True):
    """Where the streams stand."""

    first: int | None
    """The oldest event that is kept; None: not known."""
    head: int
    done: int
    oldest_utc_ms: int | None
    minute: int | None
    """None: no telemetry is sent."""


def status(
    why: Why, *, session: int, heads: Heads, epochs: Epochs, now: Moment, started: Moment, clock_synced: bool
) -> bytes:
    """``status``."""
    online = why in ("connected", "refresh")
    first = UNSET if heads.first is None else _position(epochs.place(heads.first))
    return _encode(
        Status(
            online=online,
            why=why,
            ts=format_utc(now.utc_ms),
            sess=session,
            ep=epochs.newest,
            ver=__version__,
            clk="synced" if clock_synced else "unsynced",
            up=max(0, int(now.mono_s - started.mono_s)),
            streams=Streams(
                ev=EventHeads(
                    head=_position(epochs.place(heads.head)), sent=_position(epochs.place(heads.done)), first=first
                ),
                tm=UNSET if heads.minute is None else TelemetryHeads(sent=heads.minute),
            ),
            outbox=Backlog(
                ev=epochs.between(heads.done, heads.head + 1),
                oldest_ts=UNSET if heads.oldest_utc_ms is None else format_utc(heads.oldest_utc_ms),
            ),
        )
    )


def _position(place: Place) -> Position:
    return Position(ep=place.ep, s=place.s)


def info(site: Site, settings: UpstreamSettings, utc_ms: int) -> bytes:
    """``info``."""
    return _encode(
        Info(
            ts=format_utc(utc_ms),
            site=settings.site,
            name=site.name,
            ver=__version__,
            schema=contract.digest(),
            circuits=site_states.circuits(site),
            cps=site_states.charge_points(site),
            ops=operations(settings.commands),
            desired=settings.desired,
            limits=Limits(payload=requests.PAYLOAD_MAX_BYTES, rate=command_rules.RATE_PER_S, burst=command_rules.BURST),
            takes_limit=settings.limit,
        )
    )


def operations(commands: Sequence[str]) -> tuple[str, ...]:
    """Those that are allowed."""
    return tuple(op for op in command_rules.OPERATIONS if command_rules.allowed(op, commands))
