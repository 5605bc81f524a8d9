"""Control law, rules 1 to 3: the fast path lowers, the slow path raises, and shrinking comes before growing."""

from __future__ import annotations

from itertools import pairwise

from chargemon_edge.balancing.policy import Policy
from chargemon_edge.site.units import PerPhase, Rotation
from tests.unit.balancing.scene import ONE_PHASE, Scene, simple_site

FUSE_MA = 63_000


def charging(*names: str, seconds: int = 120, load: float = 10, policy: Policy | None = None) -> Scene:
    scene = Scene(simple_site(max(len(names), 2)), policy)
    scene.load(load)
    scene.link(*(charge_point.identity for charge_point in scene.site.charge_points))
    scene.run(2)
    scene.start(*names)
    scene.run(seconds)
    return scene


def test_a_lone_car_is_raised_in_steps_to_its_maximum() -> None:
    scene = charging("a")
    limits = [order.limit_ma for _, order in scene.orders if not order.refresh]

    assert limits == [6_000, 10_000, 14_000, 18_000, 22_000, 26_000, 30_000, 32_000]


def test_an_overloaded_fuse_lowers_at_the_first_sample() -> None:
    scene = charging("a")
    scene.load(45)
    scene.now_s += 1
    decision = scene.read()

    assert [order.limit_ma for order in decision.orders] == [18_000]
    assert decision.plan.limits[scene.orders[-1][1].key].reason == "shared fuse 'main' on L1"


def test_the_decrease_is_not_repeated_while_the_car_follows() -> None:
    scene = charging("a")
    scene.load(45)
    before_s = scene.now_s
    for _ in range(5):
        scene.now_s += 1
        scene.read()

    assert [order.limit_ma for order in scene.orders_since(before_s)] == [18_000]


def test_a_higher_step_lowers_again_although_the_first_decrease_is_not_followed_yet() -> None:
    scene = charging("a")
    scene.load(45)
    scene.now_s += 1
    scene.read()
    scene.load(50)
    scene.now_s += 1

    assert [order.limit_ma for order in scene.read().orders] == [13_000]


def test_an_overload_that_outlasts_the_decrease_is_met_with_more_and_more() -> None:
    """The car takes less than it may and its charger reports no current: the first decreases change nothing."""
    scene = Scene(simple_site(1))
    scene.load(10)
    scene.link("a")
    scene.run(2)
    scene.start("a")
    for _ in range(120):
        scene.draws("a", 10, 10, 10)
        scene.run(1, follow=False)
    assert (scene.held_ma("a") or 0) > 20_000
    scene.load(55)
    overload_s = scene.now_s
    while scene.now_s < overload_s + 25 and (scene.held_ma("a") or 0) > 8_000:
        scene.now_s += 1
        scene.read()

    assert scene.now_s < overload_s + 25


def test_no_overload_no_order_on_the_fast_path() -> None:
    scene = charging("a", "b")
    before = scene.regulator.sample(scene.picture, scene.now_s).plan
    scene.now_s += 1
    decision = scene.read()

    assert decision.orders == ()
    assert decision.plan is before


def test_background_that_leaves_too_little_for_the_minimum_pauses_the_car() -> None:
    scene = charging("a")
    scene.load(58)
    scene.now_s += 1

    assert [order.limit_ma for order in scene.read().orders] == [0]


def test_a_load_that_goes_is_believed_only_after_the_whole_window() -> None:
    scene = charging("a")
    scene.load(45)
    scene.run(20)
    scene.load(10)
    scene.now_s += 1
    scene.read()
    freed_s = scene.now_s
    scene.run(60)
    raised = [at_s for at_s, order in scene.orders if at_s > freed_s and not order.refresh]

    assert raised[0] - freed_s >= scene.policy.raise_window_s


def test_a_load_that_comes_and_goes_faster_than_the_window_moves_nobody() -> None:
    scene = charging("a")
    scene.load(45)
    scene.run(60)
    settled_s = scene.now_s
    for _ in range(10):
        scene.load(20)
        scene.run(10)
        scene.load(45)
        scene.run(10)

    assert {order.limit_ma for order in scene.orders_since(settled_s + 1)} == {18_000}


def test_exported_current_is_no_room() -> None:
    scene = charging("a", "b", load=-40, seconds=200)

    assert scene.held_ma("a") == 31_500
    assert scene.held_ma("b") == 31_500


def paused_fallback(*names: str, fuse_a: int, count: int) -> Scene:
    """Chargers that fall back to nothing: a newcomer starts only when it is told to."""
    scene = Scene(simple_site(count, fuse_a=fuse_a, background_a=6, fallback_a=0))
    scene.load(6)
    scene.link(*(charge_point.identity for charge_point in scene.site.charge_points))
    scene.run(2)
    scene.start(*names)
    scene.run(120)
    return scene


def test_a_newcomer_waits_until_the_decrease_that_makes_room_is_followed() -> None:
    scene = paused_fallback("a", fuse_a=20, count=2)
    assert scene.held_ma("a") == 14_000
    scene.start("b")
    joined_s = scene.now_s
    # nobody reports a current: only time tells that the car has followed
    scene.run(12, follow=False)
    scene.follow()
    scene.run(60, follow=False)
    orders = [(at_s, order.key.charge_point, order.limit_ma) for at_s, order in scene.orders if at_s > joined_s]
    lowered_s = next(at_s for at_s, name, limit_ma in orders if (name, limit_ma) == ("a", 7_000))
    started_s = next(at_s for at_s, name, limit_ma in orders if (name, limit_ma) == ("b", 6_000))

    assert started_s - lowered_s > scene.policy.settle_s


def test_a_newcomer_starts_at_once_when_the_charger_shows_that_the_car_has_followed() -> None:
    scene = paused_fallback("a", fuse_a=20, count=2)
    scene.start("b")
    scene.now_s += 1
    scene.read()
    scene.tick()
    assert scene.held_ma("a") == 7_000
    scene.now_s += 3
    scene.follow()
    scene.report("a")
    scene.read()

    assert ("b", 6_000) in [(order.key.charge_point, order.limit_ma) for order in scene.tick().orders]


def test_an_increase_waits_for_an_unanswered_decrease() -> None:
    scene = paused_fallback("a", fuse_a=20, count=2)
    scene.deaf.add("a")
    scene.start("b")
    joined_s = scene.now_s
    scene.run(60, follow=False)

    given = [order.limit_ma for order in scene.orders_since(joined_s) if order.key.charge_point == "b"]
    assert set(given) == {0}
    assert scene.limit("a").limit_ma == 14_000
    assert scene.limit("a").reason == "answer overdue: 14 A counted until it answers"


def test_one_connector_rises_at_most_once_per_period() -> None:
    scene = charging("a", seconds=19)
    count = len(scene.orders)
    assert count == 2
    for _ in range(8):
        scene.now_s += 1
        scene.tick()

    assert len(scene.orders) == count


def test_trifles_are_not_sent() -> None:
    scene = charging("a", "b", seconds=200)
    settled_s = scene.now_s
    scene.load(9.2)
    scene.run(100)

    assert all(order.refresh for order in scene.orders_since(settled_s + 1))


def test_a_small_decrease_is_sent_when_the_fuse_needs_it() -> None:
    scene = charging("a", "b", seconds=200)
    held_ma = (scene.held_ma("a") or 0) + (scene.held_ma("b") or 0)
    scene.load(63 - held_ma / 1000 + 0.4)
    scene.now_s += 1
    decision = scene.read()

    assert sum(order.limit_ma for order in decision.orders) == held_ma - 400


def test_the_same_picture_twice_gives_no_second_order() -> None:
    scene = charging("a", "b", seconds=37)
    scene.tick()

    assert scene.tick().orders == ()


def test_the_lease_is_renewed_at_half_time() -> None:
    scene = charging("a", seconds=400)
    renewed = [at_s for at_s, order in scene.orders if order.refresh]
    gaps = [later - earlier for earlier, later in pairwise(renewed)]

    assert gaps
    assert set(gaps) == {60.0}


def test_a_single_phase_car_is_not_stopped_by_a_phase_it_does_not_use() -> None:
    scene = Scene(simple_site(1, conductors=ONE_PHASE))
    scene.link("a")
    scene.load(10)
    scene.run(2)
    scene.start("a")
    scene.run(120)
    scene.load(10, 70, 10)
    scene.now_s += 1

    assert scene.read().orders == ()
    assert scene.held_ma("a") == 32_000


def test_a_peak_between_two_ticks_counts_for_the_whole_window() -> None:
    scene = charging("a", seconds=43)
    held_ma = scene.held_ma("a") or 0
    assert 14_000 <= held_ma < 32_000
    # not above the fuse, and gone again before the next division
    scene.load((FUSE_MA - held_ma) / 1000 - 1)
    scene.run(2)
    scene.load(10)
    peak_s = scene.now_s
    scene.run(25)
    raised = [order.limit_ma for order in scene.orders_since(peak_s) if order.limit_ma > held_ma + 1_000]

    assert raised == []


def test_above_the_fuse_nobody_is_believed_to_have_followed_an_increase() -> None:
    scene = charging("a", seconds=38)
    before_ma = scene.drawn_ma["a"].l1
    scene.run(1, follow=False)
    told_ma = scene.held_ma("a") or 0
    assert told_ma > before_ma
    scene.load((FUSE_MA - before_ma) / 1000 + 2)
    scene.now_s += 1

    assert [order.limit_ma for order in scene.read().orders] == [before_ma - 2_000]


def test_below_the_fuse_a_car_is_believed_to_follow_an_increase() -> None:
    """Else its own rise would look like somebody else's load, and be taken back."""
    scene = charging("a", load=40, seconds=38)
    assert scene.orders[-1][1].limit_ma > scene.drawn_ma["a"].l1
    scene.load(FUSE_MA / 1000 - (scene.held_ma("a") or 0) / 1000)
    scene.follow()
    scene.now_s += 3
    scene.read()

    assert [order for order in scene.tick().orders if not order.refresh] == []


def test_a_car_that_stopped_drawing_in_silence_gives_no_room_to_others() -> None:
    scene = Scene(simple_site(2, fuse_a=42, background_a=10))
    scene.load(10)
    scene.link("a", "b")
    scene.run(2)
    scene.start("a", "b")
    scene.run(150)
    assert (scene.held_ma("a"), scene.held_ma("b")) == (16_000, 16_000)
    # a takes 16 A no more, but says nothing for longer than the window
    for _ in range(90):
        scene.draws("a", 0, 0, 0)
        scene.run(1, follow=False)
        if int(scene.now_s) % 10 == 0:
            scene.report("b")

    assert (scene.held_ma("a") or 0) + (scene.held_ma("b") or 0) <= 32_000


def test_a_current_on_an_unknown_phase_is_subtracted_from_none() -> None:
    scene = Scene(simple_site(1, conductors=ONE_PHASE, rotation=Rotation.UNKNOWN))
    scene.load(10)
    scene.link("a")
    scene.run(2)
    scene.start("a")
    scene.run(200)
    use = scene.tick().plan.circuits["main"]
    drawn_ma = scene.held_ma("a") or 0

    # what the meter shows on the car's phase counts as background there, and its limit on every phase
    assert use.background_ma.l1 >= 10_000 + drawn_ma - 1_000
    assert use.granted_ma == PerPhase(drawn_ma, drawn_ma, drawn_ma)
