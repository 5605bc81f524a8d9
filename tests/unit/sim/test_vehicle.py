"""A car follows the pilot signal late, never between 0 and 6 A, and stops when it is full."""

from __future__ import annotations

import random

from chargemon_edge.sim.vehicle import Car, Vehicle


def _drive(vehicle: Vehicle, offers: list[int], start_s: float = 0.0) -> list[int]:
    return [vehicle.step(start_s + second, offer, 1.0) for second, offer in enumerate(offers)]


def test_it_waits_its_dead_time_then_ramps() -> None:
    vehicle = Vehicle(Car(dead_time_s=3.0, ramp_ma_per_s=4_000, max_ma=16_000), 20_000)

    currents = _drive(vehicle, [16_000] * 9)

    assert currents == [0, 0, 0, 6_000, 10_000, 14_000, 16_000, 16_000, 16_000]


def test_a_lower_offer_is_followed_down_after_the_dead_time() -> None:
    vehicle = Vehicle(Car(dead_time_s=2.0, ramp_ma_per_s=20_000), 20_000)
    _drive(vehicle, [16_000] * 10)

    assert _drive(vehicle, [8_000] * 4, 10.0) == [16_000, 16_000, 8_000, 8_000]


def test_an_offer_of_nothing_ends_the_current() -> None:
    vehicle = Vehicle(Car(dead_time_s=1.0), 20_000)
    _drive(vehicle, [16_000] * 10)

    assert _drive(vehicle, [0] * 5, 10.0)[-1] == 0


def test_never_between_zero_and_six_amperes_whatever_is_offered() -> None:
    chance = random.Random(4)
    vehicle = Vehicle(Car(dead_time_s=1.5, ramp_ma_per_s=2_500, battery_wh=5_000), 5_000)

    for second in range(20_000):
        current_ma = vehicle.step(float(second), chance.choice([0, 0, 6_000, 7_300, 10_000, 32_000, 5_900]), 1.0)

        assert current_ma == 0 or 6_000 <= current_ma <= 16_000


def test_it_tapers_near_full_and_stops_full() -> None:
    car = Car(dead_time_s=0.0, max_ma=16_000, battery_wh=10_000, taper_from=0.8, taper_to_ma=6_000)
    vehicle = Vehicle(car, 2_500)
    currents = _drive(vehicle, [32_000] * 2_000)

    assert max(currents) == 16_000
    assert currents[-1] == 0
    assert vehicle.full
    assert 6_000 <= min(current for current in currents[20:] if current) < 7_000
    assert 2_500 <= vehicle.charged_wh < 2_510


def test_a_sleepy_car_needs_longer_to_wake() -> None:
    vehicle = Vehicle(Car(dead_time_s=1.0, wake_up_s=30.0, ramp_ma_per_s=20_000), 20_000)
    _drive(vehicle, [10_000] * 5)
    _drive(vehicle, [0] * 10, 5.0)

    currents = _drive(vehicle, [10_000] * 40, 15.0)

    assert currents[29] == 0
    assert currents[35] == 10_000


def test_a_stubborn_car_does_not_wake_after_too_many_pauses() -> None:
    vehicle = Vehicle(Car(dead_time_s=0.0, pauses_max=1, ramp_ma_per_s=20_000), 20_000)
    for round_ in range(2):
        _drive(vehicle, [10_000] * 5, round_ * 10.0)
        _drive(vehicle, [0] * 5, round_ * 10.0 + 5)

    assert set(_drive(vehicle, [10_000] * 100, 20.0)) == {0}
