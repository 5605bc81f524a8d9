"""What an operator may send to the site, as types. Read with limits, never trusted. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from chargemon_edge.upstream.bodies import Count

# what one message to the site may have
PAYLOAD_MAX_BYTES = 32_768
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading a message can raise."""

W = TypeVar("W", bound="Wish")

Id = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9._:-]{8,64}$", description="unique for ever: a ULID or UUID", examples=["01J8Z3KQ"])
]
When = Annotated[str, Meta(max_length=40, description="RFC 3339; without a zone it is UTC")]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is unknown to us is ignored."""


def read(payload: bytes, kind: type[W]) -> W | str:
    """What a message wishes for, or what is wrong with it."""
    if len(payload) > PAYLOAD_MAX_BYTES:
        return f"more than {PAYLOAD_MAX_BYTES} bytes"
    try:
        return msgspec.json.decode(payload, type=kind)
    except UNREADABLE as error:
        return str(error)


class Target(Wish, frozen=True, kw_only=True):
    """Whom a command is for."""

    cp: Annotated[str, Meta(min_length=1, max_length=48)] | UnsetType = UNSET
    c: Annotated[int, Meta(ge=0, le=64)] | UnsetType = UNSET
    tx: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | UnsetType = UNSET


class Command(Wish, frozen=True, kw_only=True):
    """``in/cmd``, never retained."""

    id: Id
    op: Annotated[str, Meta(max_length=40)]
    tgt: Target = Target()
    args: dict[str, Any] = {}
    exp: When | UnsetType = UNSET
    """From then on it is not begun any more; left out: some time after *ts*, as each operation has it."""
    ts: When | UnsetType = UNSET
    """When it was given; left out: now."""
    by: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    reason: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET


Current = Annotated[float, Meta(ge=0, le=10_000)]


class LimitWish(Wish, frozen=True, kw_only=True):
    """``in/limit`` (for the site) and ``_g/{group}/limit``: what may be drawn altogether, until when."""

    n: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    """Rises: a number that is not above the last one is not taken."""
    until: When
    a: list[Current] | UnsetType = UNSET
    """A for L1, L2, L3."""
    p: Annotated[int, Meta(ge=0, le=10_000_000)] | UnsetType = UNSET
    """W over all phases."""
    by: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET


class LimitArguments(Wish, frozen=True, kw_only=True):
    """``args`` of the command ``limit``: what one connector may draw at most."""

    a: Current
    until: When | UnsetType = UNSET
    """Left out: until ``limit_clear``."""


class ReplayWish(Wish, frozen=True, kw_only=True):
    """``in/replay``."""

    id: Id
    stream: Literal["ev", "tm"]
    first: Annotated[int, Meta(ge=0, le=2**53 - 1)] = msgspec.field(name="from")
    last: Annotated[int, Meta(ge=0, le=2**53 - 1)] = msgspec.field(name="to")
    """Included."""
    ep: Count | UnsetType = UNSET
    """The epoch, for ``ev``."""
    max_rate: Annotated[float, Meta(gt=0, le=200)] = 20.0


class StoredUpTo(Wish, frozen=True, kw_only=True):
    """The place of an event."""

    ep: Count
    s: Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Stored(Wish, frozen=True, kw_only=True):
    """``in/ack``, retained: up to where everything is stored upstream, by stream."""

    ev: StoredUpTo


class Desired(Wish, frozen=True, kw_only=True):
    """``in/desired/{name}``, retained: what should be, under a version of the operator's."""

    ver: Annotated[str, Meta(min_length=1, max_length=64)]
    body: dict[str, Any]
