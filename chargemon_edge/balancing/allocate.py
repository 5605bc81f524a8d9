"""The division itself: who is admitted, and how much each gets. Pure arithmetic on integers in mA.

Every limit is a packing row (see :mod:`chargemon_edge.balancing.rows`). Charging is semi-continuous: a connector gets
0 or at least its minimum, on its own grid. Admission goes by rank; the rest is shared max-min fair, class by class.
Must never hand out more than any row has, whatever the input.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

import msgspec

from chargemon_edge.balancing.rows import Memberships
from chargemon_edge.site.layout import ConnectorKey

# the finest current OCPP 1.6 can express (§7.14: one decimal); the common level rises by this
_LEVEL_MA = 100


class Contender(msgspec.Struct, frozen=True, gc=False):
    """A connector that asks for current."""

    key: ConnectorKey
    min_ma: int
    max_ma: int
    """Below *min_ma*: it gets nothing."""
    step_ma: int
    """It can hold 0, *min_ma*, *min_ma* + *step_ma*, … up to *max_ma*."""
    rows: Memberships
    rank: tuple[float, ...] = ()
    """Smaller goes first within its class; equal ranks go by key."""
    priority: int = 0
    """Class: a smaller number is served earlier."""
    weight: int = 1
    """Its share of the common level."""
    keeps: bool = False
    """It has begun a moment ago: its minimum goes before everyone else's, whatever the class."""


class Problem(msgspec.Struct, frozen=True):
    """What there is and who wants it."""

    capacity_ma: Sequence[int]
    """Of each row; negative: there is less than nothing, nobody on it gets anything."""
    contenders: Sequence[Contender]
    mode: Literal["share", "strict"] = "share"
    """``share``: all minimums first, then class by class; ``strict``: a class is filled before the next is admitted."""


class Grant(NamedTuple):
    """What one contender gets."""

    limit_ma: int
    bound: int | None
    """The row that leaves no more (or, at 0, not even the minimum); None: its own maximum."""


class Allocation(msgspec.Struct, frozen=True):
    """The division, and what it leaves of each row."""

    grants: Mapping[ConnectorKey, Grant]
    spare_ma: Sequence[int]


def allocate(problem: Problem) -> Allocation:
    """Divide. Every row holds, every limit is on its contender's grid, and nobody could get a step more."""
    ranked = sorted(problem.contenders, key=_place)
    spare_ma = list(problem.capacity_ma)
    grants: dict[ConnectorKey, Grant] = {}
    admitted = _admit((one for one in ranked if one.keeps), spare_ma, grants)
    others = [one for one in ranked if not one.keeps]
    if problem.mode == "share":
        admitted = sorted(admitted + _admit(others, spare_ma, grants), key=_place)
        for _, members in groupby(admitted, key=_class):
            _Fill(list(members), spare_ma).run(grants)
    else:
        for priority in sorted({one.priority for one in ranked}):
            kept = [one for one in admitted if one.priority == priority]
            taken = _admit((one for one in others if one.priority == priority), spare_ma, grants)
            _Fill(sorted(kept + taken, key=_place), spare_ma).run(grants)
    return Allocation(grants, spare_ma)


def _class(one: Contender) -> int:
    return one.priority


def _place(one: Contender) -> tuple[int, tuple[float, ...], ConnectorKey]:
    return (one.priority, one.rank, one.key)


def _admit(ranked: Iterable[Contender], spare_ma: list[int], grants: dict[ConnectorKey, Grant]) -> list[Contender]:
    """Take everyone, in rank order, whose minimum fits on top of those taken before."""
    admitted = []
    for one in ranked:
        if one.max_ma < one.min_ma:
            grants[one.key] = Grant(0, None)
            continue
        full = next((row for row, weight in one.rows if spare_ma[row] < weight * one.min_ma), None)
        if full is not None:
            grants[one.key] = Grant(0, full)
            continue
        for row, weight in one.rows:
            spare_ma[row] -= weight * one.min_ma
        admitted.append(one)
    return admitted


class _Shape(NamedTuple):
    """What decides how a contender follows the level; many contenders have the same."""

    min_ma: int
    extra_ma: int
    """From the minimum to the top of its grid."""
    step_ma: int
    level_ma: int
    """By how much it rises with each level: weight × 0.1 A."""

    def extra_at(self, level: int) -> int:
        """What it takes above its minimum at this level."""
        above = self.level_ma * level - self.min_ma
        if above < self.step_ma:
            return 0
        return self.extra_ma if above >= self.extra_ma else above - above % self.step_ma

    @property
    def top_level(self) -> int:
        """The level from which on it takes its maximum."""
        return -(-(self.min_ma + self.extra_ma) // self.level_ma)


class _Fill:
    """Raises one class together until rows stop it: a common level, a last step in rank order, freeze, and again.

    A row's *level* is the highest that it allows to all its members that still rise. The row with the lowest level
    stops its members; freezing them can only raise the level of other rows, so levels are looked at lazily in a heap.
    """

    def __init__(self, members: Sequence[Contender], spare_ma: list[int]) -> None:
        self._members = members
        self._spare_ma = spare_ma
        self._shapes = [_shape(one) for one in members]
        # per member: taken above the minimum once it is frozen, and the row that stopped it
        self._frozen: dict[int, tuple[int, int]] = {}
        # per row that can bind: how many (weighted) of each shape still rise, and which members they are
        self._rising: dict[int, dict[_Shape, int]] = {}
        self._on_row: dict[int, list[int]] = {}
        self._stale: set[int] = set()
        self._heap: list[tuple[int, int]] = []

    def run(self, grants: dict[ConnectorKey, Grant]) -> None:
        """Fill, take it from the spare, and write the grants."""
        self._find_rows()
        for row in self._rising:
            self._push(row, 0)
        while self._heap:
            level, binding = self._lowest()
            if binding:
                self._last_step(level, binding)
        for index, one in enumerate(self._members):
            if index in self._frozen:
                extra_ma, bound = self._frozen[index]
                grants[one.key] = Grant(one.min_ma + extra_ma, bound)
                continue
            extra_ma = self._shapes[index].extra_ma
            grants[one.key] = Grant(one.min_ma + extra_ma, None)
            for row, weight in one.rows:
                self._spare_ma[row] -= weight * extra_ma

    def _find_rows(self) -> None:
        """Only rows that cannot give every member its maximum can ever stop anybody."""
        wanted_ma: dict[int, int] = {}
        for one, shape in zip(self._members, self._shapes, strict=True):
            if shape.extra_ma:
                for row, weight in one.rows:
                    wanted_ma[row] = wanted_ma.get(row, 0) + weight * shape.extra_ma
        for row, wanted in wanted_ma.items():
            if wanted > self._spare_ma[row]:
                self._rising[row] = {}
                self._on_row[row] = []
        if not self._rising:
            return
        for index, (one, shape) in enumerate(zip(self._members, self._shapes, strict=True)):
            if shape.extra_ma:
                for row, weight in one.rows:
                    counts = self._rising.get(row)
                    if counts is not None:
                        counts[shape] = counts.get(shape, 0) + weight
                        self._on_row[row].append(index)

    def _push(self, row: int, feasible: int) -> None:
        """Put *row* on the heap at its level, which is at least *feasible*; leave it off if it cannot bind any more."""
        counts = self._rising[row]
        self._stale.discard(row)
        low, high = feasible, max((shape.top_level for shape in counts), default=feasible)
        spare_ma = self._spare_ma[row]
        if self._taken_ma(counts, high) <= spare_ma:
            return
        while high - low > 1:
            middle = (low + high) // 2
            if self._taken_ma(counts, middle) <= spare_ma:
                low = middle
            else:
                high = middle
        heapq.heappush(self._heap, (low, row))

    @staticmethod
    def _taken_ma(counts: Mapping[_Shape, int], level: int) -> int:
        taken = 0
        for (min_ma, extra_ma, step_ma, level_ma), count in counts.items():
            above = level_ma * level - min_ma
            if above >= extra_ma:
                taken += count * extra_ma
            elif above >= step_ma:
                taken += count * (above - above % step_ma)
        return taken

    def _lowest(self) -> tuple[int, list[int]]:
        """Take off the heap all rows that bind at the lowest level; none if that level turned out to be out of date."""
        level, row = heapq.heappop(self._heap)
        if row in self._stale:
            self._push(row, level)
            return level, []
        binding = [row]
        while self._heap and self._heap[0][0] == level:
            _, row = heapq.heappop(self._heap)
            if row in self._stale:
                self._push(row, level)
            else:
                binding.append(row)
        return level, binding

    def _last_step(self, level: int, binding: Sequence[int]) -> None:
        """Not everyone on the *binding* rows can go one level up: those first in rank may, the others stop here."""
        left_ma = {row: self._spare_ma[row] - self._taken_ma(self._rising[row], level) for row in binding}
        # members are in rank order already, so their indices are
        for index in sorted({index for row in binding for index in self._on_row[row]}):
            if index in self._frozen:
                continue
            one, shape = self._members[index], self._shapes[index]
            now_ma = shape.extra_at(level)
            gain_ma = shape.extra_at(level + 1) - now_ma
            if not gain_ma:
                continue
            held_back_by = None
            for row, weight in one.rows:
                if row in left_ma and left_ma[row] < weight * gain_ma:
                    held_back_by = row
                    gain_ma = max(0, left_ma[row]) // weight // shape.step_ma * shape.step_ma
            for row, weight in one.rows:
                if row in left_ma:
                    left_ma[row] -= weight * gain_ma
            if held_back_by is not None:
                self._freeze(index, now_ma + gain_ma, held_back_by)
        for row in binding:
            self._on_row[row] = [index for index in self._on_row[row] if index not in self._frozen]
            self._push(row, level + 1)

    def _freeze(self, index: int, extra_ma: int, bound: int) -> None:
        self._frozen[index] = (extra_ma, bound)
        shape = self._shapes[index]
        for row, weight in self._members[index].rows:
            self._spare_ma[row] -= weight * extra_ma
            counts = self._rising.get(row)
            if counts is not None:
                counts[shape] -= weight
                if not counts[shape]:
                    del counts[shape]
                self._stale.add(row)


def _shape(one: Contender) -> _Shape:
    range_ma = one.max_ma - one.min_ma
    return _Shape(one.min_ma, range_ma - range_ma % one.step_ma, one.step_ma, one.weight * _LEVEL_MA)
