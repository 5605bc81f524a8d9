"""What check-config says about a meter."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chargemon_edge.meters.poll import next_due_s
from chargemon_edge.meters.settings import MeterSettings, mistakes, register_map_of
from chargemon_edge.site.units import Rotation
from tests.unit.meters.maps import layout


def settings(**changes: Any) -> MeterSettings:
    given: dict[str, Any] = {"name": "grid", "circuit": "main", "host": "192.0.2.5", "model": "eastron-sdm630"}
    return MeterSettings(**{**given, **changes})


def test_the_defaults_are_sound() -> None:
    assert mistakes(settings()) == []
    assert register_map_of(settings()).title == "Eastron SDM630"


def test_a_map_of_ones_own_needs_no_model() -> None:
    own = settings(model=None, map=layout("janitza"))

    assert mistakes(own) == []
    assert register_map_of(own).title == "Janitza UMG 96RM"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": None}, "give either model"),
        ({"map": layout("janitza")}, "not both or neither"),
        ({"model": "sdm999"}, "'sdm999' is not in the catalogue; it knows eastron-sdm630"),
        ({"model": None, "map": msgspec.structs.replace(layout("janitza"), blocks=())}, "map: blocks: at least one"),
        ({"host": ""}, "host is empty"),
        ({"port": 0}, "port 0"),
        ({"unit": 256}, "unit 256"),
        ({"rating_ma": 0}, "rating must be above 0 A"),
        ({"ct_ratio": 0.0}, "ct_ratio must be above 0"),
        ({"rotation": Rotation.UNKNOWN}, "rotation of a meter must be known"),
        ({"poll_s": 0.0}, "poll_s must be between"),
        ({"timeout_s": 0.0}, "timeout_s must be between"),
        ({"lost_after_s": 1.0}, "lost_after_s must be at least two polls"),
        ({"frozen_after_s": 3.0}, "frozen_after_s must be at least six polls"),
    ],
)
def test_each_mistake_gets_a_sentence(changes: dict[str, Any], words: str) -> None:
    assert words in mistakes(settings(**changes))[0]


def test_a_key_that_does_not_exist_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `pol_s`"):
        msgspec.convert({"name": "grid", "circuit": "main", "host": "h", "pol_s": 1.0}, MeterSettings)


@pytest.mark.parametrize(
    ("due_s", "now_s", "expected_s"),
    [(10.0, 10.02, 11.0), (10.0, 10.0, 11.0), (10.0, 10.999, 11.0), (10.0, 11.2, 12.0), (10.0, 14.9, 15.0)],
)
def test_the_pace_keeps_its_grid_and_skips_what_was_missed(due_s: float, now_s: float, expected_s: float) -> None:
    assert next_due_s(due_s, now_s, 1.0) == pytest.approx(expected_s)
