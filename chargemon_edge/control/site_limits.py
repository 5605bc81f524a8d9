"""What others let the whole site draw: taken, renewed, run out, and let go again slowly. Must never end in "unlimited"
at once, nor follow a message that is older than one it has seen.

The balancer counts what is in the picture as one more limit of the main fuse; here is only what changes it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from chargemon_edge.control.durable import make_so
from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.site_limit import SiteLimit, Source, current_at, power_at
from chargemon_edge.site.units import NOMINAL_VOLTAGE_V, PerPhase, same_on_all
from chargemon_edge.site.upstream_facts import SiteFailsafeBegun, SiteLimitEnded, SiteLimitGone, SiteLimitTaken

log = logging.getLogger(__name__)

# a ramp is looked at so often; a change of the clock is noticed as soon
LOOK_S = 5.0


class LimitPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What the installer has decided for one source."""

    failsafe_ma: int
    failsafe_min_s: int
    spread_s: float
    ramp_ma_per_s: int


class LimitWish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to be in force."""

    source: str
    kind: Source
    n: int
    until_utc_ms: int
    current_ma: PerPhase | None
    power_w: int | None
    by: str | None


class SiteLimits:
    """The limits of the whole site. Lives on the event loop."""

    def __init__(
        self, present: Present, journal: Journal, clock: Clock, roll: Callable[[], float], restored: Sequence[SiteLimit]
    ) -> None:
        """*roll* gives a number between 0 and 1: a fleet must not rise at once."""
        self._present = present
        self._journal = journal
        self._clock = clock
        self._roll = roll
        # the highest number that each source has used, whatever became of its limit
        self._numbers = {limit.source: limit.n for limit in restored}
        self._policies: dict[str, LimitPolicy] = {}
        self._changed = asyncio.Event()

    def allow(self, source: str, policy: LimitPolicy) -> None:
        """Let *source* limit the site from now on, by *policy*."""
        self._policies[source] = policy
        self._changed.set()

    def refuse(self, source: str) -> None:
        """It may not any more: what it has limited runs out as if it had not been renewed."""
        self._policies.pop(source, None)
        self._changed.set()

    async def take(self, wish: LimitWish) -> str | None:
        """Put *wish* in force; returns once it is, or with a word for why it is not: ``not_allowed``, ``old_number``,
        ``expired`` or ``empty``."""
        policy = self._policies.get(wish.source)
        now = moment(self._clock)
        if policy is None:
            return "not_allowed"
        if wish.current_ma is None and wish.power_w is None:
            return "empty"
        if wish.n <= self._numbers.get(wish.source, 0):
            return "old_number"
        if wish.until_utc_ms <= now.utc_ms:
            return "expired"
        self._numbers[wish.source] = wish.n
        limit = SiteLimit(
            source=wish.source,
            kind=wish.kind,
            n=wish.n,
            until_utc_ms=wish.until_utc_ms,
            current_ma=wish.current_ma,
            power_w=wish.power_w,
            by=wish.by,
        )
        before = self._present.picture.limits.get(wish.source)
        if before is not None and (before.stage != "in force" or wish.kind == "group"):
            limit = self._rising(limit, before, policy, now)
        log.info(
            "site limit taken source=%r n=%d current=%s power_w=%s by=%r",
            limit.source,
            limit.n,
            _words(limit.current_ma),
            limit.power_w,
            limit.by,
        )
        await self._write(SiteLimitTaken(at=now, limit=limit))
        return None

    async def run(self) -> None:
        """Let limits run out, until cancelled."""
        while True:
            self._changed.clear()
            now = moment(self._clock)
            for limit in list(self._present.picture.limits.values()):
                for fact in self._next(limit, now):
                    await self._write(fact)
            try:
                async with asyncio.timeout(self._pause_s(now.utc_ms)):
                    await self._changed.wait()
            except TimeoutError:
                pass  # time to look

    def _pause_s(self, utc_ms: int) -> float | None:
        """Until something may have to be done; None: nothing is limited."""
        if not self._present.picture.limits:
            return None
        ends = [limit.until_utc_ms for limit in self._present.picture.limits.values() if limit.stage != "ending"]
        return min([LOOK_S, *(max(0.0, (end - utc_ms) / 1000) + 0.01 for end in ends)])

    def _next(self, limit: SiteLimit, now: Moment) -> list[Fact]:
        """What time has made of *limit*."""
        policy = self._policies.get(limit.source)
        if limit.stage == "ending":
            return [SiteLimitGone(at=now, limit=replace(limit, stage="gone"))] if self._is_free(limit, now) else []
        if now.utc_ms < limit.until_utc_ms:
            return []
        if limit.stage == "in force" and policy is not None:
            failsafe = replace(
                limit,
                stage="fail-safe",
                until_utc_ms=now.utc_ms + policy.failsafe_min_s * 1000,
                current_ma=same_on_all(policy.failsafe_ma),
                power_w=None,
            )
            log.warning("site limit not renewed source=%r fail_safe=%s", limit.source, _words(failsafe.current_ma))
            rising = self._rising(failsafe, limit, policy, now)
            return [SiteFailsafeBegun(at=now, limit=rising, reason="not renewed in time")]
        ended = replace(limit, stage="ending", current_ma=None, power_w=None)
        reason = "the fail-safe has lasted long enough" if policy is not None else "it may not limit the site any more"
        log.info("site limit ends source=%r why=%r: the site may rise slowly", limit.source, reason)
        rising = self._rising(ended, limit, policy or _GENTLE, now)
        return [SiteLimitEnded(at=now, limit=rising, reason=reason)]

    def _rising(self, limit: SiteLimit, before: SiteLimit, policy: LimitPolicy, now: Moment) -> SiteLimit:
        """*limit*, reached from what *before* allows: lower at once, higher after a while and slowly."""
        return replace(
            limit,
            rises_at_mono_s=now.mono_s + self._roll() * policy.spread_s,
            from_ma=current_at(before, now.mono_s),
            from_w=power_at(before, now.mono_s),
            ramp_ma_per_s=policy.ramp_ma_per_s,
        )

    def _is_free(self, limit: SiteLimit, now: Moment) -> bool:
        if not self._present.site.circuits:
            return True
        fuse_ma = self._present.site.root.fuse_ma
        current_ma, power_w = current_at(limit, now.mono_s), power_at(limit, now.mono_s)
        if current_ma is not None and current_ma.smallest(fuse_ma) != fuse_ma:
            return False
        return power_w is None or power_w >= sum(fuse_ma) * NOMINAL_VOLTAGE_V // 1000

    async def _write(self, fact: Fact) -> None:
        """In force at once, then durable: a disk that fails must not keep the site from drawing less."""
        self._changed.set()
        error = await make_so(self._journal, self._present, (fact,))
        if error is not None:
            log.error("site limit not recorded why=%r", str(error))


# for what a source has left that may not limit the site any more
_GENTLE = LimitPolicy(failsafe_ma=0, failsafe_min_s=0, spread_s=60.0, ramp_ma_per_s=333)


def _words(current_ma: PerPhase | None) -> str:
    return "-" if current_ma is None else "/".join(f"{one / 1000:g}A" for one in current_ma)
