"""What is known of cards: id tags, how charge points spell them, reservations, and the lists that charge points keep.

An id tag is compared without regard to case (CiString, OCPP 1.6 §2.3) and without surrounding blanks; what one model of
charge point does to it beyond that is undone by :class:`TagRules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

ID_TAG_MAX = 20
"""Characters of an id tag (CiString20Type)."""

TagStatus = Literal["Accepted", "Blocked", "Expired", "Invalid"]
"""What a record may say; ConcurrentTx is a judgement of the moment, never a property of a card."""

ReservationState = Literal[
    "Requested",
    "Accepted",
    "Faulted",
    "Occupied",
    "Rejected",
    "Unavailable",
    "Failed",
    "Unanswered",
    "Cancelled",
    "Used",
    "Expired",
]
"""Requested; then the charge point's answer (§7.42), Failed (a CALLERROR) or Unanswered (it may hold);
then how it ended."""

HOLDING: frozenset[ReservationState] = frozenset({"Accepted", "Unanswered"})
"""The states in which the charge point holds the reservation, or may hold it."""


class IdTag(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One known id tag."""

    id_tag: str
    status: TagStatus = "Accepted"
    expiry_utc_ms: int | None = None
    """From then on an Accepted tag is Expired; may lie in the past."""
    parent_id_tag: str | None = None
    single_transaction: bool = False
    """One transaction at a time (opt-in): a start while another really runs elsewhere is answered ConcurrentTx."""
    name: str | None = None
    note: str | None = None


class TagRules(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one model of charge point adds to the id tags it reads; the default adds nothing."""

    cut_at: str | None = None
    """The first occurrence of this text, and all that follows it, was added (KEBA: ``_`` and its serial number)."""
    length_max: int = ID_TAG_MAX
    """Characters beyond this were added (a 20-character tag that comes back with 22)."""


NO_RULES = TagRules()


def normalised(id_tag: str, rules: TagRules = NO_RULES) -> str:
    """The tag as it is on the card. What remains of it is never empty unless it was: rules then do not apply."""
    plain = id_tag.strip().strip("\0").strip()
    if rules.cut_at:
        plain = plain.partition(rules.cut_at)[0].strip() or plain
    return plain if len(plain) <= rules.length_max else plain[: rules.length_max].strip() or plain


def key_of(id_tag: str, rules: TagRules = NO_RULES) -> str:
    """What two spellings of one tag have in common."""
    return normalised(id_tag, rules).casefold()


class Reservation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A connector, or with 0 any one of a charge point, kept for an id tag and its group."""

    reservation_id: int
    """As on the wire."""
    charge_point: str
    connector: int
    id_tag: str
    parent_id_tag: str | None = None
    expiry_utc_ms: int
    state: ReservationState
    requested_utc_ms: int
    changed_utc_ms: int
    by: str
    """Who asked for it."""
    transaction_id: int | None = None
    """Which transaction used it."""


class HeldList(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The local authorisation list that a charge point accepted from us last."""

    version: int
    entries: Mapping[str, str]
    """Digest of a tag → digest of what is said of it: enough to find differences, and no tag outlives its record."""


class LocalListState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is known of one charge point's list and cache, across restarts."""

    held: HeldList | None = None
    """None: unknown, the next update is a full one."""
    changed_utc_ms: int | None = None
    unsupported_firmware: str | None = None
    """The firmware that said it supports no local list (empty: it never named one); None: it never said so."""
    cache_cleared_utc_ms: int = 0


class RestoredCards(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the disk knew of cards at start."""

    id_tags: tuple[IdTag, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    local_lists: Mapping[str, LocalListState] = msgspec.field(default_factory=dict)
    revoked_utc_ms: int = 0
    """When an id tag lost its right most lately: caches older than that are out of date."""


def status_of(tag: IdTag, utc_ms: int) -> TagStatus:
    """What the record alone says at *utc_ms*."""
    if tag.status == "Accepted" and tag.expiry_utc_ms is not None and tag.expiry_utc_ms <= utc_ms:
        return "Expired"
    return tag.status
