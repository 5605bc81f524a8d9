"""Registers to a sample of the site: pure decoding, signs and the plausibility gate.

A value that is missing or impossible makes the whole sample worth nothing: it is refused with a reason, never clipped
and never read as zero, because 0 A would look like a fuse that is free.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

import msgspec

from chargemon_edge.meters.register_map import (
    WORDS,
    CurrentRegisters,
    PowerRegisters,
    Quantity,
    RegisterMap,
    TotalPowerRegister,
    ValueType,
    registers_of,
)
from chargemon_edge.site.units import NOMINAL_VOLTAGE_V, PerPhase, Rotation, milliamperes_drawn, to_site_frame

Blocks = Sequence[bytes | None]
"""One entry for each block of the map: its words as they came on the wire, or None while it was never read."""

Values = tuple[float, ...]

# Below this the direction flickers, so the current counts as import
DEAD_BAND_A = 0.2
# Mostly reactive current has no direction worth the name; it loads the fuse either way, so it counts as import
EXPORT_POWER_FACTOR = 0.5
RATING_FACTOR = 1.5
VOLTAGE_RANGE_V = (150.0, 280.0)
FREQUENCY_RANGE_HZ = (45.0, 65.0)
# Active power cannot pass U x I but for the meter's own tolerance, and a coarse meter's last digit
POWER_FACTOR_MAX = 1.1
POWER_SLACK_W = 20.0

_LETTER: dict[ValueType, str] = {
    "i16": "h", "u16": "H", "i32": "i", "u32": "I", "f32": "f", "i64": "q", "u64": "Q", "f64": "d",
}  # fmt: skip


class Sample(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One whole, plausible reading on the site's phases; positive is import."""

    current_ma: PerPhase
    voltage_mv: PerPhase | None = None
    power_w: PerPhase | None = None
    power_total_w: int | None = None
    frequency_mhz: int | None = None


class Implausible(msgspec.Struct, frozen=True, gc=False):
    """A reading that is not to be believed, and why."""

    why: str


class Missing(Exception):
    """A value of the quantity is marked "not available", is no number, or was never read."""


class Decoder:
    """Turns the blocks of one map into samples. Built once; holds no state between samples."""

    def __init__(
        self,
        register_map: RegisterMap,
        *,
        rating_ma: int,
        ct_ratio: float = 1.0,
        rotation: Rotation = Rotation.L1L2L3,
        reversed_ct: tuple[bool, bool, bool] = (False, False, False),
        invert: bool = False,
    ) -> None:
        self._map = register_map
        self._current_max_a = RATING_FACTOR * rating_ma / 1000
        self._ct_ratio = ct_ratio
        self._rotation = rotation
        self._turn = tuple(-1.0 if backwards != invert else 1.0 for backwards in reversed_ct)
        self._read = {name: reader(register_map, quantity) for name, quantity in register_map.quantities()}

    def decode(self, blocks: Blocks) -> Sample | Implausible:
        """The sample in *blocks*, or why there is none."""
        try:
            current_a = self._scaled("current", blocks)
            voltage_v = self._values("voltage", blocks)
            power_w = self._scaled("power", blocks)
            total_w = self._occasional("power_total", blocks)
            frequency_hz = self._occasional("frequency", blocks)
        except Missing as missing:
            return Implausible(str(missing))
        assert current_a is not None, "every map has currents"
        why = self._doubt(current_a, voltage_v, power_w, frequency_hz)
        if why is not None:
            return Implausible(why)
        signed_a = self._signed(current_a, voltage_v, power_w)
        return Sample(
            current_ma=self._on_site(tuple(milliamperes_drawn(value) for value in signed_a)),
            voltage_mv=None if voltage_v is None else self._on_site(tuple(round(value * 1000) for value in voltage_v)),
            power_w=None if power_w is None else self._on_site(self._turned(power_w)),
            power_total_w=None if total_w is None else round(total_w[0] * self._ct_ratio),
            frequency_mhz=None if frequency_hz is None else round(frequency_hz[0] * 1000),
        )

    def _values(self, name: str, blocks: Blocks) -> Values | None:
        """The values of that quantity; None: the map has none of it."""
        read = self._read.get(name)
        if read is None:
            return None
        try:
            return read(blocks)
        except Missing as missing:
            raise Missing(f"{name}: {missing}") from None

    def _scaled(self, name: str, blocks: Blocks) -> Values | None:
        """The same as a primary value, for what goes through the current transformers."""
        values = self._values(name, blocks)
        return values if values is None or self._ct_ratio == 1.0 else tuple(value * self._ct_ratio for value in values)

    def _occasional(self, name: str, blocks: Blocks) -> Values | None:
        """What only the self-test and the display need: its absence does not cost the sample."""
        try:
            return self._values(name, blocks)
        except Missing:
            return None

    def _doubt(
        self, current_a: Values, voltage_v: Values | None, power_w: Values | None, frequency_hz: Values | None
    ) -> str | None:
        own_sign = self._map.current.sign == "own"
        for phase, value in enumerate(current_a, 1):
            if (abs(value) if own_sign else value) > self._current_max_a:
                return f"current L{phase} is {value:.6g} A, above 1.5 times the meter's rating"
            if value < 0 and not own_sign:
                return f"current L{phase} is {value:.6g} A, but this meter gives magnitudes"
        if voltage_v is not None:
            for phase, value in enumerate(voltage_v, 1):
                if not VOLTAGE_RANGE_V[0] <= value <= VOLTAGE_RANGE_V[1]:
                    return f"voltage L{phase} is {value:.6g} V, outside 150 to 280 V"
        if frequency_hz is not None and not FREQUENCY_RANGE_HZ[0] <= frequency_hz[0] <= FREQUENCY_RANGE_HZ[1]:
            return f"frequency is {frequency_hz[0]:.6g} Hz, outside 45 to 65 Hz"
        if voltage_v is not None and power_w is not None:
            for phase, (volts, amperes, watts) in enumerate(zip(voltage_v, current_a, power_w, strict=True), 1):
                most_w = POWER_FACTOR_MAX * volts * abs(amperes) + POWER_SLACK_W
                if abs(watts) > most_w:
                    return f"power L{phase} is {watts:.6g} W, more than {volts:.1f} V x {abs(amperes):.2f} A can be"
        return None

    def _signed(self, current_a: Values, voltage_v: Values | None, power_w: Values | None) -> list[float]:
        """Each phase's current with its direction; whatever leaves the direction open counts as import."""
        signed: list[float] = []
        for phase, amperes in enumerate(current_a):
            magnitude = abs(amperes)
            if self._map.current.sign == "own":
                exporting = amperes * self._turn[phase] < 0
            elif power_w is not None:
                volts = NOMINAL_VOLTAGE_V if voltage_v is None else voltage_v[phase]
                exporting = -power_w[phase] * self._turn[phase] >= EXPORT_POWER_FACTOR * volts * magnitude
            else:
                exporting = False
            signed.append(-magnitude if exporting and magnitude >= DEAD_BAND_A else magnitude)
        return signed

    def _turned(self, values: Values) -> tuple[int, ...]:
        return tuple(round(value * turn) for value, turn in zip(values, self._turn, strict=True))

    def _on_site(self, values: Sequence[int]) -> PerPhase:
        """From the meter's own L1, L2, L3 to the site's."""
        at_meter = PerPhase(*values)
        return at_meter if self._rotation is Rotation.L1L2L3 else to_site_frame(self._rotation, at_meter)


def reader(register_map: RegisterMap, quantity: Quantity) -> Callable[[Blocks], Values]:
    """A function from blocks to the quantity's values in A, V, W or Hz; it raises :class:`Missing`."""
    reads = [value_reader(register_map, quantity, register) for register in registers_of(quantity)]
    exports = _exports(quantity)
    if not exports:
        return lambda blocks: tuple([read(blocks) for read in reads])

    def net(blocks: Blocks) -> Values:
        values = [read(blocks) for read in reads]
        return tuple([values[at] - values[at + exports] for at in range(exports)])

    return net


def value_reader(register_map: RegisterMap, quantity: Quantity, register: int) -> Callable[[Blocks], float]:
    """The same for one register of the quantity, which must lie inside a block."""
    kind = register_map.type_of(quantity)
    words = WORDS[kind]
    index = register_map.block_of(register, words)
    assert index is not None, "the map was not checked"
    start = 2 * (register - register_map.blocks[index].start)
    end = start + 2 * words
    arrange = arrangement(words, register_map.word_order, register_map.byte_order)
    unpack = struct.Struct(">" + _LETTER[kind]).unpack
    marks = frozenset(quantity.missing) | _usual_marks(kind)
    scale = quantity.scale
    if isinstance(quantity, PowerRegisters | TotalPowerRegister) and quantity.unit == "kW":
        scale *= 1000
    absolute = isinstance(quantity, CurrentRegisters) and quantity.absolute

    def read(blocks: Blocks) -> float:
        block = blocks[index]
        if block is None:
            raise Missing(f"register {register} was not read")
        raw = block[start:end]
        if arrange is not None:
            raw = arrange(raw)
        if marks and int.from_bytes(raw, "big") in marks:
            raise Missing(f"register {register} says that its value is not available")
        value: float = unpack(raw)[0] * scale
        if not math.isfinite(value):
            raise Missing(f"register {register} holds no number")
        return abs(value) if absolute else value

    return read


def _exports(quantity: Quantity) -> int:
    """How many of the quantity's registers, the last ones, are to be taken away from the first ones."""
    if isinstance(quantity, PowerRegisters | TotalPowerRegister) and quantity.minus is not None:
        return len(registers_of(quantity)) // 2
    return 0


def arrangement(words: int, word_order: str, byte_order: str) -> Callable[[bytes], bytes] | None:
    """A function that puts one value's bytes into big-endian order; None if they are in it."""
    order = [2 * word + byte for word in range(words) for byte in range(2)]
    if word_order == "little":
        order = [2 * (words - 1 - at // 2) + at % 2 for at in order]
    if byte_order == "little":
        order = [at ^ 1 for at in order]
    if order == sorted(order):
        return None
    return lambda raw: bytes([raw[at] for at in order])


def _usual_marks(kind: ValueType) -> frozenset[int]:
    """What devices put into a register of that type when they have no value; NaN needs no mark."""
    if kind.startswith("f"):
        return frozenset()
    bits = 16 * WORDS[kind]
    return frozenset({1 << (bits - 1)} if kind.startswith("i") else {(1 << bits) - 1})
