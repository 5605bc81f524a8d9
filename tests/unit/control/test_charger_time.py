"""Live values and bursts of old ones, with right and wrong clocks."""

from chargemon_edge.control.charger_time import ChargerTime

LINKED = 1_800_000_000_000


def test_value_by_a_right_clock_is_live() -> None:
    assert ChargerTime(LINKED).is_live(LINKED + 1_000, LINKED + 3_000)


def test_burst_of_kept_values_is_not_live_and_the_first_fresh_one_is() -> None:
    judge = ChargerTime(LINKED)

    burst = [judge.is_live(LINKED - 600_000 + n * 5_000, LINKED + 100 + n * 10) for n in range(13)]

    assert burst == [False] * 13
    assert judge.is_live(LINKED + 900, LINKED + 1_000)


def test_clock_an_hour_behind_becomes_live_by_its_pace() -> None:
    judge = ChargerTime(LINKED)

    verdicts = [judge.is_live(LINKED - 3_600_000 + n * 10_000, LINKED + n * 10_050) for n in range(3)]

    assert verdicts == [False, True, True]


def test_clock_stuck_in_1970_becomes_live_by_its_pace() -> None:
    judge = ChargerTime(LINKED)

    assert not judge.is_live(10_000, LINKED)
    assert judge.is_live(70_000, LINKED + 60_000)


def test_undated_values_are_live_once_the_burst_after_a_reconnect_is_over() -> None:
    judge = ChargerTime(LINKED)

    assert not judge.is_live(None, LINKED + 9_000)
    assert judge.is_live(None, LINKED + 11_000)
