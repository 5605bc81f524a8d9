"""The breaker model keeps what IEC 60898-1 fixes, on the fast side of what it leaves open."""

from __future__ import annotations

import pytest

from chargemon_edge.sim.breaker import Breaker


def _seconds_to_trip(ratio: float, *, warm: float = 0.0, longest_s: int = 7_200) -> int | None:
    breaker = Breaker(63_000)
    for _ in range(1_000 if warm else 0):
        breaker.step(round(63_000 * warm), 1.0)
    for second in range(1, longest_s + 1):
        breaker.step(round(63_000 * ratio), 1.0)
        if breaker.tripped:
            return second
    return None


@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.05, 1.129])
def test_holds_for_ever_below_1_13(ratio: float) -> None:
    assert _seconds_to_trip(ratio, warm=1.0) is None


def test_trips_within_the_hour_at_1_45() -> None:
    assert 0 < (_seconds_to_trip(1.45) or 9_999) <= 3_600


def test_trips_between_1_and_60_s_at_2_55() -> None:
    assert 1 <= (_seconds_to_trip(2.55) or 9_999) <= 60


def test_warm_it_gives_about_twenty_seconds_at_1_5() -> None:
    assert 15 <= (_seconds_to_trip(1.5, warm=1.0) or 9_999) <= 25


def test_a_short_circuit_opens_it_at_once_in_both_directions() -> None:
    for sign in (1, -1):
        breaker = Breaker(16_000)
        breaker.step(sign * 60_000, 1.0)

        assert breaker.tripped


def test_it_counts_the_seconds_above_its_rating_and_above_1_13() -> None:
    breaker = Breaker(10_000)
    for current_ma in [9_000] * 5 + [10_500] * 4 + [11_400] * 3:
        breaker.step(current_ma, 1.0)

    assert (breaker.above_rated_s, breaker.above_holds_s, breaker.peak_ma) == (7.0, 3.0, 11_400)
    assert 0 < breaker.strain < 1
