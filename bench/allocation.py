"""How long the division takes over the number of connectors, beside a plain pass over the same rows in the same run.

The reference does what no allocator can do without: it adds every connector's maximum to each of its rows once and
compares. The ratio is therefore "how many looks at the whole site one division costs", whatever the machine. The
regulator's two paths are timed at 20 connectors: the fast path with nothing wrong, and a whole decision.

Run: ``python -m bench.allocation``.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable

from chargemon_edge.balancing.allocate import Contender, Problem, allocate
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.balancing.regulator import Regulator
from chargemon_edge.balancing.rows import Rows
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.fold import apply
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector, MeterPlace, Site
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.units import Rotation, same_on_all

_GOAL_MS = {50: 3.0, 200: 20.0}
_SEEDS = 20


def main() -> int:
    """Measure and print; returns the exit code (always 0: a person judges)."""
    print("allocation: median ms of one division (three levels of circuits, mixed phases, steps and classes)")
    print(f"{'connectors':>10} {'ms':>8} {'worst ms':>9} {'x one pass':>11} {'goal ms':>8}")
    for count in (10, 50, 200, 1000):
        problems = [_problem(count, random.Random(seed)) for seed in range(_SEEDS if count < 1000 else 5)]
        times = [_best_ms(allocate, asked) for asked in problems]
        passes = [_best_ms(_one_pass, asked) for asked in problems]
        ratio = statistics.median(times) / statistics.median(passes)
        goal = f"{_GOAL_MS[count]:.0f}" if count in _GOAL_MS else ""
        print(f"{count:>10} {statistics.median(times):>8.2f} {max(times):>9.2f} {ratio:>11.0f} {goal:>8}")
    sample_us, tick_us = _regulator_us()
    print(f"regulator at 20 connectors: {sample_us:.0f} us per sample (goal 100), {tick_us:.0f} us per whole decision")
    return 0


def _best_ms(work: Callable[[Problem], object], asked: Problem) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work(asked)
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def _one_pass(asked: Problem) -> bool:
    sums = [0] * len(asked.capacity_ma)
    for one in asked.contenders:
        for row, weight in one.rows:
            sums[row] += weight * one.max_ma
    return any(taken > capacity for taken, capacity in zip(sums, asked.capacity_ma, strict=True))


def _site(count: int, rng: random.Random) -> Site:
    circuits = [
        Circuit(name="main", fuse_ma=same_on_all(count * 6_000), max_power_w=count * 4_000, unbalance_ma=40_000)
    ]
    strips = []
    for panel in range(max(1, count // 25)):
        circuits.append(Circuit(name=f"panel {panel}", parent="main", fuse_ma=same_on_all(175_000)))
        for strip in range(3):
            circuits.append(
                Circuit(name=f"strip {panel}.{strip}", parent=f"panel {panel}", fuse_ma=same_on_all(80_000))
            )
            strips.append(circuits[-1].name)
    charge_points = tuple(
        ChargePoint(identity=f"cp{index:04}", connectors=(_connector(rng, rng.choice(strips)),))
        for index in range(count)
    )
    return Site(circuits=tuple(circuits), charge_points=charge_points)


def _connector(rng: random.Random, circuit: str) -> Connector:
    return Connector(
        number=1,
        circuit=circuit,
        conductors=rng.choice(((True, True, True), (True, True, True), (True, False, False))),
        rotation=rng.choice(list(Rotation)),
        max_ma=rng.choice((16_000, 32_000)),
        step_ma=rng.choice((100, 100, 1_000)),
    )


def _problem(count: int, rng: random.Random) -> Problem:
    site = _site(count, rng)
    rows = Rows(site)
    contenders = [
        Contender(
            key=key,
            min_ma=one.min_ma,
            max_ma=one.max_ma if rng.random() < 0.5 else rng.randrange(7_000, one.max_ma, 1_000),
            step_ma=one.step_ma,
            rows=rows.wired(one),
            rank=(rng.random(),),
            priority=rng.randrange(2),
        )
        for key, one in site.connectors.items()
    ]
    return Problem([row.usable_ma for row in rows.rows], contenders)


def _regulator_us() -> tuple[float, float]:
    charge_points = tuple(
        ChargePoint(identity=f"cp{index:02}", connectors=(Connector(number=1, circuit="main"),)) for index in range(20)
    )
    site = Site(
        circuits=(Circuit(name="main", fuse_ma=same_on_all(250_000), background_ma=same_on_all(50_000)),),
        charge_points=charge_points,
        meters=(MeterPlace(name="grid", circuit="main"),),
    )
    regulator, picture = Regulator(site, Policy()), SitePicture(started=Moment(0.0, 0))
    for number, charge_point in enumerate(charge_points):
        for fact in _arrival(charge_point.identity, number):
            picture = apply(picture, fact)
    now_s, samples, ticks = 0.0, [], []
    for second in range(400):
        now_s += 1.0
        at = Moment(now_s, 0)
        picture = apply(picture, facts.MeterRead(at=at, meter="grid", current_ma=same_on_all(150_000)))
        start = time.perf_counter()
        regulator.sample(picture, now_s)
        samples.append(time.perf_counter() - start)
        if second % 10:
            continue
        for charge_point in charge_points:
            values = facts.ValuesReported(
                at=at, charge_point=charge_point.identity, connector=1, current_ma=same_on_all(6_000)
            )
            picture = apply(picture, values)
        start = time.perf_counter()
        decision = regulator.tick(picture, now_s)
        ticks.append(time.perf_counter() - start)
        for order in decision.orders:
            regulator.sent(order, now_s)
            held = facts.LimitHeld(
                at=at,
                charge_point=order.key.charge_point,
                connector=1,
                transaction_id=order.transaction_id,
                limit_ma=order.limit_ma,
                fallback_ma=order.fallback_ma,
                lease_s=order.lease_s,
                sent_mono_s=now_s,
            )
            picture = apply(picture, held)
    return statistics.median(samples) * 1e6, statistics.median(ticks) * 1e6


def _arrival(identity: str, number: int) -> tuple[facts.Fact, ...]:
    at = Moment(0.0, 0)
    return (
        facts.LinkOpened(at=at, charge_point=identity, remote="127.0.0.1"),
        facts.FailSafeHeld(at=at, charge_point=identity, connector=1, fallback_ma=6_000),
        facts.StatusReported(at=at, charge_point=identity, connector=1, status="Charging", error_code="NoError"),
        facts.TransactionStarted(
            at=at,
            charge_point=identity,
            connector=1,
            transaction_id=number + 1,
            id_tag="tag",
            id_tag_status="Accepted",
            meter_start_wh=0,
            started_utc_ms=None,
            started_text="",
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
