"""When the machine's clock is believed, and what becomes of our time when it is set."""

from __future__ import annotations

import pytest

from chargemon_edge.clock.site_clock import (
    FLOOR_UTC_MS,
    HARDWARE,
    SET,
    SETTLED_S,
    Apart,
    Corrected,
    Kept,
    NeverSetError,
)
from tests.unit.clock.machine import DAY_MS, NOW_MS, Machine

YEAR_MS = 365 * DAY_MS


def test_a_clock_that_a_time_service_keeps_is_followed() -> None:
    machine = Machine()
    machine.service = "chrony"
    clock = machine.site_clock()

    assert (clock.source, clock.utc_ms()) == ("chrony", NOW_MS)
    machine.pass_s(5)
    assert clock.look() is None
    assert clock.utc_ms() == NOW_MS + 5_000


def test_a_boot_in_1970_goes_on_from_the_newest_record_and_is_not_believed() -> None:
    machine = Machine(utc_ms=5_000)
    clock = machine.site_clock()
    clock.resume(NOW_MS, None)

    assert clock.source is None
    assert clock.utc_ms() == NOW_MS + 1
    machine.pass_s(3)
    assert clock.look() is None
    assert clock.utc_ms() == NOW_MS + 3_001


def test_a_boot_in_1970_without_any_record_is_never_before_this_software() -> None:
    assert Machine(utc_ms=0).site_clock().utc_ms() == FLOOR_UTC_MS


def test_a_time_service_puts_it_right_and_tells_which_records_were_dated_wrongly() -> None:
    machine = Machine(utc_ms=5_000)
    clock = machine.site_clock()
    clock.resume(NOW_MS, None)
    machine.pass_s(60)
    machine.wall_ms, machine.service = NOW_MS + DAY_MS, "systemd-timesyncd"

    assert clock.look() == Corrected(
        by_ms=DAY_MS - 60_001,
        source="systemd-timesyncd",
        doubted_since_utc_ms=NOW_MS + 1,
        before_utc_ms=NOW_MS + 60_001,
    )
    assert clock.utc_ms() == NOW_MS + DAY_MS
    assert clock.look() is None


def test_a_service_that_says_1970_is_not_believed() -> None:
    machine = Machine(utc_ms=5_000)
    machine.service = "chrony"
    clock = machine.site_clock()

    assert clock.source is None
    assert clock.look() is None


@pytest.mark.parametrize(("lag_ms", "believed"), [(0, True), (30_000, True), (2 * DAY_MS, False)])
def test_a_hardware_clock_is_believed_unless_it_is_behind_the_newest_record(lag_ms: int, *, believed: bool) -> None:
    clock = Machine().site_clock(kept_by_hardware=True)
    clock.resume(NOW_MS + lag_ms, None)

    assert clock.source == (HARDWARE if believed else None)


def test_whoever_sets_a_clock_forward_that_was_not_known_knows_better() -> None:
    machine = Machine(utc_ms=5_000)
    clock = machine.site_clock()
    machine.wall_ms = NOW_MS

    found = clock.look()

    assert isinstance(found, Corrected)
    assert (found.source, clock.source) == (SET, SET)


@pytest.mark.parametrize("step_ms", [3 * YEAR_MS, -2 * DAY_MS, 90_000])
def test_a_step_that_nobody_confirms_is_told_once_and_not_followed(step_ms: int) -> None:
    machine = Machine()
    clock = machine.site_clock(kept_by_hardware=True)
    machine.wall_ms += step_ms

    assert clock.look() == Apart(machine_ahead_ms=step_ms)
    for _ in range(100):
        machine.pass_s(1)
        assert clock.look() is None
    assert clock.source == HARDWARE
    assert clock.utc_ms() == NOW_MS + 100_000


@pytest.mark.parametrize("step_ms", [3 * YEAR_MS, -2 * DAY_MS])
def test_a_step_back_to_our_time_is_told_as_well(step_ms: int) -> None:
    machine = Machine()
    clock = machine.site_clock(kept_by_hardware=True)
    machine.wall_ms += step_ms
    clock.look()
    machine.wall_ms -= step_ms

    assert clock.look() == Apart(machine_ahead_ms=0)
    assert clock.look() is None


@pytest.mark.parametrize("step_ms", [3 * YEAR_MS, -2 * DAY_MS])
def test_a_step_that_a_time_service_confirms_moves_our_time_but_no_record(step_ms: int) -> None:
    machine = Machine()
    machine.service = "chrony"
    clock = machine.site_clock()
    machine.wall_ms += step_ms

    found = clock.look()

    assert isinstance(found, Corrected)
    assert (found.by_ms, found.doubted_since_utc_ms) == (step_ms, None)
    assert clock.utc_ms() == NOW_MS + step_ms


@pytest.mark.parametrize("step_ms", [3 * YEAR_MS, -2 * DAY_MS])
def test_a_service_that_was_heard_before_the_step_does_not_confirm_it(step_ms: int) -> None:
    machine = Machine()
    machine.service, machine.last_heard_ms = "systemd-timesyncd", NOW_MS - 60_000
    clock = machine.site_clock()
    machine.wall_ms += step_ms

    assert clock.look() == Apart(machine_ahead_ms=step_ms)


def test_a_person_can_confirm_it() -> None:
    machine = Machine()
    clock = machine.site_clock(kept_by_hardware=True)
    machine.wall_ms += DAY_MS
    clock.look()

    assert clock.confirm("anna").by_ms == DAY_MS
    assert (clock.source, clock.machine_ahead_ms, clock.utc_ms()) == ("anna", 0, NOW_MS + DAY_MS)


def test_nobody_can_confirm_a_clock_that_was_never_set() -> None:
    machine = Machine(utc_ms=5_000)
    clock = machine.site_clock()
    clock.resume(NOW_MS, None)

    with pytest.raises(NeverSetError, match="set it first"):
        clock.confirm("anna")
    assert (clock.source, clock.utc_ms()) == (None, NOW_MS + 1)


def test_slow_drift_is_followed_and_a_racing_clock_is_not() -> None:
    machine = Machine()
    clock = machine.site_clock(kept_by_hardware=True)
    for _ in range(3_600):
        machine.pass_s(1, rate=1.1)
        assert clock.look() is None
    assert clock.utc_ms() == machine.utc_ms()

    told = 0
    before_ms = clock.utc_ms()
    for _ in range(3_600):
        machine.pass_s(1, rate=10)
        told += clock.look() is not None

    assert clock.utc_ms() == before_ms + 3_600_000
    assert told < 20


def test_another_run_since_the_same_boot_goes_on_with_the_same_time() -> None:
    machine = Machine(utc_ms=5_000)
    first = machine.site_clock()
    first.resume(NOW_MS, None)
    kept = Kept(offset_ms=first.offset_ms, source=first.source, doubted_since_utc_ms=first.doubted_since_utc_ms)
    machine.pass_s(40)
    second = machine.site_clock()
    second.resume(NOW_MS + 500, kept)

    assert second.utc_ms() == NOW_MS + 40_001
    machine.wall_ms, machine.service = NOW_MS + DAY_MS, "chrony"
    found = second.look()
    assert isinstance(found, Corrected)
    assert found.doubted_since_utc_ms == NOW_MS + 1


def test_after_a_far_step_no_age_counts_for_a_while() -> None:
    machine = Machine()
    machine.service = "chrony"
    clock = machine.site_clock()
    settled = [clock.settled]
    machine.wall_ms += 3 * YEAR_MS
    clock.look()
    settled.append(clock.settled)
    machine.pass_s(SETTLED_S)
    settled.append(clock.settled)

    assert settled == [True, False, True]


def test_while_the_time_is_not_known_no_age_counts() -> None:
    assert not Machine(utc_ms=0).site_clock().settled
