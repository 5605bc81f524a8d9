"""The examples in docs/meters.md are what the daemon accepts, and its tables name every key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from chargemon_edge.meters import catalogue
from chargemon_edge.meters.register_map import (
    Block,
    CurrentRegisters,
    FrequencyRegister,
    PowerRegisters,
    RegisterMap,
    TotalPowerRegister,
    VoltageRegisters,
)
from chargemon_edge.meters.settings import MeterSettings, mistakes

MANUAL = (Path(__file__).parents[3] / "docs" / "meters.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", MANUAL, re.DOTALL))
def test_each_example_is_accepted(example: str) -> None:
    (table,) = tomllib.loads(example)["meter"]

    assert mistakes(msgspec.convert(table, MeterSettings)) == []


@pytest.mark.parametrize(
    "struct",
    [
        RegisterMap,
        Block,
        CurrentRegisters,
        VoltageRegisters,
        PowerRegisters,
        TotalPowerRegister,
        FrequencyRegister,
    ],
)
def test_each_key_is_named(struct: type[msgspec.Struct]) -> None:
    unnamed = [field.name for field in msgspec.structs.fields(struct) if f"`{field.name}`" not in MANUAL]

    assert unnamed == []


def test_each_model_is_listed() -> None:
    assert [model for model in catalogue.models() if f"| `{model}` |" not in MANUAL] == []
