"""Facts about cards, reservations and local lists → rows of the site's file.

A removed id tag leaves nothing that names it but its transactions, which are billing records: its row goes, and past
events and ended reservations show it masked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from chargemon_edge.log import masked
from chargemon_edge.site import card_facts as facts
from chargemon_edge.site.cards import HOLDING, HeldList, Reservation, key_of, status_of
from chargemon_edge.site.facts import Fact
from chargemon_edge.store.event import event
from chargemon_edge.store.statement import Statement

# One statement puts and removes, since a group is written sorted by kind: without a status the row goes (a trigger).
_ID_TAG = (
    "INSERT OR REPLACE INTO id_tag (key, id_tag, status, expiry_utc_ms, parent_id_tag, single_transaction, name, note) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_REVOKED = (
    "INSERT INTO card_state (number, revoked_utc_ms) VALUES (1, ?) "
    "ON CONFLICT (number) DO UPDATE SET revoked_utc_ms = max(revoked_utc_ms, excluded.revoked_utc_ms)"
)
_RESERVATION = (
    "INSERT OR REPLACE INTO reservation (reservation_id, charge_point, connector, id_tag, parent_id_tag, "
    "expiry_utc_ms, state, requested_utc_ms, changed_utc_ms, requested_by, transaction_id) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_LOCAL_LIST = (
    "INSERT INTO local_list (charge_point, version, entries, changed_utc_ms, unsupported_firmware) "
    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (charge_point) DO UPDATE SET version = excluded.version, "
    "entries = excluded.entries, changed_utc_ms = excluded.changed_utc_ms, "
    "unsupported_firmware = excluded.unsupported_firmware"
)
_CACHE = (
    "INSERT INTO local_list (charge_point, cache_cleared_utc_ms) VALUES (?, ?) "
    "ON CONFLICT (charge_point) DO UPDATE SET cache_cleared_utc_ms = excluded.cache_cleared_utc_ms"
)
_MASK_EVENTS = (
    "UPDATE event SET body = json_set(body, '$.id_tag', ?) WHERE kind IN ('IdTagPresented', 'IdTagPut') "
    "AND lower(trim(json_extract(body, '$.id_tag'))) = ?"
)
_MASK_RESERVATIONS = (
    "UPDATE reservation SET id_tag = ? WHERE lower(trim(id_tag)) = ? "  # noqa: S608 - names of ours
    f"AND state NOT IN ('Requested', {', '.join(repr(state) for state in sorted(HOLDING))})"
)


def _put(fact: facts.IdTagPut) -> tuple[Statement, ...]:
    tag = fact.tag
    row = (
        key_of(tag.id_tag),
        tag.id_tag,
        tag.status,
        tag.expiry_utc_ms,
        tag.parent_id_tag,
        int(tag.single_transaction),
        tag.name,
        tag.note,
    )
    told = event(
        fact,
        None,
        id_tag=tag.id_tag,
        status=tag.status,
        expiry_utc_ms=tag.expiry_utc_ms,
        parent_id_tag=tag.parent_id_tag,
        by=fact.by,
        taught_at=fact.taught_at,
    )
    revoked = () if status_of(tag, fact.at.utc_ms) == "Accepted" else (Statement(_REVOKED, (fact.at.utc_ms,)),)
    return (Statement(_ID_TAG, row), *revoked, told)


def _removed(fact: facts.IdTagRemoved) -> tuple[Statement, ...]:
    key, shown = key_of(fact.id_tag), masked(fact.id_tag)
    return (
        Statement(_ID_TAG, (key, "", None, None, None, 0, None, None)),
        Statement(_REVOKED, (fact.at.utc_ms,)),
        event(fact, None, id_tag=shown, by=fact.by),
        Statement(_MASK_EVENTS, (shown, key)),
        Statement(_MASK_RESERVATIONS, (shown, key)),
    )


def _teach_in_opened(fact: facts.TeachInOpened) -> tuple[Statement, ...]:
    return (event(fact, fact.charge_point, seconds=fact.seconds, by=fact.by),)


def _teach_in_closed(fact: facts.TeachInClosed) -> tuple[Statement, ...]:
    return (event(fact, None, reason=fact.reason),)


def _reservation(reservation: Reservation) -> Statement:
    return Statement(
        _RESERVATION,
        (
            reservation.reservation_id,
            reservation.charge_point,
            reservation.connector,
            reservation.id_tag,
            reservation.parent_id_tag,
            reservation.expiry_utc_ms,
            reservation.state,
            reservation.requested_utc_ms,
            reservation.changed_utc_ms,
            reservation.by,
            reservation.transaction_id,
        ),
    )


def _reservation_moved(fact: facts.ReservationMade | facts.ReservationChanged) -> tuple[Statement, ...]:
    reservation = fact.reservation
    told = event(
        fact,
        reservation.charge_point,
        reservation_id=reservation.reservation_id,
        connector=reservation.connector,
        state=reservation.state,
        transaction_id=reservation.transaction_id,
    )
    return (_reservation(reservation), told)


def _passed_over(fact: facts.ReservationPassedOver) -> tuple[Statement, ...]:
    return (
        event(
            fact,
            fact.charge_point,
            connector=fact.connector,
            reservation_id=fact.reservation_id,
            transaction_id=fact.transaction_id,
        ),
    )


def _list_row(
    fact: facts.LocalListHeld | facts.LocalListRefused | facts.LocalListUnsupported,
    held: HeldList | None,
    unsupported_firmware: str | None,
) -> Statement:
    version = None if held is None else held.version
    entries = None if held is None else msgspec.json.encode(held.entries).decode()
    return Statement(_LOCAL_LIST, (fact.charge_point, version, entries, fact.at.utc_ms, unsupported_firmware))


def _list_held(fact: facts.LocalListHeld) -> tuple[Statement, ...]:
    told = event(fact, fact.charge_point, version=fact.held.version, entries=len(fact.held.entries))
    return (_list_row(fact, fact.held, None), told)


def _list_refused(fact: facts.LocalListRefused) -> tuple[Statement, ...]:
    return (_list_row(fact, None, None), event(fact, fact.charge_point, outcome=fact.outcome))


def _list_unsupported(fact: facts.LocalListUnsupported) -> tuple[Statement, ...]:
    told = event(fact, fact.charge_point, firmware_version=fact.firmware_version)
    return (_list_row(fact, None, fact.firmware_version), told)


def _cache_cleared(fact: facts.CacheCleared) -> tuple[Statement, ...]:
    return (Statement(_CACHE, (fact.charge_point, fact.at.utc_ms)), event(fact, fact.charge_point))


ROWS: dict[type[Fact], Callable[[Any], tuple[Statement, ...]]] = {
    facts.IdTagPut: _put,
    facts.IdTagRemoved: _removed,
    facts.TeachInOpened: _teach_in_opened,
    facts.TeachInClosed: _teach_in_closed,
    facts.ReservationMade: _reservation_moved,
    facts.ReservationChanged: _reservation_moved,
    facts.ReservationPassedOver: _passed_over,
    facts.LocalListHeld: _list_held,
    facts.LocalListRefused: _list_refused,
    facts.LocalListUnsupported: _list_unsupported,
    facts.CacheCleared: _cache_cleared,
}

STATEMENTS: tuple[str, ...] = (_ID_TAG, _REVOKED, _RESERVATION, _LOCAL_LIST, _CACHE)
"""This file's SQL, in the order in which a group is written."""

LAST: tuple[str, ...] = (_MASK_EVENTS, _MASK_RESERVATIONS)
"""What must find a group's own events and reservations written."""
