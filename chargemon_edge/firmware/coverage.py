"""Which bytes of a file a charge point has got, over however many requests. Pure.

Of a request that broke off nobody knows how much the charge point has kept of what was sent. It tells by going on: a
request for the rest of the file, from some byte on, says that it has what comes before.
"""

from __future__ import annotations

from collections.abc import Iterable

Spans = list[tuple[int, int]]
"""Apart from each other, in order; each from its first byte up to, not including, its end."""


class Coverage:
    """Of a file of *size_bytes*. *begun_before*: what was sent before our time nobody remembers, it may be anything."""

    def __init__(self, size_bytes: int, *, begun_before: bool = False) -> None:
        self._size_bytes = size_bytes
        self._got: Spans = []
        self._sent: Spans = [(0, size_bytes)] if begun_before else []

    def broke_off(self, first: int, end: int) -> None:
        """The bytes from *first* up to, not including, *end* were sent and may be lost."""
        self._sent = _joined([*self._sent, (first, end)])

    def arrived(self, first: int, end: int) -> None:
        """These have arrived."""
        self._got = _joined([*self._got, (first, end)])
        if end == self._size_bytes:
            # it goes on from there, so it has what was sent before
            self._got = _joined([*self._got, *((a, min(b, first)) for a, b in self._sent)])

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self._got == [(0, self._size_bytes)]


def _joined(spans: Iterable[tuple[int, int]]) -> Spans:
    found: Spans = []
    for first, end in sorted(span for span in spans if span[0] < span[1]):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((first, end))
    return found
