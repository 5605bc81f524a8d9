"""What the configuration may say of an upstream, and what is wrong with it, in words."""

from __future__ import annotations

from typing import Any

import pytest

from chargemon_edge.upstream.settings import UpstreamSettings, mistakes


def settings(**changes: Any) -> UpstreamSettings:
    return UpstreamSettings(**{"name": "operator", "host": "broker.example", "site": "hof-7", **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"answers_below": ("desk/+",)}, "must be plain words"),
        ({"answers_below": ("",)}, "must be plain words"),
        ({"answers_below": ("cm/v1",)}, "has what sites say and hear below it"),
        ({"answers_below": ("cm",)}, "has what sites say and hear below it"),
        ({"answers_below": ("cm/v1/hof-8/in",)}, "has what sites say and hear below it"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], words: str) -> None:
    (said,) = mistakes(settings(**changes))

    assert words in said


@pytest.mark.parametrize("changes", [{}, {"answers_below": ("desk/answers", "cm/v2")}])
def test_what_is_sound(changes: dict[str, Any]) -> None:
    assert mistakes(settings(**changes)) == []
