"""Random fuse trees and contenders for them: deep and flat, roomy, tight, empty and below nothing."""

from __future__ import annotations

import os
import random

from chargemon_edge.balancing.allocate import Contender, Problem
from chargemon_edge.balancing.rows import Rows
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector, ConnectorKey, Site
from chargemon_edge.site.units import PerPhase, Rotation

TREES = int(os.environ.get("CHARGEMON_TREES", "300"))
"""How many trees each property is tried on; a nightly run asks for twenty thousand and more."""

_TIGHT = (0, 3_000, 6_000, 6_100, 11_900, 16_000, 20_000, 35_000, 63_000, 100_000)


def tree(rng: random.Random, connectors: int | None = None) -> Site:
    """A site with one to five levels of circuits and up to fourteen connectors."""
    circuits = [_circuit(rng, "c0", None)]
    levels = {"c0": 1}
    for index in range(1, rng.randrange(1, 9)):
        parents = [name for name, level in levels.items() if level < 5]
        parent = rng.choice(parents)
        name = f"c{index}"
        levels[name] = levels[parent] + 1
        circuits.append(_circuit(rng, name, parent))
    count = rng.randrange(0, 15) if connectors is None else connectors
    names = list(levels)
    charge_points = tuple(
        ChargePoint(identity=f"cp{index:02}", connectors=(_connector(rng, rng.choice(names)),))
        for index in range(count)
    )
    return Site(circuits=tuple(circuits), charge_points=charge_points)


def _circuit(rng: random.Random, name: str, parent: str | None) -> Circuit:
    fuse = PerPhase(*(rng.choice(_TIGHT) + rng.randrange(0, 20) * 100 for _ in range(3)))
    if rng.random() < 0.5:
        fuse = PerPhase(fuse.l1, fuse.l1, fuse.l1)
    return Circuit(
        name=name,
        parent=parent,
        fuse_ma=fuse,
        margin_ma=rng.choice((0, 0, 1_000)),
        max_power_w=rng.choice((None, None, 4_200, 11_000, 43_000)),
        unbalance_ma=rng.choice((None, 0, 16_000, 20_000)) if parent is None else None,
    )


def _connector(rng: random.Random, circuit: str) -> Connector:
    return Connector(
        number=1,
        circuit=circuit,
        conductors=rng.choice(((True, True, True), (True, True, True), (True, True, False), (True, False, False))),
        rotation=rng.choice(list(Rotation)),
        min_ma=rng.choice((6_000, 6_000, 8_000, 9_200)),
        max_ma=rng.choice((10_000, 16_000, 20_000, 32_000)),
        step_ma=rng.choice((100, 100, 500, 1_000)),
    )


def problem(rng: random.Random, site: Site, *, weights: bool = False, classes: int = 3) -> Problem:
    """The question that *site* poses: some rows lowered below nothing, some contenders wanting less than a minimum."""
    rows = Rows(site)
    capacity_ma = [
        row.usable_ma - rng.choice((0, 0, 0, 5_000, 12_300, 200_000 if rng.random() < 0.05 else 1_000))
        for row in rows.rows
    ]
    contenders = []
    for key, connector in site.connectors.items():
        top_ma = connector.max_ma if rng.random() < 0.6 else rng.randrange(0, connector.max_ma + 1, 100)
        contenders.append(
            Contender(
                key=key,
                min_ma=connector.min_ma,
                max_ma=top_ma,
                step_ma=connector.step_ma,
                rows=rows.wired(connector),
                rank=(rng.randrange(4), rng.random()),
                priority=rng.randrange(classes),
                weight=rng.choice((1, 2, 3)) if weights else 1,
            )
        )
    return Problem(capacity_ma, contenders, "strict" if rng.random() < 0.3 else "share")


def loads(problem: Problem, limits: dict[ConnectorKey, int]) -> list[int]:
    """What the limits add up to on each row, counted anew."""
    sums = [0] * len(problem.capacity_ma)
    for one in problem.contenders:
        for row, weight in one.rows:
            sums[row] += weight * limits[one.key]
    return sums
