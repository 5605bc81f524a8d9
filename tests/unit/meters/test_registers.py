"""From words to a sample: types, orders, signs, marks for "no value", and the plausibility gate."""

from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec.structs import replace

from chargemon_edge.meters import catalogue
from chargemon_edge.meters.register_map import Order, RegisterMap
from chargemon_edge.meters.registers import Decoder, Implausible, Sample, arrangement
from chargemon_edge.site.units import PerPhase, Rotation
from tests.unit.meters.maps import LAYOUTS, Registers, filled, layout

SDM630 = catalogue.load("eastron-sdm630")


def decoded(register_map: RegisterMap, blocks: list[bytes | None], **options: Any) -> Sample | Implausible:
    return Decoder(register_map, **{"rating_ma": 100_000, **options}).decode(blocks)


def sample(register_map: RegisterMap, blocks: list[bytes | None], **options: Any) -> Sample:
    found = decoded(register_map, blocks, **options)
    assert isinstance(found, Sample), found
    return found


def refusal(register_map: RegisterMap, blocks: list[bytes | None], **options: Any) -> str:
    found = decoded(register_map, blocks, **options)
    assert isinstance(found, Implausible), found
    return found.why


def test_a_reading_becomes_integers_on_the_sites_phases() -> None:
    found = sample(SDM630, filled(SDM630))

    assert found.current_ma == PerPhase(10_000, -5_500, 0)
    assert found.voltage_mv == PerPhase(230_100, 229_800, 230_400)
    assert found.power_w == PerPhase(2_300, -1_200, 0)
    assert found.power_total_w == 1_100
    assert found.frequency_mhz == 50_000


def near(found: PerPhase | None, wanted: PerPhase, within: int) -> bool:
    return found is not None and all(abs(one - other) <= within for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same_sample(name: str) -> None:
    register_map = layout(name)
    own_sign = register_map.current.sign == "own"
    current_a = (10.0, -5.5 if own_sign else 5.5, 0.0)

    found = sample(register_map, filled(register_map, current_a=current_a))

    # The coarsest of them counts currents in 0.1 A and powers in 10 W
    assert near(found.current_ma, PerPhase(10_000, -5_500, 0), within=100)
    if register_map.voltage is not None:
        assert near(found.voltage_mv, PerPhase(230_100, 229_800, 230_400), within=100)
    if register_map.power is not None:
        assert near(found.power_w, PerPhase(2_300, -1_200, 0), within=10)
    if register_map.power_total is not None:
        assert found.power_total_w == pytest.approx(1_100, abs=10)
    if register_map.frequency is not None:
        assert found.frequency_mhz == pytest.approx(50_000, abs=10)


ORDERS: list[tuple[Order, Order]] = [("big", "big"), ("little", "big"), ("big", "little"), ("little", "little")]


@pytest.mark.parametrize(("word_order", "byte_order"), ORDERS)
@pytest.mark.parametrize("name", ["janitza", "gavazzi", "abb", "victron"])
def test_each_word_and_byte_order_is_understood(name: str, word_order: Order, byte_order: Order) -> None:
    register_map = replace(layout(name), word_order=word_order, byte_order=byte_order)

    found = sample(register_map, filled(register_map, power_w=(2_300.0, 1_200.0, 0.0)))

    assert near(found.current_ma, PerPhase(10_000, 5_500, 0), within=10)


@pytest.mark.parametrize(
    ("orders", "wire"),
    [
        (("big", "big"), b"ABCDEFGH"),
        (("little", "big"), b"GHEFCDAB"),
        (("big", "little"), b"BADCFEHG"),
        (("little", "little"), b"HGFEDCBA"),
    ],
)
def test_four_words_are_put_into_order(orders: tuple[Order, Order], wire: bytes) -> None:
    arrange = arrangement(4, *orders)

    assert (wire if arrange is None else arrange(wire)) == b"ABCDEFGH"


@pytest.mark.parametrize("wrong", ORDERS[1:])
def test_the_wrong_order_is_refused_by_its_values(wrong: tuple[Order, Order]) -> None:
    other = replace(SDM630, word_order=wrong[0], byte_order=wrong[1])

    assert isinstance(decoded(other, filled(SDM630)), Implausible)


class TestDirection:
    """The sign of a current."""

    def test_a_magnitude_takes_the_direction_of_the_same_phases_power(self) -> None:
        blocks = filled(SDM630, current_a=(20, 20, 20), power_w=(-4_600, 4_600, -4_500))

        assert sample(SDM630, blocks).current_ma == PerPhase(-20_000, 20_000, -20_000)

    def test_without_power_it_counts_as_import(self) -> None:
        no_power = replace(SDM630, power=None)

        assert sample(no_power, filled(SDM630)).current_ma == PerPhase(10_000, 5_500, 0)

    def test_within_the_dead_band_it_counts_as_import(self) -> None:
        blocks = filled(SDM630, current_a=(0.19, 0.21, 0.05), power_w=(-43, -48, -11))

        assert sample(SDM630, blocks).current_ma == PerPhase(190, -210, 51)

    def test_reactive_current_counts_as_import(self) -> None:
        # 10 A nearly all reactive: a few watts of export must not look like 10 A of free fuse
        blocks = filled(SDM630, current_a=(10, 10, 10), power_w=(-60, -1_100, -1_200))

        assert sample(SDM630, blocks).current_ma == PerPhase(10_000, 10_000, -10_000)

    def test_a_register_with_its_own_sign_is_believed(self) -> None:
        victron = layout("victron")
        blocks = filled(victron, current_a=(-20, 20, -0.1), power_w=(-4_600, 4_600, 0))

        assert sample(victron, blocks).current_ma == PerPhase(-20_000, 20_000, 100)

    def test_a_negative_scale_turns_the_sign(self) -> None:
        sma = layout("sma")
        meter = Registers(sma)
        meter.phases(sma.current.registers, 16_000, -8_000, 0)

        assert sample(sma, meter.blocks()).current_ma == PerPhase(-16_000, 8_000, 0)

    def test_separate_registers_for_import_and_export_are_one_power(self) -> None:
        kostal = layout("kostal")
        blocks = filled(kostal, current_a=(10, 10, 10), power_w=(2_300, -2_300, 2_200))

        found = sample(kostal, blocks)

        assert found.power_w == PerPhase(2_300, -2_300, 2_200)
        assert found.current_ma == PerPhase(10_000, -10_000, 10_000)

    def test_an_integer_meter_that_signs_its_magnitudes(self) -> None:
        gavazzi = layout("gavazzi")
        blocks = filled(gavazzi, current_a=(-10, 10, -10), power_w=(-2_300, 2_300, 2_300))

        assert sample(gavazzi, blocks).current_ma == PerPhase(-10_000, 10_000, 10_000)

    def test_one_reversed_transformer_is_turned_back(self) -> None:
        blocks = filled(SDM630, current_a=(10, 10, 10), power_w=(2_300, -2_300, 2_300))

        found = sample(SDM630, blocks, reversed_ct=(False, True, False))

        assert found.current_ma == PerPhase(10_000, 10_000, 10_000)
        assert found.power_w == PerPhase(2_300, 2_300, 2_300)

    @pytest.mark.parametrize("name", ["janitza", "victron"])
    def test_a_meter_built_in_the_wrong_way_round_is_inverted(self, name: str) -> None:
        register_map = layout(name)
        own = register_map.current.sign == "own"
        blocks = filled(register_map, current_a=(-10 if own else 10, 10, 0), power_w=(-2_300, 2_300, 0))

        found = sample(register_map, blocks, invert=True)

        assert found.current_ma == PerPhase(10_000, -10_000, 0)
        assert found.power_w == PerPhase(2_300, -2_300, 0)

    def test_inverted_and_reversed_cancel(self) -> None:
        blocks = filled(SDM630, current_a=(10, 10, 10), power_w=(2_300, -2_300, -2_300))

        found = sample(SDM630, blocks, invert=True, reversed_ct=(True, False, False))

        assert found.current_ma == PerPhase(10_000, 10_000, 10_000)


def test_the_meters_phases_are_put_on_the_sites() -> None:
    blocks = filled(SDM630, current_a=(10, 20, 30), power_w=(2_300, 4_600, 6_900))

    found = sample(SDM630, blocks, rotation=Rotation.L2L3L1)

    # The meter's L1 sits on the site's L2, its L2 on L3, its L3 on L1
    assert found.current_ma == PerPhase(30_000, 10_000, 20_000)
    assert found.power_w == PerPhase(6_900, 2_300, 4_600)
    assert found.voltage_mv == PerPhase(230_400, 230_100, 229_800)


def test_secondary_values_are_multiplied() -> None:
    blocks = filled(SDM630, current_a=(1, 2, 3), power_w=(230, 460, -690))

    found = sample(SDM630, blocks, ct_ratio=50)

    assert found.current_ma == PerPhase(50_000, 100_000, -150_000)
    assert found.power_w == PerPhase(11_500, 23_000, -34_500)
    assert found.power_total_w == 0


def test_a_draw_is_rounded_away_from_zero() -> None:
    pac1600 = layout("pac1600")
    blocks = filled(pac1600, current_a=(10.0001, 10.0009, 5.0001), power_w=(2_300, 2_300, -1_150))

    assert sample(pac1600, blocks).current_ma == PerPhase(10_001, 10_001, -5_001)


class TestNoReading:
    """A value that is not there must never read as 0 A, which would look like a free fuse."""

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("at", [0, 6, 10, 14])
    def test_what_is_no_number(self, at: int, value: float) -> None:
        meter = Registers(SDM630)
        meter.phases((0, 2, 4), 230, 230, 230)
        meter.put(at, value)

        assert f"register {at} holds no number" in refusal(SDM630, meter.blocks())

    @pytest.mark.parametrize(
        ("name", "register", "raw", "kind"),
        [
            ("victron", 2617, -0x8000, "i16"),
            ("victron", 2616, 0xFFFF, "u16"),
            ("gavazzi", 12, -0x80000000, "i32"),
            ("abb", 0x5B0C, 0xFFFFFFFF, "u32"),
            ("abb", 0x5B16, 0x7FFFFFFF, "i32"),
            ("abb", 0x5B16, -0x80000000, "i32"),
            ("sma", 31535, -0x80000000, "i32"),
            ("kostal", 42, 0xFFFFFFFF, "u32"),
        ],
    )
    def test_a_mark_for_not_available(self, name: str, register: int, raw: int, kind: Any) -> None:
        register_map = layout(name)
        good = filled(register_map, power_w=(2_300, 1_200, 0))
        assert isinstance(decoded(register_map, good), Sample)
        meter = Registers(register_map)
        meter.put(register, raw, kind)
        words = 2 if kind.endswith("32") else 1
        index = register_map.block_of(register, words)
        assert index is not None
        start = 2 * (register - register_map.blocks[index].start)
        marked, block = meter.blocks()[index], good[index]
        assert marked is not None
        assert block is not None
        good[index] = block[:start] + marked[start : start + 2 * words] + block[start + 2 * words :]

        assert f"register {register} says that its value is not available" in refusal(register_map, good)

    def test_a_frequency_that_is_not_there_costs_nothing(self) -> None:
        blocks = filled(SDM630)

        assert sample(SDM630, [blocks[0], None]).frequency_mhz is None

    def test_the_reason_names_the_quantity(self) -> None:
        meter = Registers(SDM630)
        meter.phases((0, 2, 4), 230, 230, 230)
        meter.put(8, math.nan)

        assert refusal(SDM630, meter.blocks()) == "current: register 8 holds no number"


class TestPlausibility:
    """What fails is refused whole, never clipped."""

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"current_a": (150.1, 1, 1), "power_w": (0, 0, 0)}, "current L1 is 150.1 A, above 1.5 times"),
            ({"current_a": (1, 1, -1), "power_w": (0, 0, 0)}, "current L3 is -1 A, but this meter gives magnitudes"),
            ({"voltage_v": (149.9, 230, 230)}, "voltage L1 is 149.9 V"),
            ({"voltage_v": (230, 280.1, 230)}, "voltage L2 is 280.1 V"),
            ({"voltage_v": (230, 230, 0)}, "voltage L3 is 0 V"),
            ({"frequency_hz": 44.9}, "frequency is 44.9 Hz"),
            ({"frequency_hz": 500.0}, "frequency is 500 Hz"),
            ({"current_a": (10, 5, 0), "power_w": (2_600, 0, 0)}, "power L1 is 2600 W, more than 230.1 V x 10.00 A"),
            ({"current_a": (10, 5, 0), "power_w": (0, -1_400, 0)}, "power L2 is -1400 W"),
        ],
    )
    def test_outside_the_gate(self, given: dict[str, Any], words: str) -> None:
        assert words in refusal(SDM630, filled(SDM630, **given))

    @pytest.mark.parametrize(
        "given",
        [
            {"current_a": (150, 150, 0), "power_w": (0, 0, 0)},
            {"voltage_v": (150, 280, 230), "power_w": (0, 0, 0)},
            {"frequency_hz": 45.0},
            {"frequency_hz": 65.0},
            {"current_a": (10, 5, 0), "power_w": (2_500, 0, 20)},
        ],
    )
    def test_just_inside(self, given: dict[str, Any]) -> None:
        assert isinstance(decoded(SDM630, filled(SDM630, **given)), Sample)

    def test_the_rating_is_the_owners(self) -> None:
        blocks = filled(SDM630, current_a=(100, 0, 0), power_w=(0, 0, 0))

        assert "current L1" in refusal(SDM630, blocks, rating_ma=65_000)

    def test_a_signed_current_is_held_to_the_rating_both_ways(self) -> None:
        victron = layout("victron")

        assert "current L1" in refusal(victron, filled(victron, current_a=(-151, 0, 0), power_w=(0, 0, 0)))
