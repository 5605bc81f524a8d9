"""Which bytes of a file a request asks for (RFC 9110 §14). Pure.

One range at a time: a request for several gets the whole file, as the specification allows.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ONE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})", re.IGNORECASE)


class Span(NamedTuple):
    """From *first* up to, not including, *end*."""

    first: int
    end: int
    asked: bool = False
    """Whether the request asked for just that (206), and not for the file (200)."""


def span(header: str | None, size_bytes: int) -> Span | None:
    """What the Range header asks of a file of *size_bytes*: a part of it, or None for nothing it has (416).

    A header that is missing, of several ranges or not understood asks for everything (RFC 9110 §14.2).
    """
    whole = Span(0, size_bytes)
    found = None if header is None else _ONE.fullmatch(header.replace(" ", ""))
    if found is None:
        return whole
    first, last = found.groups()
    if not first:
        if not last:
            return whole
        # the last so many
        count = min(int(last), size_bytes)
        return Span(size_bytes - count, size_bytes, asked=True) if count else None
    if last and int(last) < int(first):
        return whole
    if int(first) >= size_bytes:
        return None
    return Span(int(first), min(int(last) + 1, size_bytes) if last else size_bytes, asked=True)
