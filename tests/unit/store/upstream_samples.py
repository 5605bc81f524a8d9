"""One of each fact about operators above the site."""

from __future__ import annotations

from msgspec.structs import replace

from chargemon_edge.site import upstream_facts
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.site_limit import ConnectorCap, SiteLimit
from chargemon_edge.site.units import PerPhase

UTC_MS = 1_800_000_000_000
AT = Moment(1000.0, UTC_MS)

LIMIT = SiteLimit(
    source="upstream operator", kind="upstream", n=4, until_utc_ms=UTC_MS + 900_000, current_ma=PerPhase(32_000, 0, 0)
)

UPSTREAM: tuple[Fact, ...] = (
    upstream_facts.UpstreamHeard(at=AT, upstream="operator", number=UTC_MS + 3, minute=30_000_000),
    upstream_facts.UpstreamsHolding(at=AT, upstreams=("operator",)),
    upstream_facts.UpstreamStored(at=AT, upstream="operator", number=UTC_MS + 2),
    upstream_facts.CommandTaken(
        at=AT, upstream="operator", id="01J8Z3KQ5T", op="reset", digest=bytes(32), body="{}", by="desk 4"
    ),
    upstream_facts.CommandBegun(at=AT, upstream="operator", id="01J8Z3KQ5T"),
    upstream_facts.CommandEnded(
        at=AT, upstream="operator", id="01J8Z3KQ5T", op="reset", state="done", data='{"status":"Accepted"}', by="desk 4"
    ),
    upstream_facts.SiteLimitTaken(at=AT, limit=LIMIT),
    upstream_facts.SiteFailsafeBegun(at=AT, limit=replace(LIMIT, stage="fail-safe"), reason="not renewed"),
    upstream_facts.SiteLimitEnded(
        at=AT, limit=replace(LIMIT, stage="ending", current_ma=None), reason="the fail-safe has lasted"
    ),
    upstream_facts.SiteLimitGone(at=AT, limit=replace(LIMIT, stage="gone", current_ma=None)),
    upstream_facts.ConnectorCapped(
        at=AT,
        charge_point="CP1",
        connector=1,
        cap=ConnectorCap(limit_ma=10_000, until_utc_ms=UTC_MS + 600_000, by="upstream operator"),
        by="upstream operator",
    ),
    upstream_facts.DesiredReached(
        at=AT, upstream="operator", name="config", version="7", state="applied", body='{"keys":{}}'
    ),
)
