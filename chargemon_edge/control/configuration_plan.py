"""What to read or write next, so that a charge point's configuration keys become what is wanted. Pure.

Chargers have restarted in a loop, forgotten everything or gone silent over a configuration key. Hence: read first;
write only what differs in substance; one key at a time, read back; a value that was refused, that is not kept, or after
which the charger restarted is never written again to this firmware; of a list of measurands a shorter one is tried.
What a person has set by an operation is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from chargemon_edge.site.charger_model import Quirks
from chargemon_edge.site.device_facts import KeyRead

VALUES_EVERY_S: Final = 10
"""Wanted interval of meter values: the balancer's slow pace."""
PING_EVERY_S: Final = 120
"""Wanted interval of the charger's own WebSocket pings, so that it finds a dead link by itself."""
WRITES_PER_DAY: Final = 20
READ_AGAIN_MS: Final = 24 * 3_600_000
DAY_MS: Final = 24 * 3_600_000
MEASURANDS: Final = (
    "Current.Import",
    "Power.Active.Import",
    "Energy.Active.Import.Register",
    "Current.Offered",
    "Voltage",
)
"""What is worth having, the most important first."""

_INTERVAL = "MeterValueSampleInterval"
_SAMPLED = "MeterValuesSampledData"
_PING = "WebSocketPingInterval"
GOOD: Final = frozenset({"Accepted", "RebootRequired"})
"""Outcomes of a value that was taken. After any other but the next it is not tried again."""
RESTARTED: Final = "restarted"
NOT_KEPT: Final = "not kept"
NO_ANSWER: Final = "no answer"
"""It may have been taken. It is tried again a day later, as is what was taken and is gone."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What one key is to be."""

    values: tuple[str, ...]
    """The first one that the charger takes."""
    exactly: bool = False
    """False: any value that serves as well is left as it is."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a write."""

    outcome: str
    utc_ms: int
    by_person: bool = False


class AsRead(msgspec.Struct, frozen=True, kw_only=True):
    """The keys as last read."""

    keys: Mapping[str, KeyRead] = {}
    unknown: frozenset[str] = frozenset()
    whole_utc_ms: int | None = None
    """When all were read; None: never."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What was tried on this firmware."""

    written: Mapping[tuple[str, str], Written] = {}
    """By key and value."""
    paused_until_utc_ms: int = 0


class Read(msgspec.Struct, frozen=True):
    """Read all keys, or those named."""

    keys: tuple[str, ...] = ()


class Write(msgspec.Struct, frozen=True):
    """Write one key."""

    key: str
    value: str


class Wait(msgspec.Struct, frozen=True):
    """Nothing before then."""

    until_utc_ms: int


class Done(msgspec.Struct, frozen=True):
    """Nothing differs that can be changed."""


Step = Read | Write | Wait | Done


def wishes(quirks: Quirks) -> dict[str, Wish]:
    """What is wanted of a charger of this model at this site."""
    every_s = max(VALUES_EVERY_S, quirks.values_every_s or 0)
    found = {
        _INTERVAL: Wish(values=(str(every_s),)),
        _SAMPLED: Wish(values=tuple(_lists(quirks)), exactly=quirks.measurands is not None),
        _PING: Wish(values=(str(PING_EVERY_S),)),
    }
    for key, value in (quirks.configuration or {}).items():
        found[key] = Wish(values=(value,), exactly=True)
    longest = quirks.value_max
    return {
        key: wish
        for key, wish in found.items()
        if key not in (quirks.never_written or ())
        and any(wish.values)
        and (longest is None or all(len(value) <= longest for value in wish.values))
    }


def next_step(quirks: Quirks, read: AsRead, history: History, now_utc_ms: int, *, settled: bool = True) -> Step:
    """The next step of one charge point; *settled* is false when its keys may have changed since they were read."""
    if now_utc_ms < history.paused_until_utc_ms:
        return Wait(history.paused_until_utc_ms)
    if read.whole_utc_ms is None or not settled or not 0 <= now_utc_ms - read.whole_utc_ms < READ_AGAIN_MS:
        return Read()
    wanted = wishes(quirks)
    missing = tuple(key for key in wanted if key not in read.keys and key not in read.unknown)
    if missing:
        return Read(missing)
    for key, wish in wanted.items():
        value = _to_write(key, wish, read, history, quirks, now_utc_ms)
        if value is not None:
            return _within_budget(Write(key, value), quirks, history, now_utc_ms)
    return Done()


def serves(key: str, now: str, wish: Wish, quirks: Quirks) -> bool:
    """Whether *now* is as good as what is wanted."""
    best = wish.values[0]
    if plain(now) == plain(best):
        return True
    if wish.exactly:
        return False
    if key == _SAMPLED:
        return any(one.startswith("current.import") for one in plain(now).split(","))
    if not (now.strip().isdecimal() and best.isdecimal()):
        return False
    shortest = quirks.values_every_s if key == _INTERVAL else None
    return (shortest or 1) <= int(now) <= int(best)


def is_left_to_people(key: str, history: History) -> bool:
    """Whether a person has set that key."""
    return any(one.by_person and one.outcome in GOOD for (name, _), one in history.written.items() if name == key)


def plain(value: str) -> str:
    """A value without what makes no difference: case, blanks, quotes, leading zeros, the order of a list."""
    parts = [part.strip(" \t\"'").casefold() for part in value.split(",")]
    return ",".join(sorted(str(int(part)) if part.isdecimal() else part for part in parts if part))


def _to_write(key: str, wish: Wish, read: AsRead, history: History, quirks: Quirks, now_utc_ms: int) -> str | None:
    entry = read.keys.get(key)
    if entry is None or entry.readonly or entry.value is None or is_left_to_people(key, history):
        return None
    if serves(key, entry.value, wish, quirks) and not _harmed(key, entry.value, history):
        return None
    for value in wish.values:
        tried = history.written.get((key, value))
        if tried is not None and tried.outcome not in (*GOOD, NO_ANSWER):
            continue
        if plain(entry.value) == plain(value):
            # all that were better have been refused
            return None
        if tried is None:
            return value
        # one that needs a restart takes effect with the next, which is for people to decide
        again = tried.outcome != "RebootRequired" and now_utc_ms - tried.utc_ms >= DAY_MS
        return value if again else None
    return None


def _harmed(key: str, now: str, history: History) -> bool:
    """Whether the charger restarted over the value that it has."""
    return any(
        one.outcome == RESTARTED and name == key and plain(value) == plain(now)
        for (name, value), one in history.written.items()
    )


def _within_budget(write: Write, quirks: Quirks, history: History, now_utc_ms: int) -> Step:
    budget = WRITES_PER_DAY if quirks.writes_per_day is None else quirks.writes_per_day
    recent = sorted(
        # a date that is still to come was written by a wrong clock: it counts as now, not for years
        min(one.utc_ms, now_utc_ms)
        for one in history.written.values()
        if not one.by_person and now_utc_ms - one.utc_ms < DAY_MS
    )
    if len(recent) < budget:
        return write
    return Wait((recent[-budget] if budget else now_utc_ms) + DAY_MS)


def _lists(quirks: Quirks) -> Iterator[str]:
    """Lists of measurands, the best first: all, ever fewer from the end, then each of the others alone."""
    names = list(quirks.measurands or MEASURANDS)[: quirks.measurands_max]
    seen = set()
    for some in [*(names[:count] for count in range(len(names), 0, -1)), *([name] for name in names[1:])]:
        text = ",".join(some)
        if text not in seen and (quirks.value_max is None or len(text) <= quirks.value_max):
            seen.add(text)
            yield text
