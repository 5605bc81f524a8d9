"""The last frames of each charge point, both ways, and the repairs that its messages needed. In memory only.

The hot path appends references; what may be seen is worked out when somebody looks (:mod:`.frame_text`). Nothing that
stands here leaves this file otherwise.
"""

from __future__ import annotations

import re
from collections import deque

from chargemon_edge.control.ports import Clock, RecordedFrame, Repairs
from chargemon_edge.csms.frame_text import id_tags_in, presentable, without_tags

FRAMES_MAX = 200
"""So many of one charge point's frames can be seen."""
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

FROM, TO, _NOTE = "from charge point", "to charge point", "note"
_PARTS = 4
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

# monotonic second, which way, what; notes are text
_Entry = tuple[float, str, bytes]


class Tape:
    """One charge point's, over all its links.

    All that it keeps, each entry counted with :data:`ENTRY_BYTES`, is never more than its bytes, unless the newest
    alone is. It stands in parts of up to a quarter, of which the oldest goes as a whole: so nearly every frame costs no
    more than counting down, and what is gone costs nothing. The newest half of the bytes is always there, and so are
    :data:`FRAMES_MAX` frames of up to a hundred.
    """

    __slots__ = ("_append", "_bytes_max", "_newest", "_older", "_older_bytes", "_part_max", "_room", "repairs")

    def __init__(self) -> None:
        self._clear(BYTES_MAX)
        # by kind: how often, and when last
        self.repairs: dict[str, tuple[int, float]] = {}

    def passed(self, way: str, data: bytes, now_s: float) -> None:
        """A frame came (:data:`FROM`) or went out (:data:`TO`)."""
        self._room -= len(data) + ENTRY_BYTES
        if self._room < 0:
            self._begin_part(len(data) + ENTRY_BYTES)
        self._append((now_s, way, data))

    def noted(self, words: str, now_s: float) -> None:
        """What we thought of the frame before."""
        self.passed(_NOTE, words[:NOTE_MAX].encode(), now_s)

    def repaired(self, words: str, now_s: float) -> bool:
        """Count a repair; whether it is the first of its kind."""
        self.noted(f"repaired {words}", now_s)
        kind = kind_of(words)
        if kind not in self.repairs and len(self.repairs) >= KINDS_MAX:
            kind = OTHER
        count, _ = self.repairs.get(kind, (0, 0.0))
        self.repairs[kind] = (count + 1, now_s)
        return count == 0

    def kept(self) -> list[_Entry]:
        """All that is kept, oldest first."""
        return [entry for _, part in self._older for entry in part] + self._newest

    def share(self, bytes_max: int) -> None:
        """Keep no more than this from now on."""
        if bytes_max != self._bytes_max:
            kept = self.kept()
            self._clear(bytes_max)
            for at_s, way, data in kept:
                self.passed(way, data, at_s)

    def _clear(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        # parts that are full, oldest first, each with the bytes it takes
        self._older: deque[tuple[int, list[_Entry]]] = deque()
        self._older_bytes = 0
        # the part that grows, and what it may still take; less than nothing when it is one large frame
        self._newest: list[_Entry] = []
        self._append = self._newest.append
        self._part_max = self._room = bytes_max // _PARTS

    def _begin_part(self, first_bytes: int) -> None:
        """The oldest parts make room for a new one, whose first entry, already counted down, takes *first_bytes*."""
        if self._newest:
            full_bytes = self._part_max - self._room - first_bytes
            self._older.append((full_bytes, self._newest))
            self._older_bytes += full_bytes
        while self._older and self._older_bytes + max(first_bytes, self._part_max) > self._bytes_max:
            self._older_bytes -= self._older.popleft()[0]
        self._newest = []
        self._append = self._newest.append
        self._room = self._part_max - first_bytes


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
        entries = tape.kept()[-FRAMES_MAX:]
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
