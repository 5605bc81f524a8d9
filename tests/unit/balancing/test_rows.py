"""The site's limits as rows, and the proof that the fallback currents fit them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chargemon_edge.balancing.rows import Rows, add_load, why_not_armed
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector, Site
from chargemon_edge.site.units import PerPhase, Rotation, same_on_all
from tests.unit.balancing.scene import simple_site


def two_level(connector: Connector, **root: object) -> Site:
    main = Circuit(name="main", fuse_ma=same_on_all(63_000))
    return Site(
        circuits=(replace(main, **root), Circuit(name="garage", parent="main", fuse_ma=same_on_all(32_000))),
        charge_points=(ChargePoint(identity="a", connectors=(connector,)),),
    )


def loads_of(site: Site) -> dict[str, int]:
    rows = Rows(site)
    sums = [0] * len(rows.rows)
    for connector in site.connectors.values():
        add_load(sums, rows.wired(connector), 1)
    return {row.words: load for row, load in zip(rows.rows, sums, strict=True) if load}


def test_a_three_phase_connector_loads_every_fuse_above_it() -> None:
    found = loads_of(two_level(Connector(number=1, circuit="garage")))

    assert found == {
        f"shared fuse '{name}' on {phase}": 1 for name in ("main", "garage") for phase in ("L1", "L2", "L3")
    }


def test_rotation_decides_which_fuse_a_single_phase_car_loads() -> None:
    connector = Connector(number=1, circuit="main", conductors=(True, False, False), rotation=Rotation.L3L1L2)

    assert loads_of(two_level(connector)) == {"shared fuse 'main' on L3": 1}


def test_unknown_rotation_counts_on_every_phase() -> None:
    connector = Connector(number=1, circuit="main", conductors=(True, False, False), rotation=Rotation.UNKNOWN)

    assert len(loads_of(two_level(connector))) == 3


def test_a_power_limit_counts_every_conductor() -> None:
    connector = Connector(number=1, circuit="garage", conductors=(True, True, False))

    assert loads_of(two_level(connector, max_power_w=11_000))["power limit of 'main'"] == 2


@pytest.mark.parametrize(
    ("conductors", "rotation", "expected"),
    [
        ((True, True, True), Rotation.L1L2L3, 0),
        ((True, False, False), Rotation.L1L2L3, 1),
        ((True, True, False), Rotation.L1L2L3, 2),
        # a single-phase car on an unknown phase may unbalance any of them
        ((True, False, False), Rotation.UNKNOWN, 3),
    ],
)
def test_only_cars_with_fewer_than_three_phases_unbalance(
    conductors: tuple[bool, bool, bool], rotation: Rotation, expected: int
) -> None:
    connector = Connector(number=1, circuit="garage", conductors=conductors, rotation=rotation)
    found = loads_of(two_level(connector, unbalance_ma=20_000))

    assert len([words for words in found if words.startswith("unbalance")]) == expected


def test_what_is_there_already_takes_from_the_unbalance_limit() -> None:
    rows = Rows(two_level(Connector(number=1, circuit="main"), unbalance_ma=20_000))
    taken = [0] * len(rows.rows)
    rows.spread("main", PerPhase(15_000, 10_000, 40_000), taken)

    assert taken[:6] == [15_000, 10_000, 40_000, 5_000, 0, 20_000]


def test_fallbacks_that_fit_exactly_are_armed() -> None:
    assert why_not_armed(Rows(simple_site(7, background_a=21))) is None


def test_fallbacks_that_do_not_fit_are_named_with_figures_and_advice() -> None:
    assert why_not_armed(Rows(simple_site(8, background_a=20))) == (
        "not armed: shared fuse 'main' on L1: fallback 48 A and other loads 20 A do not fit the usable 63 A; lower "
        "fallback currents there by 5 A in all (0 is always allowed) (and 2 more limits like it)"
    )


def test_the_margin_counts_in_the_proof() -> None:
    site = simple_site(7, background_a=21)
    tighter = replace(site, circuits=(replace(site.root, margin_ma=1_000),))

    assert why_not_armed(Rows(tighter)) is not None


def test_fallback_zero_is_always_armed() -> None:
    assert why_not_armed(Rows(simple_site(20, background_a=100, fallback_a=0))) is None


def test_a_power_limit_counts_in_the_proof() -> None:
    site = simple_site(2, background_a=0)
    limited = replace(site, circuits=(replace(site.root, max_power_w=8_000),))
    reason = why_not_armed(Rows(limited))

    assert reason is not None
    assert "power limit of 'main': fallback 8280 W" in reason


def test_the_unbalance_limit_counts_in_the_proof() -> None:
    site = simple_site(4, background_a=0, conductors=(True, False, False))
    limited = replace(site, circuits=(replace(site.root, unbalance_ma=20_000),))
    reason = why_not_armed(Rows(limited))

    assert reason is not None
    assert "unbalance limit of 'main' on L1" in reason


def test_a_quiet_charge_point_counts_whole_in_the_proof() -> None:
    assert why_not_armed(Rows(simple_site(2, background_a=20, quiet=("a",)))) is None
    assert why_not_armed(Rows(simple_site(3, background_a=20, quiet=("a", "b")))) is not None


def test_a_site_without_circuits_does_not_arm_and_says_what_to_describe() -> None:
    why = why_not_armed(Rows(Site(circuits=())))

    assert why is not None
    assert "[[circuit]]" in why
