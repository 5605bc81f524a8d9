"""The maps we ship, the maps that real meters need, and what a wrong map gets told."""

from __future__ import annotations

import pytest

from chargemon_edge.meters import catalogue
from chargemon_edge.meters.catalogue import CatalogueError, parse
from chargemon_edge.meters.register_map import WORDS, registers_of
from tests.unit.meters.maps import JANITZA, LAYOUTS, layout


@pytest.mark.parametrize("model", catalogue.models())
def test_every_shipped_map_is_sound(model: str) -> None:
    assert catalogue.load(model).title


def test_the_sdm630_is_read_where_its_manual_says() -> None:
    sdm630 = catalogue.load("eastron-sdm630")

    assert sdm630.function_code == 4
    assert sdm630.voltage is not None
    assert sdm630.voltage.registers == (0, 2, 4)
    assert sdm630.current.registers == (6, 8, 10)
    assert sdm630.power is not None
    assert sdm630.power.registers == (12, 14, 16)
    assert sdm630.frequency is not None
    assert sdm630.frequency.register == 70


def test_an_unknown_model_is_told_what_there_is() -> None:
    with pytest.raises(CatalogueError, match=r"'sdm999' is not in the catalogue.*eastron-sdm630"):
        catalogue.load("sdm999")


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_format_can_express_the_usual_meters(name: str) -> None:
    found = layout(name)

    for _, quantity in found.quantities():
        for register in registers_of(quantity):
            assert found.block_of(register, WORDS[found.type_of(quantity)]) is not None


@pytest.mark.parametrize(
    ("wrong", "right", "words"),
    [
        ("count = 52", "count = 126", "block 19000\\+126: count must be 1 to 125"),
        ("start = 19000", "start = 65530", "addresses go from 0 to 65535"),
        ("count = 52}", "count = 52, every = 0}", "every must be at least 1"),
        ("count = 52}", "count = 52, every = 5}", "current: register 19012 is needed in each sample"),
        ("19050", "19051", "frequency: register 19051 \\(f32, 2 words\\) is not wholly inside any block"),
        ("19012, 19014, 19016]", "19012, 19014, 19016], scale = 0", "current: scale must be a number other than 0"),
        ("19012, 19014, 19016]", "19012, 19014]", "Expected `array` of length 3"),
        ("19012, 19014, 19016]", "19012, 19014, 19016], type = 'f16'", "Invalid enum value 'f16'"),
        ("19012, 19014, 19016]", "19012, 19014, 19016], sgin = 'own'", "unknown field `sgin`"),
        ("19012, 19014, 19016]", "19012, 19014, 19016], sign = 'own', absolute = true", "contradict each other"),
        ("19012, 19014, 19016]", "19012, 19014, 19016], missing = [0x100000000]", "does not fit into f32"),
        ("function_code = 3", "function_code = 6", "Invalid enum value 6"),
        ("function_code = 3", "function_code = ", "Invalid value"),
        ("current =", "amperes =", "unknown field `amperes`|missing required field `current`"),
    ],
)
def test_a_wrong_map_is_told_what_is_wrong(wrong: str, right: str, words: str) -> None:
    assert wrong in JANITZA

    with pytest.raises(CatalogueError, match=f"register map 'mine': .*({words})"):
        parse(JANITZA.replace(wrong, right), "mine")


def test_every_mistake_is_told_at_once() -> None:
    text = JANITZA.replace("19050", "19051").replace("19016]", "19116]")

    with pytest.raises(CatalogueError) as caught:
        parse(text, "mine")

    assert "register 19051" in str(caught.value)
    assert "register 19116" in str(caught.value)
