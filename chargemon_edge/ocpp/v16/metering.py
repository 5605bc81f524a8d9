"""What a charger's meter values say, in one shape: integers, at the charger's own terminals, with provenance.

Chargers spell the same number in many ways: Wh or kWh, per phase or in all, quoted, without a unit, in any order and
with other people's conventions for phases. Each reading below has one rule:

* *current_ma*: per phase as reported. ``N`` alone is the one phase of a single-phase charger. One unphased value is
  put on every phase (derived): no phase can carry more than that. Terminals that a charger leaves out beside others
  carry nothing. Without any current, per-phase power over the voltage (derived); never power in all, since nobody
  knows on how many phases it flows.
* *power_w*: in all as reported, else the sum of the phases (derived), else from reported per-phase currents (derived).
* *energy_wh*: in all as reported, else the sum of the phases (derived). Lifetime or per session: the charger's choice.
* *offered_ma*: the largest current offered to the car.

Values between two phases, signed data, exports, intervals and what is no finite number are left out. Of several times
the newest counts; older ones only fill gaps, and only if they lie within ``SAME_MOMENT_MS`` of it. This file must never
drop a reading because another one is odd.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from chargemon_edge.ocpp.timestamps import parse
from chargemon_edge.ocpp.v16.types import MeterValue, SampledValue
from chargemon_edge.site.units import NOMINAL_VOLTAGE_V, PerPhase, same_on_all

SAME_MOMENT_MS: Final = 10_000
_LARGEST: Final = 1e12
"""Beyond this a number is noise: a terawatt-hour, and an integer that every store can hold."""

# A quantity's slots: in all, L1, L2, L3, N.
_ENERGY, _POWER, _CURRENT, _OFFERED, _VOLTAGE = 0, 5, 10, 15, 20
_SLOTS: Final = 25
_NOTHING: Final[tuple[None, ...]] = (None,) * _SLOTS
_NO_PHASES: Final = [None] * 4

_QUANTITIES: Final = {
    "energy.active.import.register": _ENERGY,
    "power.active.import": _POWER,
    "current.import": _CURRENT,
    "current.offered": _OFFERED,
    "voltage": _VOLTAGE,
}
_UNITS: Final = {
    _ENERGY: {"wh": 1.0, "kwh": 1000.0, "w": 1.0, "kw": 1000.0},
    _POWER: {"w": 1.0, "kw": 1000.0, "va": 1.0, "kva": 1000.0, "wh": 1.0, "kwh": 1000.0},
    _CURRENT: {"a": 1000.0, "ma": 1.0},
    _OFFERED: {"a": 1000.0, "ma": 1.0},
    _VOLTAGE: {"v": 1.0, "mv": 0.001},
}
"""To Wh, W, mA and V. The hour is forgotten or added by some: the measurand says what is meant."""
_DEFAULT_FACTOR: Final = {_ENERGY: 1.0, _POWER: 1.0, _CURRENT: 1000.0, _OFFERED: 1000.0, _VOLTAGE: 1.0}
_PHASES: Final = {"": 0, "l1": 1, "l2": 2, "l3": 3, "n": 4, "l1-n": 1, "l2-n": 2, "l3-n": 3}


class Measurement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One moment of a connector's meter; None: nothing usable was reported."""

    current_ma: PerPhase | None = None
    power_w: int | None = None
    energy_wh: int | None = None
    offered_ma: int | None = None
    derived: tuple[str, ...] = ()
    """Names of the members above that were computed, not reported. A derived current is an upper bound: what is
    subtracted from a meter's reading must be a lower one."""
    measured_utc_ms: int | None = None
    """The charger's own time of the newest values; None: unreadable."""


def normalise(meter_values: Sequence[MeterValue]) -> Measurement:
    """The newest moment in *meter_values*, put in order. Never raises, whatever the texts are."""
    if len(meter_values) == 1:
        only = meter_values[0]
        return _measurement(_slots(only.sampled_value), parse(only.timestamp))
    return _newest(meter_values)


_Number = tuple[int, float]
"""Place of a number among those that are used, and its factor."""


class Layout(msgspec.Struct, frozen=True):
    """Where the numbers of one list of samples belong, whatever they are: :meth:`measure` is :func:`normalise` then."""

    used: tuple[int, ...]
    """Which samples' numbers are used; the others say nothing that is read here."""
    slots: tuple[tuple[int, _Number], ...]
    currents: tuple[_Number, _Number, _Number] | None
    """Of the three terminals, if all that is told is reported as it is told; None: something has to be computed."""
    power: _Number
    energy: _Number | None
    offered: _Number | None

    def measure(self, numbers: list[float], measured_utc_ms: int | None) -> Measurement:
        """What the samples say with these *numbers* of those used, none of them too large; takes the list over."""
        if self.currents is None:
            slots: list[float | None] = [*_NOTHING]
            for slot, (place, factor) in self.slots:
                slots[slot] = numbers[place] * factor
            return _measurement(slots, measured_utc_ms)
        # that of a terminal that is left out
        numbers.append(0.0)
        (l1, l1_factor), (l2, l2_factor), (l3, l3_factor) = self.currents
        power, energy, offered = self.power, self.energy, self.offered
        return Measurement(
            current_ma=PerPhase(
                _drawn(numbers[l1] * l1_factor), _drawn(numbers[l2] * l2_factor), _drawn(numbers[l3] * l3_factor)
            ),
            power_w=round(numbers[power[0]] * power[1]),
            energy_wh=None if energy is None else round(numbers[energy[0]] * energy[1]),
            offered_ma=None if offered is None else round(numbers[offered[0]] * offered[1]),
            measured_utc_ms=measured_utc_ms,
        )


_LEFT_OUT: Final[_Number] = (-1, 0.0)


def layout(samples: Sequence[SampledValue]) -> Layout:
    """The layout of *samples*, provided that all numbers used are usable."""
    first: dict[int, tuple[int, float]] = {}
    second: dict[int, tuple[int, float]] = {}
    for index, sample in enumerate(samples):
        place = _PLACES[sample.measurand, sample.unit, sample.phase]
        if place is None or sample.format == "SignedData":
            continue
        slot, factor = place
        if _at_outlet(sample):
            first[slot] = (index, factor)
        else:
            second.setdefault(slot, (index, factor))
    told = {**second, **first}
    reported = (
        not told.keys().isdisjoint(range(_CURRENT + 1, _CURRENT + 4))
        and _POWER in told
        and (_ENERGY in told or told.keys().isdisjoint(range(_ENERGY + 1, _ENERGY + 5)))
        and told.keys().isdisjoint(range(_OFFERED + 1, _OFFERED + 5))
    )
    if reported:
        # nothing is computed, so nobody asks for the voltage
        read = {_POWER, _ENERGY, _OFFERED, *range(_CURRENT + 1, _CURRENT + 4)}
        told = {slot: number for slot, number in told.items() if slot in read}
    found = {slot: (place, factor) for place, (slot, (_, factor)) in enumerate(told.items())}
    l1, l2, l3 = (found.get(_CURRENT + terminal, _LEFT_OUT) for terminal in (1, 2, 3))
    return Layout(
        used=tuple(index for index, _ in told.values()),
        slots=tuple(found.items()),
        currents=(l1, l2, l3) if reported else None,
        power=found.get(_POWER, _LEFT_OUT),
        energy=found.get(_ENERGY),
        offered=found.get(_OFFERED),
    )


def _newest(meter_values: Sequence[MeterValue]) -> Measurement:
    """Several times in one message: the newest counts; an unreadable time counts as older than any other."""
    timed = [(parse(value.timestamp), value) for value in meter_values]
    known = [utc_ms for utc_ms, _ in timed if utc_ms is not None]
    newest = max(known, default=None)
    if newest is not None:
        timed = [(utc_ms, value) for utc_ms, value in timed if utc_ms is not None and newest - utc_ms <= SAME_MOMENT_MS]
        timed.sort(key=_time)
    slots: list[float | None] = [*_NOTHING]
    for _, value in timed:
        _overlay(slots, _slots(value.sampled_value))
    return _measurement(slots, newest)


def _time(timed: tuple[int | None, MeterValue]) -> int:
    return timed[0] or 0


def _overlay(slots: list[float | None], newer: list[float | None]) -> None:
    """Put what a newer moment says over what an older one said; a value in all must not outlive its phases."""
    for quantity in range(0, _SLOTS, 5):
        phases = newer[quantity + 1 : quantity + 5]
        if phases.count(None) < 4:
            slots[quantity] = newer[quantity]
            for phase, value in enumerate(phases, quantity + 1):
                slots[phase] = slots[phase] if value is None else value
        elif newer[quantity] is not None:
            slots[quantity : quantity + 5] = newer[quantity : quantity + 5]


def _slots(samples: Sequence[SampledValue]) -> list[float | None]:
    """Sort the numbers of one moment into slots; the last of equals counts."""
    slots: list[float | None] = [*_NOTHING]
    second_choice: list[tuple[int, float]] = []
    for sample, number in zip(samples, _numbers(samples), strict=True):
        place = _PLACES[sample.measurand, sample.unit, sample.phase]
        if place is None or number is None or sample.format == "SignedData":
            continue
        slot, factor = place
        value = number * factor
        if not -_LARGEST < value < _LARGEST:
            continue
        if _at_outlet(sample):
            slots[slot] = value
        else:
            second_choice.append((slot, value))
    for slot, value in second_choice:
        # Measured elsewhere than at the outlet, or before the rest: better than nothing, worse than anything.
        if slots[slot] is None:
            slots[slot] = value
    return slots


def _at_outlet(sample: SampledValue) -> bool:
    """Whether it was measured where the car is, and now: others are a second choice."""
    return (sample.location is None or sample.location == "Outlet") and sample.context != "Transaction.Begin"


_decode_numbers: Final = msgspec.json.Decoder(list[float]).decode


def _numbers(samples: Sequence[SampledValue]) -> Sequence[float | None]:
    """The samples' values: all texts at once, as one JSON list, or one by one where one of them is no JSON number."""
    texts = [sample.value for sample in samples]
    try:
        numbers = _decode_numbers(f"[{','.join(texts)}]")
    except (msgspec.DecodeError, UnicodeError):
        pass
    else:
        # a text with a comma in it is not two samples
        if len(numbers) == len(texts):
            return numbers
    return [_number(text) for text in texts]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _read(measurand: str | None, unit: str | None, phase: str | None) -> tuple[int, float] | None:
    """Where a sample belongs and its factor, however it is spelt; None: not among what is read here."""
    quantity = _ENERGY if measurand is None else _QUANTITIES.get(_plain(measurand))
    if quantity is None:
        return None
    terminal = _PHASES.get(_plain(phase or ""))
    factor = _UNITS[quantity].get(_plain(unit)) if unit else _DEFAULT_FACTOR[quantity]
    return None if terminal is None or factor is None else (quantity + terminal, factor)


def _plain(text: str) -> str:
    return text.strip(" \t\"'").casefold()


_Spelling = tuple[str | None, str | None, str | None]
_Place = tuple[int, float]


class _Places(dict[_Spelling, _Place | None]):
    """Measurand, unit and phase to a slot and its factor; None: not among what is read here.

    A charger spells every message alike, so what was read once is kept, as long as it is short and they are not many.
    """

    def __missing__(self, spelling: _Spelling) -> _Place | None:
        place = _read(*spelling)
        if len(self) < _MOST_SPELLINGS and sum(map(len, filter(None, spelling))) < _LONGEST_SPELLING:
            self[spelling] = place
        return place


_MOST_SPELLINGS: Final = 1024
_LONGEST_SPELLING: Final = 100
_PLACES: Final = _Places()


def _measurement(slots: list[float | None], measured_utc_ms: int | None) -> Measurement:
    derived: list[str] = []
    current_ma = _current(slots, derived)
    energy_wh = _in_all(slots, _ENERGY, "energy_wh", derived)
    power_w = _in_all(slots, _POWER, "power_w", derived)
    if power_w is None and current_ma is not None and not derived.count("current_ma"):
        power_w = round(sum(ma * _voltage(slots, terminal) for terminal, ma in enumerate(current_ma, 1)) / 1000)
        derived.append("power_w")
    offered_ma = slots[_OFFERED]
    if slots[_OFFERED + 1 : _OFFERED + 5] != _NO_PHASES:
        offered_ma = max(value for value in slots[_OFFERED : _OFFERED + 5] if value is not None)
    return Measurement(
        current_ma=current_ma,
        power_w=power_w,
        energy_wh=energy_wh,
        offered_ma=None if offered_ma is None else round(offered_ma),
        derived=tuple(derived),
        measured_utc_ms=measured_utc_ms,
    )


def _current(slots: list[float | None], derived: list[str]) -> PerPhase | None:
    in_all, l1, l2, l3, neutral = slots[_CURRENT : _CURRENT + 5]
    if l1 is None and l2 is None and l3 is None:
        if neutral is not None:
            return PerPhase(_drawn(neutral), 0, 0)
        if in_all is not None:
            derived.append("current_ma")
            return same_on_all(_drawn(in_all))
        return _current_from_power(slots, derived)
    return PerPhase(_drawn(l1), _drawn(l2), _drawn(l3))


def _current_from_power(slots: list[float | None], derived: list[str]) -> PerPhase | None:
    _, l1, l2, l3, _ = slots[_POWER : _POWER + 5]
    if l1 is None and l2 is None and l3 is None:
        return None
    derived.append("current_ma")
    milliamperes = [
        None if watts is None else watts * 1000 / _voltage(slots, terminal)
        for terminal, watts in enumerate((l1, l2, l3), 1)
    ]
    return PerPhase(_drawn(milliamperes[0]), _drawn(milliamperes[1]), _drawn(milliamperes[2]))


def _in_all(slots: list[float | None], quantity: int, name: str, derived: list[str]) -> int | None:
    in_all = slots[quantity]
    if in_all is not None:
        return round(in_all)
    l1, l2, l3, neutral = slots[quantity + 1 : quantity + 5]
    if l1 is None and l2 is None and l3 is None:
        return None if neutral is None else round(neutral)
    derived.append(name)
    return round((l1 or 0.0) + (l2 or 0.0) + (l3 or 0.0))


def _voltage(slots: list[float | None], terminal: int) -> float:
    """The terminal's reported voltage to neutral; nominal where none is plausible (400 V is between phases)."""
    reported = slots[_VOLTAGE + terminal]
    if reported is None:
        reported = slots[_VOLTAGE]
    return reported if reported is not None and 180 <= reported <= 260 else NOMINAL_VOLTAGE_V


def _drawn(milliamperes: float | None) -> int:
    """Away from zero, so that a draw is never counted too small; a millionth is what the text's binary form adds."""
    if milliamperes is None:
        return 0
    return math.ceil(milliamperes - 1e-6) if milliamperes >= 0 else math.floor(milliamperes + 1e-6)
