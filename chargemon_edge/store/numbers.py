"""Numbers that never repeat, not even after an older copy of the file was put back.

The next one is at least the number of ten-second steps since 2020: a site would have to use 8,640 of a kind a day to
get ahead of that, and the int32 that chargers keep numbers in lasts for 680 years.
"""

from __future__ import annotations

_EPOCH_UTC_MS = 1_577_836_800_000
_STEP_MS = 10_000
NUMBER_MAX = 2**31 - 1


def next_number(used: int, utc_ms: int) -> int:
    """What comes after *used*, the highest that is known to have been used, now."""
    floor = (utc_ms - _EPOCH_UTC_MS) // _STEP_MS
    # a clock far in the future must not use the numbers up
    return max(used + 1, floor if 0 < floor < NUMBER_MAX // 2 else 1)
