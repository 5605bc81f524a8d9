"""Which refusals are worth a line: all of them from most, the first few from one that will not stop. Bounded memory.

A stranger must not be able to fill the log or push other security events out of it.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

WINDOW_S = 60.0
MOST_LINES = 20
_MAX_SOURCES = 1_024


class _Tally(msgspec.Struct):
    since_s: float
    lines: int = 0
    repeated: int = 0
    untold: int = 0


class RefusalTally:
    """Counts refusals per source in windows of a minute."""

    def __init__(self) -> None:
        self._sources: OrderedDict[str, _Tally] = OrderedDict()

    def tell(self, source: str, now_s: float, *, repeated: bool) -> int | None:
        """None: keep this one quiet. Else it is worth telling, with how many before it were kept quiet."""
        tally = self._sources.get(source)
        untold = 0
        if tally is None or now_s - tally.since_s >= WINDOW_S:
            untold = 0 if tally is None else tally.untold
            tally = self._sources[source] = _Tally(now_s)
            self._sources.move_to_end(source)
            if len(self._sources) > _MAX_SOURCES:
                self._sources.popitem(last=False)
        tally.repeated += repeated
        if tally.lines >= MOST_LINES or tally.repeated > 1:
            tally.untold += 1
            return None
        tally.lines += 1
        return untold
