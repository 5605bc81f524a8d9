"""What somebody outside the site lets it draw altogether, for a while. Pure.

It is one more limit on the main fuse, never a way around it: the least of all that are in force counts. A limit has an
end; whoever set it renews it in time, or the site goes to a fail-safe that its installer chose, never to "unlimited".
Coming out of that, or up with a whole group, the site waits its own time and rises slowly: a fleet must not step.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from chargemon_edge.site.units import NOMINAL_VOLTAGE_V, PerPhase, same_on_all

Source = Literal["upstream", "group"]
Stage = Literal["in force", "fail-safe", "ending", "gone"]


class SiteLimit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One source's limit as it stands."""

    source: str
    """Who sets it, as people say it: ``upstream NAME`` or ``group NAME``; one limit for each."""
    kind: Source
    n: int
    """The number it came with: only a higher one takes its place."""
    stage: Stage = "in force"
    until_utc_ms: int
    """When this stage ends; of ``ending`` and ``gone`` it means nothing."""
    current_ma: PerPhase | None = None
    """None: no limit of current."""
    power_w: int | None = None
    """Over all three phases; None: no limit of power."""
    by: str | None = None
    rises_at_mono_s: float | None = None
    """From then on it rises from *from_ma*; None: it counts as it is."""
    from_ma: PerPhase | None = None
    from_w: int | None = None
    """What was in force before: None, it was not limited in that way."""
    ramp_ma_per_s: int = 0


class ConnectorCap(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What somebody lets one connector draw at most. It only lowers: what the fuses leave counts as well."""

    limit_ma: int
    """Below the connector's minimum it pauses."""
    until_utc_ms: int | None = None
    """None: until it is taken away."""
    by: str


class Cap(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What may flow through the main fuse at one moment, and who says so."""

    current_ma: PerPhase | None = None
    power_w: int | None = None
    current_source: SiteLimit | None = None
    """Whose limit bounds a phase most."""
    power_source: SiteLimit | None = None


NO_CAP = Cap()


def current_at(limit: SiteLimit, mono_s: float) -> PerPhase | None:
    """The current it allows now."""
    if limit.rises_at_mono_s is None or limit.from_ma is None:
        return limit.current_ma
    risen_ma = limit.from_ma.plus(same_on_all(_risen_ma(limit, mono_s)))
    return risen_ma if limit.current_ma is None else risen_ma.smallest(limit.current_ma)


def power_at(limit: SiteLimit, mono_s: float) -> int | None:
    """The power it allows now."""
    if limit.rises_at_mono_s is None or limit.from_w is None:
        return limit.power_w
    risen_w = limit.from_w + 3 * _risen_ma(limit, mono_s) * NOMINAL_VOLTAGE_V // 1000
    return risen_w if limit.power_w is None else min(risen_w, limit.power_w)


def _risen_ma(limit: SiteLimit, mono_s: float) -> int:
    assert limit.rises_at_mono_s is not None
    return max(0, int((mono_s - limit.rises_at_mono_s) * limit.ramp_ma_per_s))


def cap(limits: tuple[SiteLimit, ...], mono_s: float) -> Cap:
    """The least of all *limits* at this moment."""
    least = NO_CAP
    for limit in limits:
        current_ma, power_w = current_at(limit, mono_s), power_at(limit, mono_s)
        if current_ma is not None:
            before_ma = least.current_ma
            bounds = before_ma is None or min(current_ma) < min(before_ma)
            least = msgspec.structs.replace(
                least,
                current_ma=current_ma if before_ma is None else before_ma.smallest(current_ma),
                current_source=limit if bounds else least.current_source,
            )
        if power_w is not None and (least.power_w is None or power_w < least.power_w):
            least = msgspec.structs.replace(least, power_w=power_w, power_source=limit)
    return least
