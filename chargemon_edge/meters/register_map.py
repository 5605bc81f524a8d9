"""Where a meter keeps its values: the register map, as the catalogue and the site's configuration write it.

Addresses are PDU addresses, as they go on the wire: counted from 0, without the manual's 30001 or 40001. Pure data and
its checks; reads nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import msgspec

ValueType = Literal["i16", "u16", "i32", "u32", "f32", "i64", "u64", "f64"]
Order = Literal["big", "little"]

WORDS: dict[ValueType, int] = {"i16": 1, "u16": 1, "i32": 2, "u32": 2, "f32": 2, "i64": 4, "u64": 4, "f64": 4}

_BLOCK_WORDS_MAX = 125  # Modbus application protocol 1.1b3, §6.3 and §6.4
_ADDRESSES = 65_536


class Block(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Registers read in one request. What belongs together in time belongs in one block."""

    start: int
    count: int
    every: int = 1
    """Read on every so many polls; above 1 for what may be late, such as the frequency."""

    def holds(self, register: int, words: int) -> bool:
        """Whether a value of that many words lies wholly inside."""
        return self.start <= register and register + words <= self.start + self.count


class _Registers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every quantity can say about its registers."""

    type: ValueType | None = None
    """None: the map's own type."""
    scale: float = 1.0
    """Value = raw x scale; negative where the meter's sign is the other way round."""
    missing: tuple[int, ...] = ()
    """Raw values, as unsigned numbers, that mean "not available", besides NaN and the type's usual mark."""


class CurrentRegisters(_Registers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Currents of the meter's L1, L2, L3; raw x scale is in amperes."""

    registers: tuple[int, int, int]
    sign: Literal["power", "own"] = "power"
    """``power``: a magnitude, the direction is that of the same phase's power. ``own``: the register carries it."""
    absolute: bool = False
    """With ``power``: take the magnitude of what the register says, for meters that sometimes give a sign."""


class VoltageRegisters(_Registers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Voltages L1, L2, L3 against N; raw x scale is in volts."""

    registers: tuple[int, int, int]


class PowerRegisters(_Registers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Active powers of L1, L2, L3, positive for import."""

    registers: tuple[int, int, int]
    minus: tuple[int, int, int] | None = None
    """For meters with one register for import and one for export: these are the exports."""
    unit: Literal["W", "kW"] = "W"


class TotalPowerRegister(_Registers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Active power of all phases, positive for import. Only for the self-test."""

    register: int
    minus: int | None = None
    unit: Literal["W", "kW"] = "W"


class FrequencyRegister(_Registers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frequency; raw x scale is in hertz."""

    register: int


Quantity = CurrentRegisters | VoltageRegisters | PowerRegisters | TotalPowerRegister | FrequencyRegister


class RegisterMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of meter. Build it, then ask :func:`mistakes` before trusting it."""

    title: str = "own register map"
    function_code: Literal[3, 4]
    """3: holding registers; 4: input registers."""
    type: ValueType = "f32"
    word_order: Order = "big"
    """``big``: the most significant word has the lower address (Modbus' normal)."""
    byte_order: Order = "big"
    """Within one word; ``little`` is rare."""
    blocks: tuple[Block, ...]
    current: CurrentRegisters
    voltage: VoltageRegisters | None = None
    power: PowerRegisters | None = None
    power_total: TotalPowerRegister | None = None
    frequency: FrequencyRegister | None = None

    def quantities(self) -> Iterator[tuple[str, Quantity]]:
        """Every quantity that the map gives, with the name of its table."""
        for name in ("current", "voltage", "power", "power_total", "frequency"):
            quantity: Quantity | None = getattr(self, name)
            if quantity is not None:
                yield name, quantity

    def type_of(self, quantity: Quantity) -> ValueType:
        """The type of that quantity's registers."""
        return quantity.type or self.type

    def block_of(self, register: int, words: int) -> int | None:
        """The index of the first block that holds the value, or None."""
        return next((index for index, block in enumerate(self.blocks) if block.holds(register, words)), None)


def registers_of(quantity: Quantity) -> tuple[int, ...]:
    """Every register address that the quantity names."""
    if isinstance(quantity, TotalPowerRegister):
        return (quantity.register,) if quantity.minus is None else (quantity.register, quantity.minus)
    if isinstance(quantity, FrequencyRegister):
        return (quantity.register,)
    if isinstance(quantity, PowerRegisters) and quantity.minus is not None:
        return (*quantity.registers, *quantity.minus)
    return quantity.registers


def mistakes(register_map: RegisterMap) -> list[str]:
    """Everything that makes the map unusable, one sentence each; an empty list means that it can be read."""
    return [*_block_mistakes(register_map), *_quantity_mistakes(register_map)]


def _block_mistakes(register_map: RegisterMap) -> Iterator[str]:
    if not register_map.blocks:
        yield "blocks: at least one block of registers must be read"
    for block in register_map.blocks:
        where = f"block {block.start}+{block.count}"
        if not 1 <= block.count <= _BLOCK_WORDS_MAX:
            yield f"{where}: count must be 1 to {_BLOCK_WORDS_MAX}, the most that one Modbus request can read"
        if block.start < 0 or block.start + block.count > _ADDRESSES:
            yield f"{where}: addresses go from 0 to 65535 (the manual's 30001 or 40001 is address 0)"
        if block.every < 1:
            yield f"{where}: every must be at least 1"


def _quantity_mistakes(register_map: RegisterMap) -> Iterator[str]:
    for name, quantity in register_map.quantities():
        kind = register_map.type_of(quantity)
        words = WORDS[kind]
        if quantity.scale == 0 or not math.isfinite(quantity.scale):
            yield f"{name}: scale must be a number other than 0"
        for mark in quantity.missing:
            if not 0 <= mark < 1 << 16 * words:
                yield f"{name}: missing value {mark} does not fit into {kind}"
        needed_always = name == "current" or (name == "power" and register_map.current.sign == "power")
        for register in registers_of(quantity):
            index = register_map.block_of(register, words)
            if index is None:
                yield f"{name}: register {register} ({kind}, {words} words) is not wholly inside any block"
            elif needed_always and register_map.blocks[index].every != 1:
                yield f"{name}: register {register} is needed in each sample, but its block is read only now and then"
    if register_map.current.sign == "own" and register_map.current.absolute:
        yield "current: sign = 'own' and absolute = true contradict each other"
