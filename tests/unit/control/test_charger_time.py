"""Live values and bursts of old ones, with right and wrong clocks."""

from chargemon_edge.control.charger_time import ChargerTime
from chargemon_edge.site.facts import Moment

LINKED = 1_800_000_000_000
LINKED_S = 500.0


def came(utc_ms: int) -> Moment:
    return Moment(LINKED_S + (utc_ms - LINKED) / 1000, utc_ms)


def test_value_by_a_right_clock_is_live() -> None:
    assert ChargerTime(LINKED_S).is_live(LINKED + 1_000, came(LINKED + 3_000))


def test_burst_of_kept_values_is_not_live_and_the_first_fresh_one_is() -> None:
    judge = ChargerTime(LINKED_S)

    burst = [judge.is_live(LINKED - 600_000 + n * 5_000, came(LINKED + 100 + n * 10)) for n in range(13)]

    assert burst == [False] * 13
    assert judge.is_live(LINKED + 900, came(LINKED + 1_000))


def test_clock_an_hour_behind_becomes_live_by_its_pace() -> None:
    judge = ChargerTime(LINKED_S)

    verdicts = [judge.is_live(LINKED - 3_600_000 + n * 10_000, came(LINKED + n * 10_050)) for n in range(3)]

    assert verdicts == [False, True, True]


def test_clock_stuck_in_1970_becomes_live_by_its_pace() -> None:
    judge = ChargerTime(LINKED_S)

    assert not judge.is_live(10_000, came(LINKED))
    assert judge.is_live(70_000, came(LINKED + 60_000))


def test_undated_values_are_live_once_the_burst_after_a_reconnect_is_over() -> None:
    judge = ChargerTime(LINKED_S)

    assert not judge.is_live(None, came(LINKED + 9_000))
    assert judge.is_live(None, came(LINKED + 11_000))


def test_our_own_clock_being_set_between_two_values_changes_nothing() -> None:
    judge = ChargerTime(LINKED_S)
    years = 3 * 365 * 86_400_000

    assert not judge.is_live(10_000, came(LINKED))
    assert judge.is_live(70_000, Moment(LINKED_S + 60, LINKED + years))
    assert judge.is_live(None, Moment(LINKED_S + 70, LINKED - years))
