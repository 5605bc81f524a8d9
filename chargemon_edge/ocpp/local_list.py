"""The next SendLocalList towards a charge point: from what its list shall be and what it is known to be. Pure.

A list is brought up one message at a time (OCPP 1.6 §5.15): each accepted message makes a list that is known, and the
next one is made from that. So a long list is a full update with its first part and differential ones with the rest,
an interrupted update goes on where it stopped, and no order of acceptances leaves more in the list than it may hold.

What a charge point holds is remembered as digests: enough to see a difference, and no tag outlives its record. A tag
that must go can then only be named by leaving it out of a full update.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from chargemon_edge.ocpp import timestamps
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.cards import HeldList, IdTag, status_of

VERSION_MAX = 2**31 - 1
SEND_MAX = 20
"""Entries of one message, for a charge point that does not say."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a charge point takes."""

    entries_max: int | None = None
    """LocalAuthListMaxLength; None: it does not say."""
    send_max: int = SEND_MAX
    """SendLocalListMaxLength."""


class WantedList(msgspec.Struct, frozen=True, kw_only=True):
    """What a charge point's list shall hold, with the digests by which :class:`HeldList` remembers it."""

    entries: tuple[m.AuthorizationData, ...]
    digests: Mapping[str, str]
    """Of each entry's tag, in their order, and of what is said of it."""
    left_out: int
    """How many tags it has no room for; it asks us about those, while it can."""


def wanted(tags: Sequence[IdTag], utc_ms: int, limits: Limits) -> WantedList:
    """The list that *tags* make: those that may charge first, since without room the others are no loss.

    A tag that the list does not hold is asked about; while we cannot be asked it depends on the charge point's
    AllowOfflineTxForUnknownId. So refused tags are listed too.
    """
    ordered = sorted(tags, key=lambda tag: (status_of(tag, utc_ms) != "Accepted", tag.id_tag.casefold()))
    room = len(ordered) if limits.entries_max is None else min(limits.entries_max, len(ordered))
    entries = tuple(_entry(tag, utc_ms) for tag in ordered[:room])
    digests = {_digest(one.id_tag): _digest(msgspec.json.encode(one.id_tag_info).decode()) for one in entries}
    return WantedList(entries=entries, digests=digests, left_out=len(ordered) - room)


def next_change_utc_ms(tags: Iterable[IdTag], utc_ms: int) -> int | None:
    """When :func:`wanted` says something else of the same tags; None: never."""
    coming = [tag.expiry_utc_ms for tag in tags if tag.expiry_utc_ms is not None and tag.expiry_utc_ms > utc_ms]
    return min(coming, default=None)


def next_update(
    list_wanted: WantedList, held: HeldList | None, reported_version: int, limits: Limits
) -> tuple[m.SendLocalListRequest, HeldList] | None:
    """What to send next, and what the charge point holds once it has accepted; None: it holds what it shall.

    *reported_version* is the charge point's own (GetLocalListVersion); if it is not that of *held*, somebody else has
    been at the list, or it was lost, and a full update begins anew.
    """
    target = list_wanted.digests
    version = reported_version + 1 if 0 <= reported_version < VERSION_MAX else 1
    goes_on = held is not None and held.version == reported_version < version
    current = held.entries if held is not None and goes_on else None
    if current is None and not target and reported_version == 0:
        return None
    if current is not None and current.keys() <= target.keys():
        differing = (place for place, (tag, info) in enumerate(target.items()) if current.get(tag) != info)
        part = list(itertools.islice(differing, limits.send_max))
        update_type: m.UpdateType = "Differential"
        if not part:
            return None
    else:
        current = {}
        part = list(range(min(limits.send_max, len(target))))
        update_type = "Full"
    known = list(target.items())
    after = HeldList(version=version, entries={**current, **dict(known[place] for place in part)})
    return _message(version, update_type, [list_wanted.entries[place] for place in part]), after


def _message(version: int, update_type: m.UpdateType, part: Sequence[m.AuthorizationData]) -> m.SendLocalListRequest:
    return m.SendLocalListRequest(
        list_version=version, local_authorization_list=tuple(part) or None, update_type=update_type
    )


def _entry(tag: IdTag, utc_ms: int) -> m.AuthorizationData:
    expiry = None if tag.expiry_utc_ms is None else timestamps.format_utc(tag.expiry_utc_ms)
    info = m.IdTagInfo(status=status_of(tag, utc_ms), expiry_date=expiry, parent_id_tag=tag.parent_id_tag)
    return m.AuthorizationData(id_tag=tag.id_tag, id_tag_info=info)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
