"""The balancer's sentences: why a connector may draw what it may, in words for the page and the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chargemon_edge.balancing.allocate import Grant
from chargemon_edge.balancing.plan import ConnectorLimit
from chargemon_edge.balancing.rows import Row, amperes
from chargemon_edge.site.layout import ConnectorKey


class Case(NamedTuple):
    """One asking connector, as the division left it."""

    key: ConnectorKey
    limit_ma: int
    """What it is given now."""
    target_ma: int
    """What the division would give it in time."""
    max_ma: int
    """The most it could have been given."""
    grant: Grant
    turned_away: str | None = None
    """Why it gets nothing, whatever there is."""
    capped_by: tuple[str, str] | None = None
    """Source and sentence of what lowered *max_ma*."""
    held_back: str | None = None
    """Why it does not get *target_ma* at once."""


def explain(case: Case, rows: Sequence[Row], queue: Mapping[ConnectorKey, tuple[int, int]]) -> ConnectorLimit:
    """The limit with its source and reason; *queue* has the turn and the number of those who wait at the same row."""
    source, reason = _words(case, rows, queue)
    return ConnectorLimit(limit_ma=case.limit_ma, source=source, reason=reason)


def _words(case: Case, rows: Sequence[Row], queue: Mapping[ConnectorKey, tuple[int, int]]) -> tuple[str, str]:
    if case.turned_away is not None:
        return ("waiting", case.turned_away) if case.limit_ma == 0 else ("connector", case.turned_away)
    bound = case.grant.bound
    if case.limit_ma == 0 and case.target_ma == 0 and bound is not None:
        turn, waiting = queue.get(case.key, (1, 1))
        return "waiting", f"waiting: turn {turn} of {waiting} on {_place(rows[bound])}"
    if case.limit_ma == 0 and case.target_ma > 0:
        return "waiting", f"waiting: {case.held_back or 'about to start'}"
    source, reason = _bound(case, rows)
    if case.limit_ma < case.target_ma and case.held_back is not None:
        return source, f"rising to {amperes(case.target_ma)} ({reason}): {case.held_back}"
    return source, reason


def _bound(case: Case, rows: Sequence[Row]) -> tuple[str, str]:
    if case.grant.bound is not None:
        row = rows[case.grant.bound]
        return row.circuit, row.words
    if case.capped_by is not None:
        return case.capped_by
    return "connector", f"the connector's own maximum of {amperes(case.max_ma)}"


def _place(row: Row) -> str:
    if row.kind == "phase":
        return f"'{row.circuit}' L{row.phase + 1}"
    return row.words


def queues(waiting: Sequence[tuple[ConnectorKey, int]]) -> dict[ConnectorKey, tuple[int, int]]:
    """For connectors in the order they wait, each with the row that it waits for: its turn and how many wait there."""
    count: dict[int, int] = {}
    turns: dict[ConnectorKey, tuple[int, int]] = {}
    for key, row in waiting:
        count[row] = count.get(row, 0) + 1
        turns[key] = (count[row], 0)
    return {key: (turns[key][0], count[row]) for key, row in waiting}
