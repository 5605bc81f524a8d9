"""Control law, rules 5 and 9: who cannot be commanded is counted at the most it may draw."""

from __future__ import annotations

import pytest

from chargemon_edge.balancing.plan import Order
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.layout import Site
from chargemon_edge.site.picture import ChargePointPicture, ConnectorPicture, HeldLimit, SitePicture, Transaction
from tests.unit.balancing.scene import START_S, Scene, simple_site


def last_order(scene: Scene, name: str) -> Order:
    return next(order for _, order in reversed(scene.orders) if order.key.charge_point == name)


def scene_of(*names: str, count: int = 3, load: float = 10) -> Scene:
    scene = Scene(simple_site(count))
    scene.load(load)
    scene.link(*names)
    scene.run(2)
    return scene


def test_before_anything_is_known_everyone_counts_whole() -> None:
    scene = Scene(simple_site(3))

    assert {scene.limit(name).limit_ma for name in "abc"} == {32_000}


def test_an_idle_confirmed_site_gives_everything_to_the_one_who_charges() -> None:
    scene = scene_of("a", "b", "c")
    scene.start("a")
    scene.run(120)

    assert scene.held_ma("a") == 32_000
    assert scene.limit("b").reason == "no car"


@pytest.mark.parametrize("status", ["Preparing", "SuspendedEV", "Finishing", "Reserved", "Faulted", "Charging"])
def test_without_a_transaction_the_fallback_is_counted(status: str) -> None:
    scene = scene_of("a", "b", "c")
    scene.status("b", status)

    assert scene.limit("b").limit_ma == 6_000
    assert scene.limit("b").source == "fail-safe"


@pytest.mark.parametrize("status", ["Available", "Preparing", "Unavailable"])
def test_an_unconfirmed_fallback_counts_the_whole_range(status: str) -> None:
    scene = scene_of("a")
    scene.link("b", fail_safe=False, status=status)

    assert scene.limit("b").limit_ma == 32_000


def test_a_new_transaction_counts_at_the_fallback_until_it_holds_a_limit() -> None:
    scene = scene_of("a", "b")
    scene.deaf.add("a")
    scene.start("a")
    scene.now_s += 2
    scene.read()
    scene.tick()
    scene.now_s += 7
    scene.read()

    # told 6 A, no answer: it holds its fallback of 6 A or the 6 A it was told
    assert scene.limit("a").limit_ma == 6_000


def test_a_transaction_on_a_charger_without_confirmed_fallback_counts_whole_until_it_holds_a_limit() -> None:
    scene = scene_of("a", "b")
    scene.link("c", fail_safe=False)
    scene.deaf.add("c")
    scene.start("a", "c")
    scene.run(30, follow=False)

    assert scene.limit("c").limit_ma == 32_000
    assert (scene.held_ma("a") or 0) <= 63_000 - 10_000 - 32_000
    scene.deaf.clear()
    scene.accept(last_order(scene, "c"))
    scene.run(60, follow=False)

    assert scene.limit("c").limit_ma < 32_000


def test_out_of_reach_counts_what_it_may_hold_until_its_lease_is_over() -> None:
    scene = scene_of("a", "b", "c")
    scene.start("a")
    scene.run(85)
    held = scene.picture.connector("a", 1).held
    assert held is not None
    assert held.limit_ma == 32_000
    scene.unlink("a")
    assert scene.limit("a").limit_ma == 32_000
    scene.now_s = held.sent_mono_s + held.lease_s - 1
    assert scene.limit("a").limit_ma == 32_000
    scene.now_s = held.sent_mono_s + held.lease_s + 6
    assert scene.limit("a").limit_ma == 6_000


def test_the_unused_increase_of_a_charger_out_of_reach_hides_no_other_load() -> None:
    scene = scene_of("a", "b", count=2)
    scene.start("a", "b")
    scene.run(28)
    held_ma, drawn_ma = scene.held_ma("a") or 0, scene.drawn_ma["a"].l1
    # told a moment ago; its car takes nothing of it, and it is gone before it could say so
    assert held_ma == drawn_ma + 4_000
    scene.unlink("a")
    _others_follow(scene, 56, a_ma=drawn_ma)
    other_ma = scene.held_ma("b") or 0
    # room for what is drawn, but not for what may be drawn
    scene.load((63_000 - held_ma - other_ma + 3_000) / 1000)
    _others_follow(scene, 10, a_ma=drawn_ma)

    assert scene.held_ma("b") == other_ma - 3_000


def _others_follow(scene: Scene, seconds: int, *, a_ma: int) -> None:
    """Time passes: all but a follow their limits and report; a stays at *a_ma*."""
    for _ in range(seconds):
        scene.follow()
        scene.draws("a", *(a_ma / 1000,) * 3)
        if int(scene.now_s) % 10 == 9:
            scene.report("b")
        scene.run(1, follow=False)


def test_out_of_reach_while_waiting_counts_the_fallback() -> None:
    scene = Scene(simple_site(3, fuse_a=25, background_a=6))
    scene.load(18)
    scene.link("a", "b", "c")
    scene.run(2)
    scene.start("a", "b")
    scene.run(40)
    waiting = next(name for name in "ab" if scene.held_ma(name) == 0)
    scene.unlink(waiting)

    assert scene.limit(waiting).limit_ma == 6_000


def test_out_of_reach_without_a_transaction_counts_the_fallback() -> None:
    scene = scene_of("a", "b", "c")
    scene.unlink("b")

    assert scene.limit("b").limit_ma == 6_000


def test_out_of_reach_and_never_confirmed_counts_whole() -> None:
    scene = scene_of("a")
    scene.link("b", fail_safe=False)
    scene.unlink("b")

    assert scene.limit("b").limit_ma == 32_000


def test_an_unanswered_order_counts_when_the_link_breaks() -> None:
    scene = scene_of("a", "b", "c")
    scene.start("a")
    scene.run(15)
    assert scene.held_ma("a") == 6_000
    scene.deaf.add("a")
    scene.run(5)
    assert scene.orders[-1][1].limit_ma == 10_000
    scene.unlink("a")

    assert scene.limit("a").limit_ma == 10_000


def restored(
    *,
    held_ma: int | None,
    fail_safe_ma: int | None = 6_000,
    transaction: bool = True,
    names: str = "a",
    site: Site | None = None,
) -> Scene:
    """After our own restart: the disk knows of transactions on some charge points, nobody is linked yet."""
    charge_points = {}
    for number, name in enumerate(names, start=7):
        running = Transaction(
            transaction_id=number,
            id_tag="tag",
            id_tag_status="Accepted",
            meter_start_wh=0,
            started_utc_ms=None,
            started_text="",
            received=Moment(5.0, 1),
            adopted=True,
        )
        held = (
            None
            if held_ma is None
            else HeldLimit(
                limit_ma=held_ma,
                fallback_ma=6_000,
                transaction_id=number,
                sent_mono_s=99_999.0,
                lease_s=120.0,
                restored=True,
            )
        )
        connector = ConnectorPicture(transaction=running if transaction else None, held=held, fail_safe_ma=fail_safe_ma)
        charge_points[name] = ChargePointPicture(connectors={1: connector})
    picture = SitePicture(started=Moment(START_S, 1_700_000_000_000), charge_points=charge_points)
    scene = Scene(site or simple_site(2), picture=picture)
    scene.load(10)
    return scene


def test_after_a_restart_a_held_limit_counts_until_its_lease_is_over() -> None:
    scene = restored(held_ma=16_000)

    assert scene.limit("a").limit_ma == 16_000
    scene.now_s += 124
    assert scene.limit("a").limit_ma == 16_000
    scene.now_s += 2
    assert scene.limit("a").limit_ma == 6_000


def test_after_a_restart_a_transaction_without_a_known_limit_counts_its_start() -> None:
    assert restored(held_ma=None).limit("a").limit_ma == 6_000


def test_after_a_restart_nobody_is_raised_into_the_step_that_may_not_have_reached_the_disk() -> None:
    scene = restored(held_ma=16_000, site=simple_site(2, fuse_a=40, background_a=10, meter=False))
    scene.link("b")
    scene.start("b")

    scene.run(100)
    assert scene.limit("b").limit_ma == 40_000 - 10_000 - 16_000 - 4_000
    scene.run(120)
    assert scene.limit("b").limit_ma == 40_000 - 10_000 - 6_000


def test_after_a_restart_the_first_one_back_keeps_its_limit_while_the_others_are_still_away() -> None:
    scene = restored(held_ma=9_000, names="abc", site=simple_site(3, fuse_a=38))
    for name in "abc":
        scene.draws(name, 9, 9, 9)
    scene.run(1)

    scene.link("a", status="Charging")
    scene.run(20)

    assert [order.limit_ma for _, order in scene.orders if order.key.charge_point == "a"] == [9_000]
    assert scene.limit("b").limit_ma == 9_000


def test_after_a_restart_an_idle_connector_counts_its_known_fallback() -> None:
    assert restored(held_ma=None, transaction=False).limit("a").limit_ma == 6_000


def test_after_a_restart_an_unknown_fallback_counts_whole() -> None:
    assert restored(held_ma=16_000, fail_safe_ma=None).limit("a").limit_ma == 32_000


def test_an_adopted_transaction_is_told_its_limit_again_and_is_not_paused() -> None:
    scene = restored(held_ma=16_000)
    scene.draws("a", 16, 16, 16)
    scene.run(3, follow=False)
    scene.link("a", status="Charging")
    scene.run(10, follow=False)
    first = scene.orders[0][1]

    assert (first.limit_ma, first.transaction_id) == (16_000, 7)
    assert all(order.limit_ma >= 16_000 for _, order in scene.orders)


def test_nothing_is_ordered_before_the_first_reading() -> None:
    scene = restored(held_ma=16_000)
    scene.link("a", status="Charging")
    scene.now_s += 5
    decision = scene.tick()

    assert decision.orders == ()
    assert decision.plan.why == "starting: no reading of 'grid' yet"
    assert scene.limit("a").limit_ma == 20_000


def test_a_quiet_charge_point_gets_nothing_and_counts_whole() -> None:
    scene = Scene(simple_site(2, quiet=("a",)))
    scene.load(10)
    scene.link("a", "b")
    scene.run(2)
    scene.start("a", "b")
    scene.run(60)

    assert {order.key.charge_point for _, order in scene.orders} == {"b"}
    assert scene.limit("a").limit_ma == 32_000
    assert (scene.held_ma("b") or 0) <= 63_000 - 10_000 - 32_000


def test_a_refused_tag_is_told_to_take_nothing() -> None:
    scene = scene_of("a", "b", "c")
    scene.start("a", tag_status="Blocked")
    scene.run(12)

    assert scene.held_ma("a") == 0
    assert scene.limit("a").reason == "id tag not accepted (Blocked)"


def test_a_rejected_decrease_is_tried_once_more_and_then_others_come_down() -> None:
    scene = Scene(simple_site(2, fuse_a=63))
    scene.load(10)
    scene.link("a", "b")
    scene.run(2)
    scene.start("a", "b")
    scene.run(150)
    assert scene.held_ma("a") == scene.held_ma("b")
    both_ma = scene.held_ma("a") or 0
    scene.deaf.add("a")
    scene.load(31)
    scene.now_s += 1
    scene.read()
    first = last_order(scene, "a")
    assert first.limit_ma < both_ma
    scene.refuse("a", first.limit_ma)
    scene.now_s += 1
    scene.read()
    again = last_order(scene, "a")
    assert (again.limit_ma, again is first) == (first.limit_ma, False)
    scene.refuse("a", again.limit_ma)
    scene.now_s += 1
    scene.read()

    assert scene.limit("a").limit_ma == both_ma
    assert scene.limit("a").reason == "took no limit (Rejected): 26 A counted until it takes one"
    assert scene.held_ma("b") == 63_000 - 31_000 - both_ma
    count = len(scene.orders)
    scene.run(50)
    assert not [order for _, order in scene.orders[count:] if order.key.charge_point == "a"]
    scene.run(20)
    assert [order for _, order in scene.orders[count:] if order.key.charge_point == "a"]


def test_after_a_refusal_it_joins_again_as_soon_as_it_takes_a_limit() -> None:
    scene = scene_of("a", "b", "c")
    scene.start("a")
    scene.run(60)
    held_ma = scene.held_ma("a")
    scene.refuse("a", 30_000)
    scene.run(30)

    assert (scene.held_ma("a") or 0) > (held_ma or 0)


def test_no_answer_counts_old_and_new() -> None:
    scene = scene_of("a", "b", "c")
    scene.start("a")
    scene.run(15)
    scene.deaf.add("a")
    scene.run(5)
    assert scene.held_ma("a") == 6_000
    assert last_order(scene, "a").limit_ma == 10_000
    scene.refuse("a", 10_000, "no answer")

    assert scene.limit("a").limit_ma == 10_000


def test_a_charger_that_was_merely_offline_refused_nothing() -> None:
    scene = scene_of("a", "b", "c")
    scene.start("a")
    scene.run(15)
    scene.deaf.add("a")
    scene.run(5)
    assert scene.held_ma("a") == 6_000
    scene.refuse("a", 10_000, "offline")
    decision = scene.regulator.tick(scene.picture, scene.now_s)

    # the order is simply given again
    assert [order.limit_ma for order in decision.orders] in ([], [10_000])
    assert "took no limit" not in scene.limit("a").reason


def test_a_charger_that_does_not_obey_counts_at_what_it_draws() -> None:
    scene = scene_of("a", "b", "c")
    scene.start("a", "b")
    scene.run(31)
    told_ma = scene.held_ma("a") or 0
    scene.draws("a", 20, 20, 20)
    scene.report("a")
    scene.read()
    assert scene.limit("a").limit_ma <= told_ma + 4_000
    for _ in range(9):
        scene.now_s += 1
        scene.read()
    scene.report("a")

    assert scene.limit("a").limit_ma == 20_000
    assert scene.limit("a").reason.startswith("does not obey: draws 20 A although told")


def test_an_unarmed_site_orders_nothing_and_says_why() -> None:
    scene = Scene(simple_site(9))
    scene.link(*"abcdefghi")
    scene.start("a")
    scene.run(30)

    assert scene.orders == []
    assert not scene.regulator.armed
    assert scene.limit("a").reason.startswith("not armed: shared fuse 'main' on L1: fallback 54 A")


def test_an_order_for_an_ended_transaction_is_forgotten() -> None:
    scene = scene_of("a", "b", "c")
    scene.start("a")
    scene.run(10)
    order = scene.orders[-1][1]
    scene.stop("a")
    scene.now_s += 1
    scene.tick()
    scene.regulator.sent(order, scene.now_s)
    scene.status("a", "Available")

    assert scene.limit("a").limit_ma == 0


def test_the_circuit_shows_what_is_reserved_and_granted() -> None:
    scene = scene_of("a", "b", "c")
    scene.status("b", "Preparing")
    scene.start("a")
    scene.run(200)
    use = scene.tick().plan.circuits["main"]

    assert (use.background_ma.l1, use.reserved_ma.l1, use.granted_ma.l1) == (10_000, 6_000, 32_000)


def test_a_site_without_meter_counts_the_configured_background() -> None:
    scene = Scene(simple_site(2, meter=False, background_a=40))
    scene.link("a", "b")
    scene.start("a", "b")
    scene.run(60)

    assert scene.held_ma("a") == 11_500
