"""Scenarios are data; the drawn ones come from their seeds."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path

import pytest

from chargemon_edge.sim import faults, personality, scenario
from chargemon_edge.sim.demo import scenarios


def test_every_scenario_reads_and_is_listed_with_its_title() -> None:
    listed = dict(scenarios())

    assert set(listed) >= {"evening", "meter-dies", "charger-vanishes", "daemon-killed"}
    for name, title in listed.items():
        one = scenario.load(name)
        assert one.title == title
        assert one.expect, f"{name} promises nothing"
        assert {visit.connector for visit in one.visit} <= set(one.connectors)
        assert {visit.car for visit in one.visit} <= set(scenario.cars())


def test_the_demo_has_six_connectors_behind_63_amperes() -> None:
    evening = scenario.load("evening")

    assert len(evening.connectors) == 6
    assert evening.configuration["circuit"][0]["fuse_a"] == 63.0


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("title = 1")

    with pytest.raises(scenario.ScenarioError, match="there are: charger-vanishes, clock-set-wrong, daemon-killed"):
        scenario.load("nonsense")
    with pytest.raises(scenario.ScenarioError, match="Expected `str`"):
        scenario.load(str(broken))


def test_toml_text_reads_back_as_it_was() -> None:
    document = scenario.load("evening").configuration

    assert tomllib.loads(scenario.toml_text(document)) == document


def test_visits_come_from_the_file_then_from_the_seed_and_never_overlap() -> None:
    evening = scenario.load("evening")

    first = list(itertools.islice(scenario.visits(evening, "YARD-1/1", 1), 30))
    again = list(itertools.islice(scenario.visits(evening, "YARD-1/1", 1), 30))
    other = list(itertools.islice(scenario.visits(evening, "YARD-1/1", 2), 30))

    assert first == again != other
    assert first[0] == other[0] == evening.visit[0]
    assert all(later.at_s >= earlier.at_s + earlier.stays_s + 30 for earlier, later in itertools.pairwise(first))


def test_faults_come_from_the_seed_and_leave_the_start_alone() -> None:
    drawn = faults.draw(3, 24.0, ["A", "B"])

    assert drawn == faults.draw(3, 24.0, ["A", "B"]) != faults.draw(4, 24.0, ["A", "B"])
    assert {fault.what for fault in drawn} == set(faults.FAULTS) - {"load-step"}
    assert min(fault.at_s for fault in drawn) > 300
    assert {fault.target for fault in drawn} == {"", "A", "B"}


def test_every_personality_reads() -> None:
    assert len(personality.names()) >= 20
    for name in personality.names():
        assert personality.personality(name).description
