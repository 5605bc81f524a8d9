"""Chargers that no entry of the catalogue knows, and that take limits in one unit only: they say so, and get it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chargemon_edge.site import facts
from tests.simulation.one_charger import Pair, tell

WATTS_ONLY: dict[str, Any] = {"vendor": "Nobody", "model": "Knows", "takes_unit": "W", "rate_units": "Power"}
DIVIDES = {"charge_point": {"quirks": {"number_phases": True}}}


async def session(both: Pair) -> None:
    await asyncio.sleep(90.0)
    await both.charge(300.0)


def most_drawn_ma(both: Pair) -> int:
    """The highest current that the charger reported on any phase."""
    values: list[facts.ValuesReported] = both.seen(facts.ValuesReported)
    return max(max(one.current_ma) for one in values if one.current_ma is not None)


@pytest.mark.parametrize("phases", [1, 3])
def test_watts_only_is_learnt_from_the_charger_itself(tmp_path: Path, phases: int) -> None:
    both = tell(tmp_path, session, phases=phases, more={"connector": {"phases": phases}}, **WATTS_ONLY)

    opened, held = both.seen(facts.LinkOpened)[0], both.seen(facts.FailSafeHeld)[0]
    # amperes were tried first; what it tells of itself is used at once, not when a minute's pause is over
    assert 20.0 < held.at.mono_s - opened.at.mono_s < 40.0
    assert not both.seen(facts.LimitRefused)
    assert both.seen(facts.LimitHeld)
    assert both.charged_wh > 100
    assert most_drawn_ma(both) <= 32_000


def test_a_three_phase_one_that_the_site_says_divides_by_its_phases_has_all_of_them_at_once(tmp_path: Path) -> None:
    (one := tmp_path / "one").mkdir()
    (three := tmp_path / "three").mkdir()
    # 16 A: less than a three-phase car needs, if the watts were those of one phase
    sixteen = {"connector": {"max_a": 16.0, "phases": 3}}
    unsaid = tell(one, session, more=sixteen, **WATTS_ONLY)
    said = tell(three, session, more={**sixteen, **DIVIDES}, **WATTS_ONLY)

    assert most_drawn_ma(said) > 15_000
    # in doubt less, and never more
    assert most_drawn_ma(unsaid) < 6_000


def test_amperes_only_is_learnt_too_and_both_means_amperes(tmp_path: Path) -> None:
    for number, units in enumerate(("Current", "Current,Power")):
        (folder := tmp_path / str(number)).mkdir()
        both = tell(folder, session, vendor="Nobody", model="Knows", takes_unit="A", rate_units=units)

        assert both.seen(facts.LimitHeld)
        assert not both.seen(facts.LimitRefused)
        assert both.charged_wh > 100
