"""When a meter is good, suspect or lost."""

from __future__ import annotations

from chargemon_edge.meters.freshness import Freshness, Standing, Steadiness


def watch(now_s: float = 100.0) -> Freshness:
    return Freshness(lost_after_s=10, frozen_after_s=30, now_s=now_s)


def test_nothing_is_known_before_the_first_sample() -> None:
    fresh = watch()

    assert fresh.standing is Standing.STARTING
    assert fresh.missed("refused", 109.9) is Standing.STARTING


def test_a_meter_that_never_answers_is_lost() -> None:
    fresh = watch()

    assert fresh.missed("refused", 110.0) is Standing.LOST
    assert fresh.why == "no good sample for 10 s: refused"


def test_the_first_good_sample_is_enough() -> None:
    fresh = watch()
    fresh.missed("refused", 111.0)

    assert fresh.sample("a", 112.0) is Standing.GOOD
    assert fresh.why == ""


def test_missed_samples_are_forgiven_for_a_while() -> None:
    fresh = watch()
    fresh.sample("a", 101.0)

    assert fresh.missed("no answer", 110.9) is Standing.GOOD
    assert fresh.missed("no answer", 111.0) is Standing.LOST


def test_a_good_sample_in_between_starts_the_count_again() -> None:
    fresh = watch()
    fresh.sample("a", 101.0)
    fresh.missed("no answer", 110.0)
    fresh.sample("b", 110.5)

    assert fresh.missed("no answer", 120.0) is Standing.GOOD


def test_readings_that_stand_still_are_held_back_and_then_lost() -> None:
    fresh = watch()

    assert [fresh.sample("same", 100.0 + second) for second in (0, 9, 10, 29, 30)] == [
        Standing.GOOD,
        Standing.GOOD,
        Standing.SUSPECT,
        Standing.SUSPECT,
        Standing.LOST,
    ]
    assert fresh.why == "every reading has stood still for 30 s"


def test_any_change_makes_a_suspect_meter_good() -> None:
    fresh = watch()
    fresh.sample("same", 100.0)
    fresh.sample("same", 115.0)

    assert fresh.sample("other", 116.0) is Standing.GOOD
    assert fresh.sample("other", 125.9) is Standing.GOOD


def test_a_frozen_meter_stays_lost_until_something_moves() -> None:
    fresh = watch()
    fresh.sample("same", 100.0)
    fresh.sample("same", 130.0)

    assert fresh.sample("same", 200.0) is Standing.LOST
    assert fresh.sample("other", 201.0) is Standing.GOOD


def test_a_gateway_that_comes_back_with_its_old_data_is_not_believed() -> None:
    fresh = watch()
    fresh.sample("before", 100.0)
    fresh.missed("no answer", 112.0)

    assert fresh.sample("before", 113.0) is Standing.LOST
    assert fresh.sample("after", 114.0) is Standing.GOOD


def test_an_unchanged_sample_after_a_short_gap_is_still_good() -> None:
    fresh = watch()
    fresh.sample("a", 100.0)
    fresh.missed("no answer", 104.0)

    assert fresh.sample("a", 105.0) is Standing.GOOD


def test_a_suspect_meter_that_falls_silent_is_lost_no_later_than_a_frozen_one() -> None:
    fresh = watch()
    fresh.sample("same", 100.0)
    fresh.sample("same", 125.0)

    assert fresh.missed("no answer", 129.0) is Standing.SUSPECT
    assert fresh.missed("no answer", 130.0) is Standing.LOST


def test_the_first_reason_of_a_loss_is_kept() -> None:
    fresh = watch()
    fresh.missed("refused", 110.0)
    fresh.missed("no route", 150.0)

    assert fresh.why == "no good sample for 10 s: refused"


def windows(*bad: int) -> tuple[Steadiness, list[bool]]:
    """A meter that missed so many samples in each window, and whether that changed the verdict."""
    steadiness = Steadiness()
    changed = []
    for missed in bad:
        polls = [steadiness.count(good=poll >= missed) for poll in range(Steadiness.WINDOW)]
        assert not any(polls[:-1]), "it speaks at the end of a window only"
        changed.append(polls[-1])
    return steadiness, changed


def test_a_meter_that_misses_a_tenth_of_its_samples_is_unsteady() -> None:
    assert windows(9)[1] == [False]
    steadiness, changed = windows(0, 10, 40, 0)

    assert changed == [False, True, False, True]
    assert not steadiness.unsteady
    assert windows(25)[0].bad == 25
