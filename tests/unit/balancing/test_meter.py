"""Control law, rule 6: what happens when the meter is late, lost, back, or nested below another."""

from __future__ import annotations

from msgspec.structs import replace

from chargemon_edge.balancing.plan import Decision
from chargemon_edge.site import facts
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector, MeterPlace, Site
from chargemon_edge.site.units import PerPhase, same_on_all
from tests.unit.balancing.scene import Scene, simple_site


def charging(*names: str, seconds: int = 150, fallback_a: int = 6) -> Scene:
    scene = Scene(simple_site(2, fallback_a=fallback_a))
    scene.load(10)
    scene.link("a", "b")
    scene.run(2)
    scene.start(*names)
    scene.run(seconds)
    return scene


def without_meter(scene: Scene, seconds: float) -> Decision:
    scene.now_s += seconds
    return scene.tick()


def test_nothing_is_raised_after_three_seconds_without_a_reading() -> None:
    scene = charging("a", seconds=19)
    decision = without_meter(scene, 4)

    assert decision.orders == ()
    assert decision.plan.why == "no increase: last reading of 'grid' is too old"
    assert scene.limit("a").reason == "no increase: last reading of meter 'grid' is too old"


def test_after_ten_seconds_everyone_goes_to_the_fallback_in_one_burst() -> None:
    scene = charging("a", "b")
    decision = without_meter(scene, 10.5)

    assert [order.limit_ma for order in decision.orders] == [6_000, 6_000]
    assert decision.plan.why == "meter lost: fallback current behind 'grid'"
    assert {limit.source for limit in decision.plan.limits.values()} == {"meter"}


def test_a_meter_reported_lost_is_lost_at_once() -> None:
    scene = charging("a", "b")
    scene.say(facts.MeterLost(at=scene.at, meter="grid", reason="readings stand still"))

    assert [order.limit_ma for order in scene.tick().orders] == [6_000, 6_000]


def test_a_fallback_of_nothing_pauses() -> None:
    scene = charging("a", fallback_a=0)
    decision = without_meter(scene, 11)

    assert [order.limit_ma for order in decision.orders] == [0]
    assert scene.limit("a").reason == "meter 'grid' lost: fallback current"


def test_a_meter_that_never_spoke_is_lost_ten_seconds_after_our_start() -> None:
    scene = Scene(simple_site(2))
    scene.link("a", "b")
    scene.start("a")
    scene.now_s += 5
    assert scene.tick().plan.why == "starting: no reading of 'grid' yet"
    scene.now_s += 6

    assert scene.tick().plan.why == "meter lost: fallback current behind 'grid'"


def test_a_meter_that_is_back_is_trusted_only_after_thirty_seconds() -> None:
    scene = charging("a")
    scene.metered = False
    scene.run(30)
    assert scene.held_ma("a") == 6_000
    scene.metered = True
    back_s = scene.now_s + 1
    scene.run(20)
    assert scene.tick().plan.why == "meter back: fallback current until readings of 'grid' have lasted"
    scene.run(60)
    raised = [at_s for at_s, order in scene.orders if at_s > back_s and not order.refresh]

    assert raised[0] - back_s >= scene.policy.meter_back_s
    assert (scene.held_ma("a") or 0) > 6_000


def test_a_gap_while_coming_back_starts_the_wait_again() -> None:
    scene = charging("a")
    scene.metered = False
    scene.run(30)
    scene.metered = True
    scene.run(25)
    scene.metered = False
    scene.run(5)
    scene.metered = True
    again_s = scene.now_s + 1
    scene.run(60)
    raised = [at_s for at_s, order in scene.orders if at_s > again_s and not order.refresh]

    assert raised[0] - again_s >= scene.policy.meter_back_s


def test_more_measured_than_configured_counts_even_while_the_meter_is_not_trusted_yet() -> None:
    scene = charging("a", "b")
    scene.metered = False
    scene.run(30)
    scene.metered = True
    scene.load(53)
    scene.run(3)

    assert sorted((scene.held_ma("a"), scene.held_ma("b")), key=str) == [0, 6_000]


def nested() -> Site:
    """A garage with its own fuse and meter below the house; a wallbox beside it on the house's fuse."""
    return Site(
        circuits=(
            Circuit(name="house", fuse_ma=same_on_all(63_000), background_ma=same_on_all(20_000)),
            Circuit(name="garage", parent="house", fuse_ma=same_on_all(32_000), background_ma=same_on_all(5_000)),
        ),
        charge_points=(
            ChargePoint(identity="a", connectors=(Connector(number=1, circuit="garage"),)),
            ChargePoint(identity="b", connectors=(Connector(number=1, circuit="house"),)),
        ),
        meters=(MeterPlace(name="main", circuit="house"), MeterPlace(name="sub", circuit="garage")),
    )


def read_both(scene: Scene, house_a: int, garage_a: int) -> Decision:
    for meter, amperes in (("main", house_a), ("sub", garage_a)):
        scene.say(facts.MeterRead(at=scene.at, meter=meter, current_ma=same_on_all(amperes * 1000)))
    return scene.send(scene.regulator.sample(scene.picture, scene.now_s))


def run_nested(seconds: int, house_a: int, garage_a: int) -> Scene:
    scene = Scene(nested())
    scene.link("a", "b")
    read_both(scene, house_a, garage_a)
    scene.start("a", "b")
    for second in range(seconds):
        scene.now_s += 1
        scene.follow()
        a_ma, b_ma = scene.drawn_ma["a"].l1 // 1000, scene.drawn_ma["b"].l1 // 1000
        read_both(scene, house_a + garage_a + a_ma + b_ma, garage_a + a_ma)
        if second % 10 == 0:
            scene.report("a")
            scene.report("b")
            scene.tick()
    return scene


def test_each_meter_counts_for_its_own_fuse() -> None:
    scene = run_nested(200, house_a=10, garage_a=12)

    assert (scene.held_ma("a"), scene.held_ma("b")) == (20_000, 21_000)
    assert scene.limit("a").reason == "shared fuse 'garage' on L1"
    assert scene.limit("b").reason == "shared fuse 'house' on L1"


def test_a_lost_lower_meter_sends_only_those_behind_it_to_the_fallback() -> None:
    scene = run_nested(200, house_a=10, garage_a=12)
    scene.say(facts.MeterLost(at=scene.at, meter="sub", reason="no answer"))
    decision = scene.tick()

    assert [(order.key.charge_point, order.limit_ma) for order in decision.orders] == [("a", 6_000)]
    assert scene.limit("b").source != "meter"


def test_an_overload_on_one_phase_of_the_lower_fuse_is_met_at_the_next_sample() -> None:
    scene = run_nested(200, house_a=10, garage_a=12)
    scene.now_s += 1
    scene.say(facts.MeterRead(at=scene.at, meter="main", current_ma=same_on_all(53_000)))
    scene.say(facts.MeterRead(at=scene.at, meter="sub", current_ma=PerPhase(32_000, 35_000, 32_000)))
    orders = scene.regulator.sample(scene.picture, scene.now_s).orders

    assert [(order.key.charge_point, order.limit_ma) for order in orders] == [("a", 17_000)]


def test_a_power_limit_is_kept_by_measured_current() -> None:
    site = simple_site(1)
    scene = Scene(replace(site, circuits=(replace(site.root, max_power_w=27_600, background_ma=same_on_all(10_000)),)))
    scene.load(10)
    scene.link("a")
    scene.run(2)
    scene.start("a")
    scene.run(150)

    assert scene.held_ma("a") == 30_000
    assert scene.limit("a").reason == "power limit of 'main'"
    scene.load(14)
    scene.now_s += 1
    assert [order.limit_ma for order in scene.read().orders] == [26_000]
