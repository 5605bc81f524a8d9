"""What the self-test reads out of a meter that is configured wrongly."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chargemon_edge.meters import catalogue, selftest
from chargemon_edge.meters.register_map import Block, Order, RegisterMap
from chargemon_edge.meters.registers import Sample
from chargemon_edge.site.units import PerPhase
from tests.unit.meters.maps import filled, layout

SDM630 = catalogue.load("eastron-sdm630")


@pytest.mark.parametrize("name", ["gavazzi", "phoenix", "janitza", "abb"])
@pytest.mark.parametrize(
    ("word_order", "byte_order"), [("big", "big"), ("little", "big"), ("big", "little"), ("little", "little")]
)
def test_it_finds_the_order_that_makes_sense(name: str, word_order: Order, byte_order: Order) -> None:
    right = layout(name)
    wrong = replace(right, word_order=word_order, byte_order=byte_order)
    expected = [
        f"{key} = {value!r}"
        for key, value, chosen in (
            ("word_order", right.word_order, word_order),
            ("byte_order", right.byte_order, byte_order),
        )
        if value != chosen
    ]

    found = selftest.advice(wrong, filled(right))

    if expected:
        assert found is not None
        assert " and ".join(expected) in found.split(" or ")
    else:
        assert found is None


def shifted(register_map: RegisterMap, by: int) -> RegisterMap:
    """The same map with every address off by so much, as if the manual had been misread."""
    voltage, frequency = register_map.voltage, register_map.frequency
    assert voltage is not None
    assert frequency is not None
    moved = (voltage.registers[0] + by, voltage.registers[1] + by, voltage.registers[2] + by)
    return replace(
        register_map,
        voltage=replace(voltage, registers=moved),
        frequency=replace(frequency, register=frequency.register + by),
    )


@pytest.mark.parametrize("by", [-1, 1])
@pytest.mark.parametrize("name", ["schneider", "pro380"])
def test_it_finds_addresses_that_are_off_by_one(name: str, by: int) -> None:
    right = layout(name)
    # The surroundings are read too, as they are with any block that starts before the voltages
    roomy = replace(right, blocks=tuple(Block(start=one.start - 2, count=one.count + 4) for one in right.blocks))

    found = selftest.advice(shifted(roomy, by), filled(roomy))

    assert found is not None
    assert f"{-by:+d} on every register address" in found.split(" or ")


def test_an_address_too_low_is_found_although_the_block_begins_there() -> None:
    right = replace(SDM630, blocks=(Block(start=0, count=80),))

    # Configured one lower than the meter has it: what is read begins one word early
    wrong = replace(shifted(right, 1), blocks=(Block(start=1, count=79),))
    blocks = filled(replace(right, blocks=(Block(start=0, count=80),)))
    assert blocks[0] is not None

    found = selftest.advice(wrong, [blocks[0][2:]])

    assert found is not None
    assert "-1 on every register address" in found.split(" or ")


def test_a_dead_phase_is_no_reason_to_change_the_map() -> None:
    assert selftest.advice(SDM630, filled(SDM630, voltage_v=(230, 230, 0))) is None


def test_a_meter_without_any_voltage_gives_no_advice() -> None:
    assert selftest.advice(SDM630, filled(SDM630, voltage_v=(0, 0, 0), frequency_hz=0)) is None
    assert selftest.advice(layout("sma"), filled(layout("sma"))) is None


def test_powers_that_do_not_add_up_are_told() -> None:
    good = Sample(current_ma=PerPhase(0, 0, 0), power_w=PerPhase(2_300, 2_300, 2_300), power_total_w=6_950)

    assert selftest.doubts(good) == []
    (doubt,) = selftest.doubts(replace(good, power_w=PerPhase(2_300, -2_300, 2_300)))
    assert "add up to 2300 W but the total says 6950 W" in doubt


def test_without_a_total_there_is_nothing_to_compare() -> None:
    assert selftest.doubts(Sample(current_ma=PerPhase(0, 0, 0), power_w=PerPhase(1, 2, 3))) == []
