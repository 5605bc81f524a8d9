"""What a benchmark found, beside its goal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Figure(NamedTuple):
    """One line of the table."""

    what: str
    value: float
    unit: str
    at_most: float | None = None
    """The goal; None: told for orientation only."""
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None


def show(figures: Iterable[Figure]) -> None:
    """Print the table."""
    for one in figures:
        goal = ""
        if one.at_most is not None:
            goal = f"goal ≤ {one.at_most:g} {one.unit}"
        elif one.at_least is not None:
            goal = f"goal ≥ {one.at_least:g} {one.unit}"
        verdict = {True: "met", False: "MISSED", None: ""}[one.met]
        print(f"  {one.what:<66} {one.value:>9.4g} {one.unit:<8} {goal:<18} {verdict}".rstrip(), flush=True)
