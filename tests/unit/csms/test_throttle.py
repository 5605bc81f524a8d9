"""Who must wait after failed logins, and who need not."""

from __future__ import annotations

import pytest

from chargemon_edge.control.failures import _MAX_ENTRIES, source_key
from chargemon_edge.csms.throttle import LoginThrottle


@pytest.mark.demand("S5")
def test_a_source_waits_for_an_identity_after_five_failures() -> None:
    throttle = LoginThrottle(5, 60.0)
    for second in range(4):
        throttle.failed("a", "CP1", float(second))

    assert throttle.wait_s("a", "CP1", 4.0) == 0
    throttle.failed("a", "CP1", 4.0)
    assert throttle.wait_s("a", "CP1", 5.0) == 55.0
    assert throttle.wait_s("a", "CP1", 60.0) == 0


def test_the_right_charger_elsewhere_need_not_wait() -> None:
    throttle = LoginThrottle(5, 60.0)
    for second in range(20):
        throttle.failed("attacker", "CP1", float(second))

    assert throttle.wait_s("charger", "CP1", 20.0) == 0


def test_another_charger_behind_the_same_router_need_not_wait() -> None:
    throttle = LoginThrottle(5, 60.0)
    for second in range(20):
        throttle.failed("router", "CP1", float(second))

    assert throttle.wait_s("router", "CP2", 20.0) == 0
    assert throttle.source_wait_s("router", 20.0) > 0


@pytest.mark.demand("S5")
def test_under_attack_from_many_places_each_place_has_one_guess() -> None:
    throttle = LoginThrottle(5, 60.0)
    for place in range(5):
        throttle.failed(f"bot{place}", "CP1", 1.0)

    assert throttle.wait_s("bot6", "CP1", 2.0) == 0
    throttle.failed("bot6", "CP1", 2.0)
    assert throttle.wait_s("bot6", "CP1", 3.0) > 0


def test_unknown_identities_count_for_their_source() -> None:
    throttle = LoginThrottle(5, 60.0)
    for second in range(5):
        throttle.failed("scanner", None, float(second))

    assert throttle.source_wait_s("scanner", 5.0) == 55.0
    assert throttle.source_wait_s("other", 5.0) == 0


def test_a_right_login_clears_what_went_before_it() -> None:
    throttle = LoginThrottle(5, 60.0)
    for second in range(4):
        throttle.failed("a", "CP1", float(second))
    throttle.succeeded("a", "CP1")
    throttle.failed("a", "CP1", 4.0)

    assert throttle.wait_s("a", "CP1", 5.0) == 0


def test_memory_is_bounded() -> None:
    throttle = LoginThrottle(5, 60.0)
    for place in range(3 * _MAX_ENTRIES):
        throttle.failed(f"bot{place}", "CP1", 1.0)

    assert len(throttle._by_source._times) == _MAX_ENTRIES
    assert len(throttle._by_both._times) == _MAX_ENTRIES


def test_an_ipv6_source_is_its_network() -> None:
    assert source_key("2001:db8::1") == source_key("2001:db8::ffff:1")
    assert source_key("2001:db8::1") != source_key("2001:db8:0:1::1")
    assert source_key("::ffff:192.0.2.7") == source_key("192.0.2.7") == "192.0.2.7"
    assert source_key("fe80::1%eth0") == "fe80::"
    assert source_key("unknown") == "unknown"
