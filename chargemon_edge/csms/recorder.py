"""The last frames of each charge point, both ways, and the repairs that its messages needed. In memory only.

The hot path appends references; what may be seen is worked out when somebody looks (:mod:`.frame_text`). Nothing that
stands here leaves this file otherwise.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable

from chargemon_edge.control.ports import Clock, RecordedFrame, Repairs
from chargemon_edge.csms.frame_text import id_tags_in, presentable, without_tags

FRAMES_MAX = 200
BYTES_MAX = 65_536
"""Of one charge point's frames; the newest is kept in any case."""
SITE_BYTES_MAX = 4 * 1024 * 1024
"""Of all charge points' frames together, in equal parts: where there are many, each keeps fewer."""
ENTRY_BYTES = 130
"""What keeping a frame takes beside the frame."""
NOTE_MAX = 1_024
"""Characters of a note."""
TAPES_MAX = 500
KINDS_MAX = 50
"""Kinds of repairs of one charge point that are told apart."""
OTHER = "other repairs"

_FROM, _TO, _NOTE = "from charge point", "to charge point", "note"
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class Tape:
    """One charge point's, over all its links."""

    __slots__ = ("_bytes", "_bytes_max", "_entries", "repairs")

    def __init__(self) -> None:
        # (monotonic second, which way, what); notes are text
        self._entries: deque[tuple[float, str, bytes]] = deque()
        # what they take together: adding it up for each frame would cost more than all else that it causes
        self._bytes = 0
        self._bytes_max = BYTES_MAX
        # by kind: how often, and when last
        self.repairs: dict[str, tuple[int, float]] = {}

    def received(self, data: bytes, now_s: float) -> None:
        """A frame came."""
        self._add((now_s, _FROM, data))

    def sent(self, data: bytes, now_s: float) -> None:
        """A frame went out."""
        self._add((now_s, _TO, data))

    def noted(self, words: str, now_s: float) -> None:
        """What we thought of the frame before."""
        self._add((now_s, _NOTE, words[:NOTE_MAX].encode()))

    def repaired(self, words: str, now_s: float) -> bool:
        """Count a repair; whether it is the first of its kind."""
        self.noted(f"repaired {words}", now_s)
        kind = kind_of(words)
        if kind not in self.repairs and len(self.repairs) >= KINDS_MAX:
            kind = OTHER
        count, _ = self.repairs.get(kind, (0, 0.0))
        self.repairs[kind] = (count + 1, now_s)
        return count == 0

    def entries(self) -> Iterable[tuple[float, str, bytes]]:
        """What is kept, oldest first."""
        return tuple(self._entries)

    def share(self, bytes_max: int) -> None:
        """Keep no more than this from now on."""
        self._bytes_max = bytes_max
        self._trim()

    def _add(self, entry: tuple[float, str, bytes]) -> None:
        self._entries.append(entry)
        self._bytes += len(entry[2]) + ENTRY_BYTES
        if self._bytes > self._bytes_max or len(self._entries) > FRAMES_MAX:
            self._trim()

    def _trim(self) -> None:
        entries = self._entries
        while len(entries) > FRAMES_MAX or (self._bytes > self._bytes_max and len(entries) > 1):
            self._bytes -= len(entries.popleft()[2]) + ENTRY_BYTES


def _text(way: str, data: bytes, tags: set[str]) -> str:
    # our own words, which may quote the charge point's
    return without_tags(_QUOTED.sub("'…'", data.decode()), tags) if way == _NOTE else presentable(data, tags)


def kind_of(words: str) -> str:
    """A repair without the value that it was about."""
    return _NUMBER.sub("n", _QUOTED.sub("'…'", words))[:200]


class Recorder:
    """Every charge point's tape. Implements :class:`chargemon_edge.control.ports.Frames`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tapes: dict[str, Tape] = {}

    def tape(self, charge_point: str) -> Tape:
        """The one of that charge point; the least recently linked one makes room when there are too many."""
        tape = self._tapes.pop(charge_point, None)
        if tape is not None:
            self._tapes[charge_point] = tape
            return tape
        tape = self._tapes[charge_point] = Tape()
        while len(self._tapes) > TAPES_MAX:
            del self._tapes[next(iter(self._tapes))]
        bytes_max = min(BYTES_MAX, SITE_BYTES_MAX // len(self._tapes))
        for one in self._tapes.values() if bytes_max < BYTES_MAX else (tape,):
            one.share(bytes_max)
        return tape

    def frames(self, charge_point: str) -> list[RecordedFrame]:
        """Its frames, oldest first, without secrets and with id tags masked."""
        tape = self._tapes.get(charge_point)
        if tape is None:
            return []
        entries = tuple(tape.entries())
        tags = {tag for _, way, data in entries if way != _NOTE for tag in id_tags_in(data)}
        return [
            RecordedFrame(at_utc_ms=self._utc_ms(at_s), way=way, bytes=len(data), text=_text(way, data, tags))
            for at_s, way, data in entries
        ]

    def repairs(self, charge_point: str) -> list[Repairs]:
        """What was repaired, the most frequent first."""
        tape = self._tapes.get(charge_point)
        counted = [] if tape is None else sorted(tape.repairs.items(), key=lambda item: -item[1][0])
        return [Repairs(kind=kind, count=count, last_utc_ms=self._utc_ms(at_s)) for kind, (count, at_s) in counted]

    def _utc_ms(self, at_s: float) -> int:
        return self._clock.utc_ms() - round((self._clock.monotonic_s() - at_s) * 1000)
