"""Chargers' timestamps to UTC milliseconds, and ours to text (OCPP-J 1.6 §3.3: ISO 8601).

Readable is all that counts here: 1970, or local time labelled Z, is returned as it stands, since only who knows our own
time can judge it. Text without a zone is taken as UTC, which most chargers that leave it out mean.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE: Final = datetime(1970, 1, 1)  # noqa: DTZ001  subtracted from texts that carry no zone
_FIRST_MS: Final = -62_135_596_800_000
_LAST_MS: Final = 253_402_300_799_999
_DAY_MS: Final = 86_400_000
_LENGTH_MAX: Final = 40

_ODD = re.compile(
    r"""(\d{4})-(\d{1,2})-(\d{1,2})
        (?:[Tt_ ]\s*(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d+))?)?)?
        \s*(?:([Zz]|UTC|GMT)|([+-])(\d{1,2}):?(\d{2})?)?""",
    re.VERBOSE | re.ASCII,
)


def parse(text: str) -> int | None:
    """Milliseconds since 1970 UTC, or None if *text* names no moment."""
    try:
        moment = datetime.fromisoformat(text)
        since = moment - (_EPOCH_WITHOUT_ZONE if moment.tzinfo is None else _EPOCH)
    except (ValueError, OverflowError):
        return _parse_odd(text)
    return _within_years(since)


def format_utc(utc_ms: int) -> str:
    """As OCPP writes it, with milliseconds and Z: ``2024-05-01T12:30:00.250Z``. Years 1 to 9999."""
    seconds, milliseconds = divmod(utc_ms, 1000)
    return f"{_second(seconds)}.{milliseconds:03d}Z"


@functools.lru_cache(maxsize=8)  # many answers fall into the same second
def _second(seconds: int) -> str:
    return (_EPOCH_WITHOUT_ZONE + timedelta(seconds=seconds)).isoformat()


def _parse_odd(text: str) -> int | None:
    """What Python's reader refuses: padding, ``z``, one-digit fields, second 60, hour 24, a blank before the zone."""
    if len(text) > _LENGTH_MAX:
        return None
    found = _ODD.fullmatch(text.strip(" \t\r\n\"'"))
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, _utc, sign, zone_hours, zone_minutes = found.groups()
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    if hours > 24 or minutes > 59 or seconds > 60:
        return None
    milliseconds = int((fraction or "0").ljust(3, "0")[:3])
    offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0)) * (-1 if sign == "-" else 1)
    try:
        midnight = datetime(int(year), int(month), int(day))  # noqa: DTZ001  the zone is subtracted below
        clock = timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)
        return _within_years(midnight - _EPOCH_WITHOUT_ZONE + clock - offset)
    except (ValueError, OverflowError):
        return None


def _within_years(since_1970: timedelta) -> int | None:
    """A zone can push the years 1 and 9999 over their edge; beyond it nothing could be written back."""
    utc_ms = since_1970.days * _DAY_MS + since_1970.seconds * 1000 + since_1970.microseconds // 1000
    return utc_ms if _FIRST_MS <= utc_ms <= _LAST_MS else None
