"""What is known of every charge point's configuration keys: as last read, and what was written. Follows the facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from chargemon_edge.control.configuration_plan import AsRead, History, Written
from chargemon_edge.control.present import Present
from chargemon_edge.site.clock_facts import ClockCorrected
from chargemon_edge.site.device_facts import ConfigurationPaused, ConfigurationRead, KeyWritten
from chargemon_edge.site.facts import Fact, Moment

KINDS: frozenset[type[Fact]] = frozenset((ConfigurationRead, KeyWritten, ConfigurationPaused))
KEYS_MAX = 500
"""Keys of one charge point that are kept; the largest seen have some 200."""


Dated = TypeVar("Dated", KeyWritten, ConfigurationPaused)


class _Device(msgspec.Struct):
    read: AsRead = AsRead()
    # by key and value; the facts, since they say for which firmware they hold
    written: dict[tuple[str, str], KeyWritten] = {}
    paused: ConfigurationPaused | None = None


class ConfigurationMemory:
    """By charge point."""

    def __init__(self, present: Present, restored: Iterable[Fact]) -> None:
        self._present = present
        self._devices: dict[str, _Device] = {}
        for fact in restored:
            self._follow(fact)
        present.follow(self._follow, KINDS)
        present.follow(self._redate, (ClockCorrected,))

    def read(self, charge_point: str) -> AsRead:
        """The keys as last read."""
        return self._device(charge_point).read

    def paused(self, charge_point: str) -> ConfigurationPaused | None:
        """The last time that nothing more was to be written for a while."""
        return self._device(charge_point).paused

    def history(self, charge_point: str) -> History:
        """What was tried on the firmware that it says it has."""
        device = self._device(charge_point)
        firmware = self.firmware(charge_point)
        return History(
            written={
                place: Written(outcome=one.outcome, utc_ms=one.at.utc_ms, by_person=one.by_person)
                for place, one in device.written.items()
                if one.firmware == firmware
            },
            paused_until_utc_ms=0 if device.paused is None else device.paused.until_utc_ms,
        )

    def written(self, charge_point: str) -> Mapping[tuple[str, str], KeyWritten]:
        """Everything that was written, to whatever firmware, by key and value."""
        return self._device(charge_point).written

    def firmware(self, charge_point: str) -> str | None:
        """What it said at its last boot."""
        entry = self._present.picture.charge_points.get(charge_point)
        return None if entry is None or entry.boot is None else entry.boot.firmware_version

    def _device(self, charge_point: str) -> _Device:
        return self._devices.get(charge_point) or _Device()

    def _redate(self, fact: Fact) -> None:
        assert isinstance(fact, ClockCorrected)
        for device in self._devices.values():
            whole, paused = device.read.whole_utc_ms, device.paused
            if whole is not None:
                device.read = replace(device.read, whole_utc_ms=fact.moved(whole))
            device.written = {place: _redated(one, fact) for place, one in device.written.items()}
            if paused is not None and fact.moved(paused.at.utc_ms) != paused.at.utc_ms:
                device.paused = replace(_redated(paused, fact), until_utc_ms=paused.until_utc_ms + fact.by_ms)

    def _follow(self, fact: Fact) -> None:
        assert isinstance(fact, ConfigurationRead | KeyWritten | ConfigurationPaused)
        device = self._devices.setdefault(fact.charge_point, _Device())
        if isinstance(fact, ConfigurationRead):
            device.read = _after(device.read, fact)
        elif isinstance(fact, KeyWritten):
            device.written[fact.key, fact.value] = fact
        else:
            device.paused = fact


def _redated(one: Dated, fact: ClockCorrected) -> Dated:
    return replace(one, at=Moment(one.at.mono_s, fact.moved(one.at.utc_ms)))


def _after(before: AsRead, fact: ConfigurationRead) -> AsRead:
    new = {one.key: one for one in fact.keys[:KEYS_MAX]}
    if fact.whole:
        # what is known to be unknown stays so: a list that was cut short does not say it again
        return AsRead(keys=new, unknown=before.unknown - new.keys(), whole_utc_ms=fact.at.utc_ms)
    keys = dict(list({**before.keys, **new}.items())[:KEYS_MAX])
    unknown = (before.unknown | frozenset(fact.unknown)) - new.keys()
    return replace(before, keys={key: one for key, one in keys.items() if key not in unknown}, unknown=unknown)
