"""What is known of a charger's model: how it differs from an ordinary one, who says so, and which charger is meant.

A quirk that nobody states is ``None`` and means "as ordinary". Four voices are heard, the nearer one wins for each
quirk by itself: the site's own configuration, then the catalogue's entries from the most to the least particular, then
what the charger tells by its configuration keys, then the ordinary. This file must never read a file or look at a wire.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from chargemon_edge.site.file_protocol import FileProtocol

SITE: Final = "this site's configuration"
"""The source of what the configuration file says itself."""
RATE_UNIT_KEY: Final = "ChargingScheduleAllowedChargingRateUnit"
"""The configuration key that names the units of limits a charger takes (OCPP 1.6 §9.4.3)."""
TOLD: Final = f"the charger itself ({RATE_UNIT_KEY})"
"""The source of what a charger tells by its configuration keys."""


class Quirks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a charger differs. Every member is read by somebody; docs/quirks.md says by whom."""

    # the link
    subprotocol_optional: bool | None = None
    """It offers no WebSocket subprotocol."""
    websocket_ping: bool | None = None
    """False: it drops the link when it is sent a ping."""
    start_answer_delay_s: float | None = None
    """It loses a StartTransaction that is answered sooner."""
    known_repairs: tuple[str, ...] | None = None
    """Beginnings of the repairs that its messages are known to need: counted, but no line in the log."""

    # the conversation
    triggers_per_hour: int | None = None
    """More TriggerMessages than this and it stops answering; 0: send it none."""
    remote_start: bool | None = None
    """An accepted card starts nothing: it waits for RemoteStartTransaction."""

    # configuration keys
    configuration: Mapping[str, str] | None = None
    """Wanted values, over the ordinary ones; an empty text: leave that key alone."""
    never_written: tuple[str, ...] | None = None
    """Keys that it does not let itself be written, or does not survive."""
    restart_keys: tuple[str, ...] | None = None
    """Keys after whose change it restarts: such a restart is no damage."""
    measurands: tuple[str, ...] | None = None
    """The measurands that it takes in a list, spelled its way, the most important first."""
    measurands_max: int | None = None
    """How many of them it takes in one list."""
    value_max: int | None = None
    """The longest value, in characters, that it survives."""
    values_every_s: int | None = None
    """The shortest interval of meter values that it takes or can bear."""
    writes_per_day: int | None = None
    """How many keys may be written in 24 hours."""
    calls_apart_s: float | None = None
    """The pause between two of our questions about its configuration."""

    # files
    file_protocols: tuple[FileProtocol, ...] | None = None
    """By which it fetches and delivers files, the best first, whatever it says itself."""

    # id tags
    id_tag_cut_at: str | None = None
    """The id tag ends before this character; what follows is its own addition."""
    id_tag_length: int | None = None
    """The id tag ends after so many characters."""

    # limits
    rate_unit: Literal["A", "W"] | None = None
    """The one unit of limits that it obeys."""
    number_phases: bool | None = None
    """Its limits must say on how many phases they are meant."""


QUIRKS: Final[tuple[str, ...]] = Quirks.__struct_fields__


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the catalogue."""

    name: str
    """For people."""
    vendor: tuple[str, ...] = ()
    """Patterns of chargePointVendor, with ``*``; none: any vendor."""
    model: tuple[str, ...] = ()
    """Patterns of chargePointModel."""
    firmware: str = ""
    """Bounds that firmwareVersion must keep, such as ``>= 4, < 5.2``; empty: any."""
    source: tuple[str, ...]
    """Where it can be read."""
    about: str
    """What it does, for people."""
    general: str = ""
    """What takes care of it without any quirk, since it is done for every charger."""
    quirks: Quirks = Quirks()
    identifier: str = ""
    """The entry's short name: that of its file."""

    @property
    def particular(self) -> int:
        """How much must fit: a firmware range is more particular than a model, a model than a vendor."""
        return 4 * bool(self.firmware) + 2 * bool(self.model) + bool(self.vendor)


class Nameplate(msgspec.Struct, frozen=True, kw_only=True):
    """What a charger says it is (BootNotification)."""

    vendor: str
    model: str
    firmware: str | None = None


class QuirkInForce(msgspec.Struct, frozen=True, kw_only=True):
    """One quirk and who stated it."""

    quirk: str
    value: Any
    source: str


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one charger."""

    quirks: Quirks
    entries: tuple[Entry, ...] = ()
    """Of the catalogue, the most particular first."""
    in_force: tuple[QuirkInForce, ...] = ()


UNKNOWN: Final = Known(quirks=Quirks())


def matches(entry: Entry, nameplate: Nameplate) -> bool:
    """Whether the entry means a charger with this nameplate. One that states no version counts as affected."""
    return (
        one_of(entry.vendor, nameplate.vendor)
        and one_of(entry.model, nameplate.model)
        and within(nameplate.firmware, entry.firmware)
    )


def rate_unit_told(value: str | None) -> Literal["A", "W"] | None:
    """The one unit that a value of :data:`RATE_UNIT_KEY` leaves; None: both, or nothing that can be understood."""
    units = {part.strip().lower() for part in (value or "").split(",")}
    current, power = "current" in units, "power" in units
    if current == power:
        return None
    return "A" if current else "W"


def known(
    catalogue: Iterable[Entry],
    nameplate: Nameplate | None,
    own: Quirks,
    named: str | None = None,
    *,
    told: Quirks = Quirks(),  # noqa: B008 - a frozen value
) -> Known:
    """What holds for a charger with this nameplate (None: it never booted here) at a site that states *own*.

    *named*: the entry that the site says it is, whatever its nameplate says. *told*: what it tells by its own keys.
    """
    fitting = [
        entry
        for entry in catalogue
        if entry.identifier == named or (nameplate is not None and matches(entry, nameplate))
    ]
    fitting.sort(key=lambda entry: (entry.identifier != named, -entry.particular))
    values: dict[str, Any] = {}
    in_force: list[QuirkInForce] = []
    wanted: dict[str, str] = {}
    for source, quirks in [(SITE, own), *((_words(entry), entry.quirks) for entry in fitting), (TOLD, told)]:
        for quirk in QUIRKS:
            value = getattr(quirks, quirk)
            if quirk == "configuration":
                # key by key: a site that wants one more key still gets the model's others
                new = {key: text for key, text in (value or {}).items() if key not in wanted}
                wanted.update(new)
                in_force += [QuirkInForce(quirk=f"{quirk}.{key}", value=new[key], source=source) for key in new]
            elif value is not None and quirk not in values:
                values[quirk] = value
                in_force.append(QuirkInForce(quirk=quirk, value=value, source=source))
    found = Quirks(**values, configuration=wanted or None)
    return Known(quirks=found, entries=tuple(fitting), in_force=tuple(in_force))


def mistakes(entry: Entry) -> Iterator[str]:
    """What is wrong with an entry, one sentence each."""
    if not entry.vendor and not entry.model:
        yield "names neither a vendor nor a model: it would fit every charger"
    if not entry.source:
        yield "has no source"
    if entry.quirks == Quirks() and not entry.general:
        yield "neither states a quirk nor says what takes care of it"
    wrong = bounds_mistake(entry.firmware)
    if wrong is not None:
        yield wrong


def within(firmware: str | None, bounds: str) -> bool:
    """Whether a version keeps *bounds*; a version without any number in it counts as affected."""
    version = _version(firmware or "")
    return not version or all(_keeps(version, sign, bound) for sign, bound in _bounds(bounds))


def has_number(firmware: str | None) -> bool:
    """Whether a version states anything that bounds can be held against."""
    return bool(_version(firmware or ""))


def bounds_mistake(bounds: str) -> str | None:
    """What is wrong with *bounds*; None: they can be kept."""
    try:
        _bounds(bounds)
    except ValueError as error:
        return str(error)
    return None


def _words(entry: Entry) -> str:
    return f"catalogue: {entry.identifier} ({', '.join(entry.source)})"


def one_of(patterns: tuple[str, ...], text: str) -> bool:
    """Whether *text* fits one of *patterns* (``*`` stands for anything, case does not count); without any: it does."""
    return not patterns or any(_fits(pattern, text.strip()) for pattern in patterns)


def _fits(pattern: str, text: str) -> bool:
    parts = [re.escape(part) for part in pattern.split("*")]
    return re.fullmatch(".*".join(parts), text, re.IGNORECASE | re.DOTALL) is not None


_BOUND = re.compile(r"(<=|>=|<|>|=)\s*(\d+(?:\.\d+)*)")


def _bounds(text: str) -> list[tuple[str, tuple[int, ...]]]:
    found = []
    for part in text.split(",") if text.strip() else ():
        bound = _BOUND.fullmatch(part.strip())
        if bound is None:
            raise ValueError(f"firmware bound {part.strip()!r} is not like '>= 1.8.21'")
        found.append((bound[1], _version(bound[2])))
    return found


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d{1,9}", text))


def _keeps(version: tuple[int, ...], sign: str, bound: tuple[int, ...]) -> bool:
    # as many numbers as the bound has: 1.8.21.4 is 1.8.21
    version = (*version, *([0] * len(bound)))[: len(bound)]
    if sign == "=":
        return version == bound
    if sign in ("<", "<="):
        return version < bound or (sign == "<=" and version == bound)
    return version > bound or (sign == ">=" and version == bound)
