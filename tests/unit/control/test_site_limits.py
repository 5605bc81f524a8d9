"""Limits of the whole site: what is taken, what time makes of it, and that nothing old is followed."""

from __future__ import annotations

import asyncio

from chargemon_edge.control.present import Present
from chargemon_edge.control.site_limits import LimitPolicy, LimitWish, SiteLimits
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.site_limit import SiteLimit, current_at
from chargemon_edge.site.units import PerPhase, same_on_all
from chargemon_edge.site.upstream_facts import SiteFailsafeBegun, SiteLimitEnded, SiteLimitGone, SiteLimitTaken
from tests.unit.control.fakes import UTC_MS, FakeClock, FakeJournal, two_chargers

SOURCE = "upstream operator"
POLICY = LimitPolicy(failsafe_ma=10_000, failsafe_min_s=600, spread_s=60.0, ramp_ma_per_s=100)


class House:
    """The limits, and what is behind them."""

    def __init__(self, *restored: SiteLimit) -> None:
        self.clock = FakeClock()
        self.journal = FakeJournal()
        picture = SitePicture(started=Moment(1000.0, UTC_MS), limits={one.source: one for one in restored})
        self.present = Present(two_chargers(), picture)
        self.limits = SiteLimits(self.present, self.journal, self.clock, lambda: 0.5, restored)
        self.limits.allow(SOURCE, POLICY)

    async def take(self, n: int, seconds: float, amperes: int | None = 20, power_w: int | None = None) -> str | None:
        return await self.limits.take(
            LimitWish(
                source=SOURCE,
                kind="upstream",
                n=n,
                until_utc_ms=self.clock.utc_ms() + round(seconds * 1000),
                current_ma=None if amperes is None else same_on_all(amperes * 1000),
                power_w=power_w,
                by="desk",
            )
        )

    async def look(self, seconds: float = 0.0) -> None:
        """Let time pass and the limits look at it."""
        self.clock.now_s += seconds
        running = asyncio.create_task(self.limits.run())
        for _ in range(6):
            await asyncio.sleep(0)
        running.cancel()

    def allowed_ma(self) -> PerPhase | None:
        limit = self.present.picture.limits.get(SOURCE)
        return None if limit is None else current_at(limit, self.clock.now_s)


async def test_a_limit_runs_out_into_the_failsafe_and_that_slowly_into_nothing() -> None:
    house = House()
    assert await house.take(1, 300) is None
    await house.look(299)
    assert house.allowed_ma() == same_on_all(20_000)
    await house.look(1)
    assert house.allowed_ma() == same_on_all(10_000)
    await house.look(599)
    assert house.allowed_ma() == same_on_all(10_000)
    await house.look(1)
    # half of the spread, then 100 mA a second
    await house.look(30)
    assert house.allowed_ma() == same_on_all(10_000)
    await house.look(100)
    assert house.allowed_ma() == same_on_all(20_000)
    await house.look(120)
    assert house.allowed_ma() is None
    assert [type(fact) for fact in house.journal.committed] == [
        SiteLimitTaken,
        SiteFailsafeBegun,
        SiteLimitEnded,
        SiteLimitGone,
    ]


async def test_only_a_higher_number_is_taken_also_after_the_end_and_a_restart() -> None:
    house = House()
    assert await house.take(5, 300) is None
    assert await house.take(5, 300, 30) == "old_number"
    assert await house.take(4, 300, 30) == "old_number"
    assert await house.take(6, -1) == "expired"
    assert await house.take(7, 300, None) == "empty"
    assert await house.take(6, 300, 30) is None

    limit = house.present.picture.limits[SOURCE]
    again = House(limit)
    assert again.allowed_ma() == same_on_all(30_000)
    assert await again.take(6, 300) == "old_number"


async def test_who_is_not_allowed_limits_nothing_and_what_was_allowed_runs_out() -> None:
    house = House()
    house.limits.refuse(SOURCE)
    assert await house.take(1, 300) == "not_allowed"
    house.limits.allow(SOURCE, POLICY)
    assert await house.take(1, 300) is None
    house.limits.refuse(SOURCE)
    await house.look(300)

    assert house.present.picture.limits[SOURCE].stage == "ending"


async def test_a_raise_out_of_the_failsafe_waits_and_a_further_cut_does_not() -> None:
    house = House()
    await house.take(1, 10)
    await house.look(10)
    assert await house.take(2, 600, 25) is None
    assert house.allowed_ma() == same_on_all(10_000)
    await house.look(60)
    assert house.allowed_ma() == same_on_all(13_000)
    assert await house.take(3, 600, 6) is None
    assert house.allowed_ma() == same_on_all(6_000)


async def test_a_limit_of_power_alone_ends_in_a_failsafe_of_current() -> None:
    house = House()
    await house.take(1, 10, None, 5_000)
    assert house.allowed_ma() is None
    await house.look(10)

    assert house.allowed_ma() == same_on_all(10_000)


async def test_a_disk_that_fails_does_not_keep_the_site_from_drawing_less() -> None:
    house = House()
    house.journal.at_once = False
    taking = asyncio.create_task(house.take(1, 300))
    await asyncio.sleep(0)
    assert house.allowed_ma() == same_on_all(20_000)
    house.journal.flush(OSError("full"))
    assert await taking is None
