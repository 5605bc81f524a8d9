"""The wording of a charge point's payload that is written like others of its kind, without what they share twice."""

from __future__ import annotations

from itertools import chain

import msgspec


class Wording(msgspec.Struct, frozen=True, gc=False):
    """Shared and own parts of a JSON text in turn, a shared one first and last."""

    shared: tuple[bytes, ...]
    """The same object for all payloads of a kind, as a rule."""
    own: bytes
    """The own parts with commas between them, none of which has one: digits, signs and letters that JSON strings and
    numbers hold as they are. Together they wait for the disk in one piece of memory instead of many."""

    def __bytes__(self) -> bytes:
        """The text as it came."""
        return b"".join(chain.from_iterable(zip(self.shared, (*self.own.split(b","), b""), strict=True)))
