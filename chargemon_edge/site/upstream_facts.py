"""What passes between the site and the operators above it: how far they have heard, their commands, their limits."""

from __future__ import annotations

from chargemon_edge.site.facts import Fact
from chargemon_edge.site.site_limit import ConnectorCap, SiteLimit


class UpstreamHeard(Fact, frozen=True, kw_only=True, gc=False):
    """An upstream has acknowledged all events up to one, and all telemetry up to a minute."""

    upstream: str
    number: int
    """Of the event."""
    minute: int
    """Since 1970, exclusive."""


class UpstreamsHolding(Fact, frozen=True, kw_only=True, gc=False):
    """From now on these upstreams, and no others, say up to where events need not be kept for them."""

    upstreams: tuple[str, ...]


class UpstreamStored(Fact, frozen=True, kw_only=True, gc=False):
    """Behind its broker, an upstream has stored all events up to one: these need not be kept for it."""

    upstream: str
    number: int


class CommandTaken(Fact, frozen=True, kw_only=True, gc=False):
    """A command is about to be carried out: durable before the broker hears that we have it."""

    upstream: str
    id: str
    op: str
    digest: bytes
    """Of what was asked: the same id with another digest is a conflict."""
    body: str
    """JSON as it came, secrets and id tags included: what a restart goes on with; it goes with the end."""
    by: str | None = None


class CommandBegun(Fact, frozen=True, kw_only=True, gc=False):
    """From now on it may have been carried out, whatever happens to us."""

    upstream: str
    id: str


class CommandEnded(Fact, frozen=True, kw_only=True, gc=False):
    """What came of it; also of one that was refused without being taken."""

    upstream: str
    id: str
    op: str
    state: str
    code: str | None = None
    message: str | None = None
    data: str | None = None
    """JSON: kept for whoever asks again, not part of the event."""
    by: str | None = None


class SiteLimitTaken(Fact, frozen=True, kw_only=True, gc=False):
    """A limit of the whole site is in force."""

    limit: SiteLimit


class SiteFailsafeBegun(Fact, frozen=True, kw_only=True, gc=False):
    """A limit has run out and no newer one came."""

    limit: SiteLimit
    reason: str


class SiteLimitEnded(Fact, frozen=True, kw_only=True, gc=False):
    """It limits nothing any more, or rises until it does not (*limit* says from where)."""

    limit: SiteLimit
    reason: str


class SiteLimitGone(Fact, frozen=True, kw_only=True, gc=False):
    """It has risen above the fuse: only its number is remembered."""

    limit: SiteLimit


class ConnectorCapped(Fact, frozen=True, kw_only=True, gc=False):
    """Somebody lets a connector draw no more than this, or (None) whatever the balancer gives it again."""

    charge_point: str
    connector: int
    cap: ConnectorCap | None
    by: str


class DesiredReached(Fact, frozen=True, kw_only=True, gc=False):
    """How far a desired state is reached."""

    upstream: str
    name: str
    version: str
    state: str
    """``pending``, ``applied``, ``failed`` or ``rejected``."""
    body: str
    """JSON as it came."""
    error: str | None = None
