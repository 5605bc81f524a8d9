"""Control law, rule 4: what a car does not take goes to others, and comes back as soon as it is wanted."""

from __future__ import annotations

from chargemon_edge.balancing.demand import Demand
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.site.layout import Connector
from chargemon_edge.site.units import PerPhase
from tests.unit.balancing.scene import Scene, simple_site

CONNECTOR = Connector(number=1, circuit="main")


def draws(demand: Demand, *amperes: float, limit_a: float, from_s: float, to_s: float, settled: bool = True) -> None:
    current_ma = PerPhase(*(int(value * 1000) for value in amperes))
    limit_ma = int(limit_a * 1000)
    for second in range(int(from_s), int(to_s) + 1, 10):
        demand.measured(current_ma, limit_ma, limit_ma, settled, float(second))


def fresh() -> Demand:
    return Demand(CONNECTOR, Policy())


def test_nothing_measured_means_the_whole_range() -> None:
    assert fresh().cap_ma is None
    assert fresh().terminals == (True, True, True)


def test_drawing_less_for_a_minute_gives_up_the_difference() -> None:
    demand = fresh()
    draws(demand, 10.2, 10.1, 10, limit_a=16, from_s=0, to_s=50)
    assert demand.cap_ma is None
    draws(demand, 10.2, 10.1, 10, limit_a=16, from_s=60, to_s=60)

    assert demand.cap_ma == 14_000


def test_the_highest_draw_of_the_minute_counts() -> None:
    demand = fresh()
    draws(demand, 8, 8, 8, limit_a=16, from_s=0, to_s=30)
    draws(demand, 11, 8, 8, limit_a=16, from_s=40, to_s=40)
    draws(demand, 8, 8, 8, limit_a=16, from_s=50, to_s=60)

    assert demand.cap_ma == 14_000


def test_drawing_within_two_amperes_is_using_it() -> None:
    demand = fresh()
    draws(demand, 14, 14, 14, limit_a=16, from_s=0, to_s=600)

    assert demand.cap_ma is None


def test_nothing_is_learned_while_the_car_still_follows() -> None:
    demand = fresh()
    draws(demand, 6, 6, 6, limit_a=16, from_s=0, to_s=600, settled=False)

    assert demand.cap_ma is None


def test_drawing_near_the_estimate_opens_it() -> None:
    demand = fresh()
    draws(demand, 10, 10, 10, limit_a=16, from_s=0, to_s=60)
    assert demand.cap_ma == 13_000
    draws(demand, 12.1, 12, 12, limit_a=13, from_s=70, to_s=70)

    assert demand.cap_ma == 17_000


def test_the_estimate_never_falls_below_the_minimum() -> None:
    demand = fresh()
    draws(demand, 1.5, 1.5, 1.5, limit_a=16, from_s=0, to_s=60)

    assert demand.cap_ma == 6_000


def test_an_opened_estimate_at_the_top_is_no_estimate() -> None:
    demand = fresh()
    draws(demand, 26, 26, 26, limit_a=32, from_s=0, to_s=60)
    assert demand.cap_ma == 29_000
    draws(demand, 28.5, 28, 28, limit_a=29, from_s=70, to_s=70)

    assert demand.cap_ma is None


def test_a_phase_without_current_is_released_after_a_minute_and_back_at_once() -> None:
    demand = fresh()
    draws(demand, 16, 0.2, 0, limit_a=16, from_s=0, to_s=50)
    seen = [demand.terminals]
    draws(demand, 16, 0.2, 0, limit_a=16, from_s=60, to_s=60)
    seen.append(demand.terminals)
    draws(demand, 16, 5, 0, limit_a=16, from_s=70, to_s=70)
    seen.append(demand.terminals)

    assert seen == [(True, True, True), (True, False, False), (True, True, False)]


def test_a_car_that_draws_nothing_releases_no_phase() -> None:
    demand = fresh()
    draws(demand, 0, 0, 0, limit_a=16, from_s=0, to_s=600)

    assert demand.terminals == (True, True, True)


def test_a_car_that_draws_nothing_for_three_minutes_is_satisfied_until_it_draws() -> None:
    demand = fresh()
    seen = []
    for amperes, from_s, to_s in ((0, 0, 170), (0, 180, 180), (6, 190, 190)):
        draws(demand, amperes, amperes, amperes, limit_a=6, from_s=from_s, to_s=to_s)
        seen.append(demand.satisfied)

    assert seen == [False, True, False]


def test_a_paused_car_is_not_satisfied() -> None:
    demand = fresh()
    draws(demand, 0, 0, 0, limit_a=0, from_s=0, to_s=600)

    assert not demand.satisfied


def test_a_car_above_its_limit_is_noticed_after_seven_seconds() -> None:
    demand = fresh()
    demand.measured(PerPhase(12_000, 0, 0), 10_000, 10_000, True, 100.0)

    assert not demand.overdrawn(106.9)
    assert demand.overdrawn(107.0)
    demand.measured(PerPhase(10_900, 0, 0), 10_000, 10_000, True, 110.0)
    assert not demand.overdrawn(200.0)


def test_others_get_what_one_car_leaves() -> None:
    scene = Scene(simple_site(2, fuse_a=42, background_a=10))
    scene.load(10)
    scene.link("a", "b")
    scene.run(2)
    scene.start("a", "b")
    for _ in range(300):
        scene.run(1, follow=False)
        scene.follow()
        taken_ma = min(8_000, scene.drawn_ma["a"].l1)
        scene.draws("a", *(taken_ma / 1000,) * 3)
        if int(scene.now_s) % 10 == 5:
            scene.report("a")
            scene.report("b")

    assert scene.held_ma("a") == 11_000
    assert scene.held_ma("b") == 21_000
    assert scene.limit("a").reason == "car takes no more than 11 A"
    assert scene.limit("a").source == "car"


def test_a_single_phase_car_on_three_wires_leaves_two_phases_to_others() -> None:
    scene = Scene(simple_site(2, fuse_a=42, background_a=10))
    scene.load(10)
    scene.link("a", "b")
    scene.run(2)
    scene.start("a")
    for _ in range(200):
        scene.run(1, follow=False)
        scene.follow()
        scene.draws("a", scene.drawn_ma["a"].l1 / 1000, 0, 0)
        if int(scene.now_s) % 10 == 5:
            scene.report("a")
    use = scene.tick().plan.circuits["main"]

    assert scene.held_ma("a") == 32_000
    assert use.granted_ma == PerPhase(32_000, 0, 0)


def test_current_on_a_released_phase_is_acted_on_at_the_next_sample() -> None:
    scene = Scene(simple_site(2, fuse_a=42, background_a=10))
    scene.load(10)
    scene.link("a", "b")
    scene.run(2)
    scene.start("a")
    for _ in range(200):
        scene.run(1, follow=False)
        scene.follow()
        scene.draws("a", scene.drawn_ma["a"].l1 / 1000, 0, 0)
        if int(scene.now_s) % 10 == 5:
            scene.report("a")
    scene.load(10, 30, 10)
    scene.run(1, follow=False)
    scene.draws("a", 32, 10, 0)
    scene.report("a")
    scene.now_s += 1
    before = len(scene.orders)
    scene.read()

    assert scene.regulator.sample(scene.picture, scene.now_s).plan.circuits["main"].granted_ma.l2 > 0
    assert [order.limit_ma for _, order in scene.orders[before:]] == [12_000]


def test_a_satisfied_car_waits_behind_everyone_else_for_its_next_try() -> None:
    scene = Scene(simple_site(2, fuse_a=19, background_a=6, fallback_a=0))
    scene.load(6)
    scene.link("a", "b")
    scene.run(2)
    scene.start("a")
    for _ in range(300):
        scene.run(1, follow=False)
        scene.draws("a", 0, 0, 0)
        if int(scene.now_s) % 10 == 5:
            scene.report("a")
    assert scene.held_ma("a") == 6_000
    assert scene.limit("a").reason == "car takes nothing: kept at its minimum for another try"


def test_a_suspended_car_without_measured_current_is_satisfied_too() -> None:
    scene = Scene(simple_site(2))
    scene.load(10)
    scene.link("a", "b")
    scene.run(2)
    scene.start("a")
    scene.status("a", "SuspendedEV")
    scene.run(250, follow=False)

    assert scene.held_ma("a") == 6_000
