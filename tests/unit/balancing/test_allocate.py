"""The division by examples that can be done in the head."""

from __future__ import annotations

from chargemon_edge.balancing.allocate import Contender, Grant, Problem, allocate
from chargemon_edge.site.layout import ConnectorKey


def asks(
    name: str,
    *rows: int,
    low: int = 6_000,
    top: int = 32_000,
    step: int = 100,
    rank: float = 0,
    priority: int = 0,
    weight: int = 1,
    keeps: bool = False,
) -> Contender:
    return Contender(
        ConnectorKey(name, 1), low, top, step, tuple((row, 1) for row in rows), (rank,), priority, weight, keeps
    )


def divide(capacity: list[int], *contenders: Contender, strict: bool = False) -> dict[str, Grant]:
    found = allocate(Problem(capacity, contenders, "strict" if strict else "share"))
    return {key.charge_point: grant for key, grant in found.grants.items()}


def test_nobody_asks() -> None:
    assert divide([10_000]) == {}


def test_two_share_a_fuse() -> None:
    assert divide([40_000], asks("a", 0), asks("b", 0)) == {"a": Grant(20_000, 0), "b": Grant(20_000, 0)}


def test_what_one_does_not_take_the_other_gets() -> None:
    assert divide([40_000], asks("a", 0, top=10_000), asks("b", 0)) == {"a": Grant(10_000, None), "b": Grant(30_000, 0)}


def test_room_for_everyone_leaves_nobody_bound() -> None:
    assert divide([80_000], asks("a", 0), asks("b", 0)) == {"a": Grant(32_000, None), "b": Grant(32_000, None)}


def test_the_last_step_goes_by_rank() -> None:
    found = divide([20_100], asks("a", 0, rank=2), asks("b", 0, rank=1))

    assert (found["a"].limit_ma, found["b"].limit_ma) == (10_000, 10_100)


def test_only_whole_amperes_for_a_charger_that_knows_no_others() -> None:
    found = divide([17_500], asks("a", 0, step=1_000), asks("b", 0, step=1_000, rank=1))

    assert (found["a"].limit_ma, found["b"].limit_ma) == (9_000, 8_000)


def test_a_finer_charger_takes_what_the_coarse_ones_leave() -> None:
    found = divide([17_500], asks("a", 0, step=1_000), asks("b", 0, rank=1))

    assert (found["a"].limit_ma, found["b"].limit_ma) == (8_000, 9_500)


def test_too_little_for_two_minimums_makes_the_second_wait() -> None:
    found = divide([11_900], asks("a", 0, rank=2), asks("b", 0, rank=1))

    assert found == {"a": Grant(0, 0), "b": Grant(11_900, 0)}


def test_less_than_nothing_admits_nobody() -> None:
    assert divide([-1], asks("a", 0)) == {"a": Grant(0, 0)}


def test_a_maximum_below_the_minimum_gets_nothing() -> None:
    assert divide([63_000], asks("a", 0, top=5_900)) == {"a": Grant(0, None)}


def test_a_small_car_may_still_come_in_where_a_big_one_does_not_fit() -> None:
    found = divide([8_000], asks("big", 0, low=9_200), asks("small", 0, rank=1))

    assert (found["big"].limit_ma, found["small"].limit_ma) == (0, 8_000)


def test_a_lower_fuse_binds_its_own_and_frees_the_others() -> None:
    found = divide([60_000, 16_000], asks("a", 0, 1), asks("b", 0, 1), asks("c", 0, top=63_000))

    assert found == {"a": Grant(8_000, 1), "b": Grant(8_000, 1), "c": Grant(44_000, 0)}


def test_weights_share_in_proportion() -> None:
    found = divide([45_000], asks("a", 0, weight=2), asks("b", 0))

    assert (found["a"].limit_ma, found["b"].limit_ma) == (30_000, 15_000)


def test_shared_classes_all_get_their_minimum_first() -> None:
    found = divide([40_000], asks("late", 0, priority=1), asks("early", 0))

    assert (found["early"].limit_ma, found["late"].limit_ma) == (32_000, 8_000)


def test_strict_classes_are_filled_one_after_the_other() -> None:
    found = divide([36_000], asks("late", 0, priority=1), asks("early", 0), strict=True)

    assert (found["early"].limit_ma, found["late"].limit_ma) == (32_000, 0)


def test_who_has_just_begun_is_kept_before_a_better_class_but_filled_after_it() -> None:
    for strict in (False, True):
        found = divide([20_000], asks("late", 0, priority=1, keeps=True), asks("early", 0), strict=strict)

        assert (found["early"].limit_ma, found["late"].limit_ma) == (14_000, 6_000)


def test_a_row_may_weigh_a_connector_more_than_once() -> None:
    three_phase = Contender(ConnectorKey("a", 1), 6_000, 32_000, 100, ((0, 3),))

    assert divide([47_700], three_phase) == {"a": Grant(15_900, 0)}


def test_what_is_left_is_told() -> None:
    found = allocate(Problem([50_000, 9_000], [asks("a", 0), asks("b", 1)]))

    assert list(found.spare_ma) == [18_000, 0]
