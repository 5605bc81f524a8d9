"""The settings' own checks."""

from __future__ import annotations

from typing import Any

import pytest

from chargemon_edge.store.settings import StoreSettings, mistakes


def test_the_defaults_are_sound() -> None:
    assert mistakes(StoreSettings()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"directory": ""},
        {"record_flush_s": 0.0},
        {"samples_flush_s": 601.0},
        {"keep_samples_days": 0},
        {"keep_minutes_days": 0},
        {"keep_events_days": -1},
        {"samples_size_max_mb": 0},
        {"free_min_percent": 91},
        {"reserve_kb": 1},
        {"waiting_rows_max": 1},
        {"flush_delay_s": -0.1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_each_mistake_is_named_by_its_key(wrong: dict[str, Any]) -> None:
    (words,) = mistakes(StoreSettings(**wrong))

    assert words.startswith(next(iter(wrong)))
