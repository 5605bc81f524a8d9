"""From the division to what is given now, step by step, with commands as the test makes them up."""

from __future__ import annotations

import pytest

from chargemon_edge.balancing.allocate import Contender, Grant
from chargemon_edge.balancing.command import Command
from chargemon_edge.balancing.demand import Demand
from chargemon_edge.balancing.outlet import Outlet, Run
from chargemon_edge.balancing.plan import Order
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.balancing.rows import Rows
from chargemon_edge.balancing.share import Share, give
from chargemon_edge.balancing.turn import Turn
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.picture import ConnectorPicture, HeldLimit, SitePicture, Transaction
from tests.unit.balancing.scene import simple_site

POLICY = Policy()
SITE = simple_site(3)
NOW_S = 1_000.0
RUNNING = Transaction(
    transaction_id=1,
    id_tag="tag",
    id_tag_status="Accepted",
    meter_start_wh=0,
    started_utc_ms=None,
    started_text="",
    received=Moment(0.0, 0),
)


def share(name: str, holds_ma: int, target_ma: int, *, falling_from_ma: int = 0, in_flight_ma: int = 0) -> Share:
    """A connector that has held *holds_ma* for long and is due *target_ma*, on one row."""
    outlet = next(
        Outlet(key, SITE.charge_point_by_identity[name], connector, Rows(SITE))
        for key, connector in SITE.connectors.items()
        if key.charge_point == name
    )
    command = Command(outlet.connector, POLICY)
    picture = SitePicture(started=Moment(0.0, 0))
    if falling_from_ma:
        command.look(picture, ConnectorPicture(held=held(falling_from_ma, 600.0), fail_safe_ma=6_000), 500.0)
    begun_s = NOW_S - 1 if falling_from_ma else 900.0
    now = ConnectorPicture(held=held(holds_ma, begun_s), fail_safe_ma=6_000)
    command.look(picture, now, begun_s)
    command.look(picture, now, NOW_S)
    run = Run(RUNNING, command, Demand(outlet.connector, POLICY), Turn(POLICY, 0.0))
    if in_flight_ma:
        order = Order(
            key=outlet.key, transaction_id=1, limit_ma=in_flight_ma, fallback_ma=6_000, lease_s=600, reason=""
        )
        command.handed_over(order, NOW_S - 1)
    one = Share(outlet, run, Contender(outlet.key, 6_000, 32_000, 100, ((0, 1),)), NOW_S)
    one.grant = Grant(target_ma, None)
    return one


def held(limit_ma: int, sent_s: float) -> HeldLimit:
    return HeldLimit(limit_ma=limit_ma, fallback_ma=6_000, transaction_id=1, sent_mono_s=sent_s, lease_s=600.0)


def given(room_ma: int, *shares: Share) -> list[int]:
    give(shares, [room_ma], [room_ma], POLICY, NOW_S)
    return [one.given_ma for one in shares]


@pytest.mark.parametrize(
    ("holds_ma", "target_ma", "expected_ma", "why"),
    [
        (10_000, 10_000, 10_000, "it has what it is due"),
        (10_000, 20_000, 14_000, "one step"),
        (10_000, 12_500, 12_500, "less than a step"),
        (10_000, 10_900, 10_000, "a trifle"),
        (0, 20_000, 6_000, "a start jumps to the minimum"),
        (20_000, 8_000, 8_000, "a decrease goes all the way"),
        (20_000, 0, 0, "so does a pause"),
    ],
)
def test_one_alone(holds_ma: int, target_ma: int, expected_ma: int, why: str) -> None:
    assert given(63_000, share("a", holds_ma, target_ma)) == [expected_ma], why


def test_a_small_decrease_is_spared_where_the_row_does_not_need_it() -> None:
    """The other is due less than an ampere more, which is not sent: then nobody must give it up."""
    assert given(20_000, share("a", 10_400, 10_000), share("b", 9_600, 10_000)) == [10_400, 9_600]


def test_a_small_decrease_is_made_where_the_row_needs_it() -> None:
    assert given(19_800, share("a", 10_400, 9_900), share("b", 9_600, 9_900)) == [9_900, 9_600]


def test_an_increase_waits_for_a_decrease_that_is_not_even_accepted() -> None:
    assert given(26_000, share("a", 20_000, 13_000), share("b", 6_000, 13_000)) == [13_000, 6_000]


def test_an_increase_waits_for_a_decrease_that_the_car_has_not_followed() -> None:
    one = share("a", 13_000, 13_000, falling_from_ma=20_000)

    assert given(26_000, one, share("b", 6_000, 13_000)) == [13_000, 6_000]


def test_part_of_an_increase_is_given_where_part_is_free() -> None:
    assert given(28_000, share("a", 20_000, 14_000), share("b", 6_000, 14_000)) == [14_000, 8_000]


def test_what_is_free_goes_by_rank() -> None:
    first, second = share("a", 6_000, 10_000), share("b", 6_000, 10_000)

    assert given(17_000, first, second) == [10_000, 7_000]


def test_nobody_rises_while_an_order_is_on_its_way() -> None:
    assert given(63_000, share("a", 10_000, 20_000, in_flight_ma=12_000)) == [12_000]


def test_a_decrease_does_not_wait_for_an_order_on_its_way() -> None:
    assert given(63_000, share("a", 10_000, 8_000, in_flight_ma=14_000)) == [8_000]


def test_a_start_waits_for_its_whole_minimum() -> None:
    waiting = share("b", 0, 6_000)

    assert given(25_000, share("a", 20_000, 19_000), waiting) == [19_000, 0]
    assert waiting.held_back == "others must come down first"
