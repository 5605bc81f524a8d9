"""What the division promises, on random trees; each oracle counts for itself and shares no code with the allocator."""

from __future__ import annotations

import random
from itertools import permutations

import pytest
from msgspec.structs import replace

from chargemon_edge.balancing.allocate import Contender, Problem, allocate
from chargemon_edge.balancing.rows import Rows
from chargemon_edge.site.layout import ConnectorKey, Site
from chargemon_edge.site.units import PerPhase, Rotation
from tests.property.balancing.trees import TREES, loads, problem, tree

Limits = dict[ConnectorKey, int]


def cases(salt: int, *, weights: bool = False, classes: int = 3) -> list[tuple[int, Problem]]:
    found = []
    for seed in range(TREES):
        rng = random.Random(seed * 16 + salt)
        found.append((seed, problem(rng, tree(rng), weights=weights, classes=classes)))
    return found


def limits_of(asked: Problem) -> Limits:
    return {key: grant.limit_ma for key, grant in allocate(asked).grants.items()}


def top_ma(one: Contender) -> int:
    return one.min_ma + (one.max_ma - one.min_ma) // one.step_ma * one.step_ma


@pytest.mark.parametrize("weights", [False, True])
def test_every_row_holds_and_every_limit_is_on_its_grid(weights: bool) -> None:
    for seed, asked in cases(1, weights=weights):
        found = allocate(asked)
        limits = {key: grant.limit_ma for key, grant in found.grants.items()}
        assert set(limits) == {one.key for one in asked.contenders}, seed
        taken = loads(asked, limits)
        for row, (load, capacity) in enumerate(zip(taken, asked.capacity_ma, strict=True)):
            assert load <= capacity or load == 0, (seed, row)
            assert found.spare_ma[row] == capacity - load, (seed, row)
        for one in asked.contenders:
            limit = limits[one.key]
            on_grid = one.min_ma <= limit <= one.max_ma and (limit - one.min_ma) % one.step_ma == 0
            assert limit == 0 or on_grid, (seed, one)


@pytest.mark.parametrize("weights", [False, True])
def test_nobody_could_have_a_step_more(weights: bool) -> None:
    for seed, asked in cases(2, weights=weights):
        limits = limits_of(asked)
        taken = loads(asked, limits)
        for one in asked.contenders:
            limit = limits[one.key]
            if limit == 0 or limit == top_ma(one):
                continue
            blocked = any(taken[row] + weight * one.step_ma > asked.capacity_ma[row] for row, weight in one.rows)
            assert blocked, (seed, one, limit)


def test_nobody_waits_whose_minimum_fits_on_top_of_those_before_it() -> None:
    for seed, asked in cases(3):
        limits = limits_of(asked)
        ranked = sorted(asked.contenders, key=lambda one: (one.priority, one.rank, one.key))
        before: Limits = dict.fromkeys(limits, 0)
        for index, one in enumerate(ranked):
            # strict classes are filled before the next is asked
            if asked.mode == "strict" and index and ranked[index - 1].priority < one.priority:
                before = {key: limits[key] if any(o.key == key for o in ranked[:index]) else 0 for key in before}
            trial = {**before, one.key: one.min_ma}
            taken = loads(asked, trial)
            fits = all(taken[row] <= asked.capacity_ma[row] for row, _ in one.rows) and one.max_ma >= one.min_ma
            assert fits == (limits[one.key] > 0), (seed, one)
            if fits:
                before = trial


def test_max_min_certificate() -> None:
    """Nobody below its maximum could rise without pushing somebody to or below where it would then be."""
    for seed, asked in cases(4):
        limits = limits_of(asked)
        taken = loads(asked, limits)
        for one in asked.contenders:
            limit = limits[one.key]
            if 0 < limit < top_ma(one):
                assert any(stops(asked, limits, taken, one, row) for row, _ in one.rows), (seed, one, limit)


def stops(asked: Problem, limits: Limits, taken: list[int], one: Contender, row: int) -> bool:
    """Whether *row* has no step for *one* even after taking what others could spare without falling behind it."""
    risen_ma = limits[one.key] + one.step_ma
    to_be_had = 0
    for other in asked.contenders:
        weight = dict(other.rows).get(row, 0)
        limit = limits[other.key]
        if other.key == one.key or not weight or not limit or other.priority < one.priority:
            continue
        keep_ma = other.min_ma
        if other.priority == one.priority:
            keep_ma = max(keep_ma, risen_ma)
        elif asked.mode == "strict":
            keep_ma = 0
        to_be_had += weight * max(0, limit - keep_ma)
    return taken[row] - to_be_had + dict(one.rows)[row] * one.step_ma > asked.capacity_ma[row]


def test_the_order_of_the_input_changes_nothing() -> None:
    for seed, asked in cases(5, weights=True):
        shuffled = list(asked.contenders)
        random.Random(seed).shuffle(shuffled)
        again = Problem(asked.capacity_ma, shuffled, asked.mode)
        assert limits_of(again) == limits_of(asked), seed
        assert allocate(asked) == allocate(asked), seed


def test_names_matter_only_for_ties() -> None:
    """The ranks drawn are all different, so other names in another order give the same currents."""
    for seed, asked in cases(6):
        renamed = [replace(one, key=ConnectorKey(f"z{99 - index:02}", 1)) for index, one in enumerate(asked.contenders)]
        again = limits_of(Problem(asked.capacity_ma, renamed, asked.mode))
        before = limits_of(asked)
        for old, new in zip(asked.contenders, renamed, strict=True):
            assert again[new.key] == before[old.key], seed


def test_more_capacity_on_a_single_row_lowers_nobody() -> None:
    for seed in range(TREES):
        rng = random.Random(seed * 16 + 7)
        contenders = one_row(rng)
        room = sum(one.min_ma for one in contenders) + rng.randrange(0, 100) * 100
        before = limits_of(Problem([room], contenders))
        after = limits_of(Problem([room + rng.choice((100, 700, 5_000))], contenders))
        assert all(after[key] >= limit for key, limit in before.items()), seed


def one_row(rng: random.Random) -> list[Contender]:
    """Contenders of one step size on one row (with mixed steps even one row can lower somebody)."""
    step_ma = rng.choice((100, 500, 1_000))
    return [
        Contender(ConnectorKey(f"cp{i}", 1), 6_000, rng.randrange(6_000, 32_000, 100), step_ma, ((0, 1),), (i,))
        for i in range(rng.randrange(1, 9))
    ]


def test_more_capacity_never_makes_the_sorted_limits_worse() -> None:
    """For a fixed admitted set with one grid, in one class; up to the last step, which goes by rank."""
    for seed in range(TREES):
        rng = random.Random(seed * 16 + 8)
        asked = problem(rng, tree(rng), classes=1)
        even = [replace(one, min_ma=6_000, max_ma=32_000, step_ma=100) for one in asked.contenders]
        admitted = {key for key, limit in limits_of(Problem(asked.capacity_ma, even)).items() if limit}
        kept = [one for one in even if one.key in admitted]
        before = sorted(limits_of(Problem(asked.capacity_ma, kept)).values())
        more = [room + rng.choice((0, 0, 300, 4_000)) for room in asked.capacity_ma]
        after = sorted(limits_of(Problem(more, kept)).values())
        assert [limit + 100 for limit in after] >= before, seed


def test_more_capacity_changes_admission_first_by_an_addition() -> None:
    for seed, asked in cases(9):
        asked = replace(asked, mode="share")
        rng = random.Random(seed)
        more = replace(asked, capacity_ma=[room + rng.choice((0, 500, 6_000)) for room in asked.capacity_ma])
        before, after = limits_of(asked), limits_of(more)
        for one in sorted(asked.contenders, key=lambda one: (one.priority, one.rank, one.key)):
            if (before[one.key] > 0) != (after[one.key] > 0):
                assert after[one.key] > 0, (seed, one)
                break


def test_relabelling_the_phases_changes_nobody() -> None:
    for seed in range(TREES):
        site = tree(random.Random(seed * 16 + 10))
        order = list(permutations(range(3)))[seed % 6]
        assert currents(site) == currents(relabelled(site, (order[0], order[1], order[2]))), seed


def turned(rotation: Rotation, order: tuple[int, int, int]) -> Rotation:
    """The rotation after site phase p has become site phase order[p]."""
    if rotation is Rotation.UNKNOWN:
        return rotation
    return Rotation("".join(f"L{order[int(phase) - 1] + 1}" for phase in rotation.value[1::2]))


def relabelled(site: Site, order: tuple[int, int, int]) -> Site:
    circuits = []
    for circuit in site.circuits:
        fuse = [0, 0, 0]
        for phase in range(3):
            fuse[order[phase]] = circuit.fuse_ma[phase]
        circuits.append(replace(circuit, fuse_ma=PerPhase(*fuse)))
    charge_points = [
        replace(cp, connectors=tuple(replace(one, rotation=turned(one.rotation, order)) for one in cp.connectors))
        for cp in site.charge_points
    ]
    return replace(site, circuits=tuple(circuits), charge_points=tuple(charge_points))


def currents(site: Site) -> Limits:
    rows = Rows(site)
    contenders = [
        Contender(key, one.min_ma, one.max_ma, one.step_ma, rows.wired(one), (one.max_ma,))
        for key, one in site.connectors.items()
    ]
    return limits_of(Problem([row.usable_ma for row in rows.rows], contenders))
