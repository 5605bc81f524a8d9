"""Register maps of real layouts for the tests, and an encoder that knows nothing of the decoder."""

from __future__ import annotations

import struct

from chargemon_edge.meters.catalogue import parse
from chargemon_edge.meters.register_map import RegisterMap, ValueType

GAVAZZI = """
title = "Carlo Gavazzi EM330"
function_code = 4
type = "i32"
word_order = "little"
blocks = [{start = 0, count = 24}, {start = 40, count = 14, every = 10}]
current = {registers = [12, 14, 16], scale = 0.001, absolute = true}
voltage = {registers = [0, 2, 4], scale = 0.1}
power = {registers = [18, 20, 22], scale = 0.1}
power_total = {register = 40, scale = 0.1}
frequency = {register = 51, type = "i16", scale = 0.1}
"""

JANITZA = """
title = "Janitza UMG 96RM"
function_code = 3
blocks = [{start = 19000, count = 52}]
current = {registers = [19012, 19014, 19016]}
voltage = {registers = [19000, 19002, 19004]}
power = {registers = [19020, 19022, 19024]}
power_total = {register = 19026}
frequency = {register = 19050}
"""

ABB = """
title = "ABB B23"
function_code = 3
type = "u32"
blocks = [{start = 0x5B00, count = 45}]
current = {registers = [0x5B0C, 0x5B0E, 0x5B10], scale = 0.01}
voltage = {registers = [0x5B00, 0x5B02, 0x5B04], scale = 0.1}
power = {registers = [0x5B16, 0x5B18, 0x5B1A], type = "i32", scale = 0.01, missing = [0x7FFFFFFF]}
power_total = {register = 0x5B14, type = "i32", scale = 0.01, missing = [0x7FFFFFFF]}
frequency = {register = 0x5B2C, type = "u16", scale = 0.01}
"""

SCHNEIDER = """
title = "Schneider iEM3155"
function_code = 3
blocks = [{start = 2999, count = 62}, {start = 3109, count = 2, every = 10}]
current = {registers = [2999, 3001, 3003]}
voltage = {registers = [3027, 3029, 3031]}
power = {registers = [3053, 3055, 3057], unit = "kW"}
power_total = {register = 3059, unit = "kW"}
frequency = {register = 3109}
"""

PAC1600 = """
title = "Siemens PAC1600"
function_code = 3
type = "u32"
blocks = [{start = 1, count = 30}, {start = 49, count = 12, every = 10}]
current = {registers = [7, 9, 11], scale = 0.0001}
voltage = {registers = [1, 3, 5], scale = 0.01}
power = {registers = [19, 21, 23], type = "i32", scale = 0.01}
power_total = {register = 57, type = "i32", scale = 0.01}
frequency = {register = 49, scale = 0.01}
"""

KOSTAL = """
title = "Kostal KSEM"
function_code = 3
type = "u32"
blocks = [
  {start = 0, count = 4}, {start = 26, count = 2},
  {start = 40, count = 24}, {start = 80, count = 24}, {start = 120, count = 24},
]
current = {registers = [60, 100, 140], scale = 0.001}
voltage = {registers = [62, 102, 142], scale = 0.001}
power = {registers = [40, 80, 120], minus = [42, 82, 122], scale = 0.1}
power_total = {register = 0, minus = 2, scale = 0.1}
frequency = {register = 26, scale = 0.001}
"""

SOCOMEC = """
title = "Socomec Countis E23"
function_code = 3
type = "u32"
blocks = [{start = 0xC558, count = 30}]
current = {registers = [0xC560, 0xC562, 0xC564], scale = 0.001}
voltage = {registers = [0xC558, 0xC55A, 0xC55C], scale = 0.01}
power = {registers = [0xC570, 0xC572, 0xC574], type = "i32", scale = 10}
power_total = {register = 0xC568, type = "i32", scale = 10}
"""

PHOENIX = """
title = "Phoenix Contact EEM"
function_code = 3
word_order = "little"
blocks = [{start = 0x8006, count = 30}]
current = {registers = [0x800E, 0x8010, 0x8012]}
voltage = {registers = [0x8006, 0x8008, 0x800A]}
power = {registers = [0x801E, 0x8020, 0x8022]}
power_total = {register = 0x8016}
frequency = {register = 0x800C}
"""

VICTRON = """
title = "Victron GX"
function_code = 3
type = "i16"
blocks = [{start = 2600, count = 3}, {start = 2616, count = 18}]
current = {registers = [2617, 2619, 2621], scale = 0.1, sign = "own"}
voltage = {registers = [2616, 2618, 2620], type = "u16", scale = 0.1}
power = {registers = [2600, 2601, 2602]}
"""

VICTRON_NATIVE = """
title = "Victron VM-3P75CT"
function_code = 3
type = "i16"
blocks = [{start = 0x3032, count = 1, every = 10}, {start = 0x3040, count = 18}, {start = 0x3082, count = 10}]
current = {registers = [0x3041, 0x3049, 0x3051], scale = 0.01}
voltage = {registers = [0x3040, 0x3048, 0x3050], scale = 0.01}
power = {registers = [0x3082, 0x3086, 0x308A], type = "i32"}
frequency = {register = 0x3032, type = "u16", scale = 0.01}
"""

SMA = """
title = "SMA Data Manager M"
function_code = 3
type = "i32"
blocks = [{start = 31535, count = 6}, {start = 31249, count = 2, every = 5}]
current = {registers = [31535, 31537, 31539], scale = -0.001, sign = "own"}
power_total = {register = 31249, scale = -1}
"""

HUAWEI = """
title = "Huawei SUN2000 power meter"
function_code = 3
type = "i32"
blocks = [{start = 37101, count = 37}]
current = {registers = [37107, 37109, 37111], scale = -0.01, sign = "own"}
voltage = {registers = [37101, 37103, 37105], scale = 0.1}
power = {registers = [37132, 37134, 37136], scale = -1}
power_total = {register = 37113, scale = -1}
frequency = {register = 37118, type = "i16", scale = 0.01}
"""

PRO380 = """
title = "Inepro PRO380"
function_code = 3
blocks = [{start = 0x5002, count = 24}]
current = {registers = [0x500C, 0x500E, 0x5010]}
voltage = {registers = [0x5002, 0x5004, 0x5006]}
power = {registers = [0x5014, 0x5016, 0x5018], unit = "kW"}
power_total = {register = 0x5012, unit = "kW"}
frequency = {register = 0x5008}
"""

CHINT = """
title = "Chint DTSU666"
function_code = 3
blocks = [{start = 0x2006, count = 20}, {start = 0x2044, count = 2, every = 10}]
current = {registers = [0x200C, 0x200E, 0x2010], scale = 0.001}
voltage = {registers = [0x2006, 0x2008, 0x200A], scale = 0.1}
power = {registers = [0x2014, 0x2016, 0x2018], scale = 0.1}
power_total = {register = 0x2012, scale = 0.1}
frequency = {register = 0x2044, scale = 0.01}
"""

EMMA = """
title = "Huawei EMMA"
function_code = 3
type = "i32"
blocks = [{start = 31639, count = 32}]
current = {registers = [31651, 31653, 31655], scale = 0.1, absolute = true}
voltage = {registers = [31639, 31641, 31643], type = "u32", scale = 0.01}
power = {registers = [31665, 31667, 31669]}
power_total = {register = 31657}
"""

LAYOUTS = {
    "gavazzi": GAVAZZI,
    "janitza": JANITZA,
    "abb": ABB,
    "schneider": SCHNEIDER,
    "pac1600": PAC1600,
    "kostal": KOSTAL,
    "socomec": SOCOMEC,
    "phoenix": PHOENIX,
    "victron": VICTRON,
    "victron native": VICTRON_NATIVE,
    "sma": SMA,
    "huawei": HUAWEI,
    "pro380": PRO380,
    "chint": CHINT,
    "emma": EMMA,
}

_LETTERS = {"i16": "h", "u16": "H", "i32": "i", "u32": "I", "f32": "f", "i64": "q", "u64": "Q", "f64": "d"}


def layout(name: str) -> RegisterMap:
    """One of the layouts above."""
    return parse(LAYOUTS[name], name)


class Registers:
    """A meter's memory: write values as its firmware would, take out blocks as its answers would carry them."""

    def __init__(self, register_map: RegisterMap) -> None:
        self._map = register_map
        self._words: dict[int, bytes] = {}

    def put(self, register: int, value: float, kind: ValueType | None = None) -> None:
        """Store *value* (already as a raw number) from *register* on."""
        kind = kind or self._map.type
        raw = value if kind.startswith("f") else round(value)
        packed = struct.pack(">" + _LETTERS[kind], raw)
        words = [packed[at : at + 2] for at in range(0, len(packed), 2)]
        if self._map.word_order == "little":
            words.reverse()
        for offset, word in enumerate(words):
            self._words[register + offset] = word[::-1] if self._map.byte_order == "little" else word

    def phases(self, registers: tuple[int, int, int], *values: float, kind: ValueType | None = None) -> None:
        """Three values, one for each phase."""
        for register, value in zip(registers, values, strict=True):
            self.put(register, value, kind)

    def blocks(self) -> list[bytes | None]:
        """What reading every block of the map gives; what was never written reads as zero."""
        return [
            b"".join(self._words.get(register, b"\0\0") for register in range(block.start, block.start + block.count))
            for block in self._map.blocks
        ]


def filled(
    register_map: RegisterMap,
    *,
    current_a: tuple[float, float, float] = (10.0, 5.5, 0.0),
    voltage_v: tuple[float, float, float] = (230.1, 229.8, 230.4),
    power_w: tuple[float, float, float] = (2300.0, -1200.0, 0.0),
    frequency_hz: float = 50.0,
) -> list[bytes | None]:
    """The blocks of a meter that measures this."""
    meter = Registers(register_map)
    given: list[tuple[object, tuple[float, ...], tuple[int, ...], tuple[int, ...]]] = []
    if register_map.voltage is not None:
        given.append((register_map.voltage, voltage_v, register_map.voltage.registers, ()))
    given.append((register_map.current, current_a, register_map.current.registers, ()))
    if register_map.power is not None:
        given.append((register_map.power, power_w, register_map.power.registers, register_map.power.minus or ()))
    if register_map.power_total is not None:
        total = register_map.power_total
        given.append((total, (sum(power_w),), (total.register,), () if total.minus is None else (total.minus,)))
    if register_map.frequency is not None:
        given.append((register_map.frequency, (frequency_hz,), (register_map.frequency.register,), ()))
    for quantity, values, registers, exports in given:
        scale: float = quantity.scale  # type: ignore[attr-defined]  # every quantity has one
        scale *= 1000 if getattr(quantity, "unit", "W") == "kW" else 1
        kind: ValueType | None = quantity.type  # type: ignore[attr-defined]  # every quantity has one
        for at, value in enumerate(values):
            if exports:
                meter.put(registers[at], max(value, 0.0) / scale, kind)
                meter.put(exports[at], max(-value, 0.0) / scale, kind)
            else:
                meter.put(registers[at], value / scale, kind)
    return meter.blocks()
