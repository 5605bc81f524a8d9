"""Says in words what is wrong with a meter's register map, from what the meter itself answers. Pure.

The first readings tell most mistakes apart: three voltages near 230 V and a frequency near 50 Hz are hard to meet by
chance.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from chargemon_edge.meters.register_map import WORDS, Order, RegisterMap, registers_of
from chargemon_edge.meters.registers import (
    FREQUENCY_RANGE_HZ,
    VOLTAGE_RANGE_V,
    Blocks,
    Missing,
    Sample,
    value_reader,
)

_ORDERS: tuple[Order, Order] = ("big", "little")
_SHIFTS = (0, -1, 1, -2, 2)
_TOTAL_TOLERANCE = 0.02
_TOTAL_SLACK_W = 50


def advice(register_map: RegisterMap, blocks: Blocks) -> str | None:
    """The smallest change of the map that would make voltages and frequency sensible.

    Several that do it equally well are joined by "or": a float's upper word alone gives almost its value, so a wrong
    order and an address that is off by one can look alike. None if nothing helps or nothing is wrong.
    """
    voltages = replace(register_map, frequency=None)
    if register_map.voltage is None or any(_verdicts(voltages, blocks, shift=0)):
        # One sensible voltage is enough to trust the map: what is wrong then is wrong at the meter
        return None
    words = WORDS[register_map.type_of(register_map.voltage)]
    found: list[list[str]] = []
    for changes, other, shift in _variants(register_map):
        verdicts = list(_verdicts(other, blocks, shift))
        # Moved by whole values, one phase is taken for its neighbour: then all must be there to tell
        needed = 2 if shift % words else 3
        if len(verdicts) >= needed and all(verdicts):
            found.append(changes)
    fewest = min(map(len, found), default=0)
    return " or ".join(" and ".join(changes) for changes in found if len(changes) == fewest) or None


def doubts(sample: Sample) -> list[str]:
    """What a plausible first sample still gives reason to check at the meter, one sentence each."""
    if sample.power_w is None or sample.power_total_w is None:
        return []
    total_w = sum(sample.power_w)
    # The owner may have turned the whole meter: compare magnitudes
    difference_w = abs(abs(total_w) - abs(sample.power_total_w))
    if difference_w <= _TOTAL_TOLERANCE * abs(sample.power_total_w) + _TOTAL_SLACK_W:
        return []
    return [
        f"the phases' powers add up to {total_w} W but the total says {sample.power_total_w} W: "
        "look for a current transformer that is reversed or on the wrong phase"
    ]


def _variants(register_map: RegisterMap) -> Iterator[tuple[list[str], RegisterMap, int]]:
    for word_order in _ORDERS:
        for byte_order in _ORDERS:
            other = replace(register_map, word_order=word_order, byte_order=byte_order)
            changes = []
            if word_order != register_map.word_order:
                changes.append(f"word_order = {word_order!r}")
            if byte_order != register_map.byte_order:
                changes.append(f"byte_order = {byte_order!r}")
            for shift in _SHIFTS:
                moves = [f"{shift:+d} on every register address"] if shift else []
                if changes or moves:
                    yield [*changes, *moves], other, shift


def _verdicts(register_map: RegisterMap, blocks: Blocks, shift: int) -> Iterator[bool]:
    """For each voltage and the frequency, as far as they were read: whether the value is in range."""
    # The words stay where they are; what changes is the address that each is taken to have
    moved = replace(
        register_map, blocks=tuple(replace(block, start=block.start - shift) for block in register_map.blocks)
    )
    for quantity, (low, high) in (
        (register_map.voltage, VOLTAGE_RANGE_V),
        (register_map.frequency, FREQUENCY_RANGE_HZ),
    ):
        for register in () if quantity is None else registers_of(quantity):
            assert quantity is not None
            index = moved.block_of(register, WORDS[moved.type_of(quantity)])
            if index is None or blocks[index] is None:
                continue
            try:
                yield low <= value_reader(moved, quantity, register)(blocks) <= high
            except Missing:
                yield False
