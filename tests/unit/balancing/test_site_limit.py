"""A limit from outside is one more limit of the main fuse: the least counts, and leaving it is slow."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chargemon_edge.balancing.rows import Rows
from chargemon_edge.site.site_limit import NO_CAP, ConnectorCap, SiteLimit, cap, current_at, power_at
from chargemon_edge.site.units import PerPhase, same_on_all
from chargemon_edge.site.upstream_facts import ConnectorCapped, SiteLimitGone, SiteLimitTaken
from tests.unit.balancing.scene import Scene, simple_site

LIMIT = SiteLimit(
    source="upstream operator", kind="upstream", n=1, until_utc_ms=2**41, current_ma=PerPhase(32_000, 32_000, 32_000)
)


def test_cars_are_lowered_at_once_and_told_why_and_raised_when_it_is_gone() -> None:
    scene = Scene(simple_site(2, meter=False, background_a=10))
    scene.link("a", "b")
    scene.start("a", "b")
    scene.run(120)
    assert (scene.held_ma("a"), scene.held_ma("b")) == (26_000, 26_000)

    scene.say(SiteLimitTaken(at=scene.at, limit=LIMIT))
    scene.run(30)
    assert (scene.held_ma("a"), scene.held_ma("b")) == (11_000, 11_000)
    limit = scene.tick().plan.limits
    assert {one.reason for one in limit.values()} == {"limit of upstream operator on L1"}
    assert scene.tick().plan.circuits["main"].usable_ma == same_on_all(32_000)

    # nothing is left to them
    scene.say(SiteLimitTaken(at=scene.at, limit=replace(LIMIT, n=2, current_ma=same_on_all(10_000))))
    scene.run(60)
    assert (scene.held_ma("a"), scene.held_ma("b")) == (0, 0)

    scene.say(SiteLimitGone(at=scene.at, limit=replace(LIMIT, stage="gone")))
    scene.run(200)
    assert (scene.held_ma("a"), scene.held_ma("b")) == (26_000, 26_000)


def test_a_limit_above_the_fuse_changes_nothing() -> None:
    rows = Rows(simple_site(1))
    before = list(rows.rows)

    rows.limit(cap((replace(LIMIT, current_ma=same_on_all(80_000), power_w=80_000),), 0.0))
    assert rows.rows == before


def test_power_counts_evenly_unless_the_fuse_has_a_limit_of_power() -> None:
    plain = Rows(simple_site(1))
    plain.limit(cap((replace(LIMIT, current_ma=None, power_w=6_900),), 0.0))
    assert [row.usable_ma for row in plain.rows] == [10_000, 10_000, 10_000]

    site = simple_site(1)
    with_power = Rows(replace(site, circuits=(replace(site.root, max_power_w=20_000),)))
    with_power.limit(cap((replace(LIMIT, current_ma=None, power_w=6_900),), 0.0))
    assert [row.usable_ma for row in with_power.rows] == [63_000, 63_000, 63_000, 30_000]
    assert with_power.rows[3].words == "limit of upstream operator"
    with_power.limit(NO_CAP)
    assert with_power.rows[3].usable_ma == 86_956


def test_the_least_of_several_counts_phase_by_phase() -> None:
    other = replace(
        LIMIT, source="group north", kind="group", current_ma=PerPhase(40_000, 6_000, 40_000), power_w=9_000
    )
    found = cap((LIMIT, other), 0.0)

    assert found.current_ma == PerPhase(32_000, 6_000, 32_000)
    assert found.power_w == 9_000
    assert (found.current_source, found.power_source) == (other, other)


@pytest.mark.parametrize(
    ("mono_s", "allowed_ma"), [(0.0, 10_000), (100.0, 10_000), (110.0, 12_000), (200.0, 30_000), (900.0, 32_000)]
)
def test_a_rise_waits_its_time_and_is_slow(mono_s: float, allowed_ma: int) -> None:
    rising = replace(LIMIT, rises_at_mono_s=100.0, from_ma=same_on_all(10_000), from_w=3_000, ramp_ma_per_s=200)

    assert current_at(rising, mono_s) == same_on_all(allowed_ma)
    assert power_at(replace(rising, power_w=3_100), 900.0) == 3_100
    assert power_at(rising, 0.0) == 3_000


def test_a_lower_limit_is_lower_at_once() -> None:
    falling = replace(LIMIT, rises_at_mono_s=100.0, from_ma=same_on_all(50_000), ramp_ma_per_s=200)

    assert current_at(falling, 0.0) == same_on_all(32_000)


def test_a_connectors_own_limit_lowers_it_pauses_it_and_leaves_the_rest_to_others() -> None:
    scene = Scene(simple_site(2, meter=False, background_a=10))
    scene.link("a", "b")
    scene.start("a", "b")
    scene.run(120)

    def capped(limit_ma: int | None) -> None:
        given = None if limit_ma is None else ConnectorCap(limit_ma=limit_ma, by="upstream operator")
        scene.say(ConnectorCapped(at=scene.at, charge_point="a", connector=1, cap=given, by="upstream operator"))
        scene.run(300)

    capped(10_000)
    assert (scene.held_ma("a"), scene.held_ma("b")) == (10_000, 32_000)
    assert {one.reason for one in scene.tick().plan.limits.values()} >= {"limited to 10 A by upstream operator"}
    capped(0)
    assert (scene.held_ma("a"), scene.held_ma("b")) == (0, 32_000)
    # it never raises
    capped(60_000)
    shared = [scene.held_ma("a") or 0, scene.held_ma("b") or 0]
    assert sum(shared) <= 53_000
    assert min(shared) >= 26_000
    capped(None)
    assert [scene.held_ma("a"), scene.held_ma("b")] == shared
